// A real browser for tests of the console: Debian's chromium (AXIOM47_CHROMIUM names another one), the build that is served, and what every page
// must keep: names for controls, one heading, nothing wider than the screen, no word on the browser's console.
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
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
    if (message.type() === 'error' || message.type() === 'warning') complain(message.text());
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

/** What a reader by ear or by keyboard would miss on the page; and, for each text, too little contrast with what is behind it. */
export const faultsOf = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const found: string[] = [];
    const nameOf = (element: Element): string =>
      element.getAttribute('aria-label') ??
      ((element as HTMLElement).innerText?.trim() ||
        (element as HTMLInputElement).labels?.[0]?.textContent?.trim() ||
        element.getAttribute('title') ||
        '');
    for (const element of document.querySelectorAll(
      'button, a[href], input, select, textarea, [role=button], [role=slider], [role=group], [role=img], [role=option], [role=progressbar], [role=dialog], dialog[open], section',
    )) {
      if (!element.checkVisibility()) continue;
      if (nameOf(element) === '') found.push(`no name: ${element.outerHTML.slice(0, 120)}`);
    }
    const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
    if (new Set(ids).size !== ids.length) found.push('an id stands twice');
    if (document.querySelectorAll('h1').length !== 1) found.push('not one h1');
    if (document.querySelectorAll('main').length !== 1) found.push('not one main');
    if (document.documentElement.lang !== 'en') found.push('no language');
    if (document.title === 'Axiom47') found.push('no title of its own');
    for (const table of document.querySelectorAll('table'))
      if (table.querySelector('thead') && [...table.querySelectorAll('th')].some((th) => th.scope !== 'col'))
        found.push('a column head without scope');
    for (const name of ['aria-labelledby', 'aria-describedby', 'aria-controls'])
      for (const element of document.querySelectorAll(`[${name}]`))
        for (const id of element.getAttribute(name)!.split(/\s+/))
          if (!document.getElementById(id)) found.push(`${name} names nothing: ${id}`);
    for (const inner of document.querySelectorAll(
      ':is(button, a[href], [role=button]) :is(button, a[href], input, select)',
    ))
      found.push(`a control within a control: ${inner.outerHTML.slice(0, 80)}`);
    for (const element of document.querySelectorAll<HTMLElement>('main *')) {
      if (!/auto|scroll/.test(getComputedStyle(element).overflowY) || element.scrollHeight <= element.clientHeight + 1)
        continue;
      const reached = element.tabIndex >= 0 || element.querySelector('a[href], button, [tabindex="0"]') !== null;
      if (!reached) found.push(`scrolls, but not by keyboard: ${element.className}`);
    }
    // WCAG 2.2, 1.4.3: relative luminance of the text against the nearest opaque background.
    const rgba = (text: string): [number, number, number, number] => {
      const [r = 0, g = 0, b = 0, a = 1] = (text.match(/[\d.]+/g) ?? []).map(Number);
      return [r, g, b, a];
    };
    const luminance = ([r, g, b]: readonly number[]): number => {
      const [x, y, z] = [r!, g!, b!].map((value) => {
        const share = value / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * x! + 0.7152 * y! + 0.0722 * z!;
    };
    const behind = (element: Element | null): number => {
      for (let at = element; at; at = at.parentElement) {
        const colour = rgba(getComputedStyle(at).backgroundColor);
        if (colour[3] === 1) return luminance(colour);
      }
      return 1;
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const element = node.parentElement!;
      if (
        !node.textContent?.trim() ||
        !element.checkVisibility() ||
        element.closest('svg, option, .sr, .skip, :disabled')
      )
        continue;
      const [text, ground] = [luminance(rgba(getComputedStyle(element).color)), behind(element)];
      const ratio = (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
      if (ratio < 4.5) found.push(`contrast ${ratio.toFixed(2)}: ${node.textContent.trim().slice(0, 40)}`);
    }
    return found;
  });
