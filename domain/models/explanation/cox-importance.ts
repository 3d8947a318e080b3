// What a Cox model of subscriptions leans on: how much its foretold curves get worse when a covariate is dealt out at random, over all permutations; and the
// prediction by which partial dependence is taken.
import { type ChurnCox, hazardTo } from '../churn-model.ts';
import { encodedNames, encodeFeatures, type FeatureTable } from '../feature-encoding.ts';
import { type Importance, strata } from './permutation-importance.ts';
import { distinctValues, type Predict } from './predict.ts';

/** Subscribers at one moment, and what became of them within the horizon: everybody's fate in it is known. */
export interface JudgedSubscribers {
  /** What the model reads, by source column. */
  table: FeatureTable;
  /** Days under contract at that moment. */
  age: Float64Array;
  /** Days from it to the end of the contract, > 0; Infinity where it did not end within the horizon. */
  lostAfter: Float64Array;
}

/** Days at which a foretold curve is held against what came, at most. */
const MOST_DAYS = 30;
/** Exponentials a feature, about half a second. */
const MOST_EXPONENTIALS = 10_000_000;

/**
 * Days on which contracts ended, and the horizon, ascending; of many so many, evenly chosen. Between them nobody was seen to end: where a table or a bill
 * told of all ends at once, a curve that rises before is not wrong.
 */
export function judgedDays(lostAfter: Float64Array, horizonDays: number): number[] {
  const ends = new Set(lostAfter.filter((day) => day < horizonDays));
  const days = [...Float64Array.from(ends).sort(), horizonDays];
  const count = Math.min(MOST_DAYS, days.length);
  return Array.from({ length: count }, (_, k) => days[Math.ceil(((k + 1) * days.length) / count) - 1]!);
}

/**
 * Exact permutation importance of each source column by the integrated Brier score: the mean over the days t on which contracts ended, and the horizon, of
 * (1[lost by t] − P(lost by t))² (Graf et al. 1999; nobody is censored within the horizon, so no row is weighed). As in `permutationImportance` the mean over all permutations is the
 * mean over all pairs; a covariate moves the log hazard ratio alone, so a pair costs one exponential a day.
 *
 * @returns in the order of the encoding, with the score as it stands; `exact` is false where effects were sampled in strata.
 * @throws RangeError for no rows, or columns of other lengths.
 */
export function coxImportance(
  { cox, encoding }: ChurnCox,
  { table, age, lostAfter }: JudgedSubscribers,
  horizonDays: number,
): { loss: number; importances: Importance[] } {
  const n = age.length;
  if (n === 0) throw new RangeError('no subscriber to judge by');
  if (lostAfter.length !== n) throw new RangeError(`${lostAfter.length} outcomes for ${n} subscribers`);
  const days = judgedDays(lostAfter, horizonDays);
  const effects = effectsOf({ cox, encoding }, table, n);
  const risk = riskOf(effects, n);
  const hazard = Float64Array.from({ length: n * days.length }, (_, at) => {
    const [i, k] = [Math.floor(at / days.length), at % days.length];
    return hazardBetween(cox, age[i]!, days[k]!);
  });
  /** Of a row whose hazard ratio is `ratio`, Σ over the days. */
  const rowLoss = (i: number, ratio: number): number => {
    let sum = 0;
    for (let k = 0; k < days.length; k++) {
      const stays = Math.exp(-hazard[i * days.length + k]! * ratio);
      const miss = lostAfter[i]! <= days[k]! ? stays : 1 - stays;
      sum += miss * miss;
    }
    return sum;
  };
  let now = 0;
  for (let i = 0; i < n; i++) now += rowLoss(i, Math.exp(risk[i]!));
  now /= n * days.length;
  const weights = new Float64Array(n).fill(1);
  const most = Math.max(1, Math.floor(MOST_EXPONENTIALS / (n * days.length)));
  const importances = encoding.map(({ column }, j): Importance => {
    const own = effects[j]!;
    const all = distinctValues(own, weights);
    const exact = all.length <= most;
    const dealt = (exact ? all : strata(all, n, most)).map(({ value, weight }) => ({
      ratio: Math.exp(Number(value)),
      weight,
    }));
    const total = dealt.reduce((sum, { weight }) => sum + weight, 0);
    let permuted = 0;
    for (let i = 0; i < n; i++) {
      const rest = Math.exp(risk[i]! - own[i]!);
      for (const { ratio, weight } of dealt) permuted += weight * rowLoss(i, rest * ratio);
    }
    permuted /= total * n * days.length;
    return { feature: column, loss: permuted, importance: permuted - now, exact };
  });
  return { loss: now, importances };
}

/** P(lost within the horizon) of subscribers of these ages, by what the model reads of them. */
export const coxPrediction =
  ({ cox, encoding }: ChurnCox, age: Float64Array, horizonDays: number): Predict =>
  (table) => {
    const risk = riskOf(effectsOf({ cox, encoding }, table, age.length), age.length);
    return risk.map((lnRatio, i) => 1 - Math.exp(-hazardBetween(cox, age[i]!, horizonDays) * Math.exp(lnRatio)));
  };

/** Cumulative baseline hazard in (age, age + days]. */
const hazardBetween = ({ baseline }: ChurnCox['cox'], age: number, days: number): number =>
  hazardTo(baseline[0]!, age + days) - hazardTo(baseline[0]!, age);

/** ln of the hazard ratio against the means, by row: what the source columns add together. */
const riskOf = (effects: readonly Float64Array[], n: number): Float64Array =>
  Float64Array.from({ length: n }, (_, i) => effects.reduce((sum, effect) => sum + effect[i]!, 0));

/** What each source column adds to the log hazard ratio, by row. @throws RangeError for columns of another length. */
function effectsOf({ cox, encoding }: Pick<ChurnCox, 'cox' | 'encoding'>, table: FeatureTable, n: number) {
  const { features } = encodeFeatures(table, encoding);
  let at = 0;
  return encoding.map((feature): Float64Array => {
    const effect = new Float64Array(n);
    for (const _ of encodedNames([feature])) {
      const [coef, mean, values] = [cox.coefficients[at]!.coef ?? 0, cox.means[at]!, features[at]!];
      if (values.length !== n) throw new RangeError(`column '${feature.column}' has ${values.length} rows of ${n}`);
      for (let i = 0; i < n; i++) effect[i]! += coef * (values[i]! - mean);
      at++;
    }
    return effect;
  });
}
