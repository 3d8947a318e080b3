// A dry run on small histories: every number counted by hand, and the checklist says exactly what a training then refuses.
import { expect, test } from 'vitest';
import { DEFAULT_CHURN, DEFAULT_CONTRACTUAL } from '#domain/churn-definition.ts';
import { UTC } from '#domain/time.ts';
import type { TrainingPlan } from '#processors/training/plan.ts';
import { trainModel } from '#processors/training/train-model.ts';
import { checkTraining } from '#processors/training/training-check.ts';
import { trainingRows } from '#processors/training/training-rows.ts';
import { createWriter, DAY, event, order, sidOf } from '../projections/memory/scenario.ts';
import { fixture } from '../support/histories.ts';
import { type LogInMemory, logOf, logOfCsv, storeOf } from '../support/log-store.ts';

const quiet = { progress: () => undefined, log: () => undefined };
const planOf = (log: LogInMemory, today: number, plan: Partial<TrainingPlan> = {}): TrainingPlan => ({
  kind: 'churn-logistic',
  definition: { ...DEFAULT_CHURN, horizonDays: 30 },
  cutoffs: 2,
  latenessDays: null,
  featureSet: 2,
  seed: 47,
  without: [],
  seq: log.seq,
  today,
  offsets: UTC,
  ledger: { reportingCurrency: 'EUR', maxCustomers: 1 << 13 },
  snapshotDir: null,
  ...plan,
});
const found = async (log: LogInMemory, plan: TrainingPlan) => {
  const checked = await checkTraining(log.store, plan, quiet);
  if (!checked.ok) throw new Error(checked.reason.message);
  const check = checked.value;
  const of = (item: string) => {
    const each = check.checklist.find((one) => one.item === item)!;
    return [each.asked, each.found, each.missing];
  };
  return { check, of };
};

const buyers = logOf([
  {
    ingestedAt: 0,
    backfill: true,
    events: [
      ...[0, 20, 65].map((day, i) => order('ann', `a${i}`, day, 1000)),
      ...[5].map((day, i) => order('bob', `b${i}`, day, 1000)),
      ...[10, 72].map((day, i) => order('cy', `c${i}`, day, 1000)),
      ...[95].map((day, i) => order('dan', `d${i}`, day, 1000)),
      event('eve', { type: 'customer.identified', day: 3, at: 3 * DAY }),
    ],
  },
]);

test('matured labels at each cut-off, who is left out and why, and what is missing', async () => {
  const { check, of } = await found(buyers, planOf(buyers, 100));
  // Cut-offs 70 and 40, thirty days apart. By day 70: ann (next after 65: never, lost), bob lost, cy back on 72.
  // By day 40: ann back on 65, bob lost, cy not within 30 days (72 > 70): lost.
  expect(check.cutoffs).toEqual([
    { at: '1970-03-12', eligible: 3, lost: 2, kept: 1, used: true },
    { at: '1970-02-10', eligible: 3, lost: 2, kept: 1, used: true },
  ]);
  expect(check.customers).toBe(5);
  expect(check.excluded).toEqual([{ reason: 'no purchase by 1970-03-12', customers: 2 }]);
  expect(of('history, against the horizon')).toEqual([31, 100, 0]);
  expect(of('customers with orders or subscriptions')).toEqual([500, 4, 496]);
  expect(of('history')).toEqual([180, 100, 80]);
  expect(of('lost, over all cut-offs')).toEqual([100, 4, 96]);
  expect(of('kept, over all cut-offs')).toEqual([100, 2, 98]);
  const parts = ['train', 'calibrate', 'test'].map((part) => of(`${part} rows: lost`)[1]!);
  // Each customer is judged once at the last cut-off, or learned from at the others.
  expect(parts.reduce((sum, n) => sum + n, 0)).toBeLessThanOrEqual(4);
  expect(check.ready).toBe(false);
  // Gaps 20 and 45 (ann), 62 (cy); silent since 95 (bob), 35 (ann), 28 (cy), 5 (dan).
  expect(check.windows).toEqual([
    { days: 14, silent: 3, returned: 2, rate: 2 / 3 },
    { days: 30, silent: 3, returned: 2, rate: 2 / 3 },
    { days: 45, silent: 2, returned: 1, rate: 1 / 2 },
  ]);
  expect(check.proposed).toBeNull();
});

test('who has not bought for long is not asked about where the definition says so', async () => {
  const { check } = await found(
    buyers,
    planOf(buyers, 100, { definition: { ...DEFAULT_CHURN, horizonDays: 30, activeWithinDays: 30 }, cutoffs: 1 }),
  );
  // On day 70 only ann (65) bought within 30 days; cy bought on day 10.
  expect(check.cutoffs).toEqual([{ at: '1970-03-12', eligible: 1, lost: 1, kept: 0, used: false }]);
  expect(check.excluded).toEqual([
    { reason: 'no purchase within 30 days of 1970-03-12', customers: 2 },
    { reason: 'no purchase by 1970-03-12', customers: 2 },
  ]);
  expect(check.cutoffs[0]!.eligible + check.excluded.reduce((sum, { customers }) => sum + customers, 0)).toBe(
    check.customers,
  );
});

test('who was erased after the position of the plan is in no fit, as if the log had never said otherwise', async () => {
  const erased = createWriter().fact({ type: 'customer.erased', sids: [sidOf('ann')], at: 1 });
  const log = storeOf([...buyers.messages, erased]);
  const rowsOf = async (seq: number, kind: TrainingPlan['kind']) => {
    const rows = await trainingRows(log.store, planOf({ ...log, seq }, 100, { kind }), quiet);
    return rows.ok ? rows.value : expect.fail(rows.reason.message);
  };
  for (const kind of ['churn-logistic', 'clv'] as const) {
    const since = await rowsOf(buyers.seq, kind);
    expect(since).toEqual(await rowsOf(log.seq, kind));
    const before = await trainingRows(buyers.store, planOf(buyers, 100, { kind }), quiet);
    expect(before.ok && before.value).not.toEqual(since);
  }
});

test('what was sent live only later was not known at the cut-off, and is counted as that', async () => {
  const late = logOf([{ ingestedAt: 99 * DAY, events: [order('ann', 'a', 0, 1000), order('bob', 'b', 3, 1000)] }]);
  const plan = planOf(late, 100, { latenessDays: 0, cutoffs: 1 });
  const { check } = await found(late, plan);
  expect(check.cutoffs).toEqual([{ at: '1970-03-12', eligible: 0, lost: 0, kept: 0, used: false }]);
  expect(check.excluded).toEqual([{ reason: 'known only after 1970-03-12', customers: 2 }]);
});

test('a horizon longer than the data: the checklist says how far, the training refuses by name', async () => {
  const plan = planOf(buyers, 100, { definition: { ...DEFAULT_CHURN, horizonDays: 120 } });
  const { check, of } = await found(buyers, plan);
  expect([check.ready, check.cutoffs]).toEqual([false, []]);
  expect(of('history, against the horizon')).toEqual([121, 100, 21]);
  const rows = await trainingRows(buyers.store, plan, quiet);
  expect(rows).toMatchObject({ ok: false, reason: { code: 'horizon-too-long' } });
  expect(!rows.ok && rows.reason.message).toMatch(/span 100 days .*; 99 days at most/);
  // What it calls the longest can be asked.
  const longest = { ...plan, definition: { ...plan.definition, horizonDays: 99 } };
  expect((await trainingRows(buyers.store, longest, quiet)).ok).toBe(true);
  expect((await found(buyers, longest)).of('history, against the horizon')[2]).toBe(0);
});

test('everybody lost at every cut-off: one class, with the counts', async () => {
  const log = logOf([
    {
      ingestedAt: 0,
      backfill: true,
      events: [order('ann', 'a', 0, 1000), order('bob', 'b', 3, 1000), order('late', 'l', 100, 1000)],
    },
  ]);
  const plan = planOf(log, 100);
  const rows = await trainingRows(log.store, plan, quiet);
  if (!rows.ok) throw new Error(rows.reason.message);
  expect(trainModel(rows.value, plan, quiet)).toMatchObject({
    ok: false,
    reason: {
      code: 'one-class',
      message: expect.stringContaining('2 of 2 lost after 1970-03-12, 2 of 2 lost after 1970-02-10'),
    },
  });
});

test('subscriptions: ends are counted, who never had one is left out', async () => {
  const mark = (id: string, type: 'subscription.started' | 'subscription.cancelled', day: number) =>
    event(id, { type, day, at: day * DAY });
  const log = logOf([
    {
      ingestedAt: 0,
      backfill: true,
      events: [
        mark('ann', 'subscription.started', 0),
        mark('ann', 'subscription.cancelled', 40),
        mark('bob', 'subscription.started', 50),
        order('cy', 'c', 10, 1000),
      ],
    },
  ]);
  const { check, of } = await found(log, planOf(log, 100, { kind: 'churn-cox', definition: DEFAULT_CONTRACTUAL }));
  expect(of('subscriptions that have ended')).toEqual([25, 1, 24]);
  expect(of('longest time under contract, against the horizon')).toEqual([30, 50, 0]);
  expect(check.excluded).toEqual([{ reason: 'never under contract', customers: 1 }]);
  expect(check.windows).toEqual([]);
  const none = logOf([{ ingestedAt: 0, backfill: true, events: [order('cy', 'c', 10, 1000)] }]);
  const refused = await trainingRows(none.store, planOf(none, 100, { definition: DEFAULT_CONTRACTUAL }), quiet);
  expect(refused).toMatchObject({
    ok: false,
    reason: { code: 'too-little-data', message: expect.stringMatching(/import them/) },
  });
});

test('value: repeat customers are counted; nobody who bought again is what a fit refuses', async () => {
  const plan = planOf(buyers, 100, { kind: 'clv' });
  const { check, of } = await found(buyers, plan);
  expect(of('customers who bought')).toEqual([10, 4, 6]);
  expect(of('customers who bought again')).toEqual([1, 2, 0]);
  expect([check.definition, check.ready]).toEqual([null, false]);
  expect(check.excluded).toEqual([{ reason: 'no-purchase', customers: 1 }]);
  const rows = await trainingRows(buyers.store, plan, quiet);
  if (!rows.ok) throw new Error(rows.reason.message);
  expect(trainModel(rows.value, plan, quiet)).toMatchObject({ ok: false, reason: { code: 'too-little-data' } });
});

test('ready means trained: on the self-made shop the checklist has the counts of the model’s own parts', async () => {
  const shop = logOfCsv(fixture('clv_transactions.csv'), { customer: 'customer_id', date: 'date', amount: 'amount' });
  // Half a year, so that enough of the judged fifth come back within it.
  const plan = planOf(shop, shop.today, { definition: { ...DEFAULT_CHURN, horizonDays: 180 }, cutoffs: 2 });
  const { check, of } = await found(shop, plan);
  expect(check.ready).toBe(true);
  const rows = await trainingRows(shop.store, plan, quiet);
  if (!rows.ok) throw new Error(rows.reason.message);
  const trained = trainModel(rows.value, plan, quiet);
  if (!trained.ok) throw new Error(trained.reason.message);
  const parts = trained.value.report.rows as Record<string, { n: number; lost: number }>;
  for (const [part, { n, lost }] of Object.entries(parts)) {
    expect(of(`${part} rows: lost`)[1]).toBe(lost);
    expect(of(`${part} rows: kept`)[1]).toBe(n - lost);
  }
  expect(check.windows.length).toBeGreaterThan(3);
  expect(check.proposed).not.toBeNull();
});
