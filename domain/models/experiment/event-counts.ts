// How many events each of many visitors has, drawn together: not visitor by visitor, but how many visitors had 0, 1, 2 … events. The law is the same
// and the cost grows with the number of different counts instead of the visitors.

import { lnGamma } from '../../numerics/gamma.ts';
import type { Random } from '../../numerics/random.ts';

export interface EventCounts {
  /** Sum, and sum of the squares, of the events of so many visitors. */
  draw(visitors: number, random: Random): { events: number; sumOfSquares: number };
}

/** A count this improbable is not drawn: 1e8 visitors in 1e6 experiments would see it once in ten thousand such simulations. */
const NEVER = 1e-18;

/**
 * Poisson counts with the given mean, or Poisson counts whose means are Gamma distributed (negative binomial), so that variance = dispersion × mean.
 *
 *   Poisson: λ^k e^−λ / k!,    else with m = λ/(φ − 1):  Γ(m + k)/(Γ(m) k!) · φ^−m · (1 − 1/φ)^k
 *
 * @param rate λ > 0, events per visitor.  @param dispersion φ ≥ 1.
 * @returns a source whose draws are multinomial, taken as binomials one after the other; the counts between the first and the last that are
 * not too improbable, some 10·√(λφ) to 50·φ of them.
 */
export function eventCounts(rate: number, dispersion: number): EventCounts {
  const logChance = dispersion === 1 ? poisson(rate) : negativeBinomial(rate / (dispersion - 1), dispersion);
  // The law has one peak, at or below the mean: from there out until nothing is left.
  const peak = Math.floor(rate);
  const floor = Math.log(NEVER);
  let first = peak;
  while (first > 0 && logChance(first - 1) > floor) first--;
  let end = peak + 1;
  while (logChance(end) > floor) end++;
  // From the far end inwards: P(k | k or more).
  const conditional = new Float64Array(end - first);
  let rest = 0;
  for (let k = end - 1; k >= first; k--) {
    const chance = Math.exp(logChance(k));
    rest += chance;
    conditional[k - first] = chance / rest;
  }
  return {
    draw(visitors, random) {
      let [left, events, sumOfSquares] = [visitors, 0, 0];
      for (let k = first; left > 0; k++) {
        const here = random.binomial(left, conditional[k - first]!);
        left -= here;
        events += here * k;
        sumOfSquares += here * k * k;
      }
      return { events, sumOfSquares };
    },
  };
}

const poisson = (rate: number) => (k: number) => k * Math.log(rate) - rate - lnGamma(k + 1);

const negativeBinomial = (shape: number, dispersion: number) => (k: number) =>
  lnGamma(shape + k) - lnGamma(shape) - lnGamma(k + 1) - shape * Math.log(dispersion) + k * Math.log1p(-1 / dispersion);
