// The beta function and the regularised incomplete beta I_x(a, b), both tails to about 1e-13 relative: the continued fraction and the
// scaled prefix of DiDonato & Morris, "Algorithm 708: Significant Digit Computation of the Incomplete Beta Function Ratios",
// ACM TOMS 18 (1992) 360–373. Both x and y = 1 − x are arguments, so neither end loses its digits.

import { lnGamma, lnGammaRatio, stirlingCorrection } from './gamma.ts';

const INV_SQRT_2PI = 0.3989422804014327;
const HALF_LN_2PI = 0.9189385332046728;

/**
 * ln B(a, b) = ln Γ(a) + ln Γ(b) − ln Γ(a + b), without cancellation when one argument is large.
 *
 * @param a > 0.  @param b > 0.
 * @returns NaN outside the domain.
 * @example lnBeta(0.5, 0.5) // ≈ 1.1447298858494002 = ln π
 */
export function lnBeta(a: number, b: number): number {
  if (!(a > 0 && b > 0)) return Number.NaN;
  const small = Math.min(a, b);
  const large = Math.max(a, b);
  if (small >= 10) {
    const correction = stirlingCorrection(small) + stirlingCorrection(large) - stirlingCorrection(small + large);
    const h = small / large;
    return (
      HALF_LN_2PI - 0.5 * Math.log(large) + correction + (small - 0.5) * Math.log(h / (1 + h)) - large * Math.log1p(h)
    );
  }
  if (large >= 10) return lnGamma(small) + lnGammaRatio(small, large);
  return lnGamma(small) + (lnGamma(large) - lnGamma(small + large));
}

/**
 * e − ln(1 + e), without cancellation for small e (the RLOG1 of TOMS 708).
 *
 * @param e > −1.  @param onePlus 1 + e, with the digits that e itself has lost when e is near −1.
 */
export function minusLog1p(e: number, onePlus = 1 + e): number {
  if (e < -0.35 || e > 0.5) return e - Math.log(onePlus);
  // With s = e/(2 + e): ln(1 + e) = 2(s + s³/3 + s⁵/5 + …), so e − ln(1 + e) = e·s − 2s³(1/3 + s²/5 + …).
  const s = e / (2 + e);
  const s2 = s * s;
  let term = s2 * s;
  let sum = 0;
  for (let k = 3; k < 80; k += 2) {
    const next = sum + term / k;
    if (next === sum) break;
    sum = next;
    term *= s2;
  }
  return e * s - 2 * sum;
}

/**
 * x^a·y^b / B(a, b) with y = 1 − x: a·b/(a+b) times neither density nor tail, but the factor both share.
 *
 * @param a > 0.  @param b > 0.  @param x in [0, 1].  @param y 1 − x, exact to the last bit the caller has.
 */
export function betaPrefix(a: number, b: number, x: number, y: number): number {
  if (x === 0 || y === 0) return 0;
  if (Math.min(a, b) >= 10) {
    // Around the mean x₀ = a/(a + b): x = x₀(1 − λ/a), y = y₀(1 + λ/b); the exponents cancel to first order by construction.
    const sum = a + b;
    const lambda = x <= y ? a - sum * x : sum * y - b;
    const exponent = a * minusLog1p(-lambda / a, (x * sum) / a) + b * minusLog1p(lambda / b, (y * sum) / b);
    const correction = stirlingCorrection(a) + stirlingCorrection(b) - stirlingCorrection(sum);
    return INV_SQRT_2PI * Math.sqrt((a / sum) * b) * Math.exp(-exponent - correction);
  }
  const lnX = x <= 0.5 ? Math.log(x) : Math.log1p(-y);
  const lnY = y <= 0.5 ? Math.log(y) : Math.log1p(-x);
  return Math.exp(a * lnX + b * lnY - lnBeta(a, b));
}

/** Is x on the side of the mean where the continued fraction for I_x(a, b) itself converges fast? Else use I_y(b, a). */
export function inLowerSide(a: number, b: number, x: number): boolean {
  return x * (a + b + 2) <= a + 1;
}

/**
 * The continued fraction F with I_x(a, b) = betaPrefix(a, b, x, y)·F, for x on the lower side (Abramowitz & Stegun 26.5.8,
 * by the recurrence for numerators and denominators, rescaled each step). About √max(a, b) steps near the mean, fewer away from it.
 */
export function betaFraction(a: number, b: number, x: number): number {
  // Aₖ, Bₖ with Aₖ = Aₖ₋₁ + dₖ·Aₖ₋₂; two coefficients a step (the even and the odd one), then divide everything by Bₖ.
  let aPrevious = 1;
  let bPrevious = 1;
  let aCurrent = 1;
  let bCurrent = 1 - ((a + b) * x) / (a + 1);
  aPrevious /= bCurrent;
  bPrevious /= bCurrent;
  aCurrent /= bCurrent;
  bCurrent = 1;
  let fraction = aCurrent;
  for (let m = 1; m < 100_000; m++) {
    const k = a + 2 * m;
    const even = (m * (b - m) * x) / ((k - 1) * k);
    const odd = (-(a + m) * (a + b + m) * x) / (k * (k + 1));
    const aEven = aCurrent + even * aPrevious;
    const bEven = bCurrent + even * bPrevious;
    const aOdd = aEven + odd * aCurrent;
    const bOdd = bEven + odd * bCurrent;
    const scale = 1 / bOdd;
    aPrevious = aEven * scale;
    bPrevious = bEven * scale;
    aCurrent = aOdd * scale;
    bCurrent = 1;
    const last = fraction;
    fraction = aCurrent;
    if (Math.abs(fraction - last) <= 5e-16 * Math.abs(fraction)) break;
  }
  return fraction / a;
}

/**
 * I_x(a, b) = ∫₀ˣ u^(a−1)(1−u)^(b−1) du / B(a, b), relative error about 1e-13 in the lower tail.
 *
 * @param a > 0.  @param b > 0.  @param x in [0, 1].
 * @param y 1 − x; give it when x is so near 1 that 1 − x has lost digits.
 * @returns in [0, 1]; NaN outside the domain.
 * @example regularizedBeta(2, 3, 0.25) // = 0.26171875
 */
export function regularizedBeta(a: number, b: number, x: number, y = 1 - x): number {
  if (!(a > 0 && b > 0 && x >= 0 && y >= 0)) return Number.NaN;
  if (x === 0) return 0;
  if (y === 0) return 1;
  if (!inLowerSide(a, b, x)) {
    const rest = 1 - betaPrefix(b, a, y, x) * betaFraction(b, a, y);
    // A small remainder has lost its digits (b ≪ 1): below x = 0.9 the fraction for I_x itself still converges, only slower.
    if (rest > 0.05 || x > 0.9) return rest;
  }
  return betaPrefix(a, b, x, y) * betaFraction(a, b, x);
}

/** 1 − I_x(a, b) = I_y(b, a), with its own digits in the upper tail. */
export function regularizedBetaComplement(a: number, b: number, x: number, y = 1 - x): number {
  return regularizedBeta(b, a, y, x);
}
