// The law of spend: its mixture summed with an incomplete beta function of its own, its quantiles by bisection of that, and its edges.
import { describe, expect, test } from 'vitest';
import * as bgNbd from '#domain/models/bg-nbd.ts';
import { type Posterior, posterior, wholeCountPmf } from '#domain/models/future-purchases.ts';
import { spendDistribution } from '#domain/models/spend-distribution.ts';
import { regularizedBeta, regularizedBetaComplement } from '#domain/numerics/beta.ts';
import { expectClose } from '../../support/close.ts';

const params = { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 };
const money = { p: 6.25, q: 3.74, v: 15.44 };
const alive = (shape: number, rate: number) => posterior(Number.NEGATIVE_INFINITY, shape, rate, 1e-6, 100);

interface Case {
  state: Posterior;
  t: number;
  x: number;
  mean: number;
  money: typeof money;
}
const cases: [string, Case][] = [
  ['a CDNOW customer', { state: bgNbd.posterior(params, 2, 30.43, 38.86), t: 39, x: 2, mean: 22.35, money }],
  ['nobody knows', { state: bgNbd.posterior(params, 0, 0, 10), t: 52, x: 0, mean: 0, money }],
  ['250 likely counts', { state: alive(40, 8), t: 50, x: 200, mean: 31, money }],
  ['amounts of heavy tail', { state: alive(3, 10), t: 20, x: 0, mean: 0, money: { p: 0.4, q: 0.7, v: 90 } }],
  ['amounts that hardly differ', { state: alive(2, 10), t: 20, x: 5, mean: 25, money: { p: 900, q: 400, v: 11 } }],
  ['one purchase in a thousand', { state: alive(0.01, 50), t: 5, x: 1, mean: 10, money }],
];

/** F(s) = P(N = 0) + Σ P(N = n)·I_u(pn, px + q), u = s/(s + v + x·z̄), and 1 − F(s) likewise. */
function naive({ state, t, x, mean, money: { p, q, v } }: Case, s: number) {
  const pmf = wholeCountPmf(state, t, 1e-15)!;
  const scale = v + x * mean;
  const [u, y] = [s / (s + scale), scale / (s + scale)];
  let [lower, upper] = [pmf[0]!, 0];
  for (let n = 1; n < pmf.length; n++) {
    lower += pmf[n]! * regularizedBeta(p * n, p * x + q, u, y);
    upper += pmf[n]! * regularizedBetaComplement(p * n, p * x + q, u, y);
  }
  return { lower, upper };
}

describe.each(cases)('%s', (_, each) => {
  const lawOf = () => spendDistribution(each.state, each.t, each.money, each.x, each.mean)!;

  test('the law is the mixture, summed', () => {
    const law = lawOf();
    expectClose(law.pZero, naive(each, 0).lower, 1e-12);
    // Components of less than 1e-18 are left out.
    for (const s of [1e-3, 1, 17, 100, 900, 1e5]) {
      const { lower } = naive(each, s);
      expect(Math.abs(law.cdf(s) - lower), `F(${s})`).toBeLessThan(1e-11 * lower + 1e-17);
    }
  });

  test('quantiles are where the mixture reaches the level', () => {
    const law = lawOf();
    const levels = [0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999999].filter((level) => level > law.pZero);
    expect(levels.length).toBeGreaterThan(0);
    for (const level of levels) {
      const s = law.quantile(level);
      const { lower, upper } = naive(each, s);
      expect(Math.abs(level > 0.5 ? 1 - level - upper : lower - level), `${level}: ${s}`).toBeLessThan(
        1e-9 * Math.min(level, 1 - level) + 1e-13,
      );
    }
  });

  test('up to the chance of no purchase a quantile is 0', () => {
    const law = lawOf();
    if (law.pZero > 0) {
      expect(law.quantile(law.pZero)).toBe(0);
      expect(law.quantile(law.pZero / 2)).toBe(0);
    }
    expect(law.quantile(law.pZero + 1e-9 * (1 - law.pZero))).toBeGreaterThan(0);
  });
});

test('edges: below 0 nothing, at 0 the chance of no purchase, no level outside (0, 1)', () => {
  const [, each] = cases[0]!;
  const law = spendDistribution(each.state, each.t, each.money, each.x, each.mean)!;
  expect(law.cdf(-1)).toBe(0);
  expect(law.cdf(0)).toBe(law.pZero);
  expect(law.cdf(Number.NaN)).toBeNaN();
  expectClose(law.cdf(1e300), 1, 1e-12);
  for (const level of [0, 1, -0.1, 1.1, Number.NaN, 1 - 1e-13]) expect(law.quantile(level)).toBeNaN();
  expect(law.quantile(1 - 1e-12)).toBeGreaterThan(law.quantile(1 - 1e-11));
  expect(spendDistribution(alive(5, 1e-6), 50, money, 0, 0)).toBeUndefined();
});
