// The console's jobs in a real browser against the real server, on subscribers and buyers: asked for once however often one presses, followed without a
// reload, cancelled, asked again; what is shown is what the API says.
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { PATIENCE_MS, SLOW, withoutBrowser } from '../support/browser.ts';
import { ADMIN, ANALYST, consoleOfSubscribers } from '../support/console.ts';
import { fixture } from '../support/histories.ts';
import type { Program } from '../support/program.ts';
import { type JobAnswer, jobsOf } from '../support/program-jobs.ts';

describe.skipIf(withoutBrowser !== '')(`jobs in the console${withoutBrowser}`, SLOW, () => {
  const place = consoleOfSubscribers('console-jobs');
  const { open, signIn, signOut, forgive, sweep } = place;
  let program: Program;
  let page: Page;
  beforeAll(() => {
    ({ program, page } = place);
  });
  const jobs = async (query = '') => (await program.call<{ items: JobAnswer[] }>('GET', `/api/jobs${query}`)).items;
  // biome-ignore lint/suspicious/noExplicitAny: results are compared field by field.
  const { job, ended } = jobsOf<any>(() => program, PATIENCE_MS);
  const state = (word: string) => page.locator('.head .status', { hasText: word }).waitFor();

  test('without an account there is nothing to see but the way in', async () => {
    await open('/jobs');
    await page.getByText('Sign in to see jobs').waitFor();
    await signIn(ADMIN);
  });

  test('the list is the API’s; its filter is in the address and stays through reload and back', async () => {
    await open('/jobs');
    const rows = page.locator('table.jobs tbody tr');
    await expect.poll(async () => (await rows.count()) - (await jobs()).length).toBe(0);
    await page.getByRole('group', { name: 'Kind' }).getByRole('button', { name: 'Score' }).click();
    await page.waitForURL('**/jobs?kind=score');
    await page.getByText('No job of this kind and state').waitFor();
    await page.getByRole('group', { name: 'Kind' }).getByRole('button', { name: 'Train' }).click();
    await page.getByRole('group', { name: 'State' }).getByRole('button', { name: 'Done' }).click();
    await page.waitForURL('**/jobs?kind=train&status=succeeded');
    const wanted = await jobs('?kind=train&status=succeeded');
    await expect.poll(() => rows.count()).toBe(wanted.length);
    await page.reload();
    await expect.poll(() => rows.count()).toBe(wanted.length);
    expect(await rows.first().getAttribute('data-job')).toBe(wanted[0]!.id);
    await page.goBack();
    await page.waitForURL('**/jobs?kind=train');
    expect(
      await page
        .getByRole('group', { name: 'State' })
        .getByRole('button', { name: 'Any state' })
        .getAttribute('aria-pressed'),
    ).toBe('true');
  });

  test('a job that somebody asks for appears in the open list by itself; under the pointer it is offered instead', async () => {
    await open('/jobs');
    const rows = page.locator('table.jobs tbody tr');
    await rows.first().waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    const before = await rows.count();
    await page.mouse.move(5, 5);
    const first = await program.call<JobAnswer>('POST', '/api/jobs/score', { dry_run: true });
    await page.locator(`tr[data-job="${first.id}"] .status`, { hasText: 'Done' }).waitFor();
    expect(await rows.count()).toBe(before + 1);
    await rows.first().hover();
    const second = await program.call<JobAnswer>('POST', '/api/jobs/score', { dry_run: true });
    await page.getByRole('button', { name: '1 new job, show' }).waitFor();
    expect(await rows.first().getAttribute('data-job')).toBe(first.id);
    await page.getByRole('button', { name: '1 new job, show' }).click();
    await page.locator(`tr[data-job="${second.id}"]`).waitFor();
    await ended(second.id);
  });

  test('customers under contract are listed with plan, price, time and state, the riskiest first', async () => {
    await open('/customers');
    await page.getByRole('columnheader', { name: 'Under contract' }).waitFor();
    expect(await page.getByRole('columnheader', { name: /CLV|Orders|Last purchase/ }).count()).toBe(0);
    await page.locator('th[aria-sort=descending]', { hasText: 'Churn risk' }).waitFor();
    const first = page.locator('tbody tr[data-index="0"]');
    const id = await first.locator('.idlink').innerText();
    const { items } = await program.call<{ items: { customer_id: string; subscription: Record<string, string> }[] }>(
      'POST',
      '/api/customers/search',
      { q: id, limit: 1 },
    );
    expect(items[0]!.customer_id).toBe(id);
    const { plan, price, days, ended } = items[0]!.subscription;
    const shown = (await first.innerText()).replaceAll('\u202f', ' ');
    for (const part of [plan!, `$${price}`, `${Number(days).toLocaleString('en-US')} d`, ended ? 'ended' : 'active'])
      expect(shown).toContain(part);
  });

  test('the form says beforehand what a training would find: the digits of the dry run', async () => {
    await open('/jobs/new?kind=train');
    // Nobody here buys: it begins with contracts, and says what cannot be trained.
    await page.getByRole('heading', { name: 'Ready to train' }).waitFor();
    expect(await page.getByLabel('Lost means').inputValue()).toBe('contractual');
    await page.getByText('Nobody here has bought, so neither can be trained.').waitFor();
    expect(await page.getByRole('option', { name: /^What each will be worth/ }).isDisabled()).toBe(true);
    const answer = await program.call<{
      checklist: { item: string; found: number }[];
      cutoffs: { lost: number; kept: number }[];
    }>('POST', '/api/jobs/train', { kind: 'churn-logistic', definition: 'contractual', dry_run: true });
    const shown = await page.locator('.checks').innerText();
    for (const { item, found } of answer.checklist) {
      expect(shown).toContain(item);
      expect(shown).toContain(found.toLocaleString('en-US'));
    }
    expect(await page.getByText('Labels that have matured').isVisible()).toBe(true);
  });

  test('pressed twice it is one training, followed to its end without a reload; its result is the API’s', async () => {
    await open(
      `/jobs/new?kind=train&params=${encodeURIComponent(JSON.stringify({ kind: 'churn-logistic', definition: 'contractual', cutoffs: 4, seed: 11 }))}`,
    );
    const before = (await jobs('?kind=train')).length;
    await page.locator('.jobform button[type=submit]').dblclick();
    await page.waitForURL(/\/jobs\/[0-9a-f]{32}$/);
    const id = page.url().split('/').at(-1)!;
    await state('Done');
    expect((await jobs('?kind=train')).length).toBe(before + 1);
    const { result, steps, params } = await job(id);
    expect(params).toMatchObject({ seed: 11, definition: 'contractual' });
    for (const step of steps) await page.locator(`[data-step="${step}"]`).waitFor();
    await page.getByRole('heading', { name: `${result.id} was registered` }).waitFor();
    const kpi = (name: string) => page.locator('.kpi', { hasText: new RegExp(`^${name}`) }).locator('b');
    expect(await kpi('AUC').innerText()).toBe(result.metrics.auc.toFixed(3));
    expect(await kpi('Brier').innerText()).toBe(result.metrics.brier.toFixed(4));
    expect(await page.locator('.log').innerText()).toContain('rows of 2024-01-01');
    const shown = result.metrics.reliability.filter(({ n }: { n: number }) => n >= 10).length;
    expect(await page.locator('[data-bin]').count()).toBe(shown);
    await expect.poll(() => page.getByRole('button', { name: 'Retry' }).getAttribute('aria-disabled')).toBe('true');
  });

  test('where churn is a silence, how many came back after each length of it', async () => {
    // From here on they also buy.
    await program.json(['import', fixture('clv_transactions.csv'), '--currency', 'USD']);
    await open('/jobs/new?kind=train');
    await page.locator('.checks').waitFor();
    await page.getByLabel('Lost means').selectOption('non-contractual');
    await page.getByText('What is below was asked with other parameters.').waitFor();
    await page.getByRole('button', { name: 'Check again' }).click();
    await page.getByRole('img', { name: /^After 14 days .* came back/ }).waitFor();
    await expect.poll(() => decodeURIComponent(page.url())).toContain('"definition":"non-contractual"');
  });

  test('a running job shows how far it is, is cancelled after a question, and goes on by a retry', async () => {
    // Behind another one, so that the page is there before it begins.
    const ahead = await program.call<JobAnswer>('POST', '/api/jobs/backtest', { horizon_days: 31, cutoffs: 12 });
    const { id } = await program.call<JobAnswer>('POST', '/api/jobs/backtest', { horizon_days: 30, cutoffs: 12 });
    await open(`/jobs/${id}`);
    await page.getByText('Live', { exact: true }).waitFor();
    await program.request('POST', `/api/jobs/${ahead.id}/cancel`);
    await page.getByRole('progressbar').waitFor();
    await page.getByRole('button', { name: 'Cancel…' }).click();
    const dialog = page.getByRole('dialog', { name: /^Cancel Backtest/ });
    await dialog.getByRole('button', { name: 'Close' }).click();
    expect((await job(id)).status).toBe('running');
    await page.getByRole('button', { name: 'Cancel…' }).click();
    await dialog.getByRole('button', { name: 'Cancel the job' }).click();
    await state('Cancelled');
    expect((await job(id)).status).toBe('cancelled');
    await page.getByRole('button', { name: 'Retry' }).click();
    await state('Done');
    await page.getByRole('button', { name: 'Attempt 1' }).click();
    await page.waitForURL('**?attempt=1');
    const { result } = await job(id);
    await page.getByText(`the rows of ${result.leakage.checked.toLocaleString('en-US')} customers`).waitFor();
    const [cutoff] = result.cutoffs;
    const row = page.locator('section[aria-label="Purchases foretold"] tbody tr').first();
    expect(await row.innerText()).toContain(cutoff.metrics.purchases.models[cutoff.metrics.served].mae.toFixed(3));
    const plot = page.getByRole('img', { name: /^Cumulative repeat purchases rise/ });
    expect(await plot.locator('[data-series=actual]').getAttribute('d')).toMatch(/^M[\d.]+,[\d.]+L/);
  });

  test('a training is asked for again from the step one chooses', async () => {
    const body = { kind: 'churn-logistic', definition: 'contractual', horizon_days: 3000 };
    const { id } = await program.call<JobAnswer>('POST', '/api/jobs/train', body);
    await open(`/jobs/${id}`);
    await state('Failed');
    await page.getByRole('button', { name: 'Retry…' }).click();
    const dialog = page.getByRole('dialog', { name: /^Retry Train/ });
    const choice = dialog.getByLabel('Begin at');
    await dialog.getByText('It is asked of the same moment of the log.').waitFor();
    expect(await choice.locator('option').allInnerTexts()).toEqual([
      'position',
      'build_user_features (where it stopped)',
    ]);
    await choice.selectOption('position');
    await dialog.getByText('It is asked of the log as it is now.').waitFor();
    await dialog.getByRole('button', { name: 'Retry' }).click();
    await page.getByRole('button', { name: 'Attempt 2' }).waitFor();
    await state('Failed');
    expect(await job(id)).toMatchObject({ attempt: 2, attempts: [{ steps: [] }, { steps: [{ step: 'position' }] }] });
  });

  test('a scoring hands out its file, and against the one before nobody has moved', async () => {
    await open('/jobs/new?kind=score');
    await page.locator('.jobform button[type=submit]').click();
    await page.waitForURL(/\/jobs\/[0-9a-f]{32}$/);
    await state('Done');
    const first = page.url().split('/').at(-1)!;
    const waiting = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download CSV' }).click();
    expect((await waiting).suggestedFilename()).toBe(`scores-${first}.csv`);
    await page.getByRole('button', { name: 'Ask again' }).click();
    await page.getByLabel('Who').selectOption('previous');
    await page.locator('.jobform button[type=submit]').click();
    await page.waitForURL((url) => /\/jobs\/[0-9a-f]{32}$/.test(url.pathname) && !url.pathname.endsWith(first));
    await state('Done');
    await page.getByText('Everybody stayed where they were').waitFor();
    const { result } = await job(page.url().split('/').at(-1)!);
    expect(await page.locator('section[aria-label="Where everybody stands"]').innerText()).toContain(
      result.bands.low.customers.toLocaleString('en-US'),
    );
  });

  test('a server that has no answer for a moment is asked again; meanwhile the page says so, and nobody reloads it', async () => {
    const { id } = (await jobs('?kind=train&status=succeeded'))[0]!;
    let refusals = 0;
    await page.route(`**/api/jobs/${id}`, async (route) => {
      if (refusals++ >= 3) return await route.continue();
      const problem = {
        title: 'The read models do not answer',
        status: 503,
        detail: 'busy',
        reason: 'tables-unavailable',
      };
      await route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify(problem) });
    });
    await open(`/jobs/${id}`);
    await page.getByRole('status').getByText('The read models do not answer.').waitFor();
    await page.getByRole('button', { name: 'Ask now' }).click();
    await state('Done');
    await page.getByRole('button', { name: 'Ask now' }).waitFor({ state: 'detached' });
    expect(refusals).toBeGreaterThan(3);
    await page.unroute(`**/api/jobs/${id}`);
  });

  test('what the data refuse is said where it is looked for', async () => {
    const { id } = await program.call<JobAnswer>('POST', '/api/jobs/backtest', { horizon_days: 3000 });
    await ended(id);
    await open(`/jobs/${id}`);
    await page.getByText('What was asked cannot be done with these data.').waitFor();
    await page.getByText(/horizon of 3000 days is longer than the data allow/).waitFor();
    await open('/jobs/new?kind=backtest');
    await page.getByLabel('Days foretold').fill('0');
    await page.locator('.jobform button[type=submit]').click();
    await page.locator('.ferr').waitFor();
    expect(await page.getByLabel('Days foretold').getAttribute('aria-invalid')).toBe('true');
    forgive('400 (Bad Request)');
    await open(`/jobs/${'0'.repeat(32)}`);
    await page.getByText('there is no job').waitFor();
    forgive('404 (Not Found)');
    // The stream of it is not found either, a moment later: left before the next test, which forgives none.
    await page.waitForLoadState('networkidle');
    await open('/jobs');
  });

  test('a job is planned in a zone: what comes next is said before; paused, resumed, run at once, removed', async () => {
    const schedules = async () =>
      (await program.call<{ items: Record<string, unknown>[] }>('GET', '/api/schedules')).items;
    await open('/jobs');
    await page.getByRole('link', { name: 'Schedules' }).click();
    await page.getByText('Nothing is planned').waitFor();
    await page.getByRole('link', { name: 'New schedule' }).click();
    await page.getByLabel('How often').selectOption('As cron says');
    await page.getByLabel('Cron').fill('0 3 * *');
    await page.getByText('has not five fields').waitFor();
    forgive('400 (Bad Request)');
    await page.getByLabel('Cron').fill('0 3 * * *');
    await page.getByLabel('How often').selectOption('Each week');
    await page.getByLabel('On', { exact: true }).selectOption('Wednesday');
    await page.getByLabel('At', { exact: true }).fill('04:30');
    await page.getByLabel('Time zone').fill('Europe/Sofia');
    await page.waitForURL((url) => url.searchParams.get('cron') === '30 4 * * 3');
    const coming = page.locator('ol[aria-label="Next runs"] time');
    const query = new URLSearchParams({ cron: '30 4 * * 3', zone: 'Europe/Sofia' });
    const { next } = await program.call<{ next: string[] }>('GET', `/api/schedules/next?${query}`);
    const shown = () => coming.evaluateAll((times) => times.map((time) => time.getAttribute('datetime')));
    await expect.poll(shown).toEqual(next);
    expect(await coming.first().innerText()).toMatch(/^Wed .*, 04:30 GMT\+[23]$/);
    await page.reload();
    await expect.poll(shown).toEqual(next);
    expect(await page.getByLabel('At', { exact: true }).inputValue()).toBe('04:30');
    await page.getByLabel('With exact p05, p50 and p95 of spend').uncheck();
    await page.getByRole('button', { name: 'Plan it' }).click();
    const row = page.locator('tr[data-schedule]');
    await row.getByText('Each Wednesday at 04:30').waitFor();
    const [made] = await schedules();
    expect(made).toMatchObject({
      cron: '30 4 * * 3',
      zone: 'Europe/Sofia',
      kind: 'score',
      params: { quantiles: false },
    });
    await row.getByRole('button', { name: 'Pause' }).click();
    await row.getByText('Paused').waitFor();
    expect(await schedules()).toMatchObject([{ status: 'paused', next: [] }]);
    await row.getByRole('button', { name: 'Resume' }).click();
    await row.getByText('Active').waitFor();
    await row.getByRole('button', { name: 'Run now' }).click();
    await page.waitForURL(/\/jobs\/[0-9a-f]{32}$/);
    await state('Done');
    await page.getByRole('button', { name: 'Plan…' }).click();
    await page.waitForURL('**/jobs/schedules/new?kind=score**');
    await open('/jobs/schedules');
    await row.getByRole('button', { name: 'Remove…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove the schedule' }).click();
    await page.getByText('Nothing is planned').waitFor();
    expect(await schedules()).toEqual([]);
    const monthly = { cron: '0 5 1 * *', zone: 'UTC', kind: 'train', params: { kind: 'clv' } };
    await program.call('POST', '/api/schedules', monthly);
  });

  test('narrow screens, both themes, every page: nothing too wide, nothing without a name or below its contrast', async () => {
    const of = async (kind: string) => (await jobs(`?kind=${kind}&status=succeeded`))[0]!.id;
    const paths = [
      '/jobs',
      '/jobs/new?kind=train',
      '/jobs/new?kind=score',
      '/jobs/schedules',
      '/jobs/schedules/new',
      `/jobs/${await of('train')}`,
      `/jobs/${await of('backtest')}`,
      `/jobs/${await of('score')}`,
    ];
    await sweep(paths, ['/jobs']);
  });

  test('an analyst sees all of it and starts none of it, and is told who may', async () => {
    await signOut();
    await signIn(ANALYST);
    await open('/jobs');
    const button = page.getByRole('button', { name: /^New job/ });
    await button.waitFor();
    await expect.poll(() => button.getAttribute('title')).toBe('Needs model:write: ML engineer, Administrator');
    await button.click({ force: true });
    expect(new URL(page.url()).pathname).toBe('/jobs');
    await open('/jobs/new?kind=train');
    await page.getByText('What a training would find needs model:write').waitFor();
    await expect
      .poll(() => page.getByRole('button', { name: /^Train ?, Needs/ }).getAttribute('aria-disabled'))
      .toBe('true');
    await open('/jobs/schedules');
    const pause = page.locator('tr[data-schedule]').getByRole('button', { name: /^Pause/ });
    await expect.poll(() => pause.getAttribute('title')).toBe('Needs model:write: ML engineer, Administrator');
    await pause.click({ force: true });
    expect((await program.call<{ items: { status: string }[] }>('GET', '/api/schedules')).items).toMatchObject([
      { status: 'active' },
    ]);
  });
});
