// An evaluation over the log: versions of the registry asked as they would have been at a cut-off, with what was known then, and held against what
// came. One walk says what came, one more what was known.

import { lastSettledDay } from '#domain/churn-definition.ts';
import { FEATURE_SET } from '#domain/churn-features.ts';
import { checkCutoffs, dateOf } from '#domain/models/cutoffs.ts';
import { ok, type Result } from '#domain/result.ts';
import { forgetErased } from '#projections/memory/past/everybody.ts';
import { knownLedgers } from '../training/known-ledgers.ts';
import type { TrainingPlan, TrainingProgress } from '../training/plan.ts';
import { type Refusal, refusal } from '../training/refusal.ts';
import { endOf, settledAt, type TrainingLog } from '../training/training-rows.ts';
import { type ChurnEvaluation, evaluateChurn } from './churn.ts';
import type { EvaluationPlan } from './plan.ts';
import { evaluateValue, type ValueEvaluation } from './value.ts';

export type Evaluation = {
  /** Local day of the cut-off, and the last one foretold. */
  cutoff: string;
  until: string;
  horizonDays: number;
  /** Days of the horizon that the log does not reach. */
  beyondDays: number;
  latenessDays: number;
} & (ChurnEvaluation | ValueEvaluation);

const EVERY = 500;

export async function evaluate(
  store: TrainingLog,
  plan: EvaluationPlan,
  report: TrainingProgress,
): Promise<Result<Evaluation, Refusal>> {
  const { horizonDays, today, seq } = plan;
  // Two walks, half of the way each.
  const first = (done: number, total: number, note: string) => report.progress(done, 2 * total, note);
  const settled = await settledAt(store, trainingPlanOf(plan), { ...report, progress: first });
  const { firstDay, latenessDays } = settled;
  if (firstDay === null)
    return refusal(
      'too-little-data',
      'the log holds nothing that could have come true: import orders or subscriptions',
    );
  const grace = plan.question === 'churn' ? plan.definition.graceDays : 0;
  const day =
    plan.day ??
    latest(plan, lastSettledDay({ ...plan.definition, horizonDays, graceDays: grace }, today, latenessDays));
  const span = { firstDay, today, horizonDays, latenessDays: latenessDays + grace, learnsFrom: () => 1 };
  const checked = checkCutoffs(span, [day]);
  if (!checked.ok) return refusal('horizon-too-long', checked.reason);
  let told = 0;
  const [ledger] = await knownLedgers(
    store,
    seq,
    [endOf(day, plan.offsets)],
    // Whoever was there then is there now.
    { ...plan.ledger, maxCustomers: Math.max(1 << 10, settled.ledger.rows.count + 1) },
    (position) => {
      if (position < told + EVERY) return;
      told = position;
      report.progress(seq + position, 2 * seq, `reading the log as it was known on ${dateOf(day)}`);
    },
  );
  await forgetErased(store, seq, ledger!);
  report.log(`judging what was foretold on ${dateOf(day)}`);
  const judged =
    plan.question === 'churn'
      ? evaluateChurn(plan, day, ledger!, settled.ledgers)
      : evaluateValue(plan, day, ledger!, settled.ledgers);
  if (!judged.ok) return judged;
  return ok({
    cutoff: dateOf(day),
    until: dateOf(day + horizonDays),
    horizonDays,
    beyondDays: checked.value.beyond,
    latenessDays,
    ...judged.value,
  });
}

/** Reading the log up to now needs no more of a training than this. */
const trainingPlanOf = (plan: EvaluationPlan): TrainingPlan => ({
  kind: plan.question === 'value' ? 'clv' : 'churn-logistic',
  definition: plan.question === 'value' ? { ...plan.definition, kind: 'non-contractual' } : plan.definition,
  cutoffs: 1,
  latenessDays: plan.latenessDays,
  seed: plan.seed,
  featureSet: FEATURE_SET.version,
  without: [],
  seq: plan.seq,
  today: plan.today,
  offsets: plan.offsets,
  ledger: plan.ledger,
  snapshotDir: plan.snapshotDir,
});

/** The latest day whose outcomes have settled; for a classifier that has seen it, the moment it was judged at itself. */
function latest({ models }: EvaluationPlan, settled: number): number {
  if (models.every(({ learnedUntil }) => learnedUntil === null || learnedUntil <= settled)) return settled;
  const own = models.flatMap(({ cutoffs }) => cutoffs.slice(-1));
  return own.length === 0 ? settled : Math.min(settled, Math.max(...own));
}
