// The console's client is typed by the routes: `hc<App>` knows paths, bodies and answers. A route that changes its shape stops here.
import { hc } from 'hono/client';
import { expect, expectTypeOf, test } from 'vitest';
import type { App } from '#api/app.ts';
import { createPlatform } from './support/platform.ts';

test('hc<App> calls the routes with their types', async () => {
  const platform = await createPlatform();
  await platform.deployCdnow();
  platform.orders([{ customer: 'c-1', day: '2025-01-01', amount: 10 }]);
  const client = hc<App>('http://localhost', {
    fetch: (input: RequestInfo | URL, init?: RequestInit) => platform.app.request(input as string, init),
    headers: { authorization: `Bearer ${await platform.key('analyst')}` },
  });
  const me = await (await client.api.me.$get()).json();
  expectTypeOf(me.needs_setup).toEqualTypeOf<boolean>();
  expect(me.role).toBe('analyst');

  const page = await client.api.customers.$get({ query: { limit: '10' } });
  const { items } = await page.json();
  expectTypeOf(items[0]!.p_alive).toEqualTypeOf<number | null>();
  expect(items[0]!.customer_id).toBe('c-1');

  const one = await (await client.api.customers[':ref'].$get({ param: { ref: items[0]!.ref }, query: {} })).json();
  expectTypeOf(one.p_alive_series[0]!.p_alive).toEqualTypeOf<number>();
  expect(one.orders).toBe(1);

  const churn = await client.api.predict.churn.$post({ json: { customer_id: 'c-1' } });
  const answer = await churn.json();
  expect('p_churn' in answer && answer.p_churn).toBeGreaterThan(0);

  // @ts-expect-error a route that does not exist is a type error.
  void client.api.nothing;
  // @ts-expect-error a body that the route refuses is a type error.
  void (() => client.api.predict.churn.$post({ json: { customer_id: 7 } }));
});
