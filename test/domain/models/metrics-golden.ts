// The shape of a block of published metrics, and how ours are held to it.
import { expect } from 'vitest';
import type { ReliabilityBin } from '#domain/models/calibration-metrics.ts';
import type { ScoreMetrics } from '#domain/models/metrics.ts';
import { worst } from '../../support/close.ts';

interface Ece {
  ece: number;
  mce: number;
  bins_n_meanp_ratey: [number, number, number][];
}

export interface PublishedMetrics {
  auc: number;
  average_precision: number;
  pr_auc_trapezoid: number;
  brier: number;
  brier_skill: number;
  log_loss: number;
  calibration: Record<'slope' | 'intercept' | 'slope_se' | 'intercept_se', number> & {
    calibration_in_the_large: number;
    observed_over_expected: number;
  };
  ece10_equal_width: Ece;
  ece10_equal_count: Ece;
  ks: number;
  lift_top_decile: number;
  gini: number;
  prevalence: number;
  n: number;
}

export interface PublishedCurve {
  x_thresholds: number[];
  y_thresholds: number[];
  fitted?: number[];
  grid: number[];
  grid_pred: number[];
}

/** Relative, and absolute at the same size for values that are 0 but for rounding. @returns the worst error, for the record. */
export function expectMetrics(ours: ScoreMetrics, published: PublishedMetrics, tolerance: number): number {
  const { calibration, ece10_equal_width: width, ece10_equal_count: count } = published;
  const pairs: [number | null, number][] = [
    [ours.auc, published.auc],
    [ours.averagePrecision, published.average_precision],
    [ours.prAucTrapezoid, published.pr_auc_trapezoid],
    [ours.brier, published.brier],
    [ours.brierSkill, published.brier_skill],
    [ours.logLoss, published.log_loss],
    [ours.calibrationSlope, calibration.slope],
    [ours.calibrationIntercept, calibration.intercept],
    [ours.calibrationSlopeSe, calibration.slope_se],
    [ours.calibrationInterceptSe, calibration.intercept_se],
    [ours.calibrationInTheLarge, calibration.calibration_in_the_large],
    [ours.observedOverExpected, calibration.observed_over_expected],
    [ours.ks, published.ks],
    [ours.liftTopDecile, published.lift_top_decile],
    [ours.gini, published.gini],
    [ours.prevalence, published.prevalence],
    [ours.n, published.n],
    [ours.ece, width.ece],
    [ours.mce, width.mce],
    [ours.eceEqualCount, count.ece],
    [ours.mceEqualCount, count.mce],
    ...bins(ours.reliability!, width),
    ...bins(ours.reliabilityEqualCount!, count),
  ];
  return worst(pairs, tolerance);
}

function bins(ours: ReliabilityBin[], { bins_n_meanp_ratey: published }: Ece): [number, number][] {
  expect(ours.map(({ n }) => n)).toEqual(published.map(([n]) => n));
  return ours.flatMap(({ meanScore, rate }, i): [number, number][] => [
    [meanScore, published[i]![1]],
    [rate, published[i]![2]],
  ]);
}
