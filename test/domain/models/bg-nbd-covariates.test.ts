// BG/NBD with covariates against the plain likelihood customer by customer, a simulated population, and what must not matter.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as bgNbd from '#domain/models/bg-nbd.ts';
import { type Covariate, fitWithCovariates, paramsFor } from '#domain/models/bg-nbd-covariates.ts';
import { RowError } from '#domain/models/fit.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { expectClose } from '../../support/close.ts';

const TRUTH = {
  params: { r: 0.8, alpha: 6, a: 0.9, b: 2.5 },
  covariates: [
    { name: 'channel', mean: 0.4, alpha: 0.7, a: 0.6, b: 0 },
    { name: 'age', mean: 45, alpha: -0.03, a: 0, b: 0.02 },
  ],
};

function population(n: number, seed: number) {
  const random = createRandom(seed);
  const column = () => new Float64Array(n);
  const [frequency, recency, T, channel, age] = [column(), column(), column(), column(), column()];
  for (let i = 0; i < n; i++) {
    T[i] = 26 + random.below(53);
    channel[i] = random.uniform() < 0.4 ? 1 : 0;
    age[i] = 20 + random.below(50);
    const { r, alpha, a, b } = paramsFor(TRUTH, [channel[i]!, age[i]!]);
    const rate = random.gamma(r, alpha);
    const dropout = random.beta(a, b);
    for (let at = random.exponential(rate); at < T[i]!; at += random.exponential(rate)) {
      frequency[i]! += 1;
      recency[i] = at;
      if (random.uniform() < dropout) break;
    }
  }
  const covariates: Covariate[] = [
    { name: 'channel', values: channel },
    { name: 'age', values: age },
  ];
  return { columns: { frequency, recency, T }, covariates };
}

const fitted = (...args: Parameters<typeof fitWithCovariates>) => {
  const fit = fitWithCovariates(...args);
  if (!fit.ok) throw new Error(fit.message);
  return fit;
};

describe('BG/NBD with covariates', () => {
  const { columns, covariates } = population(6_000, 9);
  // In each test anew: what runs before the tests is tested by none of them.
  const once = () => fitted(columns, covariates);

  test('its likelihood is the sum over customers of the plain one at their own parameters, and beats the plain fit', () => {
    const fit = once();
    let sum = 0;
    columns.T.forEach((T, i) => {
      const own = paramsFor(
        fit,
        covariates.map(({ values }) => values[i]!),
      );
      sum += bgNbd.logLikelihood(own, {
        frequency: Float64Array.of(columns.frequency[i]!),
        recency: Float64Array.of(columns.recency[i]!),
        T: Float64Array.of(T),
      });
    });
    expectClose(fit.logLikelihood, sum, 1e-10);
    const plain = bgNbd.fit(columns);
    if (!plain.ok) throw new Error(plain.message);
    expectClose(fit.likelihoodRatio.statistic, 2 * (sum - plain.logLikelihood), 1e-7);
    expect(fit.likelihoodRatio).toMatchObject({ degreesOfFreedom: 6 });
    expect(fit.likelihoodRatio.pValue).toBeLessThan(1e-10);
    expect(fit.gradientNorm).toBeLessThan(1e-6);
  });

  test('no neighbour is more likely', () => {
    const fit = once();
    const likelihood = (change: (z: number[]) => bgNbd.BgNbdParams) =>
      columns.T.reduce(
        (sum, T, i) =>
          sum +
          bgNbd.logLikelihood(change(covariates.map(({ values }) => values[i]!)), {
            frequency: Float64Array.of(columns.frequency[i]!),
            recency: Float64Array.of(columns.recency[i]!),
            T: Float64Array.of(T),
          }),
        0,
      );
    fit.covariates.forEach((_, c) => {
      for (const of of ['alpha', 'a', 'b'] as const)
        for (const by of [-0.002, 0.002]) {
          const moved = fit.covariates.map((each, d) => (c === d ? { ...each, [of]: each[of] + by } : each));
          expect(likelihood((z) => paramsFor({ ...fit, covariates: moved }, z))).toBeLessThanOrEqual(
            fit.logLikelihood + 1e-6,
          );
        }
    });
  });

  test('recovers the effects of a simulated population within three standard errors', () => {
    const fit = once();
    fit.covariates.forEach(({ name, mean: _, standardErrors, ...effects }, c) => {
      for (const of of ['alpha', 'a', 'b'] as const)
        expect(Math.abs(effects[of] - TRUTH.covariates[c]![of]) / standardErrors![of], `${name} on ${of}`).toBeLessThan(
          3,
        );
    });
  });

  test('covariates in other units and from another zero say the same of each customer; time rescales alpha alone', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 100, noNaN: true }),
        fc.double({ min: -50, max: 50, noNaN: true }),
        fc.double({ min: 0.1, max: 10, noNaN: true }),
        (scale, shift, k) => {
          const small = population(600, 10);
          const one = fitted(small.columns, small.covariates);
          const other = fitted(
            {
              ...small.columns,
              recency: small.columns.recency.map((t) => t * k),
              T: small.columns.T.map((t) => t * k),
            },
            [small.covariates[0]!, { name: 'age', values: small.covariates[1]!.values.map((v) => v * scale + shift) }],
          );
          const [p, q] = [paramsFor(one, [1, 40]), paramsFor(other, [1, 40 * scale + shift])];
          expectClose(q.r, p.r, 1e-4);
          expectClose(q.alpha, p.alpha * k, 1e-4);
          expectClose(q.a / (q.a + q.b), p.a / (p.a + p.b), 1e-4);
          const repeats = small.columns.frequency.reduce((sum, x) => sum + x, 0);
          expectClose(other.logLikelihood, one.logLikelihood - repeats * Math.log(k), 1e-8);
        },
      ),
      { numRuns: 6 },
    );
  });

  test('a weight is a repetition', () => {
    const small = population(300, 11);
    const twice = (values: Float64Array) => Float64Array.from([...values, ...values]);
    const { frequency, recency, T } = small.columns;
    const doubled = fitted(
      { frequency: twice(frequency), recency: twice(recency), T: twice(T) },
      small.covariates.map(({ name, values }) => ({ name, values: twice(values) })),
    );
    const weighted = fitted({ ...small.columns, weight: frequency.map(() => 2) }, small.covariates);
    expectClose(weighted.logLikelihood, doubled.logLikelihood, 1e-12);
    expectClose(weighted.params.alpha, doubled.params.alpha, 1e-9);
  });

  test('a covariate that does not vary is refused, two that say the same have no standard errors, a missing value names its row', () => {
    const small = population(300, 12);
    const [channel] = small.covariates;
    const constant = { name: 'country', values: small.columns.T.map(() => 1) };
    expect(fitWithCovariates(small.columns, [channel!, constant])).toMatchObject({
      ok: false,
      reason: 'not-identifiable',
      message: expect.stringContaining('country is the same for every customer'),
    });
    const copy = fitWithCovariates(small.columns, [channel!, { ...channel!, name: 'copy' }]);
    if (copy.ok) {
      expect(copy.diagnostics.map(({ code }) => code)).toContain('ill-conditioned');
      expect(copy.covariates[0]!.standardErrors).toBeNull();
    } else expect(copy.reason).toBe('no-convergence');
    const hole = { name: 'age', values: small.columns.T.map((_, i) => (i === 3 ? Number.NaN : i)) };
    expect(() => fitWithCovariates(small.columns, [hole])).toThrow(RowError);
    expect(() => fitWithCovariates(small.columns, [hole])).toThrow(/row 4, column age/);
  });
});
