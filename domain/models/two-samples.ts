// Two samples of raw values: the largest gap between their distribution functions (Kolmogorov–Smirnov) and the area between them
// (Wasserstein). For values that are still at hand; what was only counted is compared in drift.ts.

/** Up to this many lattice points the p-value is exact. */
const EXACT_POINTS = 10_000_000;

export interface TwoSamples {
  ks: number;
  /** P(a gap this large | one distribution), exact up to 10⁷ = n·m, else Kolmogorov's limit law. */
  ksP: number;
  /** ∫ |F − G|, in the unit of the values: how far mass has to move. */
  wasserstein: number;
}

/**
 * @param reference finite values; NaN is left out.  @param current likewise.
 * @returns null where a side has no value.  Cost: sorting, and n·m additions for the exact p.
 * @example compareSamples(Float64Array.of(0, 1, 2), Float64Array.of(1, 2, 3)) // { ks: 1/3, ksP: 1, wasserstein: 1 }
 */
export function compareSamples(reference: Float64Array, current: Float64Array): TwoSamples | null {
  const xs = reference.filter((value) => !Number.isNaN(value)).sort();
  const ys = current.filter((value) => !Number.isNaN(value)).sort();
  const n = xs.length;
  const m = ys.length;
  if (n === 0 || m === 0) return null;
  let i = 0;
  let j = 0;
  let widest = 0; // max |i·m − j·n|, a whole number
  let wasserstein = 0;
  let last = Math.min(xs[0]!, ys[0]!);
  while (i < n || j < m) {
    const value = Math.min(i < n ? xs[i]! : Number.POSITIVE_INFINITY, j < m ? ys[j]! : Number.POSITIVE_INFINITY);
    wasserstein += (Math.abs(i * m - j * n) / (n * m)) * (value - last);
    last = value;
    while (i < n && xs[i] === value) i++;
    while (j < m && ys[j] === value) j++;
    widest = Math.max(widest, Math.abs(i * m - j * n));
  }
  const ks = widest / (n * m);
  return {
    ks,
    ksP: n * m <= EXACT_POINTS ? exactP(n, m, widest) : limitP(ks * Math.sqrt(n / (1 + n / m))),
    wasserstein,
  };
}

/**
 * The share of lattice paths from (0, 0) to (n, m) that somewhere have |i·m − j·n| ≥ widest, counted from outside (sums of positive
 * terms), so that a p of 1e-15 keeps its digits. Hodges, "The significance probability of the Smirnov two-sample test" (1958).
 */
function exactP(n: number, m: number, widest: number): number {
  if (widest === 0) return 1;
  const share = new Float64Array(m + 1);
  for (let i = 0; i <= n; i++) {
    for (let j = 0; j <= m; j++) {
      if (Math.abs(i * m - j * n) >= widest) share[j] = 1;
      else if (i + j === 0) share[j] = 0;
      else share[j] = (i * share[j]! + (j === 0 ? 0 : j * share[j - 1]!)) / (i + j);
    }
  }
  return Math.min(1, share[m]!);
}

/** Kolmogorov's limit 2 Σ (−1)^(k−1) e^(−2k²λ²); below λ = 0.3 it is 1 to nine digits. */
function limitP(lambda: number): number {
  if (lambda < 0.3) return 1;
  let sum = 0;
  for (let k = 1; k <= 30; k++) sum += (k % 2 === 1 ? 2 : -2) * Math.exp(-2 * k * k * lambda * lambda);
  return Math.max(0, Math.min(1, sum));
}
