// The regularised incomplete gamma function and what is made of it here: the upper tail of the χ² law and its quantile.

import { minusLog1p } from './beta.ts';
import { lnGamma, stirlingCorrection } from './gamma.ts';

/**
 * x^a e^(−x) / Γ(a), the density of ln X for X ~ Gamma(a, 1), without the cancellation of large logarithms near x = a.
 *
 * @param a > 0.  @param x ≥ 0, finite.
 */
export function gammaPrefix(a: number, x: number): number {
  if (x === 0) return 0;
  if (a < 10) return Math.exp(a * Math.log(x) - x - lnGamma(a));
  const e = (x - a) / a;
  return Math.sqrt(a / (2 * Math.PI)) * Math.exp(-a * minusLog1p(e, x / a) - stirlingCorrection(a));
}

/**
 * P(a, x) = γ(a, x) / Γ(a) and Q(a, x) = 1 − P, the tails of Gamma(a, 1): series below x = a + 1 (Abramowitz & Stegun 6.5.29), which gives the
 * lower one its own digits, continued fraction above (6.5.31, by Lentz's method), which gives them to the upper one.
 *
 * @param a > 0.  @param x ≥ 0.
 * @returns each in [0, 1], relative error of the one computed about 1e-14; NaN outside the domain.
 * @example regularizedGamma(1, 2) // { lower: ≈ 0.8646647, upper: ≈ 0.1353353 = e^−2 }
 */
export function regularizedGamma(a: number, x: number): { lower: number; upper: number } {
  if (!(a > 0 && x >= 0)) return { lower: Number.NaN, upper: Number.NaN };
  if (x === Number.POSITIVE_INFINITY) return { lower: 1, upper: 0 };
  const prefix = gammaPrefix(a, x);
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let k = 1; term > 1e-17 * sum; k++) {
      term *= x / (a + k);
      sum += term;
    }
    return { lower: prefix * sum, upper: 1 - prefix * sum };
  }
  let b = x + 1 - a;
  let c = Number.MAX_VALUE;
  let d = 1 / b;
  let fraction = d;
  for (let k = 1; k < 100_000; k++) {
    const numerator = -k * (k - a);
    b += 2;
    d = 1 / (numerator * d + b);
    c = b + numerator / c;
    const factor = c * d;
    fraction *= factor;
    if (Math.abs(factor - 1) < 2e-16) break;
  }
  return { lower: 1 - prefix * fraction, upper: prefix * fraction };
}

/** Q(a, x), the upper tail of Gamma(a, 1). @example regularizedGammaUpper(1, 2) // ≈ 0.1353352832366127 = e^−2 */
export function regularizedGammaUpper(a: number, x: number): number {
  return regularizedGamma(a, x).upper;
}

/**
 * P(χ² > x) with the given degrees of freedom.
 *
 * @example chiSquareUpper(3.841458820694124, 1) // ≈ 0.05
 */
export function chiSquareUpper(x: number, degreesOfFreedom: number): number {
  return regularizedGammaUpper(degreesOfFreedom / 2, x / 2);
}

/**
 * The x that χ² exceeds with probability p, by bisection.
 *
 * @param p in (0, 1).  @param degreesOfFreedom > 0.
 * @returns relative error about 1e-15; NaN outside the domain.
 * @example chiSquareExceeded(0.05, 1) // ≈ 3.841458820694124
 */
export function chiSquareExceeded(p: number, degreesOfFreedom: number): number {
  if (!(p > 0 && p < 1 && degreesOfFreedom > 0)) return Number.NaN;
  let high = degreesOfFreedom;
  while (chiSquareUpper(high, degreesOfFreedom) > p) high *= 2;
  let low = 0;
  for (let k = 0; k < 100 && high - low > 1e-15 * high; k++) {
    const middle = (low + high) / 2;
    if (chiSquareUpper(middle, degreesOfFreedom) > p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
