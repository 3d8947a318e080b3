// Two scores, or two forecasts, on the same rows: the statistics that the paired bootstrap draws again and again.
import { brierScore, calibrationError, logLoss, reliabilityBins } from './calibration-metrics.ts';
import { meanAbsoluteError, rootMeanSquaredError, wape } from './forecast-metrics.ts';
import type { PairedStatistic } from './paired-bootstrap.ts';
import { type Offer, profitCurve } from './ranking-curves.ts';
import { auc, averagePrecision, ksDistance, lift } from './ranking-metrics.ts';
import { type Measured, type ScoredRows, scoredRows } from './scored-rows.ts';
import { valueConcentration } from './value-metrics.ts';

/** The same rows in the same order under other weights: no sorting again. */
function reweighted(rows: ScoredRows, weight: Float64Array): ScoredRows {
  let [positives, negatives] = [0, 0];
  for (let i = 0; i < weight.length; i++)
    if (rows.label[i] === 1) positives += weight[i]!;
    else negatives += weight[i]!;
  return { ...rows, weight, positives, negatives, total: positives + negatives };
}

/** Statistics of two scores against one label. `bestProfit` is the profit at each score's own best cut. */
export function scoreStatistics(
  label: Float64Array,
  first: Float64Array,
  second: Float64Array,
  offer?: Offer,
): Record<string, PairedStatistic> {
  const pair = [scoredRows({ label, score: first }), scoredRows({ label, score: second })] as const;
  const of =
    (metric: (rows: ScoredRows) => Measured): PairedStatistic =>
    (weight) => [metric(reweighted(pair[0], weight)).value, metric(reweighted(pair[1], weight)).value];
  return {
    auc: of(auc),
    averagePrecision: of((rows) => {
      const { value, reason } = averagePrecision(rows);
      return value === null ? { value, reason } : { value: value.averagePrecision };
    }),
    ks: of(ksDistance),
    liftTopDecile: of(lift),
    brier: of(brierScore),
    logLoss: of(logLoss),
    ece: of((rows) => {
      const { value, reason } = reliabilityBins(rows, 'equal-width');
      return value === null ? { value, reason } : { value: calibrationError(value).ece };
    }),
    ...(offer && {
      bestProfit: of((rows) => {
        const { value, reason } = profitCurve(rows, offer, 2);
        return value === null ? { value, reason } : { value: value.best.profit };
      }),
    }),
  };
}

/** Statistics of two forecasts of one column of amounts. */
export function forecastStatistics(
  actual: Float64Array,
  first: Float64Array,
  second: Float64Array,
): Record<string, PairedStatistic> {
  const of =
    (metric: (forecast: Float64Array, weight: Float64Array) => number | null): PairedStatistic =>
    (weight) => [metric(first, weight), metric(second, weight)];
  return {
    mae: of((forecast, weight) => meanAbsoluteError(actual, forecast, weight).value),
    rmse: of((forecast, weight) => rootMeanSquaredError(actual, forecast, weight).value),
    wape: of((forecast, weight) => wape(actual, forecast, weight).value),
    giniNormalised: of((forecast, weight) => valueConcentration(actual, forecast, weight).value?.normalised ?? null),
  };
}
