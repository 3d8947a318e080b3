// Long work over HTTP: asked for by kind, the same key once, watched to its end, refused with what to do.
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ok } from '#domain/result.ts';
import type { JobOfKind } from '#ops/jobs/catalogue.ts';
import { createPlatform, type Platform } from './support/platform.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers are compared field by field.
type Answer = any;
const ask = async (platform: Platform, method: string, path: string, body?: unknown, headers = {}) => {
  const response = await platform.as('ml-engineer', method, path, body, headers);
  return { response, body: (await response.json()) as Answer };
};
/** Ends when it is told to. */
function slow(): JobOfKind & { end: () => void } {
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return {
    name: 'slow',
    summary: 'Waits',
    permission: 'model:write',
    body: z.strictObject({}),
    examples: { nothing: {} },
    async run(job) {
      job.progress(1, 4, 'waiting');
      await Promise.race([ended, new Promise((resolve) => job.signal.addEventListener('abort', resolve))]);
      return ok({ done: true });
    },
    end: () => end(),
  };
}
const BUYERS = Array.from({ length: 120 }, (_, i) =>
  [0, 11 + (i % 50), 70 + (i % 40), 150 + (i % 30)].slice(0, 1 + (i % 4)).map((day) => ({
    customer: `c${i}`,
    day: new Date(Date.UTC(2025, 0, 1 + day + (i % 9))).toISOString().slice(0, 10),
    amount: 20 + (i % 7),
  })),
).flat();

/** Reads an event stream to its end. */
async function events(response: Response): Promise<Answer[]> {
  const text = await response.text();
  return text
    .split('\n\n')
    .flatMap((block) => block.split('\n').filter((line) => line.startsWith('data: ')))
    .map((line) => JSON.parse(line.slice(6)));
}

describe('a backtest', () => {
  test('is accepted with its place, watched to its end, and answers metrics by cut-off', async () => {
    const platform = await createPlatform();
    const run = { run: 'file-0001', source: 'shop', digest: '', amend: false, startedAt: 0 };
    platform.fact({ type: 'import.started', ...run, backfill: true, coverage: 'complete' });
    platform.orders(BUYERS, run.run);
    const { response, body } = await ask(platform, 'POST', '/api/jobs/backtest', {
      horizon_days: 30,
      cutoffs: 2,
      lateness_days: 0,
    });
    expect(response.status).toBe(202);
    expect(body).toMatchObject({ kind: 'backtest', params: { model: 'clv', horizon_days: 30, cutoffs: 2, seed: 47 } });
    const place = response.headers.get('location')!;
    expect(place).toBe(`/api/jobs/${body.id}`);
    const seen = await events(await platform.as('ml-engineer', 'GET', `${place}/events`));
    expect(seen.at(-1)).toMatchObject({
      id: body.id,
      status: 'succeeded',
      steps: ['position', expect.stringContaining('cut-off'), expect.stringContaining('cut-off')],
    });
    const { body: job } = await ask(platform, 'GET', place);
    expect(job.result).toMatchObject({ model: 'clv', horizonDays: 30, leakage: { differing: 0 } });
    const [, last] = job.result.cutoffs;
    expect(last.asOf).toEqual({ seq: platform.position(), at: expect.stringMatching(/^2025-/) });
    expect(last.metrics.purchases.models[last.metrics.served]).toMatchObject({
      n: expect.any(Number),
      mae: expect.any(Number),
    });
    expect(last.metrics.purchases.models.naive.actualTotal).toBe(
      last.metrics.purchases.models[last.metrics.served].actualTotal,
    );
    expect(job.log).toHaveLength(2);
    const { body: list } = await ask(platform, 'GET', '/api/jobs?kind=backtest');
    expect(list.items).toMatchObject([{ id: body.id, status: 'succeeded' }]);
    expect(list.items[0]).not.toHaveProperty('result');
  });

  test('nothing was known at the cut-offs of what was told today: refused with the reason of each', async () => {
    const platform = await createPlatform();
    platform.orders(BUYERS);
    const { body } = await ask(platform, 'POST', '/api/jobs/backtest', { horizon_days: 30, cutoffs: 1 });
    await events(await platform.as('ml-engineer', 'GET', `/api/jobs/${body.id}/events`));
    const { body: job } = await ask(platform, 'GET', `/api/jobs/${body.id}`);
    expect(job.failure).toEqual({
      reason: 'refused',
      message: expect.stringMatching(/^2025-\d\d-\d\d: no customer .* known by then$/),
    });
  });

  test('what these data cannot answer is a job refused, with what to do', async () => {
    const platform = await createPlatform();
    platform.orders(BUYERS);
    const { body } = await ask(platform, 'POST', '/api/jobs/backtest', { horizon_days: 3000 });
    await events(await platform.as('ml-engineer', 'GET', `/api/jobs/${body.id}/events`));
    const { body: job } = await ask(platform, 'GET', `/api/jobs/${body.id}`);
    expect(job).toMatchObject({ status: 'failed', failure: { reason: 'refused' } });
    expect(job.failure.message).toMatch(/horizon of 3000 days is longer than the data allow: .* \d+ days at most/);
    const { body: churn } = await ask(platform, 'POST', '/api/jobs/backtest', {
      model: 'churn',
      definition: 'contractual',
    });
    await events(await platform.as('ml-engineer', 'GET', `/api/jobs/${churn.id}/events`));
    expect((await ask(platform, 'GET', `/api/jobs/${churn.id}`)).body.failure.message).toContain(
      'no contractual definition of churn',
    );
  });

  test.each([
    [{}, '/horizon_days'],
    [{ horizon_days: 0 }, '/horizon_days'],
    [{ horizon_days: 30, cutoffs: 2, at: ['2025-05-01'] }, '/at'],
    [{ horizon_days: 30, at: ['2025-02-30'] }, '/at/0'],
    [{ horizon_days: 30, model: 'oracle' }, '/model'],
    [{ horizon_days: 30, more: 1 }, '/'],
  ])('%j is refused at %s before there is a job', async (body, pointer) => {
    const platform = await createPlatform();
    const { response, body: problem } = await ask(platform, 'POST', '/api/jobs/backtest', body);
    expect(response.status).toBe(400);
    expect(problem.errors[0].pointer).toBe(pointer);
    expect((await ask(platform, 'GET', '/api/jobs')).body.items).toEqual([]);
  });
});

describe('any kind', () => {
  test('the same key and body is the same job, another body is refused', async () => {
    const platform = await createPlatform({ kinds: [slow()] });
    const authorization = { authorization: `Bearer ${await platform.key('ml-engineer')}` };
    const post = (body: object, key: string) =>
      platform.as('nobody', 'POST', '/api/jobs/backtest', body, { ...authorization, 'idempotency-key': key });
    const first = await post({ horizon_days: 30 }, 'key-0001');
    const again = await post({ horizon_days: 30, model: 'clv' }, 'key-0001');
    expect([first.status, again.status]).toEqual([202, 202]);
    expect(again.headers.get('location')).toBe(first.headers.get('location'));
    expect([first, again].map((each) => each.headers.get('idempotent-replayed'))).toEqual([null, 'true']);
    const other = await post({ horizon_days: 31 }, 'key-0001');
    expect(other.status).toBe(422);
    expect(await other.json()).toMatchObject({ reason: 'idempotency-key-reused' });
    const short = await post({ horizon_days: 31 }, 'short');
    expect([short.status, (await short.json()).detail]).toEqual([
      400,
      'idempotency-key: an idempotency key has 8 to 200 characters',
    ]);
  });

  test('is cancelled, and asked for again', async () => {
    const kind = slow();
    const platform = await createPlatform({ kinds: [kind] });
    const { body } = await ask(platform, 'POST', '/api/jobs/slow', {});
    const cancelled = await ask(platform, 'POST', `/api/jobs/${body.id}/cancel`, {});
    expect(cancelled.body).toMatchObject({ status: 'cancelled' });
    kind.end();
    const again = await ask(platform, 'POST', `/api/jobs/${body.id}/retry`, {});
    expect(again.response.status).toBe(202);
    const seen = await events(await platform.as('ml-engineer', 'GET', `/api/jobs/${body.id}/events`));
    expect(seen.at(-1)).toMatchObject({ status: 'succeeded' });
    const late = await ask(platform, 'POST', `/api/jobs/${body.id}/cancel`, {});
    expect([late.response.status, late.body.reason]).toEqual([409, 'job-ended']);
    expect((await ask(platform, 'POST', `/api/jobs/${body.id}/retry`, {})).response.status).toBe(409);
  });

  test('is asked for again from a step on; another name is refused with those that may be given, also by curl without a body', async () => {
    const done: string[] = [];
    let broken = true;
    const stepped: JobOfKind = {
      ...slow(),
      name: 'stepped',
      steps: ['look', 'build', 'learn'],
      async run(job) {
        for (const step of this.steps!) {
          if (job.steps.has(step)) continue;
          if (step === 'learn' && broken) throw new Error('it broke');
          done.push(step);
          await job.finishStep(step, done.length);
        }
        return ok({ done: true });
      },
    };
    const platform = await createPlatform({ kinds: [stepped] });
    const { body } = await ask(platform, 'POST', '/api/jobs/stepped', {});
    const retry = (wanted?: unknown) => ask(platform, 'POST', `/api/jobs/${body.id}/retry`, wanted);
    const last = async () =>
      (await events(await platform.as('ml-engineer', 'GET', `/api/jobs/${body.id}/events`))).at(-1);
    const may = ['look', 'build', 'learn'];
    expect(await last()).toMatchObject({ status: 'failed', steps: ['look', 'build'], retry_from: may });
    for (const from of ['teach', 'generate_events']) {
      const refused = await retry({ from });
      expect(refused.response.status).toBe(422);
      expect(refused.body).toMatchObject({
        reason: 'unknown-step',
        detail: `a job of kind stepped has no step ${from}; this one may be retried from look, build, learn`,
        retry_from: may,
      });
    }
    expect((await retry({ form: 'build' })).response.status).toBe(400);
    expect((await retry({ from: 'build' })).response.status).toBe(202);
    expect(await last()).toMatchObject({ attempt: 2, steps: ['look', 'build'] });
    expect((await retry()).response.status).toBe(202);
    expect(await last()).toMatchObject({ attempt: 3, attempts: [{ steps: [{ step: 'look' }] }, {}, { steps: [] }] });
    broken = false;
    expect((await retry({ from: 'look' })).response.status).toBe(202);
    expect(await last()).toMatchObject({ status: 'succeeded', retry_from: [] });
    expect(done).toEqual(['look', 'build', 'build', 'look', 'build', 'learn']);
    // Others have no steps to name.
    const plain = await ask(platform, 'POST', '/api/jobs/backtest', { horizon_days: 3000 });
    expect(await events(await platform.as('ml-engineer', 'GET', `/api/jobs/${plain.body.id}/events`))).not.toEqual([]);
    const none = await ask(platform, 'POST', `/api/jobs/${plain.body.id}/retry`, { from: 'position' });
    expect([none.response.status, none.body.detail]).toEqual([422, expect.stringContaining('no steps to name')]);
  });

  test('is listed by kind and state, with how many there are, and its times by attempt', async () => {
    const kind = slow();
    const platform = await createPlatform({ kinds: [kind] });
    const asked = [];
    for (let i = 0; i < 3; i++) asked.push((await ask(platform, 'POST', '/api/jobs/slow', {})).body.id);
    await ask(platform, 'POST', `/api/jobs/${asked[0]}/cancel`, {});
    kind.end();
    await events(await platform.as('ml-engineer', 'GET', `/api/jobs/${asked[2]}/events`));
    const { body } = await ask(platform, 'GET', '/api/jobs?status=succeeded&limit=1');
    expect(body).toMatchObject({ items: [{ id: asked[2], status: 'succeeded' }], total: 2 });
    expect(body.kinds).toEqual(expect.arrayContaining(['slow', 'backtest', 'train', 'score']));
    const [row] = body.items;
    expect(row).toMatchObject({ steps_finished: 0 });
    // What grows with a job is of the job alone.
    for (const grows of ['attempts', 'steps', 'log', 'result']) expect(row).not.toHaveProperty(grows);
    const { body: job } = await ask(platform, 'GET', `/api/jobs/${row.id}`);
    expect(job.attempts).toEqual([{ attempt: 1, started_at: job.started_at, ended_at: job.ended_at, steps: [] }]);
    expect((await ask(platform, 'GET', '/api/jobs?status=lost')).response.status).toBe(400);
  });

  test('is told on the console’s stream to whom may read jobs, and to nobody else', async () => {
    const kind = slow();
    const platform = await createPlatform({ kinds: [kind], demo: true });
    const [reads, visits] = await Promise.all([
      platform.as('analyst', 'GET', '/api/stream'),
      platform.app.request('/api/stream'),
    ]);
    const told = (response: Response) => response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const [reader, visitor] = [told(reads), told(visits)];
    const { body } = await ask(platform, 'POST', '/api/jobs/slow', {});
    kind.end();
    let heard = '';
    while (!heard.includes('"status":"succeeded"')) heard += (await reader.read()).value;
    const last = /event: job\ndata: (.*succeeded.*)/.exec(heard)![1]!;
    expect(JSON.parse(last)).toMatchObject({ id: body.id, kind: 'slow', status: 'succeeded' });
    platform.orders([{ customer: 'x', day: '2026-05-01', amount: 1 }]);
    let seen = '';
    while (!seen.includes('"orders":1')) seen += (await visitor.read()).value;
    expect(seen).not.toContain('event: job');
    await Promise.all([reader.cancel(), visitor.cancel()]);
  });

  test('an analyst sees jobs and asks for none; nobody sees what is not there', async () => {
    const platform = await createPlatform();
    expect((await platform.as('analyst', 'GET', '/api/jobs')).status).toBe(200);
    expect((await platform.as('analyst', 'POST', '/api/jobs/backtest', { horizon_days: 30 })).status).toBe(403);
    const missing = await ask(platform, 'GET', `/api/jobs/${'0'.repeat(32)}`);
    expect([missing.response.status, missing.body.reason]).toEqual([404, 'not-found']);
    expect((await ask(platform, 'GET', '/api/jobs/something')).response.status).toBe(400);
  });
});
