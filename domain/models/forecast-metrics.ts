// How far forecasts of amounts are from what came: point, quantile and interval scores. A zero denominator answers null, never Infinity.
import { type Measured, measured, unmeasured } from './scored-rows.ts';

/** Weighted mean of a term per row; every row counts once without weights. */
function mean(n: number, term: (i: number) => number, weight?: Float64Array): Measured {
  let [sum, total] = [0, 0];
  for (let i = 0; i < n; i++) {
    const w = weight ? weight[i]! : 1;
    // A row that does not count may not break the others either.
    if (w === 0) continue;
    sum += w * term(i);
    total += w;
  }
  return total > 0 ? measured(sum / total) : unmeasured('no rows');
}

function sameLength(...columns: (Float64Array | undefined)[]): number {
  const n = columns[0]!.length;
  if (columns.some((column) => column !== undefined && column.length !== n))
    throw new RangeError('columns must be of one length');
  return n;
}

/** Mean |actual − forecast| in the unit of the actuals. */
export const meanAbsoluteError = (actual: Float64Array, forecast: Float64Array, weight?: Float64Array): Measured =>
  mean(sameLength(actual, forecast, weight), (i) => Math.abs(actual[i]! - forecast[i]!), weight);

/** Mean of forecast − actual, in the unit of the actuals: above 0 when the forecasts are too high. */
export const meanError = (actual: Float64Array, forecast: Float64Array, weight?: Float64Array): Measured =>
  mean(sameLength(actual, forecast, weight), (i) => forecast[i]! - actual[i]!, weight);

/** √ mean (actual − forecast)², in the unit of the actuals; ruled by the largest misses. */
export function rootMeanSquaredError(actual: Float64Array, forecast: Float64Array, weight?: Float64Array): Measured {
  const squared = mean(sameLength(actual, forecast, weight), (i) => (actual[i]! - forecast[i]!) ** 2, weight);
  return squared.value === null ? squared : measured(Math.sqrt(squared.value));
}

/** Mean |actual − forecast| / |actual| as a share; null when an actual is 0. */
export const mape = (actual: Float64Array, forecast: Float64Array, weight?: Float64Array): Measured =>
  actual.includes(0)
    ? unmeasured('an actual value is 0: a relative error is not defined; use wape')
    : mean(sameLength(actual, forecast, weight), (i) => Math.abs((actual[i]! - forecast[i]!) / actual[i]!), weight);

/** MAPE over the rows whose actual is not 0, and how many they are (by weight): what came of the others says nothing in it. */
export function mapeWhereNonZero(
  actual: Float64Array,
  forecast: Float64Array,
  weight?: Float64Array,
): { error: Measured; n: number } {
  const counts = actual.map((value, i) => (value === 0 ? 0 : weight ? weight[i]! : 1));
  const error = mean(
    sameLength(actual, forecast, weight),
    (i) => Math.abs((actual[i]! - forecast[i]!) / actual[i]!),
    counts,
  );
  const n = counts.reduce((sum, each) => sum + each, 0);
  return { error: n > 0 ? error : unmeasured('all actual values are 0'), n };
}

/** Symmetric MAPE in percent, 0 to 200, as in the M4 competition: mean 200 |a − f| / (|a| + |f|); a row of two zeros counts 0. */
export const smape = (actual: Float64Array, forecast: Float64Array, weight?: Float64Array): Measured =>
  mean(
    sameLength(actual, forecast, weight),
    (i) => {
      const scale = Math.abs(actual[i]!) + Math.abs(forecast[i]!);
      return scale === 0 ? 0 : (200 * Math.abs(actual[i]! - forecast[i]!)) / scale;
    },
    weight,
  );

/**
 * Mean absolute scaled error: MAE over the in-sample MAE of the naive forecast "as `season` steps before". Hyndman & Koehler (2006).
 *
 * @returns null when the training series has no such pair or never changes.
 */
export function mase(actual: Float64Array, forecast: Float64Array, train: Float64Array, season = 1): Measured {
  const error = meanAbsoluteError(actual, forecast);
  const naive = mean(Math.max(0, train.length - season), (i) => Math.abs(train[i + season]! - train[i]!));
  if (error.value === null) return error;
  if (naive.value === null) return unmeasured('the training series is not longer than the season');
  if (naive.value === 0) return unmeasured('the training series never changes: the naive error is 0');
  return measured(error.value / naive.value);
}

/** Weighted absolute percentage error Σ|a − f| / Σ|a| as a share; null when all actuals are 0. */
export function wape(actual: Float64Array, forecast: Float64Array, weight?: Float64Array): Measured {
  const error = meanAbsoluteError(actual, forecast, weight);
  const scale = mean(actual.length, (i) => Math.abs(actual[i]!), weight);
  if (error.value === null) return error;
  return scale.value ? measured(error.value / scale.value) : unmeasured('all actual values are 0');
}

/** Pinball loss of a quantile forecast: mean max(τ(a − q), (τ − 1)(a − q)). @param tau in (0, 1). */
export const pinballLoss = (
  actual: Float64Array,
  quantile: Float64Array,
  tau: number,
  weight?: Float64Array,
): Measured =>
  mean(
    sameLength(actual, quantile, weight),
    (i) => {
      const miss = actual[i]! - quantile[i]!;
      return Math.max(tau * miss, (tau - 1) * miss);
    },
    weight,
  );

/**
 * Interval score of Winkler (1972), Gneiting & Raftery (2007): width + 2/(1 − level) · distance outside; and the share of actuals inside.
 *
 * @param level nominal coverage in (0, 1), e.g. 0.8 for the 10 % to 90 % interval.
 */
export function intervalScore(
  actual: Float64Array,
  lower: Float64Array,
  upper: Float64Array,
  level: number,
  weight?: Float64Array,
): { score: Measured; coverage: Measured } {
  const n = sameLength(actual, lower, upper, weight);
  const score = (i: number) => {
    const outside = Math.max(lower[i]! - actual[i]!, actual[i]! - upper[i]!, 0);
    return upper[i]! - lower[i]! + (2 / (1 - level)) * outside;
  };
  return {
    score: mean(n, score, weight),
    coverage: mean(n, (i) => (actual[i]! >= lower[i]! && actual[i]! <= upper[i]! ? 1 : 0), weight),
  };
}
