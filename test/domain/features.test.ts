import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { features } from '#domain/features.ts';
import type { CustomerEntries, DocumentEntry, OrderEntry, RefundEntry } from '#domain/ledger.ts';
import { createRates } from '#domain/rates.ts';
import { subscriptionIntervals } from '#domain/subscriptions.ts';

const key = (n: number) => n.toString(16).padStart(16, '0');
const order = (n: number, day: number, minor: number | null, currency: string | null = 'EUR'): OrderEntry => ({
  key: key(n),
  day,
  minor,
  currency: minor === null ? null : currency,
  revision: 0,
  channel: null,
});
const refund = (n: number, day: number, minor: number | null, of: number | null = null, c = 'EUR'): RefundEntry => ({
  ...order(n, day, minor, c),
  orderKey: of === null ? null : key(of),
});
const ledger = (orders: OrderEntry[], refunds: RefundEntry[] = []): CustomerEntries => ({
  sid: '00',
  linked: [],
  erased: false,
  anonymous: false,
  seq: 1,
  orders,
  refunds,
  activities: [],
  subscriptions: [],
  consents: [],
  attributes: [],
});
const eur = { rates: createRates('EUR') };

describe('features(ledger, D)', () => {
  test('orders of one day are one purchase; a purchase without money or worth 0 counts for frequency, not for money', () => {
    const f = features(
      ledger([order(1, 10, 500), order(2, 10, 700), order(3, 14, null), order(4, 20, 0), order(5, 24, 300)]),
      30,
      eur,
    );
    expect(f).toMatchObject({ firstDay: 10, lastDay: 24, frequency: 3, recencyDays: 14, ageDays: 20, orders: 5 });
    expect(f).toMatchObject({ moneyDays: 1, moneyMinor: 300, netMinor: 1500, currency: 'EUR', noRate: false });
  });

  test('a customer before the first purchase has counts of 0 and no days', () => {
    const f = features(ledger([order(1, 10, 500)]), 9, eur);
    expect(f).toMatchObject({ firstDay: null, lastDay: null, frequency: 0, recencyDays: 0, ageDays: 0, orders: 0 });
  });

  test('a refund lowers money from its own day on, and never removes a purchase day', () => {
    const entries = ledger([order(1, 10, 500), order(2, 20, 700)], [refund(9, 25, 700)]);
    expect(features(entries, 24, eur)).toMatchObject({ frequency: 1, moneyDays: 1, moneyMinor: 700, netMinor: 1200 });
    expect(features(entries, 25, eur)).toMatchObject({ frequency: 1, moneyDays: 0, moneyMinor: 0, netMinor: 500 });
  });

  test('a named refund lowers its order up to what is left; the rest lowers net revenue only', () => {
    const entries = ledger(
      [order(1, 10, 500), order(2, 20, 700), order(3, 30, 700)],
      [refund(8, 31, 600, 2), refund(9, 32, 600, 2), refund(7, 33, 50, 99)],
    );
    const f = features(entries, 40, eur);
    expect(f).toMatchObject({ moneyDays: 1, moneyMinor: 700, netMinor: 1900 - 1250, matchedRefunds: 0 });
    expect(f.totals).toEqual([{ currency: 'EUR', gross: 1900, refunds: 1250, matched: 700, net: 650 }]);
  });

  test('an unnamed refund takes the latest order of exactly its amount and currency, not later than itself, not refunded yet', () => {
    const orders = [order(1, 10, 700), order(2, 20, 700), order(3, 22, 700, 'USD'), order(4, 40, 700)];
    const f = features(ledger(orders, [refund(8, 30, 700), refund(9, 31, 700), refund(7, 32, 700)]), 50, eur);
    expect(f).toMatchObject({ matchedRefunds: 2, noRate: true });
    expect(f.totals.map((t) => [t.currency, t.net])).toEqual([
      ['EUR', 0],
      ['USD', 700],
    ]);
  });

  test('money is converted at the rate of its day, rounded half-even once a day-sum; without a rate it is refused', () => {
    const rates = createRates('EUR');
    rates.set(0, { USD: '0.5', JPY: '0.0055' });
    rates.set(20, { USD: '0.25' });
    // Day 19: 101 · 0.5 = 50.5 and 1 · 0.5 = .5 make 51 exactly; rounding each would give 50. Day 20: 10 · 0.25 = 2.5 → 2. Day 21: ¥300 = €1.65.
    const orders = [order(1, 10, 4), order(2, 19, 101, 'USD'), order(3, 19, 1, 'USD'), order(4, 20, 10, 'USD')];
    const f = features(ledger([...orders, order(5, 21, 300, 'JPY')]), 30, { rates });
    expect(f).toMatchObject({ moneyDays: 3, moneyMinor: 51 + 2 + 165, netMinor: 222, currency: 'EUR', noRate: false });
    const refused = features(ledger([order(1, 1, 4, 'USD'), order(2, 2, 6, 'USD')]), 30, eur);
    expect(refused).toMatchObject({ noRate: true, moneyDays: 0, moneyMinor: 0, netMinor: 10, currency: 'USD' });
    const mixed = features(ledger([order(1, 1, 4, 'USD'), order(2, 2, 6, 'GBP')]), 30, eur);
    expect(mixed).toMatchObject({ noRate: true, netMinor: 0, currency: null, frequency: 1 });
  });

  test('money beyond the exact integers is refused like money without a rate; purchases still count', () => {
    const huge = Number.MAX_SAFE_INTEGER;
    const rates = createRates('EUR');
    rates.set(0, { USD: '1.08' });
    for (const entries of [
      ledger([order(1, 10, 100), order(2, 20, huge), order(3, 30, huge - 1)]),
      ledger([order(1, 10, 100), order(2, 20, huge, 'USD')]),
      ledger([order(1, 10, 100)], [refund(2, 20, huge), refund(3, 20, huge)]),
    ]) {
      const seen = features(entries, 40, { rates });
      expect(seen).toMatchObject({ noRate: true, moneyDays: 0, moneyMinor: 0, netMinor: 0, currency: null });
      expect(seen.frequency).toBe(entries.orders.length - 1);
    }
  });

  test('a rate that is no positive decimal is refused', () => {
    expect(() => createRates('EUR').set(0, { USD: '1e3' })).toThrow(/USD is not a positive decimal/);
    expect(() => createRates('EUR').set(0, { USD: '0' })).toThrow(RangeError);
  });

  test('activities up to the day, by kind, with windows that include the day itself', () => {
    const entries = ledger([]);
    entries.activities = [
      { day: 1, kind: 'login', count: 2 },
      { day: 94, kind: 'login', count: 3 },
      { day: 101, kind: 'login', count: 9 },
      { day: 100, kind: 'a', count: 1 },
    ];
    expect(features(entries, 100, eur).activities).toEqual([
      { kind: 'a', count: 1, days: 1, lastDay: 100, count7: 1, count30: 1, count90: 1 },
      { kind: 'login', count: 5, days: 2, lastDay: 94, count7: 3, count30: 3, count90: 3 },
    ]);
  });

  test('subscription intervals: started and renewed open or continue, cancelled ends', () => {
    const mark = (day: number, step: 'started' | 'renewed' | 'cancelled', n = 1) => ({
      ...order(n, day, 100),
      step,
      plan: 'gold',
    });
    const marks = [mark(40, 'started'), mark(10, 'started'), mark(20, 'renewed'), mark(30, 'cancelled')];
    expect(subscriptionIntervals(marks, 50).map((i) => [i.startDay, i.endDay, i.renewals])).toEqual([
      [10, 30, 1],
      [40, null, 0],
    ]);
    const entries = ledger([]);
    entries.subscriptions = marks;
    expect(features(entries, 35, eur).subscription).toMatchObject({ active: false, tenureDays: 20 });
    expect(features(entries, 50, eur).subscription).toMatchObject({ active: true, tenureDays: 10 });
  });
});

/** Refund matching as facts §6 words it, by plain search. */
function plainNet(orders: OrderEntry[], refunds: RefundEntry[], day: number) {
  const byDay = <T extends DocumentEntry>(list: T[]) =>
    list
      .filter((e) => e.day <= day)
      .sort((a, b) => a.day - b.day || (a.key < b.key ? -1 : 1))
      .map((e) => ({ ...e, left: e.minor ?? 0, hit: false }));
  const os = byDay(orders);
  const rs = byDay(refunds);
  for (const r of rs) {
    const o = os.find((candidate) => candidate.key === r.orderKey && candidate.currency === r.currency);
    if (!o || o.left === 0 || r.left === 0) continue;
    const lowered = Math.min(o.left, r.left);
    o.left -= lowered;
    r.left -= lowered;
    o.hit = true;
  }
  for (const r of rs) {
    if (r.orderKey !== null || r.left === 0) continue;
    const o = os.findLast((c) => !c.hit && c.minor === r.minor && c.currency === r.currency && c.day <= r.day);
    if (!o) continue;
    o.hit = true;
    o.left = r.left = 0;
  }
  const days = new Map<number, number>();
  for (const o of os) days.set(o.day, (days.get(o.day) ?? 0) + o.left);
  const repeat = [...days.values()].slice(1).filter((net) => net > 0);
  const unmatched = rs.reduce((s, r) => s + r.left, 0);
  return {
    frequency: Math.max(0, days.size - 1),
    moneyDays: repeat.length,
    moneyMinor: repeat.reduce((s, net) => s + net, 0),
    netMinor: [...days.values()].reduce((s, net) => s + net, 0) - unmatched,
  };
}

test('features equal the plain wording of facts §6, for entries in any order', () => {
  const entry = fc.record({
    day: fc.integer({ min: 0, max: 12 }),
    minor: fc.option(fc.integer({ min: 0, max: 3 }), { nil: null, freq: 6 }),
    of: fc.option(fc.integer({ min: 0, max: 20 }), { nil: null }),
  });
  const lists = fc.tuple(fc.array(entry, { maxLength: 70 }), fc.array(entry, { maxLength: 20 }), fc.integer());
  fc.assert(
    fc.property(lists, fc.integer({ min: -1, max: 13 }), ([o, r, seed], day) => {
      const orders = o.map((e, i) => order(i, e.day, e.minor));
      const refunds = r.map((e, i) => refund(1000 + i, e.day, e.minor, e.of));
      const shuffled = ledger(shuffle(orders, seed), shuffle(refunds, seed + 1));
      expect(features(shuffled, day, eur)).toMatchObject(plainNet(orders, refunds, day));
      expect(features(shuffled, day, eur)).toEqual(features(ledger(orders, refunds), day, eur));
    }),
    { numRuns: 400 },
  );
});

function shuffle<T>(list: T[], seed: number): T[] {
  const weight = (i: number) => Math.imul(i + 1, 0x9e3779b1 ^ seed) >>> 0;
  return list
    .map((value, i) => ({ value, at: weight(i) }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}
