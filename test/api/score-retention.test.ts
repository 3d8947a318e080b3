// What is kept of scorings when they are asked for night after night: the newest files, and all that was found.
import { readdirSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JobSummary, JobView } from '#api/job-deps.ts';
import { outlived, spentSteps } from '#ops/jobs/score-retention.ts';
import { createMemoryObjects } from '#test/support/memory-objects.ts';
import { createPlatform } from './support/platform.ts';

const DAY = 86_400_000;
const NOW = 1_000 * DAY;
const job = (fields: Partial<JobView>): JobView => ({
  id: 'j',
  kind: 'score',
  by: 'schedule:a',
  params: { format: 'csv', dry_run: false },
  status: 'succeeded',
  attempt: 1,
  tries: 1,
  stepsFinished: fields.steps?.length ?? 0,
  attempts: [],
  steps: [],
  retryFrom: [],
  result: null,
  failure: null,
  requestedAt: NOW,
  startedAt: NOW,
  endedAt: NOW,
  progress: null,
  lines: [],
  ...fields,
});
const ids = (jobs: readonly JobSummary[]) => jobs.map(({ id }) => id);

test('each asker keeps the newest, no longer than so many days, and the very newest however old it is', () => {
  const nightly = Array.from({ length: 6 }, (_, i) => job({ id: `night ${i}`, requestedAt: NOW - i * DAY }));
  const monthly = [1, 31, 61].map((days) =>
    job({ id: `month ${days}`, by: 'schedule:b', requestedAt: NOW - days * DAY }),
  );
  const yearly = [300, 600].map((days) => job({ id: `year ${days}`, by: 'user:1', requestedAt: NOW - days * DAY }));
  const others = [
    job({ id: 'evaluated', kind: 'evaluate', requestedAt: 0 }),
    job({ id: 'dry', params: { dry_run: true }, requestedAt: 0 }),
    job({ id: 'waits', status: 'queued', requestedAt: 0 }),
    job({ id: 'failed lately', status: 'failed', requestedAt: NOW - DAY }),
    job({ id: 'failed', status: 'failed', requestedAt: NOW - 31 * DAY }),
  ];
  const gone = outlived([...nightly, ...monthly, ...yearly, ...others], { files: 4, days: 30 }, NOW);
  expect(ids(gone)).toEqual(['night 4', 'night 5', 'month 31', 'month 61', 'year 600', 'failed']);
  // The one that runs has its file already.
  const running = [job({ id: 'runs', status: 'running' }), ...nightly];
  expect(ids(outlived(running, { files: 4, days: 30 }, NOW))).toEqual(['night 3', 'night 4', 'night 5']);
});

test('steps go of scorings that are done, unless anything else of a job refers to the same bytes', () => {
  const step = (output: string) => ({ step: output, output, attempt: 1, at: 0 });
  const digest = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
  const any = fc.record({
    kind: fc.constantFrom('score', 'train'),
    status: fc.constantFrom('succeeded' as const, 'failed' as const, 'running' as const),
    steps: fc.array(digest.map(step), { maxLength: 3 }),
    result: fc.option(digest),
  });
  fc.assert(
    fc.property(fc.array(any, { maxLength: 5 }), (fields) => {
      const jobs = fields.map(job);
      const spent = spentSteps(
        jobs.flatMap(({ result }) => result ?? []),
        jobs.filter(({ kind }) => kind === 'score'),
      );
      for (const name of 'abcdef') {
        // A step of another kind of job never has the bytes of a scoring's.
        const holders = jobs.filter(
          ({ kind, steps }) => kind === 'score' && steps.some(({ output }) => output === name),
        );
        const needed =
          jobs.some(({ result }) => result === name) || holders.some(({ status }) => status !== 'succeeded');
        expect(spent.has(name), name).toBe(holders.length > 0 && !needed);
      }
    }),
  );
});

test('the third file of two goes, here and in the object store; what it found stays and is compared with', async () => {
  const objects = createMemoryObjects();
  const platform = await createPlatform({ retention: { files: 2, days: 30 }, objects });
  await platform.deployCdnow();
  platform.orders([{ customer: 'c1', day: '2026-01-01', amount: 10 }]);
  // One asker: a role has another key at each request.
  const key = await platform.key('admin');
  const send = (method: string, path: string, body?: unknown) =>
    platform.app.request(path, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  const answer = async (method: string, path: string, body?: unknown) => {
    const response = await send(method, path, body);
    return { status: response.status, body: await response.json() };
  };
  const scored = async (body: object) => {
    const { body: asked } = await answer('POST', '/api/jobs/score', body);
    await (await send('GET', `/api/jobs/${asked.id}/events`)).text();
    const { body: ended } = await answer('GET', `/api/jobs/${asked.id}`);
    expect(ended.status, JSON.stringify(ended.failure)).toBe('succeeded');
    return ended;
  };
  const first = await scored({});
  const steps = platform.results.size;
  const second = await scored({ format: 'parquet' });
  const third = await scored({ delta_against: 'previous' });
  const names = [`scores-${second.id}.ndjson.gz`, `scores-${third.id}.csv.gz`].sort();
  expect(readdirSync(platform.exportsFolder).sort()).toEqual(names);
  expect([...objects.stored.keys()].sort()).toEqual(names.map((name) => `exports/${name}`));
  const file = await answer('GET', `/api/jobs/${first.id}/result`);
  expect([file.status, file.body.detail]).toEqual([404, expect.stringContaining('no longer in the folder exports')]);
  expect((await answer('GET', `/api/jobs/${first.id}`)).body).toEqual(first);
  expect((await scored({ delta_against: first.id })).result.delta.against.job).toBe(first.id);
  // Four results, and the steps of the last alone.
  expect(platform.results.size).toBe(steps + 3);
});
