// The past replayed and judged: published figures come out, a feature that knows the future is caught, what cannot be asked is refused.
import { describe, expect, test } from 'vitest';
import { DEFAULT_CHURN, DEFAULT_CONTRACTUAL } from '#domain/churn-definition.ts';
import { featureRow } from '#domain/churn-features.ts';
import { moneyWithin } from '#domain/features.ts';
import type { CustomerEntries } from '#domain/ledger.ts';
import { columnsOf } from '#domain/ledger-columns.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { createRates } from '#domain/rates.ts';
import { UTC } from '#domain/time.ts';
import { type Backtest, type BacktestPlan, backtest, type CutoffAnswer } from '#processors/backtest/backtest.ts';
import { type ChurnMetrics, churnCutoff } from '#processors/backtest/churn-cutoff.ts';
import { historyOf } from '#processors/backtest/holdout-rows.ts';
import { type ValueMetrics, valueCutoff } from '#processors/backtest/value-cutoff.ts';
import { knownLedgers } from '#processors/training/known-ledgers.ts';
import { ledgersOf } from '#processors/training/ledgers.ts';
import type { CalibrationGolden } from '../domain/models/golden-suites.ts';
import { createWriter, DAY, event, order, sidOf } from '../projections/memory/scenario.ts';
import { expectGolden } from '../support/backtest-golden.ts';
import { csvRows, dayOf, fixture, golden } from '../support/histories.ts';
import { type LogInMemory, logOf, logOfCsv, storeOf } from '../support/log-store.ts';
import { describeShared, sharedJson, sharedPath } from '../support/shared.ts';

interface Run {
  plan: BacktestPlan | null;
  refused: string | null;
  answers: CutoffAnswer[];
  notes: string[];
}
async function run(log: LogInMemory & { today: number }, job: Partial<Backtest>, judged?: ReadonlySet<number>) {
  const done: Run = { plan: null, refused: null, answers: [], notes: [] };
  const { seq, today } = log;
  const asked: Backtest = {
    model: 'clv',
    horizonDays: 273,
    cutoffs: { count: 1 },
    latenessDays: null,
    definitions: [],
    seed: 47,
    seq,
    today,
    offsets: UTC,
    ledger: { reportingCurrency: 'EUR', maxCustomers: 1 << 13 },
    snapshotDir: null,
    ...job,
  };
  const plan = await backtest(
    log.store,
    asked,
    {
      progress: (_done, _total, note) => void (done.notes.at(-1) === note || done.notes.push(note)),
      judged: (answer) => void done.answers.push(answer),
    },
    judged,
  );
  if (plan.ok) done.plan = plan.value;
  else done.refused = plan.reason;
  return done;
}
const metricsOfValue = (answer: CutoffAnswer | undefined): ValueMetrics => {
  if (!answer?.metrics || !('served' in answer.metrics)) throw new Error(JSON.stringify(answer));
  return answer.metrics;
};
const metricsOfChurn = (answer: CutoffAnswer | undefined): ChurnMetrics => {
  if (!answer?.metrics || 'served' in answer.metrics) throw new Error(JSON.stringify(answer));
  return answer.metrics;
};

const shop = logOfCsv(fixture('clv_transactions.csv'), { customer: 'customer_id', date: 'date', amount: 'amount' });

describe('the self-made shop', () => {
  test('39 weeks after 2024-09-30: fits, errors, classes and tracking are those of calibration_holdout.json (lifetimes 0.11.3)', async () => {
    const { answers } = await run(shop, { cutoffs: { days: [dayOf('2024-09-30')] } });
    const [answer] = answers;
    const metrics = metricsOfValue(answer);
    expectGolden(metrics, golden<CalibrationGolden>('calibration_holdout.json'));
    expect(answer!.leakage).toEqual({ checked: 200, differing: 0 });
    // The model of the shop is known, so its distributions must be right, and it must beat going on as before.
    expect(metrics.purchases.pit.p).toBeGreaterThan(0.01);
    expect(metrics.purchases.againstNaive.mae).toMatchObject({ probabilityAbove: 0 });
    expect(metrics.churn.model.auc!).toBeGreaterThan(metrics.churn.naive.auc!);
    const spend = metrics.spend!;
    expect(spend.pit.histogram!.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
    // An atom at 0 makes [p05, p95] cover more than 90 %.
    expect(spend.model.coverage!).toBeGreaterThan(0.9);
    expect(spend.model.pinball.map(({ level }) => level)).toEqual([0.05, 0.5, 0.95]);
  });

  test('several cut-offs are spread over what has come true, and one that was judged before is not judged again', async () => {
    const asked = { cutoffs: { count: 3 }, horizonDays: 90 };
    const { plan, answers } = await run(shop, asked);
    expect(plan!.days).toHaveLength(3);
    expect(plan!.days.at(-1)).toBe(shop.today - 90);
    expect(plan!.days[1]! - plan!.days[0]!).toBe(90);
    expect(answers.map(({ day }) => day)).toEqual(plan!.days);
    const again = await run(shop, asked, new Set(plan!.days.slice(0, 2)));
    expect(again.answers).toEqual(answers.slice(2));
  });

  test('one model alone has its own fit and the naive forecast beside', async () => {
    const { answers } = await run(shop, { model: 'pareto-nbd', horizonDays: 90 });
    const { served, fits, purchases } = metricsOfValue(answers[0]);
    expect(served).toBe('pareto-nbd');
    expect(fits.map(({ model }) => model)).toEqual(['pareto-nbd']);
    expect(Object.keys(purchases.models)).toEqual(['pareto-nbd', 'naive']);
  });

  test('a classifier is trained on moments before each cut-off and judged beside the rate of before and a plain rule', async () => {
    const { answers } = await run(shop, { model: { churn: DEFAULT_CHURN }, horizonDays: 90, cutoffs: { count: 2 } });
    expect(answers).toHaveLength(2);
    for (const answer of answers) {
      const { models, customers, lost } = metricsOfChurn(answer);
      const verdict = models['churn-logistic']!;
      expect(answer.leakage).toMatchObject({ differing: 0 });
      expect(verdict.model.n).toBe(customers);
      expect(verdict.model.prevalence).toBeCloseTo(lost / customers, 12);
      expect(verdict.model.auc!).toBeGreaterThan(verdict.naive.auc! - 0.02);
      expect(verdict.model.brier!).toBeLessThan(verdict.naive.brier!);
      expect(verdict.model).not.toHaveProperty('roc');
    }
  });
});

describe('who was erased after the position of the job', () => {
  const asked: Partial<Backtest>[] = [
    { cutoffs: { days: [dayOf('2024-09-30')] }, horizonDays: 90, model: 'clv' },
    { cutoffs: { count: 1 }, horizonDays: 90, model: { churn: DEFAULT_CHURN } },
  ];
  test.each(asked)('is in no fit and no verdict: $model', async (job) => {
    const everybody = new Set(csvRows(fixture('clv_transactions.csv')).map(({ customer_id }) => customer_id!));
    const sids = [...everybody].filter((_, n) => n % 20 === 0).map(sidOf);
    const { store } = storeOf([...shop.messages, createWriter().fact({ type: 'customer.erased', sids, at: 1 })]);
    const { seq, today } = shop;
    const before = await run(shop, job);
    const since = await run({ store, seq, today }, job);
    // As if the erasure had been there from the start.
    const within = await run({ store, seq: seq + 1, today }, job);
    expect(since.answers).toEqual(within.answers);
    for (const { answers } of [before, since]) expect(answers[0]).not.toHaveProperty('reason');
    expect(since.answers).not.toEqual(before.answers);
  });
});

describe('the leakage probe', () => {
  const day = dayOf('2024-09-30');
  const options = { reportingCurrency: 'EUR', maxCustomers: 1 << 13 };
  const ledgers = async () => {
    const [known, settled] = await knownLedgers(
      shop.store,
      shop.seq,
      [(day + 1) * DAY - 1, Number.POSITIVE_INFINITY],
      options,
    );
    return { known: known!, settled: ledgersOf(settled!) };
  };
  const question = { model: 'clv', day, horizonDays: 90, definitions: [], seed: 47 } as const;

  test('finds a history that counts orders of later days', async () => {
    const { known, settled } = await ledgers();
    // Deliberately wrong: T and frequency are of the day asked about, the money of all days there are.
    const leaking: typeof historyOf = (entries, at, context) => {
      const honest = historyOf(entries, at, context);
      const last = entries.orders.at(-1);
      return honest && last ? { ...honest, monetaryValue: last.minor } : honest;
    };
    const caught = valueCutoff(question, known, settled, leaking);
    expect(caught.ok && caught.value.leakage).toEqual({ checked: 200, differing: 200 });
    const honest = valueCutoff(question, known, settled);
    expect(honest.ok && honest.value.leakage).toEqual({ checked: 200, differing: 0 });
  });

  test('finds a feature that sees refunds to come', async () => {
    const { known, settled } = await ledgers();
    const leaking: typeof featureRow = (entries, at, context) => ({
      ...featureRow(entries, at, context),
      refunds: columnsOf(entries).refunds.count,
    });
    const asked = { definition: DEFAULT_CHURN, day, latenessDays: 0, seed: 47 };
    const days = [day, day - 90];
    const [earlier] = await knownLedgers(shop.store, shop.seq, [(day - 89) * DAY - 1], options);
    const knownOn = (each: number) => ledgersOf(each === day ? known : earlier!);
    const caught = await churnCutoff(asked, days, knownOn, settled, leaking);
    expect(caught.ok && caught.value.leakage).toEqual({ checked: 200, differing: 200 });
    const honest = await churnCutoff(asked, days, knownOn, settled);
    expect(honest.ok && honest.value.leakage).toEqual({ checked: 200, differing: 0 });
  });

  test('rows that count another population than the fit stop the backtest', async () => {
    const { known, settled } = await ledgers();
    const blind: typeof historyOf = (entries, at, context) =>
      entries.orders.length > 5 ? null : historyOf(entries, at, context);
    expect(() => valueCutoff(question, known, settled, blind)).toThrow(/counts what was not known at the cut-off/);
  });
});

test('money that came is that of the days in (from, to], refunds known by then taken off', () => {
  const context = { rates: createRates('EUR') };
  context.rates.set(0, { USD: '0.5' });
  const placed = (key: string, day: number, minor: number | null, currency = 'EUR') => ({
    key: key.padStart(16, '0'),
    day,
    minor,
    currency: minor === null ? null : currency,
    revision: 0,
    channel: null,
  });
  const entries: CustomerEntries = {
    sid: 'aa',
    linked: [],
    erased: false,
    anonymous: false,
    seq: 1,
    orders: [placed('1', 10, 900), placed('2', 100, 50), placed('3', 101, 700), placed('4', 101, 300, 'USD')],
    refunds: [{ ...placed('a', 120, 200), orderKey: placed('3', 0, 0).key }],
    activities: [],
    subscriptions: [],
    consents: [],
    attributes: [],
  };
  expect(moneyWithin(entries, 100, 110, context)).toBe(700 + 150);
  expect(moneyWithin(entries, 100, 120, context)).toBe(500 + 150);
  expect(moneyWithin(entries, 99, 101, context)).toBe(50 + 700 + 150);
  expect(moneyWithin(entries, 101, 200, context)).toBe(0);
  // The refund without a name takes the latest order of its amount: a day inside, or one before.
  const unnamed = { ...entries, refunds: [{ ...placed('b', 105, 700), orderKey: null }] };
  expect(moneyWithin(unnamed, 100, 110, context)).toBe(150);
  const dollars = { ...entries, orders: [...entries.orders, placed('5', 102, 100, 'JPY')] };
  expect(moneyWithin(dollars, 100, 110, context)).toBeNull();
});

describe('what cannot be asked', () => {
  test('a horizon longer than the data says how long they are and which horizon they allow', async () => {
    const { refused } = await run(shop, { horizonDays: 3650 });
    expect(refused).toBe(
      'a horizon of 3650 days is longer than the data allow: the data span 545 days (2024-01-01 to 2025-06-29); 363 days at most',
    );
    expect((await run(shop, { horizonDays: 363 })).refused).toBeNull();
    expect((await run(shop, { horizonDays: 364 })).refused).toContain('363 days at most');
  });
  test('a cut-off whose horizon is not over, or before the data', async () => {
    const days = [dayOf('2025-06-01')];
    expect((await run(shop, { cutoffs: { days }, horizonDays: 90 })).refused).toBe(
      '90 days after 2025-06-01 are not over: the data end on 2025-06-29; cut on 2025-03-31 at the latest, or shorten the horizon',
    );
    expect((await run(shop, { cutoffs: { days: [dayOf('2024-01-01')] } })).refused).toContain('cut later');
  });
  test('too few repeat customers: the cut-off says so and has no figures', async () => {
    const events = Array.from({ length: 30 }, (_, i) => order(`c${i}`, `o${i}`, i, 500));
    const log = logOf([{ ingestedAt: 0, events, backfill: true }]);
    const { answers } = await run({ ...log, today: 200 }, { cutoffs: { days: [100] }, horizonDays: 90 });
    expect(answers).toEqual([
      { day: 100, leakage: null, metrics: null, reason: expect.stringMatching(/BG\/NBD: nobody bought again/) },
    ]);
  });
  test('subscriptions without any, and an empty log', async () => {
    const churn = { model: { churn: DEFAULT_CONTRACTUAL }, horizonDays: 30 };
    expect((await run(shop, churn)).refused).toContain('there are no subscriptions');
    expect((await run({ ...logOf([]), today: 0 }, {})).refused).toContain('there are no purchases');
  });
});

test('live input leaves a week for what comes late, and what came late was not known', async () => {
  const orders = Array.from({ length: 200 }, (_, i) =>
    [0, 40, 80, 130].map((day) => order(`c${i}`, `${i}-${day}`, day + (i % 7), 500)),
  ).flat();
  const late = Array.from({ length: 50 }, (_, i) => order(`c${i}`, `late-${i}`, 60, 500));
  const log = logOf([
    { ingestedAt: 90 * DAY, events: orders.filter(({ day }) => day <= 90) },
    { ingestedAt: 120 * DAY, events: late },
    { ingestedAt: 140 * DAY, events: orders.filter(({ day }) => day > 90) },
  ]);
  const { plan, answers } = await run({ ...log, today: 140 }, { cutoffs: { days: [100] }, horizonDays: 33 });
  expect(plan).toMatchObject({ latenessDays: 7 });
  const { byFrequency } = metricsOfValue(answers[0]).purchases;
  // The late purchases happened before the cut-off and were told after it: nobody had a fourth one then.
  expect(byFrequency.map(({ x, n }) => [x, n])).toEqual([[2, 200]]);
});

test('times under contract: classifier and Cox model at a cut-off, beside the rate of before', async () => {
  const { uniform } = createRandom(11);
  const events = Array.from({ length: 3_000 }, (_, i) => {
    const id = `s${i}`;
    const plan = uniform() < 0.5 ? 'monthly' : 'yearly';
    const start = Math.floor(uniform() * 300);
    const end = start + 1 + Math.floor(-Math.log(uniform()) * (plan === 'monthly' ? 90 : 400));
    const mark = (type: 'subscription.started' | 'subscription.cancelled', day: number) => ({
      ...order(id, id, day, 900),
      type,
      name: plan,
    });
    return end > 400
      ? [mark('subscription.started', start)]
      : [mark('subscription.started', start), mark('subscription.cancelled', end)];
  }).flat();
  const last = event('s0', { type: 'customer.identified', day: 400, at: 400 * DAY });
  const log = logOf([{ ingestedAt: 0, events: [...events, last], backfill: true }]);
  const { answers, plan } = await run(
    { ...log, today: 400 },
    { model: { churn: DEFAULT_CONTRACTUAL }, horizonDays: 30 },
  );
  expect(plan!.days).toEqual([370]);
  const { models, undefined: why } = metricsOfChurn(answers[0]);
  expect(why).toEqual({});
  for (const name of ['churn-logistic', 'churn-cox'] as const) {
    const { model, naive } = models[name]!;
    expect(model.auc!, name).toBeGreaterThan(0.55);
    expect(model.brier!, name).toBeLessThan(naive.brier!);
  }
});

const SHARED = [
  ['CDNOW', 'cdnow', 'cdnow_sample_transactions.csv', 'customer_id', '1997-09-30', 273],
  ['grocery', 'grocery', 'grocery_transactions.csv', 'cust', '2006-12-31', 365],
] as const;
for (const [title, name, file, customer, at, horizonDays] of SHARED)
  describeShared(`${title} replayed`, [`data/${file}`, `golden/calibration_holdout_${name}.json`], () => {
    test(`fits, errors, classes and tracking are those of calibration_holdout_${name}.json (lifetimes 0.11.3)`, async () => {
      const log = logOfCsv(sharedPath('data', file), { customer, date: 'date' });
      const { answers, plan } = await run(log, { cutoffs: { days: [dayOf(at)] }, horizonDays });
      expectGolden(metricsOfValue(answers[0]), sharedJson('golden', `calibration_holdout_${name}.json`));
      // Grocery's log ends a day before the year is over: that day counts as without purchases.
      expect(plan!.beyond).toBe(name === 'grocery' ? 1 : 0);
    });
  });
