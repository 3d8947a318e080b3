// The time to the next purchase, durations with their unit, the naive forecast.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as bgNbd from '#domain/models/bg-nbd.ts';
import { daysOf, parseDuration } from '#domain/models/duration.ts';
import { type ParetoPosterior, probabilityOfPurchase } from '#domain/models/future-purchases.ts';
import { discountedPurchases } from '#domain/models/lifetime-value.ts';
import * as mbgNbd from '#domain/models/mbg-nbd.ts';
import { naiveValue } from '#domain/models/naive-value.ts';
import { nextPurchase } from '#domain/models/next-purchase.ts';
import * as paretoNbd from '#domain/models/pareto-nbd.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { expectClose } from '../../support/close.ts';

const geometric = { r: 0.5, alpha: 6, a: 0.8, b: 2.5 };
const pareto = { r: 0.55, alpha: 10.6, s: 0.6, beta: 11.7 };
const states = fc
  .record({
    x: fc.integer({ min: 0, max: 40 }),
    T: fc.double({ min: 1, max: 200, noNaN: true }),
    share: fc.double({ min: 0.01, max: 1, noNaN: true }),
  })
  .chain(({ x, T, share }) => {
    const tx = x === 0 ? 0 : T * share;
    return fc.constantFrom(
      bgNbd.posterior(geometric, x, tx, T),
      mbgNbd.posterior(geometric, x, tx, T),
      paretoNbd.posterior(pareto, x, tx, T),
    );
  });

describe('the next purchase', () => {
  test('quantiles invert P(a purchase within t), rise with the level and end at P(ever)', () => {
    fc.assert(
      fc.property(states, fc.double({ min: 1e-6, max: 0.999999, noNaN: true }), (state, level) => {
        const next = nextPurchase(state);
        const t = next.quantile(level);
        if (t === null) {
          expect(level).toBeGreaterThanOrEqual(next.pEver * (1 - 1e-9));
          return;
        }
        expectClose(probabilityOfPurchase(state, t), level, 1e-10);
        const earlier = next.quantile(level / 2);
        expect(earlier).toBeLessThan(t);
        expect(next.pEver).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('the expected time agrees with 40,000 simulated first purchases of a regular Pareto/NBD and BG/NBD customer', () => {
    const random = createRandom(77);
    for (const state of [
      paretoNbd.posterior({ r: 6, alpha: 10, s: 2, beta: 30 }, 9, 38, 40),
      bgNbd.posterior({ ...geometric, r: 6 }, 9, 38, 40),
    ]) {
      const times: number[] = [];
      const n = 40_000;
      for (let i = 0; i < n; i++) {
        if (random.uniform() >= state.pAlive) continue;
        const t = random.exponential(random.gamma(state.shape, state.rate));
        const life = state.leaves === 'any-time' ? random.exponential(random.gamma(state.s, state.beta)) : Infinity;
        if (t < life) times.push(t);
      }
      const mean = times.reduce((sum, t) => sum + t, 0) / times.length;
      const sd = Math.sqrt(times.reduce((sum, t) => sum + (t - mean) ** 2, 0) / times.length);
      const next = nextPurchase(state);
      expect(Math.abs(times.length / n - next.pEver)).toBeLessThan(4 * Math.sqrt(0.25 / n));
      expect(Math.abs(mean - next.expected!) / (sd / Math.sqrt(times.length))).toBeLessThan(4);
    }
  });

  describe('of a Pareto/NBD customer, who may leave first', () => {
    const fresh = paretoNbd.posterior(pareto, 0, 0, 1);
    const regular = paretoNbd.posterior({ r: 6, alpha: 10, s: 2, beta: 30 }, 9, 38, 40);

    /** P(≤ t) by Simpson's rule over ln(1 + t/α), straight from the density while alive. */
    function within({ pAlive, shape, rate, s, beta }: ParetoPosterior, t: number): number {
      const n = 20_000;
      const h = Math.log1p(t / rate) / n;
      const f = (u: number) => {
        const at = rate * Math.expm1(u);
        return shape * Math.exp(-shape * u - s * Math.log1p(at / beta));
      };
      let sum = f(0) + f(n * h);
      for (let k = 1; k < n; k++) sum += (k % 2 === 1 ? 4 : 2) * f(k * h);
      return (pAlive * sum * h) / 3;
    }

    test('quantiles are where the integrated density reaches the level, far beyond the first months too', () => {
      for (const state of [fresh, regular]) {
        const { pEver, quantile } = nextPurchase(state);
        for (const share of [1e-3, 0.1, 0.5, 0.9, 0.99]) {
          const t = quantile(share * pEver)!;
          expectClose(within(state as ParetoPosterior, t), share * pEver, 1e-8, `${share}`);
        }
        if (state === fresh) expect(quantile(0.99 * pEver)).toBeGreaterThan(2 * state.rate);
        expect([0, -1, Number.NaN, pEver, 1].map(quantile)).toEqual([null, null, null, null, null]);
      }
    });

    test('a level that is reached only after more than 10³⁰⁰ weeks is never', () => {
      const slow = paretoNbd.posterior({ r: 1e-3, alpha: 10, s: 1e-3, beta: 10 }, 0, 0, 1);
      const { pEver, quantile } = nextPurchase(slow);
      expect(quantile(0.5 * pEver)).toBeGreaterThan(1e50);
      expect(quantile(pEver * (1 - 1e-12))).toBeNull();
    });

    test('the mean is finite as soon as rate and leaving together are regular enough: r + x + s > 1', () => {
      const meanOf = (r: number, s: number) =>
        nextPurchase(paretoNbd.posterior({ r, alpha: 10, s, beta: 30 }, 0, 0, 5)).expected;
      expect(meanOf(0.4, 0.5)).toBeNull();
      expect(meanOf(0.5, 0.5)).toBeNull();
      expect(meanOf(0.7, 0.5)).toBeGreaterThan(0);
      expect(meanOf(0.5, 0.7)).toBeGreaterThan(0);
    });
  });

  test('of BG/NBD: just at one purchase the mean is infinite, beyond it α/(r − 1); a level is reached below P(alive) only', () => {
    const state = bgNbd.posterior({ ...geometric, r: 1 }, 0, 0, 10);
    expect(nextPurchase(state).expected).toBeNull();
    expect(nextPurchase({ ...state, shape: 1.5 } as typeof state).expected).toBeCloseTo(2 * state.rate, 12);
    const half = nextPurchase({ ...state, pAlive: 0.5 } as typeof state);
    expect([0.5, 0.6].map(half.quantile)).toEqual([null, null]);
    expectClose(half.quantile(0.25)!, state.rate, 1e-12);
    const slow = nextPurchase({ ...state, shape: 1e-3 } as typeof state);
    expect(slow.quantile(0.9)).toBeNull();
    expect(slow.quantile(0.1)).toBeGreaterThan(1e40);
  });

  test('rates so spread that the mean is infinite answer null, and levels outside (0, 1) do', () => {
    const next = nextPurchase(bgNbd.posterior(geometric, 0, 0, 10));
    expect(next.expected).toBeNull();
    expect([0, 1, -1, Number.NaN].map((level) => next.quantile(level))).toEqual([null, null, null, null]);
  });
});

test('durations say their unit', () => {
  expect(['90d', '52w', '12m', '1.5w'].map((text) => daysOf(text as '90d'))).toEqual([90, 364, 12 * 4.345 * 7, 10.5]);
  expect(parseDuration('90')).toEqual({ ok: true, value: '90d' });
  expect(parseDuration('12m')).toEqual({ ok: true, value: '12m' });
  for (const text of ['0d', '-1w', '3y', '', 'w', '1e3d'])
    expect(parseDuration(text)).toMatchObject({ ok: false, reason: expect.stringContaining('not a length') });
});

test('discounting in the middle of months is half a month of interest more than at their ends', () => {
  const state = bgNbd.posterior(geometric, 3, 20, 30);
  for (const t of [12, 7.5]) {
    const end = discountedPurchases(state, t, 1, 0.02);
    const middle = discountedPurchases(state, t, 1, 0.02, 'mid-month');
    if (t === 12) expectClose(middle, end * 1.02 ** 0.5, 1e-13);
    expect(middle).toBeGreaterThan(end);
    expect(middle).toBeLessThan(discountedPurchases(state, t, 1, 0));
  }
});

test('the naive forecast goes on at one’s own rate and spend, and is 0 on the first day', () => {
  expect(naiveValue({ frequency: 4, recency: 70, T: 100, monetaryValue: 25 }, 50)).toEqual({
    expectedPurchases: 2,
    expectedSpend: 50,
  });
  expect(naiveValue({ frequency: 0, recency: 0, T: 0 }, 90)).toEqual({ expectedPurchases: 0, expectedSpend: 0 });
  expect(naiveValue({ frequency: 2, recency: 5, T: 10, monetaryValue: null }, 10).expectedSpend).toBe(0);
});
