// The API's own description and a page to try it out, from this machine alone: no CDN, no inline script.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { z } from '@hono/zod-openapi';
import { Problem } from './problem.ts';
import { createRouter, route } from './route.ts';

const page = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Axiom47 API</title><link rel="stylesheet" href="/docs/swagger-ui.css"><link rel="icon" href="data:,"></head>
<body><div id="swagger-ui"></div><script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>`;
const start = `window.ui = SwaggerUIBundle({ url: '/openapi.json', dom_id: '#swagger-ui', deepLinking: true, validatorUrl: null, tryItOutEnabled: true });`;
/** Swagger UI sets style attributes; scripts come from here only, and nothing else may be loaded or framed. */
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const headers = (type: string, cache: string) => ({
  'content-type': type,
  'cache-control': cache,
  'content-security-policy': CSP,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
});
const DAY = 'public, max-age=86400';

export function docsRoutes(openApi: () => object) {
  const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  // The only files served; a name that is not here is not looked for.
  const files: Record<string, { type: string; read: () => string }> = {
    'swagger-ui.css': {
      type: 'text/css; charset=utf-8',
      read: () => readFileSync(join(folder, 'swagger-ui.css'), 'utf8'),
    },
    'swagger-ui-bundle.js': {
      type: 'text/javascript; charset=utf-8',
      read: () => readFileSync(join(folder, 'swagger-ui-bundle.js'), 'utf8'),
    },
    'start.js': { type: 'text/javascript; charset=utf-8', read: () => start },
  };
  let description: string | null = null;
  return createRouter()
    .openapi(
      route({
        method: 'get',
        path: '/openapi.json',
        permission: 'public',
        hide: true,
        responses: { 200: { description: 'OpenAPI 3.1' } },
      }),
      (c) => {
        description ??= JSON.stringify(openApi());
        return c.body(description, 200, { 'content-type': 'application/json', 'cache-control': 'no-cache' });
      },
    )
    .openapi(
      route({
        method: 'get',
        path: '/docs',
        permission: 'public',
        hide: true,
        responses: { 200: { description: 'HTML' } },
      }),
      (c) => c.body(page, 200, headers('text/html; charset=utf-8', 'no-cache')),
    )
    .openapi(
      route({
        method: 'get',
        path: '/docs/{file}',
        permission: 'public',
        hide: true,
        request: { params: z.object({ file: z.string().max(64) }) },
        responses: { 200: { description: 'A file of the page' } },
      }),
      (c) => {
        const name = c.req.valid('param').file;
        const file = Object.hasOwn(files, name) ? files[name] : undefined;
        if (!file) throw new Problem('not-found', 'there is no such file');
        return c.body(file.read(), 200, headers(file.type, DAY));
      },
    );
}
