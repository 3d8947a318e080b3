// What survival models answer where data run out: R survival's answers where they are defined, and a reason where they are not.
import { describe, expect, test } from 'vitest';
import { brierOverTime } from '#domain/models/survival/brier-over-time.ts';
import { concordance } from '#domain/models/survival/concordance.ts';
import { type CoxModel, fit as fitCox, type Ties } from '#domain/models/survival/cox.ts';
import type { CoxColumns } from '#domain/models/survival/cox-design.ts';
import { proportionality } from '#domain/models/survival/cox-proportionality.ts';
import { residuals, robustCovariance, schoenfeldResiduals } from '#domain/models/survival/cox-residuals.ts';
import { baselineUncertainty, survivalWithLimits } from '#domain/models/survival/cox-survival.ts';
import { fit as fitCurve, quantile } from '#domain/models/survival/kaplan-meier.ts';
import { restrictedMean, restrictedMeanDifference } from '#domain/models/survival/restricted-mean.ts';
import { aucOverTime } from '#domain/models/survival/time-dependent-auc.ts';
import { describeShared, sharedJson } from '#test/support/shared.ts';
import { worst } from '#test/support/survival.ts';

const rows = (duration: number[], eventObserved: number[]) => ({
  duration: Float64Array.from(duration),
  eventObserved,
});

const cox = (duration: number[], eventObserved: number[], ...columns: number[][]): CoxColumns => ({
  ...rows(duration, eventObserved),
  covariates: columns.map((values, j) => ({ name: `x${j}`, values: Float64Array.from(values) })),
});

function fitted(columns: CoxColumns, ties: Ties = 'efron'): CoxModel {
  const result = fitCox(columns, ties);
  if (!result.ok) throw new Error(result.message);
  return result;
}

/** Every number of an answer; NaN and Infinity have no place in it. */
const allFinite = (value: unknown): boolean =>
  typeof value === 'number'
    ? Number.isFinite(value)
    : value === null || typeof value !== 'object'
      ? true
      : Object.values(ArrayBuffer.isView(value) ? Array.from(value as Float64Array) : value).every(allFinite);

const eight = [1, 2, 3, 4, 5, 6, 7, 8];

describeShared('the edge cases of R survival 3.5-3', ['golden/survival_edge_cases.json'], () => {
  // biome-ignore lint/suspicious/noExplicitAny: golden files are read by their own layout
  const golden = sharedJson('golden', 'survival_edge_cases.json') as any;
  const curves: [string, number[], number[]][] = [
    ['all_censored_km', [1, 2, 3], [0, 0, 0]],
    ['all_events_km', [1, 2, 2, 3], [1, 1, 1, 1]],
    ['single_obs_km', [5], [1]],
    ['censor_tied_with_event', [1, 2, 2, 3], [1, 1, 0, 1]],
    ['time_zero_event', [0, 1, 2], [1, 1, 0]],
  ];

  test.each(curves)('%s', (name, time, event) => {
    const curve = fitCurve(rows(time, event), { band: 'log' });
    const want = golden[name];
    const list = (value: unknown) => (Array.isArray(value) ? value : [value]);
    expect(worst(curve.survival, list(want.surv))).toBeLessThan(1e-12);
    if (want.lower !== undefined) expect(worst(curve.lower, want.lower)).toBeLessThan(1e-12);
    if (want.upper !== undefined) expect(worst(curve.upper, want.upper)).toBeLessThan(1e-12);
    if (want.n_risk !== undefined) expect(Array.from(curve.atRisk)).toEqual(want.n_risk);
    // R's std_err is that of ln S; ours is of S.
    if (want.std_err !== undefined)
      expect(
        worst(
          Array.from(curve.standardError, (se, i) => se / curve.survival[i]!),
          list(want.std_err),
        ),
      ).toBeLessThan(1e-12);
    if ('median' in want) expect(quantile(curve, 0.5).value).toBe(want.median);
    expect(allFinite(curve)).toBe(true);
  });

  // Rows that give R's numbers, found from its likelihoods: they are not in the file.
  test.each(['efron', 'breslow'] as const)('cox_all_tied, %s', (ties) => {
    const model = fitted(cox([3, 3, 3, 3, 3, 3], [1, 1, 0, 1, 0, 1], [1, 1, 2, 2, 3, 4]), ties);
    const { coef, se, loglik } = golden.cox_all_tied[ties];
    expect(worst([model.coefficients[0]!.coef, model.coefficients[0]!.se], [coef, se])).toBeLessThan(1e-8);
    expect(worst([model.nullLogLikelihood, model.logLikelihood], loglik)).toBeLessThan(1e-9);
  });

  const collinear = cox(eight, [1, 0, 1, 1, 0, 1, 1, 0], [1, 3, 2, 4, 5, 8, 7, 6]);

  test('cox_collinear and cox_huge_scale', () => {
    const [x] = collinear.covariates;
    const double = { name: 'double', values: x!.values.map((value) => 2 * value) };
    const model = fitted({ ...collinear, covariates: [x!, double] });
    const { coef, se, loglik } = golden.cox_collinear;
    expect(
      worst(
        model.coefficients.map((c) => c.coef),
        coef,
      ),
    ).toBeLessThan(1e-8);
    expect(worst([model.coefficients[0]!.se], [se[0]])).toBeLessThan(1e-8);
    expect(worst([model.nullLogLikelihood, model.logLikelihood], loglik)).toBeLessThan(1e-9);
    const huge = fitted({
      ...collinear,
      covariates: [{ name: 'huge', values: x!.values.map((value) => value * 1e6) }],
    });
    expect(
      worst(
        [huge.coefficients[0]!.coef, huge.coefficients[0]!.se],
        [golden.cox_huge_scale.coef, golden.cox_huge_scale.se],
      ),
    ).toBeLessThan(1e-8);
  });

  test('cox_constant_covariate, cox_all_censored, cox_separation', () => {
    const constant = fitted(cox([1, 2, 3, 4, 5, 6], [1, 0, 1, 1, 0, 0], [2, 2, 2, 2, 2, 2]));
    expect(
      worst([constant.nullLogLikelihood, constant.logLikelihood], golden.cox_constant_covariate.loglik),
    ).toBeLessThan(1e-9);
    expect(constant.coefficients[0]!.coef).toBe(golden.cox_constant_covariate.coef);
    expect(fitCox(cox([1, 2], [0, 0], [1, 2]))).toMatchObject({ ok: false, reason: 'no-events' });
    const separated = fitted(
      cox(
        eight,
        eight.map(() => 1),
        [...eight].reverse(),
      ),
    );
    expect(worst([separated.nullLogLikelihood], [golden.cox_separation.loglik[0]])).toBeLessThan(1e-9);
    expect(separated.logLikelihood).toBeGreaterThan(-1e-4);
    expect(separated).toMatchObject({ converged: false, diagnostics: [{ code: 'monotone-likelihood' }] });
  });

  test('concordance_ties', () => {
    const score = Float64Array.of(5, 4, 4, 3, 3, 1, 1);
    const { value, concordant, discordant, tied } = concordance(
      rows([1, 2, 2, 3, 4, 4, 5], [1, 1, 0, 1, 0, 1, 1]),
      score,
    );
    const { counts } = golden.concordance_ties;
    expect(1 - value!).toBeCloseTo(golden.concordance_ties.concordance, 14);
    expect([concordant, discordant, tied]).toEqual([counts.discordant, counts.concordant, counts['tied.x']]);
  });
});

describe('every answer about a fitted model is finite, or null', () => {
  const cases: [string, CoxColumns][] = [
    ['one row', cox([5], [1], [2])],
    ['one event among censored rows', cox([1, 2, 3], [0, 1, 0], [1, 2, 3])],
    ['all tied', cox([3, 3, 3, 3], [1, 1, 1, 1], [1, 2, 3, 4])],
    [
      'constant and collinear',
      cox(
        eight,
        eight.map(() => 1),
        [3, 1, 4, 1, 5, 9, 2, 6],
        [6, 2, 8, 2, 10, 18, 4, 12],
        eight.map(() => 7),
      ),
    ],
    [
      'separated',
      cox(
        eight,
        eight.map(() => 1),
        [...eight].reverse(),
      ),
    ],
    ['an event at time 0', cox([0, 0, 1, 2], [1, 0, 1, 1], [1, 3, 2, 2])],
    ['no covariate', cox([1, 2, 3], [1, 0, 1])],
    ['a stratum without events', { ...cox([1, 2, 3, 4], [1, 1, 0, 0], [1, 2, 1, 3]), strata: [0, 0, 1, 1] }],
    [
      'very large numbers',
      cox(
        eight,
        [1, 1, 0, 1, 1, 1, 0, 1],
        [3, 1, 4, 1, 5, 9, 2, 6].map((v) => v * 1e150),
      ),
    ],
  ];

  test.each(cases)('%s', (_, columns) => {
    const result = fitCox(columns);
    expect(allFinite(result)).toBe(true);
    if (!result.ok) throw new Error(result.message);
    expect(allFinite(residuals(columns, result))).toBe(true);
    expect(allFinite(schoenfeldResiduals(columns, result))).toBe(true);
    expect(allFinite(proportionality(columns, result))).toBe(true);
    if (columns.duration.length > 1) expect(allFinite(robustCovariance(columns, result))).toBe(true);
    const uncertainty = baselineUncertainty(columns, result);
    const x = columns.covariates.map(({ values }) => values[0]!);
    for (let stratum = 0; stratum < result.baseline.length; stratum++)
      for (const [t, alive] of [
        [0, 0],
        [2, 0],
        [2, 1],
        [1e9, 1],
        [1, 2],
      ] as const)
        expect(allFinite(survivalWithLimits(result, uncertainty, x, t, { alive, stratum }))).toBe(true);
  });
});

describe('refusals name what is wrong', () => {
  const one = rows([1, 2, 3], [1, 0, 1]);
  const score = Float64Array.of(1, 2, 3);

  test('of scores over time', () => {
    expect(() => aucOverTime(one, score, [2, 1])).toThrow('time 1: times must be > 0 and ascending');
    expect(() => aucOverTime(one, Float64Array.of(1, Number.NaN, 2), [1])).toThrow('row 2, column score');
    expect(() => aucOverTime({ ...one, entry: Float64Array.of(0, 0, 0) }, score, [1])).toThrow('late entries');
    expect(() => brierOverTime(one, [1], [[0.5, 1.2, 0.1]])).toThrow('row 2, column S(1): must be a probability');
    expect(() => brierOverTime(one, [1, 2], [[0.5, 0.2, 0.1]])).toThrow('one column of predictions per time');
    expect(() => brierOverTime(one, [], [])).toThrow('no times');
    expect(() => brierOverTime(one, [1], [[0.5, 0.2]])).toThrow('columns differ in length');
    expect(() => brierOverTime(one, [1], [[0.5, -0.1, 0.1]])).toThrow('row 2, column S(1): must be a probability');
    expect(() => brierOverTime(one, [1, 1], [score, score])).toThrow('time 1: times must be > 0 and ascending');
    expect(() => brierOverTime(one, [Infinity], [score])).toThrow('time Infinity: times must be > 0 and ascending');
    expect(() => concordance({ ...one, entry: Float64Array.of(0, 0, 0) }, score, { uno: true })).toThrow(
      'late entries',
    );
    expect(() => concordance(one, score, { tau: 0 })).toThrow('tau 0');
  });

  test('of models', () => {
    const columns = cox(eight, [1, 1, 0, 1, 1, 1, 0, 1], [3, 1, 4, 1, 5, 9, 2, 6]);
    const model = fitted(columns);
    expect(() => residuals(columns, fitted(columns, 'exact'))).toThrow('exact ties have no residuals');
    expect(() => residuals(cox([1, 2], [1, 1], [1, 2]), model)).toThrow('fitted to other columns');
    expect(() =>
      robustCovariance(
        columns,
        model,
        eight.map(() => 1),
      ),
    ).toThrow('at least two clusters');
    expect(() => robustCovariance(columns, model, [1])).toThrow('differ in length');
    expect(() =>
      proportionality(cox([0, 1, 2], [1, 1, 1], [1, 3, 2]), fitted(cox([0, 1, 2], [1, 1, 1], [1, 3, 2])), 'log'),
    ).toThrow('time 0');
    // Nobody had the event at time 0: its logarithm is not asked for.
    const censoredAt0 = cox([0, ...eight], [0, 1, 1, 0, 1, 1, 1, 0, 1], [7, 3, 1, 4, 1, 5, 9, 2, 6]);
    expect(allFinite(proportionality(censoredAt0, fitted(censoredAt0), 'log'))).toBe(true);
    expect(proportionality(columns, fitted(columns, 'exact'))).toEqual([]);
    const ones = eight.map(() => 1);
    const separated = cox(eight, ones, [...eight].reverse());
    expect(proportionality(separated, fitted(separated))).toEqual([]);
    expect(proportionality(cox(eight, ones, ones), fitted(cox(eight, ones, ones)))).toEqual([]);
    expect(() => survivalWithLimits(model, [], [1], 2, { stratum: 3 })).toThrow('stratum 3');
    expect(() => fitCox({ ...columns, strata: eight.map(() => 0.5) })).toThrow('row 1, column strata');
    expect(() => fitCox(cox(eight, ones, [1]))).toThrow('column x0 differs in length');
    expect(() => fitCox(cox(eight, ones, [1, 2, Number.NaN, 4, 5, 6, 7, 8]))).toThrow(
      'row 3, column x0: must be a finite',
    );
    expect(() => fitCox(cox([1, 2, -3], [1, 1, 1], [1, 2, 3]))).toThrow('row 3');
    expect(() => fitCox({ ...columns, strata: [0] })).toThrow('differ in length');
    expect(() => fitCox({ ...columns, strata: eight.map((_, i) => (i === 4 ? -1 : 0)) })).toThrow(
      'row 5, column strata',
    );
    expect(() => residuals({ ...columns, covariates: [] }, model)).toThrow('fitted to other columns');
    // 0.1 has no double, so its mean is not quite it: a constant column all the same.
    expect(
      fitted(
        cox(
          eight,
          ones,
          eight.map(() => 0.1),
        ),
      ).diagnostics,
    ).toMatchObject([{ code: 'constant' }]);
    expect(
      fitted(
        cox(
          eight,
          ones,
          eight.map((_, i) => 1e9 + 1e-3 * (i % 3)),
        ),
      ).coefficients[0]!.coef,
    ).not.toBeNull();
  });

  test('strata nobody is in change nothing, with late entry too', () => {
    const columns = {
      ...cox(eight, [1, 1, 0, 1, 1, 1, 0, 1], [3, 1, 4, 1, 5, 9, 2, 6]),
      entry: Float64Array.of(0, 0, 1, 2, 1, 3, 0, 5),
    };
    const dense = fitted({ ...columns, strata: [0, 1, 0, 1, 0, 1, 0, 1] });
    const sparse = fitted({ ...columns, strata: [0, 3, 0, 3, 0, 3, 0, 3] });
    expect(sparse.coefficients).toEqual(dense.coefficients);
    expect(sparse.logLikelihood).toBe(dense.logLikelihood);
    expect([0, 3].map((s) => sparse.baseline[s])).toEqual(dense.baseline);
  });

  test('of restricted means', () => {
    const curve = fitCurve(one);
    expect(() => restrictedMean(curve, 0)).toThrow('tau 0');
    expect(() => restrictedMean(curve, Infinity)).toThrow('tau Infinity');
    expect(restrictedMeanDifference(fitCurve(rows([1, 2], [0, 0])), fitCurve(rows([1, 2], [0, 0])), 2)).toEqual({
      difference: 0,
      standardError: 0,
      lower: 0,
      upper: 0,
      p: null,
    });
  });
});
