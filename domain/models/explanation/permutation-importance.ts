// How much worse predictions get when a feature's values are dealt out at random: the expectation over ALL permutations, so without noise.
import type { FeatureTable } from '../feature-encoding.ts';
import { checkRows, columnOf, distinctValues, type Predict, withConstant } from './predict.ts';

export type Loss = 'brier' | 'log-loss';

export interface Importance {
  feature: string;
  /** Expected loss with the feature dealt out, less the loss with it: above 0 when the model leans on it rightly. */
  importance: number;
  /** Expected loss with the feature dealt out. */
  loss: number;
  /** False where the values were sampled in strata, because all pairs were too many. */
  exact: boolean;
}

export interface ImportanceOptions {
  loss: Loss;
  weight?: Float64Array | undefined;
  /** Predictions per feature beyond which values are sampled: 20 million, seconds of work. */
  mostPredictions?: number | undefined;
}

/** Log loss keeps probabilities this far from 0 and 1, as the metric does. */
const EPSILON = 1e-15;
export const losses: Record<Loss, (p: number, y: number) => number> = {
  brier: (p, y) => (p - y) ** 2,
  'log-loss': (p, y) => -Math.log(Math.max(EPSILON, y === 1 ? p : 1 - p)),
};

/**
 * Exact permutation importance of source columns for any model (Breiman 2001; Fisher, Rudin & Dominici 2019, the "complete" estimate).
 *
 * Under a uniformly random permutation each row gets each row's value with probability 1/n, its own included, and the loss is a sum over rows, so
 * the mean over all n! permutations is the mean over all n² pairs; rows with equal values share a prediction, so the cost is rows × distinct
 * values. A source column goes as a whole, with all columns it is encoded to.
 *
 * @param predict probabilities of a table.  @param features columns to measure.
 * @returns in the order of `features`, with the loss as it stands.
 */
export function permutationImportance(
  predict: Predict,
  table: FeatureTable,
  features: readonly string[],
  label: Float64Array,
  { loss, weight, mostPredictions = 20_000_000 }: ImportanceOptions,
): { loss: number; importances: Importance[] } {
  const weights = checkRows(label, weight);
  const total = weights.reduce((sum, w) => sum + w, 0);
  const mean = (p: Float64Array) => {
    let sum = 0;
    for (let i = 0; i < label.length; i++) if (weights[i]! > 0) sum += weights[i]! * losses[loss](p[i]!, label[i]!);
    return sum / total;
  };
  const now = mean(predict(table));
  const importances = features.map((feature): Importance => {
    const all = distinctValues(columnOf(table, feature), weights);
    const most = Math.max(1, Math.floor(mostPredictions / Math.max(1, label.length)));
    const exact = all.length <= most;
    const values = exact ? all : strata(all, total, most);
    const share = values.reduce((sum, each) => sum + each.weight, 0);
    let permuted = 0;
    for (const { value, weight: w } of values)
      permuted += (w / share) * mean(predict(withConstant(table, feature, value, label.length)));
    return { feature, loss: permuted, importance: permuted - now, exact };
  });
  return { loss: now, importances };
}

/** The values in the middle of `count` equal shares of the weight, in the order of the values. */
export function strata<Value>(sorted: readonly { value: Value; weight: number }[], total: number, count: number) {
  const chosen: { value: Value; weight: number }[] = [];
  let [at, passed] = [0, sorted[0]!.weight];
  for (let k = 0; k < count; k++) {
    const middle = ((k + 0.5) * total) / count;
    while (passed < middle && at < sorted.length - 1) passed += sorted[++at]!.weight;
    chosen.push({ value: sorted[at]!.value, weight: total / count });
  }
  return chosen;
}
