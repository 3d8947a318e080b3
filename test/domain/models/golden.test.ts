// Goldens of the self-made fixtures (computed by lifetimes 0.11.3 and 50-digit mpmath; test/golden): run anywhere.
import { describe, expect, test } from 'vitest';
import * as bgNbd from '#domain/models/bg-nbd.ts';
import { expectedFuture } from '#domain/models/future-purchases.ts';
import { summarise } from '#domain/models/rfm.ts';
import { spendDistribution } from '#domain/models/spend-distribution.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { expectClose } from '../../support/close.ts';
import { column, csvRows, dayOf, fixture, golden, purchasesOf } from '../../support/histories.ts';
import {
  type BgNbdGolden,
  bgNbdSuite,
  type CalibrationGolden,
  type ClvGolden,
  calibrationSuite,
  clvSuite,
  expectFit,
  expectRows,
  expectTotals,
  type GammaGammaGolden,
  gammaGammaSuite,
  type MbgNbdGolden,
  type Mle,
  mbgNbdSuite,
} from './golden-suites.ts';

const purchases = purchasesOf(fixture('clv_transactions.csv'), {
  customer: 'customer_id',
  date: 'date',
  amount: 'amount',
});
const END = '2025-06-30';
const CALIBRATION_END = '2024-09-30';
const summary = summarise(purchases, { unit: 'week', grain: 'day', until: dayOf(END) });

interface RfmGolden {
  sum_repeat_cents: number;
  totals_daily7: Record<string, number>;
  totals_daily7_calibration: Record<string, number>;
  totals_weekly: Record<string, number>;
  first20_daily7: Record<string, number>[];
  first20_daily7_calibration: Record<string, number>[];
}

describe('fixture clv_transactions.csv (800 simulated customers, 78 weeks)', () => {
  bgNbdSuite('bgnbd.json', () => ({ golden: golden<BgNbdGolden>('bgnbd.json'), summary }));
  mbgNbdSuite('mbgnbd.json', () => ({ golden: golden<MbgNbdGolden>('mbgnbd.json'), summary }));
  gammaGammaSuite('gammagamma.json', () => ({ golden: golden<GammaGammaGolden>('gammagamma.json'), spend: summary }));
  clvSuite('clv.json', () => ({ golden: golden<ClvGolden>('clv.json'), summary }));
  calibrationSuite('calibration_holdout.json', () => ({
    golden: golden<CalibrationGolden>('calibration_holdout.json'),
    purchases,
    calibrationEnd: CALIBRATION_END,
    end: END,
    origin: '2024-01-01',
  }));

  test('BG/NBD recovers the true parameters from the 797 customers drawn from it, as bgnbd.json says', () => {
    const { mle_without_injected: mle } = golden<{
      mle_without_injected: Mle & { mahalanobis2_from_truth_log_params_chi2_4: number };
    }>('bgnbd.json');
    const injected = new Set(['C0121', 'C0402', 'C0656']);
    const drawn = purchases.filter(({ customer }) => !injected.has(customer));
    const fitted = bgNbd.fit(summarise(drawn, { unit: 'week', grain: 'day', until: dayOf(END) }));
    expectFit(fitted, mle);
    if (!fitted.ok) return;
    // Mahalanobis² of the truth under the reported covariance: below 13.3 (χ², 4 df, p = .01) or the covariance is too small.
    const { r, alpha, a, b } = fitted.params;
    const off = [r / 0.5, alpha / 6, a / 0.8, b / 2.5].map(Math.log);
    const solved = solve(fitted.covarianceLog!, off);
    const distance = off.reduce((sum, value, i) => sum + value * solved[i]!, 0);
    expectClose(distance, mle.mahalanobis2_from_truth_log_params_chi2_4, 1e-4);
    expect(distance).toBeLessThan(13.3);
  });

  test('what the 800 customers really did in the next 52 weeks (clv_truth.csv) lies where the predictive distributions say', () => {
    const truth = csvRows(fixture('clv_truth.csv'));
    const [purchases52, spend52] = [column(truth, 'future_visits_52w'), column(truth, 'future_spend_52w')];
    const { bgnbd_params: bg, gammagamma_params: gg } = golden<ClvGolden>('clv.json');
    const random = createRandom(12);
    const cells = new Float64Array(10);
    let [expected, belowP95, withP95] = [0, 0, 0];
    summary.ids.forEach((_, i) => {
      const [x, m] = [summary.frequency[i]!, summary.monetaryValue[i]!];
      const state = bgNbd.posterior(bg, x, summary.recency[i]!, summary.T[i]!);
      const spend = spendDistribution(state, 52, gg, x, m)!;
      expected += expectedFuture(state, 52);
      const p95 = spend.quantile(0.95);
      if (p95 > 0) {
        withP95 += 1;
        if (spend52[i]! <= p95) belowP95 += 1;
      }
      // Randomised probability integral transform: uniform when the whole distribution is right, the atom at 0 included.
      const pit = spend52[i] === 0 ? random.uniform() * spend.pZero : spend.cdf(spend52[i]!);
      cells[Math.min(9, Math.floor(pit * 10))]! += 1;
    });
    const actual = purchases52.reduce((sum, n) => sum + n, 0);
    expect(Math.abs(expected / actual - 1)).toBeLessThan(0.1);
    // Four standard errors of a share of 95 %.
    expect(Math.abs(belowP95 / withP95 - 0.95)).toBeLessThan(4 * Math.sqrt((0.95 * 0.05) / withP95));
    const chiSquare = cells.reduce((sum, n) => sum + (n - 80) ** 2 / 80, 0);
    expect(chiSquare).toBeLessThan(21.67); // 9 degrees of freedom, p = .01
  });

  test('histories of all 800 customers are those of rfm_summary_all.csv, to the day and the cent', () => {
    const days = summarise(purchases, { unit: 'day', grain: 'day', until: dayOf(END) });
    const expected = csvRows(new URL('../../golden/rfm_summary_all.csv', import.meta.url).pathname);
    expect(days.ids).toEqual(expected.map((row) => row.customer_id));
    expect([...days.frequency]).toEqual(expected.map((row) => Number(row.x)));
    expect([...days.recency]).toEqual(expected.map((row) => Number(row.t_x_days)));
    expect([...days.T]).toEqual(expected.map((row) => Number(row.T_days)));
    expect(Array.from(days.monetaryValue, (mean, i) => Math.round(mean * days.frequency[i]! * 100))).toEqual(
      expected.map((row) => Number(row.repeat_cents)),
    );
  });

  test('totals and first rows at both ends, and by calendar week, are those of rfm_summary.json', () => {
    const rfm = golden<RfmGolden>('rfm_summary.json');
    expectTotals(summary, rfm.totals_daily7);
    expectRows(summary, rfm.first20_daily7);
    const calibration = summarise(purchases, { unit: 'week', grain: 'day', until: dayOf(CALIBRATION_END) });
    expectTotals(calibration, rfm.totals_daily7_calibration);
    expectRows(calibration, rfm.first20_daily7_calibration);
    expectTotals(summarise(purchases, { unit: 'week', grain: 'week', until: dayOf(END) }), rfm.totals_weekly);
  });
});

/** Gaussian elimination: independent of the code under test. */
function solve(matrix: number[][], rhs: number[]): number[] {
  const rows = matrix.map((row, i) => [...row, rhs[i]!]);
  for (let k = 0; k < rows.length; k++)
    for (let i = 0; i < rows.length; i++) {
      if (i === k) continue;
      const factor = rows[i]![k]! / rows[k]![k]!;
      rows[i] = rows[i]!.map((value, j) => value - factor * rows[k]![j]!);
    }
  return rows.map((row, i) => row[rhs.length]! / row[i]!);
}
