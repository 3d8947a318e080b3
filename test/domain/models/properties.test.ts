// Identities and monotonicity that hold for every population and every customer.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as bgNbd from '#domain/models/bg-nbd.ts';
import { compress, merge } from '#domain/models/compress.ts';
import {
  countPmf,
  countQuantiles,
  expectedFuture,
  type Posterior,
  wholeCountPmf,
} from '#domain/models/future-purchases.ts';
import * as gammaGamma from '#domain/models/gamma-gamma.ts';
import * as mbgNbd from '#domain/models/mbg-nbd.ts';
import { spendDistribution } from '#domain/models/spend-distribution.ts';
import { expectedCumulative } from '#domain/models/tracking.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { expectAllClose, expectClose } from '../../support/close.ts';

/** A cohort of 400 drawn from BG/NBD × Gamma-Gamma, in whole days over 52 weeks. */
function cohort(seed: number) {
  const random = createRandom(seed);
  const n = 400;
  const frequency = new Float64Array(n);
  const recency = new Float64Array(n);
  const T = new Float64Array(n);
  const monetaryValue = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    T[i] = 280 + random.below(84);
    const rate = random.gamma(0.8, 30);
    const dropout = random.beta(0.9, 2.5);
    const nu = random.gamma(4, 15);
    let money = 0;
    for (let t = random.exponential(rate); Math.ceil(t) <= T[i]!; t += random.exponential(rate)) {
      if (Math.ceil(t) === recency[i]) continue;
      frequency[i]! += 1;
      recency[i] = Math.ceil(t);
      money += random.gamma(5, nu);
      if (random.uniform() < dropout) break;
    }
    if (frequency[i]! > 0) monetaryValue[i] = money / frequency[i]!;
  }
  return { frequency, recency, T, monetaryValue };
}

const seeds = fc.integer({ min: 1, max: 1_000_000 });
const fitted = <F extends { ok: boolean }>(fit: F): Extract<F, { ok: true }> => {
  expect(fit.ok, JSON.stringify(fit)).toBe(true);
  return fit as Extract<F, { ok: true }>;
};
const runs = { numRuns: 15 };

describe('fits', () => {
  for (const [name, model] of [
    ['BG/NBD', bgNbd],
    ['MBG/NBD', mbgNbd],
  ] as const) {
    test(`${name}: time in other units multiplies alpha and shifts the likelihood by Σx·ln k`, () => {
      fc.assert(
        fc.property(seeds, fc.double({ min: 0.01, max: 100, noNaN: true }), (seed, k) => {
          const data = cohort(seed);
          const one = fitted(model.fit(data));
          const other = fitted(
            model.fit({ ...data, recency: data.recency.map((t) => t * k), T: data.T.map((t) => t * k) }),
          );
          const { r, alpha, a, b } = one.params;
          expectAllClose({ ...other.params }, { r, alpha: alpha * k, a, b }, 1e-6);
          const repeats = data.frequency.reduce((sum, x) => sum + x, 0);
          expectClose(other.logLikelihood, one.logLikelihood - repeats * Math.log(k), 1e-10);
        }),
        runs,
      );
    });

    test(`${name}: a weight is a repetition; order and splits do not change a bit`, () => {
      fc.assert(
        fc.property(seeds, (seed) => {
          const { frequency, recency, T } = cohort(seed);
          const random = createRandom(seed + 1);
          const weight = frequency.map(() => random.below(3));
          const repeated: number[] = [];
          weight.forEach((times, i) => {
            for (let k = 0; k < times; k++) repeated.push(i);
          });
          const shuffled = repeated
            .map((i) => [random.uniform(), i] as const)
            .sort((a, b) => a[0] - b[0])
            .map(([, i]) => i);
          const take = (rows: readonly number[]) => ({
            frequency: Float64Array.from(rows, (i) => frequency[i]!),
            recency: Float64Array.from(rows, (i) => recency[i]!),
            T: Float64Array.from(rows, (i) => T[i]!),
          });
          const weighted = model.fit({ frequency, recency, T, weight });
          expect(model.fit(take(shuffled))).toEqual(weighted);
          const half = shuffled.length >> 1;
          const parts = merge(compress(take(shuffled.slice(0, half))), compress(take(shuffled.slice(half))));
          expect(model.fitCompressed(parts)).toEqual(weighted);
        }),
        runs,
      );
    });
  }

  test('Gamma-Gamma: money in other units multiplies v and shifts the likelihood by n·ln k; order does not change a bit', () => {
    fc.assert(
      fc.property(seeds, fc.double({ min: 1e-4, max: 1e8, noNaN: true }), (seed, k) => {
        const { frequency, monetaryValue } = cohort(seed);
        const one = fitted(gammaGamma.fit({ frequency, monetaryValue }));
        const other = fitted(gammaGamma.fit({ frequency, monetaryValue: monetaryValue.map((m) => m * k) }));
        const { p, q, v } = one.params;
        expectAllClose({ ...other.params }, { p, q, v: v * k }, 1e-5);
        expect(Math.abs(other.logLikelihood - (one.logLikelihood - one.n * Math.log(k)))).toBeLessThan(1e-7);
        const back = { frequency: frequency.toReversed(), monetaryValue: monetaryValue.toReversed() };
        expect(gammaGamma.fit(back)).toEqual(gammaGamma.fit({ frequency, monetaryValue }));
      }),
      runs,
    );
  });

  test('the gradient at the optimum is nothing and no neighbour is more likely', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const data = cohort(seed);
        const best = fitted(bgNbd.fit(data));
        for (const name of ['r', 'alpha', 'a', 'b'] as const)
          for (const factor of [0.999, 1.001])
            expect(
              bgNbd.logLikelihood({ ...best.params, [name]: best.params[name] * factor }, data),
            ).toBeLessThanOrEqual(best.logLikelihood + 1e-9 * Math.abs(best.logLikelihood));
      }),
      runs,
    );
  });
});

const log10 = (min: number, max: number) => fc.double({ min, max, noNaN: true }).map((e) => 10 ** e);
const params = fc.record({ r: log10(-2, 2), alpha: log10(-1, 3), a: log10(-2, 2), b: log10(-2, 2) });
const money = fc.record({ p: log10(-0.5, 1.5), q: log10(-0.5, 1.5), v: log10(-1, 4) });
const history = fc
  .record({
    x: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 300 })),
    T: log10(0, 2.7),
    share: fc.double({ min: 0.001, max: 1, noNaN: true }),
  })
  .map(({ x, T, share }) => ({ x, T, tx: x === 0 ? 0 : T * share }));
const horizon = log10(-2, 2.7);
type History = { x: number; tx: number; T: number };
const both = (check: (posterior: (p: bgNbd.BgNbdParams, h: History) => Posterior) => void) => {
  check((p, { x, tx, T }) => bgNbd.posterior(p, x, tx, T));
  check((p, { x, tx, T }) => mbgNbd.posterior(p, x, tx, T));
};
/** Rounding of a probability that is itself a difference or a sum of many. */
const SLACK = 1e-12;

describe('predictions', () => {
  test('P(alive) falls as silence goes on and rises with a later last purchase', () => {
    fc.assert(
      fc.property(params, history, log10(-2, 2), (p, h, more) => {
        both((posterior) => {
          const now = posterior(p, h).logOddsDead;
          expect(posterior(p, { ...h, T: h.T + more }).logOddsDead).toBeGreaterThanOrEqual(now);
          if (h.x > 0)
            expect(posterior(p, { ...h, tx: (h.tx + h.T) / 2 }).logOddsDead).toBeLessThanOrEqual(now + SLACK);
        });
      }),
    );
  });

  test('expectations are finite, never negative, grow with the horizon, and are at most rate × horizon while alive', () => {
    fc.assert(
      fc.property(params, history, horizon, (p, h, t) => {
        both((posterior) => {
          const state = posterior(p, h);
          const value = expectedFuture(state, t);
          expect(Number.isFinite(value)).toBe(true);
          expect(value).toBeGreaterThanOrEqual(0);
          expect(expectedFuture(state, t * 1.5)).toBeGreaterThanOrEqual(value * (1 - 1e-10));
          expect(value).toBeLessThanOrEqual(((state.pAlive * state.shape) / state.rate) * t * (1 + 1e-10));
        });
      }),
    );
  });

  test('count probabilities sum to 1 and their mean is the expectation', () => {
    fc.assert(
      fc.property(params, history, horizon, (p, h, t) => {
        both((posterior) => {
          const state = posterior(p, h);
          const pmf = wholeCountPmf(state, t, 1e-14)!;
          fc.pre(pmf.length < 20_000);
          let sum = 0;
          let mean = 0;
          pmf.forEach((mass, n) => {
            sum += mass;
            mean += n * mass;
          });
          expect(Math.abs(sum - 1)).toBeLessThan(1e-11);
          const expected = expectedFuture(state, t);
          if (expected > 1e-6) expectClose(mean, expected, 1e-7);
          expect(countPmf(state, t, 3)[3]).toBeCloseTo(pmf[3]!, 13);
        });
      }),
    );
  });

  test('a customer who may drop out is never better than the same without the chance: BG ≥ MBG at equal parameters', () => {
    fc.assert(
      fc.property(params, horizon, (p, t) => {
        const bg = bgNbd.expectedPurchasesOfNewCustomer(p, t);
        expect(mbgNbd.expectedPurchasesOfNewCustomer(p, t)).toBeLessThanOrEqual(bg * (1 + 1e-10));
      }),
    );
  });

  test('count quantiles invert the cumulative distribution', () => {
    fc.assert(
      fc.property(params, history, horizon, fc.double({ min: 0.001, max: 0.999, noNaN: true }), (p, h, t, level) => {
        const state = bgNbd.posterior(p, h.x, h.tx, h.T);
        const [n] = countQuantiles(state, t, [level]);
        fc.pre(n !== null && n !== undefined && n < 20_000);
        const pmf = countPmf(state, t, n!);
        const upTo = pmf.reduce((sum, mass) => sum + mass, 0);
        expect(upTo).toBeGreaterThanOrEqual(level - SLACK);
        expect(upTo - pmf[n!]!).toBeLessThanOrEqual(level + SLACK);
      }),
    );
  });

  test('spend quantiles invert the CDF, are 0 up to P(S = 0), rise with the level, and nothing is NaN', () => {
    const levels = [0.001, 0.05, 0.25, 0.5, 0.75, 0.95, 0.999];
    fc.assert(
      fc.property(params, money, history, horizon, log10(-1, 3), (p, g, { x, tx, T }, t, mean) => {
        const spend = spendDistribution(bgNbd.posterior(p, x, tx, T), t, g, x, x === 0 ? 0 : mean)!;
        let before = 0;
        for (const level of levels) {
          const s = spend.quantile(level);
          expect(Number.isFinite(s)).toBe(true);
          expect(s).toBeGreaterThanOrEqual(before);
          before = s;
          if (s === 0) expect(spend.pZero).toBeGreaterThanOrEqual(level);
          else expect(Math.abs(spend.cdf(s) - level)).toBeLessThan(1e-9);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('the tracking curve of one birth is the expectation of a new customer, and grows', () => {
    const p = { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 };
    const expectedOfNew = (t: number) => bgNbd.expectedPurchasesOfNewCustomer(p, t);
    const births = [
      { start: 0, customers: 2 },
      { start: 1, customers: 3 },
    ];
    const curve = expectedCumulative(expectedOfNew, births, [0, 1, 2, 3]);
    expect(curve.slice(0, 3)).toEqual([0, 2 * expectedOfNew(1), 2 * expectedOfNew(2) + 3 * expectedOfNew(1)]);
    expect(curve[3]).toBeGreaterThan(curve[2]!);
  });
});
