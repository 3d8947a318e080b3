import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cholesky, choleskyInverse, choleskySolve } from '#domain/numerics/cholesky.ts';
import { maximise } from '#domain/numerics/newton.ts';
import { integrateLine } from '#domain/numerics/quadrature.ts';
import { expectClose } from '../../support/close.ts';

const wide = { lower: [-10, -10], upper: [10, 10] };

describe('Newton', () => {
  test('finds the top of a curved ridge (minus Rosenbrock) from its classical start', () => {
    const found = maximise(
      ([x = 0, y = 0]) => {
        const d = y - x * x;
        return {
          value: -100 * d * d - (1 - x) ** 2,
          gradient: [400 * d * x + 2 * (1 - x), -200 * d],
          hessian: [
            [400 * d - 800 * x * x - 2, 400 * x],
            [400 * x, -200],
          ],
        };
      },
      [-1.2, 1],
      wide,
    );
    expect(found.converged).toBe(true);
    expectClose(found.at[0], 1, 1e-12);
    expectClose(found.at[1], 1, 1e-12);
    expect(found.atBound).toEqual([0, 0]);
  });

  test('stops at a bound the function pushes against and says which side', () => {
    const found = maximise(
      ([x = 0, y = 0]) => ({
        value: -Math.exp(-x) - y * y,
        gradient: [Math.exp(-x), -2 * y],
        hessian: [
          [-Math.exp(-x), 0],
          [0, -2],
        ],
      }),
      [0, 3],
      wide,
    );
    expect(found.at[0]).toBe(10);
    expect(found.atBound).toEqual([1, 0]);
    expect(Math.abs(found.at[1]!)).toBeLessThan(1e-9);
    expect(found.converged).toBe(true);
  });

  test('does not claim convergence when it runs out of steps', () => {
    const f = ([x = 0]: readonly number[]) => ({
      value: -Math.cosh(x - 300),
      gradient: [-Math.sinh(x - 300)],
      hessian: [[-Math.cosh(x - 300)]],
    });
    expect(maximise(f, [0], { lower: [-1000], upper: [1000] }, 5).converged).toBe(false);
  });
});

describe('Cholesky', () => {
  test('solves and inverts A = B·Bᵀ + I for any B', () => {
    const cell = fc.double({ min: -3, max: 3, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell, cell), { minLength: 3, maxLength: 3 }),
        fc.tuple(cell, cell, cell),
        (B, rhs) => {
          const A = B.map((row, i) =>
            B.map((other, j) => row.reduce((sum, value, k) => sum + value * other[k]!, i === j ? 1 : 0)),
          );
          const lower = cholesky(A)!;
          const x = choleskySolve(lower, rhs);
          const inverse = choleskyInverse(lower);
          A.forEach((row, i) => {
            expect(row.reduce((sum, value, j) => sum + value * x[j]!, 0)).toBeCloseTo(rhs[i]!, 9);
            row.forEach((_, j) => {
              expect(row.reduce((sum, value, k) => sum + value * inverse[k]![j]!, 0)).toBeCloseTo(i === j ? 1 : 0, 9);
            });
          });
        },
      ),
    );
  });

  test('refuses a matrix that is not positive definite', () => {
    expect(
      cholesky([
        [1, 2],
        [2, 1],
      ]),
    ).toBeUndefined();
    expect(
      cholesky([
        [1, 1],
        [1, 1],
      ]),
    ).toBeUndefined();
    expect(cholesky([[Number.NaN]])).toBeUndefined();
  });
});

test('the double-exponential rule integrates sharp, wide and one-sided decay: ∫ e^(aL)/(1+e^L)^(a+b) dL = B(a, b)', () => {
  for (const [a, b, beta] of [
    [0.5, 0.5, Math.PI],
    [2, 3, 1 / 12],
    [1, 1e-3, 1000],
    [40, 2, 1 / 1640],
  ] as const) {
    const found = integrateLine((L) =>
      Math.exp(a * Math.min(L, 0) - b * Math.max(L, 0) - (a + b) * Math.log1p(Math.exp(-Math.abs(L)))),
    );
    expectClose(found, beta, 1e-13, `B(${a}, ${b})`);
  }
});
