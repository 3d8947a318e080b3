// Versions judged by what came after they were made: nobody of it was learned from, so everybody is asked, the version itself answers, and its figures
// are those counted by hand.
import { expect, test } from 'vitest';
import { DEFAULT_CHURN } from '#domain/churn-definition.ts';
import { predictChurnBy } from '#domain/models/churn-model.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import { UTC } from '#domain/time.ts';
import type { ChurnEvaluation } from '#processors/evaluation/churn.ts';
import { evaluate } from '#processors/evaluation/evaluate.ts';
import type { EvaluatedModel, EvaluationPlan } from '#processors/evaluation/plan.ts';
import type { ValueEvaluation } from '#processors/evaluation/value.ts';
import { fitClv } from '#processors/training/fit-clv.ts';
import { ledgersOf } from '#processors/training/ledgers.ts';
import type { TrainingPlan } from '#processors/training/plan.ts';
import { DIVISION } from '#processors/training/train-churn.ts';
import { trainModel } from '#processors/training/train-model.ts';
import { settledAt, trainingRows } from '#processors/training/training-rows.ts';
import { trainingStatistics } from '#projections/memory/training-statistics.ts';
import { DAY, order } from '../projections/memory/scenario.ts';
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
