// How long on average within a window: the restricted mean survival time, which needs no proportional hazards, and two groups' difference.
import { chiSquareTail } from '../../numerics/chi-square.ts';
import { type SurvivalCurve, zOf } from './kaplan-meier.ts';

export interface RestrictedMean {
  /** In the unit of the durations, as the standard error and the limits. */
  value: number;
  standardError: number;
  lower: number;
  upper: number;
}

/**
 * ∫₀^τ S(t) dt with its standard error √Σ A_i² d_i/(n_i (n_i − d_i)), A_i = the area right of t_i (Klein & Moeschberger 2003, §4.5).
 * Past the last time the curve goes on flat: with the last row censored before τ, the mean is then an upper bound.
 *
 * @param tau > 0, in the unit of the durations.  @param level of the limits value ± z·se, kept inside [0, τ].
 */
export function restrictedMean(curve: SurvivalCurve, tau: number, level = 0.95): RestrictedMean {
  if (!(tau > 0 && tau < Number.POSITIVE_INFINITY)) throw new RangeError(`tau ${tau} is not a time > 0`);
  const z = zOf(level);
  const { time, survival, events, atRisk } = curve;
  let area = 0;
  let variance = 0;
  let end = tau;
  for (let j = time.length - 1; j >= 0; j--) {
    if (time[j]! > tau) continue;
    area += (end - time[j]!) * survival[j]!;
    end = time[j]!;
    const left = atRisk[j]! - events[j]!;
    if (survival[j]! > 0 && left > 0) variance += (area * area * events[j]!) / (atRisk[j]! * left);
  }
  const value = area + end;
  const standardError = Math.sqrt(variance);
  return {
    value,
    standardError,
    lower: Math.max(0, value - z * standardError),
    upper: Math.min(tau, value + z * standardError),
  };
}

export interface RestrictedMeanDifference {
  difference: number;
  standardError: number;
  lower: number;
  upper: number;
  /** Two-sided, of no difference; null when neither mean varies. */
  p: number | null;
}

/** The first curve's restricted mean less the second's; the groups are independent, so their variances add. */
export function restrictedMeanDifference(
  first: SurvivalCurve,
  second: SurvivalCurve,
  tau: number,
  level = 0.95,
): RestrictedMeanDifference {
  const [a, b] = [restrictedMean(first, tau, level), restrictedMean(second, tau, level)];
  const difference = a.value - b.value;
  const standardError = Math.hypot(a.standardError, b.standardError);
  const z = zOf(level);
  return {
    difference,
    standardError,
    lower: difference - z * standardError,
    upper: difference + z * standardError,
    p: standardError > 0 ? chiSquareTail((difference / standardError) ** 2, 1) : null,
  };
}
