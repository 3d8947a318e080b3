// Planned jobs over HTTP: made, listed, changed, run; what cannot be is refused by its field.
import { describe, expect, test } from 'vitest';
import { CDNOW_COVARIANCE } from './support/cdnow-model.ts';
import { createPlatform, type Platform } from './support/platform.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers are compared field by field.
type Answer = any;
const NIGHTLY = { cron: '0 3 * * *', zone: 'Europe/Sofia', kind: 'score', params: { quantiles: false } };
const ask = async (platform: Platform, method: string, path: string, body?: unknown, role = 'admin') => {
  const response = await platform.as(role as 'admin', method, path, body);
  return { status: response.status, body: (await response.json()) as Answer };
};
async function shop(): Promise<Platform> {
  const platform = await createPlatform();
  await platform.deployCdnow(CDNOW_COVARIANCE);
  platform.orders([{ customer: 'c1', day: '2026-01-01', amount: 10 }]);
  return platform;
}

test('made, shown with its next runs, paused, resumed, run at once, removed', async () => {
  const platform = await shop();
  const made = await ask(platform, 'POST', '/api/schedules', NIGHTLY);
  expect([made.status, made.body], JSON.stringify(made.body)).toMatchObject([
    201,
    { cron: '0 3 * * *', zone: 'Europe/Sofia', kind: 'score', status: 'active', last: null },
  ]);
  // As a job would be asked with, defaults said.
  expect(made.body.params).toMatchObject({ quantiles: false, format: 'csv', discount_monthly: 0.01 });
  expect(made.body.next).toHaveLength(5);
  expect(new Date(made.body.next[0]).toLocaleTimeString('en-GB', { timeZone: 'Europe/Sofia' })).toBe('03:00:00');
  const path = `/api/schedules/${made.body.id}`;
  expect((await ask(platform, 'GET', '/api/schedules')).body.items).toEqual([made.body]);
  expect((await ask(platform, 'POST', `${path}/pause`, {})).body).toMatchObject({ status: 'paused', next: [] });
  expect((await ask(platform, 'POST', `${path}/resume`, {})).body).toMatchObject({ status: 'active' });
  const run = await ask(platform, 'POST', `${path}/run`, {});
  expect([run.status, run.body]).toMatchObject([202, { kind: 'score', params: { quantiles: false } }]);
  await (await platform.as('admin', 'GET', `/api/jobs/${run.body.id}/events`)).text();
  expect((await ask(platform, 'GET', `/api/jobs/${run.body.id}`)).body.status).toBe('succeeded');
  expect((await ask(platform, 'DELETE', path)).body).toMatchObject({ status: 'removed', next: [] });
  expect((await ask(platform, 'GET', path)).status).toBe(404);
  expect((await ask(platform, 'GET', '/api/schedules')).body.items).toEqual([]);
});

test.each([
  [{ ...NIGHTLY, cron: '0 3 * *' }, '/cron'],
  [{ ...NIGHTLY, zone: 'Mars/Olympus' }, '/zone'],
  [{ ...NIGHTLY, kind: 'dance' }, '/kind'],
  [{ ...NIGHTLY, params: { format: 'xlsx' } }, '/params/format'],
  [{ ...NIGHTLY, params: { dry_run: true } }, '/params/dry_run'],
])('%o is refused at %s, and nothing is planned', async (body, pointer) => {
  const platform = await createPlatform();
  const { status, body: problem } = await ask(platform, 'POST', '/api/schedules', body);
  expect([status, problem.errors?.[0]?.pointer], JSON.stringify(problem)).toEqual([400, pointer]);
  expect((await ask(platform, 'GET', '/api/schedules')).body.items).toEqual([]);
});

test('when a plan would run is said without making it, by the same rules', async () => {
  const platform = await shop();
  const { body: made } = await ask(platform, 'POST', '/api/schedules', NIGHTLY);
  const nextOf = (cron: string, zone: string) =>
    ask(platform, 'GET', `/api/schedules/next?${new URLSearchParams({ cron, zone })}`, undefined, 'analyst');
  expect((await nextOf(NIGHTLY.cron, NIGHTLY.zone)).body.next).toEqual(made.next);
  for (const [cron, zone, pointer] of [
    ['0 3 * *', 'UTC', '/cron'],
    ['0 3 * * *', 'Mars/Olympus', '/zone'],
  ] as const) {
    const { status, body } = await nextOf(cron, zone);
    expect([status, body.errors[0].pointer]).toEqual([400, pointer]);
  }
  expect((await ask(platform, 'GET', '/api/schedules')).body.items).toHaveLength(1);
});

test('only who may ask for the job may plan it or change the plan', async () => {
  const platform = await shop();
  const { body } = await ask(platform, 'POST', '/api/schedules', { ...NIGHTLY, params: { identified: true } });
  const train = { ...NIGHTLY, kind: 'train', params: { kind: 'clv', deploy: true } };
  expect((await ask(platform, 'POST', '/api/schedules', train, 'analyst')).status).toBe(403);
  expect((await ask(platform, 'POST', '/api/schedules', train, 'ml-engineer')).status).toBe(201);
  for (const [method, path] of [
    ['POST', `/api/schedules/${body.id}/pause`],
    ['POST', `/api/schedules/${body.id}/run`],
    ['DELETE', `/api/schedules/${body.id}`],
  ] as const)
    expect((await ask(platform, method, path, method === 'DELETE' ? undefined : {}, 'ml-engineer')).status).toBe(403);
});

test('of a kind that this program does not know: shown, not run or resumed, but paused and removed', async () => {
  const platform = await shop();
  const made = await platform.deps.schedules.create({ ...NIGHTLY, kind: 'dance' }, 'key-1');
  if (!made.ok) throw new Error(made.reason.message);
  const path = `/api/schedules/${made.value.id}`;
  expect((await ask(platform, 'GET', path)).body).toMatchObject({ kind: 'dance', status: 'active' });
  expect((await ask(platform, 'POST', `${path}/run`, {})).status).toBe(400);
  expect((await ask(platform, 'POST', `${path}/pause`, {})).body).toMatchObject({ status: 'paused' });
  expect((await ask(platform, 'POST', `${path}/resume`, {})).status).toBe(400);
  expect((await ask(platform, 'DELETE', path)).body).toMatchObject({ status: 'removed' });
});

describe('a schedule that outlives the rights of its maker', () => {
  const DAY_MS = 86_400_000;
  async function planned(role: 'admin' | 'ml-engineer', params: object, days?: number) {
    const platform = await shop();
    const made = await ask(platform, 'POST', '/api/keys', {
      role,
      ...(days !== undefined && { expires: `${days}d` }),
    });
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    const schedule = await platform.deps.schedules.create(
      { cron: '0 3 * * *', zone: 'UTC', kind: 'score', params: { quantiles: false, ...params } },
      `key:${made.body.id}`,
    );
    if (!schedule.ok) throw new Error(schedule.reason.message);
    const next = async () => {
      platform.clock.now += DAY_MS;
      await platform.lookAtPlans();
      return (await ask(platform, 'GET', `/api/schedules/${schedule.value.id}`)).body;
    };
    return { platform, key: made.body.id as string, id: schedule.value.id, next };
  }

  test('revoked: paused, and it says why; resumed it runs with the rights of who resumed it', async () => {
    const { platform, key, id, next } = await planned('ml-engineer', {});
    expect(await next()).toMatchObject({ status: 'active', runs_for: `key:${key}`, last: { refused: null } });
    expect((await platform.as('admin', 'DELETE', `/api/keys/${key}`)).status).toBeLessThan(300);
    expect(await next()).toMatchObject({
      status: 'paused',
      paused_because: expect.stringMatching(/revoked.*resumes it/),
    });
    const resumed = await ask(platform, 'POST', `/api/schedules/${id}/resume`, {});
    expect(resumed.body).toMatchObject({ status: 'active', paused_because: null, created_by: `key:${key}` });
    expect(await next()).toMatchObject({ status: 'active', runs_for: resumed.body.runs_for });
  });

  test('expired, or of a role that may not: the same', async () => {
    const expired = await planned('admin', {}, 2);
    expect(await expired.next()).toMatchObject({ status: 'active' });
    expect(await expired.next()).toMatchObject({ paused_because: expect.stringContaining('expired') });
    const lesser = await planned('ml-engineer', { identified: true });
    expect(await lesser.next()).toMatchObject({
      paused_because: expect.stringMatching(/role ml-engineer .* has no customer:read-identified/),
    });
  });
});
