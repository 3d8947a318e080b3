// Churn scores of several versions on the same customers, held against who was lost: ranking, calibration, profit, segments, what each leans on;
// the rate of before, a plain rule and the rival models beside.
import { type ChurnDefinition, hasChurned, isEligible, lostAfter } from '#domain/churn-definition.ts';
import { FEATURE_SET, featureRow } from '#domain/churn-features.ts';
import { calibrationBySegment, type SegmentCalibration } from '#domain/models/calibration-segments.ts';
import { ageOf, type ChurnModel, predictChurnBy, startRow } from '#domain/models/churn-model.ts';
import { type ClvModel, predictChurn } from '#domain/models/clv-model.ts';
import { type ScoreMetrics, scoreMetrics } from '#domain/models/metrics.ts';
import { ok, type Result } from '#domain/result.ts';
import type { Ledger } from '#projections/memory/ledger.ts';
import { trainingStatistics } from '#projections/memory/training-statistics.ts';
import { historyOf } from '../backtest/holdout-rows.ts';
import { type ChurnVerdict, judgeChurn, type ScoreVerdict } from '../backtest/judge-value.ts';
import { type Leakage, probeLeakage } from '../backtest/leakage.ts';
import { type ChurnRows, createRows, type Ledgers, rowsAt, survivalRows } from '../training/churn-rows.ts';
import { fitClv, modelOf } from '../training/fit-clv.ts';
import { ledgersOf } from '../training/ledgers.ts';
import { type Refusal, refusal } from '../training/refusal.ts';
import { partOf, trainCox } from '../training/train-churn.ts';
import { type Explained, explainedBy, type Judged } from './explained.ts';
import { churnPairs, type Pair } from './pairs.ts';
import { type Basis, basisOf, type EvaluatedModel, type EvaluationPlan } from './plan.ts';
import { segmentsBy, USUAL } from './segments.ts';

export interface ChurnModelEvaluation extends Explained {
  id: string;
  kind: string;
  basis: Basis;
  metrics: ScoreMetrics;
  againstNaive: ChurnVerdict['againstNaive'];
  segments: { by: string; segments: SegmentCalibration[] }[];
}

export interface ChurnEvaluation {
  question: 'churn';
  definition: ChurnDefinition;
  rows: {
    n: number;
    lost: number /** Eligible customers who are not judged, by reason. */;
    leftOut: Record<string, number>;
  };
  leakage: Leakage;
  models: ChurnModelEvaluation[];
  naive: ChurnVerdict['naive'];
  /** `basis` of Cox: fitted at the cut-off, or, where that was nothing to fit, of those who are not judged. */
  rivals: { name: string; basis?: 'refitted' | 'divided'; metrics: ScoreVerdict | null; reason?: string }[];
  pairs: Pair[];
}

type Scorer = (sid: string) => Result<number, string>;
/** A version, and the model that is judged in its name. */
interface Asked {
  each: EvaluatedModel;
  basis: Basis;
  model: EvaluatedModel['model'];
  score: Scorer;
}

export function evaluateChurn(
  plan: EvaluationPlan,
  day: number,
  ledger: Ledger,
  settled: Ledgers,
): Result<ChurnEvaluation, Refusal> {
  const { definition, seed } = plan;
  const known = ledgersOf(ledger);
  const all = rowsAt(definition, day, known, settled);
  if (all.label.length === 0)
    return refusal('too-little-data', 'no customer was eligible at the cut-off, as far as was known then');
  const leakage = probeLeakage(
    featureRow,
    { sid: all.customer, row: (i) => all.features[i] },
    day,
    known,
    settled,
    seed,
  );
  const asked = plan.models.map((each) => askedOf(each, plan, day, ledger, known, settled));
  const strangersTo = strangers(asked, seed);
  const { rows, scores, leftOut } = scoredRowsOf(all, asked, day, strangersTo);
  const lost = rows.label.reduce((sum, y) => sum + y, 0);
  if (lost === 0 || lost === rows.label.length)
    return refusal(
      rows.label.length === 0 ? 'too-little-data' : 'one-class',
      rows.label.length === 0
        ? `nobody is left to judge by: ${said(leftOut)}`
        : `of ${rows.label.length} customers ${lost === 0 ? 'nobody' : 'everybody'} was lost after the cut-off: there is nothing to tell apart; judge at another day`,
    );
  const label = Float64Array.from(rows.label);
  const naive = naiveOf(
    definition,
    rows,
    day,
    known,
    strangersTo.length === 0 ? null : rateOfLearners(all, strangersTo[0]!),
  );
  const verdicts = plan.models.map((_, k) => judgeChurn(label, scores[k]!, naive, seed));
  const segmented = [...new Set(plan.segment === null ? USUAL : [plan.segment])].flatMap((by) => {
    const of = segmentsBy(by, rows.features);
    return of === null ? [] : [{ by, of }];
  });
  return ok({
    question: 'churn',
    definition,
    rows: { n: label.length, lost, leftOut },
    leakage,
    models: plan.models.map((each, k): ChurnModelEvaluation => {
      const score = scores[k]!;
      const offer = plan.offer === null ? {} : { offer: plan.offer };
      return {
        id: each.id,
        kind: each.model.model,
        basis: asked[k]!.basis,
        metrics: scoreMetrics({ label, score }, offer),
        againstNaive: verdicts[k]!.againstNaive,
        segments: segmented.map(({ by, of }) => ({ by, segments: calibrationBySegment({ label, score }, of) })),
        ...explainedBy(
          asked[k]!.model,
          judgedBy(asked[k]!.model, rows, label, plan.definition, day, known, settled),
          seed,
        ),
      };
    }),
    naive: verdicts[0]!.naive,
    rivals: rivalsOf(plan, day, ledger, known, strangersTo.length === 0 ? null : settled, rows, label, naive),
    pairs: churnPairs(
      label,
      plan.models.map(({ id }, k) => [id, scores[k]!] as const),
      plan.offer,
      seed,
    ),
  });
}

/** The rows by the features the model reads, and what became of them. */
function judgedBy(
  model: EvaluatedModel['model'],
  rows: ChurnRows,
  label: Float64Array,
  definition: ChurnDefinition,
  day: number,
  known: Ledgers,
  settled: Ledgers,
): Judged {
  const subscriber = (row: number) => ({
    // As the judged probability has it: a Cox model's own grace.
    age: ageOf(model.model === 'churn-cox' ? model : { definition }, known.of(rows.customer[row]!)!, day),
    lostAfter: lostAfter(definition, settled.of(rows.customer[row]!)!, day) ?? Number.POSITIVE_INFINITY,
  });
  const judged = { rows, label, horizonDays: definition.horizonDays, subscriber };
  if (model.model === 'clv') return judged;
  if (model.model === 'churn-logistic' && model.featureSet.version === FEATURE_SET.version) return judged;
  const rowOf = (sid: string) =>
    model.model === 'churn-cox'
      ? startRow(known.of(sid)!, day, known.context)
      : featureRow(known.of(sid)!, day, known.context, model.featureSet.version);
  return { ...judged, rows: { ...rows, features: rows.customer.map(rowOf) } };
}

const said = (leftOut: Record<string, number>): string =>
  Object.entries(leftOut)
    .map(([reason, n]) => `${n} ${reason}`)
    .join(', ');

/** By which divisions the judged must be strangers; none: everybody is judged. */
const strangers = (asked: readonly Asked[], seed: number): number[] =>
  asked.flatMap(({ each, basis }) => (basis === 'held-out' ? [each.seed] : basis === 'divided' ? [seed] : []));

/** The share lost of those a classifier of this seed learns from; null: nobody was. */
function rateOfLearners({ customer, label }: ChurnRows, seed: number): number | null {
  const learned = label.filter((_, i) => partOf(customer[i]!, seed) === 'train');
  const lost = learned.reduce((sum, y) => sum + y, 0);
  return lost === 0 ? null : lost / learned.length;
}

/** Customers every version may be judged on: of one that has seen their time, only those it never learned from. */
function scoredRowsOf(all: ChurnRows, asked: readonly Asked[], day: number, strangersTo: readonly number[]) {
  const rows = createRows();
  const scores = asked.map(() => [] as number[]);
  const leftOut: Record<string, number> = {};
  const leave = (why: string) => {
    leftOut[why] = (leftOut[why] ?? 0) + 1;
  };
  all.customer.forEach((sid, i) => {
    if (strangersTo.some((seed) => partOf(sid, seed) !== 'test')) {
      leave('learned-from');
      return;
    }
    const answers = asked.map(({ score }) => score(sid));
    const refused = answers.find((answer) => !answer.ok);
    if (refused && !refused.ok) {
      leave(refused.reason);
      return;
    }
    rows.features.push(all.features[i]!);
    rows.label.push(all.label[i]!);
    rows.day.push(day);
    rows.customer.push(sid);
    answers.forEach((answer, k) => {
      if (answer.ok) scores[k]!.push(answer.value);
    });
  });
  return { rows, scores: scores.map((each) => Float64Array.from(each)), leftOut };
}

/** The version itself, or its kind fitted anew as its basis says; one that cannot be fitted scores nobody. */
function askedOf(
  each: EvaluatedModel,
  plan: EvaluationPlan,
  day: number,
  ledger: Ledger,
  known: Ledgers,
  settled: Ledgers,
): Asked {
  const basis = basisOf(each, day);
  const { model } = each;
  if (model.model === 'clv') {
    const used = basis === 'refitted' ? refittedClv(model, ledger, day) : ok(model);
    return used.ok
      ? { each, basis, model: used.value, score: byPurchases(used.value, plan.horizonDays, day, known) }
      : { each, basis, model, score: () => used };
  }
  if (basis !== 'refitted') return { each, basis, model, score: byFeatures(model, day, known) };
  const refitted = refittedCox(plan.definition, day, known);
  const divided = refitted.ok ? null : dividedCox(plan, settled);
  if (divided?.ok)
    return { each, basis: 'divided', model: divided.value, score: byFeatures(divided.value, day, known) };
  return refitted.ok
    ? { each, basis, model: refitted.value, score: byFeatures(refitted.value, day, known) }
    : { each, basis, model, score: () => refitted };
}

function byFeatures(model: ChurnModel, day: number, known: Ledgers): Scorer {
  return (sid) => {
    const answer = predictChurnBy(model, known.of(sid)!, day, { ...known.context, leftTruncated: false });
    return answer.ok ? ok(answer.value.pChurn) : { ok: false, reason: answer.reason.reason };
  };
}

function byPurchases(model: ClvModel, horizonDays: number, day: number, known: Ledgers): Scorer {
  return (sid) => {
    const history = historyOf(known.of(sid)!, day, known.context);
    if (history === null) return { ok: false, reason: 'not-a-customer' };
    const answer = predictChurn(model, history, horizonDays);
    return answer.ok ? ok(answer.value.pChurn) : { ok: false, reason: answer.reason.reason };
  };
}

/** The same purchase model on what was known at the cut-off. */
export function refittedClv(model: ClvModel, ledger: Ledger, day: number): Result<ClvModel, string> {
  const fitted = fitClv(trainingStatistics(ledger, day), 'week');
  if (!fitted.ok) return fitted;
  const { bgNbd, mbgNbd, paretoNbd, gammaGamma } = fitted.value.fits;
  const fit = model.bgNbd ? bgNbd : model.mbgNbd ? mbgNbd : paretoNbd;
  return fit.ok ? ok(modelOf(fit, gammaGamma, 'week')) : { ok: false, reason: fit.message };
}

function refittedCox(definition: ChurnDefinition, day: number, known: Ledgers): Result<ChurnModel, string> {
  const trained = trainCox(definition, survivalRows(definition, day, known), day);
  return trained.ok ? ok(trained.value.model) : { ok: false, reason: trained.reason.message };
}

/** Of what is known today, without the fifth that is judged. */
function dividedCox({ definition, today, seed }: EvaluationPlan, settled: Ledgers): Result<ChurnModel, string> {
  const rows = survivalRows(definition, today, settled);
  const learned = rows.customer.flatMap((sid, i) => (partOf(sid, seed) === 'test' ? [] : [i]));
  const pick = <T>(column: readonly T[]): T[] => learned.map((i) => column[i]!);
  const of = {
    features: pick(rows.features),
    entry: pick(rows.entry),
    duration: pick(rows.duration),
    eventObserved: pick(rows.eventObserved),
    customer: pick(rows.customer),
  };
  const trained = trainCox(definition, of, today);
  return trained.ok ? ok(trained.value.model) : { ok: false, reason: trained.reason.message };
}

/**
 * The share lost over the horizon before the cut-off, as it was known at it, and a feature that ranks. In a table as it stood on one day nobody was
 * seen to leave before it: there the rate is that of the learners, who are others than the judged.
 *
 * @param learners their rate; null: none is known, or everybody is judged.
 */
function naiveOf(
  definition: ChurnDefinition,
  rows: ChurnRows,
  day: number,
  known: Ledgers,
  learners: number | null,
): Parameters<typeof judgeChurn>[2] {
  const before = day - definition.horizonDays - definition.graceDays;
  let [asked, lost] = [0, 0];
  for (const entries of known.customers()) {
    if (!isEligible(definition, entries, before) || known.isLeftTruncated(entries.sid)) continue;
    asked++;
    if (hasChurned(definition, entries, before)) lost++;
  }
  const contractual = definition.kind === 'contractual';
  return {
    rate: lost === 0 ? learners : lost / asked,
    rateOf: lost === 0 && learners !== null ? 'learned-from' : 'before',
    rule: contractual ? 'the younger subscription leaves first' : 'days since the last purchase',
    rank: Float64Array.from(rows.features, ({ recency_days, subscription_tenure_days }) =>
      contractual ? -Number(subscription_tenure_days ?? 0) : Number(recency_days ?? 0),
    ),
  };
}

/**
 * Other ways to answer, fitted on what was known at the cut-off: the purchase models, or Cox for contracts.
 *
 * @param settled of Cox, where there was nothing to fit then: those who are not judged are learned from as they are known today; null: everybody is judged.
 */
function rivalsOf(
  plan: EvaluationPlan,
  day: number,
  ledger: Ledger,
  known: Ledgers,
  settled: Ledgers | null,
  rows: ChurnRows,
  label: Float64Array,
  naive: Parameters<typeof judgeChurn>[2],
): ChurnEvaluation['rivals'] {
  const rivals: [string, Result<Scorer, string>, ('refitted' | 'divided')?][] = [];
  if (plan.definition.kind === 'contractual') {
    const refitted = refittedCox(plan.definition, day, known);
    const cox = refitted.ok || settled === null ? refitted : dividedCox(plan, settled);
    const basis = refitted.ok ? 'refitted' : 'divided';
    rivals.push(['churn-cox', cox.ok ? ok(byFeatures(cox.value, day, known)) : cox, basis]);
  } else {
    const fitted = fitClv(trainingStatistics(ledger, day), 'week');
    if (!fitted.ok) return [{ name: 'bg-nbd', metrics: null, reason: fitted.reason }];
    const { bgNbd, mbgNbd, paretoNbd, gammaGamma } = fitted.value.fits;
    for (const fit of [bgNbd, mbgNbd, paretoNbd])
      rivals.push([
        fit.model,
        fit.ok
          ? ok(byPurchases(modelOf(fit, gammaGamma, 'week'), plan.horizonDays, day, known))
          : { ok: false, reason: fit.message },
      ]);
  }
  return rivals.map(([name, scorer, basis]) => {
    if (!scorer.ok) return { name, metrics: null, reason: scorer.reason };
    const answers = rows.customer.map(scorer.value);
    const refused = answers.find((answer) => !answer.ok);
    if (refused && !refused.ok)
      return { name, metrics: null, reason: `says nothing of some of them: ${refused.reason}` };
    const score = Float64Array.from(answers, (answer) => (answer.ok ? answer.value : 0));
    return { name, ...(basis && { basis }), metrics: judgeChurn(label, score, naive, plan.seed).model };
  });
}
