// One cut-off of a backtest against a golden of calibration and holdout (lifetimes 0.11.3): fits, errors, means by frequency, tracking.
import { expect } from 'vitest';
import type { ValueMetrics } from '#processors/backtest/value-cutoff.ts';
import type { CalibrationGolden } from '../domain/models/golden-suites.ts';
import { worst } from './close.ts';

/** @returns the worst relative error of each part. */
export function expectGolden(metrics: ValueMetrics, golden: CalibrationGolden): Record<string, number> {
  const { fits, purchases, tracking, customers } = metrics;
  expect(customers).toBe(golden.n);
  const bg = fits.find((fit) => fit.model === 'bg-nbd')!;
  if (bg.params === null) throw new Error(bg.reason);
  const named = (of: Record<string, number>, from: Record<string, number>) =>
    Object.entries(of).map(([name, value]) => [from[name], value] as const);
  const errors = (model: string) => {
    const found = purchases.models[model]!;
    return {
      mae: found.mae!,
      rmse: found.rmse!,
      total_predicted: found.forecastTotal,
      total_actual: found.actualTotal,
      pct_error: 100 * found.totalError!,
      pearson: found.correlation!,
    };
  };
  const metricsOf = (model: string, of: Record<string, number>) => named(of, errors(model));
  expect(purchases.byFrequency.map(({ x, n }) => ({ x, n }))).toEqual(
    golden.by_frequency.map(({ x, n }) => ({ x, n })),
  );
  const result: Record<string, number> = {
    params: worst(named({ ...golden.params_mle }, bg.params), 1e-6),
    logLikelihood: worst([[bg.logLikelihood, golden.log_likelihood]], 1e-9),
    'bg-nbd': worst(metricsOf('bg-nbd', golden.metrics_bgnbd), 1e-6),
    // The peer's own optimum is some 1e-6 off: where the polished one is published, that.
    'mbg-nbd': worst(metricsOf('mbg-nbd', golden.mbgnbd_mle?.metrics ?? golden.metrics_mbgnbd), 1e-6),
    naive: worst(metricsOf('naive', golden.metrics_naive_rate_x_over_T), 1e-6),
    byFrequency: worst(
      golden.by_frequency.flatMap(({ actual_mean, predicted_mean }, i) => {
        const { actual, forecast } = purchases.byFrequency[i]!;
        return [
          [actual, actual_mean],
          [forecast['bg-nbd'], predicted_mean],
        ] as const;
      }),
      1e-6,
    ),
  };
  if (golden.tracking) {
    const { weeks, expected_cumulative, actual_cumulative } = golden.tracking;
    // Our last week ends with the horizon, the peer's a day later.
    const whole = tracking.weeks.filter((week, i) => week === weeks[i]).length;
    expect(whole).toBeGreaterThanOrEqual(weeks.length - 1);
    expect(tracking.actual.slice(0, whole)).toEqual(actual_cumulative.slice(0, whole));
    result.tracking = worst(
      expected_cumulative.slice(0, whole).map((value, i) => [tracking.expected['bg-nbd']![i], value] as const),
      1e-6,
    );
  }
  return result;
}
