// Everything `evaluate --kind forecast` says about forecasts of value: how far off, how biased, how well they rank, how honest their intervals.
import { argsort } from '../numerics/argsort.ts';
import { wilson } from './calibration-metrics.ts';
import { RowError } from './fit.ts';
import {
  intervalScore,
  mape,
  mapeWhereNonZero,
  meanAbsoluteError,
  meanError,
  pinballLoss,
  rootMeanSquaredError,
  smape,
  wape,
} from './forecast-metrics.ts';
import { type Measured, measured, unmeasured } from './scored-rows.ts';

/** One row per customer (or period); amounts in one unit; columns of one length. */
export interface ForecastColumns {
  actual: Float64Array;
  forecast: Float64Array;
  /** How many times the row counts, ≥ 0; 1 when absent. */
  weight?: Float64Array | undefined;
  /** A forecast to beat, e.g. past value carried forward. */
  naive?: Float64Array | undefined;
  /** Central interval of the forecast and its nominal coverage. */
  interval?: { lower: Float64Array; upper: Float64Array; level: number } | undefined;
  /** Forecasts of quantiles, by level in (0, 1). */
  quantiles?: { level: number; value: Float64Array }[] | undefined;
}

export interface Concentration {
  /** Gini of the actual value when customers stand in the order of the forecast: 0 is no order, above 0 the right way round. */
  gini: number;
  /** That over the Gini of the perfect order: 1 is perfect. */
  normalised: number;
  /** Share of the actual value held by the tenth with the highest forecasts, and by the tenth with the highest actuals. */
  topTenth: number;
  topTenthPerfect: number;
}

/**
 * How well forecasts rank customers by value: areas between the concentration curve and the diagonal, and what the best tenth holds.
 *
 * Customers of one forecast share the place between them. @returns null when the total is not positive, a value is negative, or all are equal.
 */
export function valueConcentration(
  actual: Float64Array,
  forecast: Float64Array,
  weight: Float64Array = new Float64Array(actual.length).fill(1),
): Measured<Concentration> {
  if (actual.some((value, i) => value < 0 && weight[i]! > 0))
    return unmeasured('an actual value is negative: a share of the total is not defined');
  const [byForecast, perfect] = [ranked(actual, forecast, weight), ranked(actual, actual, weight)];
  if (!(byForecast.value > 0)) return unmeasured('the actual values add up to 0: there is nothing to share');
  // Rounding leaves some 1e-16 of it when all are equal.
  if (!(perfect.gini > 1e-12)) return unmeasured('all actual values are equal: there is nothing to rank');
  return measured({
    gini: byForecast.gini,
    normalised: byForecast.gini / perfect.gini,
    topTenth: byForecast.topTenth,
    topTenthPerfect: perfect.topTenth,
  });
}

/** One pass over the customers from the highest key down. */
function ranked(actual: Float64Array, key: Float64Array, weight: Float64Array) {
  const order = argsort(key);
  let [total, value] = [0, 0];
  for (let i = 0; i < actual.length; i++) {
    total += weight[i]!;
    value += weight[i]! * actual[i]!;
  }
  let [people, amount, area, topTenth] = [0, 0, 0, 0];
  for (let to = order.length; to > 0; ) {
    let from = to;
    let [w, v] = [0, 0];
    while (from > 0 && key[order[from - 1]!] === key[order[to - 1]!]) {
      from--;
      const row = order[from]!;
      w += weight[row]!;
      v += weight[row]! * actual[row]!;
    }
    to = from;
    area += w * (2 * amount + v);
    const wanted = total / 10 - people;
    if (wanted > 0 && w > 0) topTenth += v * Math.min(1, wanted / w);
    people += w;
    amount += v;
  }
  return { value, gini: area / (total * value) - 1, topTenth: topTenth / value };
}

export interface ForecastMetrics {
  n: number;
  /** Σ of the actuals and of the forecasts. */
  actualTotal: number;
  forecastTotal: number;
  /** forecastTotal / actualTotal − 1. */
  totalError: number | null;
  meanError: number | null;
  mae: number | null;
  rmse: number | null;
  wape: number | null;
  mape: number | null;
  /** MAPE over the rows whose actual is not 0, and their number (by weight). */
  mapeNonZero: number | null;
  nonZero: number;
  smape: number | null;
  /** Mean absolute error over that of the naive forecast: below 1 is better. */
  maeOverNaive: number | null;
  /** Pearson's correlation of forecast and actual. */
  correlation: number | null;
  concentration: Concentration | null;
  intervalScore: number | null;
  /** Share of actuals inside the interval, with its 95 % Wilson interval. */
  coverage: number | null;
  coverageLower: number | null;
  coverageUpper: number | null;
  pinball: { level: number; loss: number /** Share of actuals at or under the quantile. */; atOrUnder: number }[];
  /** Why a metric above is null, by its name. */
  undefined: Record<string, string>;
}

/** All metrics of forecasts. @throws RangeError for lengths and levels, RowError for a value that is not finite or an interval upside down. */
export function forecastMetrics(columns: ForecastColumns): ForecastMetrics {
  checkForecasts(columns);
  const { actual, forecast, weight, naive, interval, quantiles = [] } = columns;
  const why: Record<string, string> = {};
  const take = <Value>(names: string[], answer: Measured<Value>): Value | null => {
    if (answer.value === null) for (const name of names) why[name] = answer.reason ?? '';
    return answer.value;
  };
  const counts = weight ?? new Float64Array(actual.length).fill(1);
  const sum = (values: Float64Array) => values.reduce((all, value, i) => all + counts[i]! * value, 0);
  const [n, actualTotal, forecastTotal] = [sum(actual.map(() => 1)), sum(actual), sum(forecast)];
  const mae = take(['mae'], meanAbsoluteError(actual, forecast, weight));
  const scored = interval && intervalScore(actual, interval.lower, interval.upper, interval.level, weight);
  const untold = unmeasured('no interval was told');
  const coverage = take(['coverage', 'coverageLower', 'coverageUpper'], scored?.coverage ?? untold);
  const around = coverage === null ? null : wilson(coverage, n);
  const relative = mapeWhereNonZero(actual, forecast, weight);
  return {
    n: actual.length,
    actualTotal,
    forecastTotal,
    totalError: take(
      ['totalError'],
      actualTotal === 0 ? unmeasured('the actuals add up to 0') : measured(forecastTotal / actualTotal - 1),
    ),
    meanError: take(['meanError'], meanError(actual, forecast, weight)),
    mae,
    rmse: take(['rmse'], rootMeanSquaredError(actual, forecast, weight)),
    wape: take(['wape'], wape(actual, forecast, weight)),
    mape: take(['mape'], mape(actual, forecast, weight)),
    mapeNonZero: take(['mapeNonZero'], relative.error),
    nonZero: relative.n,
    smape: take(['smape'], smape(actual, forecast, weight)),
    maeOverNaive: take(['maeOverNaive'], overNaive(mae, actual, naive, weight)),
    correlation: take(['correlation'], correlation(actual, forecast, counts)),
    concentration: take(['concentration'], valueConcentration(actual, forecast, weight)),
    intervalScore: take(['intervalScore'], scored?.score ?? untold),
    coverage,
    coverageLower: around?.lower ?? null,
    coverageUpper: around?.upper ?? null,
    pinball: quantiles.flatMap(({ level, value }) => {
      const loss = pinballLoss(actual, value, level, weight).value;
      const under = sum(actual.map((a, i) => (a <= value[i]! ? 1 : 0)));
      return loss === null ? [] : [{ level, loss, atOrUnder: under / n }];
    }),
    undefined: why,
  };
}

function correlation(actual: Float64Array, forecast: Float64Array, weight: Float64Array): Measured {
  const total = weight.reduce((sum, w) => sum + w, 0);
  if (!(total > 0)) return unmeasured('no rows');
  const mean = (values: Float64Array) => values.reduce((sum, value, i) => sum + weight[i]! * value, 0) / total;
  const [a, f] = [mean(actual), mean(forecast)];
  let [both, ofActual, ofForecast] = [0, 0, 0];
  for (let i = 0; i < actual.length; i++) {
    const [x, y] = [actual[i]! - a, forecast[i]! - f];
    both += weight[i]! * x * y;
    ofActual += weight[i]! * x * x;
    ofForecast += weight[i]! * y * y;
  }
  const scale = Math.sqrt(ofActual) * Math.sqrt(ofForecast);
  // Rounding leaves some 1e-16 of it in a column that never varies.
  const varies = scale > 1e-12 * total * Math.max(Math.abs(a * f), Number.MIN_VALUE);
  return varies ? measured(Math.max(-1, Math.min(1, both / scale))) : unmeasured('actual or forecast never varies');
}

function overNaive(mae: number | null, actual: Float64Array, naive?: Float64Array, weight?: Float64Array): Measured {
  if (naive === undefined) return unmeasured('no naive forecast was told');
  const error = meanAbsoluteError(actual, naive, weight).value;
  if (mae === null || error === null) return unmeasured('no rows');
  return error > 0 ? measured(mae / error) : unmeasured('the naive forecast has no error');
}

function checkForecasts({ actual, forecast, weight, naive, interval, quantiles = [] }: ForecastColumns): void {
  const named: [string, Float64Array | undefined][] = [
    ['actual', actual],
    ['forecast', forecast],
    ['weight', weight],
    ['naive', naive],
    ['lower', interval?.lower],
    ['upper', interval?.upper],
    ...quantiles.map(({ level, value }): [string, Float64Array] => [`quantile ${level}`, value]),
  ];
  for (const level of [...quantiles.map((each) => each.level), ...(interval ? [interval.level] : [])])
    if (!(level > 0 && level < 1)) throw new RangeError(`level ${level} is not between 0 and 1`);
  for (const [name, column] of named) {
    if (column === undefined) continue;
    if (column.length !== actual.length)
      throw new RangeError(`${name} has ${column.length} rows and actual ${actual.length}`);
    column.forEach((value, i) => {
      if (!Number.isFinite(value)) throw new RowError(i, name, `${value} is not a finite number`);
      if (name === 'weight' && value < 0) throw new RowError(i, name, `${value} is not a finite number ≥ 0`);
    });
  }
  interval?.lower.forEach((low, i) => {
    if (low > interval.upper[i]!) throw new RowError(i, 'lower', `${low} is above the upper end ${interval.upper[i]}`);
  });
}
