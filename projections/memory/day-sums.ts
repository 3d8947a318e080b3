// Customers with many orders: what each of their days came to, kept beside the columns, so that one more document is added to a day instead of all of
// them being read, sorted and matched again (65 µs at 200 documents a customer, 2 µs so). Only what a document cannot change is continued: whether it
// may, because a refund and an order of the same amount could belong together (facts §6), a Bloom filter answers, which errs on the side of reading all
// again (Bloom, CACM 13(7), 1970). A cache: nothing of it is saved, and whatever else happens to a customer takes theirs away.
import type { Documents } from '#domain/documents.ts';
import type { Purchases } from '#domain/purchases.ts';

/** Documents from which on reading them all costs more than keeping this. */
const FROM = 32;
/** Of everybody, bytes; the longest kept go first. Some 10,000 customers with 600 documents on as many days. */
const MOST_BYTES = 96 << 20;

interface Kept {
  /** Purchase days, ascending, and what is left of their orders after refunds, minor units: up to `count`. */
  days: Int32Array;
  sums: Float64Array;
  count: number;
  /** Σ of the sums. */
  gross: number;
  /** Amounts of the orders: each refund asks. */
  ordered: Filter;
  /** Amounts of the refunds that name no order, and keys of the orders that the others name: each order asks, so it must seldom be wrong. */
  refunded: Filter;
}

interface Filter {
  /** Bits, a power of two of them. */
  words: Uint32Array;
  /** How many may still be noted. */
  room: number;
}
const HASHES = 3;
/** Bits for each that is noted at most: one in 30 is found that is not there, and one in 1,500. */
const ORDERED_BITS = 8;
const REFUNDED_BITS = 32;
const AMOUNT = 1;
const KEY = 2;

export class DaySums {
  readonly #kept = new Map<number, Kept>();
  readonly #mostBytes: number;
  readonly #from: number;
  #bytes = 0;

  constructor({ from = FROM, mostBytes = MOST_BYTES }: { from?: number; mostBytes?: number } = {}) {
    this.#from = from;
    this.#mostBytes = mostBytes;
  }

  has(row: number): boolean {
    return this.#kept.size > 0 && this.#kept.has(row);
  }

  forget(row: number): void {
    const kept = this.#kept.size > 0 ? this.#kept.get(row) : undefined;
    if (kept === undefined) return;
    this.#bytes -= bytesOf(kept);
    this.#kept.delete(row);
  }

  /** All documents of a customer and what was counted of them; money is of one currency, and none of it negative. */
  keep(row: number, orders: Documents, refunds: Documents, { days, eachDay, eachSum }: Purchases): void {
    this.forget(row);
    const documents = orders.count + refunds.count;
    if (documents < this.#from) return;
    const capacity = days + (days >> 2) + 4;
    const kept: Kept = {
      days: new Int32Array(capacity),
      sums: new Float64Array(capacity),
      count: days,
      gross: 0,
      ordered: filterFor(orders.count * 2, ORDERED_BITS),
      refunded: filterFor(refunds.count * 2 + 8, REFUNDED_BITS),
    };
    kept.days.set(eachDay.subarray(0, days));
    kept.sums.set(eachSum.subarray(0, days));
    for (let i = 0; i < days; i++) kept.gross += eachSum[i]!;
    for (let i = 0; i < orders.count; i++) if (orders.minor[i]! > 0) noteAmount(kept.ordered, orders.minor[i]!);
    for (let i = 0; i < refunds.count; i++) {
      if (refunds.named[i] === 1) note(kept.refunded, KEY, refunds.orderHigh[i]!, refunds.orderLow[i]!);
      else if (refunds.minor[i]! > 0) noteAmount(kept.refunded, refunds.minor[i]!);
    }
    this.#kept.set(row, kept);
    this.#bytes += bytesOf(kept);
    for (const first of this.#kept.keys()) {
      if (this.#bytes <= this.#mostBytes) break;
      this.forget(first);
    }
  }

  /**
   * One more order of a customer that is kept, on top of `p`: their purchases without it. False: all of them have to be read, and `p` holds nothing.
   * @param minor minor units; NaN = no money. @param high @param low halves of the order's key.
   */
  addOrder(row: number, day: number, minor: number, high: number, low: number, p: Purchases): boolean {
    const kept = this.#kept.get(row)!;
    const amount = minor > 0 ? minor : 0;
    if (amount > 0) {
      if (hasAmount(kept.refunded, amount) || has(kept.refunded, KEY, high, low)) return false;
      if (!noteAmount(kept.ordered, amount)) return false;
    }
    const at = placeOf(kept, day);
    if (at === kept.count || kept.days[at] !== day) {
      this.#insert(kept, at, day);
      p.days++;
      // The first day until now becomes one of those after the first.
      if (at === 0 && kept.count > 1 && kept.sums[1]! > 0) {
        p.moneyDays++;
        p.moneyMinor += kept.sums[1]!;
      }
    }
    if (amount > 0) {
      if (at > 0) {
        if (kept.sums[at] === 0) p.moneyDays++;
        p.moneyMinor += amount;
      }
      kept.sums[at] = kept.sums[at]! + amount;
      kept.gross += amount;
      p.netMinor += amount;
    }
    p.orders++;
    p.firstDay = kept.days[0]!;
    p.lastDay = kept.days[kept.count - 1]!;
    return kept.gross <= Number.MAX_SAFE_INTEGER;
  }

  /** One more refund that names no order, as `addOrder`; orders of the same batch come before it. */
  addRefund(row: number, minor: number, p: Purchases): boolean {
    const kept = this.#kept.get(row)!;
    if (!(minor > 0)) return true;
    if (hasAmount(kept.ordered, minor) || !noteAmount(kept.refunded, minor)) return false;
    p.netMinor -= minor;
    return p.netMinor >= Number.MIN_SAFE_INTEGER;
  }

  #insert(kept: Kept, at: number, day: number): void {
    if (kept.count === kept.days.length) {
      this.#bytes -= bytesOf(kept);
      const capacity = kept.count + (kept.count >> 2) + 4;
      const [days, sums] = [new Int32Array(capacity), new Float64Array(capacity)];
      days.set(kept.days);
      sums.set(kept.sums);
      kept.days = days;
      kept.sums = sums;
      this.#bytes += bytesOf(kept);
    }
    kept.days.copyWithin(at + 1, at, kept.count);
    kept.sums.copyWithin(at + 1, at, kept.count);
    kept.days[at] = day;
    kept.sums[at] = 0;
    kept.count++;
  }
}

const bytesOf = ({ days, sums, ordered, refunded }: Kept): number =>
  500 + days.byteLength + sums.byteLength + ordered.words.byteLength + refunded.words.byteLength;

/** Of the first day that is not before `day`. */
function placeOf({ days, count }: Kept, day: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (days[middle]! < day) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The finaliser of MurmurHash3 (Appleby) over three numbers. */
function hash(kind: number, high: number, low: number): number {
  let z = (low ^ Math.imul(high ^ Math.imul(kind, 0x27d4_eb2f), 0x9e37_79b9)) | 0;
  z = Math.imul(z ^ (z >>> 16), 0x85eb_ca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2_ae35);
  return z ^ (z >>> 16);
}
const filterFor = (room: number, bits: number): Filter => ({
  words: new Uint32Array(2 ** Math.ceil(Math.log2(Math.max(32, room * bits))) / 32),
  room,
});
/** False when it is full. */
function note(filter: Filter, kind: number, high: number, low: number): boolean {
  const { words } = filter;
  const first = hash(kind, high, low);
  const step = Math.imul(first, 0x9e37_79b1) | 1;
  const mask = words.length * 32 - 1;
  for (let i = 0; i < HASHES; i++) {
    const bit = (first + Math.imul(i, step)) & mask;
    words[bit >>> 5] = words[bit >>> 5]! | (1 << (bit & 31));
  }
  return filter.room-- > 0;
}
function has({ words }: Filter, kind: number, high: number, low: number): boolean {
  const first = hash(kind, high, low);
  const step = Math.imul(first, 0x9e37_79b1) | 1;
  const mask = words.length * 32 - 1;
  for (let i = 0; i < HASHES; i++) {
    const bit = (first + Math.imul(i, step)) & mask;
    if ((words[bit >>> 5]! & (1 << (bit & 31))) === 0) return false;
  }
  return true;
}
const TWO_32 = 4_294_967_296;
const noteAmount = (filter: Filter, minor: number): boolean =>
  note(filter, AMOUNT, Math.floor(minor / TWO_32), minor % TWO_32);
const hasAmount = (filter: Filter, minor: number): boolean =>
  has(filter, AMOUNT, Math.floor(minor / TWO_32), minor % TWO_32);
