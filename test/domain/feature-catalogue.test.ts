// The catalogue of features: values worked out by hand on one small ledger, definitions that stay, sets that stay, and nothing that knows the future.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  CATALOGUE,
  checkPins,
  FEATURE_SETS,
  type FeatureRow,
  featureRow,
  featureSet,
  pinOf,
} from '#domain/churn-features.ts';
import type { CustomerEntries, SubscriptionEntry } from '#domain/ledger.ts';
import { parseChurnModel, pinsOf } from '#domain/models/churn-model.ts';
import { createRates } from '#domain/rates.ts';

const key = (n: number) => n.toString(16).padStart(16, '0');
const order = (n: number, day: number, minor: number, channel: string | null = null) => ({
  key: key(n),
  day,
  minor,
  currency: 'EUR',
  revision: 0,
  channel,
});
const mark = (n: number, day: number, step: SubscriptionEntry['step'], plan: string | null, minor: number | null) => ({
  ...order(n, day, minor ?? 0),
  minor,
  step,
  plan,
});
const eur = { rates: createRates('EUR') };
/** Day 1000 is Wednesday, 27 September 1972. */
const DAY = 1000;
const LEDGER: CustomerEntries = {
  sid: '00',
  linked: [],
  erased: false,
  anonymous: false,
  seq: 1,
  // Tuesday in Q3, Saturday in Q2, Monday and Friday in Q3.
  orders: [order(1, 600, 1000), order(2, 905, 2000), order(3, 935, 3000), order(4, 995, 4000)],
  refunds: [{ ...order(9, 998, 1000), orderKey: key(4) }],
  activities: [
    { day: 800, kind: 'visit', count: 9 },
    { day: 920, kind: 'payment_failed', count: 1 },
    { day: 950, kind: 'visit', count: 2 },
    { day: 990, kind: 'support_ticket', count: 1 },
    { day: 990, kind: 'visit', count: 4 },
  ],
  subscriptions: [
    mark(20, 700, 'started', 'basic', 1000),
    mark(20, 730, 'renewed', null, null),
    mark(20, 760, 'renewed', 'pro', 1500),
    mark(20, 800, 'cancelled', null, null),
    mark(21, 850, 'started', 'pro', 1500),
  ],
  consents: [],
  attributes: [{ name: 'vip', day: 900, at: 0, value: true }],
};

describe('by hand, on day 1000', () => {
  const FIRST = {
    frequency: 3,
    recency_days: 5,
    age_days: 400,
    mean_gap_days: 395 / 3,
    gap_ratio: 5 / (395 / 3),
    purchases_30d: 1,
    purchases_90d: 2,
    purchases_365d: 3,
    purchase_trend: Math.log(3 / 2),
    // The repeat days: 2000, 3000, and 4000 of which 1000 came back.
    spend_per_purchase: (8000 / 3) * 0.01,
    refunds: 1,
    activities_30d: 5,
    activities_90d: 8,
    days_since_activity: 10,
    subscription_tenure_days: 150,
    subscriptions: 2,
    renewals: 0,
    subscription_price: 15,
    plan: 'pro',
    'attribute:vip': 'true',
  };
  test('the first set, which models trained before read: bit for bit', () => {
    expect(featureRow(LEDGER, DAY, eur, 1)).toEqual(FIRST);
  });

  const SECOND = {
    ...FIRST,
    last_gap_days: 60,
    longest_gap_days: 305,
    silence_over_longest_gap: 5 / 305,
    // Python: statistics.pstdev over statistics.mean of 305, 30, 60.
    gap_variation: expect.closeTo(0.9355106945266775, 12),
    // Python: log((f + 1/365) / (s + 1/365)), f and s the sums of 2^(-age/h) ln2/h over ages 400, 95, 65, 5.
    purchase_trend: expect.closeTo(0.8696084372810055, 12),
    spend_90d: 60,
    spend_365d: 80,
    spend_share_90d: 0.75,
    purchases_year_ago_90d: 0,
    same_quarter_share: 0.75,
    weekend_share: 0.25,
    active_days_90d: 3,
    activity_kinds_90d: 3,
    top_activity_share_90d: 0.75,
    activity_trend: Math.log(6 / 2.5),
    support_contacts_90d: 1,
    failed_payments_90d: 1,
    refunds_90d: 1,
    refunded_share: 0.1,
    ended_subscriptions: 1,
    subscription_price_ratio: 1,
    plan_changes: 1,
  };

  test('what the second set adds, and the one it means anew', () => {
    const row = featureRow(LEDGER, DAY, eur, 2);
    expect(row).toEqual(SECOND);
    expect(Object.keys(row).filter((name) => !name.startsWith('attribute:'))).toEqual(
      featureSet(2)!.features.map(({ name }) => name),
    );
  });

  test('what the third set adds: worth and activity of late in decayed windows, and whether a subscription runs', () => {
    const row = featureRow(LEDGER, DAY, eur, 3);
    expect(row).toEqual({
      ...SECOND,
      // Python: sums of 2^(-age/h) m over sums of 2^(-age/h), ages 400, 95, 65, 5 of 10, 20, 30 and 40 less the 10 that came back, h 60 over h 360.
      spend_per_purchase_trend: expect.closeTo(1.1448643953490842, 12),
      // Python: log((f + 12/365) / (s + 12/365)), f and s the sums of count 2^(-age/h) ln2/h over ages 200, 80, 50, 10, 10, h 14 and 90.
      activity_trend: expect.closeTo(0.6777628180111462, 12),
      subscription_active: 1,
    });
    expect(featureSet(3)!.features.map(pinOf)).toContain('activity_trend@2');
    // Cancelled on day 800, begun again on 850.
    expect(featureRow(LEDGER, 820, eur, 3)).toMatchObject({ subscription_active: 0 });
    expect(featureRow(LEDGER, 500, eur, 3)).toMatchObject({
      spend_per_purchase_trend: null,
      activity_trend: 0,
      subscription_active: null,
    });
    // All of the money came back.
    const refunded = {
      ...LEDGER,
      refunds: LEDGER.orders.map((each, i) => ({ ...each, key: key(30 + i), orderKey: each.key })),
    };
    expect(featureRow(refunded, DAY, eur, 3).spend_per_purchase_trend).toBeNull();
  });

  test('whichever order came first, the values have the same bits: columns of orders are in no order', () => {
    const order4 = fc.tuple(
      fc.integer({ min: 1, max: 999 }),
      fc.integer({ min: 1, max: 99_999 }),
      fc.constantFrom(null, 'web', 'shop'),
    );
    const lists = fc
      .array(order4, { maxLength: 12 })
      .map((bought) => bought.map(([day, minor, channel], n) => order(100 + n, day, minor, channel)))
      .chain((orders) => fc.tuple(fc.constant(orders), fc.shuffledSubarray(orders, { minLength: orders.length })));
    const rowOf = (orders: typeof LEDGER.orders) => featureRow({ ...LEDGER, orders, refunds: [] }, DAY, eur, 4);
    fc.assert(
      fc.property(lists, ([orders, others]) => {
        expect(rowOf(others)).toEqual(rowOf(orders));
      }),
    );
  });

  test('what the fourth set adds: the mix of channels, of the orders that name one', () => {
    const names = ['channels_365d', 'top_channel_share', 'channel_changed', 'last_channel'];
    const unknown = { channels_365d: null, top_channel_share: null, channel_changed: null, last_channel: null };
    expect(featureRow(LEDGER, DAY, eur, 4)).toEqual({ ...featureRow(LEDGER, DAY, eur, 3), ...unknown });
    const orders = [
      order(1, 600, 1000, 'store'),
      order(2, 600, 1, 'store'),
      order(3, 905, 2000, 'web'),
      order(4, 935, 3000, null),
      order(5, 940, 3000, 'web'),
      order(6, 995, 4000, 'app'),
      order(7, 995, 4000, 'web'),
      order(8, 995, 4000, 'app'),
      order(9, 999, 4000, null),
    ];
    const on = (day: number) => {
      const [row, reversed] = [orders, orders.toReversed()].map((each) =>
        featureRow({ ...LEDGER, orders: each }, day, eur, 4),
      ) as [FeatureRow, FeatureRow];
      // Whatever their order in the ledger.
      for (const name of names) expect(reversed[name]).toBe(row[name]);
      return names.map((name) => row[name]);
    };
    expect(on(599)).toEqual([null, null, null, null]);
    expect(on(600)).toEqual([1, 1, null, 'store']);
    // By the web after two in the store, and again.
    expect(on(905)).toEqual([2, 2 / 3, 1, 'web']);
    expect(on(940)).toEqual([2, 2 / 4, 1, 'web']);
    // Day 600 is a year and more ago. Two by the app on the last day, none before it.
    expect(on(DAY)).toEqual([2, 3 / 7, 1, 'app']);
    expect(on(1_305)).toEqual([2, 3 / 7, 1, 'app']);
    expect(on(995 + 365)).toEqual([null, 3 / 7, 1, 'app']);
    // As many by each on the last day: the greater name, by which as many came before as by the store.
    const even = orders.filter(({ key: own }) => own !== key(8));
    expect(featureRow({ ...LEDGER, orders: even }, DAY, eur, 4)).toMatchObject({
      last_channel: 'web',
      channel_changed: 0,
    });
  });

  test('while the first subscription ran: its price over its first, its renewals', () => {
    const row = featureRow(LEDGER, 790, eur, 2);
    expect(row).toMatchObject({ subscription_price_ratio: 1.5, renewals: 2, ended_subscriptions: 0, plan: 'pro' });
  });
});

describe('definitions', () => {
  test('a pin names one definition; a set holds a name once; what it holds is in the catalogue', () => {
    const pins = CATALOGUE.map(pinOf);
    expect(new Set(pins).size).toBe(pins.length);
    for (const { features } of FEATURE_SETS) {
      expect(new Set(features.map(({ name }) => name)).size).toBe(features.length);
      for (const feature of features) expect(CATALOGUE).toContain(feature);
    }
    expect(featureSet(1)!.features.map(pinOf)).toContain('purchase_trend@1');
    expect(featureSet(2)!.features.map(pinOf)).toContain('purchase_trend@2');
  });

  test('values keep to type, range and null rule, and nothing after the day moves them, for any ledger', () => {
    const day = fc.integer({ min: 0, max: 2000 });
    const channel = fc.constantFrom(null, 'web', 'app');
    const orders = fc.uniqueArray(fc.tuple(day, fc.integer({ min: 0, max: 100_000 }), channel), {
      maxLength: 12,
      selector: ([d]) => d,
    });
    const acts = fc.array(
      fc.record({
        day,
        kind: fc.constantFrom('visit', 'ticket', 'payment_failed'),
        count: fc.integer({ min: 1, max: 9 }),
      }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(orders, acts, day, (bought, activities, on) => {
        const entries: CustomerEntries = {
          ...LEDGER,
          orders: bought.map(([d, minor, by], i) => order(i + 1, d, minor, by)).sort((a, b) => a.day - b.day),
          activities: [...activities].sort((a, b) => a.day - b.day),
        };
        const past: CustomerEntries = {
          ...entries,
          orders: entries.orders.filter((each) => each.day <= on),
          refunds: entries.refunds.filter((each) => each.day <= on),
          activities: entries.activities.filter((each) => each.day <= on),
          subscriptions: entries.subscriptions.filter((each) => each.day <= on),
          attributes: entries.attributes.filter((each) => each.day <= on),
        };
        for (const { version, features } of FEATURE_SETS) {
          const row = featureRow(entries, on, eur, version);
          expect(row).toEqual(featureRow(past, on, eur, version));
          for (const { name, dtype, range, nulls } of features) {
            const value = row[name]!;
            if (value === null) expect(nulls, name).not.toBeNull();
            else if (dtype === 'text') expect(typeof value, name).toBe('string');
            else {
              expect(Number.isFinite(value), name).toBe(true);
              expect(value, name).toBeGreaterThanOrEqual(range[0] ?? Number.NEGATIVE_INFINITY);
              expect(value, name).toBeLessThanOrEqual(range[1] ?? Number.POSITIVE_INFINITY);
            }
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('pins of a model', () => {
  const cox = (version: number, features?: string[]) => ({
    model: 'churn-cox',
    definition: { kind: 'contractual', horizonDays: 30, graceDays: 0, activeWithinDays: null },
    featureSet: { name: 'customer', version },
    ...(features && { features }),
    encoding: [{ column: 'plan', kind: 'categorical', levels: ['basic', 'pro'] }],
    cox: {
      coefficients: [{ name: 'plan=pro', coef: 0.5 }],
      means: [0.5],
      baseline: [{ time: [10], cumulativeHazard: [0.1] }],
    },
    followUpDays: 100,
  });

  test('are those its columns have in its set', () => {
    expect(pinsOf(1, [{ column: 'purchase_trend' }, { column: 'attribute:vip' }])).toEqual(['purchase_trend@1']);
    expect(pinsOf(2, [{ column: 'purchase_trend' }])).toEqual(['purchase_trend@2']);
  });

  test('an unknown version is refused by name; models from before pins were written down are read', () => {
    expect(parseChurnModel(cox(1)).ok).toBe(true);
    expect(parseChurnModel(cox(1, ['plan@1'])).ok).toBe(true);
    const newer = parseChurnModel(cox(2, ['plan@7']));
    expect(newer).toEqual({ ok: false, reason: 'the feature plan@7 is not in the set customer@2; there is plan@1' });
    const other = checkPins(featureSet(1)!, ['purchase_trend@2']);
    expect(other).toMatchObject({ ok: false, reason: expect.stringContaining('purchase_trend@1, purchase_trend@2') });
  });
});
