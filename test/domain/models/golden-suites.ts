// The checks against published and peer values, written once: run on the files beside the repository and on the fixtures inside it.
import { expect, test } from 'vitest';
import * as bgNbd from '#domain/models/bg-nbd.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import { predictClv } from '#domain/models/clv-model.ts';
import { WEEKS_PER_MONTH } from '#domain/models/duration.ts';
import type { Fit } from '#domain/models/fit.ts';
import { countPmf, countQuantiles } from '#domain/models/future-purchases.ts';
import * as gammaGamma from '#domain/models/gamma-gamma.ts';
import { discountedPurchases } from '#domain/models/lifetime-value.ts';
import * as mbgNbd from '#domain/models/mbg-nbd.ts';
import { type Purchase, purchasePeriods, type RfmSummary, totals } from '#domain/models/rfm.ts';
import { spendDistribution } from '#domain/models/spend-distribution.ts';
import { actualCumulative, expectedCumulative } from '#domain/models/tracking.ts';
import { expectAllClose, expectClose } from '../../support/close.ts';
import { accuracy, dayOf, type Holdout, holdout } from '../../support/histories.ts';

export interface Mle {
  params: Record<string, number>;
  log_likelihood: number;
  se: Record<string, number>;
  cov_log?: number[][];
}
type Prediction = { p_alive: number; expected: Record<string, number> };
interface History {
  x: number;
  t_x: number;
  T: number;
}

export interface Summary {
  frequency: Float64Array;
  recency: Float64Array;
  T: Float64Array;
}

export function expectFit<Params extends object>(fitted: Fit<string, Params>, mle: Mle): void {
  if (!fitted.ok) throw new Error(fitted.message);
  expectAllClose({ ...fitted.params } as Record<string, number>, mle.params, 1e-6, 'params');
  expectClose(fitted.logLikelihood, mle.log_likelihood, 1e-9, 'log-likelihood');
  expect(Math.abs(fitted.logLikelihood - mle.log_likelihood)).toBeLessThan(1e-5);
  expectAllClose({ ...fitted.standardErrors } as Record<string, number>, mle.se, 1e-5, 'standard error');
  mle.cov_log?.forEach((row, i) => {
    row.forEach((value, j) => {
      // Relative to the variances: an off-diagonal near zero has no digits of its own.
      const scale = Math.sqrt(mle.cov_log![i]![i]! * mle.cov_log![j]![j]!);
      expect(Math.abs(fitted.covarianceLog![i]![j]! - value) / scale).toBeLessThan(1e-5);
    });
  });
  expect(fitted.converged).toBe(true);
  expect(fitted.gradientNorm).toBeLessThan(1e-10);
}

export interface BgNbdGolden {
  n_unique_triples: number;
  mle: Mle;
  fixed_params: bgNbd.BgNbdParams;
  log_likelihood_at_fixed: number;
  customers: (History & { fixed: Prediction; mle: Prediction })[];
  unconditional_expected_fixed: Record<string, number>;
  pmf_fixed: Record<string, number[]>;
  predictive_counts_mle: (History & { t: number; quantiles: Record<string, number>; pmf: number[] })[];
}

export function bgNbdSuite(source: string, load: () => { golden: BgNbdGolden; summary: Summary }): void {
  test(`BG/NBD parameters, standard errors and likelihood are those of ${source}`, () => {
    const { golden, summary } = load();
    expectFit(bgNbd.fit(summary), golden.mle);
    expectClose(bgNbd.logLikelihood(golden.fixed_params, summary), golden.log_likelihood_at_fixed, 1e-9);
  });

  test(`P(alive) and conditional expectations are those of ${source}`, () => {
    const { golden } = load();
    for (const { x, t_x, T, ...at } of golden.customers)
      for (const [params, expected] of [
        [golden.fixed_params, at.fixed],
        [golden.mle.params as unknown as bgNbd.BgNbdParams, at.mle],
      ] as const) {
        expectClose(bgNbd.probabilityAlive(params, x, t_x, T), expected.p_alive, 1e-10, `P(alive) of x = ${x}`);
        for (const [t, value] of Object.entries(expected.expected))
          expectClose(bgNbd.expectedPurchases(params, x, t_x, T, Number(t)), value, 1e-10, `E of x = ${x}, t = ${t}`);
      }
  });

  test(`expectations and count probabilities of new customers are those of ${source}`, () => {
    const { golden } = load();
    for (const [t, value] of Object.entries(golden.unconditional_expected_fixed))
      expectClose(bgNbd.expectedPurchasesOfNewCustomer(golden.fixed_params, Number(t)), value, 1e-10, `t = ${t}`);
    for (const [t, values] of Object.entries(golden.pmf_fixed)) {
      const pmf = countPmf(bgNbd.posterior(golden.fixed_params, 0, 0, 0), Number(t), values.length - 1);
      values.forEach((value, n) => {
        expectClose(pmf[n], value, 1e-10, `P(N = ${n}), t = ${t}`);
      });
    }
  });

  test(`predictive counts and their quantiles are those of ${source}`, () => {
    const { golden } = load();
    for (const { x, t_x, T, t, quantiles, pmf } of golden.predictive_counts_mle) {
      const state = bgNbd.posterior(golden.mle.params as unknown as bgNbd.BgNbdParams, x, t_x, T);
      const found = countPmf(state, t, pmf.length - 1);
      pmf.forEach((value, n) => {
        expectClose(found[n], value, 1e-10, `P(N = ${n}) of x = ${x}, t = ${t}`);
      });
      expect(countQuantiles(state, t, Object.keys(quantiles).map(Number))).toEqual(Object.values(quantiles));
      expectClose(
        bgNbd.probabilityNoPurchase(golden.mle.params as unknown as bgNbd.BgNbdParams, x, t_x, T, t),
        pmf[0]!,
        1e-10,
      );
    }
  });
}

export interface MbgNbdGolden {
  mle: Mle;
  customers: (History & Prediction)[];
}

export function mbgNbdSuite(source: string, load: () => { golden: MbgNbdGolden; summary: Summary }): void {
  test(`MBG/NBD parameters, standard errors and likelihood are those of ${source}`, () => {
    const { golden, summary } = load();
    expectFit(mbgNbd.fit(summary), golden.mle);
  });

  test(`MBG/NBD predictions are those of ${source}, with P(alive) < 1 for one-time buyers`, () => {
    const { golden } = load();
    const params = golden.mle.params as unknown as mbgNbd.MbgNbdParams;
    for (const { x, t_x, T, p_alive, expected } of golden.customers) {
      const alive = mbgNbd.probabilityAlive(params, x, t_x, T);
      expectClose(alive, p_alive, 1e-10, `P(alive) of x = ${x}`);
      if (x === 0) expect(alive).toBeLessThan(1);
      for (const [t, value] of Object.entries(expected))
        expectClose(mbgNbd.expectedPurchases(params, x, t_x, T, Number(t)), value, 1e-10, `E of x = ${x}, t = ${t}`);
    }
  });
}

export interface GammaGammaGolden {
  n: number;
  mle: Mle;
  fixed_params: gammaGamma.GammaGammaParams;
  log_likelihood_at_fixed: number;
  population_mean_fixed: number;
  population_mean_mle: number;
  customers: { x: number; zbar: number; expected_fixed: number; expected_mle: number }[];
}

export function gammaGammaSuite(
  source: string,
  load: () => { golden: GammaGammaGolden; spend: { frequency: Float64Array; monetaryValue: Float64Array } },
): void {
  test(`Gamma-Gamma parameters, standard errors and likelihood are those of ${source}`, () => {
    const { golden, spend } = load();
    const fitted = gammaGamma.fit(spend);
    expectFit(fitted, golden.mle);
    expect(fitted.n).toBe(golden.n);
    expectClose(gammaGamma.logLikelihood(golden.fixed_params, spend), golden.log_likelihood_at_fixed, 1e-9);
  });

  test(`expected spend and the population mean are those of ${source}`, () => {
    const { golden } = load();
    const mle = golden.mle.params as unknown as gammaGamma.GammaGammaParams;
    for (const { x, zbar, expected_fixed, expected_mle } of golden.customers) {
      expectClose(gammaGamma.expectedSpend(golden.fixed_params, x, zbar), expected_fixed, 1e-12);
      expectClose(gammaGamma.expectedSpend(mle, x, zbar), expected_mle, 1e-12);
    }
    expectClose(gammaGamma.populationMean(golden.fixed_params), golden.population_mean_fixed, 1e-12);
    expectClose(gammaGamma.populationMean(mle), golden.population_mean_mle, 1e-12);
  });
}

export interface ClvGolden {
  bgnbd_params: bgNbd.BgNbdParams;
  gammagamma_params: gammaGamma.GammaGammaParams;
  total_clv_all_customers: number;
  customers: (History & {
    zbar: number;
    clv: number;
    clv_undiscounted: number;
    spend_52w: { p_zero: number; mean_total: number; quantiles: Record<string, number> };
  })[];
}

export function clvSuite(
  source: string,
  load: () => { golden: ClvGolden; summary: Summary & { monetaryValue: Float64Array } },
): void {
  test(`discounted and undiscounted 12-month value are those of ${source}`, () => {
    const { golden } = load();
    for (const { x, t_x, T, zbar, clv, clv_undiscounted } of golden.customers) {
      const state = bgNbd.posterior(golden.bgnbd_params, x, t_x, T);
      const spend = gammaGamma.expectedSpend(golden.gammagamma_params, x, zbar)!;
      const year = 12 * WEEKS_PER_MONTH;
      expectClose(spend * discountedPurchases(state, year, WEEKS_PER_MONTH, 0.01), clv, 1e-9, `CLV of x = ${x}`);
      expectClose(spend * discountedPurchases(state, year, WEEKS_PER_MONTH, 0), clv_undiscounted, 1e-9);
    }
  });

  test(`the distribution of 52-week spend is that of ${source}: P(0), every quantile, and the CDF at it`, () => {
    const { golden } = load();
    for (const { x, t_x, T, zbar, spend_52w } of golden.customers) {
      const state = bgNbd.posterior(golden.bgnbd_params, x, t_x, T);
      const distribution = spendDistribution(state, 52, golden.gammagamma_params, x, zbar)!;
      expectClose(distribution.pZero, spend_52w.p_zero, 1e-9, 'P(S = 0)');
      for (const [level, value] of Object.entries(spend_52w.quantiles)) {
        expectClose(distribution.quantile(Number(level)), value, 1e-9, `p${level} of x = ${x}`);
        if (value > 0) expectClose(distribution.cdf(value), Number(level), 1e-9, `CDF at p${level} of x = ${x}`);
      }
    }
  });

  test(`the prediction by days at horizon_days 364, month by month over all customers, gives the totals of ${source}`, () => {
    const { golden, summary } = load();
    const model: ClvModel = {
      model: 'clv',
      unit: 'week',
      bgNbd: golden.bgnbd_params,
      gammaGamma: golden.gammagamma_params,
    };
    const history = (i: number) => ({
      frequency: summary.frequency[i]!,
      recency: summary.recency[i]! * 7,
      T: summary.T[i]! * 7,
      monetaryValue: summary.monetaryValue[i]!,
    });
    let total = 0;
    for (let i = 0; i < summary.T.length; i++) {
      const answer = predictClv(model, history(i), { months: 12, discountMonthly: 0.01, levels: [] });
      if (!answer.ok) throw new Error(answer.reason.message);
      total += answer.value.clvMean;
    }
    expectClose(total, golden.total_clv_all_customers, 1e-9, 'total CLV');
    for (const { x, t_x, T, zbar, spend_52w } of golden.customers) {
      const levels = Object.keys(spend_52w.quantiles).map(Number);
      const customer = { frequency: x, recency: t_x * 7, T: T * 7, monetaryValue: zbar };
      const answer = predictClv(model, customer, { horizonDays: 364, levels });
      if (!answer.ok) throw new Error(answer.reason.message);
      levels.forEach((level, i) => {
        expectClose(answer.value.quantiles[i], spend_52w.quantiles[String(level)]!, 1e-6, `p${level}`);
      });
      // The golden's mean is a sum over counts up to a cut, so it has no digits where buying again is a matter of 1e-10.
      if (spend_52w.mean_total > 1e-3) expectClose(answer.value.expectedSpend, spend_52w.mean_total, 1e-9, 'mean');
    }
  });
}

export interface CalibrationGolden {
  n: number;
  params_mle: bgNbd.BgNbdParams;
  log_likelihood: number;
  duration_holdout_weeks: number;
  metrics_bgnbd: Record<string, number>;
  mbgnbd_mle?: { params: Record<string, number>; log_likelihood: number; metrics: Record<string, number> };
  mbgnbd_params: Record<string, number>;
  metrics_mbgnbd: Record<string, number>;
  metrics_naive_rate_x_over_T: Record<string, number>;
  by_frequency: { x: number | string; n: number; actual_mean: number; predicted_mean: number }[];
  first_rows: (History & { id: string | number; holdout: number; predicted: number })[];
  tracking?: { weeks: number[]; expected_cumulative: number[]; actual_cumulative: number[] };
}

export interface CalibrationInput {
  golden: CalibrationGolden;
  purchases: Purchase[];
  calibrationEnd: string;
  end: string;
  /** Day 0 of the tracking curve. */
  origin: string;
}

export function calibrationSuite(source: string, load: () => CalibrationInput, hasTracking = true): void {
  const split = (): { golden: CalibrationGolden; split: Holdout } => {
    const input = load();
    return { golden: input.golden, split: holdout(input.purchases, input.calibrationEnd, input.end) };
  };
  const predict = (expected: (x: number, tx: number, T: number) => number, { calibration }: Holdout) =>
    calibration.frequency.map((x, i) => expected(x, calibration.recency[i]!, calibration.T[i]!));

  test(`the calibration fit and the holdout errors of BG/NBD are those of ${source}`, () => {
    const { golden, split: data } = split();
    const fitted = bgNbd.fit(data.calibration);
    if (!fitted.ok) throw new Error(fitted.message);
    expectAllClose({ ...fitted.params }, { ...golden.params_mle }, 1e-6, 'params');
    expectClose(fitted.logLikelihood, golden.log_likelihood, 1e-9);
    expectClose(data.weeks, golden.duration_holdout_weeks, 1e-12);
    const predicted = predict((x, tx, T) => bgNbd.expectedPurchases(fitted.params, x, tx, T, data.weeks), data);
    expectAllClose(accuracy(predicted, data.actual), golden.metrics_bgnbd, 1e-6, 'BG/NBD');
    golden.first_rows.forEach(({ id, x, t_x, T, holdout: actual, predicted: expected }, i) => {
      expect(data.calibration.ids[i]).toBe(String(id));
      expect(data.calibration.frequency[i]).toBe(x);
      expectClose(data.calibration.recency[i], t_x, 1e-12);
      expectClose(data.calibration.T[i], T, 1e-12);
      expect(data.actual[i]).toBe(actual);
      expectClose(predicted[i], expected, 1e-6);
    });
    for (const { x, n, actual_mean, predicted_mean } of golden.by_frequency) {
      const inClass = (f: number) => (x === '7+' ? f >= 7 : f === x);
      const rows = [...data.calibration.frequency.keys()].filter((i) => inClass(data.calibration.frequency[i]!));
      const mean = (values: Float64Array) => rows.reduce((sum, i) => sum + values[i]!, 0) / rows.length;
      expect(rows.length).toBe(n);
      expectClose(mean(data.actual), actual_mean, 1e-9);
      expectClose(mean(predicted), predicted_mean, 1e-6);
    }
  });

  test(`the holdout errors of MBG/NBD and of the naive rate are those of ${source}`, () => {
    const { golden, split: data } = split();
    const fitted = mbgNbd.fit(data.calibration);
    if (!fitted.ok) throw new Error(fitted.message);
    if (golden.mbgnbd_mle) {
      expectAllClose({ ...fitted.params }, golden.mbgnbd_mle.params, 1e-6, 'MBG/NBD');
      const predicted = predict((x, tx, T) => mbgNbd.expectedPurchases(fitted.params, x, tx, T, data.weeks), data);
      expectAllClose(accuracy(predicted, data.actual), golden.mbgnbd_mle.metrics, 1e-6, 'MBG/NBD');
    } else {
      // The peer's own optimum, some 1e-6 from ours: predictions are compared at its parameters.
      expectAllClose({ ...fitted.params }, golden.mbgnbd_params, 1e-4, 'MBG/NBD');
      const params = golden.mbgnbd_params as unknown as mbgNbd.MbgNbdParams;
      const predicted = predict((x, tx, T) => mbgNbd.expectedPurchases(params, x, tx, T, data.weeks), data);
      expectAllClose(accuracy(predicted, data.actual), golden.metrics_mbgnbd, 1e-6, 'MBG/NBD');
    }
    const naive = predict((x, _, T) => (T > 0 ? (x / T) * data.weeks : 0), data);
    expectAllClose(accuracy(naive, data.actual), golden.metrics_naive_rate_x_over_T, 1e-6, 'naive');
  });

  if (!hasTracking) return;
  test(`the weekly tracking curve is that of ${source}`, () => {
    const { golden, purchases, end, origin } = load();
    const tracking = golden.tracking;
    if (tracking === undefined) throw new Error(`${source} has no tracking curve`);
    const start = dayOf(origin);
    const births = new Map<number, number>();
    const repeats: number[] = [];
    for (const periods of purchasePeriods(purchases, 'day', dayOf(end)).values()) {
      const days = [...periods.keys()].sort((a, b) => a - b);
      const birth = (days[0]! - start) / 7;
      births.set(birth, (births.get(birth) ?? 0) + 1);
      repeats.push(...days.slice(1).map((day) => (day - start) / 7));
    }
    const expected = expectedCumulative(
      (t) => bgNbd.expectedPurchasesOfNewCustomer(golden.params_mle, t),
      Array.from(births, ([at, customers]) => ({ start: at, customers })),
      tracking.weeks,
    );
    tracking.expected_cumulative.forEach((value, i) => {
      expectClose(expected[i], value, 1e-6, `week ${tracking.weeks[i]}`);
    });
    const sorted = repeats.sort((a, b) => a - b);
    expect(actualCumulative(sorted, tracking.weeks)).toEqual(tracking.actual_cumulative);
  });
}

export function expectTotals(found: RfmSummary, expected: Record<string, number>): void {
  const sums = totals(found);
  const n = found.ids.length;
  const actual: Record<string, number> = {
    n,
    n_zero: n - sums.repeaters,
    sum_x: sums.frequency,
    sum_tx: sums.recency,
    sum_T: sums.T,
    mean_m_rep: found.monetaryValue.reduce((sum, value) => sum + value, 0) / sums.repeaters,
  };
  for (const [name, value] of Object.entries(expected)) expectClose(actual[name], value, 1e-12, name);
}

export function expectRows(found: RfmSummary, rows: Record<string, number>[]): void {
  rows.forEach(({ id, frequency, recency, T, monetary_value }, i) => {
    expect(found.ids[i]).toBe(String(id));
    expect(found.frequency[i]).toBe(frequency);
    expectClose(found.recency[i], recency!, 1e-12);
    expectClose(found.T[i], T!, 1e-12);
    expectClose(found.monetaryValue[i], monetary_value!, 1e-12);
  });
}
