// From the setup link to a session and out again.
import { beforeEach, describe, expect, test } from 'vitest';
import { createPlatform, type Platform } from './support/platform.ts';

let platform: Platform;
beforeEach(async () => {
  platform = await createPlatform();
});

const ORIGIN = 'http://localhost';
const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  platform.app.request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
const cookieOf = (response: Response): string => response.headers.get('set-cookie')!.split(';')[0]!;
const admin = { email: 'Ada@Example.org', password: 'a long enough phrase 7' };
const setUp = async () =>
  post('/api/setup', { token: await platform.access.createSetupToken(platform.clock.now), ...admin });

describe('setup', () => {
  test('the link makes the first Administrator, once', async () => {
    const token = await platform.access.createSetupToken(platform.clock.now);
    const first = await post('/api/setup', { token, ...admin });
    expect(first.status).toBe(201);
    expect(await first.json()).toMatchObject({ user: { email: 'ada@example.org', role: 'admin' } });
    const again = await post('/api/setup', { token, ...admin, email: 'b@example.org' });
    expect(again.status).toBe(400);
    expect(await again.json()).toMatchObject({ reason: 'setup-token-invalid', errors: [{ pointer: '/token' }] });
  });

  test('after 30 minutes it is refused', async () => {
    const token = await platform.access.createSetupToken(platform.clock.now);
    platform.clock.now += 30 * 60_000;
    expect((await post('/api/setup', { token, ...admin })).status).toBe(400);
  });

  test('a new link never makes a second first Administrator', async () => {
    await setUp();
    const token = await platform.access.createSetupToken(platform.clock.now);
    expect((await post('/api/setup', { token, email: 'b@example.org', password: admin.password })).status).toBe(409);
  });

  test.each([
    ['short1', 'password-too-short'],
    ['Password1234!', 'password-too-common'],
    ['123456789012', 'password-too-common'],
    ['aaaaaaaaaaaa', 'password-too-common'],
    ['adminadmin2026', 'password-too-common'],
  ])('the password %s is refused: %s', async (password, reason) => {
    const token = await platform.access.createSetupToken(platform.clock.now);
    const response = await post('/api/setup', { token, email: 'a@example.org', password });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ reason, errors: [{ pointer: '/password' }] });
  });

  test('role, id or __proto__ in the body are refused, not assigned', async () => {
    const token = await platform.access.createSetupToken(platform.clock.now);
    for (const extra of [
      '"role":"admin"',
      '"id":"1"',
      '"__proto__":{"role":"admin"}',
      '"constructor":{"prototype":{"x":1}}',
    ]) {
      const body = `{"token":"${token}","email":"a@example.org","password":"a long enough phrase 7",${extra}}`;
      const response = await platform.app.request('/api/setup', {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json' },
      });
      expect(response.status).toBe(400);
    }
    expect(({} as { x?: number }).x).toBeUndefined();
  });
});

describe('login', () => {
  beforeEach(async () => {
    await setUp();
  });

  test('gives an httpOnly SameSite=Strict cookie and a bearer token that work until logout', async () => {
    const response = await post('/api/login', admin);
    expect(response.status).toBe(200);
    const cookie = response.headers.get('set-cookie')!;
    expect(cookie).toMatch(/HttpOnly/i);
    expect(cookie).toMatch(/SameSite=Strict/i);
    const { token } = (await response.json()) as { token: string };
    const byCookie = { cookie: cookieOf(response) };
    const byToken = { authorization: `Bearer ${token}` };
    expect(await (await platform.app.request('/api/me', { headers: byCookie })).json()).toMatchObject({
      kind: 'session',
      role: 'admin',
    });
    expect(await (await platform.app.request('/api/me', { headers: byToken })).json()).toMatchObject({
      kind: 'login',
      role: 'admin',
    });
    expect((await post('/api/logout', {}, { ...byCookie, origin: ORIGIN, host: 'localhost' })).status).toBe(204);
    expect(await (await platform.app.request('/api/me', { headers: byCookie })).json()).toMatchObject({
      kind: 'anonymous',
    });
    expect((await platform.app.request('/api/me', { headers: byToken })).status).toBe(401);
  });

  test('the bearer token ends after 15 minutes, and a changed or unsigned one is refused', async () => {
    const { token } = (await (await post('/api/login', admin)).json()) as { token: string };
    const [header, claims, signature] = token.split('.') as [string, string, string];
    const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
    const other = Buffer.from(Buffer.from(claims, 'base64url').toString().replace('"w-1"', '"w-2"')).toString(
      'base64url',
    );
    for (const bad of [
      `${none}.${claims}.`,
      `${none}.${claims}.${signature}`,
      `${header}.${other}.${signature}`,
      `${header}.${claims}.`,
    ])
      expect((await platform.app.request('/api/me', { headers: { authorization: `Bearer ${bad}` } })).status).toBe(401);
    platform.clock.now += 15 * 60_000;
    expect((await platform.app.request('/api/me', { headers: { authorization: `Bearer ${token}` } })).status).toBe(401);
  });

  test('a wrong password and an unknown address get the same answer', async () => {
    const wrong = await post('/api/login', { ...admin, password: 'a long enough phrase 8' });
    const unknown = await post('/api/login', { email: 'nobody@example.org', password: admin.password });
    expect([wrong.status, unknown.status]).toEqual([401, 401]);
    const { trace_id: _a, ...one } = (await wrong.json()) as Record<string, unknown>;
    const { trace_id: _b, ...two } = (await unknown.json()) as Record<string, unknown>;
    expect(one).toEqual(two);
    expect(one).toMatchObject({ title: 'Not signed in', detail: 'the address or the password is wrong' });
  });

  test('the sixth attempt on an account is locked out for a while, even with the right password', async () => {
    for (let i = 0; i < 5; i++)
      expect((await post('/api/login', { ...admin, password: 'wrong wrong wrong' })).status).toBe(401);
    const locked = await post('/api/login', admin);
    expect(locked.status).toBe(429);
    expect(Number(locked.headers.get('retry-after'))).toBeGreaterThan(0);
    platform.clock.now += 30_000;
    expect((await post('/api/login', admin)).status).toBe(200);
  });

  test('a form on another site cannot sign anybody in', async () => {
    const response = await post('/api/login', admin, { origin: 'https://elsewhere.example', host: 'localhost' });
    expect(response.status).toBe(403);
  });
});

describe('cross-site requests with the cookie', () => {
  test('a write needs our own origin; a read does not', async () => {
    await setUp();
    const headers = { cookie: cookieOf(await post('/api/login', admin)), host: 'localhost' };
    const key = { role: 'analyst' };
    for (const extra of [
      {},
      { origin: 'https://elsewhere.example' },
      { origin: 'null' },
      { origin: ORIGIN, 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ]) {
      const response = await post('/api/keys', key, { ...headers, ...extra });
      expect(response.status).toBe(403);
      expect(await response.json()).toMatchObject({ reason: 'cross-origin' });
    }
    expect((await post('/api/keys', key, { ...headers, origin: ORIGIN })).status).toBe(201);
    expect((await post('/api/keys', key, { ...headers, 'sec-fetch-site': 'same-origin' })).status).toBe(201);
    expect((await platform.app.request('/api/keys', { headers })).status).toBe(200);
  });
});

describe('keys', () => {
  test('are shown once, listed without their secret, and gone when revoked', async () => {
    const made = await platform.as('admin', 'POST', '/api/keys', {
      role: 'ml-engineer',
      name: 'nightly',
      expires: '90d',
    });
    expect(made.status).toBe(201);
    const { id, key, expiresAt } = (await made.json()) as { id: string; key: string; expiresAt: string };
    expect(Date.parse(expiresAt)).toBe(platform.clock.now + 90 * 86_400_000);
    const listed = await (await platform.as('admin', 'GET', '/api/keys')).text();
    expect(listed).toContain(id);
    // ax_<id>_<secret>; a secret may hold underscores of its own.
    const secret = key.slice(`ax_${id}_`.length);
    expect(secret).toHaveLength(43);
    expect(listed).not.toContain(secret);
    const headers = { authorization: `Bearer ${key}` };
    expect((await platform.app.request('/api/models', { headers })).status).toBe(200);
    expect((await platform.as('admin', 'DELETE', `/api/keys/${id}`)).status).toBe(204);
    expect((await platform.app.request('/api/models', { headers })).status).toBe(401);
    expect((await platform.as('admin', 'DELETE', '/api/keys/none')).status).toBe(404);
    expect((await platform.as('admin', 'POST', '/api/keys', { role: 'anonymous' })).status).toBe(400);
    expect(platform.logged.join()).not.toContain(key);
  });
});
