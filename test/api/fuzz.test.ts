// Whatever a client sends: never a 5xx, never NaN or Infinity, always JSON that is an answer or a problem that names a reason.
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { coreOf } from '#api/app.ts';
import { CDNOW_MODEL } from './support/cdnow-model.ts';
import { createPlatform, type Platform } from './support/platform.ts';

let platform: Platform;
let authorization: string;
beforeAll(async () => {
  platform = await createPlatform({
    limits: {
      requests: { perSecond: 1e9, burst: 1e9 },
      anonymous: { perSecond: 1e9, burst: 1e9 },
      login: { perSecond: 1e9, burst: 1e9 },
    },
  });
  await platform.deployCdnow();
  platform.orders([
    { customer: 'c-1', day: '2025-01-01', amount: 10 },
    { customer: 'c-1', day: '2025-03-05', amount: 20 },
  ]);
  authorization = `Bearer ${await platform.key('admin')}`;
});

const post = async (path: string, body: unknown) => {
  const response = await platform.app.request(path, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, type: response.headers.get('content-type'), text };
};
function everyNumberIsFinite(value: unknown, path = ''): void {
  if (typeof value === 'number') expect(Number.isFinite(value), path).toBe(true);
  else if (typeof value === 'object' && value !== null)
    for (const [key, inner] of Object.entries(value)) everyNumberIsFinite(inner, `${path}/${key}`);
}
const sane = ({ status, type, text }: { status: number; type: string | null; text: string }) => {
  expect(status, text).toBeLessThan(500);
  const body: unknown = JSON.parse(text);
  if (status >= 400) {
    expect(type).toBe('application/problem+json');
    expect(body).toMatchObject({ reason: expect.any(String), trace_id: expect.any(String), status });
  } else {
    everyNumberIsFinite(body);
    // JSON has no NaN: it would have become null where a number belongs.
    for (const field of ['p_churn', 'p_alive', 'clv_mean', 'clv_p05', 'clv_p50', 'clv_p95', 'expected_purchases'])
      if (typeof body === 'object' && body !== null && field in body)
        expect((body as Record<string, unknown>)[field], text).not.toBeNull();
  }
};

const nonNegative = fc.oneof(
  fc.double({ min: 0, max: 1e9, noNaN: true }),
  fc.integer({ min: 0, max: 1000 }),
  fc.constantFrom(0, 1e-300, 1e9),
);
const summary = fc.record({
  frequency: fc.oneof(fc.integer({ min: 0, max: 1_000_000_000 }), fc.integer({ min: 0, max: 20 })),
  recency: nonNegative,
  T: nonNegative,
  monetary_value: fc.oneof(fc.constant(null), fc.double({ min: 0, max: 1e12, noNaN: true })),
  unit: fc.constantFrom('week', 'day'),
});
const fitting = summary.map((s) => ({
  ...s,
  recency: s.frequency === 0 ? 0 : Math.min(Math.max(s.recency, 1e-9), s.T),
}));
const day = fc
  .date({ min: new Date('1995-01-01'), max: new Date('2030-01-01'), noInvalidDate: true })
  .map((d) => d.toISOString());
const transaction = fc.record(
  {
    at: fc.oneof(
      day,
      day.map((d) => d.slice(0, 10)),
      fc.string(),
      fc.integer(),
    ),
    amount: fc.oneof(
      fc.double(),
      fc.string(),
      fc.nat().map((n) => `${n}.25`),
    ),
  },
  { requiredKeys: ['at'] },
);
const horizon = fc.oneof(fc.double({ min: 1e-9, max: 3653, noNaN: true }), fc.integer({ min: 1, max: 3653 }));
const asOf = fc.oneof(day, fc.nat(5), fc.record({ seq: fc.nat(5), at: day }, { requiredKeys: [] }));

describe('predictions of anything the schemas allow', () => {
  test('churn', async () => {
    const body = fc.record(
      { summary: fitting, horizon_days: horizon, curve: fc.boolean(), as_of: asOf },
      { requiredKeys: ['summary'] },
    );
    await fc.assert(
      fc.asyncProperty(body, async (given) => sane(await post('/api/predict/churn', given))),
      { numRuns: 300 },
    );
  });

  test('lifetime value, extreme histories and horizons', async () => {
    const body = fc.record(
      { summary: fitting, horizon_days: horizon, discount_monthly: fc.double({ min: 0, max: 1, noNaN: true }) },
      { requiredKeys: ['summary'] },
    );
    await fc.assert(
      fc.asyncProperty(body, async (given) => sane(await post('/api/predict/clv', given))),
      { numRuns: 150 },
    );
  });

  test('transactions, good and bad', async () => {
    const body = fc.record(
      { transactions: fc.array(transaction, { minLength: 1, maxLength: 8 }), as_of: asOf },
      { requiredKeys: ['transactions'] },
    );
    await fc.assert(
      fc.asyncProperty(body, async (given) => sane(await post('/api/predict/clv', given))),
      { numRuns: 200 },
    );
  });

  test('customers at any moment', async () => {
    const body = fc.record(
      { customer_id: fc.oneof(fc.constant('c-1'), fc.string({ minLength: 1 })), as_of: asOf },
      { requiredKeys: ['customer_id'] },
    );
    await fc.assert(
      fc.asyncProperty(body, async (given) => sane(await post('/api/predict/churn', given))),
      { numRuns: 200 },
    );
  });
});

describe('anything at all, to every route that takes a body', () => {
  test('JSON of any shape', async () => {
    const routes = coreOf(platform.app).routes.filter(
      ({ method, path }) => method === 'POST' && !path.startsWith('/api/imports/:run/events'),
    );
    const shapes = fc.oneof(
      fc.jsonValue(),
      fc.record({ customer_id: fc.jsonValue(), items: fc.jsonValue(), as_of: fc.jsonValue() }, { requiredKeys: [] }),
      fc.record({ model: fc.constant('clv'), bgNbd: fc.jsonValue(), unit: fc.jsonValue() }),
      fc.record({ batch: fc.jsonValue(), userId: fc.jsonValue(), type: fc.jsonValue() }, { requiredKeys: [] }),
      fc.record({ email: fc.string(), password: fc.string(), token: fc.string() }),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...routes), shapes, async ({ path }, body) => {
        const response = await platform.app.request(path.replace(':run', 'run-00000001').replace(':id', 'clv@1'), {
          method: 'POST',
          headers: { authorization, 'content-type': 'application/json' },
          body: JSON.stringify(body),
        });
        const text = await response.text();
        expect(response.status, `${path} ${JSON.stringify(body)} ${text}`).toBeLessThan(500);
      }),
      { numRuns: 600 },
    );
    expect(platform.logged.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });

  test('text of any kind, deep nesting, long strings', async () => {
    const deep = '['.repeat(100_000);
    sane(await post('/api/predict/clv', deep.slice(0, 60_000)));
    sane(await post('/api/predict/churn', `{"summary":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}}`));
    await fc.assert(
      fc.asyncProperty(fc.string(), async (text) => sane(await post('/api/predict/churn', text))),
      { numRuns: 100 },
    );
  });

  test('path and query parameters of any text', async () => {
    const paths = [
      '/api/customers/',
      '/api/models/',
      '/api/quarantine/',
      '/api/customers?as_of=',
      '/api/customers?cursor=',
      '/api/customers?limit=',
      '/api/quarantine?cursor=',
    ];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), fc.string({ unit: 'binary' }), async (path, text) => {
        const response = await platform.app.request(path + encodeURIComponent(text.toWellFormed()), {
          headers: { authorization },
        });
        expect(response.status, `${path}${JSON.stringify(text)} ${await response.text()}`).toBeLessThan(500);
      }),
      { numRuns: 400 },
    );
    const as = await platform.app.request(`/api/customers/sid:${'0a'.repeat(16)}?as_of=%00`, {
      headers: { authorization },
    });
    expect(as.status).toBe(400);
  });
});

test('the model used here is the published one', () => {
  expect(CDNOW_MODEL.bgNbd).toEqual({ r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 });
});
