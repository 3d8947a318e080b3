// Spearman's rank correlation: Pearson's of the ranks, ties at their mean (Spearman 1904).
import { argsort } from './argsort.ts';

/** Ranks 1 …, ties at their mean. @param values without NaN. */
export function ranks(values: Float64Array): Float64Array {
  const order = argsort(values);
  const out = new Float64Array(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    for (let i = from; i < to; i++) out[order[i]!] = (from + to + 1) / 2;
    from = to;
  }
  return out;
}

/**
 * In [−1, 1]; null where one side does not vary. O(n log n).
 *
 * @param x @param y of one length, without NaN.
 * @example rankCorrelation(Float64Array.of(1, 2, 3), Float64Array.of(10, 40, 20)) // 0.5
 */
export function rankCorrelation(x: Float64Array, y: Float64Array): number | null {
  const [a, b] = [ranks(x), ranks(y)];
  const mean = (a.length + 1) / 2;
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += (a[i]! - mean) * (b[i]! - mean);
    aa += (a[i]! - mean) ** 2;
    bb += (b[i]! - mean) ** 2;
  }
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : null;
}
