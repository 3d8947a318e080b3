// The gamma function's logarithm and its first two derivatives, from Stirling's series after an upward shift
// (Abramowitz & Stegun 6.1.40, 6.3.18, 6.4.12). Only + - * / and Math.log: the same bits wherever Math.log gives the same bits.

const HALF_LN_2PI = 0.9189385332046728;

/**
 * Stirling's correction lnΓ(x) − [(x − ½) ln x − x + ½ ln 2π]; about 1/(12x).
 *
 * @param x ≥ 10, where ten Bernoulli terms leave less than 1e-17.
 */
export function stirlingCorrection(x: number): number {
  const i = 1 / x;
  const i2 = i * i;
  let s = 43867 / 244188;
  s = s * i2 - 3617 / 122400;
  s = s * i2 + 1 / 156;
  s = s * i2 - 691 / 360360;
  s = s * i2 + 1 / 1188;
  s = s * i2 - 1 / 1680;
  s = s * i2 + 1 / 1260;
  s = s * i2 - 1 / 360;
  s = s * i2 + 1 / 12;
  return s * i;
}

/**
 * ln Γ(x) for x > 0; absolute error below 4e-15 for x < 10, relative below 1e-15 above.
 *
 * @returns +∞ at 0 and at +∞, NaN for x < 0 or NaN (the reflected branch has no use here).
 * @example lnGamma(0.5) // ≈ 0.5723649429247001 = ln √π
 */
export function lnGamma(x: number): number {
  if (!(x > 0)) return x === 0 ? Number.POSITIVE_INFINITY : Number.NaN;
  if (x === 1 || x === 2) return 0;
  if (x >= 10) {
    if (x === Number.POSITIVE_INFINITY) return x;
    return (x - 0.5) * Math.log(x) - x + HALF_LN_2PI + stirlingCorrection(x);
  }
  let shifted = x;
  let product = 1;
  while (shifted < 10) {
    product *= shifted;
    shifted += 1;
  }
  return (shifted - 0.5) * Math.log(shifted) - shifted + HALF_LN_2PI + stirlingCorrection(shifted) - Math.log(product);
}

/**
 * ψ(x) = d/dx ln Γ(x) for x > 0; absolute error below 2e-15·max(1, |ψ|).
 *
 * @returns −∞ at 0, NaN for x < 0 or NaN.
 * @example digamma(1) // ≈ −0.5772156649015329, minus Euler's constant
 */
export function digamma(x: number): number {
  if (!(x > 0)) return x === 0 ? Number.NEGATIVE_INFINITY : Number.NaN;
  let shifted = x;
  let back = 0;
  while (shifted < 10) {
    back += 1 / shifted;
    shifted += 1;
  }
  return Math.log(shifted) - digammaTail(shifted) - back;
}

/**
 * ψ(z + a) − ψ(z) for z > 0, a ≥ 0; relative error about 1e-14 even where a ≪ z, which a difference of two digammas has not.
 *
 * @example digammaDifference(1, 1e6) // = 1e-6 = 1/z, to the last digits
 */
export function digammaDifference(a: number, z: number): number {
  let low = z;
  let back = 0;
  while (low < 10) {
    back += a / (low * (low + a));
    low += 1;
  }
  return Math.log1p(a / low) + (digammaTail(low) - digammaTail(low + a)) + back;
}

/** ln x − ψ(x) for x ≥ 10: 1/(2x) + 1/(12x²) − 1/(120x⁴) + … */
function digammaTail(x: number): number {
  const i = 1 / x;
  const i2 = i * i;
  let s = 3617 / 8160;
  s = 1 / 12 - i2 * s;
  s = 691 / 32760 - i2 * s;
  s = 1 / 132 - i2 * s;
  s = 1 / 240 - i2 * s;
  s = 1 / 252 - i2 * s;
  s = 1 / 120 - i2 * s;
  s = 1 / 12 - i2 * s;
  return 0.5 * i + i2 * s;
}

/**
 * ψ′(x) = d²/dx² ln Γ(x) for x > 0; relative error below 1e-14.
 *
 * @returns +∞ at 0, NaN for x < 0 or NaN.
 * @example trigamma(1) // ≈ 1.6449340668482264 = π²/6
 */
export function trigamma(x: number): number {
  if (!(x > 0)) return x === 0 ? Number.POSITIVE_INFINITY : Number.NaN;
  let shifted = x;
  let back = 0;
  while (shifted < 10) {
    back += 1 / (shifted * shifted);
    shifted += 1;
  }
  const i = 1 / shifted;
  const i2 = i * i;
  let s = 3617 / 510;
  s = 7 / 6 - i2 * s;
  s = 691 / 2730 - i2 * s;
  s = 5 / 66 - i2 * s;
  s = 1 / 30 - i2 * s;
  s = 1 / 42 - i2 * s;
  s = 1 / 30 - i2 * s;
  s = 1 / 6 - i2 * s;
  return i + 0.5 * i2 + i * i2 * s + back;
}

/**
 * ln Γ(b) − ln Γ(a + b) for b ≥ 10 without the cancellation of two large logarithms (the ALGDIV of DiDonato & Morris, TOMS 708).
 *
 * @param a ≥ 0.  @param b ≥ 10.
 */
export function lnGammaRatio(a: number, b: number): number {
  return stirlingCorrection(b) - stirlingCorrection(a + b) - (a + b - 0.5) * Math.log1p(a / b) - a * (Math.log(b) - 1);
}

/** Up to here a rising factorial is summed term by term, which keeps all digits however large z is. */
const SUMMED = 100;

/** ln (z)ₖ = ln Γ(z + k) − ln Γ(z) for z > 0 and a whole k ≥ 0, without cancellation. */
export function lnRising(z: number, k: number): number {
  if (k > SUMMED) return z < 10 ? lnGamma(z + k) - lnGamma(z) : -lnGammaRatio(k, z);
  let sum = 0;
  let product = 1;
  for (let i = 0; i < k; i++) {
    product *= z + i;
    if (product > 1e200 || product < 1e-200) {
      sum += Math.log(product);
      product = 1;
    }
  }
  return sum + Math.log(product);
}

/** ψ(z + k) − ψ(z) for z > 0 and a whole k ≥ 0. */
export function digammaRise(z: number, k: number): number {
  if (k > SUMMED) return digammaDifference(k, z);
  let sum = 0;
  for (let i = k - 1; i >= 0; i--) sum += 1 / (z + i);
  return sum;
}

/** ψ′(z + k) − ψ′(z), negative, for z > 0 and a whole k ≥ 0. */
export function trigammaRise(z: number, k: number): number {
  if (k > SUMMED) return trigamma(z + k) - trigamma(z);
  let sum = 0;
  for (let i = k - 1; i >= 0; i--) sum -= 1 / ((z + i) * (z + i));
  return sum;
}
