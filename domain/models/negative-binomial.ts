// Counts of a Poisson process whose rate is unknown: Gamma(r, α) over a time t, z = t/(α + t), y = 1 − z.
import { betaFraction, betaPrefix, inLowerSide } from '../numerics/beta.ts';

/** Fills P(N = 0 … last), P(0) = y^r, from its mode outwards: nothing underflows that matters. */
export function negativeBinomial(out: Float64Array, r: number, z: number, y: number): void {
  const last = out.length - 1;
  const mode = Math.min(last, Math.max(0, Math.floor(((r - 1) * z) / y)));
  out[mode] = mode === 0 ? Math.exp(r * Math.log(y)) : betaPrefix(mode, r, z, y) / mode;
  for (let n = mode; n < last; n++) out[n + 1] = (out[n]! * (r + n) * z) / (n + 1);
  for (let n = mode; n > 0; n--) out[n - 1] = (out[n]! * n) / ((r + n - 1) * z);
}

/** I_z(n, r) = P(N ≥ n), n ≥ 1. */
export function upperTail(n: number, r: number, z: number, y: number): number {
  return inLowerSide(n, r, z)
    ? betaPrefix(n, r, z, y) * betaFraction(n, r, z)
    : 1 - betaPrefix(r, n, y, z) * betaFraction(r, n, y);
}
