// What a browser loads: API description and its page from this machine alone, the console with its headers, health, metrics.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { coreOf } from '#api/app.ts';
import { createMetricsApp } from '#api/metrics.ts';
import { createPlatform, LOCAL_TOKEN, type Platform } from './support/platform.ts';

let platform: Platform;
const uiDir = mkdtempSync(join(tmpdir(), 'axiom47-ui-'));
beforeAll(async () => {
  mkdirSync(join(uiDir, 'assets'));
  writeFileSync(join(uiDir, 'index.html'), '<!doctype html><title>console</title>');
  writeFileSync(join(uiDir, 'assets', 'main-abc123.js'), 'export {};');
  platform = await createPlatform({ deps: { uiDir } });
});
afterAll(() => rmSync(uiDir, { recursive: true, force: true }));

describe('API description', () => {
  test('is OpenAPI 3.1 and names every route that is not hidden', async () => {
    const response = await platform.app.request('/openapi.json');
    // biome-ignore lint/suspicious/noExplicitAny: a document without a type here.
    const document = (await response.json()) as any;
    expect(document.openapi).toBe('3.1.0');
    for (const { method, path } of coreOf(platform.app).routes) {
      if (path === '/openapi.json' || path.startsWith('/docs')) continue;
      const operation = document.paths[path.replaceAll(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()];
      expect(operation, `${method} ${path}`).toBeDefined();
      expect(operation.summary, `${method} ${path}`).toBeTruthy();
      expect(operation.responses.default.content).toHaveProperty('application/problem+json');
    }
    expect(document.components.schemas.Problem.required).toContain('trace_id');
  });

  test('the docs page loads nothing from elsewhere and allows no inline script', async () => {
    const page = await platform.app.request('/docs');
    const html = await page.text();
    expect(html).not.toMatch(/https?:\/\//);
    expect(html).not.toMatch(/<script>[^<]/);
    expect(page.headers.get('content-security-policy')).toMatch(/script-src 'self';/);
    for (const [, file] of html.matchAll(/(?:src|href)="(\/docs\/[^"]+)"/g)) {
      const response = await platform.app.request(file!);
      expect(response.status).toBe(200);
      await response.body?.cancel();
    }
  });

  test.each([
    '/docs/package.json',
    '/docs/..%2fpackage.json',
    '/docs/%2e%2e%2f%2e%2e%2fpackage.json',
    '/docs/constructor',
    '/docs/__proto__',
  ])('%s is not served', async (path) => {
    expect((await platform.app.request(path)).status).toBe(404);
  });
});

describe('console', () => {
  test('pages get index.html under a strict policy, assets for ever', async () => {
    for (const path of [
      '/',
      '/customers?sort=clv',
      `/customers/sid:${'0a'.repeat(16)}`,
      `/customers/sid%3A${'0a'.repeat(16)}?as_of=7`,
      '/login',
      '/setup?token=t',
    ]) {
      const page = await platform.app.request(path);
      expect(await page.text()).toContain('console');
      expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
      expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(page.headers.get('cache-control')).toBe('no-cache');
      expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    }
    const asset = await platform.app.request('/assets/main-abc123.js');
    expect(asset.headers.get('cache-control')).toContain('immutable');
    expect(asset.headers.get('content-type')).toContain('javascript');
  });

  test.each([
    '/assets/../../package.json',
    '/assets/%2e%2e/%2e%2e/etc/passwd',
    '//etc/passwd',
    '/..%5c..%5cetc%5cpasswd.txt',
    '/assets/missing.js',
    '/%00.html',
  ])('%s leads nowhere', async (path) => {
    const response = await platform.app.request(path);
    const text = await response.text();
    expect(text).not.toMatch(/root:|"name"/);
    expect(response.status).toBe(404);
  });

  test('every page of the console can be reloaded', async () => {
    const catalogue = readFileSync(new URL('../../ui/views/catalogue.ts', import.meta.url), 'utf8');
    const samples: Record<string, string> = {
      ref: `sid:${'0a'.repeat(16)}`,
      id: '0a'.repeat(16),
      name: 'churn_model',
      version: '2',
      tab: 'deploy',
    };
    const pages = [...catalogue.matchAll(/path: '([^']+)'/g)].map(([, path]) =>
      path!.replace(/\{?-?\$(\w+)\}?/g, (_, name: string) => samples[name] ?? `no sample of ${name}`),
    );
    expect(pages).toEqual(expect.arrayContaining(['/jobs/new', '/models/compare']));
    expect(pages).toContain(`/customers/sid:${'0a'.repeat(16)}`);
    for (const page of pages) {
      const response = await platform.app.request(page);
      expect(response.status, page).toBe(200);
      expect(response.headers.get('content-type'), page).toContain('text/html');
    }
  });

  test.each([
    '/healthz',
    '/metrics',
    '/dashboard',
    '/logins',
    '/customers/a/b',
    '/customers/jane@example.org',
    '/robots.txt',
    '/assets/missing.css',
    '/.env',
  ])('%s is neither API nor console: a problem, not a page', async (path) => {
    for (const app of [platform.app, (await createPlatform()).app]) {
      const response = await app.request(path);
      expect(response.status).toBe(404);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(await response.json()).toMatchObject({ reason: 'not-found', detail: expect.stringContaining(path) });
    }
  });

  test('an address that a browser asks for is answered by the console, as not found; what begins like the API is not', async () => {
    const ask = (path: string, accept: string) => platform.app.request(path, { headers: { accept } });
    for (const path of ['/dashboard', '/customers/a/b', '/jobs/none/such', '/customers/jane@example.org']) {
      const page = await ask(path, 'text/html,application/xhtml+xml,*/*;q=0.8');
      expect([page.status, page.headers.get('content-type'), await page.text()], path).toEqual([
        404,
        'text/html; charset=utf-8',
        '<!doctype html><title>console</title>',
      ]);
      expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
      expect((await ask(path, '*/*')).headers.get('content-type')).toBe('application/problem+json');
    }
    for (const path of ['/api', '/api/nothing', '/docs/nothing', '/v1/nothing', '/assets/missing.js'])
      expect((await ask(path, 'text/html')).headers.get('content-type'), path).toBe('application/problem+json');
    const unbuilt = await createPlatform();
    expect((await unbuilt.app.request('/dashboard', { headers: { accept: 'text/html' } })).status).toBe(404);
  });

  test('without a build it says what to run', async () => {
    const bare = await createPlatform();
    const response = await bare.app.request('/');
    expect(response.status).toBe(503);
    expect(await response.text()).toContain('npm run build:ui');
  });

  test('a build under way takes no page down, and a page that is open still gets its own assets', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'axiom47-ui-'));
    const build = (page: string, asset: string) => {
      mkdirSync(join(folder, 'assets'), { recursive: true });
      writeFileSync(join(folder, 'assets', asset), 'export {};');
      writeFileSync(join(folder, 'index.html'), page);
    };
    const { app } = await createPlatform({ deps: { uiDir: folder } });
    const get = async (path: string) => await (await app.request(path)).text();
    expect(await get('/jobs')).toContain('looks again');
    build('first', 'main-1.js');
    expect(await get('/jobs')).toBe('first');
    rmSync(join(folder, 'assets'), { recursive: true });
    rmSync(join(folder, 'index.html'));
    expect([await get('/jobs'), await get('/assets/main-1.js')]).toEqual(['first', 'export {};']);
    build('second', 'main-2.js');
    expect([await get('/jobs'), await get('/assets/main-1.js')]).toEqual(['second', 'export {};']);
    // Written after its page was read.
    writeFileSync(join(folder, 'assets', 'late-3.js'), 'export {};');
    expect((await app.request('/assets/late-3.js')).status).toBe(200);
    rmSync(folder, { recursive: true });
  });

  test('an unknown API address is a problem, not a page; the wrong method says so', async () => {
    const unknown = await platform.app.request('/api/nothing');
    expect(unknown.status).toBe(404);
    expect(unknown.headers.get('content-type')).toBe('application/problem+json');
    expect((await platform.app.request('/api/login', { method: 'DELETE' })).status).toBe(405);
  });
});

describe('health and metrics', () => {
  test('readyz says each check to an Administrator only, and a check that hangs fails', async () => {
    const checks = {
      log: async () => 'seq 7',
      tables: async () => {
        throw new Error('connection refused');
      },
      fold: () => new Promise<null>(() => undefined),
    };
    const sick = await createPlatform({ deps: { checks } });
    const anyone = await sick.app.request('/readyz');
    expect(anyone.status).toBe(503);
    expect(await anyone.json()).toEqual({ status: 'not-ready' });
    const admin = await sick.app.request(
      '/readyz',
      { headers: { authorization: `Bearer ${LOCAL_TOKEN}` } },
      { remoteAddress: '127.0.0.1' },
    );
    expect(await admin.json()).toEqual({
      status: 'not-ready',
      checks: [
        { name: 'log', ok: true, detail: 'seq 7' },
        { name: 'tables', ok: false, detail: 'connection refused' },
        { name: 'fold', ok: false, detail: 'no answer within 2000 ms' },
      ],
    });
    expect((await platform.app.request('/readyz')).status).toBe(200);
    expect((await platform.app.request('/livez')).status).toBe(200);
  });

  test('metrics count by route template with an exact 50 ms bucket and never name anybody', async () => {
    await platform.as('analyst', 'GET', '/api/customers/some-private-id');
    await platform.as('analyst', 'POST', '/api/customers/lookup', { customer_id: 'some-private-id' });
    await platform.as('analyst', 'POST', '/api/predict/churn', { customer_id: 'some-private-id' });
    await platform.app.request('/some-private-page');
    const text = await (await createMetricsApp(platform.deps.metrics).request('/metrics')).text();
    const labels = 'method="GET",route="/api/customers/:ref",status="400"';
    expect(text).toContain(`http_request_duration_seconds_bucket{le="0.05",${labels}} `);
    expect(text).toContain(`http_request_duration_seconds_count{${labels}} 1\n`);
    expect(text).toContain('route="console"');
    expect(text).not.toContain('some-private');
  });
});
