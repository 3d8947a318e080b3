// Customers: what each role sees of whom, a customer at any moment, and the demo's aggregates.
import { beforeAll, describe, expect, test } from 'vitest';
import { dayNumber } from './support/memory-log.ts';
import { createPlatform, type Platform } from './support/platform.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await createPlatform();
  await platform.deployCdnow();
  platform.orders([
    { customer: 'customer-0001', day: '2025-01-01', amount: 10 },
    { customer: 'customer-0001', day: '2025-03-05', amount: 20 },
    { customer: 'customer-0002', day: '2026-05-30', amount: 20 },
  ]);
});
const get = async (role: 'analyst' | 'data-engineer', path: string) => {
  const response = await platform.as(role, 'GET', path);
  // biome-ignore lint/suspicious/noExplicitAny: answers are compared field by field.
  return { status: response.status, body: (await response.json()) as any };
};

describe('the list', () => {
  test('names customers to those who may see ids, with live predictions', async () => {
    const { body } = await get('analyst', '/api/customers');
    expect(body.items).toHaveLength(2);
    expect(body.items[0]).toMatchObject({
      customer_id: 'customer-0001',
      masked: false,
      orders: 2,
      frequency: 1,
      net: 30,
      not_applicable: null,
    });
    expect(body.items[0].p_alive).toBeGreaterThan(0);
    expect(body.items[0].clv_p05).toBeLessThanOrEqual(body.items[0].clv_p95);
  });

  test('money without a rate is shown in the customer’s own currency', async () => {
    const own = await createPlatform();
    await own.deployCdnow();
    const event = {
      type: 'order.placed',
      customer_id: 'yen',
      at: '2026-05-01',
      data: { order_id: 'y1', amount: '5000', currency: 'JPY' },
    };
    expect((await own.as('data-engineer', 'POST', '/api/events', event)).status).toBe(202);
    const list = (await (await own.as('analyst', 'GET', '/api/customers')).json()) as { items: object[] };
    expect(list.items[0]).toMatchObject({ net: 5000, currency: 'JPY', not_applicable: 'without-rate' });
    const page = await (await own.as('analyst', 'GET', `/api/customers/${own.refOf('yen')}`)).json();
    expect(page).toMatchObject({ net: 5000, currency: 'JPY', not_applicable: { clv: { reason: 'without-rate' } } });
  });

  test('money of several currencies without a rate is no sum, and no 0: null, and each currency by itself', async () => {
    const own = await createPlatform();
    await own.deployCdnow();
    const order = (order_id: string, at: string, amount: string, currency: string) => ({
      type: 'order.placed',
      customer_id: 'both',
      at,
      data: { order_id, amount, currency },
    });
    const orders = [order('1', '2026-05-01', '5000', 'JPY'), order('2', '2026-05-02', '12.30', 'EUR')];
    expect((await own.as('data-engineer', 'POST', '/api/events', orders)).status).toBe(202);
    const { items } = (await (await own.as('analyst', 'GET', '/api/customers')).json()) as { items: object[] };
    expect(items[0]).toMatchObject({ net: null, orders: 2, not_applicable: 'without-rate' });
    const page = `/api/customers/${own.refOf('both')}`;
    expect(await (await own.as('analyst', 'GET', page)).json()).toMatchObject({
      net: null,
      net_by_currency: [
        { currency: 'EUR', net: '12.30' },
        { currency: 'JPY', net: '5000' },
      ],
    });
    // The day before the second one there is one currency, and its sum.
    expect(await (await own.as('analyst', 'GET', `${page}?as_of=2026-05-01`)).json()).toMatchObject({
      net: 5000,
      currency: 'JPY',
      net_by_currency: [{ currency: 'JPY', net: '5000' }],
    });
  });

  test('masks them for everybody else, and the ref still leads to the page', async () => {
    const list = await get('data-engineer', '/api/customers');
    expect(JSON.stringify(list.body)).not.toContain('customer-0001');
    const [first] = list.body.items;
    expect(first).toMatchObject({ customer_id: '•••01', masked: true });
    const page = await get('data-engineer', `/api/customers/${first.ref}`);
    expect(page.body).toMatchObject({ customer_id: '•••01', orders: 2 });
    expect(JSON.stringify(page.body)).not.toContain('customer-0001');
  });

  test('search by prefix is for those who see ids; the others may ask for one they know', async () => {
    const found = async (role: 'analyst' | 'data-engineer', q: string) => {
      const answer = await platform.as(role, 'POST', '/api/customers/search', { q });
      return ((await answer.json()) as { items: { ref: string; not_applicable: string | null }[] }).items;
    };
    expect(await found('analyst', 'customer-')).toHaveLength(2);
    expect(await found('data-engineer', 'customer-')).toHaveLength(0);
    const [one] = await found('data-engineer', 'customer-0002');
    expect(one).toMatchObject({ ref: platform.refOf('customer-0002'), customer_id: '•••02', masked: true });
    expect(await found('data-engineer', one!.ref)).toEqual([one]);
  });
});

describe('addresses carry references, bodies ids', () => {
  test('lookup answers the reference of an id; of an unknown one nothing, without repeating it', async () => {
    const asked = (customer_id: string) =>
      platform.as('data-engineer', 'POST', '/api/customers/lookup', { customer_id });
    const { ref } = (await (await asked('customer-0001')).json()) as { ref: string };
    expect(ref).toMatch(/^sid:[0-9a-f]{32}$/);
    expect((await get('analyst', `/api/customers/${ref}`)).body).toMatchObject({ customer_id: 'customer-0001', ref });
    const unknown = await asked('customer-9999');
    expect(unknown.status).toBe(404);
    expect(await unknown.text()).not.toContain('9999');
  });

  test('an id in an address is refused and not repeated, whoever asks', async () => {
    for (const path of ['/api/customers/customer-0001', '/api/customers?q=customer-0001']) {
      const answer = await platform.as('analyst', 'GET', path);
      expect(answer.status, path).toBe(400);
      expect(await answer.text(), path).not.toContain('customer-0001');
    }
    expect((await get('analyst', '/api/customers/customer-0001')).body.detail).toContain('POST /api/customers/lookup');
  });

  test('no route takes a customer id in its path or its query, but the reference stack’s own', () => {
    const { paths } = platform.app.getOpenAPI31Document({ openapi: '3.1.0', info: { title: '', version: '' } });
    const named = Object.entries(paths ?? {}).flatMap(([path, operations]) =>
      Object.values(operations as Record<string, { parameters?: { in: string; name: string }[] }>).flatMap(
        ({ parameters = [] }) => parameters.map((each) => `${path} ${each.name}`),
      ),
    );
    expect(named.filter((each) => /customer_?id|user_?id|email|\bq$/i.test(each))).toEqual(['/predict user_id']);
  });
});

describe('one customer', () => {
  test('profile, timeline, P(alive) over time with a jump at each purchase, churn and value', async () => {
    const { body } = await get('analyst', `/api/customers/${platform.refOf('customer-0001')}`);
    expect(body).toMatchObject({
      first_day: '2025-01-01',
      last_day: '2025-03-05',
      timeline_total: 2,
      not_applicable: { churn: null, clv: null },
    });
    expect(body.timeline.map((entry: { day: string; amount: string }) => [entry.day, entry.amount])).toEqual([
      ['2025-03-05', '20.00'],
      ['2025-01-01', '10.00'],
    ]);
    const days = body.p_alive_series.map((point: { day: string }) => point.day);
    expect(days[0]).toBe('2025-01-01');
    expect(days.at(-1)).toBe('2026-05-30');
    expect([...days].sort()).toEqual(days);
    expect(days).toContain('2025-03-04');
    expect(days).toContain('2025-03-05');
    const last = body.p_alive_series.at(-1);
    expect(last).toMatchObject({ p_alive: body.churn.p_alive, p_churn: body.churn.p_churn, purchases: 2 });
  });

  test('as it was: at an earlier day the later purchase has not happened', async () => {
    const { body } = await get('analyst', `/api/customers/${platform.refOf('customer-0001')}?as_of=2025-02-01`);
    expect(body).toMatchObject({
      orders: 1,
      frequency: 0,
      timeline_total: 1,
      as_of: { at: '2025-02-01T00:00:00.000Z' },
    });
    expect(body.p_alive_series.at(-1).day).toBe('2025-02-01');
    const then = dayNumber('2025-02-01') - dayNumber('2025-01-01');
    const same = await platform.as('analyst', 'POST', '/api/predict/churn', {
      summary: { frequency: 0, recency: 0, T: then, unit: 'day' },
    });
    expect(((await same.json()) as { p_churn: number }).p_churn).toBe(body.churn.p_churn);
  });

  test('an unknown id, and an erased customer', async () => {
    expect((await get('analyst', `/api/customers/sid:${'00'.repeat(16)}`)).status).toBe(404);
    platform.orders([{ customer: 'forget-me', day: '2025-05-01', amount: 3 }]);
    const sid = platform.deps.ids.lookup('forget-me')!;
    const refOfGone = `/api/customers/${platform.refOf('forget-me')}`;
    platform.fact({ type: 'customer.erased', sids: [sid], at: platform.clock.now });
    const gone = await get('analyst', refOfGone);
    expect(gone.status).toBe(410);
    expect(gone.body.reason).toBe('erased');
    const prior = await platform.as('analyst', 'POST', '/api/predict/churn', { customer_id: 'forget-me' });
    expect(await prior.json()).toMatchObject({ basis: 'prior', score_id: null });
  });
});

describe('the demo’s front page', () => {
  test('aggregates with model and truth; fewer than ten people are hidden', async () => {
    const demo = await createPlatform({ demo: true });
    await demo.deployCdnow();
    demo.orders(Array.from({ length: 9 }, (_, i) => ({ customer: `d-${i}`, day: '2026-01-05', amount: 5 })));
    demo.orders([{ customer: 'd-0', day: '2026-03-05', amount: 5 }]);
    const few = (await (await demo.app.request('/api/home')).json()) as { customers: null; churn_rate: null };
    expect(few).toMatchObject({ customers: null, churn_rate: null, buyers: null, subscribers: 0 });
    demo.orders([{ customer: 'd-10', day: '2026-01-06', amount: 5 }]);
    demo.clock.now += 6_000;
    // biome-ignore lint/suspicious/noExplicitAny: answers are compared field by field.
    const home = (await (await demo.app.request('/api/home')).json()) as any;
    expect(home.customers).toBe(10);
    expect(home.churn_rate).toBeGreaterThan(0);
    expect(home.horizon_days).toBe(90);
    const longer = { horizon_days: 180, active_within_days: null };
    expect((await demo.as('admin', 'PUT', '/api/churn-definitions/non-contractual', longer)).status).toBe(200);
    demo.clock.now += 6_000;
    const redefined = (await (await demo.app.request('/api/home')).json()) as typeof home;
    expect(redefined.horizon_days).toBe(180);
    expect(redefined.churn_rate).toBeLessThan(home.churn_rate);
    expect(home.models_in_force).toEqual(['clv@1']);
    expect(home.tracking.days.length).toBe(home.tracking.actual.length);
    expect(home.tracking.expected).toEqual(home.tracking.truth);
    expect(home.tracking.expected.at(-1)).toBeGreaterThan(home.tracking.expected[0]);
    expect(JSON.stringify(home)).not.toContain('d-1');
  });
});

describe('the live stream', () => {
  const readUntil = async (reader: ReadableStreamDefaultReader<Uint8Array>, wanted: RegExp): Promise<string> => {
    let text = '';
    while (!wanted.test(text)) {
      const { value, done } = await reader.read();
      if (done) break;
      text += new TextDecoder().decode(value);
    }
    return text;
  };

  test('begins with a snapshot, sends changes, resumes after Last-Event-ID', async () => {
    const demo = await createPlatform({ demo: true });
    const first = await demo.app.request('/api/stream');
    expect(first.headers.get('content-type')).toContain('text/event-stream');
    const reader = first.body!.getReader();
    const snapshot = await readUntil(reader, /\n\n/);
    expect(snapshot).toContain('event: counters');
    demo.orders([{ customer: 'x', day: '2026-05-01', amount: 1 }]);
    const change = await readUntil(reader, /"orders":1/);
    const id = /id: (\S+)/.exec(change)![1]!;
    demo.orders([{ customer: 'x', day: '2026-05-02', amount: 1 }]);
    await readUntil(reader, /"orders":2/);
    const again = await demo.app.request('/api/stream', { headers: { 'last-event-id': id } });
    const missed = again.body!.getReader();
    const resumed = await readUntil(missed, /"orders":2/);
    expect(resumed).not.toContain('"orders":1');
    await Promise.all([reader.cancel(), missed.cancel()]);
  });

  test('ends when rights may have changed', async () => {
    const demo = await createPlatform({ demo: true });
    const reader = (await demo.app.request('/api/stream')).body!.getReader();
    await readUntil(reader, /counters/);
    const key = await demo.access.createKey({ role: 'analyst', name: null, expiresAt: null, now: 0 });
    await demo.access.revokeKey(key.id, 1);
    expect(await readUntil(reader, /never sent/)).not.toContain('never sent');
  });
});
