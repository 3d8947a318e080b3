// Pareto/NBD against the published fit of CDNOW, against 50-digit values (test/golden/pareto_nbd.py), and against the model's own story.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as bgNbd from '#domain/models/bg-nbd.ts';
import { compress } from '#domain/models/compress.ts';
import {
  countPmf,
  expectedFuture,
  probabilityOfNoPurchase,
  probabilityOfPurchase,
  wholeCountPmf,
} from '#domain/models/future-purchases.ts';
import * as paretoNbd from '#domain/models/pareto-nbd.ts';
import { paretoNbdLikelihood } from '#domain/models/pareto-nbd-likelihood.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { expectAllClose, expectClose } from '../../support/close.ts';
import { column, csvRows, golden } from '../../support/histories.ts';
import { describeShared, sharedPath } from '../../support/shared.ts';

interface Golden {
  tolerance: number;
  histories: {
    name: string;
    params: paretoNbd.ParetoNbdParams;
    x: number;
    t_x: number;
    T: number;
    log_likelihood: number;
    p_alive: number;
    ln_odds_dead: number | null;
    expected: Record<string, number>;
  }[];
  story: { params: paretoNbd.ParetoNbdParams; x: number; t_x: number; T: number; log_likelihood: number }[];
  counts: {
    params: paretoNbd.ParetoNbdParams;
    x: number;
    t_x: number;
    T: number;
    t: number;
    n: number[];
    pmf: number[];
  }[];
}
const values = golden<Golden>('pareto_nbd.json');
const one = (x: number, tx: number, T: number) => ({
  frequency: Float64Array.of(x),
  recency: Float64Array.of(tx),
  T: Float64Array.of(T),
});

describe('Pareto/NBD by the formulas of Fader & Hardie, note 009, in 50 digits (mpmath)', () => {
  test('likelihood, P(alive), odds and expectations for α > β, α < β, α = β, s = 1, x to 5000', () => {
    for (const { name, params, x, t_x, T, log_likelihood, p_alive, ln_odds_dead, expected } of values.histories) {
      const what = `${name}, x = ${x}, t_x = ${t_x}, T = ${T}`;
      const found = paretoNbd.logLikelihood(params, one(x, t_x, T));
      expect(Math.abs(found - log_likelihood), what).toBeLessThan(1e-12 * Math.max(1, Math.abs(log_likelihood)));
      expectClose(paretoNbd.probabilityAlive(params, x, t_x, T), p_alive, values.tolerance, `${what}: P(alive)`);
      const odds = paretoNbd.posterior(params, x, t_x, T).logOddsDead;
      if (ln_odds_dead === null) expect(odds).toBe(Number.NEGATIVE_INFINITY);
      else expect(Math.abs(odds - ln_odds_dead), what).toBeLessThan(1e-12 * Math.max(1, Math.abs(ln_odds_dead)));
      for (const [t, value] of Object.entries(expected))
        expectClose(paretoNbd.expectedPurchases(params, x, t_x, T, Number(t)), value, values.tolerance, `${what}: E`);
    }
  });

  test("likelihood by integrating the individual's over both gamma distributions", () => {
    for (const { params, x, t_x, T, log_likelihood } of values.story)
      expectClose(paretoNbd.logLikelihood(params, one(x, t_x, T)), log_likelihood, 1e-9, `x = ${x}`);
  });

  test('P(N = n) by averaging the negative binomial over the time of death', () => {
    for (const { params, x, t_x, T, t, n, pmf } of values.counts) {
      const state = paretoNbd.posterior(params, x, t_x, T);
      const found = countPmf(state, t, Math.max(...n));
      n.forEach((count, i) => {
        expect(Math.abs(found[count]! - pmf[i]!), `x = ${x}, t = ${t}: P(N = ${count})`).toBeLessThan(
          1e-11 * pmf[i]! + 1e-15,
        );
      });
      expectClose(probabilityOfNoPurchase(state, t), pmf[0]!, values.tolerance, `x = ${x}: no purchase`);
      expectClose(probabilityOfPurchase(state, t), 1 - pmf[0]!, 1e-11, `x = ${x}: a purchase`);
    }
  });
});

test('derivatives of the likelihood agree with differences of the likelihood', () => {
  const random = createRandom(5);
  const summary = compress(population(200, random, { r: 0.6, alpha: 5, s: 0.7, beta: 8 }));
  const likelihood = paretoNbdLikelihood(summary);
  for (const at of [
    [0.6, 5, 0.7, 8],
    [2, 1, 0.2, 60],
    [0.3, 30, 3, 0.5],
  ].map((params) => params.map(Math.log))) {
    const { gradient, hessian } = likelihood(at);
    at.forEach((_, i) => {
      const step = 1e-5;
      const moved = (by: number) => likelihood(at.map((value, j) => (i === j ? value + by : value)));
      const [up, down] = [moved(step), moved(-step)];
      expect(Math.abs((up.value - down.value) / (2 * step) - gradient[i]!)).toBeLessThan(
        1e-5 * Math.max(1, Math.abs(gradient[i]!)),
      );
      hessian[i]!.forEach((value, j) => {
        const difference = (up.gradient[j]! - down.gradient[j]!) / (2 * step);
        expect(Math.abs(difference - value), `${i}, ${j}`).toBeLessThan(1e-6 * Math.max(1, Math.abs(value)));
      });
    });
  }
});

/** Customers who buy at a rate of their own and die at one of their own, watched for 30 to 52 weeks. */
function population(n: number, random: ReturnType<typeof createRandom>, p: paretoNbd.ParetoNbdParams) {
  const [frequency, recency, T] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
  for (let i = 0; i < n; i++) {
    T[i] = 30 + random.uniform() * 22;
    const rate = random.gamma(p.r, p.alpha);
    const life = random.exponential(random.gamma(p.s, p.beta));
    for (let at = random.exponential(rate); at < Math.min(life, T[i]!); at += random.exponential(rate)) {
      frequency[i]! += 1;
      recency[i] = at;
    }
  }
  return { frequency, recency, T };
}

test('recovers the parameters of a simulated population within three standard errors', () => {
  const truth = { r: 0.8, alpha: 4, s: 1.2, beta: 15 };
  const fitted = paretoNbd.fit(population(8_000, createRandom(31), truth));
  if (!fitted.ok) throw new Error(fitted.message);
  for (const name of ['r', 'alpha', 's', 'beta'] as const)
    expect(Math.abs(fitted.params[name] - truth[name]), name).toBeLessThan(3 * fitted.standardErrors[name]!);
});

describe('properties', () => {
  const seeds = fc.integer({ min: 1, max: 1_000_000 });
  const truth = { r: 0.8, alpha: 4, s: 1, beta: 12 };

  test('time in other units multiplies alpha and beta and shifts the likelihood by Σx·ln k', () => {
    fc.assert(
      fc.property(seeds, fc.double({ min: 0.01, max: 100, noNaN: true }), (seed, k) => {
        const data = population(300, createRandom(seed), truth);
        const [first, other] = [
          paretoNbd.fit(data),
          paretoNbd.fit({ ...data, recency: data.recency.map((t) => t * k), T: data.T.map((t) => t * k) }),
        ];
        if (!first.ok || !other.ok) throw new Error('not fitted');
        // Along a flat ridge the parameters themselves are loose; the likelihood is not.
        const repeats = data.frequency.reduce((sum, x) => sum + x, 0);
        expectClose(other.logLikelihood, first.logLikelihood - repeats * Math.log(k), 1e-9);
        if (first.diagnostics.length > 0) return;
        const { r, alpha, s, beta } = first.params;
        expectAllClose({ ...other.params }, { r, alpha: alpha * k, s, beta: beta * k }, 1e-5);
      }),
      { numRuns: 10 },
    );
  });

  test('a weight is a repetition; order does not change a bit', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const { frequency, recency, T } = population(200, createRandom(seed), truth);
        const random = createRandom(seed + 1);
        const weight = frequency.map(() => random.below(3));
        const rows: number[] = [];
        weight.forEach((times, i) => {
          for (let k = 0; k < times; k++) rows.splice(random.below(rows.length + 1), 0, i);
        });
        const take = (from: Float64Array) => Float64Array.from(rows, (i) => from[i]!);
        expect(paretoNbd.fit({ frequency: take(frequency), recency: take(recency), T: take(T) })).toEqual(
          paretoNbd.fit({ frequency, recency, T, weight }),
        );
      }),
      { numRuns: 8 },
    );
  });

  const log10 = (min: number, max: number) => fc.double({ min, max, noNaN: true }).map((e) => 10 ** e);
  const params = fc.record({ r: log10(-2, 2), alpha: log10(-2, 3), s: log10(-2, 2), beta: log10(-2, 3) });
  const history = fc
    .record({
      x: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 300 })),
      T: log10(0, 2.7),
      share: fc.double({ min: 0.001, max: 1, noNaN: true }),
    })
    .map(({ x, T, share }) => ({ x, T, tx: x === 0 ? 0 : T * share }));
  const horizon = log10(-2, 2.7);

  test('P(alive) falls as silence goes on; every answer is finite, expectations grow and stay below rate × horizon', () => {
    fc.assert(
      fc.property(params, history, horizon, (p, { x, tx, T }, t) => {
        const state = paretoNbd.posterior(p, x, tx, T);
        expect(state.pAlive).toBeGreaterThanOrEqual(0);
        expect(state.pAlive).toBeLessThanOrEqual(1);
        expect(paretoNbd.posterior(p, x, tx, T + t).logOddsDead).toBeGreaterThanOrEqual(state.logOddsDead);
        const value = expectedFuture(state, t);
        expect(Number.isFinite(value)).toBe(true);
        expect(expectedFuture(state, t * 1.5)).toBeGreaterThanOrEqual(value);
        expect(value).toBeLessThanOrEqual(((state.pAlive * state.shape) / state.rate) * t * (1 + 1e-10));
        const [no, yes] = [probabilityOfNoPurchase(state, t), probabilityOfPurchase(state, t)];
        expect(Math.abs(no + yes - 1)).toBeLessThan(1e-11);
      }),
    );
  });

  test('count probabilities sum to 1 and their mean is the expectation', () => {
    fc.assert(
      fc.property(params, history, horizon, (p, { x, tx, T }, t) => {
        const state = paretoNbd.posterior(p, x, tx, T);
        fc.pre((state.shape * t) / state.rate < 2_000);
        const pmf = wholeCountPmf(state, t, 1e-14)!;
        let [sum, mean] = [0, 0];
        pmf.forEach((mass, n) => {
          expect(mass).toBeGreaterThanOrEqual(0);
          sum += mass;
          mean += n * mass;
        });
        expect(Math.abs(sum - 1)).toBeLessThan(1e-11);
        const expected = expectedFuture(state, t);
        // The tail left out is up to 1e-14 of probability, at counts of up to thousands.
        expect(Math.abs(mean - expected)).toBeLessThan(1e-9 * expected + 1e-10);
      }),
      { numRuns: 60 },
    );
  });
});

describe('outcomes other than a maximum inside', () => {
  test('nobody bought again, or too few customers: refused with the reason', () => {
    const none = new Float64Array(40);
    expect(paretoNbd.fit({ frequency: none, recency: none, T: none.map(() => 20) })).toMatchObject({
      ok: false,
      reason: 'not-identifiable',
    });
    expect(paretoNbd.fit(one(1, 2, 3))).toMatchObject({ ok: false, reason: 'too-few-customers' });
  });

  test('everybody bought on the last day: nobody can be seen to have left, and the fit says so', () => {
    const n = 100;
    const T = Float64Array.from({ length: n }, (_, i) => i + 10);
    const fitted = paretoNbd.fit({ frequency: new Float64Array(n).fill(5), recency: T, T });
    if (!fitted.ok) throw new Error(fitted.message);
    expect(fitted.diagnostics.map(({ code }) => code)).toEqual(
      expect.arrayContaining(['no-dropout', 'ill-conditioned']),
    );
    expectClose(paretoNbd.probabilityAlive(fitted.params, 5, 50, 51), 1, 1e-3);
  });

  test('arguments outside the domain answer NaN', () => {
    const p = { r: 1, alpha: 1, s: 1, beta: 1 };
    expect(paretoNbd.probabilityAlive(p, 1, 3, 2)).toBeNaN();
    expect(paretoNbd.expectedPurchases({ ...p, s: -1 }, 1, 1, 2, 3)).toBeNaN();
    expect(paretoNbd.probabilityNoPurchase(p, 1, 1, 2, -1)).toBeNaN();
  });
});

describeShared('CDNOW', ['data/cdnow_summary.csv'], () => {
  const rows = csvRows(sharedPath('data', 'cdnow_summary.csv'));
  const data = { frequency: column(rows, 'frequency'), recency: column(rows, 'recency'), T: column(rows, 'T') };

  test('params are those of Fader, Hardie & Lee (2005), table 2: 0.553, 10.578, 0.606, 11.669, LL −9595.0', () => {
    const fitted = paretoNbd.fit(data);
    if (!fitted.ok) throw new Error(fitted.message);
    expectAllClose({ ...fitted.params }, { r: 0.553, alpha: 10.578, s: 0.606, beta: 11.669 }, 1e-3);
    expect(fitted.logLikelihood).toBeCloseTo(-9595.0, 1);
    expect(fitted.gradientNorm).toBeLessThan(1e-9);
    expect(fitted.diagnostics).toEqual([]);
    // The rival: BG/NBD has the higher likelihood here, as published (−9582.4).
    const rival = bgNbd.fit(data);
    if (!rival.ok) throw new Error(rival.message);
    expect(rival.logLikelihood - fitted.logLikelihood).toBeCloseTo(12.5, 0);
  });
});
