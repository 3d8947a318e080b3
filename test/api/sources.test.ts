// Sources by the API: credentials are made once, made anew only when that is asked for, and nothing that was settled changes silently.
import { beforeEach, expect, test } from 'vitest';
import { createPlatform, type Platform } from './support/platform.ts';

let platform: Platform;
beforeEach(async () => {
  platform = await createPlatform();
});
async function add(body: object) {
  const response = await platform.as('data-engineer', 'POST', '/api/data-sources', body);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test('the first time makes credentials, the second none and says so, rotate makes new ones', async () => {
  const first = await add({ name: 'till' });
  expect(first).toMatchObject({ status: 201, body: { coverage: 'complete', nats: { creds: 'seed 1' }, note: null } });
  expect(await add({ name: 'till' })).toEqual({
    status: 200,
    body: {
      source: 'till',
      writeKey: null,
      nats: null,
      coverage: 'complete',
      note: expect.stringMatching(/already.*shown once.*rotate/),
    },
  });
  const rotated = await add({ name: 'till', rotate: true });
  expect(rotated).toMatchObject({
    status: 201,
    body: { nats: { creds: 'seed 2' }, note: expect.stringContaining('seed') },
  });
  expect(rotated.body.writeKey).not.toBe(first.body.writeKey);
  for (const { body } of [first, rotated])
    expect(await platform.access.sourceOfWriteKey(String(body.writeKey))).toBe('till');
});

test('what was settled when it was added is not changed by adding it again', async () => {
  await add({ name: 'till', coverage: '2024-01-01' });
  expect(await add({ name: 'till', coverage: '2024-01-01' })).toMatchObject({ status: 200 });
  for (const body of [
    { coverage: 'complete' },
    { burn_in_days: 3 },
    { coverage: 'complete', rotate: true },
    { orders_as: 'shop' },
  ])
    expect(await add({ name: 'till', ...body })).toMatchObject({
      status: 409,
      body: { reason: 'conflict', detail: expect.stringContaining('source till is there already') },
    });
});

test('what a source holds of the past is changed by itself; a wrong day, nothing at all, or nobody’s source is refused', async () => {
  const set = async (name: string, body: object) => {
    const response = await platform.as('data-engineer', 'PATCH', `/api/data-sources/${name}`, body);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  await add({ name: 'till' });
  expect(await set('till', { coverage: '2024-01-01' })).toMatchObject({
    status: 200,
    body: { name: 'till', coverage: '2024-01-01', burn_in_days: 180 },
  });
  expect(await set('till', { burn_in_days: 30 })).toMatchObject({
    body: { coverage: '2024-01-01', burn_in_days: 30 },
  });
  const list = await platform.as('analyst', 'GET', '/api/data-sources');
  expect(await list.json()).toMatchObject({ items: [{}, { name: 'till', burn_in_days: 30 }] });
  for (const body of [{}, { coverage: '2024-02-30' }, { burn_in_days: -1 }, { burn_in_days: 4000 }, { zone: 'UTC' }])
    expect(await set('till', body), JSON.stringify(body)).toMatchObject({ status: 400 });
  expect(await set('nobody', { burn_in_days: 30 })).toMatchObject({
    status: 404,
    body: { detail: expect.stringContaining('no source nobody') },
  });
  const denied = await platform.as('analyst', 'PATCH', '/api/data-sources/till', { burn_in_days: 30 });
  expect(denied.status).toBe(403);
});

test('a revoked write key is refused at once, also where it was known good a moment ago; a new one is taken', async () => {
  const { body } = await add({ name: 'till' });
  const send = (writeKey: unknown) =>
    platform.as(
      'nobody',
      'POST',
      '/v1/track',
      { userId: 'c-1', event: 'seen', messageId: crypto.randomUUID() },
      { authorization: `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}` },
    );
  expect((await send(body.writeKey)).status).toBe(200);
  const revoked = await platform.as('data-engineer', 'POST', '/api/data-sources/till/revoke');
  expect([revoked.status, await revoked.json()]).toEqual([200, { source: 'till', writeKeys: 1, nats: true }]);
  const refused = await send(body.writeKey);
  expect([refused.status, await refused.json()]).toEqual([
    401,
    expect.objectContaining({ reason: 'bad-credential', detail: expect.stringContaining('revoked') }),
  ]);
  const rotated = await add({ name: 'till', rotate: true });
  expect((await send(rotated.body.writeKey)).status).toBe(200);
  expect((await platform.as('data-engineer', 'POST', '/api/data-sources/nobody/revoke')).status).toBe(404);
  expect((await platform.as('analyst', 'POST', '/api/data-sources/till/revoke')).status).toBe(403);
});
