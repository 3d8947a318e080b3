// The leakage probe of a backtest: for some customers the row that was used is computed again with everything after the cut-off taken away, with
// what really came, and with things made up. One row that moves with the future makes every figure of the backtest worthless.
import { canonicalJson } from '#domain/canonical-json.ts';
import { type CustomerEntries, compareText, type OrderEntry, SUBSCRIPTION_STEPS } from '#domain/ledger.ts';
import { createRandom } from '#domain/numerics/random.ts';
import type { Ledgers } from '../training/churn-rows.ts';

export interface Leakage {
  checked: number;
  differing: number;
}

/** Customers looked at per cut-off. */
const SAMPLE = 200;

/**
 * @param rowOf the function the rows were made by.
 * @param used the row of each customer as the models got it, by sid.
 */
export function probeLeakage(
  rowOf: (entries: CustomerEntries, day: number, context: Ledgers['context']) => unknown,
  used: { sid: readonly string[]; row(i: number): unknown },
  day: number,
  known: Ledgers,
  settled: Ledgers,
  seed: number,
): Leakage {
  const text = (entries: CustomerEntries): string => canonicalJson(rowOf(entries, day, known.context));
  let differing = 0;
  const chosen = sampleOf(used.sid.length, SAMPLE, seed);
  for (const i of chosen) {
    const entries = known.of(used.sid[i]!);
    const later = settled.of(used.sid[i]!);
    if (entries === null || later === null) throw new Error('a judged customer is in no ledger');
    const past = within(entries, (each) => each <= day);
    const came = within(later, (each) => each > day);
    const row = canonicalJson(used.row(i));
    const worlds = [past, joined(past, came), joined(entries, invented(entries, day))];
    if (worlds.some((world) => text(world) !== row)) differing++;
  }
  return { checked: chosen.length, differing };
}

/** `wanted` different positions of `n`, ascending; all of them when there are no more. Deterministic in the seed (Floyd's draw). */
export function sampleOf(n: number, wanted: number, seed: number): number[] {
  if (n <= wanted) return Array.from({ length: n }, (_, i) => i);
  const { below } = createRandom(seed);
  const chosen = new Set<number>();
  for (let i = n - wanted; i < n; i++) {
    const at = below(i + 1);
    chosen.add(chosen.has(at) ? i : at);
  }
  return [...chosen].sort((a, b) => a - b);
}

type Dated = Pick<CustomerEntries, 'orders' | 'refunds' | 'activities' | 'subscriptions' | 'attributes'>;

const within = (entries: CustomerEntries, holds: (day: number) => boolean): CustomerEntries => {
  const keep = <T extends { day: number }>(list: readonly T[]): T[] => list.filter((each) => holds(each.day));
  return {
    ...entries,
    orders: keep(entries.orders),
    refunds: keep(entries.refunds),
    activities: keep(entries.activities),
    subscriptions: keep(entries.subscriptions),
    attributes: keep(entries.attributes),
  };
};

/** Both, every list in its canonical order. */
function joined(past: CustomerEntries, future: Dated): CustomerEntries {
  const byKey = (a: { day: number; key: string }, b: { day: number; key: string }) =>
    a.day - b.day || compareText(a.key, b.key);
  const stepOf = (step: (typeof SUBSCRIPTION_STEPS)[number]) => SUBSCRIPTION_STEPS.indexOf(step);
  return {
    ...past,
    orders: [...past.orders, ...future.orders].sort(byKey),
    refunds: [...past.refunds, ...future.refunds].sort(byKey),
    activities: [...past.activities, ...future.activities].sort((a, b) => a.day - b.day || compareText(a.kind, b.kind)),
    subscriptions: [...past.subscriptions, ...future.subscriptions].sort(
      (a, b) => byKey(a, b) || stepOf(a.step) - stepOf(b.step),
    ),
    attributes: [...past.attributes, ...future.attributes].sort((a, b) => compareText(a.name, b.name) || a.day - b.day),
  };
}

/** The day after the cut-off: orders, refunds that name an order and that name none, activity, ends of subscriptions, other attributes. */
function invented(entries: CustomerEntries, cutoff: number): Dated {
  const day = cutoff + 1;
  const last: OrderEntry | undefined = entries.orders.at(-1);
  const order = { day, minor: 123_456, currency: last?.currency ?? null, revision: 0, channel: 'of the future' };
  const refund = { day, minor: last?.minor ?? null, currency: last?.currency ?? null, revision: 0 };
  return {
    orders: [
      { ...order, key: 'fffffffffffffffe', minor: last?.minor ?? null, channel: last?.channel ?? null },
      { ...order, key: 'ffffffffffffffff' },
    ],
    refunds: last
      ? [
          { ...refund, key: 'fffffffffffffffe', orderKey: last.key },
          { ...refund, key: 'ffffffffffffffff', orderKey: null },
        ]
      : [],
    activities: [...new Set(['probe', ...entries.activities.map(({ kind }) => kind)])].map((kind) => ({
      day,
      kind,
      count: 1000,
    })),
    subscriptions: entries.subscriptions.map((each) => ({ ...each, day, step: 'cancelled', revision: 0 })),
    attributes: [...new Set(entries.attributes.map(({ name }) => name))].map((name) => ({
      name,
      day,
      at: day * 86_400_000,
      value: 'of the future',
    })),
  };
}
