// The incomplete gamma function against closed forms and identities.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  chiSquareExceeded,
  chiSquareUpper,
  regularizedGamma,
  regularizedGammaUpper,
} from '#domain/numerics/incomplete-gamma.ts';

test('whole a: Q(a, x) = e^−x Σ x^k/k!', () => {
  for (const a of [1, 2, 5, 12, 40]) {
    for (const x of [0.01, 0.5, 3, a, a + 1, 2 * a, 90]) {
      let term = Math.exp(-x);
      let sum = 0;
      for (let k = 0; k < a; k++) {
        sum += term;
        term *= x / (k + 1);
      }
      expect(Math.abs(regularizedGammaUpper(a, x) / sum - 1)).toBeLessThan(1e-13);
    }
  }
});

test('the χ² quantile is the inverse of its tail', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-12, max: 0.999, noNaN: true }), fc.integer({ min: 1, max: 300 }), (p, df) => {
      expect(Math.abs(chiSquareUpper(chiSquareExceeded(p, df), df) / p - 1)).toBeLessThan(1e-10);
    }),
  );
  expect(chiSquareExceeded(0.05, 1)).toBeCloseTo(3.841458820694124, 13);
});

test('edges: 1 at 0, 0 at infinity, NaN outside the domain', () => {
  expect(regularizedGammaUpper(3, 0)).toBe(1);
  expect(regularizedGammaUpper(3, Number.POSITIVE_INFINITY)).toBe(0);
  expect(regularizedGammaUpper(0, 1)).toBeNaN();
  expect(regularizedGammaUpper(1, -1)).toBeNaN();
  expect(chiSquareExceeded(0, 1)).toBeNaN();
});

test('both tails: P(1, x) = 1 − e^−x with the digits of the small one, and nothing outside the domain', () => {
  expect(regularizedGamma(1, 1e-12).lower / -Math.expm1(-1e-12)).toBeCloseTo(1, 13);
  expect(regularizedGamma(1, 50).upper / Math.exp(-50)).toBeCloseTo(1, 13);
  expect(regularizedGamma(2, 0)).toEqual({ lower: 0, upper: 1 });
  expect(regularizedGamma(2, Number.POSITIVE_INFINITY)).toEqual({ lower: 1, upper: 0 });
  expect(regularizedGamma(2, -1)).toEqual({ lower: Number.NaN, upper: Number.NaN });
  for (const [p, df] of [
    [0, 1],
    [1, 1],
    [0.5, 0],
    [0.5, -1],
  ] as const)
    expect(chiSquareExceeded(p, df)).toBeNaN();
});
