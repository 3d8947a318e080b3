// The built console (ui/dist), read into memory once: what is not in the map is not served, so no path leads anywhere else. The addresses of
// its pages get index.html, because the console keeps its state in the URL.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.json': 'application/json',
  '.woff2': 'font/woff2',
  '.webmanifest': 'application/manifest+json',
  '.txt': 'text/plain; charset=utf-8',
};
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const SECURITY = {
  'content-security-policy': CSP,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
};
/** Vite names assets by their content. */
const IMMUTABLE = 'public, max-age=31536000, immutable';

/** The pages of the console as ui/views/catalogue.ts routes them; a customer is named by the reference, never by an id. */
const PAGES =
  /^\/(customers(\/sid(:|%3A)[0-9a-f]{32})?|jobs(\/new|\/schedules(\/new)?|\/[0-9a-f]{32})?|models(\/compare|\/[A-Za-z0-9_-]{1,80}\/\d{1,9}(\/[a-z]{1,20})?)?|login|setup)?\/?$/i;

interface File {
  bytes: Uint8Array<ArrayBuffer>;
  type: string;
  cache: string;
}

const missing = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>Axiom47</title></head><body>
<h1>The console is not built yet</h1><p>Run <code>npm run build:ui</code>; this page looks again every few seconds. The API works without it:
<a href="/docs">API documentation</a>.</p></body></html>`;

function readAll(folder: string, prefix = ''): Map<string, File> {
  const files = new Map<string, File>();
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = `${prefix}/${entry.name}`;
    if (entry.isDirectory()) for (const [name, file] of readAll(join(folder, entry.name), path)) files.set(name, file);
    else if (entry.isFile())
      files.set(path, {
        bytes: new Uint8Array(readFileSync(join(folder, entry.name))),
        type: TYPES[extname(entry.name)] ?? 'application/octet-stream',
        cache: path.startsWith('/assets/') ? IMMUTABLE : 'no-cache',
      });
  }
  return files;
}

export function createConsole(uiDir: string) {
  let files: Map<string, File> | null = null;
  let builtAt = '';

  /**
   * Read again after a new build; two stats a page load. While a build is under way, and has emptied the folder, what was read before is served;
   * and older assets stay known, because a page that is open asks for its own.
   */
  function current(): Map<string, File> | null {
    const [page, assets] = ['index.html', 'assets'].map((name) =>
      statSync(join(uiDir, name), { throwIfNoEntry: false }),
    );
    if (!page) return files;
    const built = `${page.mtimeMs} ${assets?.mtimeMs}`;
    if (!files || built !== builtAt) {
      files = new Map([...(files ?? []), ...readAll(uiDir)]);
      builtAt = built;
    }
    return files;
  }

  /** Null when the address is neither a page nor a file of the console. */
  return (path: string): Response | null => {
    const all = current();
    const found = all?.get(path);
    if (!found && !PAGES.test(path)) return null;
    if (!all)
      return new Response(missing, {
        status: 503,
        headers: { ...SECURITY, 'content-type': TYPES['.html']!, 'cache-control': 'no-store' },
      });
    const file = found ?? all.get('/index.html')!;
    return new Response(file.bytes, {
      headers: { ...SECURITY, 'content-type': file.type, 'cache-control': file.cache },
    });
  };
}
