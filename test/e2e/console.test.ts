// The console in a real browser against the real server with its demo: what a person does in the first minutes.
// Needs Debian's chromium (AXIOM47_CHROMIUM names another one); without it the test is skipped and says so.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { BrowserContext, Page, Response } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { buildConsole, faultsOf, openBrowser, SLOW, withoutBrowser as without } from '../support/browser.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const ACCOUNT = { email: 'ada@example.org', password: 'quartz lantern 47 meadow' };

interface Started {
  url: string;
  setupUrl: string;
}

describe.skipIf(without !== '')(`console${without}`, SLOW, () => {
  let folder: string;
  let server: ChildProcess;
  let started: Started;
  let context: BrowserContext;
  let page: Page;
  /** Words of the browser's console and failed requests; any is a failure of the test that made it. */
  let complaints: string[] = [];

  const open = async (path: string) => {
    await page.goto(started.url + path);
  };
  /** The address of a customer's page: ids are in bodies only. */
  const pageOf = async (customer_id: string) => {
    const answer = await page.request.post(`${started.url}/api/customers/lookup`, {
      data: { customer_id },
      headers: { origin: started.url },
    });
    return `/customers/${((await answer.json()) as { ref: string }).ref}`;
  };
  const text = (selector: string) => page.locator(selector).first().innerText();
  const figure = (name: string) =>
    page.locator('.kpi', { hasText: new RegExp(`^${name.replace(/[()]/g, '\\$&')}`) }).locator('b');

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'axiom47-console-'));
    // The very build that is served, so that the page's policy and the assets' names are tested too.
    buildConsole();
    const args = [
      'ops/axiom47.ts',
      'serve',
      '--demo',
      '--still',
      '--json',
      '--port',
      '0',
      '--data-dir',
      join(folder, 'demo'),
    ];
    server = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let errors = '';
    server.stderr!.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    started = await new Promise<Started>((resolve, reject) => {
      server.once('exit', (code) => reject(new Error(`the server ended with ${code}:\n${errors}`)));
      createInterface(server.stdout!).once('line', (line) => resolve(JSON.parse(line) as Started));
    });
    ({ context, page } = await openBrowser(folder, started.url, (words) => complaints.push(words)));
  }, 180_000);

  afterAll(async () => {
    await context?.close();
    if (server && server.exitCode === null) {
      server.kill('SIGTERM');
      await once(server, 'exit');
    }
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  afterEach(() => {
    const heard = complaints;
    complaints = [];
    expect(heard).toEqual([]);
  });

  test('a visitor may watch the demo being filled, and the plot comes by itself', async () => {
    await open('/');
    const plot = page.getByRole('img', { name: /^Cumulative repeat purchases by week/ });
    const filling = page.getByRole('heading', { name: 'Filling the demo' });
    await plot.or(filling).waitFor();
    const seen = await filling.isVisible();
    if (seen)
      expect(await page.locator('.steps').innerText()).toMatch(/Events[\s\S]*Ledgers[\s\S]*Models[\s\S]*Scores/);
    console.log(seen ? 'the demo was still being filled' : 'the demo was full already');
    await plot.waitFor();
  });

  test('a visitor sees the demo’s totals, live, and nothing of anybody', async () => {
    await open('/');
    await page.getByText('Live', { exact: true }).waitFor();
    expect(await figure('Customers').innerText()).toBe('5,000');
    expect(Number((await figure('Events').first().innerText()).replaceAll(',', ''))).toBeGreaterThan(30_000);
    expect(await figure('Churn rate').innerText()).toMatch(/^\d\d\.\d/);
    expect(await text('.as-of')).toMatch(/#\d[\d,]* · /);
    await page.locator('.rail').getByRole('link', { name: 'Customers' }).click();
    await page.getByText('Sign in to see customers').waitFor();
  });

  test('the tracking plot is drawn, said in words, and the same as its table', async () => {
    await open('/');
    const plot = page.getByRole('img', { name: /^Cumulative repeat purchases by week/ });
    await plot.waitFor();
    for (const series of ['actual', 'expected', 'truth'])
      expect(await plot.locator(`[data-series=${series}]`).getAttribute('d')).toMatch(/^M[\d.]+,[\d.]+L/);
    await page.getByRole('group', { name: /^Tracking plot/ }).focus();
    await page.keyboard.press('End');
    const tip = await text('.tip');
    await page.getByRole('button', { name: /as table/ }).click();
    const last = page.locator('.tscroll tbody tr').last();
    const cells = await last.locator('td').allInnerTexts();
    expect(cells).toHaveLength(4);
    for (const cell of cells) expect(tip).toContain(cell);
    expect(await page.locator('.tscroll tbody tr').count()).toBeGreaterThan(70);
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: /as CSV/ }).click();
    expect((await download).suggestedFilename()).toBe('tracking.csv');
  });

  test('the set-up link makes the first Administrator and signs in', async () => {
    await open(started.setupUrl.replace(started.url, ''));
    await page.getByLabel('E-mail').fill(ACCOUNT.email);
    await page.getByLabel('Password').fill('short');
    await page.getByRole('button', { name: 'Create Administrator' }).click();
    await page.getByText('choose at least 12 characters').waitFor();
    complaints = complaints.filter((words) => !words.includes('400 (Bad Request)'));
    await page.getByLabel('Password').fill(ACCOUNT.password);
    await page.getByRole('button', { name: 'Create Administrator' }).click();
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    expect(new URL(page.url()).search).toBe('');
    expect(await text('.rail footer')).toContain('Administrator');
  });

  test('signing out closes the customers; signing in leads back to where one was', async () => {
    await open('/customers?sort=clv');
    await page.locator('table.customers').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('Sign in to see customers').waitFor();
    await page.locator('main').getByRole('link', { name: 'Sign in' }).click();
    await page.getByLabel('E-mail').fill(ACCOUNT.email);
    await page.getByLabel('Password').fill(ACCOUNT.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.locator('table.customers').waitFor();
    expect(page.url()).toBe(`${started.url}/customers?sort=clv`);
  });

  test('customers are sorted by the server, and the address carries it through reload and back', async () => {
    await open('/customers');
    await page.getByRole('button', { name: /^CLV/ }).click();
    await page.waitForURL('**/customers?sort=clv');
    const values = async () => {
      await page.locator('th[aria-sort=descending]', { hasText: 'CLV' }).waitFor();
      await page.locator('main [aria-busy=false] tbody td.clv').first().waitFor();
      const cells = await page.locator('tbody td.clv').allInnerTexts();
      return cells.slice(0, 12).map((cell) => Number(/€([\d,.]+)/.exec(cell)![1]!.replaceAll(',', '')));
    };
    const first = await values();
    expect(first).toEqual([...first].sort((a, b) => b - a));
    await page.reload();
    expect(await values()).toEqual(first);
    await page.getByRole('link', { name: 'Next 200' }).click();
    await page.waitForURL('**cursor=**');
    await expect.poll(async () => (await values())[0]! <= first.at(-1)!).toBe(true);
    await page.goBack();
    await expect.poll(values).toEqual(first);
    await page.getByRole('button', { name: /^Orders/ }).click();
    await page.waitForURL('**/customers?sort=orders');
  });

  test('only the rows in view exist, and scrolling brings the others', async () => {
    await open('/customers');
    await page.locator('tbody tr[data-index="0"]').waitFor();
    expect(await page.locator('tbody tr[data-index]').count()).toBeLessThan(80);
    await page.locator('.vscroll').evaluate((element) => element.scrollTo(0, element.scrollHeight));
    await page.locator('tbody tr[data-index="199"]').waitFor();
  });

  test('search asks the server, keeps the question through reload and out of the address, and says when nothing is found', async () => {
    await open('/customers');
    await page.getByLabel('Search customers').fill('demo-0240');
    await expect.poll(() => page.locator('tbody tr[data-index]').count()).toBe(10);
    for (const id of await page.locator('.idlink').allInnerTexts()) expect(id.startsWith('demo-0240')).toBe(true);
    await page.reload();
    await expect.poll(() => page.locator('tbody tr[data-index]').count()).toBe(10);
    expect(page.url()).toBe(`${started.url}/customers`);
    expect(await page.getByLabel('Search customers').inputValue()).toBe('demo-0240');
    await page.getByLabel('Search customers').fill('nobody');
    await page.getByText('No customer id begins with nobody').waitFor();
  });

  test('keys: / jumps to a customer, g h goes home, ? lists them', async () => {
    await open('/');
    await page.getByText('Live', { exact: true }).waitFor();
    await page.keyboard.press('/');
    await page.getByRole('combobox').fill('demo-02400');
    await page.getByRole('option', { name: /demo-02400/ }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'demo-02400' }).waitFor();
    // The address names the pseudonym, not the customer.
    expect(decodeURIComponent(new URL(page.url()).pathname)).toMatch(/^\/customers\/sid:[0-9a-f]{32}$/);
    // The second key counts for a moment only: on a busy machine they may come too far apart.
    await expect
      .poll(async () => {
        await page.keyboard.press('g');
        await page.keyboard.press('h');
        return new URL(page.url()).pathname;
      })
      .toBe('/');
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  });

  test('the customer page shows the digits of the API, with interval and saw-tooth', async () => {
    await open(await pageOf('demo-02400'));
    await page.getByRole('img', { name: /^Probability that the customer is still buying/ }).waitFor();
    const answer = await page.evaluate(async () => {
      const response = await fetch('/api/predict/churn', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ customer_id: 'demo-02400' }),
      });
      return (await response.json()) as { p_churn: number; p_alive: number };
    });
    expect((await figure('Churn risk').innerText()).replace(/\s/g, '')).toBe(`${(answer.p_churn * 100).toFixed(1)}%`);
    expect((await figure('P(alive)').innerText()).replace(/\s/g, '')).toBe(`${(answer.p_alive * 100).toFixed(1)}%`);
    expect(await page.locator('.kpi', { hasText: 'CLV' }).locator('.iv').innerText()).toMatch(/^€[\d,]+–[\d,]+$/);
    expect(await page.locator('[data-series=p-alive]').getAttribute('d')).toMatch(/L/);
    expect(await page.locator('[data-series=forecast]').getAttribute('d')).toMatch(/L/);
    await page.getByText(/P\(no spend\) \d/).waitFor();
    await page.getByRole('button', { name: 'Copy score id' }).waitFor();
    expect(await page.getByRole('button', { name: 'Copy score id' }).getAttribute('aria-disabled')).toBeNull();
  });

  test('the as-of slider asks the same of an earlier moment, and the present comes back', async () => {
    await open(await pageOf('demo-02400'));
    const orders = figure('Orders');
    const now = Number(await orders.innerText());
    const slider = page.getByRole('slider', { name: 'As of' });
    await slider.focus();
    await page.keyboard.press('Home');
    await page.waitForURL('**?as_of=2*');
    await expect.poll(async () => Number(await orders.innerText())).toBeLessThan(now);
    await page.getByText(/Prior-led, n 1|No purchase by this moment/).waitFor();
    expect(await page.locator('.as-of.past').innerText()).toContain('as of');
    expect(await text('.live')).toBe('Paused');
    const first = await slider.getAttribute('aria-valuenow');
    await page.keyboard.press('Shift+ArrowRight');
    await expect.poll(() => slider.getAttribute('aria-valuenow')).toBe(String(Number(first) + 1));
    await page.getByRole('button', { name: 'Present' }).click();
    await expect.poll(async () => Number(await orders.innerText())).toBe(now);
    expect(new URL(page.url()).search).toBe('');
  });

  test('an order sent now changes the open page by itself', async () => {
    await open(await pageOf('demo-02400'));
    await page.getByText('Live', { exact: true }).waitFor();
    const orders = figure('Orders');
    const before = Number(await orders.innerText());
    const risk = await figure('Churn risk').innerText();
    const sent = await page.evaluate(async () => {
      const home = (await (await fetch('/api/home')).json()) as { as_of: { at: string } };
      const response = await fetch('/api/events', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          id: 'console-e2e-1',
          type: 'order.placed',
          customer_id: 'demo-02400',
          at: home.as_of.at,
          data: { order_id: 'console-e2e-1', amount: '47.00', currency: 'EUR' },
        }),
      });
      return { status: response.status, body: await response.text() };
    });
    expect(sent).toMatchObject({ status: 202 });
    await expect.poll(async () => Number(await orders.innerText()), { interval: 25 }).toBe(before + 1);
    expect(await figure('Churn risk').innerText()).not.toBe(risk);
    expect(await page.locator('.ev').innerText()).toContain('€47.00');
    expect(await orders.getAttribute('class')).toContain('flash');
  });

  test('an unknown customer gets a prior-led estimate, not a blank', async () => {
    await open('/customers');
    await page.getByLabel('Search customers').fill('never-seen');
    await page.getByText('No customer id begins with never-seen').waitFor();
    await page.getByText(/Prior-led, n 0/).waitFor();
    expect(await figure('Churn risk').innerText()).toMatch(/^\d\d\.\d/);
    await open(`/customers/sid:${'00'.repeat(16)}`);
    await page.getByText('No event of this customer is known').waitFor();
    complaints = complaints.filter((words) => !words.includes('404 (Not Found)'));
  });

  test('an address that does not exist says so, and leads to the pages there are', async () => {
    for (const path of ['/dashboard', '/jobs/none/such', '/customers/jane@example.org']) {
      expect((await page.goto(started.url + path))!.status()).toBe(404);
      await page.getByRole('heading', { name: 'There is no such page' }).waitFor();
      expect(await faultsOf(page), path).toEqual([]);
    }
    complaints = complaints.filter((words) => !words.includes('404 (Not Found)'));
    await page.locator('.state').getByRole('link', { name: 'Jobs' }).click();
    await page.waitForURL(`${started.url}/jobs`);
  });

  test('narrow screens get a bottom bar, nothing wider than the screen, and controls with names', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    for (const path of ['/', '/customers?sort=clv', await pageOf('demo-02400'), '/login']) {
      await open(path);
      await page
        .locator(path === '/login' ? 'form' : 'main .panel')
        .first()
        .waitFor();
      await page.locator('.sk').first().waitFor({ state: 'detached' });
      if (path !== '/login') await page.locator('.mtabs').waitFor();
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(wide, `${path} is ${wide} px too wide`).toBeLessThanOrEqual(0);
    }
    // What is wider than its place says so at its edge, and the keyboard reaches it.
    await open('/');
    const command = page.getByRole('region', { name: 'Command, scrolls sideways' });
    await command.waitFor();
    const edges = command.locator('..');
    expect(await edges.getAttribute('class')).toBe('edges more-right');
    await command.focus();
    await expect
      .poll(async () => {
        await page.keyboard.press('ArrowRight');
        return await edges.getAttribute('class');
      })
      .toBe('edges more-left');
    await page.setViewportSize({ width: 1440, height: 1000 });
  });

  test('every control has a name, every picture words, every page one heading and a main part', async () => {
    for (const path of ['/', '/customers', await pageOf('demo-02400'), '/login']) {
      await open(path);
      await page.locator('h1').waitFor();
      await page.locator('.sk').first().waitFor({ state: 'detached' });
      const faults = await faultsOf(page);
      expect(faults, path).toEqual([]);
    }
  });

  test('the theme can be pinned, and stays pinned over a reload', async () => {
    await open('/');
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    await page.getByRole('button', { name: 'Theme: system' }).click();
    await page.getByRole('button', { name: 'Theme: light' }).click();
    await page.getByRole('button', { name: 'Theme: dark' }).waitFor();
    expect(await background()).not.toBe(light);
    await page.reload();
    await page.getByRole('button', { name: 'Theme: dark' }).click();
    expect(await background()).toBe(light);
  });

  test('the first load stays under 220 kB as compressed', async () => {
    const { gzipSync } = await import('node:zlib');
    const sizeOf = async (response: Response) => {
      const { pathname } = new URL(response.url());
      const body = await response.body();
      return { url: pathname, bytes: pathname.endsWith('.woff2') ? body.length : gzipSync(body).length };
    };
    const coming: ReturnType<typeof sizeOf>[] = [];
    const fresh = await context.newPage();
    fresh.on('response', (response) => {
      const url = new URL(response.url());
      if (url.origin === started.url && !url.pathname.startsWith('/api/')) coming.push(sizeOf(response));
    });
    await fresh.goto(started.url);
    await fresh.getByRole('img', { name: /^Cumulative repeat purchases/ }).waitFor();
    await fresh.evaluate(() => document.fonts.ready);
    const fetched = await Promise.all(coming);
    const total = fetched.reduce((sum, file) => sum + file.bytes, 0);
    console.log(`first load: ${(total / 1000).toFixed(1)} kB gz in ${fetched.length} files`);
    await fresh.close();
    expect(fetched.some(({ url }) => url.endsWith('.woff2'))).toBe(true);
    expect(total).toBeLessThan(220_000);
  });
});
