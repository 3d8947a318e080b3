// What a late event has changed: both sides by hand from the model's equation, and who counts as late.
import { pack } from 'msgpackr';
import { beforeEach, expect, test } from 'vitest';
import { createLedger } from '#projections/memory/ledger.ts';
import { CDNOW_MODEL } from './support/cdnow-model.ts';
import { inputEvent } from './support/memory-log.ts';
import { createPlatform, type Platform } from './support/platform.ts';

let platform: Platform;
beforeEach(async () => {
  platform = await createPlatform();
  await platform.deployCdnow();
});
const get = async <T>(path: string): Promise<T> => {
  const response = await platform.as('product', 'GET', path);
  expect(response.status).toBe(200);
  return (await response.json()) as T;
};
interface Side {
  seq: number;
  orders: number;
  frequency: number;
  p_alive: number;
  p_churn: number;
  band: string;
  clv_mean: number;
}

/** Fader & Hardie, note 021: P(alive) of (x, t_x, T), in weeks. */
function alive(x: number, recencyDays: number, ageDays: number): number {
  const { r, alpha, a, b } = CDNOW_MODEL.bgNbd!;
  const [tx, T] = [recencyDays / 7, ageDays / 7];
  return x === 0 ? 1 : 1 / (1 + (a / (b + x - 1)) * ((alpha + T) / (alpha + tx)) ** (r + x));
}

test('an order of day 30 that comes on day 40 turns (1, 10, 40) into (2, 30, 40): both are shown, at one moment', async () => {
  platform.orders([
    { customer: 'c-1', day: '2025-01-01', amount: 20 },
    { customer: 'c-1', day: '2025-01-11', amount: 20 },
  ]);
  platform.orders([{ customer: 'c-2', day: '2025-02-10', amount: 20 }]);
  const seq = platform.orders([{ customer: 'c-1', day: '2025-01-31', amount: 20 }]);
  const { items, total } = await get<{ items: object[]; total: number }>('/api/late');
  expect(total).toBe(1);
  const ref = platform.refOf('c-1');
  expect(items[0]).toEqual({
    customer_id: 'c-1',
    ref,
    masked: false,
    seq,
    type: 'order.placed',
    day: '2025-01-31',
    days_late: 10,
  });
  const { at, before, after } = await get<{ at: string; before: Side; after: Side }>(`/api/late/${seq}/${ref}`);
  expect(at).toBe('2025-02-10T00:00:00.000Z');
  expect(before).toMatchObject({ seq: seq - 1, orders: 2, frequency: 1 });
  expect(after).toMatchObject({ seq, orders: 3, frequency: 2 });
  expect(before.p_alive).toBeCloseTo(alive(1, 10, 40), 12);
  expect(after.p_alive).toBeCloseTo(alive(2, 30, 40), 12);
  expect(after.p_churn).toBeLessThan(before.p_churn);
  expect(after.clv_mean).toBeGreaterThan(before.clv_mean);

  // Somebody of whom nothing was known before it.
  const first = platform.orders([{ customer: 'c-3', day: '2025-01-20', amount: 20 }]);
  const new_ = await get<{ before: Side | null; after: Side }>(`/api/late/${first}/${platform.refOf('c-3')}`);
  expect(new_).toMatchObject({ before: null, after: { orders: 1, frequency: 0, p_alive: 1 } });
  expect((await platform.as('product', 'GET', `/api/late/1/${platform.refOf('c-3')}`)).status).toBe(404);
});

test('what is on time, a duplicate or history is not late; a page goes on where the one before ended', async () => {
  const order = { customer: 'c-1', day: '2025-01-05', amount: 20 };
  platform.orders([{ customer: 'c-1', day: '2025-01-10', amount: 20 }]);
  platform.fact({
    type: 'import.started',
    run: 'history',
    source: 'shop',
    digest: 'd',
    backfill: true,
    amend: false,
    startedAt: 1,
    coverage: 'complete',
  });
  const old = { customerId: 'c-1', id: 'old', at: Date.parse('2025-01-03'), minor: 500, currency: 'EUR' };
  const events = pack([inputEvent({ ...old, type: 'order.placed' })]);
  await platform.deps.gateway.importEvents({ run: 'history', source: 'shop', events });
  expect(platform.ledger.entries(platform.sidOf('c-1'))!.orders).toHaveLength(2);
  const row = { type: 'order.placed', customer_id: 'c-1', at: '2025-01-02', data: { amount: '5', currency: 'EUR' } };
  await platform.as('admin', 'POST', '/api/events', [{ ...row, id: 'late-1' }]);
  await platform.as('admin', 'POST', '/api/events', [{ ...row, id: 'late-1' }]);
  platform.orders([order]);
  platform.orders([{ customer: 'c-1', day: '2025-01-11', amount: 20 }]);
  const page = await get<{ items: { seq: number; day: string }[]; next: string | null; total: number }>(
    '/api/late?limit=1',
  );
  expect([page.total, page.items.map(({ day }) => day)]).toEqual([2, ['2025-01-05']]);
  const rest = await get<typeof page>(`/api/late?limit=1&before=${page.next}`);
  expect(rest.items.map(({ day }) => day)).toEqual(['2025-01-02']);
  const restored = createLedger({ maxCustomers: 1 << 10 }).late;
  restored.restore(platform.ledger.late.save());
  const { rows } = platform.ledger;
  expect(restored.list(rows, 10, [1e9, 0])).toEqual(platform.ledger.late.list(rows, 10, [1e9, 0]));
});

test('two of one message are two pages, and an erased customer is on none, nor in a snapshot', async () => {
  platform.orders([{ customer: 'c-1', day: '2025-01-10', amount: 20 }]);
  const seq = platform.orders([
    { customer: 'c-1', day: '2025-01-02', amount: 20 },
    { customer: 'c-2', day: '2025-01-03', amount: 20 },
  ]);
  const days = async (query: string) =>
    (await get<{ items: { day: string }[] }>(`/api/late?${query}`)).items.map(({ day }) => day);
  const { next } = await get<{ next: string }>('/api/late?limit=1');
  expect(next).toBe(`${seq}/1`);
  expect([await days('limit=1'), await days(`limit=1&before=${next}`), await days(`before=${seq}/0`)]).toEqual([
    ['2025-01-03'],
    ['2025-01-02'],
    [],
  ]);
  platform.fact({ type: 'customer.erased', sids: [platform.sidOf('c-2')], at: 1 });
  expect(await days('limit=10')).toEqual(['2025-01-02']);
  const { ring } = platform.ledger.late.save();
  expect(ring.slice(6)).toEqual([0, 0, -1, 0, 0, 0]);
});
