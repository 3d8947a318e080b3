// Purchases made for this project (test/fixtures) through the whole program, held to the peers' values (test/golden): runs anywhere.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ImportSummary } from '#ops/import/run-import.ts';
import type {
  BgNbdGolden,
  CalibrationGolden,
  ClvGolden,
  GammaGammaGolden,
  MbgNbdGolden,
} from '../domain/models/golden-suites.ts';
import { expectClose } from '../support/close.ts';
import { csvRows, fixture, golden } from '../support/histories.ts';
import { type Program, removeFolders, serve, temporaryFolder } from '../support/program.ts';
import {
  ask,
  byId,
  type Churn,
  type Clv,
  deploy,
  expectFitted,
  expectGoldenAnswers,
  expectValues,
  type Fitted,
  holdoutSuite,
} from './model-suites.ts';

type Values = Omit<ClvGolden, 'customers'> & {
  customers: (ClvGolden['customers'][number] & { customer_id: string })[];
};

const FILE = fixture('clv_transactions.csv');
const CALIBRATION_END = '2024-09-30';
const END = '2025-06-30';

describe('the fixtures through the whole program', () => {
  const folder = temporaryFolder('fixtures');
  const rows = csvRows(new URL('../golden/rfm_summary_all.csv', import.meta.url).pathname);
  const ids = rows.map((row) => row.customer_id!);
  const calibration = golden<CalibrationGolden>('calibration_holdout.json');
  const values = golden<Values>('clv.json');
  let program: Program;
  beforeAll(async () => {
    program = await serve(['--empty', '--data-dir', `${folder}/main`]);
    const summary = await program.json<ImportSummary>(['import', FILE, '--source', 'shop']);
    expect(summary).toMatchObject({ rows: 3_206, accepted: 3_206, duplicates: 0, quarantined: 0, customers: 800 });
  });
  afterAll(removeFolders);

  const fitFromLog = (model: string, asOf: string) =>
    program.json<Fitted & { asOf: { day: number } }>(['fit', model, '--from-log', '--as-of', asOf]);

  test('online summaries are those of rfm_summary_all.csv, for all 800 customers', async () => {
    const [churn, clv] = await Promise.all([
      ask<Churn>(program, 'churn', byId(ids), { as_of: { at: END } }),
      ask<Clv>(program, 'clv', byId(ids), { as_of: { at: END } }),
    ]);
    for (const [i, row] of rows.entries()) {
      const { frequency, recency_days, T_days } = churn[i]!.features;
      expect([frequency, recency_days, T_days]).toEqual([Number(row.x), Number(row.t_x_days), Number(row.T_days)]);
      const cents = Number(row.repeat_cents);
      if (cents === 0) expect(clv[i]!.features.monetary_value).toBeNull();
      else expectClose(clv[i]!.features.monetary_value, cents / Number(row.x) / 100, 1e-12, row.customer_id);
    }
  });

  test('fits from the log as it was at the end of observation are those of the peers', async () => {
    expectFitted(await fitFromLog('bg-nbd', END), golden<BgNbdGolden>('bgnbd.json').mle);
    expectFitted(await fitFromLog('mbg-nbd', END), golden<MbgNbdGolden>('mbgnbd.json').mle);
    expectFitted(await fitFromLog('gamma-gamma', END), golden<GammaGammaGolden>('gammagamma.json').mle);
  });

  describe('with the parameters of the calibration fit in force', () => {
    beforeAll(async () => {
      const fitted = await fitFromLog('bg-nbd', CALIBRATION_END);
      expectFitted(fitted, { params: { ...calibration.params_mle }, log_likelihood: calibration.log_likelihood });
      await deploy(program, folder, { bgNbd: fitted.params });
    });
    holdoutSuite('calibration_holdout.json', () => ({
      program,
      golden: calibration,
      ids,
      calibrationEnd: CALIBRATION_END,
      end: END,
    }));
  });

  describe('with the golden parameters in force', () => {
    beforeAll(async () => {
      await deploy(program, folder, { bgNbd: values.bgnbd_params, gammaGamma: values.gammagamma_params });
    });

    test('answers by summary are those of bgnbd.json and clv.json', async () => {
      await expectGoldenAnswers(program, golden<BgNbdGolden>('bgnbd.json'), values);
    });

    test('answers by customer id are the same, and their sum is that of clv.json', async () => {
      const asOf = { as_of: { at: END } };
      await expectValues(program, values, byId(values.customers.map((customer) => customer.customer_id)), asOf);
      const all = await ask<Clv>(program, 'clv', byId(ids), { months: 12, discount_monthly: 0.01, ...asOf });
      const total = all.reduce((sum, { clv_mean }) => sum + clv_mean, 0);
      expectClose(total, values.total_clv_all_customers, 1e-9, 'total CLV');
      const churn = await ask<Churn>(program, 'churn', byId(values.customers.map((c) => c.customer_id)), asOf);
      const { customers } = golden<BgNbdGolden>('bgnbd.json');
      for (const [i, { p_alive }] of churn.entries()) {
        const { x, t_x, T, mle } = customers[i]!;
        expect([churn[i]!.features.frequency, churn[i]!.features.T_days / 7]).toEqual([x, T]);
        expectClose(churn[i]!.features.recency_days / 7, t_x, 1e-12);
        expectClose(p_alive, mle.p_alive, 1e-10, `P(alive) of x = ${x}`);
      }
    });
  });
});
