// The likelihood of BG/NBD and MBG/NBD: customer by customer as the papers write it, and its derivatives by differences.
import { describe, expect, test } from 'vitest';
import { betaGeometricLikelihood } from '#domain/models/beta-geometric-likelihood.ts';
import * as bgNbd from '#domain/models/bg-nbd.ts';
import { compress } from '#domain/models/compress.ts';
import * as mbgNbd from '#domain/models/mbg-nbd.ts';
import { lnBeta } from '#domain/numerics/beta.ts';
import { lnGamma } from '#domain/numerics/gamma.ts';
import { expectClose } from '../../support/close.ts';

/** frequency, recency, T, weight: nobody came back, alive on the last day, long silent, often; equal times and equal counts among them. */
const rows: [number, number, number, number][] = [
  [0, 0, 39, 5],
  [0, 0, 12, 1],
  [1, 12, 39, 2],
  [1, 39, 39, 1],
  [2, 30.43, 38.86, 3],
  [2, 4, 39, 1],
  [7, 20, 39, 1],
  [40, 25, 30, 2],
];
const column = (k: number) => Float64Array.from(rows, (row) => row[k]!);
const summary = compress({ frequency: column(0), recency: column(1), T: column(2), weight: column(3) });
const points = [
  [0.243, 4.414, 0.793, 2.426],
  [3, 0.5, 4, 0.2],
  [0.05, 60, 0.02, 9],
];

/** ln of Γ(r+x)/Γ(r) · α^r · B(a, b+k)/B(a, b) · [(α+T)^−(r+x) + [k>0]·a/(b+k−1)·(α+t_x)^−(r+x)], for one customer. */
function naive([r, alpha, a, b]: number[], trialsAtBirth: number, scale: number): number {
  return rows.reduce((sum, [x, tx, T, weight]) => {
    const k = x + trialsAtBirth;
    const alive = (alpha! + T * scale) ** -(r! + x);
    const dead = k === 0 ? 0 : (a! / (b! + k - 1)) * (alpha! + tx * scale) ** -(r! + x);
    return (
      sum +
      weight *
        (lnGamma(r! + x) -
          lnGamma(r!) +
          r! * Math.log(alpha!) +
          lnBeta(a!, b! + k) -
          lnBeta(a!, b!) +
          Math.log(alive + dead))
    );
  }, 0);
}

describe.each([
  ['BG/NBD', 0, 1],
  ['MBG/NBD', 1, 1],
  ['BG/NBD in other units of time', 0, 0.25],
] as const)('%s', (_, trialsAtBirth, scale) => {
  const likelihood = betaGeometricLikelihood(summary, trialsAtBirth, scale);

  test.each(points)('ln L at r = %s, α = %s, a = %s, b = %s is the sum over customers', (...params) => {
    expectClose(likelihood(params.map(Math.log)).value, naive(params, trialsAtBirth, scale), 1e-12);
  });

  test.each(points)('gradient and Hessian at r = %s, α = %s, a = %s, b = %s are those of ln L', (...params) => {
    const at = params.map(Math.log);
    const { gradient, hessian } = likelihood(at);
    const step = 1e-5;
    at.forEach((_, i) => {
      const moved = (by: number) => likelihood(at.map((value, j) => (i === j ? value + by : value)));
      const [up, down] = [moved(step), moved(-step)];
      const slope = (up.value - down.value) / (2 * step);
      expect(Math.abs(slope - gradient[i]!), `∂${i}`).toBeLessThan(1e-6 * Math.max(1, Math.abs(gradient[i]!)));
      hessian[i]!.forEach((value, j) => {
        const difference = (up.gradient[j]! - down.gradient[j]!) / (2 * step);
        expect(Math.abs(difference - value), `∂${i}∂${j}`).toBeLessThan(1e-6 * Math.max(1, Math.abs(value)));
        expectClose(value, hessian[j]![i]!, 1e-14);
      });
    });
  });
});

test('the models ask it with their own number of trials at birth', () => {
  const columns = { frequency: column(0), recency: column(1), T: column(2), weight: column(3) };
  const [r, alpha, a, b] = points[0] as [number, number, number, number];
  expectClose(bgNbd.logLikelihood({ r, alpha, a, b }, columns), naive(points[0]!, 0, 1), 1e-12);
  expectClose(mbgNbd.logLikelihood({ r, alpha, a, b }, columns), naive(points[0]!, 1, 1), 1e-12);
});

test('a customer who is dead for sure does not overflow', () => {
  const silent = compress({ frequency: Float64Array.of(3000), recency: Float64Array.of(5), T: Float64Array.of(5000) });
  const { value, gradient } = betaGeometricLikelihood(silent, 0)([0.2, 4, 0.8, 2.4].map(Math.log));
  const [r, alpha, a, b, x] = [0.2, 4, 0.8, 2.4, 3000];
  const dead =
    lnGamma(r + x) -
    lnGamma(r) +
    r * Math.log(alpha) +
    lnBeta(a, b + x) -
    lnBeta(a, b) +
    Math.log(a / (b + x - 1)) -
    (r + x) * Math.log(alpha + 5);
  expectClose(value, dead, 1e-11);
  expect(gradient.every(Number.isFinite)).toBe(true);
});
