// Versions judged by what came after they were made: nobody of it was learned from, so everybody is asked, the version itself answers, and its figures
// are those counted by hand.
import { expect, test } from 'vitest';
import { DEFAULT_CHURN, DEFAULT_CONTRACTUAL } from '#domain/churn-definition.ts';
import { predictChurnBy } from '#domain/models/churn-model.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import { scoreMetrics } from '#domain/models/metrics.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { UTC } from '#domain/time.ts';
import type { ChurnEvaluation } from '#processors/evaluation/churn.ts';
import { evaluate } from '#processors/evaluation/evaluate.ts';
import { churnPairs } from '#processors/evaluation/pairs.ts';
import type { EvaluatedModel, EvaluationPlan } from '#processors/evaluation/plan.ts';
import type { ValueEvaluation } from '#processors/evaluation/value.ts';
import { fitClv } from '#processors/training/fit-clv.ts';
import { ledgersOf } from '#processors/training/ledgers.ts';
import type { TrainingPlan } from '#processors/training/plan.ts';
import { DIVISION } from '#processors/training/train-churn.ts';
import { trainModel } from '#processors/training/train-model.ts';
import { settledAt, trainingRows } from '#processors/training/training-rows.ts';
import { trainingStatistics } from '#projections/memory/training-statistics.ts';
import { DAY, event, hex, order, sidOf } from '../projections/memory/scenario.ts';
import { expectClose } from '../support/close.ts';
import { csvRows, dayOf, fixture } from '../support/histories.ts';
import { type Batch, logOf } from '../support/log-store.ts';

const MADE = dayOf('2024-09-30');
const quiet = { progress: () => undefined, log: () => undefined };
const ledger = { reportingCurrency: 'EUR', maxCustomers: 1 << 13 };

// The self-made shop: its past is imported, a model is made, and then it goes on, week by week as it is lived.
const rows = csvRows(fixture('clv_transactions.csv')).map((row, i) => ({
  customer: row.customer_id!,
  event: order(row.customer_id!, String(i), dayOf(row.date!), Math.round(Number(row.amount) * 100)),
}));
const events = rows.map(({ event }) => event);
const weeks = Map.groupBy(
  events.filter(({ day }) => day > MADE),
  ({ day }) => Math.ceil(day / 7) * 7,
);
const lived = Array.from(weeks, ([day, week]): Batch => ({ ingestedAt: day * DAY, events: week }));
lived.sort((a, b) => a.ingestedAt - b.ingestedAt);
const imported: Batch = { ingestedAt: MADE * DAY, events: events.filter(({ day }) => day <= MADE), backfill: true };
const past = logOf([imported]);
const log = logOf([imported, ...lived]);
const today = events.reduce((last, { day }) => Math.max(last, day), 0);

const training: TrainingPlan = {
  kind: 'churn-logistic',
  definition: DEFAULT_CHURN,
  cutoffs: 2,
  latenessDays: null,
  featureSet: 1,
  seed: 47,
  without: [],
  seq: past.seq,
  today: MADE,
  offsets: UTC,
  ledger,
  snapshotDir: null,
};
const asked = (question: EvaluationPlan['question'], version: EvaluatedModel, day: number | null): EvaluationPlan => ({
  question,
  models: [version],
  definition: DEFAULT_CHURN,
  horizonDays: 90,
  day,
  offer: null,
  segment: null,
  latenessDays: null,
  definitions: [],
  seed: 47,
  seq: log.seq,
  today,
  offsets: UTC,
  ledger,
  snapshotDir: null,
});
async function judged<T>(plan: EvaluationPlan): Promise<T & { cutoff: string; latenessDays: number }> {
  const found = await evaluate(log.store, plan, quiet);
  if (!found.ok) throw new Error(found.reason.message);
  return found.value as never;
}

test('a classifier, once its labels have matured: realised, on everybody it could be asked about', async () => {
  const learned = await trainingRows(past.store, training, quiet);
  if (!learned.ok) throw new Error(learned.reason.message);
  const trained = trainModel(learned.value, training, quiet);
  if (!trained.ok || trained.value.model.model !== 'churn-logistic') throw new Error('no classifier');
  const { model } = trained.value;
  const version = {
    id: 'churn@1',
    model,
    learnedUntil: MADE,
    seed: 47,
    division: DIVISION,
    cutoffs: [MADE - 180, MADE - 90],
  };

  const realised = await judged<ChurnEvaluation>(asked('churn', version, null));
  // Live events may come late: the last moment whose ninety days, and a week more, are over.
  const day = today - 90 - 7;
  expect([realised.latenessDays, dayOf(realised.cutoff)]).toEqual([7, day]);
  expect(day).toBeGreaterThan(MADE);
  expect([realised.models[0]!.basis, realised.rows.leftOut]).toEqual(['realised', {}]);
  // By hand: who had come by then, as it was known then, and who came again within ninety days.
  const known = log.seq - lived.filter(({ ingestedAt }) => ingestedAt > (day + 1) * DAY - 1).length;
  const { ledgers } = await settledAt(log.store, { ...training, seq: known, today: day }, quiet);
  const scored = Array.from(ledgers.customers(), (entries) => {
    const said = predictChurnBy(model, entries, day, { ...ledgers.context, leftTruncated: false });
    if (!said.ok) throw new Error(said.reason.message);
    return { sid: entries.sid, score: said.value.pChurn };
  });
  const settled = ledgersOf((await settledAt(log.store, { ...training, seq: log.seq, today }, quiet)).ledger);
  const labelled = scored.map(({ sid, score }) => {
    const came = settled.of(sid)!.orders.some((each) => each.day > day && each.day <= day + 90);
    return { score, lost: came ? 0 : 1 };
  });
  const [lost, kept] = [labelled.filter((each) => each.lost === 1), labelled.filter((each) => each.lost === 0)];
  expect(realised.rows).toMatchObject({ n: scored.length, lost: lost.length });
  let above = 0;
  for (const a of lost) for (const b of kept) above += a.score > b.score ? 1 : a.score === b.score ? 0.5 : 0;
  const { metrics } = realised.models[0]!;
  expectClose(metrics.auc!, above / (lost.length * kept.length), 1e-12);
  const brier = labelled.reduce((sum, each) => sum + (each.score - each.lost) ** 2, 0) / labelled.length;
  expectClose(metrics.brier!, brier, 1e-12);

  // Of a moment it has seen it is judged by those it never learned from.
  const seen = await judged<ChurnEvaluation>(asked('churn', version, MADE - 90));
  expect(seen.models[0]!.basis).toBe('held-out');
  expect(seen.rows.leftOut['learned-from']).toBeGreaterThan(seen.rows.n);
  // Divided by another rule: nobody can tell whom it learned from.
  const otherwise = await judged<ChurnEvaluation>(asked('churn', { ...version, division: 1 }, MADE - 90));
  expect([otherwise.models[0]!.basis, otherwise.rows.leftOut]).toEqual(['window-unknown', {}]);
});

test('every pair has calibration error and profit from the same draws: byte-equal again, by the offer told or that of the gates', () => {
  const random = createRandom(5);
  const n = 300;
  const right = Float64Array.from({ length: n }, () => random.beta(1, 3));
  const label = Float64Array.from(right, (p) => (random.uniform() < p ? 1 : 0));
  const high = right.map((p) => Math.min(1, p + 0.2));
  const scores = [['churn@1', right] as const, ['churn@2', high] as const];
  const found = churnPairs(label, scores, null, 47);
  expect(found.map(({ metric, better }) => [metric, better])).toEqual([
    ['brier', 'lower'],
    ['logLoss', 'lower'],
    ['auc', 'higher'],
    ['eceBeyondChance', 'lower'],
    ['profit', 'higher'],
  ]);
  expect(JSON.stringify(churnPairs(label, scores, null, 47))).toBe(JSON.stringify(found));
  const [, , , ece, profit] = found;
  const metrics = [right, high].map((score) => scoreMetrics({ label, score }));
  const [first, second] = metrics.map((each) => each.ece! - each.eceByChance!);
  expectClose(ece!.value!.first, first!, 1e-12);
  expectClose(ece!.value!.second, second!, 1e-12);
  // It says a fifth too much of everybody.
  expect(ece!.value!.lower).toBeGreaterThan(0.05);
  expect(profit!.offer).toEqual({ cost: 1, benefit: 10 });
  // By hand: who is reached of those at a tenth and above; of a half and above by another offer.
  const brought = (score: Float64Array, cost: number, benefit: number) =>
    score.reduce((sum, p, i) => sum + (p * benefit >= cost ? benefit * label[i]! - cost : 0), 0) / n;
  expectClose(profit!.value!.difference, brought(high, 1, 10) - brought(right, 1, 10), 1e-12);
  const other = churnPairs(label, scores, { cost: 30, benefit: 60 }, 47)[4]!;
  expect(other.offer).toEqual({ cost: 30, benefit: 60 });
  expectClose(other.value!.difference, brought(high, 30, 60) - brought(right, 30, 60), 1e-12);
});

test('a Cox model: explained by what its curve loses, which is counted once more from single predictions', async () => {
  const random = createRandom(21);
  const contract = { ...DEFAULT_CONTRACTUAL, graceDays: 0 };
  const begun = MADE - 400;
  const marks = Array.from({ length: 600 }, (_, i) => {
    const plan = i % 3 === 0 ? 'monthly' : 'yearly';
    const start = begun + random.below(380);
    const stays = Math.ceil(-Math.log(random.uniform()) * (plan === 'monthly' ? 90 : 400));
    const of = (type: 'subscription.started' | 'subscription.cancelled', day: number) =>
      event(`s ${i}`, {
        type,
        orderHash: sidOf(`contract ${i}`).slice(0, 8),
        day,
        name: plan,
        minor: 900 + (i % 7) * 100,
        currency: 'EUR',
      });
    const end = start + stays;
    return [of('subscription.started', start), ...(end <= MADE + 40 ? [of('subscription.cancelled', end)] : [])];
  }).flat();
  const subscribers = logOf([{ ingestedAt: (MADE + 40) * DAY, events: marks, backfill: true }]);
  const plan = { ...training, kind: 'churn-cox' as const, definition: contract, seq: subscribers.seq };
  const learned = await trainingRows(subscribers.store, plan, quiet);
  if (!learned.ok) throw new Error(learned.reason.message);
  const trained = trainModel(learned.value, plan, quiet);
  if (!trained.ok || trained.value.model.model !== 'churn-cox') throw new Error('no Cox model');
  const { model } = trained.value;
  const question: EvaluationPlan = {
    ...asked('churn', { id: 'cox@1', model, learnedUntil: MADE, seed: 47, division: DIVISION, cutoffs: [] }, MADE),
    definition: contract,
    horizonDays: contract.horizonDays,
    definitions: [contract],
    seq: subscribers.seq,
    today: MADE + 40,
    latenessDays: 0,
  };
  const found = await evaluate(subscribers.store, question, quiet);
  if (!found.ok) throw new Error(found.reason.message);
  const { models, rows } = found.value as unknown as ChurnEvaluation;
  const { importance, dependence, basis } = models[0]!;
  expect([basis, importance!.measure, importance!.rows]).toEqual(['realised', 'integrated-brier', rows.n]);

  const { ledgers } = await settledAt(subscribers.store, { ...plan, today: MADE }, quiet);
  const judgedRows: { pLost(days: number): number | null; end: number }[] = [];
  const atHorizon: number[] = [];
  for (const entries of ledgers.customers()) {
    const end = marks.find(({ type, sid }) => type === 'subscription.cancelled' && hex(sid) === entries.sid)?.day;
    const pLost = (days: number) => {
      const said = predictChurnBy(model, entries, MADE, { ...ledgers.context, leftTruncated: false }, days);
      return said.ok ? said.value.pChurn : null;
    };
    // Gone already, or under contract for longer than anybody was seen to be.
    if (pLost(contract.horizonDays) === null) continue;
    atHorizon.push(pLost(contract.horizonDays)!);
    judgedRows.push({ pLost, end: end === undefined ? Number.POSITIVE_INFINITY : end - MADE });
  }
  // The days on which contracts ended, and the thirtieth.
  const days = new Set([...judgedRows.flatMap(({ end }) => (end <= 30 ? [end] : [])), 30]);
  expect(days.size).toBeGreaterThan(15);
  const count = judgedRows.length;
  let sum = 0;
  for (const { pLost, end } of judgedRows) for (const day of days) sum += ((end <= day ? 1 : 0) - pLost(day)!) ** 2;
  expect(count).toBe(rows.n);
  expectClose(importance!.loss, sum / (days.size * count), 1e-12, 'integrated Brier');
  const [first, second] = importance!.importances;
  expect([first!.feature, first!.exact]).toEqual(['plan', true]);
  expect(first!.importance).toBeGreaterThan(second!.importance);
  const byPlan = dependence.find(({ feature }) => feature === 'plan')!;
  expect(byPlan.grid).toEqual(['monthly', 'yearly']);
  expect(byPlan.mean[0]).toBeGreaterThan(byPlan.mean[1]!);
  // Everybody has one of the two, so the mean of what is foretold lies between.
  const mean = atHorizon.reduce((total, p) => total + p, 0) / count;
  expect(mean).toBeGreaterThan(byPlan.mean[1]!);
  expect(mean).toBeLessThan(byPlan.mean[0]!);
});

test('a value model: realised by its own parameters, refitted where it has seen what came', async () => {
  const { ledger: then } = await settledAt(past.store, { ...training, kind: 'clv' }, quiet);
  const fitted = fitClv(trainingStatistics(then, MADE), 'week');
  if (!fitted.ok) throw new Error(fitted.reason);
  const model: ClvModel = fitted.value.model;
  const version = { id: 'clv@1', model, learnedUntil: MADE, seed: 0, division: null, cutoffs: [] };
  const paramsOf = ({ models: [first] }: ValueEvaluation) => [first!.basis, first!.params];
  expect(paramsOf(await judged<ValueEvaluation>(asked('value', version, MADE)))).toEqual(['realised', model.bgNbd]);
  const [basis, params] = paramsOf(await judged<ValueEvaluation>(asked('value', version, MADE - 30)));
  expect(basis).toBe('refitted');
  expect(params).not.toEqual(model.bgNbd);
});
