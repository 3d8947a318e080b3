// CDNOW, the sample of 2,357 customers (Fader, Hardie & Lee 2005) through the whole program: summaries, fits, answers and the 39 weeks that
// came after, each held to published and peer values.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { probabilityAlive } from '#domain/models/bg-nbd.ts';
import { summarise } from '#domain/models/rfm.ts';
import type { ImportSummary } from '#ops/import/run-import.ts';
import {
  type BgNbdGolden,
  type CalibrationGolden,
  type ClvGolden,
  expectTotals,
  type GammaGammaGolden,
  type MbgNbdGolden,
} from '../domain/models/golden-suites.ts';
import { expectClose } from '../support/close.ts';
import { dayOf, purchasesOf } from '../support/histories.ts';
import { type Program, removeFolders, runJson, serve, temporaryFolder } from '../support/program.ts';
import { describeShared, sharedJson, sharedPath } from '../support/shared.ts';
import {
  ask,
  byId,
  type Churn,
  type Clv,
  deploy,
  expectFitted,
  expectGoldenAnswers,
  type Fitted,
  holdoutSuite,
  repeatMoney,
} from './model-suites.ts';

const FILE = 'data/cdnow_sample_transactions.csv';
const CALIBRATION_END = '1997-09-30';
const END = '1998-06-30';
const names = ['bgnbd', 'mbgnbd', 'gammagamma', 'clv', 'rfm_summary', 'calibration_holdout'];
const goldens = names.map((name) => `golden/${name}_cdnow.json`);
const golden = <T>(name: string): T => sharedJson<T>('golden', `${name}_cdnow.json`);

describeShared(
  'CDNOW sample through the whole program',
  [FILE, 'data/cdnow_summary.csv', 'data/cdnow_summary_spend.csv', ...goldens],
  () => {
    const folder = temporaryFolder('cdnow-sample');
    const names = { customer: 'customer_id', date: 'date', amount: 'amount' };
    const file = sharedPath(FILE);
    const offline = summarise(purchasesOf(file, names), { unit: 'week', grain: 'day', until: dayOf(CALIBRATION_END) });
    const calibration = golden<CalibrationGolden>('calibration_holdout');
    const values = golden<ClvGolden>('clv');
    let program: Program;
    beforeAll(async () => {
      program = await serve(['--empty', '--currency', 'USD', '--data-dir', join(folder, 'main')]);
      const summary = await program.json<ImportSummary>(['import', file, '--currency', 'USD']);
      expect(summary).toMatchObject({ rows: 6_919, accepted: 6_919, duplicates: 0, quarantined: 0, customers: 2_357 });
    });
    afterAll(removeFolders);

    test('online summaries as of 1997-09-30 are those of rfm_summary_cdnow.json', async () => {
      const published = golden<{
        totals_daily7: Record<string, number>;
        first15_daily7: { id: number; frequency: number; recency: number; T: number; monetary_value: number }[];
      }>('rfm_summary');
      const ids = offline.ids;
      const asOf = { as_of: { at: CALIBRATION_END } };
      const churn = await ask<Churn>(program, 'churn', byId(ids), asOf);
      const clv = await ask<Clv>(program, 'clv', byId(ids), asOf);
      const money = repeatMoney(file, 'customer_id', CALIBRATION_END);
      const online = {
        ids,
        frequency: Float64Array.from(churn, ({ features }) => features.frequency),
        recency: Float64Array.from(churn, ({ features }) => features.recency_days / 7),
        T: Float64Array.from(churn, ({ features }) => features.T_days / 7),
        // The published mean is over all repeat days; the money models' is over those with money (a few CDNOW orders are worth nothing).
        monetaryValue: Float64Array.from(clv, ({ features: { frequency, monetary_value } }, i) =>
          frequency === 0 ? 0 : ((monetary_value ?? 0) * money.get(ids[i]!)!.days) / frequency,
        ),
      };
      expectTotals(online, published.totals_daily7);
      for (const { id, frequency, recency, T, monetary_value } of published.first15_daily7) {
        const i = ids.indexOf(String(id));
        expect(online.frequency[i]).toBe(frequency);
        expectClose(online.recency[i], recency, 1e-12);
        expectClose(online.T[i], T, 1e-12);
        expectClose(online.monetaryValue[i], monetary_value, 1e-12);
      }
      // And for everybody, not only the rows that were published.
      expect([online.frequency, online.recency, online.T]).toEqual([offline.frequency, offline.recency, offline.T]);
      for (const [i, { features }] of clv.entries()) {
        const { days, cents } = money.get(ids[i]!)!;
        if (days === 0) expect(features.monetary_value).toBeNull();
        else expectClose(features.monetary_value, cents / days / 100, 1e-12, `customer ${ids[i]}`);
      }
    });

    test('fits of the summary files are those of the peers', async () => {
      const fitFile = (model: string, data: string, ...more: string[]) =>
        runJson<Fitted>(['fit', model, '--data', sharedPath(`data/${data}`), ...more]);
      expectFitted(await fitFile('bg-nbd', 'cdnow_summary.csv'), golden<BgNbdGolden>('bgnbd').mle);
      expectFitted(await fitFile('mbg-nbd', 'cdnow_summary.csv'), golden<MbgNbdGolden>('mbgnbd').mle);
      const spend = await fitFile('gamma-gamma', 'cdnow_summary_spend.csv', '--columns', 'frequency=x,monetary=zbar');
      expectFitted(spend, golden<GammaGammaGolden>('gammagamma').mle);
    });

    describe('with the online fit as of 1997-09-30 in force', () => {
      let params: Fitted['params'];
      let inForce: string;
      beforeAll(async () => {
        const fitted = await program.json<Fitted>(['fit', 'bg-nbd', '--from-log', '--as-of', CALIBRATION_END]);
        expectFitted(fitted, { params: { ...calibration.params_mle }, log_likelihood: calibration.log_likelihood });
        // What `fit --json` prints is what `model import` takes.
        const path = join(folder, 'fitted.json');
        writeFileSync(path, JSON.stringify(fitted));
        const { id } = await program.json<{ id: string }>(['model', 'import', path]);
        await program.json(['model', 'deploy', id, '--yes']);
        params = fitted.params;
        inForce = id;
      });
      test('`predict --model` answers from the registry what `predict --params` answers from the file', async () => {
        const summary = ['--data', sharedPath('data/cdnow_summary.csv'), '--horizon', '26w'];
        const columns = ['--columns', 'frequency=frequency,recency=recency,T=T'];
        const byModel = await program.json(['predict', 'churn', '--model', inForce, ...summary, ...columns]);
        const byFile = await runJson([
          'predict',
          'churn',
          '--params',
          join(folder, 'fitted.json'),
          ...summary,
          ...columns,
        ]);
        expect(byModel).toEqual(byFile);
        expect(byModel).toHaveLength(2_357);
      });
      holdoutSuite('calibration_holdout_cdnow.json', () => ({
        program,
        golden: calibration,
        ids: offline.ids,
        calibrationEnd: CALIBRATION_END,
        end: END,
      }));

      test('P(alive) of every customer by id is that of the kernel at the summary', async () => {
        const { r, alpha, a, b } = params as { r: number; alpha: number; a: number; b: number };
        const answers = await ask<Churn>(program, 'churn', byId(offline.ids), { as_of: { at: CALIBRATION_END } });
        for (const [i, { p_alive }] of answers.entries()) {
          const history = [offline.frequency[i]!, offline.recency[i]!, offline.T[i]!] as const;
          expectClose(p_alive, probabilityAlive({ r, alpha, a, b }, ...history), 1e-10, offline.ids[i]);
        }
      });
    });

    describe('with the golden parameters in force', () => {
      beforeAll(async () => {
        await deploy(program, folder, { bgNbd: values.bgnbd_params, gammaGamma: values.gammagamma_params });
      });

      test('answers by summary are those of bgnbd_cdnow.json and clv_cdnow.json', async () => {
        await expectGoldenAnswers(program, golden<BgNbdGolden>('bgnbd'), values);
      });

      test('answers by customer id are those of the same history sent as a summary', async () => {
        const ids = offline.ids.slice(0, 200);
        const asOf = { as_of: { at: CALIBRATION_END } };
        const money = repeatMoney(file, 'customer_id', CALIBRATION_END);
        const summaries = ids.map((id, i) => {
          const { days, cents } = money.get(id)!;
          return {
            summary: {
              frequency: offline.frequency[i]!,
              recency: offline.recency[i]!,
              T: offline.T[i]!,
              ...(days > 0 && { monetary_value: cents / days / 100 }),
            },
          };
        });
        const [byCustomer, bySummary] = await Promise.all([
          ask<Clv>(program, 'clv', byId(ids), { horizon_days: 364, ...asOf }),
          ask<Clv>(program, 'clv', summaries, { horizon_days: 364 }),
        ]);
        let compared = 0;
        for (const [i, answer] of byCustomer.entries()) {
          // A summary cannot say that some of its purchases brought no money.
          if (money.get(ids[i]!)!.days !== offline.frequency[i]) continue;
          const other = bySummary[i]!;
          expectClose(answer.clv_mean, other.clv_mean, 1e-9, ids[i]);
          expectClose(answer.p_alive, other.p_alive, 1e-10, ids[i]);
          for (const level of ['clv_p05', 'clv_p50', 'clv_p95'] as const)
            expectClose(answer[level], other[level], 1e-6, `${level} of ${ids[i]}`);
          compared++;
        }
        expect(compared).toBeGreaterThan(190);
      });
    });
  },
);
