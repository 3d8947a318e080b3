// What concerns every customer, or forgets one: who may, what is refused, and that answers follow at once.
import { expect, test } from 'vitest';
import { createPlatform } from './support/platform.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers are compared field by field.
type Body = any;

async function opened() {
  const platform = await createPlatform();
  await platform.deployCdnow();
  const admin = async (path: string, body: unknown): Promise<{ status: number; body: Body }> => {
    const response = await platform.as('admin', 'POST', path, body);
    return { status: response.status, body: await response.json() };
  };
  const churn = (id: string) => admin('/api/predict/churn', { customer_id: id });
  return { platform, admin, churn };
}

test('only an administrator may', async () => {
  const { platform } = await opened();
  for (const path of ['/api/rates', '/api/clock', '/api/links', '/api/erasures'])
    for (const role of ['analyst', 'data-engineer', 'ml-engineer', 'product'] as const)
      expect((await platform.as(role, 'POST', path, {})).status, `${role} ${path}`).toBe(403);
});

test('a rate makes foreign money count; odd ones are refused with the field', async () => {
  const { platform, admin } = await opened();
  for (const [at, id] of ['2026-05-01', '2026-05-20'].entries())
    await admin('/api/events', {
      type: 'order.placed',
      customer_id: 'dollars',
      at: id,
      data: { order_id: `d${at}`, amount: '10.00', currency: 'USD' },
    });
  const clv = () => admin('/api/predict/clv', { customer_id: 'dollars' });
  expect((await clv()).body).toMatchObject({ applicable: 'without-rate' });
  for (const [rates, pointer] of [
    [{ USD: '0' }, '/rates/USD'],
    [{ USD: '1e3' }, '/rates/USD'],
    [{ EUR: '1' }, '/rates/EUR'],
    [{ usd: '1' }, '/rates/usd'],
    [{}, '/rates'],
  ] as const)
    expect(await admin('/api/rates', { day: '2026-01-01', rates })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer }] },
    });
  const set = await admin('/api/rates', { day: '2026-01-01', rates: { USD: '0.92' } });
  expect(set).toMatchObject({ status: 200, body: { seq: platform.position() } });
  expect((await clv()).body).toMatchObject({ currency: 'EUR', features: { monetary_value: 9.2 } });
});

test('the clock, and two customers that are one', async () => {
  const { platform, admin, churn } = await opened();
  platform.orders([
    { customer: 'one', day: '2026-01-01', amount: 1 },
    { customer: 'two', day: '2026-02-01', amount: 1 },
  ]);
  expect((await admin('/api/clock', { mode: 'moon' })).status).toBe(400);
  expect((await admin('/api/clock', { mode: 'wall' })).status).toBe(200);
  expect(platform.ledger.workspace.facts.clock).toBe('wall');
  expect((await admin('/api/links', { customer_id: 'one', same_as: 'nobody' })).body).toMatchObject({
    errors: [{ pointer: '/same_as' }],
  });
  expect((await admin('/api/links', { customer_id: 'one', same_as: 'two' })).status).toBe(200);
  for (const id of ['one', 'two']) expect((await churn(id)).body.features.frequency).toBe(1);
});

test('an erased customer is nobody, and nothing that was said about it names it', async () => {
  const { platform, admin, churn } = await opened();
  platform.orders([{ customer: 'ann-4711', day: '2026-01-01', amount: 1 }]);
  expect((await churn('ann-4711')).body.basis).toBe('history');
  expect(await admin('/api/erasures', { customer_id: 'ann-4711' })).toMatchObject({ status: 200, body: { sids: 1 } });
  expect((await churn('ann-4711')).body.basis).toBe('prior');
  expect((await admin('/api/erasures', { customer_id: 'ann-4711' })).status).toBe(404);
  expect(platform.logged.join()).not.toContain('ann-4711');
});
