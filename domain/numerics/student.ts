// Student's t law where it is asked tens of thousands of times: its tail is summed up once, cell by cell, and read off by interpolation.

import { lnBeta } from './beta.ts';
import { gaussLegendre10 } from './quadrature.ts';

export interface StudentLaw {
  density(z: number): number;
  /** P(T ≤ z) and P(T > z), each with its own digits. */
  tails(z: number): { lower: number; upper: number };
}

/** Width of a cell in u = asinh z: power-law tails cost only a logarithm, and the interpolation errs by less than rounding at the centre. */
const CELL = 0.01;

/** f(z) = (1 + z²/df)^(−(df+1)/2) / (√df · B(df/2, 1/2)), df > 0. */
export function studentDensity(df: number): (z: number) => number {
  const lnNorm = -lnBeta(df / 2, 0.5) - 0.5 * Math.log(df);
  return (z) => Math.exp(lnNorm - ((df + 1) / 2) * Math.log1p((z * z) / df));
}

/**
 * Student's t with `df` degrees of freedom.
 *
 * The tail is tabulated on [0, reach] in u = asinh z by Gauss–Legendre quadrature, from the far end inwards so that nothing cancels, and
 * interpolated by the quintic through value, slope and curvature at both ends of a cell (Hermite).
 *
 * @param df > 0.  @param reach > 0: beyond it the tail is taken as 0; choose it where the density no longer matters.
 * @returns tails to 1e-13 (a tail above 1e-10 to 1e-7 of itself), less the mass beyond reach.
 */
export function studentLaw(df: number, reach: number): StudentLaw {
  const density = studentDensity(df);
  const cells = Math.ceil(Math.asinh(reach) / CELL);
  const value = new Float64Array(cells + 1);
  const slope = new Float64Array(cells + 1);
  const curvature = new Float64Array(cells + 1);
  for (let k = cells; k >= 0; k--) {
    const z = Math.sinh(k * CELL);
    const f = density(z);
    const stretch = Math.cosh(k * CELL);
    // In units of a cell: d/du P(T > sinh u) = −f·cosh u, and f′ = −f·z(df + 1)/(df + z²).
    slope[k] = -f * stretch * CELL;
    curvature[k] = f * (((df + 1) * z * stretch * stretch) / (df + z * z) - z) * CELL * CELL;
    if (k < cells) value[k] = value[k + 1]! + cellMass(k);
  }
  return { density, tails };

  function cellMass(k: number): number {
    const middle = (k + 0.5) * CELL;
    let mass = 0;
    gaussLegendre10.nodes.forEach((node, i) => {
      const step = (node * CELL) / 2;
      for (const u of [middle - step, middle + step])
        mass += gaussLegendre10.weights[i]! * density(Math.sinh(u)) * Math.cosh(u);
    });
    return (mass * CELL) / 2;
  }

  function tails(z: number): { lower: number; upper: number } {
    const at = Math.asinh(Math.abs(z)) / CELL;
    const k = Math.floor(at);
    const tail = k < cells ? quintic(k, at - k) : 0;
    return z < 0 ? { lower: tail, upper: 1 - tail } : { lower: 1 - tail, upper: tail };
  }

  function quintic(k: number, s: number): number {
    const [p0, p1, v0, v1] = [value[k]!, value[k + 1]!, slope[k]!, slope[k + 1]!];
    const [a0, a1] = [curvature[k]!, curvature[k + 1]!];
    const gap = p1 - p0;
    const c3 = 10 * gap - 6 * v0 - 4 * v1 - 1.5 * a0 + 0.5 * a1;
    const c4 = -15 * gap + 8 * v0 + 7 * v1 + 1.5 * a0 - a1;
    const c5 = 6 * gap - 3 * (v0 + v1) - 0.5 * (a0 - a1);
    return p0 + s * (v0 + s * (a0 / 2 + s * (c3 + s * (c4 + s * c5))));
  }
}
