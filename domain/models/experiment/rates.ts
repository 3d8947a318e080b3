// Bayesian A/B/n for counts that may exceed one a visitor (orders, tickets, page views), a Poisson–Gamma model: events over an exposure.

import { digamma, trigamma } from '../../numerics/gamma.ts';
import { gammaPrefix, regularizedGamma } from '../../numerics/incomplete-gamma.ts';
import { type Comparison, compareLaws, type LineLaw, windowEnd } from '../../numerics/line-law.ts';
import { SMALLEST_PRIOR } from './conversions.ts';
import { type ArmVerdict, type Moments, verdicts } from './verdict.ts';

/** Events of one arm; the first arm of a list is the control. */
export interface ArmEvents {
  /** Visitors, or time: what a rate is per. Finite, > 0. */
  exposure: number;
  /** Whole, ≥ 0. */
  events: number;
  /** Variance over mean of the events per visitor (1: Poisson); > 0. Events that come in bursts say less: both counts are divided by it. */
  dispersion?: number;
}

/** One event in two hundredths of a visitor: half an event's worth of knowledge, and next to no weight. */
const WEAK = [0.5, 0.01] as const;

/** Below this a density on the coordinate carries no mass that matters. */
const NEGLIGIBLE = 1e-18;

/** Gamma(shape, rate) on the scale of ln λ, where its density is a smooth bell. */
function logGamma(shape: number, rate: number): LineLaw {
  const density = (t: number) => gammaPrefix(shape, rate * Math.exp(t));
  const spread = Math.sqrt(trigamma(shape));
  const mode = Math.log(shape / rate);
  return {
    center: digamma(shape) - Math.log(rate),
    spread,
    low: windowEnd(mode, -spread, NEGLIGIBLE, density),
    high: windowEnd(mode, spread, NEGLIGIBLE, density),
    density,
    tails: (t) => regularizedGamma(shape, rate * Math.exp(t)),
  };
}

/** dλ/dt = λ varies on the scale of 1. */
const widest = () => 1;

/**
 * Compares rates λ_i ~ Gamma(shape + events/φ, rate + exposure/φ) a posteriori, φ the dispersion.
 *
 * @param arms one or more; the first is the control.
 * @param prior [shape, rate] of the Gamma prior, shape ≥ 0.1, rate > 0 in units of exposure.
 * @returns one verdict per arm in events per unit of exposure; relative error below 1e-11.
 * @throws RangeError when an argument is outside its domain.
 * @example compareRates([{ exposure: 1000, events: 250 }, { exposure: 1000, events: 290 }])[1] // probabilityBest ≈ 0.95750
 */
export function compareRates(arms: readonly ArmEvents[], prior: readonly [number, number] = WEAK): ArmVerdict[] {
  const laws = posteriorLaws(arms, prior);
  return verdicts(laws, compareLaws(laws, Math.exp, widest), Math.exp);
}

/** P(best), P(beats control) and expected loss alone: what a simulation asks thousands of times. Arguments as `compareRates`. */
export const rateStandings = (arms: readonly ArmEvents[], prior: readonly [number, number] = WEAK): Comparison =>
  compareLaws(posteriorLaws(arms, prior), Math.exp, widest);

/**
 * Variance over mean of the events per visitor, from their sum of squares. Less than 1 is taken as 1: the interval is never narrower than Poisson's.
 *
 * @param arm its exposure counted in visitors.  @returns ≥ 1; 1 without events or with a single visitor.
 * @example dispersionOf({ exposure: 4, events: 8 }, 40) // visitors with 0, 0, 2 and 6 events: variance 8, mean 2: 4
 */
export function dispersionOf({ exposure, events }: ArmEvents, sumOfSquares: number): number {
  if (events === 0 || exposure <= 1) return 1;
  const mean = events / exposure;
  return Math.max(1, (sumOfSquares - events * mean) / (exposure - 1) / mean);
}

function posteriorLaws(arms: readonly ArmEvents[], prior: readonly [number, number]): (LineLaw & Moments)[] {
  if (arms.length === 0) throw new RangeError('an experiment needs at least one arm');
  requireRatePrior(prior);
  return arms.map((arm) => {
    requireEvents(arm);
    const { exposure, events, dispersion = 1 } = arm;
    const shape = prior[0] + events / dispersion;
    const rate = prior[1] + exposure / dispersion;
    return { ...logGamma(shape, rate), mean: shape / rate, sd: Math.sqrt(shape) / rate };
  });
}

export function requireRatePrior([shape, rate]: readonly [number, number]): void {
  if (!(shape >= SMALLEST_PRIOR && rate > 0 && Number.isFinite(shape) && Number.isFinite(rate)))
    throw new RangeError(`the prior of a rate is a shape of at least ${SMALLEST_PRIOR} and a rate above 0`);
}

export function requireEvents({ exposure, events, dispersion = 1 }: ArmEvents): void {
  if (!(exposure > 0 && Number.isFinite(exposure))) throw new RangeError('an exposure must be above 0 and finite');
  if (!(Number.isSafeInteger(events) && events >= 0)) throw new RangeError('events must be a whole number ≥ 0');
  if (!(dispersion > 0 && Number.isFinite(dispersion))) throw new RangeError('a dispersion must be above 0 and finite');
}
