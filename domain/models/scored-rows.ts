// Labels, scores and weights of one evaluation, checked once and ordered once; every metric reads them from here.
import { argsort } from '../numerics/argsort.ts';
import { RowError } from './fit.ts';

/** One row per case; columns of one length. */
export interface ScoredColumns {
  /** 1 for the event, 0 for none. */
  label: Float64Array;
  /** Any finite number for ranking; a probability in [0, 1] for everything that measures calibration. */
  score: Float64Array;
  /** How many times the row counts, ≥ 0; 1 when absent. */
  weight?: Float64Array | undefined;
}

export interface ScoredRows {
  label: Float64Array;
  score: Float64Array;
  weight: Float64Array;
  /** Rows by ascending score; rows of one score stay in file order. */
  order: Uint32Array;
  /** Sums of weight: of the events, of the others, of all. */
  positives: number;
  negatives: number;
  total: number;
}

/** A metric, or null with why it is not defined for these rows. */
export type Measured<Value = number> = { value: Value; reason?: undefined } | { value: null; reason: string };

export const measured = <Value>(value: Value): { value: Value } => ({ value });
export const unmeasured = (reason: string): { value: null; reason: string } => ({ value: null, reason });

export const ONE_CLASS = 'all labels are equal: there is nothing to tell apart';

/**
 * Checks and orders the rows.
 *
 * @throws RangeError when the columns differ in length; RowError for a label that is not 0 or 1, a score that is not finite, a weight that is
 * not a finite number ≥ 0.
 */
export function scoredRows({ label, score, weight }: ScoredColumns): ScoredRows {
  const n = label.length;
  if (score.length !== n || (weight !== undefined && weight.length !== n))
    throw new RangeError(
      `columns of ${n}, ${score.length} and ${weight?.length ?? n} rows: they must be of one length`,
    );
  const weights = weight ?? new Float64Array(n).fill(1);
  let positives = 0;
  let negatives = 0;
  for (let i = 0; i < n; i++) {
    const w = weights[i]!;
    if (!(w >= 0 && w < Number.POSITIVE_INFINITY)) throw new RowError(i, 'weight', `${w} is not a finite number ≥ 0`);
    if (!Number.isFinite(score[i]!)) throw new RowError(i, 'score', `${score[i]} is not a finite number`);
    if (label[i] === 1) positives += w;
    else if (label[i] === 0) negatives += w;
    else throw new RowError(i, 'label', `${label[i]} is not 0 or 1`);
  }
  return {
    label,
    score,
    weight: weights,
    order: argsort(score),
    positives,
    negatives,
    total: positives + negatives,
  };
}

/** Calls `visit` for each distinct score in ascending order with the weight of its events and of the others. */
export function eachTie(
  rows: ScoredRows,
  visit: (positives: number, negatives: number, from: number, to: number) => void,
) {
  const { count, start, positives, negatives } = tiesOf(rows);
  for (let tie = 0; tie < count; tie++) visit(positives[tie]!, negatives[tie]!, start[tie]!, start[tie + 1]!);
}

interface Ties {
  count: number;
  /** Where each distinct score begins in the order, and the end. */
  start: Uint32Array;
  positives: Float64Array;
  negatives: Float64Array;
}

/** Reading rows in order of the score jumps about in memory: done once for all metrics of the same rows. */
const known = new WeakMap<ScoredRows, Ties>();

/** Distinct scores in ascending order, with the weight of their events and of the others. */
export function tiesOf(rows: ScoredRows): Ties {
  const found = known.get(rows) ?? findTies(rows);
  known.set(rows, found);
  return found;
}

/** First all jumps about in memory, with no decision that would have to wait for one; then ties in sequence: three times as fast as both at once. */
function findTies({ label, score, weight, order }: ScoredRows): Ties {
  const n = order.length;
  const [sorted, all, ofEvents] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
  for (let at = 0; at < n; at++) {
    const row = order[at]!;
    const w = weight[row]!;
    sorted[at] = score[row]!;
    all[at] = w;
    ofEvents[at] = label[row]! * w;
  }
  const start = new Uint32Array(n + 1);
  const [positives, negatives] = [new Float64Array(n), new Float64Array(n)];
  let tie = -1;
  let value = Number.NaN;
  for (let at = 0; at < n; at++) {
    const next = sorted[at]!;
    if (next !== value) {
      start[++tie] = at;
      value = next;
    }
    positives[tie]! += ofEvents[at]!;
    negatives[tie]! += all[at]! - ofEvents[at]!;
  }
  start[tie + 1] = n;
  return { count: tie + 1, start, positives, negatives };
}
