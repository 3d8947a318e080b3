// Goldens on real data beside the repository: CDNOW (Fader, Hardie & Lee 2005), a simulated cohort, grocery orders.
import { expect, test } from 'vitest';
import * as bgNbd from '#domain/models/bg-nbd.ts';
import * as gammaGamma from '#domain/models/gamma-gamma.ts';
import { summarise } from '#domain/models/rfm.ts';
import { expectClose } from '../../support/close.ts';
import { column, csvRows, dayOf, purchasesOf } from '../../support/histories.ts';
import { describeShared, sharedJson, sharedPath } from '../../support/shared.ts';
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

const cdnow = () => {
  const rows = csvRows(sharedPath('data', 'cdnow_summary.csv'));
  return { frequency: column(rows, 'frequency'), recency: column(rows, 'recency'), T: column(rows, 'T') };
};
const cdnowSpend = () => {
  const rows = csvRows(sharedPath('data', 'cdnow_summary_spend.csv'));
  return {
    frequency: column(rows, 'x'),
    recency: column(rows, 't_x'),
    T: column(rows, 'T'),
    monetaryValue: column(rows, 'zbar'),
  };
};
const cdnowOrders = () =>
  purchasesOf(sharedPath('data', 'cdnow_sample_transactions.csv'), {
    customer: 'customer_id',
    date: 'date',
    amount: 'amount',
  });

describeShared(
  'CDNOW summary',
  ['data/cdnow_summary.csv', 'golden/bgnbd_cdnow.json', 'golden/mbgnbd_cdnow.json'],
  () => {
    bgNbdSuite('bgnbd_cdnow.json', () => ({
      golden: sharedJson<BgNbdGolden>('golden', 'bgnbd_cdnow.json'),
      summary: cdnow(),
    }));
    mbgNbdSuite('mbgnbd_cdnow.json', () => ({
      golden: sharedJson<MbgNbdGolden>('golden', 'mbgnbd_cdnow.json'),
      summary: cdnow(),
    }));

    test('BG/NBD parameters are close to Fader, Hardie & Lee (2005), table 2', () => {
      const fitted = bgNbd.fit(cdnow());
      if (!fitted.ok) throw new Error(fitted.message);
      expect(Object.values(fitted.params).map((value) => value.toFixed(3))).toEqual([
        '0.243',
        '4.414',
        '0.793',
        '2.426',
      ]);
      expect(fitted.logLikelihood.toFixed(1)).toBe('-9582.4');
      expect(fitted.diagnostics).toEqual([]);
    });
  },
);

describeShared(
  'CDNOW spend',
  ['data/cdnow_summary_spend.csv', 'golden/gammagamma_cdnow.json', 'golden/clv_cdnow.json'],
  () => {
    gammaGammaSuite('gammagamma_cdnow.json', () => ({
      golden: sharedJson<GammaGammaGolden>('golden', 'gammagamma_cdnow.json'),
      spend: cdnowSpend(),
    }));
    clvSuite('clv_cdnow.json', () => ({
      golden: sharedJson<ClvGolden>('golden', 'clv_cdnow.json'),
      summary: cdnowSpend(),
    }));

    test('Gamma-Gamma parameters are close to Fader & Hardie, note 025', () => {
      const fitted = gammaGamma.fit(cdnowSpend());
      if (!fitted.ok) throw new Error(fitted.message);
      expect(fitted.params.p.toFixed(2)).toBe('6.25');
      expect(fitted.params.q.toFixed(2)).toBe('3.74');
      expectClose(fitted.params.v, 15.44, 1e-3);
      expectClose(gammaGamma.populationMean({ p: 6.25, q: 3.74, v: 15.44 }), 35.219, 1e-4);
      expect(fitted.diagnostics.map(({ code }) => code)).toEqual(['without-repeats']);
    });
  },
);

describeShared('CDNOW transactions', ['data/cdnow_sample_transactions.csv', 'golden/rfm_summary_cdnow.json'], () => {
  test('histories by day and by calendar week are those of rfm_summary_cdnow.json', () => {
    interface Golden {
      totals_daily7: Record<string, number>;
      totals_weekly: Record<string, number>;
      first15_daily7: Record<string, number>[];
      first15_weekly: Record<string, number>[];
    }
    const golden = sharedJson<Golden>('golden', 'rfm_summary_cdnow.json');
    const until = dayOf('1997-09-30');
    const byDay = summarise(cdnowOrders(), { unit: 'week', grain: 'day', until });
    expectTotals(byDay, golden.totals_daily7);
    expectRows(byDay, golden.first15_daily7);
    // The peer counts whole weeks: up to Sunday, 1997-10-05, for an end on Tuesday, 1997-09-30. Ours stops on the day it is told.
    const byWeek = summarise(cdnowOrders(), { unit: 'week', grain: 'week', until: dayOf('1997-10-05') });
    expectTotals(byWeek, golden.totals_weekly);
    expectRows(byWeek, golden.first15_weekly);
  });

  calibrationSuite('calibration_holdout_cdnow.json', () => ({
    golden: sharedJson<CalibrationGolden>('golden', 'calibration_holdout_cdnow.json'),
    purchases: cdnowOrders(),
    calibrationEnd: '1997-09-30',
    end: '1998-06-30',
    origin: '1997-01-01',
  }));
});

describeShared(
  'grocery transactions',
  ['data/grocery_transactions.csv', 'golden/calibration_holdout_grocery.json'],
  () => {
    calibrationSuite(
      'calibration_holdout_grocery.json',
      () => ({
        golden: sharedJson<CalibrationGolden>('golden', 'calibration_holdout_grocery.json'),
        purchases: purchasesOf(sharedPath('data', 'grocery_transactions.csv'), { customer: 'cust', date: 'date' }),
        calibrationEnd: '2006-12-31',
        end: '2007-12-31',
        origin: '2006-01-01',
      }),
      false,
    ); // that golden has no tracking curve
  },
);

describeShared('simulated transactions', ['data/sim_transactions.csv', 'golden/bgnbd_sim.json'], () => {
  test('BG/NBD on 5,000 customers in days is that of bgnbd_sim.json', () => {
    const purchases = purchasesOf(sharedPath('data', 'sim_transactions.csv'), { customer: 'id', date: 'date' });
    const summary = summarise(purchases, { unit: 'day', grain: 'day', until: dayOf('2014-12-31') });
    expectFit(bgNbd.fit(summary, 'day'), sharedJson<{ mle: Mle }>('golden', 'bgnbd_sim.json').mle);
  });
});
