// Who may call what: the whole matrix routes × roles, generated from the access table and the routes the app really has.
import { describe, expect, test } from 'vitest';
import { coreOf, createApp } from '#api/app.ts';
import { createRouter, declaredRoutes, route } from '#api/route.ts';
import { may, type Permission, ROLES } from '#domain/access.ts';
import { createPlatform, LOCAL_TOKEN } from './support/platform.ts';

const concrete = (path: string): string => path.replaceAll(/:\w+/g, 'something');
const platform = await createPlatform();
const routes = coreOf(platform.app).routes;

describe('every route × every role', () => {
  test('the app has the routes of interfaces.md, each with an access of its own', () => {
    const paths = routes.map(({ method, path }) => `${method} ${path}`);
    for (const wanted of [
      'POST /api/events',
      'POST /v1/track',
      'POST /v1/batch',
      'POST /api/predict/churn',
      'POST /api/predict/clv',
      'POST /api/predict/batch',
      'POST /predict',
      'GET /api/customers/:ref',
      'POST /api/customers/search',
      'POST /api/customers/lookup',
      'POST /api/models/:id/deploy',
      'GET /api/quarantine',
      'GET /api/stream',
    ])
      expect(paths).toContain(wanted);
  });

  for (const { method, path, access } of routes.filter(
    (each) => each.access !== 'public' && each.access !== 'optional',
  ))
    for (const role of ROLES)
      test(`${method} ${path} as ${role}: ${may(role, access as Permission) ? 'passes' : 'is refused'}`, async () => {
        const response = await platform.as(role, method, concrete(path), method === 'GET' ? undefined : {});
        if (role === 'anonymous') expect(response.status).toBe(401);
        else if (may(role, access as Permission)) expect([401, 403]).not.toContain(response.status);
        else {
          expect(response.status).toBe(403);
          const problem = (await response.json()) as { reason: string; detail: string };
          expect(problem.reason).toBe('forbidden');
          expect(problem.detail).toContain(access);
        }
        if (!response.bodyUsed) await response.body?.cancel();
      });

  test('in a demo the anonymous visitor reads the aggregates and nothing else', async () => {
    const demo = await createPlatform({ demo: true });
    for (const { method, path, access } of coreOf(demo.app).routes) {
      if (access === 'public' || access === 'optional') continue;
      const response = await demo.app.request(concrete(path), { method });
      expect(`${method} ${path} ${response.status}`).toBe(`${method} ${path} ${access === 'demo:read' ? 200 : 401}`);
      if (!response.bodyUsed) await response.body?.cancel();
    }
  });
});

describe('deny by default', () => {
  test('an app with a route that names no permission does not boot', () => {
    const app = createRouter();
    app.get('/api/forgotten', (c) => c.text('hello'));
    expect(() => declaredRoutes(app)).toThrow('GET /api/forgotten names no permission');
  });

  test('a catch-all that answers is refused too', () => {
    const app = createRouter();
    app.all('/api/anything', (c) => c.text('hello'));
    expect(() => declaredRoutes(app)).toThrow('ALL /api/anything names no permission');
  });

  test('a declared one boots and is guarded', () => {
    const app = createRouter().openapi(
      route({ method: 'get', path: '/api/x', permission: 'system:read', responses: { 200: { description: 'x' } } }),
      (c) => c.body('x'),
    );
    expect(declaredRoutes(app)).toEqual([{ method: 'GET', path: '/api/x', access: 'system:read' }]);
  });

  test('createApp itself boots with every route declared', () => {
    expect(() => createApp(platform.deps)).not.toThrow();
  });
});

describe('credentials', () => {
  const me = async (headers: Record<string, string>, from = '127.0.0.1') =>
    platform.app.request('/api/me', { headers }, { remoteAddress: from });

  test('a key that is made up, expired, revoked or of another scheme gets 401', async () => {
    const expired = await platform.access.createKey({
      role: 'admin',
      name: null,
      expiresAt: platform.clock.now - 1,
      now: 0,
    });
    const revoked = await platform.access.createKey({ role: 'admin', name: null, expiresAt: null, now: 0 });
    await platform.access.revokeKey(revoked.id, 1);
    for (const authorization of [
      'Bearer ax_000000000000_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
      `Bearer ${expired.key}`,
      `Bearer ${revoked.key}`,
      'Bearer ',
      'Bearer a.b.c',
      'Digest x',
      `Basic ${Buffer.from('nobody:').toString('base64')}`,
    ]) {
      const response = await me({ authorization });
      expect(`${authorization} ${response.status}`).toBe(`${authorization} 401`);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
    }
  });

  test('a revoked key stops at once, although its verdict was cached', async () => {
    const made = await platform.access.createKey({ role: 'analyst', name: null, expiresAt: null, now: 0 });
    const headers = { authorization: `Bearer ${made.key}` };
    expect((await me(headers)).status).toBe(200);
    await platform.access.revokeKey(made.id, 1);
    expect((await me(headers)).status).toBe(401);
  });

  test('a key that expires within the cache time stops on time', async () => {
    const made = await platform.access.createKey({
      role: 'analyst',
      name: null,
      expiresAt: platform.clock.now + 5_000,
      now: 0,
    });
    const headers = { authorization: `Bearer ${made.key}` };
    expect((await me(headers)).status).toBe(200);
    platform.clock.now += 5_000;
    expect((await me(headers)).status).toBe(401);
    platform.clock.now -= 5_000;
  });

  test('the local token is an administrator on this machine and refused from anywhere else', async () => {
    const headers = { authorization: `Bearer ${LOCAL_TOKEN}` };
    expect(await (await me(headers)).json()).toMatchObject({ kind: 'local', role: 'admin' });
    expect((await me(headers, '::ffff:127.0.0.1')).status).toBe(200);
    const away = await me(headers, '192.0.2.7');
    expect(away.status).toBe(403);
    expect(await away.json()).toMatchObject({ reason: 'not-loopback' });
  });

  test('a write key sends events and nothing else', async () => {
    const writeKey = await platform.access.createWriteKey('shop', 0);
    const headers = {
      authorization: `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`,
      'content-type': 'application/json',
    };
    const event = {
      userId: 'u-9',
      event: 'Order Completed',
      timestamp: '2026-05-01T00:00:00Z',
      properties: { order_id: 'o-9', revenue: 5, currency: 'EUR' },
    };
    const sent = await platform.app.request('/v1/track', { method: 'POST', headers, body: JSON.stringify(event) });
    expect(await sent.json()).toMatchObject({ success: true, accepted: 1 });
    expect(
      (await platform.app.request('/api/predict/churn', { method: 'POST', headers, body: '{"customer_id":"u-9"}' }))
        .status,
    ).toBe(403);
  });

  test('guessing credentials from one address is slowed down', async () => {
    const fresh = await createPlatform();
    const statuses = new Set<number>();
    for (let i = 0; i < 40; i++) {
      const response = await fresh.app.request(
        '/api/me',
        { headers: { authorization: `Bearer guess.${i}.x` } },
        { remoteAddress: '198.51.100.1' },
      );
      statuses.add(response.status);
      if (response.status === 429) expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect([...statuses].sort()).toEqual([401, 429]);
  });
});
