// Which order a refund lowers (facts §6). Computed for a day asked about, never stored: a later order cannot change an old answer.
import { byDayAndKey, type Documents } from './documents.ts';

/** What matching writes; part of `Purchases`. */
export interface Matching {
  /** Refund documents up to the day, and those that named no order but found one of the same amount. */
  refunds: number;
  matchedRefunds: number;
  /** By position in the orders: what is left of the order (in: its amount; NaN = no money). */
  left: Float64Array;
  /** By position in the refunds: what lowered no order (NaN = no money, or after the day asked about). */
  unmatched: Float64Array;
}

/**
 * Lowers `out.left` by the refunds up to `day` (facts §6): first those that name an order, up to what is left of it;
 * then the others, by (day, key), each the latest order of the same currency and exactly the same amount, not later than
 * the refund and not refunded yet. Returns the positions of the refunds with money, by (day, key).
 */
export function matchRefunds(orders: Documents, refunds: Documents, day: number, out: Matching): number[] {
  if (out.unmatched.length < refunds.count) out.unmatched = new Float64Array(refunds.day.length);
  out.unmatched.fill(Number.NaN, 0, refunds.count);
  const sorted: number[] = [];
  for (let r = 0; r < refunds.count; r++) {
    if (refunds.day[r]! > day) continue;
    out.refunds++;
    if (refunds.minor[r]! > 0) {
      out.unmatched[r] = refunds.minor[r]!;
      sorted.push(r);
    }
  }
  sorted.sort(byDayAndKey(refunds));
  const touched = new Uint8Array(orders.count);
  const named = sorted.filter((r) => refunds.named[r] === 1);
  if (named.length > 0) {
    const byKey = new Map<bigint, number>();
    for (let o = 0; o < orders.count; o++)
      if (orders.day[o]! <= day) byKey.set(key64(orders.keyHigh[o]!, orders.keyLow[o]!), o);
    for (const r of named) {
      const o = byKey.get(key64(refunds.orderHigh[r]!, refunds.orderLow[r]!));
      if (o === undefined || orders.currency[o] !== refunds.currency[r] || !(out.left[o]! > 0)) continue;
      const lowered = Math.min(out.left[o]!, out.unmatched[r]!);
      out.left[o] = out.left[o]! - lowered;
      out.unmatched[r] = out.unmatched[r]! - lowered;
      touched[o] = 1;
    }
  }
  if (named.length < sorted.length) {
    matchByAmount(
      orders,
      refunds,
      sorted.filter((r) => refunds.named[r] === 0),
      touched,
      day,
      out,
    );
  }
  return sorted;
}

function matchByAmount(
  orders: Documents,
  refunds: Documents,
  unnamed: number[],
  touched: Uint8Array,
  day: number,
  out: Matching,
): void {
  const free: number[] = [];
  for (let o = 0; o < orders.count; o++)
    if (touched[o] === 0 && orders.day[o]! <= day && orders.minor[o]! > 0) free.push(o);
  const laterLast = byDayAndKey(orders);
  const byAmount = (a: number, b: number) =>
    orders.currency[a]! - orders.currency[b]! || orders.minor[a]! - orders.minor[b]! || laterLast(a, b);
  free.sort(byAmount);
  // below[p + 1] = nearest position ≤ p that is still free, plus one (0 = none): union-find with path halving.
  const below = Int32Array.from({ length: free.length + 1 }, (_, p) => p);
  const nearest = (p: number): number => {
    let at = p;
    while (below[at] !== at) {
      below[at] = below[below[at]!]!;
      at = below[at]!;
    }
    return at;
  };
  for (const r of unnamed) {
    let low = 0;
    let high = free.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const o = free[middle]!;
      const before =
        orders.currency[o]! - refunds.currency[r]! ||
        orders.minor[o]! - refunds.minor[r]! ||
        orders.day[o]! - refunds.day[r]!;
      if (before <= 0) low = middle + 1;
      else high = middle;
    }
    const position = nearest(low);
    const o = free[position - 1];
    if (o === undefined || orders.currency[o] !== refunds.currency[r] || orders.minor[o] !== refunds.minor[r]) continue;
    below[position] = position - 1;
    out.left[o] = 0;
    out.unmatched[r] = 0;
    out.matchedRefunds++;
  }
}

const key64 = (high: number, low: number): bigint => (BigInt(high) << 32n) | BigInt(low);
