// What a decision by two scores is judged by, for the paired bootstrap: how far each is off as a probability, and what an offer by it brings.
import type { PairedStatistic } from './paired-bootstrap.ts';
import type { Offer } from './ranking-curves.ts';

/** A figure of one score under given row weights; null where it is not defined. */
type Statistic = (weight: Float64Array) => number | null;

const BINS = 10;
const HALF_NORMAL = Math.sqrt(2 / Math.PI);

export const paired =
  (first: Statistic, second: Statistic): PairedStatistic =>
  (weight) => [first(weight), second(weight)];

/**
 * Expected calibration error beyond what chance gives, ten bins of equal width:
 *
 *   Σ_b W_b/W · |rate_b − score_b|  −  Σ_b W_b/W · √(2/π · score_b(1 − score_b) · Σw² / W_b²)
 *
 * The first sum alone is biased upwards: chance moves the rate of each bin, and its absolute value adds up. The more bins a score uses the more, so of two
 * perfectly calibrated scores the sharper one would look worse; and in a resample twice as much variance moves the rates, that of the rows and that of
 * the drawing. The second sum is the mean of that: of a half-normal distance in each bin, with the variance that labels weighted by w have. Σw² is W in the
 * rows themselves and about 2W in a resample, so a perfectly calibrated score has the mean 0 in both, however few rows there are (Bröcker 2012, Climate
 * Dynamics 39, 655–667, on the bias; Roelofs et al. 2022, AISTATS, on that of binned errors). Where a score is far off more is taken away than chance gave, of
 * both sides of a difference alike. A 95 % interval of the difference by percentiles is wide by a quarter where both are calibrated (it covers 0 in 99 of 100: chance is drawn around gaps that
 * are chance themselves), and right where they are not.
 *
 * @param label 0 or 1, a row each; rows stand for independent cases (of a customer there is one).  @param score in [0, 1].
 * @returns by weights ≥ 0: below 0 where it is nearer than chance would have it; null without weight, or where a score is no probability.
 * Cost: one pass over the rows.
 */
export function calibrationErrorBeyondChance(label: Float64Array, score: Float64Array): Statistic {
  const n = label.length;
  const bin = new Uint8Array(n);
  let inside = true;
  for (let i = 0; i < n; i++) {
    const p = score[i]!;
    inside &&= p >= 0 && p <= 1;
    bin[i] = Math.min(BINS - 1, Math.floor(p * BINS));
  }
  /** Of each bin: Σw, Σw², Σw·score, Σw·label. */
  const sums = new Float64Array(4 * BINS);
  return (weight) => {
    if (!inside) return null;
    sums.fill(0);
    for (let i = 0; i < n; i++) {
      const w = weight[i]!;
      const at = 4 * bin[i]!;
      sums[at]! += w;
      sums[at + 1]! += w * w;
      sums[at + 2]! += w * score[i]!;
      sums[at + 3]! += w * label[i]!;
    }
    let [total, gaps, chance] = [0, 0, 0];
    for (let at = 0; at < sums.length; at += 4) {
      const w = sums[at]!;
      if (!(w > 0)) continue;
      const p = sums[at + 2]! / w;
      total += w;
      gaps += Math.abs(sums[at + 3]! - sums[at + 2]!);
      chance += Math.sqrt(Math.max(0, p * (1 - p)) * sums[at + 1]!);
    }
    return total > 0 ? (gaps - HALF_NORMAL * chance) / total : null;
  };
}

/**
 * Profit a row when everybody whose score is at least cost / benefit gets the offer (the cut a calibrated probability asks for):
 * Σw·reached·(benefit·label − cost) / Σw, in the offer's currency.
 *
 * @returns by weights ≥ 0; null without weight. Cost: one pass over the rows.
 */
export function profitByOffer(label: Float64Array, score: Float64Array, { cost, benefit }: Offer): Statistic {
  const brings = score.map((p, i) => (p >= cost / benefit ? benefit * label[i]! - cost : 0));
  return (weight) => {
    let [total, sum] = [0, 0];
    for (let i = 0; i < brings.length; i++) {
      total += weight[i]!;
      sum += weight[i]! * brings[i]!;
    }
    return total > 0 ? sum / total : null;
  };
}
