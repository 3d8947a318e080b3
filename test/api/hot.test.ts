// The hot route over a real socket beside the Hono route of the same name: same inputs, same status, same body.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHttpServer, hotQuestion } from '#api/hot.ts';
import { createMetricsApp } from '#api/metrics.ts';
import { ChurnBody } from '#api/routes/predict.ts';
import { createPlatform, type Platform } from './support/platform.ts';

let platform: Platform;
let url: string;
let close: () => Promise<void>;
let authorization: string;
beforeAll(async () => {
  platform = await createPlatform();
  await platform.deployCdnow();
  platform.orders([
    { customer: 'c-1', day: '2025-01-01', amount: 10 },
    { customer: 'c-1', day: '2025-03-05', amount: 20 },
    { customer: 'c-2', day: '2026-05-05', amount: 20 },
  ]);
  await platform.as('data-engineer', 'POST', '/api/events', {
    id: 'e-1',
    type: 'activity.recorded',
    customer_id: 'visitor',
    at: '2025-05-01T00:00:00Z',
    data: { name: 'login' },
  });
  const server = createHttpServer(platform.app, platform.deps);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  close = async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  authorization = `Bearer ${await platform.key('analyst')}`;
  // The first request fills the credential cache: from then on the hot route answers.
  await fetch(`${url}/api/me`, { headers: { authorization } });
});
afterAll(() => close());

const PATH = '/api/predict/churn';
const headers = () => ({ authorization, 'content-type': 'application/json' });
const both = async (body: string) => {
  const hot = await fetch(url + PATH, { method: 'POST', headers: headers(), body });
  const hono = await platform.app.request(PATH, { method: 'POST', headers: headers(), body });
  const read = async (response: Response) => {
    const { trace_id, ...rest } = (await response.json()) as Record<string, unknown>;
    if (response.status >= 400) expect(trace_id).toMatch(/^[0-9a-f]{32}$/);
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      cache: response.headers.get('cache-control'),
      ...rest,
    };
  };
  return { hot: await read(hot), hono: await read(hono) };
};

describe('hot and Hono answer the same', () => {
  test.each([
    '{"customer_id":"c-1"}',
    '{"customer_id":"c-2","horizon_days":30}',
    '{"customer_id":" c-1 "}',
    '{"customer_id":"nobody"}',
    '{"customer_id":"nobody","strict":true}',
    '{"customer_id":"visitor"}',
    '{"customer_id":"c-1","horizon_days":0}',
    '{"customer_id":"c-1","horizon_days":"30"}',
    '{"customer_id":""}',
    '{"customer_id":"a\\u0001"}',
    `{"customer_id":"${'x'.repeat(300)}"}`,
    `{"customer_id":"${'x'.repeat(2000)}"}`,
    '{"customer_id":"c-1","explain":true}',
    '{"customer_id":"c-1","curve":true}',
    '{"customer_id":"c-1","as_of":"2025-02-01"}',
    '{"customer_id":"c-1","customer_id":"c-2"}',
    '{"summary":{"frequency":2,"recency":30.43,"T":38.86}}',
    '{"items":[{"customer_id":"c-1"}]}',
    '{"__proto__":{"customer_id":"c-1"}}',
    '{"customer_id":"c-1","unknown":1}',
    '{"customer_id":',
    '[]',
    'null',
    '"c-1"',
    '',
  ])('%s', async (body) => {
    const { hot, hono } = await both(body);
    expect(hot).toEqual(hono);
    expect(hot.status).toBeLessThan(500);
  });

  test('for any small body (property)', async () => {
    const value = fc.oneof(
      fc.string(),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.constantFrom('c-1', 'c-2', 'nobody', 'visitor'),
    );
    const body = fc.record(
      { customer_id: value, horizon_days: fc.oneof(fc.double({ noNaN: true }), fc.integer(), value), strict: value },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(body, async (given) => {
        const { hot, hono } = await both(JSON.stringify(given));
        expect(hot).toEqual(hono);
      }),
      { numRuns: 150 },
    );
  });

  test('what the compiled check accepts, the schema accepts with the same meaning (property)', () => {
    const value = fc.oneof(fc.string({ maxLength: 300 }), fc.double(), fc.boolean(), fc.constant(null));
    const body = fc.dictionary(fc.constantFrom('customer_id', 'horizon_days', 'strict', 'as_of', 'items'), value);
    fc.assert(
      fc.property(body, (given) => {
        const question = hotQuestion(given);
        if (question === null) return;
        const parsed = ChurnBody.parse(given);
        expect(parsed.customer_id).toBe(question.customerId);
        expect(parsed.horizon_days ?? null).toBe(question.horizonDays);
        expect(parsed.strict ?? false).toBe(question.strict);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the hot route judges as every other', () => {
  const post = (extra: Record<string, string>) =>
    fetch(url + PATH, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...extra },
      body: '{"customer_id":"c-1"}',
    });

  test('no credential, a wrong one, one without the permission, a revoked one', async () => {
    expect((await post({})).status).toBe(401);
    expect(
      (await post({ authorization: 'Bearer ax_000000000000_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' })).status,
    ).toBe(401);
    const writeKey = await platform.access.createWriteKey('shop', 0);
    const basic = `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`;
    for (let i = 0; i < 2; i++) expect((await post({ authorization: basic })).status).toBe(403);
    const key = await platform.access.createKey({ role: 'analyst', name: null, expiresAt: null, now: 0 });
    for (let i = 0; i < 2; i++) expect((await post({ authorization: `Bearer ${key.key}` })).status).toBe(200);
    await platform.access.revokeKey(key.id, 1);
    expect((await post({ authorization: `Bearer ${key.key}` })).status).toBe(401);
  });

  test('an event sent now is in the next answer', async () => {
    const before = (await (await post(headers())).json()) as { features: { frequency: number } };
    platform.orders([{ customer: 'c-1', day: '2026-05-10', amount: 1 }]);
    const after = (await (await post(headers())).json()) as { features: { frequency: number } };
    expect(after.features.frequency).toBe(before.features.frequency + 1);
  });

  test('answers are counted in the histogram of its route', async () => {
    await post(headers());
    const text = await (await createMetricsApp(platform.deps.metrics).request('/metrics')).text();
    expect(text).toMatch(
      /http_request_duration_seconds_count\{method="POST",route="\/api\/predict\/churn",status="200"\} \d+/,
    );
  });
});

test('a flood gets 429 with Retry-After, from both, out of one bucket', async () => {
  const limits = { ...platform.deps.limits, requests: { perSecond: 1, burst: 5 } };
  const small = await createPlatform({ limits });
  await small.deployCdnow();
  small.orders([{ customer: 'c-1', day: '2025-01-01', amount: 10 }]);
  const server = createHttpServer(small.app, small.deps);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const key = `Bearer ${await small.key('analyst')}`;
  const statuses: number[] = [];
  for (let i = 0; i < 8; i++) {
    const at = i % 2 === 0 ? base : null;
    const init = {
      method: 'POST',
      headers: { authorization: key, 'content-type': 'application/json' },
      body: '{"customer_id":"c-1"}',
    };
    const response = at ? await fetch(at + PATH, init) : await small.app.request(PATH, init);
    statuses.push(response.status);
    if (response.status === 429) expect(response.headers.get('retry-after')).toBe('1');
    await response.body?.cancel();
  }
  expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429, 429]);
  small.clock.now += 1_000;
  expect((await small.app.request('/api/me', { headers: { authorization: key } })).status).toBe(200);
  server.closeAllConnections();
  server.close();
});
