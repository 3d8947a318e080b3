// Everything `evaluate` says about a score: ranking, calibration and decisions at a threshold. What is not defined is null, with why in `undefined`.
import { type BrierDecomposition, brierDecomposition, calibrationErrorByChance } from './brier-decomposition.ts';
import {
  brierScore,
  calibrationError,
  logitCalibration,
  logLoss,
  type ReliabilityBin,
  reliabilityBins,
} from './calibration-metrics.ts';
import {
  type Gain,
  gainTable,
  type Offer,
  type PrecisionRecallPoint,
  type ProfitCurve,
  precisionRecallCurve,
  profitCurve,
  type RocPoint,
  rocCurve,
} from './ranking-curves.ts';
import { averagePrecisionInterval, clusteredAucInterval, type Grouping } from './ranking-intervals.ts';
import { auc, aucInterval, averagePrecision, ksDistance, lift } from './ranking-metrics.ts';
import { type Measured, type ScoredColumns, type ScoredRows, scoredRows, unmeasured } from './scored-rows.ts';

export interface ScoreMetrics {
  n: number;
  sumWeights: number;
  /** Groups of rows that belong together; null when each row stands alone. */
  groups: number | null;
  prevalence: number | null;
  auc: number | null;
  aucLower: number | null;
  aucUpper: number | null;
  aucSe: number | null;
  gini: number | null;
  averagePrecision: number | null;
  averagePrecisionLower: number | null;
  averagePrecisionUpper: number | null;
  averagePrecisionSe: number | null;
  prAucTrapezoid: number | null;
  ks: number | null;
  liftTopDecile: number | null;
  brier: number | null;
  /** 1 − Brier / Brier of the constant prevalence. */
  brierSkill: number | null;
  brierDecomposition: BrierDecomposition | null;
  logLoss: number | null;
  calibrationSlope: number | null;
  calibrationSlopeSe: number | null;
  calibrationIntercept: number | null;
  calibrationInterceptSe: number | null;
  calibrationInTheLarge: number | null;
  observedOverExpected: number | null;
  /** Equal-width bins. */
  ece: number | null;
  mce: number | null;
  /** What chance alone gives a perfectly calibrated score in the same bins. */
  eceByChance: number | null;
  eceEqualCount: number | null;
  mceEqualCount: number | null;
  reliability: ReliabilityBin[] | null;
  reliabilityEqualCount: ReliabilityBin[] | null;
  roc: RocPoint[] | null;
  precisionRecall: PrecisionRecallPoint[] | null;
  gain: Gain[] | null;
  /** Null unless an offer was told. */
  profit: ProfitCurve | null;
  /** Why a metric above is null, by its name. */
  undefined: Record<string, string>;
}

export interface MetricOptions {
  /** Rows that belong together, e.g. one customer's: the intervals of AUC and average precision then allow for it. */
  grouping?: Grouping | undefined;
  offer?: Offer | undefined;
}

/**
 * All metrics of a score against 0/1 labels.
 *
 * @throws RangeError or RowError on misuse (scored-rows.ts).  Cost: one radix sort and a dozen passes, O(n).
 */
export function scoreMetrics(columns: ScoredColumns, { grouping, offer }: MetricOptions = {}): ScoreMetrics {
  const rows = scoredRows(columns);
  const why: Record<string, string> = {};
  const take = <Value>(names: string[], answer: Measured<Value>): Value | null => {
    if (answer.value === null) for (const name of names) why[name] = answer.reason ?? '';
    return answer.value;
  };
  const { positives, negatives, total } = rows;
  const prevalence = total > 0 ? positives / total : null;
  if (prevalence === null) why.prevalence = 'no rows with weight';
  const area = take(['auc', 'gini'], auc(rows));
  const interval = take(
    ['aucLower', 'aucUpper', 'aucSe'],
    grouping ? clusteredAucInterval(rows, grouping) : aucInterval(rows),
  );
  const precision = take(['averagePrecision', 'prAucTrapezoid'], averagePrecision(rows));
  const precisionInterval = take(
    ['averagePrecisionLower', 'averagePrecisionUpper', 'averagePrecisionSe'],
    averagePrecisionInterval(rows, grouping),
  );
  const brier = take(['brier', 'brierSkill'], brierScore(rows));
  const line = take(
    [
      'calibrationSlope',
      'calibrationSlopeSe',
      'calibrationIntercept',
      'calibrationInterceptSe',
      'calibrationInTheLarge',
    ],
    logitCalibration(rows, grouping?.group),
  );
  const width = take(['ece', 'mce', 'reliability'], reliabilityBins(rows, 'equal-width'));
  const count = take(['eceEqualCount', 'mceEqualCount', 'reliabilityEqualCount'], reliabilityBins(rows, 'equal-count'));
  if (offer === undefined) why.profit = 'what an offer costs and brings was not told';
  if (grouping === undefined) why.groups = 'rows were not grouped: each stands alone';
  const byWidth = width && calibrationError(width);
  const byCount = count && calibrationError(count);
  const uncertainty = (positives * negatives) / total ** 2;
  if (brier !== null && !(uncertainty > 0)) why.brierSkill = 'all labels are equal: the constant prevalence is perfect';
  return {
    n: rows.label.length,
    sumWeights: total,
    groups: grouping?.groups ?? null,
    prevalence,
    auc: area,
    aucLower: interval?.lower ?? null,
    aucUpper: interval?.upper ?? null,
    aucSe: interval?.standardError ?? null,
    gini: area === null ? null : 2 * area - 1,
    averagePrecision: precision?.averagePrecision ?? null,
    averagePrecisionLower: precisionInterval?.lower ?? null,
    averagePrecisionUpper: precisionInterval?.upper ?? null,
    averagePrecisionSe: precisionInterval?.standardError ?? null,
    prAucTrapezoid: precision?.trapezoid ?? null,
    ks: take(['ks'], ksDistance(rows)),
    liftTopDecile: take(['liftTopDecile'], lift(rows)),
    brier,
    brierSkill: brier === null || !(uncertainty > 0) ? null : 1 - brier / uncertainty,
    brierDecomposition: take(['brierDecomposition'], brierDecomposition(rows)),
    logLoss: take(['logLoss'], logLoss(rows)),
    calibrationSlope: line?.slope ?? null,
    calibrationSlopeSe: line?.slopeSe ?? null,
    calibrationIntercept: line?.intercept ?? null,
    calibrationInterceptSe: line?.interceptSe ?? null,
    calibrationInTheLarge: line?.inTheLarge ?? null,
    observedOverExpected: take(['observedOverExpected'], observedOverExpected(rows, brier)),
    ece: byWidth?.ece ?? null,
    mce: byWidth?.mce ?? null,
    eceByChance: take(['eceByChance'], width === null ? unmeasured(why.ece ?? '') : calibrationErrorByChance(width)),
    eceEqualCount: byCount?.ece ?? null,
    mceEqualCount: byCount?.mce ?? null,
    reliability: width,
    reliabilityEqualCount: count,
    roc: take(['roc'], rocCurve(rows))?.points ?? null,
    precisionRecall: take(['precisionRecall'], precisionRecallCurve(rows)),
    gain: take(['gain'], gainTable(rows)),
    profit: offer ? take(['profit'], profitCurve(rows, offer)) : null,
    undefined: why,
  };
}

function observedOverExpected({ score, weight, positives }: ScoredRows, brier: number | null): Measured {
  const expected = score.reduce((sum, p, i) => sum + p * weight[i]!, 0);
  return brier !== null && expected > 0
    ? { value: positives / expected }
    : { value: null, reason: 'no events are expected, or the scores are no probabilities' };
}

export interface ThresholdMetrics {
  threshold: number;
  tp: number;
  fp: number;
  fn: number;
  tn: number;
  /** Null when nothing is flagged. */
  precision: number | null;
  /** Null without events. */
  recall: number | null;
  /** Null when there is neither an event nor a flag. */
  f1: number | null;
  /** Matthews correlation; null when a row or column of the table is empty. */
  mcc: number | null;
}

/** Decisions "event when score ≥ threshold" against the labels, by weight. */
export function thresholdMetrics(columns: ScoredColumns, threshold: number): ThresholdMetrics {
  const { label, score, weight } = scoredRows(columns);
  // By label, then by decision.
  const sums: [[number, number], [number, number]] = [
    [0, 0],
    [0, 0],
  ];
  for (let i = 0; i < label.length; i++) sums[label[i] === 1 ? 1 : 0][score[i]! >= threshold ? 1 : 0] += weight[i]!;
  const [[tn, fp], [fn, tp]] = sums;
  const ratio = (over: number, under: number) => (under > 0 ? over / under : null);
  return {
    threshold,
    tp,
    fp,
    fn,
    tn,
    precision: ratio(tp, tp + fp),
    recall: ratio(tp, tp + fn),
    f1: ratio(2 * tp, 2 * tp + fp + fn),
    mcc: ratio(tp * tn - fp * fn, Math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))),
  };
}
