// The check of a set of features as a job: one question however often it is taken up, and none about a day that has not come.
import { expect, test } from 'vitest';
import { NOW } from './support/memory-log.ts';
import { createPlatform, type Platform } from './support/platform.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers are compared field by field.
type Answer = any;
const ask = async (platform: Platform, method: string, path: string, body?: unknown): Promise<Answer> =>
  await (await platform.as('ml-engineer', method, path, body)).json();
async function ended(platform: Platform, body: object): Promise<Answer> {
  const { id } = await ask(platform, 'POST', '/api/jobs/check-features', body);
  await (await platform.as('ml-engineer', 'GET', `/api/jobs/${id}/events`)).text();
  return await ask(platform, 'GET', `/api/jobs/${id}`);
}
const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
async function shop(): Promise<Platform> {
  const platform = await createPlatform();
  platform.orders(
    Array.from({ length: 30 }, (_, i) => ({ customer: `c${i}`, day: dayOf(NOW - (40 + i) * 86_400_000), amount: 10 })),
  );
  return platform;
}

test('its position is kept as its first step, and the report is of it', async () => {
  const platform = await shop();
  const job = await ended(platform, {});
  expect(job).toMatchObject({ status: 'succeeded', steps: ['position'] });
  expect(job.result).toMatchObject({ customers: 30, asOf: { seq: 1, at: dayOf(NOW - 40 * 86_400_000) } });
});

test('today by the wall is taken, tomorrow is refused with the last day there is', async () => {
  const platform = await shop();
  expect(await ended(platform, { as_of: dayOf(NOW) })).toMatchObject({ status: 'succeeded' });
  expect(await ended(platform, { as_of: dayOf(NOW + 86_400_000) })).toMatchObject({
    status: 'failed',
    failure: { reason: 'refused', code: 'as-of-future', message: expect.stringContaining(`at most ${dayOf(NOW)}`) },
  });
});
