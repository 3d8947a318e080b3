// The console over subscribers, in a real browser against the real server: what its suites share. Whatever the browser complains of fails the test that
// made it.
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { buildConsole, faultsOf, openBrowser, tooWide } from './browser.ts';
import { fixture } from './histories.ts';
import { type Program, removeFolders, serve, temporaryFolder } from './program.ts';

export const ADMIN = { email: 'ada@example.org', password: 'quartz lantern 47 meadow' };
export const ANALYST = { email: 'bob@example.org', password: 'violet tram under rain 47' };
const START_MS = 240_000;
const END_MS = 60_000;

/** Within `describe`: starts server and browser before its tests. @param prepare what else the log holds by then. */
export function consoleOfSubscribers(
  name: string,
  prepare: (program: Program) => Promise<unknown> = async () => undefined,
) {
  const folder = temporaryFolder(name);
  let program: Program;
  let context: BrowserContext | undefined;
  let page: Page;
  let complaints: string[] = [];
  let forgiven: string[] = [];

  beforeAll(async () => {
    buildConsole();
    program = await serve(['--empty', '--currency', 'USD', '--data-dir', join(folder, 'data')]);
    const table = ['--kind', 'subscription', '--snapshot', '2024-01-01', '--currency', 'USD', '--attributes', 'all'];
    const columns = ['--customer', 'customer_id', '--tenure', 'tenure_months:months', '--ended', 'churned=1'];
    const names = ['--amount', 'monthly_charge', '--name', 'contract'];
    await program.json(['import', fixture('churn.csv'), ...table, ...columns, ...names]);
    await prepare(program);
    for (const [account, role] of [
      [ADMIN, 'admin'],
      [ANALYST, 'analyst'],
    ] as const)
      await program.call('POST', '/api/users', { ...account, role });
    ({ context, page } = await openBrowser(folder, program.served.url, (words) => complaints.push(words)));
  }, START_MS);
  afterAll(async () => {
    await context?.close();
    await removeFolders();
  }, END_MS);
  afterEach(() => {
    const heard = complaints.filter((words) => !forgiven.some((each) => words.includes(each)));
    complaints = [];
    forgiven = [];
    expect(heard).toEqual([]);
  });

  const open = (path: string) => page.goto(program.served.url + path);
  return {
    get program() {
      return program;
    },
    get page() {
      return page;
    },
    open,
    /** What the browser says of this answer is meant, as often as this test hears it: what was typed may have been asked twice. */
    forgive: (words: string) => {
      forgiven.push(words);
    },
    async signIn({ email, password }: typeof ADMIN) {
      await open('/login');
      await page.getByLabel('E-mail').fill(email);
      await page.getByLabel('Password').fill(password);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('button', { name: 'Sign out' }).waitFor();
    },
    async signOut() {
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByRole('link', { name: 'Sign in' }).first().waitFor();
    },
    /**
     * Each page in both themes and on a telephone: nothing too wide, nothing without a name or below its contrast.
     * @param cards of the pages, those whose tables are cards on a telephone: nothing of them is cut there, and it is read by ear like the others.
     */
    async sweep(paths: readonly string[], cards: readonly string[] = []) {
      for (const colorScheme of ['light', 'dark'] as const)
        for (const path of paths) {
          await page.emulateMedia({ colorScheme });
          await open(path);
          await page.locator('main .panel').first().waitFor();
          await page.locator('.sk').first().waitFor({ state: 'detached' });
          expect(await faultsOf(page), `${path} ${colorScheme}`).toEqual([]);
          await page.setViewportSize({ width: 390, height: 844 });
          await expect.poll(() => tooWide(page), { message: path }).toBeLessThanOrEqual(0);
          if (colorScheme === 'light' && cards.includes(path)) {
            await page.locator('table.cards tbody tr').first().waitFor();
            expect(await page.locator('.scroll[role=region]:has(table.cards)').count(), path).toBe(0);
            expect(await faultsOf(page), `${path}, on a telephone`).toEqual([]);
          }
          await page.setViewportSize({ width: 1440, height: 1000 });
        }
      await page.emulateMedia({ colorScheme: 'light' });
    },
  };
}
