// What a fit of a purchase model answers beside its parameters: uncertainty from a Hessian that is known, refusals, and what is flagged.
import { describe, expect, test } from 'vitest';
import * as bgNbd from '#domain/models/bg-nbd.ts';
import { compress } from '#domain/models/compress.ts';
import { fitPurchases, toResult } from '#domain/models/purchase-fit.ts';
import type { Evaluation } from '#domain/numerics/newton.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { expectClose } from '../../support/close.ts';

type Row = readonly [x: number, tx: number, T: number, weight?: number];
const summaryOf = (rows: readonly Row[]) => ({
  frequency: Float64Array.from(rows, ([x]) => x),
  recency: Float64Array.from(rows, ([, tx]) => tx),
  T: Float64Array.from(rows, ([, , T]) => T),
  weight: Float64Array.from(rows, ([, , , weight = 1]) => weight),
});
const good = (n: number): Row[] =>
  Array.from({ length: n }, (_, i) => [i % 4, i % 4 === 0 ? 0 : 5 + (i % 7), 20 + (i % 3)]);
function fitted(rows: readonly Row[]) {
  const found = bgNbd.fit(summaryOf(rows));
  if (!found.ok) throw new Error(found.message);
  return found;
}
const codes = (rows: readonly Row[]) => fitted(rows).diagnostics.map(({ code }) => code);

describe('uncertainty from the curvature at the maximum', () => {
  const best = {
    at: [Math.log(2), Math.log(5)],
    value: -100,
    gradient: [1e-9, -3e-9],
    hessian: [
      [-4, 1],
      [1, -2],
    ],
    iterations: 6,
    converged: true,
    atBound: [0, 0],
  };

  test('(−H)⁻¹, the delta method, units, and the condition number in the 1-norm', () => {
    const found = toResult(best, ['r', 'alpha'], [1, 10], []);
    expectClose(found.params.r, 2, 1e-15);
    expectClose(found.params.alpha, 50, 1e-15);
    // (−H)⁻¹ = [[2, 1], [1, 4]]/7
    found.covarianceLog!.flat().forEach((value, k) => {
      expectClose(value, [2, 1, 1, 4][k]! / 7, 1e-14);
    });
    expectClose(found.standardErrors.r, 2 * Math.sqrt(2 / 7), 1e-14);
    expectClose(found.standardErrors.alpha, 50 * Math.sqrt(4 / 7), 1e-14);
    expectClose(found.conditionNumber, 5 * (5 / 7), 1e-14);
    expect(found).toMatchObject({ gradientNorm: 3e-9, iterations: 6, converged: true, diagnostics: [] });
  });

  test('at a bound there is no covariance, and the gradient that pushes against it does not count', () => {
    const found = toResult({ ...best, gradient: [0.5, 2e-9], atBound: [1, 0] }, ['r', 'alpha'], [1, 1], []);
    expect(found).toMatchObject({ covarianceLog: null, conditionNumber: null, gradientNorm: 2e-9 });
    expect(found.standardErrors).toEqual({ r: null, alpha: null });
    expect(found.diagnostics.map(({ code }) => code)).toEqual(['ill-conditioned']);
  });

  test.each([
    [0.9e12, []],
    [1.1e12, ['ill-conditioned']],
  ])('a condition number of %s', (condition, expected) => {
    const flat = [
      [-condition, 0],
      [0, -1],
    ];
    const found = toResult({ ...best, hessian: flat }, ['r', 'alpha'], [1, 1], []);
    expectClose(found.conditionNumber, condition, 1e-12);
    expect(found.diagnostics.map(({ code }) => code)).toEqual(expected);
  });
});

describe('refused', () => {
  test('nine customers are too few, ten are fitted, and below thirty it says so', () => {
    expect(bgNbd.fit(summaryOf(good(9)))).toMatchObject({
      ok: false,
      reason: 'too-few-customers',
      message: '9 customers cannot carry four parameters; give at least 10',
      iterations: 0,
      gradientNorm: null,
      n: 9,
      diagnostics: [],
    });
    const ten = bgNbd.fit(summaryOf(good(10)));
    expect(ten.n).toBe(10);
    expect(ten.ok || ten.reason).not.toBe('too-few-customers');
    expect(ten.diagnostics).toContainEqual({ code: 'few-customers', message: '10 customers: expect wide uncertainty' });
    expect(codes(good(30))).not.toContain('few-customers');
    expect(fitted([...good(29), [1, 4, 20, 6]]).n).toBe(35);
  });

  /** A made-up likelihood of two parameters, from starts of its own. */
  const fitOf = (likelihood: (theta: readonly number[]) => Evaluation, starts: number[][], n = 40) =>
    fitPurchases(
      {
        model: 'made-up',
        names: ['r', 'alpha'],
        times: [],
        box: { lower: [-50, -50], upper: [50, 50] },
        likelihood: () => likelihood,
        starts: () => starts.map((start) => start.map(Math.exp)),
      },
      compress(summaryOf(good(n))),
      'week',
    );
  const DOWN = [
    [-1, 0],
    [0, -1],
  ];

  test('a likelihood without a top: no convergence, with the steps and what was seen', () => {
    // The gradient lies: no step ever rises.
    const endless = (): Evaluation => ({ value: -1, gradient: [2, -3], hessian: DOWN });
    const found = fitOf(endless, [
      [1, 1],
      [2, 2],
    ]);
    expect(found).toMatchObject({ ok: false, model: 'made-up', reason: 'no-convergence', n: 40, gradientNorm: 3 });
    if (found.ok) throw new Error('fitted');
    expect(found.message).toMatch(/no maximum found in \d+ steps: the likelihood has no clear top/);
    const few = fitOf(endless, [[1, 1]], 12);
    expect(few.ok ? '' : few.message).toContain('steps: 12 customers: expect wide uncertainty');
  });

  test('of several starts the first that converges is taken; where none does, the highest', () => {
    // Two hills in x: at −2 (value −1) and at 2 (value 0).
    const hills = ([x = 0, y = 0]: readonly number[]): Evaluation => {
      const [top, height] = x < 0 ? [-2, -1] : [2, 0];
      return { value: height - 0.5 * ((x - top) ** 2 + y * y), gradient: [top - x, -y], hessian: DOWN };
    };
    const first = fitOf(hills, [
      [-1.5, 0],
      [1.5, 0],
    ]);
    if (!first.ok) throw new Error(first.message);
    expectClose(first.params.r, Math.exp(-2), 1e-12);
    // Stuck at x < 0, where the gradient lies; the hill is at 2.
    const stuck = (at: readonly number[]): Evaluation =>
      at[0]! < 0 ? { value: -9 - Math.abs(at[0]! + 3), gradient: [1, 0], hessian: DOWN } : hills(at);
    const second = fitOf(stuck, [
      [-3, 0],
      [1.5, 0],
    ]);
    if (!second.ok) throw new Error(second.message);
    expectClose(second.params.r, Math.exp(2), 1e-12);
    const cliffs = ([x = 0]: readonly number[]): Evaluation => ({
      value: -Math.abs(Math.round(x) - 1) - 10 * Math.abs(x - Math.round(x)),
      gradient: [Math.round(x) === 1 ? 0.25 : 4, 0],
      hessian: DOWN,
    });
    for (const starts of [
      [3, 1, 5],
      [1, 3, 5],
      [5, 3, 1],
    ])
      expect(
        fitOf(
          cliffs,
          starts.map((x) => [x, 0]),
        ),
      ).toMatchObject({ ok: false, gradientNorm: 0.25 });
  });
});

describe('flagged', () => {
  const lastDay = (n: number): Row[] => Array.from({ length: n }, (_, i) => [5, i + 10, i + 10]);

  test('no drop-out to be seen: only when every repeat buyer bought on the last day', () => {
    expect(codes(lastDay(50))).toContain('no-dropout');
    expect(codes([...lastDay(50), [0, 0, 30]])).toContain('no-dropout');
    expect(codes([...lastDay(50), [3, 20, 30]])).not.toContain('no-dropout');
  });

  test('a bound is named with its side; r at its upper bound means no heterogeneity', () => {
    const same = fitted(Array.from({ length: 100 }, () => [3, 20, 30]));
    const messages = same.diagnostics.map(({ code, message }) => `${code}: ${message}`).join('\n');
    expect(messages).toContain('no-heterogeneity');
    expect(messages).toMatch(/at-boundary: (r|alpha) stands at the upper bound/);
    expect(codes(good(200))).not.toContain('no-heterogeneity');
  });

  test('a fall towards both ends of a box is named by side', () => {
    const found = fitPurchases(
      {
        model: 'slope',
        names: ['r', 'alpha', 's'],
        times: [],
        box: { lower: [-1, -1, -1], upper: [1, 1, 1] },
        likelihood:
          () =>
          ([r = 0, alpha = 0, s = 0]) => ({
            value: alpha - r - s * s,
            gradient: [-1, 1, -2 * s],
            hessian: [
              [-1, 0, 0],
              [0, -1, 0],
              [0, 0, -2],
            ],
          }),
        starts: () => [[1, 1, 1]],
      },
      compress(summaryOf(good(40))),
      'day',
    );
    expect(found.diagnostics.map(({ message }) => message.split(';')[0])).toEqual([
      'r stands at the lower bound',
      'alpha stands at the upper bound',
      'the likelihood is flat in some direction: parameters are uncertain far beyond their standard errors',
    ]);
  });

  test('the naive rival is a Poisson process of one rate, with one parameter', () => {
    const rows = [...good(40), [2, 7, 11, 3] as const];
    const { naive, logLikelihood, aic, bic, n } = fitted(rows);
    const sum = (of: (row: Row) => number) => rows.reduce((total, row) => total + (row[3] ?? 1) * of(row), 0);
    const rate = sum(([x]) => x) / sum(([, , T]) => T);
    expect(n).toBe(43);
    expectClose(
      naive!.logLikelihood,
      sum(([x, , T]) => x * Math.log(rate) - rate * T),
      1e-12,
    );
    expectClose(naive!.bic, Math.log(43) - 2 * naive!.logLikelihood, 1e-13);
    expectClose(bic, 4 * Math.log(43) - 2 * logLikelihood, 1e-13);
    expectClose(aic, 8 - 2 * logLikelihood, 1e-13);
  });

  test('parameters known to a factor of several are named, the others are not', () => {
    const named: string[][] = [];
    for (const seed of [1, 2, 3, 93]) {
      const { standardErrors, params, diagnostics } = fitted(population(100, seed));
      const names = (['r', 'alpha', 'a', 'b'] as const).filter((name) => standardErrors[name]! / params[name] > 1);
      const message = diagnostics.find(({ code }) => code === 'weakly-identified')?.message;
      if (names.length === 0) expect(message).toBeUndefined();
      else expect(message).toContain(`${names.join(' and ')} ${names.length > 1 ? 'are' : 'is'} known only`);
      named.push(names);
    }
    expect(named).toContainEqual([]);
    expect(named).toContainEqual(['b']);
    expect(named).toContainEqual(['a', 'b']);
  });

  /** BG/NBD as its story goes: r = 0.8, α = 4, a = 0.8, b = 2.4. */
  function population(n: number, seed: number): Row[] {
    const random = createRandom(seed);
    return Array.from({ length: n }, (): Row => {
      const T = 30 + random.uniform() * 22;
      const rate = random.gamma(0.8, 4);
      const leaves = random.beta(0.8, 2.4);
      let [x, tx] = [0, 0];
      for (let at = random.exponential(rate); at < T; at += random.exponential(rate)) {
        x++;
        tx = at;
        if (random.uniform() < leaves) break;
      }
      return [x, tx, T];
    });
  }
});
