// Trainings through the whole program, on subscribers: a dry run that writes nothing, the same bytes again, a server killed in the middle, cancelling,
// refusals with their codes and exit codes.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TrainResult } from '#ops/jobs/train.ts';
import type { TrainingCheck } from '#processors/training/training-check.ts';
import { csvRows, fixture } from '../support/histories.ts';
import { type Program, removeFolders, run, serve, temporaryFolder, until } from '../support/program.ts';
import { type JobAnswer, jobsOf } from '../support/program-jobs.ts';

const DAY = '2024-01-01';
const CONTRACT = ['--definition', 'contractual'];

describe('subscribers', () => {
  const folder = temporaryFolder('training');
  const dataDir = join(folder, 'main');
  const rows = csvRows(fixture('churn.csv'));
  let program: Program;
  const { job, ended, ask } = jobsOf<TrainResult>(() => program, 100_000);
  const models = async () =>
    (await program.call<{ items: { id: string; digest: string; in_force: boolean }[] }>('GET', '/api/models')).items;
  const jobs = async () => (await program.call<{ items: JobAnswer[] }>('GET', '/api/jobs?kind=train')).items;
  const classifier = { kind: 'churn-logistic', definition: 'contractual' };

  beforeAll(async () => {
    program = await serve(['--empty', '--currency', 'USD', '--data-dir', dataDir]);
    const table = ['--kind', 'subscription', '--snapshot', DAY, '--currency', 'USD', '--attributes', 'all'];
    const columns = ['--customer', 'customer_id', '--tenure', 'tenure_months:months', '--ended', 'churned=1'];
    const rest = ['--amount', 'monthly_charge', '--name', 'contract'];
    await program.json(['import', fixture('churn.csv'), ...table, ...columns, ...rest]);
  });
  afterAll(removeFolders);

  test('importing has trained both models as jobs, each with its steps', async () => {
    const done = await jobs();
    expect(done.map(({ status }) => status)).toEqual(['succeeded', 'succeeded']);
    for (const { id } of done)
      expect((await job(id)).steps).toEqual(['position', 'build_user_features', 'train_model']);
    expect((await models()).filter(({ in_force }) => in_force).map(({ id }) => id)).toHaveLength(2);
  });

  test('a dry run counts what the file holds, says it is ready, and writes nothing', async () => {
    const before = { models: await models(), jobs: (await jobs()).length };
    const check = await program.json<TrainingCheck>(['train', 'churn', ...CONTRACT, '--dry-run']);
    const lost = rows.filter(({ churned }) => churned === '1').length;
    expect(check).toMatchObject({
      kind: 'churn-logistic',
      customers: rows.length,
      ready: true,
      windows: [],
      excluded: [],
    });
    expect(check.cutoffs[0]).toEqual({ at: DAY, eligible: rows.length, lost, kept: rows.length - lost, used: true });
    const people = await run(['train', 'churn', ...CONTRACT, '--dry-run', '--data-dir', dataDir]);
    expect([people.code, people.stdout]).toEqual([
      0,
      expect.stringMatching(/ok {2}train rows: lost[\s\S]*ready to train/),
    ]);
    // Nobody here ever bought: the other definition has nothing to learn from.
    const buyers = await run(['train', 'churn', '--dry-run', '--data-dir', dataDir]);
    expect([buyers.code, buyers.stdout]).toEqual([2, expect.stringMatching(/NO {2}history, against the horizon/)]);
    expect({ models: await models(), jobs: (await jobs()).length }).toEqual(before);
  });

  test('trained again, now that a deployment has lengthened the log, it is the same version to the last byte', async () => {
    const [before] = (await models()).filter(({ id }) => id.startsWith('subscription_churn_model'));
    const again = await program.json<TrainResult>(['train', 'churn-logistic', ...CONTRACT]);
    expect([again.id, again.digest]).toEqual([before!.id, before!.digest]);
    const { log, result } = await job(again.job as string);
    expect(result).toMatchObject({
      pipeline: 'churn_pipeline',
      tracking: 'churn_prediction',
      metrics: { n: expect.any(Number) },
    });
    expect(log!.some(({ text }) => text.startsWith('rows of'))).toBe(true);
  });

  test('a server killed while it trains goes on at its next start, to the same digest', async () => {
    const whole = await ended((await ask('train', { ...classifier, seed: 7 })).id);
    const { id } = await ask('train', { ...classifier, seed: 7 });
    await until('it has its position', async () => (await job(id)).steps.includes('position'), 60_000);
    await program.kill();
    program = await serve(['--data-dir', dataDir]);
    const resumed = await ended(id);
    expect(resumed).toMatchObject({ status: 'succeeded', attempt: 2, failure: null });
    expect(resumed.steps).toEqual(['position', 'build_user_features', 'train_model']);
    expect(resumed.result!.digest).toBe(whole.result!.digest);
    expect(resumed.result!.metrics).toEqual(whole.result!.metrics);
  });

  test('cancelled: no model of it, answers go on, and a retry comes to the digest of one that was left alone', async () => {
    const before = await models();
    const { id } = await ask('train', { ...classifier, seed: 8 });
    await until('it runs', async () => (await job(id)).status === 'running');
    expect((await program.call<JobAnswer>('POST', `/api/jobs/${id}/cancel`, {})).status).toBe('cancelled');
    const customer = rows.find(({ churned }) => churned === '0')!.customer_id;
    const answer = await program.request('POST', '/api/predict/churn', { body: { customer_id: customer } });
    expect([answer.status, (await job(id)).status, await models()]).toEqual([200, 'cancelled', before]);
    const refused = await run(['jobs', 'retry', id, '--from', 'fit_model', '--data-dir', dataDir]);
    expect([refused.code, refused.stderr]).toEqual([
      2,
      expect.stringMatching(/no step fit_model.* retried from position/),
    ]);
    await program.json(['jobs', 'retry', id, '--from', 'position']);
    const retried = await ended(id);
    expect(retried).toMatchObject({ status: 'succeeded', attempt: 2 });
    // Without --from there is no body.
    const done = await run(['jobs', 'retry', id, '--data-dir', dataDir]);
    expect([done.code, done.stderr]).toEqual([expect.any(Number), expect.stringMatching(/has succeeded/)]);
    const { status, body } = await program.request('POST', `/api/jobs/${id}/retry`);
    expect([status, body.type]).toEqual([409, expect.stringContaining('job-ended')]);
    const alone = await ended((await ask('train', { ...classifier, seed: 8 })).id);
    expect(retried.result!.digest).toBe(alone.result!.digest);
  });

  test('one key is one training; with another body it is refused', async () => {
    const once = { headers: { 'idempotency-key': 'nightly-2024-01-31' }, body: classifier };
    const first = await program.request<JobAnswer>('POST', '/api/jobs/train', once);
    const again = await program.request<JobAnswer>('POST', '/api/jobs/train', once);
    expect([first.status, again.status, again.body.id]).toEqual([202, 202, first.body.id]);
    const other = await program.request('POST', '/api/jobs/train', { ...once, body: { ...classifier, seed: 1 } });
    expect([other.status, other.body.type]).toEqual([422, expect.stringContaining('idempotency-key-reused')]);
    const { params } = await ended(first.body.id);
    expect(params).not.toHaveProperty('seed', 1);
    expect((await jobs()).filter(({ params: { seed } }) => seed === 1)).toEqual([]);
  });

  test.each([
    [
      ['churn-logistic', ...CONTRACT, '--horizon', '3000d'],
      /horizon of 3000 days is longer than the data allow: .* days at most/,
    ],
    [['churn-cox', '--horizon', '3600d'], /longer than any subscription was observed: \d+ days at most/],
    [['churn-logistic', ...CONTRACT, '--horizon', '10d', '--deploy'], /defined over 30 days, so a model of 10/],
    [['clv'], /too few|at least 10/],
    [['churn-logistic'], /there are no purchases to learn from/],
    [['oracle'], /train churn-logistic or train churn-cox or train clv/],
    [['churn', '--dry-run', '--deploy'], /leave --deploy out/],
  ])('train %j is refused in one line, exit code 2, and leaves no model', async (args, said) => {
    const before = await models();
    const { code, stdout, stderr } = await run(['train', ...args, '--data-dir', dataDir, '--json']);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr.split('\n').filter((line) => line.startsWith('axiom47: '))).toEqual([expect.stringMatching(said)]);
    expect(await models()).toEqual(before);
  });
});

test('without a definition of contracts a Cox model is refused before there is a job, by name', async () => {
  await using program = await serve(['--empty', '--data-dir', join(temporaryFolder('training-empty'), 'main')]);
  const answer = await program.request('POST', '/api/jobs/train', { body: { kind: 'churn-cox' } });
  expect([answer.status, answer.body]).toEqual([422, expect.objectContaining({ code: 'unknown-definition' })]);
  expect(await program.call('GET', '/api/jobs')).toMatchObject({ items: [], total: 0 });
});
