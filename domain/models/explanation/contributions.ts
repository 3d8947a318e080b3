// Why a linear score is what it is: exact contributions of each source feature, against a stated reference.
import type { Result } from '../../result.ts';
import { calibrateOne } from '../calibration.ts';
import { type CellRefusal, encodedNames, encodeRow, type FeatureRow } from '../feature-encoding.ts';
import type { LogisticArtefact } from '../logistic-model.ts';
import type { CoxCurve } from '../survival/cox.ts';

export interface Contribution {
  /** The column as it was before encoding: the levels of a category count together. */
  feature: string;
  /** Coefficient · (value − reference value), summed over the columns the feature was encoded to; in the unit of the score. */
  amount: number;
}

/** score = reference + Σ amounts, exactly: the sum is how the score is made. */
export interface Contributions {
  /** What the score is measured against. */
  against: 'population mean' | 'given customer';
  reference: number;
  score: number;
  /** Largest first, by size. */
  contributions: Contribution[];
}

/** Groups the terms of a linear score by source feature. */
function decompose(
  terms: Iterable<{ feature: string; amount: number }>,
  reference: number,
  against: Contributions['against'],
): Contributions {
  const sums = new Map<string, number>();
  for (const { feature, amount } of terms) sums.set(feature, (sums.get(feature) ?? 0) + amount);
  const contributions = Array.from(sums, ([feature, amount]) => ({ feature, amount })).sort(
    (a, b) => Math.abs(b.amount) - Math.abs(a.amount) || (a.feature < b.feature ? -1 : 1),
  );
  const score = contributions.reduce((sum, { amount }) => sum + amount, reference);
  return { against, reference, score, contributions };
}

export interface LogisticContributions extends Contributions {
  /** `log-odds` of the calibrated probability; `uncalibrated log-odds` where an isotonic calibration bends the scale. */
  scale: 'log-odds' | 'uncalibrated log-odds';
  probability: number;
  referenceProbability: number;
}

/**
 * Contributions to a logistic score on the log-odds scale, where they add up; with a Platt calibration to its calibrated log-odds (both are
 * linear). Shapley values of a linear model with independent features are the same numbers (Štrumbelj & Kononenko 2014).
 *
 * @param reference a customer to compare with; the mean of the fitted rows when absent.
 * @returns refused with the column that cannot be read.
 */
export function explainLogistic(
  artefact: LogisticArtefact,
  row: FeatureRow,
  reference?: FeatureRow,
): Result<LogisticContributions, CellRefusal> {
  const encoded = encodeRow(row, artefact.encoding);
  if (!encoded.ok) return encoded;
  const other = reference && encodeRow(reference, artefact.encoding);
  if (other && !other.ok) return other;
  const { calibration, coefficients } = artefact;
  const [scale, shift] = calibration.method === 'platt' ? [-calibration.A, -calibration.B] : [1, 0];
  const from = other ? other.value.values : coefficients.map(({ mean }) => mean);
  const sources = artefact.encoding.flatMap((feature) => encodedNames([feature]).map(() => feature.column));
  const base = coefficients.reduce((sum, { coef }, j) => sum + coef * from[j]!, artefact.intercept);
  const parts = decompose(
    coefficients.map(({ coef }, j) => ({
      feature: sources[j]!,
      amount: scale * coef * (encoded.value.values[j]! - from[j]!),
    })),
    scale * base + shift,
    reference ? 'given customer' : 'population mean',
  );
  return {
    ok: true,
    value: {
      ...parts,
      scale: calibration.method === 'isotonic' ? 'uncalibrated log-odds' : 'log-odds',
      probability: calibrateOne(calibration, (parts.score - shift) / scale),
      referenceProbability: calibrateOne(calibration, base),
    },
  };
}

/**
 * Contributions to the log-hazard of a Cox model. The reference is 0, the customer at the mean of all covariates.
 *
 * @param x in the order of the coefficients.  @param reference covariates of a customer to compare with.
 * @param sourceOf the source feature of a covariate; what stands before `=` when absent.
 */
export function explainCox(
  { coefficients, means }: Pick<CoxCurve, 'coefficients' | 'means'>,
  x: readonly number[],
  reference?: readonly number[],
  sourceOf: (covariate: string) => string = (name) => name.split('=')[0]!,
): Contributions {
  for (const values of [x, reference ?? x])
    if (values.length !== coefficients.length)
      throw new RangeError(`${values.length} covariates for ${coefficients.length} coefficients`);
  const from = reference ?? means;
  return decompose(
    coefficients.map(({ name, coef }, j) => ({ feature: sourceOf(name), amount: (coef ?? 0) * (x[j]! - from[j]!) })),
    coefficients.reduce((sum, { coef }, j) => sum + (coef ?? 0) * (from[j]! - means[j]!), 0),
    reference ? 'given customer' : 'population mean',
  );
}
