// lifelines 0.30.1 beside R on real data (lifelines_cross_check.json): where the two peers agree, we agree with both; where they differ, we
// follow R and the difference is stated.
import { expect, test } from 'vitest';
import { concordance } from '#domain/models/survival/concordance.ts';
import { fit as fitCox } from '#domain/models/survival/cox.ts';
import { fit as fitKaplanMeier, survivalAt } from '#domain/models/survival/kaplan-meier.ts';
import { expectClose } from '../../../support/close.ts';
import { describeShared, sharedJson } from '../../../support/shared.ts';
import { flags, numbers, sharedRows } from '../../../support/survival.ts';

interface CrossCheck {
  cox_rossi_efron: {
    coef: number[];
    se: number[];
    log_likelihood: number;
    concordance: number;
    max_abs_coef_diff_vs_R: number;
    baseline_cumhaz_centered_last: number;
  };
  km_lung: {
    time: number;
    R_surv: number;
    ll_surv: number;
    R_lower: number;
    ll_lower: number;
    R_upper: number;
    ll_upper: number;
  }[];
  concordance_index: { time: number[]; event: number[]; risk_score: number[]; value: number };
}

describeShared(
  'lifelines_cross_check.json',
  ['golden/lifelines_cross_check.json', 'data/rossi.csv', 'data/lung.csv'],
  () => {
    const golden = sharedJson<CrossCheck>('golden', 'lifelines_cross_check.json');

    test('Cox on rossi, Efron: coefficients within what lifelines itself differs from R, standard errors, likelihood, concordance', () => {
      const rows = sharedRows('rossi.csv');
      const names = ['fin', 'age', 'race', 'wexp', 'mar', 'paro', 'prio'];
      const model = fitCox({
        duration: numbers(rows, 'week'),
        eventObserved: numbers(rows, 'arrest'),
        covariates: names.map((name) => ({ name, values: numbers(rows, name) })),
      });
      if (!model.ok) throw new Error(model.message);
      const peer = golden.cox_rossi_efron;
      for (const [j, { coef, se }] of model.coefficients.entries()) {
        expect(Math.abs(coef! - peer.coef[j]!)).toBeLessThanOrEqual(2 * peer.max_abs_coef_diff_vs_R);
        expectClose(se, peer.se[j]!, 1e-6, names[j]);
      }
      expectClose(model.logLikelihood, peer.log_likelihood, 1e-10, 'log-likelihood');
      expectClose(model.concordance, peer.concordance, 1e-12, 'concordance');
      // lifelines adds Breslow's increments although ties are Efron's; we add Efron's, as R does: alike to the third digit, not beyond.
      const last = model.baseline[0]!.cumulativeHazard.at(-1)!;
      expectClose(last, peer.baseline_cumhaz_centered_last, 5e-3, 'baseline');
      expect(last).not.toBe(peer.baseline_cumhaz_centered_last);
    });

    test('Kaplan–Meier on lung with log-log limits: R and lifelines', () => {
      const rows = sharedRows('lung.csv');
      const curve = fitKaplanMeier(
        { duration: numbers(rows, 'time'), eventObserved: flags(rows, ({ status }) => status === '2') },
        { band: 'log-log' },
      );
      for (const { time, ...peer } of golden.km_lung) {
        const at = curve.time.findLastIndex((each) => each <= time);
        for (const who of ['R', 'll'] as const) {
          expectClose(survivalAt(curve, time), peer[`${who}_surv`], 1e-12, `${who} S(${time})`);
          expectClose(curve.lower[at], peer[`${who}_lower`], 1e-10, `${who} lower(${time})`);
          expectClose(curve.upper[at], peer[`${who}_upper`], 1e-10, `${who} upper(${time})`);
        }
      }
    });

    test('concordance with ties in time and score', () => {
      const { time, event, risk_score, value } = golden.concordance_index;
      const columns = { duration: Float64Array.from(time), eventObserved: event };
      expectClose(concordance(columns, Float64Array.from(risk_score)).value, value, 1e-15, 'C');
    });
  },
);
