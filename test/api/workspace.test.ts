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
  const order = (day: string, currency: string) => ({
    type: 'order.placed',
    customer_id: 'dollars',
    at: day,
    data: { order_id: `${currency} ${day}`, amount: '10.00', currency },
  });
  const sent = await admin('/api/events', [order('2026-05-20', 'USD'), order('2026-05-01', 'USD')]);
  expect(sent).toMatchObject({ status: 202, body: { accepted: 2 } });
  // Told at once, with the command; taken all the same.
  const [warning, ...more] = (sent.body as { warnings: string[] }).warnings;
  expect(more).toEqual([]);
  expect(warning).toMatch(
    /^2 of these events are in USD, .* into EUR: taken, .*`axiom47 workspace rates 2026-05-01 USD=RATE`/,
  );
  const clv = () => admin('/api/predict/clv', { customer_id: 'dollars' });
  expect((await clv()).body).toMatchObject({
    applicable: 'without-rate',
    currencies: ['USD'],
    detail: expect.stringMatching(/USD \(2 of 2 orders\) .*`axiom47 workspace rates 2026-05-01 USD=RATE`/),
  });
  const page = await platform.as('admin', 'GET', `/api/customers/${platform.refOf('dollars')}`);
  expect(await page.json()).toMatchObject({ not_applicable: { clv: { detail: expect.stringContaining('in USD') } } });
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
  const warnings = async (day: string, currency: string) =>
    ((await admin('/api/events', order(day, currency))).body as { warnings: string[] }).warnings;
  expect(await warnings('2026-05-21', 'USD')).toEqual([]);
  expect(await warnings('2026-05-21', 'EUR')).toEqual([]);
  // A rate is one from its day on.
  expect(await warnings('2025-12-31', 'USD')).toEqual([expect.stringContaining('rates 2025-12-31 USD=RATE')]);
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
