// The demo as a place to try everything: its past was known when it happened, so it can be replayed, trained on and held against the truth it was made of.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClvModel } from '#domain/models/clv-model.ts';
import { DEMO } from '#ops/demo/generator.ts';
import type { BacktestResult } from '#ops/jobs/backtest.ts';
import type { TrainResult } from '#ops/jobs/train.ts';
import { type Program, removeFolders, serve, temporaryFolder } from '../support/program.ts';

afterAll(removeFolders);

describe('the demo’s past', () => {
  let program: Program;
  beforeAll(async () => {
    program = await serve(['--demo', '--still', '--data-dir', join(temporaryFolder('demo'), 'demo')]);
  });

  test('is one import, known when it happened; the last weeks came live', async () => {
    // The table holds the last 90 days only.
    const runs = await program.sql<{ run: string | null; last: string; customers: string }>(
      `select run, max(at)::text as last, count(distinct sid_key)::text as customers from rm.events group by run order by run`,
    );
    expect(runs.map(({ run }) => run)).toEqual(['demo-history', null]);
    const [history, live] = runs;
    const liveFrom = DEMO.start + (DEMO.weeks - DEMO.liveWeeks) * 7 * 86_400_000;
    expect(Date.parse(history!.last)).toBeLessThan(liveFrom);
    expect(Date.parse(live!.last)).toBeGreaterThan(liveFrom);
    for (const { customers } of runs) expect(Number(customers)).toBeGreaterThan(100);
  });

  test.each([
    ['purchases', ['r', 'alpha', 'a', 'b'], 'bgNbd'],
    ['money', ['p', 'q', 'v'], 'gammaGamma'],
  ] as const)('the model of %s in force holds the truth within its 95 %% intervals: %o', async (part, names, key) => {
    const { artefact } = await program.call<{ artefact: ClvModel }>('GET', '/api/models/clv_model@1');
    const found = artefact[key] as unknown as Record<string, number>;
    const truth = DEMO[key] as unknown as Record<string, number>;
    const covariance = artefact.covariance![part]!;
    // Intervals of a fit are those of the ln-parameters.
    const far = names.map((name, i) => [
      name,
      Math.abs(Math.log(found[name]! / truth[name]!)) / Math.sqrt(covariance[i]![i]!),
    ]);
    for (const [name, errors] of far) expect(errors, `${name}: ${found[name as string]}`).toBeLessThan(1.96);
  });

  test('a backtest foretells what came, better than everybody going on as before', async () => {
    const { cutoffs, leakage } = await program.json<BacktestResult>(['backtest', '--cutoffs', '3', '--horizon', '90d']);
    expect(cutoffs).toHaveLength(3);
    expect(leakage).toMatchObject({ checked: 600, differing: 0 });
    for (const { asOf, metrics } of cutoffs) {
      if (!metrics || !('served' in metrics)) throw new Error(`${asOf.at} was not judged`);
      const { models } = metrics.purchases;
      expect(metrics.served).toBe('bg-nbd');
      expect(Math.abs(models['bg-nbd']!.totalError!)).toBeLessThan(0.1);
      expect(models['bg-nbd']!.mae).toBeLessThan(models.naive!.mae!);
    }
  });

  test('train clv comes to the parameters in force', async () => {
    const trained = await program.json<TrainResult>(['train', 'clv']);
    const { artefact } = await program.call<{ artefact: ClvModel }>('GET', `/api/models/${trained.id}`);
    const inForce = await program.call<{ artefact: ClvModel }>('GET', '/api/models/clv_model@1');
    expect(artefact.bgNbd).toEqual(inForce.artefact.bgNbd);
    expect(artefact.gammaGamma).toEqual(inForce.artefact.gammaGamma);
  });

  test('train churn learns from four cut-offs, and is better than the rate of before', async () => {
    const trained = await program.json<TrainResult>(['train', 'churn']);
    const { cutoffs, metrics, naive } = trained as unknown as {
      cutoffs: number[];
      metrics: { auc: number; brier: number };
      naive: { brier: number };
    };
    expect(trained).toMatchObject({ kind: 'churn-logistic', deployed: false });
    expect(cutoffs).toHaveLength(4);
    expect(metrics.auc).toBeGreaterThan(0.7);
    expect(metrics.brier).toBeLessThan(naive.brier);
  });
});
