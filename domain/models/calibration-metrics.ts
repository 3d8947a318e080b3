// How far a score can be read as a probability: Brier, log loss, calibration slope and intercept, ECE, reliability bins.
import { Z95 } from './ranking-metrics.ts';
import { type Measured, measured, ONE_CLASS, type ScoredRows, unmeasured } from './scored-rows.ts';

/** Log loss counts a certain and wrong score as if it had been this far from certain. */
const EPSILON = 1e-15;

const NOT_A_PROBABILITY = 'a score lies outside [0, 1]: it ranks, but is no probability';

/** Null with the reason unless there are rows and every score is in [0, 1]. */
function probabilities(rows: ScoredRows): Measured<true> {
  if (!(rows.total > 0)) return unmeasured('no rows with weight');
  const { score, order } = rows;
  const inside = score[order[0]!]! >= 0 && score[order[order.length - 1]!]! <= 1;
  return inside ? measured(true as const) : unmeasured(NOT_A_PROBABILITY);
}

/** Mean of (score − label)²; 0 is perfect. Brier (1950). Null when a score is no probability. */
export function brierScore(rows: ScoredRows): Measured {
  const check = probabilities(rows);
  if (check.value === null) return check;
  const { label, score, weight, total } = rows;
  let sum = 0;
  for (let i = 0; i < label.length; i++) sum += weight[i]! * (score[i]! - label[i]!) ** 2;
  return measured(sum / total);
}

/** Mean of −ln(probability given to what happened), probabilities kept 1e-15 away from 0 and 1. Null when a score is no probability. */
export function logLoss(rows: ScoredRows): Measured {
  const check = probabilities(rows);
  if (check.value === null) return check;
  const { label, score, weight, total } = rows;
  let sum = 0;
  for (let i = 0; i < label.length; i++) {
    const p = Math.min(1 - EPSILON, Math.max(EPSILON, score[i]!));
    sum -= weight[i]! * (label[i] === 1 ? Math.log(p) : Math.log1p(-p));
  }
  return measured(sum / total);
}

export interface LogitCalibration {
  slope: number;
  intercept: number;
  slopeSe: number;
  interceptSe: number;
  /** Intercept with the slope held at 1. */
  inTheLarge: number;
}

/**
 * Calibration slope and intercept: maximum likelihood of logit P(label) = intercept + slope · logit(score). 1 and 0 are perfect; a slope below 1
 * says the scores are too extreme. Cox (1958); standard errors by the Fisher information, weights as repetitions; where rows belong to groups,
 * e.g. a customer's snapshots, by the sandwich of the groups' scores (Liang & Zeger 1986, times G/(G − 1)).
 *
 * @param group a whole number per row.
 * @returns null with one class, with scores of exactly 0 or 1, with one distinct score, when the score separates the labels, or with one group.
 */
export function logitCalibration(rows: ScoredRows, group?: ArrayLike<number>): Measured<LogitCalibration> {
  const check = probabilities(rows);
  if (check.value === null) return check;
  const { label, score, weight, order, positives, negatives } = rows;
  if (!(positives > 0 && negatives > 0)) return unmeasured(ONE_CLASS);
  const [least, most] = [score[order[0]!]!, score[order[order.length - 1]!]!];
  if (least <= 0 || most >= 1) return unmeasured('a score of exactly 0 or 1 has no finite log-odds');
  if (least === most) return unmeasured('all scores are equal: no slope');
  const logits = score.map((p) => Math.log(p / (1 - p)));
  const both = logitLine(logits, label, weight, { intercept: 0, slope: 1 }, false);
  const shift = logitLine(logits, label, weight, { intercept: 0, slope: 1 }, true);
  if (both === null || shift === null)
    return unmeasured('the score separates the labels: the slope has no finite value');
  const errors = group === undefined ? both : sandwich(logits, label, weight, both, group);
  if (errors === null) return unmeasured('all rows are of one group: nothing says how sure the slope is');
  return measured({ ...both, ...errors, inTheLarge: shift.intercept });
}

/** Standard errors of a line whose residuals go together within a group; null with one group. */
function sandwich(
  x: Float64Array,
  label: Float64Array,
  weight: Float64Array,
  { intercept, slope }: { intercept: number; slope: number },
  group: ArrayLike<number>,
): { interceptSe: number; slopeSe: number } | null {
  const scores = new Map<number, [number, number]>();
  let [h00, h01, h11] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    const w = weight[i]!;
    if (w === 0) continue;
    const p = 1 / (1 + Math.exp(-(intercept + slope * x[i]!)));
    const score = scores.get(group[i]!) ?? [0, 0];
    score[0] += w * (label[i]! - p);
    score[1] += w * (label[i]! - p) * x[i]!;
    scores.set(group[i]!, score);
    const curvature = w * p * (1 - p);
    h00 += curvature;
    h01 += curvature * x[i]!;
    h11 += curvature * x[i]! * x[i]!;
  }
  const groups = scores.size;
  if (groups < 2) return null;
  const determinant = h00 * h11 - h01 * h01;
  let [ofIntercept, ofSlope] = [0, 0];
  for (const [s0, s1] of scores.values()) {
    ofIntercept += ((h11 * s0 - h01 * s1) / determinant) ** 2;
    ofSlope += ((h00 * s1 - h01 * s0) / determinant) ** 2;
  }
  const small = groups / (groups - 1);
  return { interceptSe: Math.sqrt(small * ofIntercept), slopeSe: Math.sqrt(small * ofSlope) };
}

/**
 * Newton's method for logit P = intercept + slope · x with fractional targets; the slope stays put when `fixedSlope`.
 *
 * @returns null when it does not converge (targets separated by x, or x constant).
 */
export function logitLine(
  x: Float64Array,
  target: Float64Array,
  weight: Float64Array,
  start: { intercept: number; slope: number },
  fixedSlope: boolean,
): Omit<LogitCalibration, 'inTheLarge'> | null {
  let { intercept, slope } = start;
  const loss = (a: number, b: number) => {
    let sum = 0;
    for (let i = 0; i < x.length; i++) {
      const eta = a + b * x[i]!;
      sum += weight[i]! * (Math.max(eta, 0) + Math.log1p(Math.exp(-Math.abs(eta))) - target[i]! * eta);
    }
    return sum;
  };
  let current = loss(intercept, slope);
  let previous = Number.POSITIVE_INFINITY;
  for (let iteration = 0; iteration < 100; iteration++) {
    let [g0, g1, h00, h01, h11] = [0, 0, 0, 0, 0];
    for (let i = 0; i < x.length; i++) {
      const p = 1 / (1 + Math.exp(-(intercept + slope * x[i]!)));
      const residual = weight[i]! * (p - target[i]!);
      const curvature = weight[i]! * p * (1 - p);
      g0 += residual;
      g1 += residual * x[i]!;
      h00 += curvature;
      h01 += curvature * x[i]!;
      h11 += curvature * x[i]! * x[i]!;
    }
    const determinant = h00 * h11 - h01 * h01;
    if (!(h00 > 0) || (!fixedSlope && !(determinant > 1e-13 * h00 * h11))) return null;
    const stepIntercept = fixedSlope ? g0 / h00 : (h11 * g0 - h01 * g1) / determinant;
    const stepSlope = fixedSlope ? 0 : (h00 * g1 - h01 * g0) / determinant;
    const size = Math.max(Math.abs(stepIntercept), Math.abs(stepSlope));
    // Sums over many rows carry rounding that steps cannot get below: there they stop shrinking.
    const settled = size < 1e-9 && size >= previous / 2;
    previous = size;
    if (settled || size <= 1e-13 * Math.max(1, Math.abs(intercept), Math.abs(slope)))
      return { intercept, slope, interceptSe: Math.sqrt(h11 / determinant), slopeSe: Math.sqrt(h00 / determinant) };
    if (size < 1e-6) {
      // This near, the loss no longer tells the two points apart: the Newton step is taken as it is.
      intercept -= stepIntercept;
      slope -= stepSlope;
      continue;
    }
    let scale = 1;
    let next = loss(intercept - stepIntercept, slope - stepSlope);
    while (!(next <= current * (1 + 1e-14)) && scale > 1e-10) {
      scale /= 2;
      next = loss(intercept - scale * stepIntercept, slope - scale * stepSlope);
    }
    intercept -= scale * stepIntercept;
    slope -= scale * stepSlope;
    current = next;
    if (Math.abs(slope) > 1e6) return null;
  }
  return null;
}

export interface ReliabilityBin {
  /** From 0. */
  bin: number;
  /** Weight in the bin. */
  n: number;
  meanScore: number;
  /** Share of events. */
  rate: number;
  /** 95 % Wilson interval of the rate. */
  lower: number;
  upper: number;
}

export type Binning = 'equal-width' | 'equal-count';

/**
 * Mean score against event rate by bin; empty bins are left out.
 *
 * equal-width: [k/bins, (k+1)/bins), a score of 1 in the last. equal-count: by rank of the score, ties in file order, bin = ⌊rank · bins / n⌋.
 */
export function reliabilityBins(rows: ScoredRows, binning: Binning, bins = 10): Measured<ReliabilityBin[]> {
  const check = probabilities(rows);
  if (check.value === null) return check;
  const { label, score, weight, order, total } = rows;
  const [n, scores, events] = [new Float64Array(bins), new Float64Array(bins), new Float64Array(bins)];
  let before = 0;
  for (const row of order) {
    const w = weight[row]!;
    const position = binning === 'equal-width' ? score[row]! * bins : (before * bins) / total;
    const bin = Math.min(bins - 1, Math.floor(position));
    n[bin]! += w;
    scores[bin]! += w * score[row]!;
    events[bin]! += w * label[row]!;
    before += w;
  }
  const found: ReliabilityBin[] = [];
  for (let bin = 0; bin < bins; bin++)
    if (n[bin]! > 0) {
      const rate = events[bin]! / n[bin]!;
      found.push({ bin, n: n[bin]!, meanScore: scores[bin]! / n[bin]!, rate, ...wilson(rate, n[bin]!) });
    }
  return measured(found);
}

/**
 * 95 % interval of a share by Wilson (1927): never outside [0, 1], with width also at 0 and 1.
 *
 * @param rate in [0, 1].  @param n trials, > 0.  @example wilson(0, 10) // { lower: 0, upper: 0.2775 }
 */
export function wilson(rate: number, n: number): { lower: number; upper: number } {
  const z2 = Z95 ** 2;
  const centre = (rate + z2 / (2 * n)) / (1 + z2 / n);
  const half = (Z95 * Math.sqrt((rate * (1 - rate)) / n + z2 / (4 * n * n))) / (1 + z2 / n);
  return { lower: rate === 0 ? 0 : Math.max(0, centre - half), upper: rate === 1 ? 1 : Math.min(1, centre + half) };
}

/** Expected and maximum calibration error: mean (by weight) and largest |rate − mean score| over the bins. */
export function calibrationError(bins: readonly ReliabilityBin[]): { ece: number; mce: number } {
  let [sum, total, mce] = [0, 0, 0];
  for (const { n, rate, meanScore } of bins) {
    const gap = Math.abs(rate - meanScore);
    sum += n * gap;
    total += n;
    mce = Math.max(mce, gap);
  }
  return { ece: total > 0 ? sum / total : 0, mce };
}
