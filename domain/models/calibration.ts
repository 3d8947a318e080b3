// Turning scores into probabilities on rows the model was not fitted to: Platt's sigmoid and isotonic regression.
import { type Result, refuse } from '../result.ts';
import { logitLine } from './calibration-metrics.ts';
import { eachTie, ONE_CLASS, type ScoredColumns, scoredRows } from './scored-rows.ts';

/** p = 1 / (1 + exp(A f + B)); A is negative when higher scores mean more events. */
export interface PlattCalibration {
  method: 'platt';
  A: number;
  B: number;
}

/** Straight lines between (x, y), both ascending; flat outside. */
export interface IsotonicCalibration {
  method: 'isotonic';
  x: number[];
  y: number[];
}

export type Calibration = PlattCalibration | IsotonicCalibration;

/**
 * Platt (1999), "Probabilistic Outputs for Support Vector Machines": maximum likelihood of A and B against the smoothed targets
 * (N₊ + 1)/(N₊ + 2) and 1/(N₋ + 2), which keep A finite also when the score separates the labels. Newton's method to 1e-13.
 *
 * @param columns score: log-odds or any real score f; weights count as repetitions, in N₊ and N₋ too.
 * @returns refused with one class, one distinct score, or no convergence.
 */
export function fitPlatt(columns: ScoredColumns): Result<PlattCalibration> {
  const { label, score, weight, order, positives, negatives } = scoredRows(columns);
  if (!(positives > 0 && negatives > 0)) return refuse(ONE_CLASS);
  if (score[order[0]!] === score[order[order.length - 1]!]) return refuse('all scores are equal: nothing to calibrate');
  const [high, low] = [(positives + 1) / (positives + 2), 1 / (negatives + 2)];
  const target = label.map((y) => (y === 1 ? high : low));
  const prior = Math.log((positives + 1) / (negatives + 1));
  const line = logitLine(score, target, weight, { intercept: prior, slope: 0 }, false);
  if (line === null) return refuse('the calibration did not converge; bring the scores to an ordinary scale first');
  return { ok: true, value: { method: 'platt', A: -line.slope, B: -line.intercept } };
}

/**
 * Isotonic regression: the ascending step heights closest to the labels in weighted squares, by pooling adjacent violators (Ayer et al. 1955)
 * after rows of one score were merged to their mean. Each block keeps its first and last score, so that lines join the blocks. O(n log n).
 *
 * @returns refused without rows of positive weight.
 */
export function fitIsotonic(columns: ScoredColumns): Result<IsotonicCalibration> {
  const rows = scoredRows(columns);
  if (!(rows.total > 0)) return refuse('no rows with weight');
  const n = rows.label.length;
  const [events, weight] = [new Float64Array(n), new Float64Array(n)];
  const [first, last] = [new Float64Array(n), new Float64Array(n)];
  let blocks = 0;
  eachTie(rows, (positives, negatives, from) => {
    if (positives + negatives === 0) return;
    events[blocks] = positives;
    weight[blocks] = positives + negatives;
    first[blocks] = last[blocks] = rows.score[rows.order[from]!]!;
    // Compared as products: exact for whole weights. Equal heights pool too, which keeps the thresholds few.
    while (blocks > 0 && events[blocks - 1]! * weight[blocks]! >= events[blocks]! * weight[blocks - 1]!) {
      events[blocks - 1]! += events[blocks]!;
      weight[blocks - 1]! += weight[blocks]!;
      last[blocks - 1] = last[blocks]!;
      blocks--;
    }
    blocks++;
  });
  const [x, y]: [number[], number[]] = [[], []];
  for (let i = 0; i < blocks; i++) {
    const height = events[i]! / weight[i]!;
    x.push(first[i]!);
    y.push(height);
    if (last[i]! > first[i]!) {
      x.push(last[i]!);
      y.push(height);
    }
  }
  return { ok: true, value: { method: 'isotonic', x, y } };
}

/**
 * The calibrated probability of each score; for Platt the same kind of score the calibration was fitted to.
 *
 * @returns in [0, 1]; isotonic answers exactly 0 or 1 beyond ends where only one label was seen.
 */
export function calibrate(calibration: Calibration, scores: Float64Array): Float64Array {
  if (calibration.method === 'platt') {
    const { A, B } = calibration;
    return scores.map((f) => 1 / (1 + Math.exp(A * f + B)));
  }
  const { x, y } = calibration;
  return scores.map((f) => interpolate(x, y, f));
}

function interpolate(x: readonly number[], y: readonly number[], at: number): number {
  if (at <= x[0]!) return y[0]!;
  if (at >= x[x.length - 1]!) return y[y.length - 1]!;
  let [low, high] = [0, x.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (x[middle]! <= at) low = middle;
    else high = middle;
  }
  const share = (at - x[low]!) / (x[high]! - x[low]!);
  return y[low]! + share * (y[high]! - y[low]!);
}
