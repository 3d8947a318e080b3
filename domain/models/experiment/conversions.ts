// Bayesian A/B/n for conversions, a Beta–Binomial model: which arm is best, how sure, and what the choice may cost; by quadrature instead of
// simulation, for any number of arms.

import { betaPrefix, regularizedBeta } from '../../numerics/beta.ts';
import { digamma, trigamma } from '../../numerics/gamma.ts';
import { type Comparison, compareLaws, type LineLaw, windowEnd } from '../../numerics/line-law.ts';
import { type ArmVerdict, type Moments, verdicts } from './verdict.ts';

/** Counts of one arm; the first arm of a list is the control. */
export interface ArmCounts {
  trials: number;
  successes: number;
}

/** Below this a density on the coordinate carries no mass that matters. */
const NEGLIGIBLE = 1e-18;

/** Every rate is as likely as any other before the first visitor. */
const UNIFORM = [1, 1] as const;

/** With less than this a Beta law has mass at rates that doubles cannot tell from 0 or 1. */
export const SMALLEST_PRIOR = 0.1;

/** Beta(a, b) on the logit scale, where its density x^a (1−x)^b / B(a, b) is a smooth bell whatever a and b are. */
export function logitBeta(a: number, b: number): LineLaw {
  const density = (t: number) => betaPrefix(a, b, 1 / (1 + Math.exp(-t)), 1 / (1 + Math.exp(t)));
  const spread = Math.sqrt(trigamma(a) + trigamma(b));
  const mode = Math.log(a / b);
  return {
    center: digamma(a) - digamma(b),
    spread,
    low: windowEnd(mode, -spread, NEGLIGIBLE, density),
    high: windowEnd(mode, spread, NEGLIGIBLE, density),
    density,
    tails: (t) => betaTails(a, b, 1 / (1 + Math.exp(-t)), 1 / (1 + Math.exp(t))),
  };
}

/** Both tails with the digits of the smaller one, for one continued fraction. */
export function betaTails(a: number, b: number, x: number, y: number): { lower: number; upper: number } {
  if (x * (a + b) < a) {
    const lower = regularizedBeta(a, b, x, y);
    return { lower, upper: 1 - lower };
  }
  const upper = regularizedBeta(b, a, y, x);
  return { lower: 1 - upper, upper };
}

/** dx/dt = x(1 − x) varies on the scale of 1 where it is not zero. */
const widestLogit = (t: number) => (Math.abs(t) < 40 ? 2 : t < 0 ? Math.max(2, -40 - t) : Number.POSITIVE_INFINITY);

export function logistic(t: number): number {
  return 1 / (1 + Math.exp(-t));
}

/**
 * Compares conversion rates θ_i ~ Beta(a + successes, b + trials − successes) a posteriori.
 *
 * @param arms one or more; trials and successes whole, 0 ≤ successes ≤ trials; the first is the control. An arm without trials keeps the prior.
 * @param prior [a, b] ≥ 0.1 of the Beta prior; [1, 1] is uniform.
 * @returns one verdict per arm; absolute error below 1e-11; for 10 arms about 2,000 incomplete beta functions.
 * @throws RangeError when an argument is outside its domain.
 * @example compareConversions([{ trials: 1000, successes: 120 }, { trials: 1000, successes: 138 }, { trials: 1000, successes: 127 }])[1]
 * // probabilityBest ≈ 0.71318, expectedLoss ≈ 0.0025629
 */
export function compareConversions(
  arms: readonly ArmCounts[],
  prior: readonly [number, number] = UNIFORM,
): ArmVerdict[] {
  const laws = posteriorLaws(arms, prior);
  return verdicts(laws, compareConversionLaws(laws), logistic);
}

/** P(best), P(beats control) and expected loss alone: what a simulation asks thousands of times. Arguments as `compareConversions`. */
export function conversionStandings(
  arms: readonly ArmCounts[],
  prior: readonly [number, number] = UNIFORM,
): Comparison {
  return compareConversionLaws(posteriorLaws(arms, prior));
}

const compareConversionLaws = (laws: readonly LineLaw[]) =>
  compareLaws(laws, (t) => logistic(t) * logistic(-t), widestLogit);

function posteriorLaws(arms: readonly ArmCounts[], prior: readonly [number, number]): (LineLaw & Moments)[] {
  if (arms.length === 0) throw new RangeError('an experiment needs at least one arm');
  if (!prior.every((value) => value >= SMALLEST_PRIOR && Number.isFinite(value)))
    throw new RangeError(`both numbers of the prior must be at least ${SMALLEST_PRIOR}`);
  return arms.map(({ trials, successes }) => {
    requireCounts(trials, successes);
    const [a, b] = [prior[0] + successes, prior[1] + trials - successes];
    const [mean, rest] = [a / (a + b), b / (a + b)];
    return { ...logitBeta(a, b), mean, sd: Math.sqrt(mean * rest) / Math.sqrt(a + b + 1) };
  });
}

export function requireCounts(trials: number, successes: number): void {
  if (!(Number.isSafeInteger(trials) && Number.isSafeInteger(successes) && successes >= 0 && successes <= trials))
    throw new RangeError('counts must be whole numbers with 0 ≤ successes ≤ trials');
}
