// What a posterior says of the future, at the joints of its methods and outside its domain; the laws themselves: golden and properties.
import { describe, expect, test } from 'vitest';
import * as bgNbd from '#domain/models/bg-nbd.ts';
import {
  aliveFrom,
  countPmf,
  countQuantiles,
  expectedFuture,
  nowhere,
  type ParetoPosterior,
  posterior,
  probabilityOfNoPurchase,
  probabilityOfPurchase,
  wholeCountPmf,
} from '#domain/models/future-purchases.ts';
import { negativeBinomial } from '#domain/models/negative-binomial.ts';
import * as paretoNbd from '#domain/models/pareto-nbd.ts';
import { lnBeta } from '#domain/numerics/beta.ts';
import { createScratch } from '#domain/numerics/scratch.ts';
import { expectClose } from '../../support/close.ts';
import { golden } from '../../support/histories.ts';

const [a, b] = [0.793, 2.426 + 3];
const alive = bgNbd.posterior({ r: 0.243, alpha: 4.414, a, b: 2.426 }, 3, 20, 30);
const geometric = posterior(alive.logOddsDead, alive.shape, alive.rate, a, b);
const pareto = paretoNbd.posterior({ r: 0.55, alpha: 10.58, s: 0.61, beta: 11.67 }, 3, 20, 30) as ParetoPosterior;

/** E of an alive customer by summing the chance of each purchase: P(N ≥ n) for n = 1, 2, … */
function byTails(shape: number, rate: number, a: number, b: number, t: number): number {
  const pmf = countPmf(posterior(Number.NEGATIVE_INFINITY, shape, rate, a, b), t, 20_000);
  return pmf.reduce((sum, mass, n) => sum + n * mass, 0);
}

test('P(alive) from the odds of death: the same on both sides of e^700, and never 0 before doubles end', () => {
  expect(aliveFrom(Number.NEGATIVE_INFINITY)).toBe(1);
  expect(aliveFrom(0)).toBe(0.5);
  expectClose(aliveFrom(Math.log(3)), 0.25, 1e-15);
  expectClose(aliveFrom(699), Math.exp(-699), 1e-12);
  expectClose(aliveFrom(705), Math.exp(-705), 1e-12);
  expect(aliveFrom(740)).toBeGreaterThan(0);
});

describe('the expectation', () => {
  test.each([
    ['a < 1', 0.7, 5, 0.6, 2, 12],
    ['a = 1', 0.7, 5, 1, 2, 12],
    ['a > 1', 0.7, 5, 3, 2, 12],
    ['a + b = 1', 2, 5, 0.4, 0.6, 12],
    ['shape = a + b − 1', 2, 5, 1.4, 1.6, 12],
    ['many purchases', 60, 5, 0.5, 9, 12],
    ['a ≫ 1 ≫ r', 0.01, 5, 40, 2, 30],
    ['r ≫ a + b', 400, 50, 0.2, 0.3, 30],
  ])('is the mean of the counts: %s', (_, shape, rate, a, b, t) => {
    const found = expectedFuture(posterior(Number.NEGATIVE_INFINITY, shape, rate, a, b), t);
    expectClose(found, byTails(shape, rate, a, b, t), 1e-10);
  });

  const exact = golden<{ rows: [...number[], string][]; tolerance: number }>('expected_purchases.json');
  test('is that of mpmath in 260 digits (expected_purchases.py) where hardly anybody leaves, and where the series cancels', () => {
    for (const [shape, rate, a, b, t, value] of exact.rows as [number, number, number, number, number, string][]) {
      const found = expectedFuture(posterior(Number.NEGATIVE_INFINITY, shape, rate, a, b), t);
      expectClose(found, Number(value), exact.tolerance);
    }
  });

  test('series and quadrature meet where one takes over: z = t/(α + t) at 0.9999', () => {
    const last = (geometric.rate * 0.9999) / 0.0001;
    // Four values of the series foretell the next, by the quadrature: a cubic in ln t.
    const [f0, f1, f2, f3] = [0, 1, 2, 3].map((k) =>
      expectedFuture(geometric, last * Math.exp(-0.01 * k) * (1 - 1e-12)),
    );
    expectClose(expectedFuture(geometric, last * Math.exp(0.01)), 4 * f0! - 6 * f1! + 4 * f2! - f3!, 1e-9);
    // Without drop-out it is rate × t on both sides.
    const faithful = posterior(Number.NEGATIVE_INFINITY, 3, 5, 1e-6, 1e6);
    for (const t of [50, 4e4, 6e4, 1e6]) expectClose(expectedFuture(faithful, t), 0.6 * t, 1e-6);
  });

  test('all but certain drop-out after the first purchase: the chance of that one', () => {
    const fleeting = posterior(Number.NEGATIVE_INFINITY, 2, 5, 1e6, 1e-6);
    for (const t of [3, 1e6]) expectClose(expectedFuture(fleeting, t), 1 - (5 / (5 + t)) ** 2, 1e-11);
  });

  test('Pareto/NBD: r·β/α·(1 − (β/(β + t))^(s − 1))/(s − 1) for the living, and the mean of the counts', () => {
    const { shape, rate, s, beta, pAlive } = pareto;
    for (const t of [3, 40]) {
      const closed = ((pAlive * shape * beta) / rate / (s - 1)) * (1 - (beta / (beta + t)) ** (s - 1));
      expectClose(expectedFuture(pareto, t), closed, 1e-12);
      const pmf = wholeCountPmf(pareto, t, 1e-15)!;
      expectClose(
        pmf.reduce((sum, mass) => sum + mass, 0),
        1,
        1e-12,
      );
      expectClose(
        pmf.reduce((sum, mass, n) => sum + n * mass, 0),
        closed,
        1e-10,
      );
      expectClose(countPmf(pareto, t, 2)[2], pmf[2]!, 1e-14);
    }
  });

  test('nothing within no time; no answer to a horizon that is none, nor from nowhere', () => {
    for (const state of [geometric, pareto]) {
      expect(expectedFuture(state, 0)).toBe(0);
      for (const t of [-1, Number.NaN, Number.POSITIVE_INFINITY]) expect(expectedFuture(state, t)).toBeNaN();
    }
    expect(expectedFuture(posterior(1e4, 3, 5, 1, 2), 0)).toBe(0);
    expect(expectedFuture(nowhere, 0)).toBeNaN();
    expect(expectedFuture(nowhere, 3)).toBeNaN();
    expect(expectedFuture({ ...geometric, rate: 0 }, 3)).toBeNaN();
  });
});

describe('no purchase, and one', () => {
  test.each([
    ['BG/NBD', geometric],
    ['Pareto/NBD', pareto],
  ])('%s: they make 1, at once nobody has bought, in the end only the living have', (_, state) => {
    for (const t of [0.01, 5, 100])
      expectClose(probabilityOfPurchase(state, t) + probabilityOfNoPurchase(state, t), 1, 1e-13);
    expect(probabilityOfPurchase(state, 0)).toBe(0);
    expectClose(probabilityOfNoPurchase(state, 0), 1, 1e-15);
    expect(probabilityOfPurchase(state, 1e12)).toBeLessThanOrEqual(state.pAlive);
    for (const t of [-1, Number.NaN]) {
      expect(probabilityOfPurchase(state, t)).toBeNaN();
      expect(probabilityOfNoPurchase(state, t)).toBeNaN();
    }
  });
});

describe('counts', () => {
  test('by the formula of the paper, term by term', () => {
    // P(N = n | alive) = B(a, b+n)/B(a, b)·nb(n) + [n > 0]·B(a+1, b+n−1)/B(a, b)·(1 − Σ_{j<n} nb(j)).
    const { shape, rate, pAlive } = geometric;
    const t = 9;
    const z = t / (rate + t);
    let [nb, below] = [(1 - z) ** shape, 0];
    const pmf = countPmf(geometric, t, 6);
    for (let n = 0; n <= 6; n++) {
      const stayed = Math.exp(lnBeta(a, b + n) - lnBeta(a, b)) * nb;
      const left = n === 0 ? 0 : Math.exp(lnBeta(a + 1, b + n - 1) - lnBeta(a, b)) * (1 - below);
      expectClose(pmf[n], (n === 0 ? 1 - pAlive : 0) + pAlive * (stayed + left), 1e-12, `n = ${n}`);
      below += nb;
      nb *= ((shape + n) * z) / (n + 1);
    }
  });

  test('the negative binomial is filled from its mode, so that thousands of purchases do not underflow', () => {
    const [r, z, y] = [2000, 0.9, 0.1];
    const pmf = new Float64Array(24_000);
    negativeBinomial(pmf, r, z, y);
    const moment = (of: (n: number) => number) => pmf.reduce((sum, mass, n) => sum + mass * of(n), 0);
    expectClose(
      moment(() => 1),
      1,
      1e-11,
    );
    expectClose(
      moment((n) => n),
      (r * z) / y,
      1e-11,
    );
    expectClose(moment((n) => n * n) - 18_000 ** 2, (r * z) / y ** 2, 1e-6);
    const few = new Float64Array(2);
    negativeBinomial(few, 0.5, 0.2, 0.8);
    expectClose(few[0], 0.8 ** 0.5, 1e-15);
    expectClose(few[1], 0.8 ** 0.5 * 0.5 * 0.2, 1e-15);
  });

  test('edges: no time, no answer, nothing beyond what was asked', () => {
    expect([...countPmf(geometric, 0, 2)]).toEqual([1, 0, 0]);
    const used = createScratch();
    used(3).fill(7);
    expect([...countPmf(geometric, 0, 2, used)]).toEqual([1, 0, 0]);
    expect([...countPmf(geometric, -1, 1)]).toEqual([Number.NaN, Number.NaN]);
    expect([...countPmf(geometric, Number.NaN, 0)]).toEqual([Number.NaN]);
    expect([...countPmf(nowhere, 3, 0)]).toEqual([Number.NaN]);
    expect([...countPmf({ ...geometric, rate: 0 }, 3, 0)]).toEqual([Number.NaN]);
    expect(countPmf(pareto, 3, 0)).toHaveLength(1);
    expectClose(countPmf(pareto, 3, 0)[0], probabilityOfNoPurchase(pareto, 3), 1e-14);
  });

  test('the whole of them leaves out less than was allowed', () => {
    for (const tolerance of [1e-3, 1e-9]) {
      const pmf = wholeCountPmf(geometric, 50, tolerance)!;
      expect(1 - pmf.reduce((sum, mass) => sum + mass, 0)).toBeLessThan(tolerance);
    }
    expect(wholeCountPmf(geometric, 50, 1e-9)!.length).toBeGreaterThanOrEqual(
      wholeCountPmf(geometric, 50, 1e-3)!.length,
    );
    expect([...wholeCountPmf(geometric, 0, 1e-9)!]).toEqual([1]);
    expect(wholeCountPmf(posterior(Number.NEGATIVE_INFINITY, 5, 1e-6, 1, 100), 50, 1e-9)).toBeUndefined();
  });

  test('quantiles are the smallest count that reaches the level; levels outside (0, 1) and endless laws have none', () => {
    const pmf = wholeCountPmf(geometric, 50, 1e-15)!;
    const levels = [0.1, 0.5, 0.9, 0.999];
    countQuantiles(geometric, 50, levels).forEach((n, i) => {
      const upTo = (last: number) => pmf.slice(0, last + 1).reduce((sum, mass) => sum + mass, 0);
      expect(upTo(n!)).toBeGreaterThanOrEqual(levels[i]!);
      if (n! > 0) expect(upTo(n! - 1)).toBeLessThan(levels[i]!);
    });
    expect(countQuantiles(geometric, 50, [0, 1, -0.1, 1.1, Number.NaN])).toEqual([null, null, null, null, null]);
    expect(countQuantiles(posterior(Number.NEGATIVE_INFINITY, 5, 1e-6, 1, 100), 50, [0.5])).toEqual([null]);
    // Beyond what the law was written out to, the last count.
    expect(countQuantiles(geometric, 50, [1 - 2 ** -53])).toEqual([pmf.length - 1]);
    // Exactly at a step: the count that reaches it.
    expect(countQuantiles(posterior(Number.NEGATIVE_INFINITY, 1, 1, 1e-12, 1), 1, [0.5])).toEqual([0]);
  });
});
