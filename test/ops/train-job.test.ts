// Trainings as jobs over a log in memory, with the real runner and the real registry: the same question is the same bytes, a later attempt goes on
// from the last step, and what is refused, cancelled or broken off leaves no model.
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type ChurnDefinition, DEFAULT_CHURN, DEFAULT_CONTRACTUAL } from '#domain/churn-definition.ts';
import { UTC } from '#domain/time.ts';
import { createDeployments } from '#ops/deployments.ts';
import { type TrainDeps, type TrainResult, trainJob } from '#ops/jobs/train.ts';
import { createRegistry } from '#ops/registry.ts';
import { startJobs } from '#processors/jobs/runner.ts';
import { createMemoryStore } from '#streams/memory/store.ts';
import { compareNobody } from '../support/compare-nobody.ts';
import { fixture } from '../support/histories.ts';
import { logOfCsv } from '../support/log-store.ts';
import { createMemoryArtefacts } from '../support/memory-artefacts.ts';
import { trainingOn } from '../support/training.ts';

const shop = logOfCsv(fixture('clv_transactions.csv'), { customer: 'customer_id', date: 'date', amount: 'amount' });
const folder = mkdtempSync(join(tmpdir(), 'axiom47-train-job-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const log = { info: () => undefined, warn: () => undefined };

/** What the fold did not come back from: somewhere else. */
const STUCK = new Map([['1/999999', 1]]);

/** Half a year, so that enough of the judged fifth come back within it. */
const HALF_A_YEAR: ChurnDefinition = { ...DEFAULT_CHURN, horizonDays: 180 };

async function place(given: Partial<TrainDeps> = {}, definitions: ChurnDefinition[] = [HALF_A_YEAR]) {
  const artefacts = createMemoryArtefacts();
  const store = createMemoryStore();
  let facts = 0;
  const registry = createRegistry({
    store,
    artefacts,
    appendFact: async () => ++facts,
    applied: async () => undefined,
    deployments: () => [],
    now: () => 1,
  });
  const pool = trainingOn(shop.store);
  const done: string[] = [];
  const stuck: unknown[] = [];
  const now = { seq: shop.seq, day: shop.today, offsets: UTC };
  const rowsDir = mkdtempSync(join(folder, 'rows-'));
  const deps: TrainDeps = {
    nats: { servers: [] },
    pool: {
      trainingRows: (...asked) => {
        done.push('rows');
        stuck.push(asked[1].ledger.stuck);
        return pool.trainingRows(...asked);
      },
      trainModel: (...asked) => {
        done.push('model');
        return pool.trainModel(...asked);
      },
    },
    checks: pool,
    registry,
    deploy: createDeployments({
      registry,
      artefacts,
      compare: compareNobody,
      evaluated: async () => null,
      position: () => 0,
      now: () => 1,
      log: { warn: () => undefined },
    }).deploy,
    present: () => ({ ...now }),
    definitions: () => definitions,
    reportingCurrency: 'EUR',
    stuck: () => STUCK,
    snapshotDir: null,
    rowsDir,
    generated: null,
    codeVersion: '1',
    now: () => 1,
    ...given,
  };
  const kind = trainJob(deps);
  const jobs = await startJobs({ store, kinds: [kind], artefacts, now: () => 1, log });
  const ended = async (id: string) => {
    await jobs.idle();
    return (await jobs.whole(id))!;
  };
  const request = async (params: object, key: string | null = null) => {
    const answer = await jobs.request('train', kind.body.parse(params), key, 'tester');
    if (!answer.ok) throw new Error(answer.reason);
    return answer.value.job.id;
  };
  const resultOf = async (id: string) => {
    const job = await ended(id);
    if (job.status !== 'succeeded') throw new Error(JSON.stringify(job.failure));
    return (await jobs.result(id)) as TrainResult;
  };
  return { jobs, kind, registry, now, done, stuck, rowsDir, request, ended, resultOf, pool };
}

test.each([{ kind: 'churn-logistic', cutoffs: 2 }, { kind: 'clv' }])(
  '%j: the same log asked again is the same bytes and the same version',
  async (params) => {
    const { request, resultOf, registry, stuck } = await place();
    const first = await resultOf(await request(params));
    expect(stuck, 'a thread of the pool would not come back from it either').toEqual([STUCK]);
    const again = await resultOf(await request(params));
    expect(again).toEqual(first);
    expect(first).toMatchObject({
      pipeline: 'churn_pipeline',
      tracking: 'churn_prediction',
      version: 1,
      deployed: false,
    });
    expect(first.id).toBe(params.kind === 'clv' ? 'clv_model@1' : 'churn_model@1');
    expect(await registry.list()).toHaveLength(1);
    // Another installation's registry, another log in memory: the same digest.
    const elsewhere = await place();
    expect((await elsewhere.resultOf(await elsewhere.request(params))).digest).toBe(first.digest);
  },
);

test('another seed is another version; its name stands in the artefact', async () => {
  const { request, resultOf, registry } = await place();
  const first = await resultOf(await request({ kind: 'churn-logistic', cutoffs: 2, horizon_days: 180 }));
  const other = await resultOf(await request({ kind: 'churn-logistic', cutoffs: 2, horizon_days: 180, seed: 48 }));
  expect([first.version, other.version]).toEqual([1, 2]);
  const shown = await registry.show(other.id);
  expect(shown!.artefact).toMatchObject({ seed: 48, counted: expect.any(Array), path: expect.any(Array) });
});

test('a retry goes on from the rows it has, makes lost rows again, and comes to the same digest', async () => {
  const clean = await place();
  const expected = (await clean.resultOf(await clean.request({ kind: 'churn-logistic', cutoffs: 2 }))).digest;
  let failures = 2;
  const pool = trainingOn(shop.store);
  const broken: Partial<TrainDeps> = {
    pool: {
      ...pool,
      trainModel: async (...asked) => {
        if (failures-- > 0) throw new Error('the thread died');
        return pool.trainModel(...asked);
      },
    },
  };
  const { request, ended, resultOf, jobs, rowsDir, registry, now } = await place(broken);
  // Of a process that was killed while it wrote.
  writeFileSync(join(rowsDir, 'job.rows.4711.draft'), 'half of');
  const id = await request({ kind: 'churn-logistic', cutoffs: 2 });
  expect(await ended(id)).toMatchObject({ status: 'failed', failure: { reason: 'error', message: 'the thread died' } });
  expect((await ended(id)).steps.map(({ step }) => step)).toEqual(['position', 'build_user_features']);
  expect(await registry.list()).toEqual([]);
  expect(readdirSync(rowsDir)).toEqual([`${id}.rows`]);
  // The log goes on meanwhile; the question does not.
  now.day += 100;
  await jobs.retry(id, 'tester');
  await ended(id);
  writeFileSync(join(rowsDir, `${id}.rows`), 'something else');
  await jobs.retry(id, 'tester');
  expect((await resultOf(id)).digest).toBe(expected);
  expect(existsSync(join(rowsDir, `${id}.rows`))).toBe(false);
});

test('cancelled between two steps: no model, and a retry ends what was begun', async () => {
  const pool = trainingOn(shop.store);
  let cancel: (() => Promise<unknown>) | null = null;
  const { request, ended, jobs, registry, resultOf } = await place({
    pool: {
      ...pool,
      async trainModel(...asked) {
        const answer = await pool.trainModel(...asked);
        await cancel?.();
        return answer;
      },
    },
  });
  const id = await request({ kind: 'churn-logistic', cutoffs: 2, deploy: true });
  cancel = () => jobs.cancel(id, 'tester');
  expect((await ended(id)).status).toBe('cancelled');
  expect(await registry.list()).toEqual([]);
  cancel = null;
  await jobs.retry(id, 'tester');
  expect(await resultOf(id)).toMatchObject({ id: 'churn_model@1', deployed: true });
});

test('a retry from a step on does that one and the later ones again, from the position on of the log as it is now', async () => {
  const pool = trainingOn(shop.store);
  const rows: number[] = [];
  let broken = true;
  const { request, ended, jobs, now } = await place({
    pool: {
      trainingRows(...asked) {
        rows.push(asked[1].today);
        return pool.trainingRows(...asked);
      },
      trainModel: async (...asked) => {
        const answer = await pool.trainModel(...asked);
        if (broken) throw new Error('the thread died');
        return answer;
      },
    },
  });
  const id = await request({ kind: 'churn-logistic', cutoffs: 2 });
  const first = await ended(id);
  expect(first).toMatchObject({ status: 'failed', retryFrom: ['position', 'build_user_features', 'train_model'] });
  // The log goes on meanwhile; only who begins with the position asks of it as it is then.
  now.day += 10;
  for (const [step, made] of [
    ['train_model', 1],
    ['build_user_features', 2],
    ['position', 3],
  ] as const) {
    expect(await jobs.retry(id, 'tester', step)).toMatchObject({ ok: true });
    expect(await ended(id)).toMatchObject({
      status: 'failed',
      steps: [{ step: 'position' }, { step: 'build_user_features' }],
    });
    expect(rows).toHaveLength(made);
  }
  expect(rows).toEqual([shop.today, shop.today, shop.today + 10]);
  expect(await jobs.retry(id, 'tester', 'generate_events')).toEqual({ ok: false, reason: 'step-unknown' });
  broken = false;
  await jobs.retry(id, 'tester', 'train_model');
  expect(await ended(id)).toMatchObject({ status: 'succeeded', retryFrom: [] });
  expect(await jobs.retry(id, 'tester', 'train_model')).toEqual({ ok: false, reason: 'job-ended' });
});

test('the demo’s own step comes first, and cancelling does not wait for it', async () => {
  const events = Promise.withResolvers<Record<string, unknown>>();
  const { request, ended, jobs, resultOf } = await place({ generated: () => events.promise });
  const given_up = await request({ kind: 'clv' });
  await jobs.cancel(given_up, 'tester');
  expect((await ended(given_up)).status).toBe('cancelled');
  expect(await jobs.retry(given_up, 'tester', 'position')).toEqual({ ok: false, reason: 'step-not-reached' });
  const id = await request({ kind: 'clv' });
  events.resolve({ source: 'api', seed: 47 });
  await resultOf(id);
  expect((await ended(id)).steps.map(({ step }) => step)).toEqual([
    'generate_events',
    'position',
    'build_user_features',
    'train_model',
  ]);
});

test('refusals have a code, and leave nothing behind', async () => {
  const { request, ended, registry, rowsDir, kind } = await place();
  const id = await request({ kind: 'churn-logistic', horizon_days: 3000 });
  expect(await ended(id)).toMatchObject({ status: 'failed', failure: { reason: 'refused', code: 'horizon-too-long' } });
  const few = await request({ kind: 'churn-logistic', cutoffs: 1, horizon_days: 1 });
  expect((await ended(few)).failure).toMatchObject({
    reason: 'refused',
    message: expect.stringMatching(/at least 25/),
  });
  expect(await registry.list()).toEqual([]);
  expect(readdirSync(rowsDir)).toEqual([]);
  // Before there is a job.
  const early = (params: object) => kind.atOnce!(kind.body.parse(params));
  expect(await early({ kind: 'churn-cox' })).toMatchObject({ ok: false, reason: { code: 'unknown-definition' } });
  expect(await early({ kind: 'churn-logistic', horizon_days: 30, deploy: true })).toMatchObject({
    ok: false,
    reason: { code: 'other-horizon' },
  });
  expect(await early({ kind: 'clv' })).toBeNull();
  const contractual = await place({}, [DEFAULT_CONTRACTUAL]);
  expect(await contractual.kind.atOnce!(kind.body.parse({ kind: 'churn-cox' }))).toBeNull();
});

test('a dry run answers at once, and there is no job of it', async () => {
  const { kind, jobs, registry, done, rowsDir } = await place();
  const answer = await kind.atOnce!(kind.body.parse({ kind: 'churn-logistic', dry_run: true }));
  expect(answer).toMatchObject({ ok: true, value: { ready: true, definition: { horizonDays: 180 } } });
  expect([jobs.list(), await registry.list(), done, readdirSync(rowsDir)]).toEqual([[], [], [], []]);
});
