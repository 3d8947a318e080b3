import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lnBeta } from '#domain/numerics/beta.ts';
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

describe('Newton in a box', () => {
  /** −½(x − top)ᵀA(x − top): its Newton step leads to the top from anywhere. */
  const quadratic =
    (top: readonly number[], A: readonly (readonly number[])[], seen: number[][] = []) =>
    (at: readonly number[]) => {
      seen.push([...at]);
      const d = at.map((value, i) => value - top[i]!);
      const gradient = A.map((row) => -row.reduce((sum, value, j) => sum + value * d[j]!, 0));
      return {
        value: 0.5 * gradient.reduce((sum, value, i) => sum + value * d[i]!, 0),
        gradient,
        hessian: A.map((row) => row.map((value) => -value)),
      };
    };
  const A = [
    [2, 0.5],
    [0.5, 1],
  ];

  test('a quadratic is climbed in one step, and said to be the top without wandering off', () => {
    const found = maximise(quadratic([1, -2], A), [0, 0], wide);
    expect(found.converged).toBe(true);
    expect(found.iterations).toBeLessThanOrEqual(3);
    found.at.forEach((value, i) => {
      expect(value).toBeCloseTo([1, -2][i]!, 13);
    });
    expect(Math.max(...found.gradient.map(Math.abs))).toBeLessThan(1e-12);
  });

  test('a step is at most 3 long in any coordinate', () => {
    const seen: number[][] = [];
    const found = maximise(quadratic([9, 1], A, seen), [0, 0], wide);
    expect(found.converged).toBe(true);
    expect(seen[1]![0]).toBeCloseTo(3, 12);
    expect(seen[1]![1]).toBeCloseTo(1 / 3, 12);
    for (let k = 1; k < seen.length; k++)
      seen[k]!.forEach((value, i) => {
        expect(Math.abs(value - seen[k - 1]![i]!)).toBeLessThanOrEqual(3 + 1e-12);
      });
  });

  test('a start outside the box is moved to its nearest point', () => {
    const seen: number[][] = [];
    maximise(quadratic([1, 1], A, seen), [50, -50], wide);
    expect(seen[0]).toEqual([10, -10]);
  });

  test('where the top is outside, the face it is nearest to in the metric of the curvature', () => {
    // On x = 10: ∂y = 0 ⇔ 0.5·(10 − 14) + (y − 1) = 0 ⇒ y = 3.
    const found = maximise(quadratic([14, 1], A), [0, 0], wide);
    expect(found.converged).toBe(true);
    expect(found.atBound).toEqual([1, 0]);
    expect(found.at[0]).toBe(10);
    expect(found.at[1]).toBeCloseTo(3, 10);
    const lower = maximise(quadratic([-14, 1], A), [0, 0], wide);
    expect(lower.atBound).toEqual([-1, 0]);
    expect(lower.at[0]).toBe(-10);
    expect(lower.at[1]).toBeCloseTo(-1, 10);
    const corner = maximise(quadratic([40, 40], A), [0, 0], wide);
    expect(corner).toMatchObject({ at: [10, 10], atBound: [1, 1], converged: true });
  });

  test('a start on a face leaves it when the top is inside', () => {
    const found = maximise(quadratic([2, -1], A), [10, 10], wide);
    expect(found.atBound).toEqual([0, 0]);
    expect(found.at[0]).toBeCloseTo(2, 12);
    expect(found.at[1]).toBeCloseTo(-1, 12);
  });

  test('a face whose gradient points inwards is held for a step that others would push out of the box', () => {
    // At (−10, 0): the gradient of x is +1, inwards, but the coupled Newton step goes outwards.
    const coupled = [
      [1, -0.99],
      [-0.99, 1],
    ];
    const top = [-10.5, -11.5];
    const found = maximise(quadratic(top, coupled), [-10, 0], wide);
    expect(found.converged).toBe(true);
    // On y = −10: (x + 10.5) − 0.99·1.5 = 0.
    expect(found.atBound).toEqual([0, -1]);
    expect(found.at[0]).toBeCloseTo(-9.015, 12);
    expect(found.at[1]).toBe(-10);
  });

  test('the same at the upper face', () => {
    const coupled = [
      [1, -0.99],
      [-0.99, 1],
    ];
    const found = maximise(quadratic([10.5, 11.5], coupled), [10, 0], wide);
    expect(found).toMatchObject({ converged: true, atBound: [0, 1] });
    expect(found.at[0]).toBeCloseTo(9.015, 12);
    expect(found.at[1]).toBe(10);
  });

  test('a step that meets a bound is shortened as a whole, so that coupled coordinates keep their direction', () => {
    const uncoupled = [
      [1, 0],
      [0, 1],
    ];
    for (const sign of [1, -1]) {
      const seen: number[][] = [];
      // From (9, 0) the step is (2, 1); the bound of x allows half of it.
      maximise(quadratic([11 * sign, sign], uncoupled, seen), [9 * sign, 0], wide);
      expect(seen[1]).toEqual([10 * sign, 0.5 * sign]);
    }
  });

  test('runs out of steps exactly when it was told to', () => {
    const f = ([x = 0]: readonly number[]) => ({
      value: -Math.cosh(x - 300),
      gradient: [-Math.sinh(x - 300)],
      hessian: [[-Math.cosh(x - 300)]],
    });
    expect(maximise(f, [0], { lower: [-1000], upper: [1000] }, 5).iterations).toBe(5);
  });

  test('curvature that points the wrong way is damped until the step climbs', () => {
    // Two hills of −(x² − 4)²/16 with a dip between them; y bends normally.
    const found = maximise(
      ([x = 0, y = 0]) => ({
        value: -((x * x - 4) ** 2) / 16 - (y - 1) ** 2,
        gradient: [-(x * (x * x - 4)) / 4, -2 * (y - 1)],
        hessian: [
          [-(3 * x * x - 4) / 4, 0],
          [0, -2],
        ],
      }),
      [0.1, -5],
      wide,
    );
    expect(found.converged).toBe(true);
    expectClose(Math.abs(found.at[0]!), 2, 1e-9);
    expectClose(found.at[1], 1, 1e-9);
  });

  test('a flat coordinate does not stop the others', () => {
    const found = maximise(
      ([, y = 0]) => ({
        value: -((y - 3) ** 2),
        gradient: [0, -2 * (y - 3)],
        hessian: [
          [0, 0],
          [0, -2],
        ],
      }),
      [1, -4],
      wide,
    );
    expect(found.converged).toBe(true);
    expect(found.at[0]).toBeCloseTo(1, 12);
    expectClose(found.at[1], 3, 1e-9);
  });

  test('a step that overshoots is halved', () => {
    // ln cosh: Newton from 1.2 jumps to −1.13 and would wander off.
    const seen: number[] = [];
    const found = maximise(
      ([x = 0]) => {
        seen.push(x);
        return { value: -Math.log(Math.cosh(x)), gradient: [-Math.tanh(x)], hessian: [[-1 / Math.cosh(x) ** 2]] };
      },
      [1.5],
      { lower: [-10], upper: [10] },
    );
    expect(found.converged).toBe(true);
    expect(Math.abs(found.at[0]!)).toBeLessThan(1e-9);
    expect(seen[1]).toBe(-1.5);
    expect(seen[2]).toBe(0);
  });

  test('no number at the start: not converged, and nothing was tried', () => {
    const nowhere = { value: Number.NaN, gradient: [Number.NaN], hessian: [[Number.NaN]] };
    expect(maximise(() => nowhere, [0], { lower: [-1], upper: [1] })).toMatchObject({
      converged: false,
      iterations: 0,
    });
  });

  test('a function that never rises is not called converged', () => {
    // The gradient lies: every step goes down.
    const found = maximise(([x = 0]) => ({ value: -Math.abs(x), gradient: [1], hessian: [[-1]] }), [0], {
      lower: [-10],
      upper: [10],
    });
    expect(found).toMatchObject({ converged: false, at: [0], iterations: 1 });
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

test('a peak that is narrow, and rounded as a sum of large terms is, takes a few thousand evaluations and no more', () => {
  // The mean a/(a + b) of Beta(a, b), over the logit, for shapes that a fit at its bounds gives.
  const [a, b] = [179_803.66, 1e6];
  const norm = lnBeta(a, b);
  let evaluations = 0;
  const mean = integrateLine(
    (logit) => {
      evaluations++;
      const lnP = logit > 0 ? -Math.log1p(Math.exp(-logit)) : logit - Math.log1p(Math.exp(logit));
      return Math.exp(a * lnP + b * (lnP - logit) - norm + lnP);
    },
    Math.log(a / b),
    Math.sqrt(1 / a + 1 / b),
  );
  expectClose(mean, a / (a + b), 1e-9, 'the mean');
  expect(evaluations).toBeLessThan(10_000);
});
