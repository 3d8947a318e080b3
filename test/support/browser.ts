// A real browser for tests of the console: Debian's chromium (AXIOM47_CHROMIUM names another one), the build that is served, and what every page
// must keep: names for controls, one heading, nothing wider than the screen, no word on the browser's console.
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type Axe from 'axe-core';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

const root = fileURLToPath(new URL('../..', import.meta.url));
const browser = process.env.AXIOM47_CHROMIUM ?? '/usr/bin/chromium';
/** How long a suite waits for what must come, in ms: far more than a quiet machine needs; only a failure takes so long. */
export const PATIENCE_MS = 60_000;
/** Of a suite with a browser: several waits a test. */
export const SLOW = { timeout: 3 * PATIENCE_MS };
/** For the title of a suite that is skipped; empty when there is a browser. */
export const withoutBrowser = existsSync(browser) ? '' : ` (skipped: no chromium at ${browser}; set AXIOM47_CHROMIUM)`;

/** When something below was written last, in ms. */
const newest = (path: string): number => {
  const { mtimeMs } = statSync(path);
  if (!statSync(path).isDirectory()) return mtimeMs;
  const below = readdirSync(path).filter((name) => name !== 'dist');
  return Math.max(...below.map((name) => newest(join(path, name))));
};

/**
 * The very build that is served, so that the page's policy and the assets' names are tested too. It is made elsewhere and moved in with its entry
 * last: another suite's server is never without a console. Nothing is done when the build is newer than what it is made of.
 */
export function buildConsole(): void {
  const dist = join(root, 'ui', 'dist');
  const built = statSync(join(dist, 'index.html'), { throwIfNoEntry: false });
  // Of the API the console knows types only.
  if (built && ['ui', 'domain', 'package-lock.json'].every((path) => newest(join(root, path)) < built.mtimeMs)) return;
  const made = mkdtempSync(join(tmpdir(), 'axiom47-ui-'));
  const vite = ['node_modules/vite/bin/vite.js', 'build', '--config', 'ui/vite.config.ts', '--outDir', made];
  execFileSync(process.execPath, [...vite, '--emptyOutDir'], { cwd: root, stdio: 'pipe' });
  cpSync(made, dist, { recursive: true, filter: (from) => basename(from) !== 'index.html' });
  const entry = join(dist, `index.html.${process.pid}`);
  copyFileSync(join(made, 'index.html'), entry);
  renameSync(entry, join(dist, 'index.html'));
  rmSync(made, { recursive: true });
}

/** @param complain is told every error and warning of the browser's console, and each request to a foreign host. */
export async function openBrowser(
  folder: string,
  origin: string,
  complain: (words: string) => void,
): Promise<{ context: BrowserContext; page: Page }> {
  const context = await chromium.launchPersistentContext(join(folder, 'profile'), {
    executablePath: browser,
    headless: true,
    viewport: { width: 1440, height: 1000 },
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on('console', (message) => {
    // A busy server may ask for patience; the browser writes it down, and the console asks again.
    if (message.text().includes('503 (Service Unavailable)')) return;
    // What was not loaded is named by its address alone.
    if (message.type() === 'error' || message.type() === 'warning')
      complain(`${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (error) => complain(String(error)));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.origin !== origin) complain(`foreign host ${request.url()}`);
  });
  return { context, page };
}

/** How many pixels the page is wider than the screen. */
export const tooWide = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

let axe: string | null = null;

/**
 * What a reader by ear or by keyboard would miss on the page, too little contrast included: axe-core by WCAG 2.2 A and AA and its advice, and what it
 * does not ask. Empty when nothing is missed.
 */
export async function faultsOf(page: Page): Promise<string[]> {
  axe ??= readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
  // As the debugger does: the page's own policy stays as it is.
  await page.evaluate(axe);
  return await page.evaluate(async () => {
    const { run } = (globalThis as unknown as { axe: typeof Axe }).axe;
    const { violations } = await run(document, {
      resultTypes: ['violations'],
      // It takes a mark drawn with letters, hidden from readers, for words.
      rules: { 'label-content-name-mismatch': { enabled: false } },
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    });
    const found = violations.flatMap(({ id, help, nodes }) =>
      nodes.map(
        ({ html, failureSummary = '' }) => `${id}: ${help}: ${html.slice(0, 160)} ${failureSummary.slice(0, 200)}`,
      ),
    );
    if (document.querySelectorAll('h1').length !== 1) found.push('not one h1');
    if (document.title === 'Axiom47') found.push('no title of its own');
    for (const table of document.querySelectorAll('table'))
      if (table.querySelector('thead') && [...table.querySelectorAll('th')].some((th) => th.scope !== 'col'))
        found.push('a column head without scope');
    return found;
  });
}
