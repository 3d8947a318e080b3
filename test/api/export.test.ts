// What an export says of itself and of whom: over rows in memory; the tables themselves are read in test/e2e/score.test.ts.
import { afterEach, expect, test, vi } from 'vitest';
import { createPlatform, type Platform } from './support/platform.ts';

afterEach(() => {
  vi.useRealTimers();
});
const buyers = (platform: Platform) =>
  platform.orders(['a,"1"', '=b', 'c'].map((customer) => ({ customer, day: '2026-05-01', amount: 10 })));
const get = (platform: Platform, query: string) => platform.as('analyst', 'GET', `/api/export?${query}`);

test('how many rows and up to where is told first; names only where they are asked for, disarmed in CSV', async () => {
  const platform = await createPlatform();
  buyers(platform);
  const named = await get(platform, 'table=customers&identified=true');
  expect([named.status, named.headers.get('content-type')]).toEqual([200, 'text/csv; charset=utf-8']);
  expect([named.headers.get('x-axiom47-rows'), named.headers.get('x-axiom47-seq')]).toEqual([
    '3',
    String(platform.position()),
  ]);
  expect((await named.text()).split('\n').sort()).toEqual(['', '"a,""1""",2', "'=b,2", 'c,2', 'customer_id,orders']);
  const masked = (await (await get(platform, 'table=customers&format=ndjson')).text()).trimEnd().split('\n');
  expect(masked.map((line) => JSON.parse(line)).every(({ ref }) => /^sid:[0-9a-f]{32}$/.test(ref))).toBe(true);
  expect(masked.map((line) => JSON.parse(line).orders)).toEqual([2, 2, 2]);
  const file = await get(platform, 'table=customers&format=parquet');
  expect(file.headers.get('content-disposition')).toBe('attachment; filename="customers.parquet"');
  expect(
    Buffer.from(await file.arrayBuffer())
      .subarray(0, 4)
      .toString(),
  ).toBe('PAR1');
});

test('whoever was erased while the rows were read is not in the file', async () => {
  const platform = await createPlatform();
  buyers(platform);
  const erased = platform.refOf('c');
  const { open } = platform.deps.exports;
  platform.deps.exports.open = async (...asked) => {
    const opened = await open(...asked);
    await platform.as('admin', 'POST', '/api/erasures', { customer_id: 'c' });
    return opened;
  };
  const text = await (await get(platform, 'table=customers')).text();
  expect([text.split('\n').length, text.includes(erased)]).toEqual([1 + 2 + 1, false]);
});

test('HEAD is told what GET would be, and keeps nothing open', async () => {
  const platform = await createPlatform();
  buyers(platform);
  const { open } = platform.deps.exports;
  const held = new Set<object>();
  platform.deps.exports.open = async (...asked) => {
    const opened = await open(...asked);
    held.add(opened);
    const close = opened[Symbol.asyncDispose].bind(opened);
    return Object.assign(opened, {
      [Symbol.asyncDispose]: async () => {
        held.delete(opened);
        await close();
      },
    });
  };
  const answer = await platform.as('analyst', 'HEAD', '/api/export?table=customers&format=ndjson');
  expect([answer.status, answer.headers.get('x-axiom47-rows'), answer.headers.get('content-type')]).toEqual([
    200,
    '3',
    'application/x-ndjson; charset=utf-8',
  ]);
  expect([await answer.text(), held.size]).toEqual(['', 0]);
});

test('tables that stay behind the log are no answer', async () => {
  const platform = await createPlatform();
  platform.deps.tables.waitFor = () => new Promise(() => undefined);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const asked = get(platform, 'table=customers');
  await vi.waitFor(() => expect(vi.getTimerCount()).toBeGreaterThan(0));
  await vi.advanceTimersByTimeAsync(15_000);
  const answer = await asked;
  expect([answer.status, await answer.json()]).toEqual([
    503,
    expect.objectContaining({ reason: 'tables-unavailable', detail: expect.stringContaining('ask again') }),
  ]);
});
