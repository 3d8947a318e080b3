// One cut-off of a backtest of churn models: trained on earlier moments as they were known then, by the functions that train for serving, and asked
// about everybody eligible at the cut-off. The rate of before and one plain rule stand beside.
import { type ChurnDefinition, lastSettledDay } from '#domain/churn-definition.ts';
import { featureRow } from '#domain/churn-features.ts';
import type { CHURN_MODELS, ChurnModel } from '#domain/models/churn-model.ts';
import { predictChurnBy } from '#domain/models/churn-model.ts';
import { ok, type Result, refuse } from '#domain/result.ts';
import { type ChurnRows, type Ledgers, rowsAt, rowsOfCutoffs, survivalRows } from '../training/churn-rows.ts';
import type { Refusal } from '../training/refusal.ts';
import { type ChurnTraining, trainCox, trainLogistic } from '../training/train-churn.ts';
import { type ChurnVerdict, judgeChurn } from './judge-value.ts';
import { probeLeakage } from './leakage.ts';
import type { CutoffVerdict } from './value-cutoff.ts';

/** Moments a classifier learns from at each cut-off, at most; as `train` has it. */
const TRAINED_ON = 4;

type Estimator = (typeof CHURN_MODELS)[number];

export interface ChurnMetrics {
  definition: ChurnDefinition;
  /** Eligible at the cut-off; how many of them were lost. */
  customers: number;
  lost: number;
  /** By estimator; null: see `undefined`. */
  models: Partial<Record<Estimator, (ChurnVerdict & { rows: ChurnTraining<ChurnModel>['rows'] }) | null>>;
  undefined: Record<string, string>;
}

export interface ChurnQuestion {
  definition: ChurnDefinition;
  day: number;
  latenessDays: number;
  seed: number;
}

/** Moments whose ledgers, as known then, a cut-off needs: itself first, then those it learns from. */
export const daysNeeded = ({ definition, day, latenessDays }: ChurnQuestion, firstDay: number): number[] => {
  const last = lastSettledDay(definition, day, latenessDays);
  const earlier = Array.from({ length: TRAINED_ON }, (_, i) => last - i * definition.horizonDays);
  return [day, ...earlier.filter((each) => each >= firstDay)];
};

/**
 * Refuses with one sentence when nobody was eligible or no model could be trained.
 *
 * @param knownOn ledgers as known at the end of each of `daysNeeded`.  @param settled those of today.
 */
export async function churnCutoff(
  question: ChurnQuestion,
  days: readonly number[],
  knownOn: (day: number) => Ledgers,
  settled: Ledgers,
  rowOf: typeof featureRow = featureRow,
): Promise<Result<CutoffVerdict<ChurnMetrics>, string>> {
  const { definition, day, seed } = question;
  const known = knownOn(day);
  const rows = rowsAt(definition, day, known, settled, rowOf);
  const lost = rows.label.reduce((sum, label) => sum + label, 0);
  if (rows.label.length === 0)
    return refuse(
      definition.kind === 'contractual'
        ? 'nobody was known to be under contract by then: the history of a table as it stood on one day begins that day, and cut-offs must lie after it'
        : 'no customer was eligible by then',
    );
  const used = { sid: rows.customer, row: (i: number) => rows.features[i] };
  const leakage = probeLeakage(rowOf, used, day, known, settled, seed);
  const learned = await rowsOfCutoffs(definition, days.slice(1), knownOn, known);
  const trained: [Estimator, Result<ChurnTraining<ChurnModel>, Refusal>][] = [
    ['churn-logistic', trainLogistic(definition, learned)],
  ];
  if (definition.kind === 'contractual')
    trained.push(['churn-cox', trainCox(definition, survivalRows(definition, day, known), day)]);
  const metrics: ChurnMetrics = { definition, customers: rows.label.length, lost, models: {}, undefined: {} };
  const rate = learned.label.length === 0 ? null : learned.label.reduce((sum, y) => sum + y, 0) / learned.label.length;
  for (const [name, training] of trained) {
    const verdict = training.ok ? judge(training.value, rows, question, known, rate) : refuse(training.reason.message);
    metrics.models[name] = verdict.ok ? verdict.value : null;
    if (!verdict.ok) metrics.undefined[name] = verdict.reason;
  }
  if (Object.values(metrics.models).every((each) => each === null))
    return refuse(
      Object.entries(metrics.undefined)
        .map(([name, why]) => `${name}: ${why}`)
        .join('; '),
    );
  return ok({ day, leakage, metrics });
}

function judge(
  { model, rows: learned }: ChurnTraining<ChurnModel>,
  rows: ChurnRows,
  { definition, day, seed }: ChurnQuestion,
  known: Ledgers,
  rate: number | null,
): Result<ChurnVerdict & { rows: ChurnTraining<ChurnModel>['rows'] }, string> {
  const [label, score, rank]: [number[], number[], number[]] = [[], [], []];
  const contractual = definition.kind === 'contractual';
  let why = '';
  rows.customer.forEach((sid, i) => {
    const entries = known.of(sid);
    if (entries === null) throw new Error('an eligible customer is in no ledger');
    const said = predictChurnBy(model, entries, day, { ...known.context, leftTruncated: false });
    if (!said.ok) {
      why = said.reason.message;
      return;
    }
    const { recency_days, subscription_tenure_days } = rows.features[i]!;
    label.push(rows.label[i]!);
    score.push(said.value.pChurn);
    rank.push(contractual ? -Number(subscription_tenure_days ?? 0) : Number(recency_days ?? 0));
  });
  if (label.length === 0) return refuse(`the model speaks of nobody: ${why}`);
  const rule = contractual ? 'the younger subscription leaves first' : 'days since the last purchase';
  const verdict = judgeChurn(
    Float64Array.from(label),
    Float64Array.from(score),
    { rate, rule, rank: Float64Array.from(rank) },
    seed,
  );
  return ok({ ...verdict, rows: learned });
}
