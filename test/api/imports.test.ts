// An import over HTTP, step by step and every step twice: the summary is the fold's verdict and reconciles to the line.
import { pack } from 'msgpackr';
import { expect, test } from 'vitest';
import { inputEvent } from './support/memory-log.ts';
import { createPlatform } from './support/platform.ts';

const digest = 'ab'.repeat(32);
const start = { run: 'run-00000001', source: 'shop', digest };

test('start, append, quarantine, finish; repeated steps change nothing', async () => {
  const platform = await createPlatform();
  const key = await platform.key('data-engineer');
  const bytes = async (path: string, body: Uint8Array) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/msgpack' };
    const response = await platform.app.request(path, { method: 'POST', headers, body: new Uint8Array(body) });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const json = async (path: string, body: unknown) => {
    const response = await platform.as('data-engineer', 'POST', path, body);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const order = (customer: string, orderId: string, minor: number, lines = 1) =>
    inputEvent({ customerId: customer, orderId, minor, lines, at: Date.parse('2025-05-01') });

  expect(await json('/api/imports', start)).toMatchObject({ status: 200, body: { resumed: false } });
  const position = platform.position();
  expect(await json('/api/imports', start)).toMatchObject({ status: 200, body: { resumed: true } });
  expect(platform.position()).toBe(position);
  expect((await json('/api/imports', { ...start, source: 'other' })).status).toBe(409);

  const events = pack([
    order('a', 'o1', 1000, 3),
    order('b', 'o2', 250),
    order('a', 'o1', 1000, 3),
    order('a', 'o2x', 5),
    order('refused', 'o9', 1, 2),
  ]);
  const first = await bytes(`/api/imports/${start.run}/events?batch=0`, events);
  expect(first.body).toMatchObject({ appended: 4, rejected: [{ index: 4, reason: 'erased' }] });
  const stored = platform.position();
  expect(await bytes(`/api/imports/${start.run}/events?batch=0`, events)).toEqual(first);
  expect(platform.position()).toBe(stored);

  const rows = [
    { rowNumber: 9, reason: 'bad-amount', column: 'amount', detail: 'is not a number', raw: 'x,y', rows: 1 },
    { rowNumber: 10, reason: 'erased', detail: 'erased before', raw: 'refused', rows: 2 },
  ];
  for (let i = 0; i < 2; i++)
    expect((await json(`/api/imports/${start.run}/quarantine?batch=0`, { rows })).body).toEqual({ kept: 2 });
  expect(await (await platform.as('analyst', 'GET', `/api/quarantine?run=${start.run}`)).json()).toMatchObject({
    items: [{ reason: 'bad-amount', row: 9, column: 'amount', rows: 1 }, { reason: 'erased' }],
    reasons: { 'bad-amount': 1, erased: 2 },
  });
  expect(await (await platform.as('analyst', 'GET', '/api/quarantine/1-0')).json()).toMatchObject({ raw: 'x,y' });
  // Of an erased person nothing is kept anew.
  expect(await (await platform.as('analyst', 'GET', '/api/quarantine/1-1')).json()).toMatchObject({ raw: '' });
  for (const reason of ['conflict', 'resolved', 'No Such Reason'])
    expect(
      await json(`/api/imports/${start.run}/quarantine`, { rows: [{ ...rows[0], reason }] }),
      reason,
    ).toMatchObject({ status: 400, body: { errors: [{ pointer: '/rows/0/reason' }] } });

  const told = { rows: 11, events: 4, quarantinedRows: 3 };
  const summary = await json(`/api/imports/${start.run}/finish`, told);
  expect(summary.body).toMatchObject({
    run: start.run,
    accepted: 5,
    duplicates: 3,
    quarantined: 3,
    rows: 11,
    customers: 2,
    gross: { EUR: '12.55' },
    refunds: {},
    reasons: { 'bad-amount': 1, erased: 2 },
    asOf: { seq: platform.position() },
  });
  const end = platform.position();
  expect(await json(`/api/imports/${start.run}/finish`, told)).toEqual(summary);
  expect(platform.position()).toBe(end);
});

test('an import whose last day stands alone says so', async () => {
  const platform = await createPlatform();
  platform.orders([
    { customer: 'a', day: '2025-01-01', amount: 1 },
    { customer: 'a', day: '2026-01-01', amount: 1 },
  ]);
  await platform.as('data-engineer', 'POST', '/api/imports', start);
  const told = { rows: 0, events: 0, quarantinedRows: 0 };
  const finished = await platform.as('data-engineer', 'POST', `/api/imports/${start.run}/finish`, told);
  expect(await finished.json()).toMatchObject({ warnings: [expect.stringMatching(/2026-01-01.*365 days/)] });
});

test('what earlier attempts at a file left refused is settled by a run that has read it whole, and by no other', async () => {
  const platform = await createPlatform();
  const file = 'cd'.repeat(32);
  const settled: string[] = [];
  platform.deps.quarantine.settle = async (attempt) => {
    settled.push(`${attempt.source} ${attempt.file} ${attempt.run}`);
    return 4;
  };
  const attempt = async (run: string, read: number, told: number) => {
    const post = async (path: string, body: unknown) =>
      (await platform.as('data-engineer', 'POST', path, body)).json() as Promise<Record<string, unknown>>;
    await post('/api/imports', { ...start, run, file });
    const row = { rowNumber: 2, reason: 'bad-amount', detail: 'is not a number', raw: 'x,y', rows: read };
    if (read > 0) await post(`/api/imports/${run}/quarantine?batch=0`, { rows: [row] });
    const summary = await post(`/api/imports/${run}/finish`, { rows: told, events: 0, quarantinedRows: read });
    return summary.settled;
  };
  expect(await attempt('run-without-rows', 0, 0)).toBe(0);
  expect(await attempt('run-that-only-says-so', 0, 5)).toBe(0);
  expect(await attempt('run-of-some-rows', 3, 5)).toBe(0);
  expect(await attempt('run-of-all-rows', 5, 5)).toBe(4);
  expect(settled).toEqual([`shop ${file} run-of-all-rows`]);
});

test('a run nobody started, a run name that is no name, a batch that is no msgpack', async () => {
  const platform = await createPlatform();
  expect(
    (
      await platform.as('data-engineer', 'POST', '/api/imports/run-unknown/finish', {
        rows: 0,
        events: 0,
        quarantinedRows: 0,
      })
    ).status,
  ).toBe(404);
  const bad = await platform.as('data-engineer', 'POST', '/api/imports', { ...start, run: '../x' });
  expect(bad.status).toBe(400);
  expect(await bad.json()).toMatchObject({ errors: [{ pointer: '/run' }] });
});
