// Turning scores into probabilities on rows the model was not fitted to: Platt's sigmoid and isotonic regression.
import { z } from 'zod';
import { type Result, refuse } from '../result.ts';
import { logitLine } from './calibration-metrics.ts';
import { ONE_CLASS, type ScoredColumns, scoredRows, tiesOf } from './scored-rows.ts';

export const calibrationFile = z.discriminatedUnion('method', [
  z.object({ method: z.literal('identity') }),
  z.object({ method: z.literal('platt'), A: z.number(), B: z.number() }),
  z
    .object({
      method: z.literal('isotonic'),
      x: z.array(z.number()).min(1),
      y: z.array(z.number().min(0).max(1)).min(1),
    })
    .refine(({ x, y }) => x.length === y.length, 'x and y are of different lengths')
    .refine(
      ({ x, y }) => x.every((v, i) => i === 0 || (v > x[i - 1]! && y[i]! >= y[i - 1]!)),
      'x or y does not ascend',
    ),
]);

/**
 * How a score f, the log-odds, becomes a probability. JSON.
 *
 * identity: p = 1 / (1 + exp(−f)). platt: p = 1 / (1 + exp(A f + B)), A negative when higher scores mean more events.
 * isotonic: straight lines between the points (x, y), both ascending; flat outside.
 */
export type Calibration = z.infer<typeof calibrationFile>;
export type PlattCalibration = Extract<Calibration, { method: 'platt' }>;
export type IsotonicCalibration = Extract<Calibration, { method: 'isotonic' }>;

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
  const { count, start, positives, negatives } = tiesOf(rows);
  const [events, weight] = [new Float64Array(count), new Float64Array(count)];
  const [first, last] = [new Uint32Array(count), new Uint32Array(count)];
  let blocks = 0;
  for (let tie = 0; tie < count; tie++) {
    let e = positives[tie]!;
    let w = e + negatives[tie]!;
    if (w === 0) continue;
    let from = tie;
    // Compared as products: exact for whole weights. Equal heights pool too, which keeps the thresholds few.
    while (blocks > 0 && events[blocks - 1]! * w >= e * weight[blocks - 1]!) {
      blocks--;
      e += events[blocks]!;
      w += weight[blocks]!;
      from = first[blocks]!;
    }
    events[blocks] = e;
    weight[blocks] = w;
    first[blocks] = from;
    last[blocks++] = tie;
  }
  const scoreOf = (tie: number) => rows.score[rows.order[start[tie]!]!]!;
  const [x, y]: [number[], number[]] = [[], []];
  for (let i = 0; i < blocks; i++) {
    const height = events[i]! / weight[i]!;
    x.push(scoreOf(first[i]!));
    y.push(height);
    if (last[i]! > first[i]!) {
      x.push(scoreOf(last[i]!));
      y.push(height);
    }
  }
  return { ok: true, value: { method: 'isotonic', x, y } };
}

/** The calibrated probability of each score; the same kind of score the calibration was fitted to. */
export const calibrate = (calibration: Calibration, scores: Float64Array): Float64Array =>
  scores.map((f) => calibrateOne(calibration, f));

/** @returns in [0, 1]; isotonic answers exactly 0 or 1 beyond ends where only one label was seen. */
export function calibrateOne(calibration: Calibration, f: number): number {
  switch (calibration.method) {
    case 'identity':
      return 1 / (1 + Math.exp(-f));
    case 'platt':
      return 1 / (1 + Math.exp(calibration.A * f + calibration.B));
    case 'isotonic':
      return interpolate(calibration.x, calibration.y, f);
  }
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
