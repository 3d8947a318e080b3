// Where a Brier score comes from: how far off the bins are, how far they part, and how uncertain the outcome is anyway.
import { brierScore, type ReliabilityBin, reliabilityBins } from './calibration-metrics.ts';
import { type Measured, measured, type ScoredRows, unmeasured } from './scored-rows.ts';

export interface BrierDecomposition {
  /** Mean squared distance of event rate and mean score of a bin: 0 is perfect. */
  reliability: number;
  /** Mean squared distance of the bins' event rates from the overall one: more is better. */
  resolution: number;
  /** prevalence · (1 − prevalence): the Brier score of the constant prevalence. */
  uncertainty: number;
  /** Mean variance of the score within a bin. */
  withinVariance: number;
  /** Mean covariance of score and label within a bin. */
  withinCovariance: number;
}

/**
 * Brier = reliability − resolution + uncertainty + withinVariance − 2·withinCovariance, exactly.
 *
 * Murphy (1973); the two terms within bins, without which binned scores do not add up, by Stephenson, Coelho & Jolliffe (2008), Weather and
 * Forecasting 23, 752–757. Ten bins of equal width.
 * @returns null when a score is no probability.
 */
export function brierDecomposition(rows: ScoredRows, bins = 10): Measured<BrierDecomposition> {
  const brier = brierScore(rows);
  if (brier.value === null) return brier;
  const found = reliabilityBins(rows, 'equal-width', bins);
  if (found.value === null) return found;
  const { label, score, weight, positives, negatives, total } = rows;
  const [meanScore, rate] = [new Float64Array(bins), new Float64Array(bins)];
  let [reliability, resolution] = [0, 0];
  for (const each of found.value) {
    meanScore[each.bin] = each.meanScore;
    rate[each.bin] = each.rate;
    reliability += (each.n * (each.rate - each.meanScore) ** 2) / total;
    resolution += (each.n * (each.rate - positives / total) ** 2) / total;
  }
  let [variance, covariance] = [0, 0];
  for (let i = 0; i < label.length; i++) {
    const bin = Math.min(bins - 1, Math.floor(score[i]! * bins));
    const off = score[i]! - meanScore[bin]!;
    variance += weight[i]! * off * off;
    covariance += weight[i]! * off * (label[i]! - rate[bin]!);
  }
  return measured({
    reliability,
    resolution,
    uncertainty: (positives / total) * (negatives / total),
    withinVariance: variance / total,
    withinCovariance: covariance / total,
  });
}

/**
 * The expected calibration error that chance alone gives a perfectly calibrated score in these bins: Σ share · √(2/π · p(1 − p)/n), the mean of a
 * half-normal distance per bin. A calibration error near it says nothing against the score.
 *
 * @param bins as from `reliabilityBins`; p is the bin's mean score.
 */
export function calibrationErrorByChance(bins: readonly ReliabilityBin[]): Measured {
  const total = bins.reduce((sum, { n }) => sum + n, 0);
  if (!(total > 0)) return unmeasured('no rows with weight');
  const sum = bins.reduce(
    (all, { n, meanScore: p }) => all + n * Math.sqrt((2 / Math.PI) * Math.max(0, (p * (1 - p)) / n)),
    0,
  );
  return measured(sum / total);
}
