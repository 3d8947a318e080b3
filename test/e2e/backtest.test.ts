// Backtests through the whole program: published figures from an imported log, a server killed in the middle, cancelling, refusals.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BacktestResult } from '#ops/jobs/backtest.ts';
import type { ValueMetrics } from '#processors/backtest/value-cutoff.ts';
import type { CalibrationGolden } from '../domain/models/golden-suites.ts';
import { expectGolden } from '../support/backtest-golden.ts';
import { fixture, golden } from '../support/histories.ts';
import { type Program, removeFolders, run, serve, temporaryFolder, until } from '../support/program.ts';
import { type JobAnswer, jobsOf } from '../support/program-jobs.ts';
import { describeShared, sharedJson, sharedPath } from '../support/shared.ts';

const metricsOf = (result: BacktestResult): ValueMetrics => {
  const metrics = result.cutoffs[0]?.metrics;
  if (!metrics || !('served' in metrics)) throw new Error(JSON.stringify(result.cutoffs[0]));
  return metrics;
};

afterAll(removeFolders);

describe('the self-made shop', () => {
  const folder = temporaryFolder('backtest');
  const dataDir = join(folder, 'main');
  let program: Program;
  const { job, ended, ask } = jobsOf<BacktestResult>(() => program, 110_000);
  beforeAll(async () => {
    program = await serve(['--empty', '--data-dir', dataDir]);
    await program.json(['import', fixture('clv_transactions.csv'), '--source', 'shop']);
  });

  test('the command answers the figures of calibration_holdout.json (lifetimes 0.11.3), draws them, and says what it did', async () => {
    const svg = join(folder, 'tracking.svg');
    const asked = ['backtest', '--at', '2024-09-30', '--horizon', '39w'];
    const result = await program.json<BacktestResult & { job: string }>([...asked, '--svg', svg]);
    expectGolden(metricsOf(result), golden<CalibrationGolden>('calibration_holdout.json'));
    expect(result).toMatchObject({ horizonDays: 273, leakage: { checked: 200, differing: 0 }, beyondDays: 1 });
    expect(result.cutoffs[0]).toMatchObject({ asOf: { at: '2024-09-30' }, until: '2025-06-30' });
    expect(readFileSync(svg, 'utf8')).toContain('<svg');
    expect((await job(result.job)).status).toBe('succeeded');
    const people = await run([...asked, '--data-dir', dataDir]);
    expect([people.code, people.stdout]).toEqual([
      0,
      expect.stringMatching(/bg-nbd \*.*\n[\s\S]*naive[\s\S]*0 differ/),
    ]);
  });

  test('a classifier is judged beside the rate of before', async () => {
    // Over 150 days about a third come back: whichever way the customers fall, each part has enough of both kinds.
    const define = (horizon: string) => program.json(['churn', 'define', 'non-contractual', '--horizon', horizon]);
    await define('150d');
    const { cutoffs } = await program.json<BacktestResult>(['backtest', '--model', 'churn', '--cutoffs', '1']);
    await define('90d');
    expect(cutoffs).toHaveLength(1);
    expect(cutoffs[0]).not.toHaveProperty('reason');
    expect(cutoffs[0]).toMatchObject({
      leakage: { differing: 0 },
      metrics: { models: { 'churn-logistic': { model: { auc: expect.any(Number) } } } },
    });
  });

  test('a server killed in the middle goes on at its next start, from the last judged cut-off, to the same answer', async () => {
    const body = { horizon_days: 60, cutoffs: 9 };
    const { id } = await ask('backtest', body);
    await until('two cut-offs are judged', async () => (await job(id)).steps.length >= 3, 100_000);
    await program.kill();
    program = await serve(['--data-dir', dataDir]);
    const resumed = await ended(id);
    expect(resumed).toMatchObject({ status: 'succeeded', attempt: 2, failure: null });
    expect(resumed.steps).toHaveLength(1 + 9);
    const whole = await ended((await ask('backtest', body)).id);
    const figures = ({ result }: JobAnswer<BacktestResult>) =>
      result!.cutoffs.map(({ asOf, metrics }) => [asOf.at, metrics]);
    expect(figures(resumed)).toEqual(figures(whole));
  });

  test('cancelled while it runs: answers go on, the thread is free for the next', async () => {
    const { id } = await ask('backtest', { horizon_days: 30, cutoffs: 24 });
    await until('it runs', async () => (await job(id)).status === 'running');
    const cancelled = await program.call<JobAnswer>('POST', `/api/jobs/${id}/cancel`, {});
    expect(cancelled.status).toBe('cancelled');
    const answer = await program.request('POST', '/api/predict/churn', { body: { customer_id: 'C0001' } });
    expect(answer.status).toBe(200);
    const next = await ended((await ask('backtest', { horizon_days: 90, cutoffs: 1, model: 'bg-nbd' })).id);
    expect(next.status).toBe('succeeded');
    expect((await job(id)).status).toBe('cancelled');
  });

  test.each([
    [['--horizon', '3000d'], /horizon of 3000 days is longer than the data allow: .* \d+ days at most/],
    [['--horizon', '90d', '--at', '2025-06-01'], /90 days after 2025-06-01 are not over: .* cut on 2025-03-31/],
    [
      ['--model', 'churn', '--definition', 'contractual'],
      /no contractual definition of churn; .* axiom47 churn define/,
    ],
    [['--model', 'churn', '--horizon', '30d'], /churn is defined over 90 days, not 30/],
    [['--horizon', '90d', '--model', 'oracle'], /--model oracle: one of clv/],
    [[], /backtest needs --horizon/],
    [['--horizon', '90d', '--at', 'soon'], /--at soon: days as YYYY-MM-DD/],
    [['--horizon', '90d', '--cutoffs', '0'], /--cutoffs 0: a whole number from 1 to 24/],
  ])('%j is refused in one line with what to do, exit code 2', async (args, said) => {
    const { code, stdout, stderr } = await run(['backtest', ...args, '--data-dir', dataDir, '--json']);
    expect([code, stdout]).toEqual([2, '']);
    const lines = stderr.split('\n').filter((line) => line.startsWith('axiom47: '));
    expect(lines).toEqual([expect.stringMatching(said)]);
  });
});

const SHARED = [
  ['CDNOW', 'cdnow', 'cdnow_sample_transactions.csv', ['--amount', 'amount', '--currency', 'USD'], '1997-09-30', '39w'],
  ['grocery', 'grocery', 'grocery_transactions.csv', ['--amount', 'none', '--currency', 'EUR'], '2006-12-31', '365d'],
] as const;
for (const [title, name, file, columns, at, horizon] of SHARED)
  describeShared(`${title} through the log`, [`data/${file}`, `golden/calibration_holdout_${name}.json`], () => {
    test(`the command answers the figures of calibration_holdout_${name}.json (lifetimes 0.11.3)`, async () => {
      const folder = temporaryFolder(`backtest-${name}`);
      await using program = await serve(['--empty', '--currency', columns.at(-1)!, '--data-dir', join(folder, 'main')]);
      const customer = name === 'cdnow' ? 'customer_id' : 'cust';
      await program.json(['import', sharedPath('data', file), '--customer', customer, '--time', 'date', ...columns]);
      const result = await program.json<BacktestResult>(['backtest', '--at', at, '--horizon', horizon]);
      const worst = expectGolden(metricsOf(result), sharedJson('golden', `calibration_holdout_${name}.json`));
      expect(Math.max(...Object.values(worst))).toBeLessThan(1e-6);
      expect(result.leakage).toEqual({ checked: 200, differing: 0 });
      if (process.env.AXIOM47_TEST_TRACE) process.stderr.write(`${title}: ${JSON.stringify(worst)}\n`);
    });
  });
