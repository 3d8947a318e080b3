// The console's models in a real browser against the real server, on subscribers and buyers: listed, judged, explained, compared, let answer and taken
// back. What is shown is what the API says, and every step is a fact with its reason.
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { PATIENCE_MS, SLOW, withoutBrowser } from '../support/browser.ts';
import { ADMIN, ANALYST, consoleOfSubscribers } from '../support/console.ts';
import { fixture } from '../support/histories.ts';
import { type Program, until } from '../support/program.ts';

const CHURN = 'subscription_churn_model';

// biome-ignore lint/suspicious/noExplicitAny: answers are compared field by field.
type Any = any;

describe.skipIf(withoutBrowser !== '')(`models in the console${withoutBrowser}`, SLOW, () => {
  const place = consoleOfSubscribers('console-models', async (server) => {
    program = server;
    await done('train', { kind: 'churn-logistic', definition: 'contractual', without: ['plan'] });
    await done('evaluate', { models: [`${CHURN}@1`, `${CHURN}@2`], offer_cost: 4, offer_benefit: 60 });
  });
  const { open, signIn, signOut, sweep } = place;
  let program: Program;
  let page: Page;
  beforeAll(async () => {
    page = place.page;
    await signIn(ADMIN);
  });
  const get = (path: string) => program.call<Any>('GET', path);
  const kpi = (name: string) => page.locator('.kpi', { hasText: new RegExp(`^${name}`) }).locator('b');
  async function done(kind: string, body: object): Promise<Any> {
    const { id } = await program.call<{ id: string }>('POST', `/api/jobs/${kind}`, body);
    return await until(
      `${kind} has ended`,
      async () => {
        const job = await get(`/api/jobs/${id}`);
        if (job.status === 'failed') throw new Error(job.failure.message);
        return job.status === 'succeeded' && job;
      },
      PATIENCE_MS,
    );
  }
  /** Presses a step and gives its reason. */
  async function step(button: string, confirm: string, reason: string) {
    await page.getByRole('button', { name: button }).click();
    const dialog = page.getByRole('dialog');
    const press = dialog.getByRole('button', { name: confirm, exact: true });
    expect(await press.isDisabled()).toBe(true);
    await dialog.getByLabel('Reason').fill(reason);
    await press.click();
    await dialog.waitFor({ state: 'detached' });
  }

  test('the list has every version with its stage and figures; order, filter and choice are in the address', async () => {
    await open('/models');
    const rows = page.locator('table.jobs tbody tr');
    const { items } = await get('/api/models');
    await expect.poll(() => rows.count()).toBe(items.length);
    const facts = await get(`/api/models/${CHURN}/versions/1`);
    await rows
      .filter({ hasText: `${CHURN}@1` })
      .getByText(facts.metrics.auc.toFixed(3), { exact: false })
      .first()
      .waitFor();
    await page.getByRole('button', { name: 'AUC, 95 %' }).click();
    await page.waitForURL('**/models?sort=auc');
    await page.getByRole('group', { name: 'Answers' }).getByRole('button', { name: 'churn classifier' }).click();
    await page.waitForURL('**kind=churn-logistic**');
    await expect.poll(() => rows.count()).toBe(2);
    for (const version of [1, 2]) await page.getByLabel(`Compare ${CHURN}@${version}`).check();
    await page.reload();
    await expect.poll(() => page.getByLabel(`Compare ${CHURN}@2`).isChecked()).toBe(true);
    await page.getByRole('button', { name: 'Compare 2' }).click();
    await page.waitForURL('**/models/compare?versions=**');
  });

  test('performance and calibration are those of the evaluation, and on demand those of the training', async () => {
    const { items } = await get(`/api/models/${CHURN}/versions/1/evaluations`);
    const { metrics, segments } = items[0].result;
    await open(`/models/${CHURN}/1/performance`);
    await kpi('AUC').waitFor();
    expect(await kpi('AUC').innerText()).toBe(metrics.auc.toFixed(3));
    for (const name of [
      /^ROC curve with an area of/,
      /^Precision falls/,
      /^The tenth with the highest scores/,
      /^Profit is largest/,
    ])
      await page.getByRole('img', { name }).waitFor();
    await page.getByRole('button', { name: 'Show ROC as table' }).click();
    expect(await page.locator('section[aria-label="ROC, as table"] tbody tr').count()).toBe(metrics.roc.length);
    await page.getByRole('link', { name: 'Calibration' }).click();
    await page.waitForURL('**/calibration');
    expect(await kpi('Slope').innerText()).toBe(metrics.calibrationSlope.toFixed(2));
    expect(await page.locator('[data-bin]').count()).toBe(
      metrics.reliability.filter(({ n }: { n: number }) => n >= 10).length,
    );
    for (const { by } of segments)
      await page.locator(`section[aria-label="By ${by.replace(/_days$/, '').replaceAll('_', ' ')}"]`).waitFor();
    await page.getByLabel('Figures of').selectOption('its training');
    await page.waitForURL('**judged=training');
    const { artefact } = await get(`/api/models/${CHURN}@1`);
    await expect.poll(() => kpi('Brier').innerText()).toBe(artefact.metrics.brier.toFixed(4));
    // One choice for every page of the version.
    await page.getByRole('link', { name: 'Explain' }).click();
    await page.waitForURL('**/explain?judged=training');
    await page.getByRole('heading', { name: 'What it leans on is not known yet' }).waitFor();
    expect(await page.getByLabel('Figures of').inputValue()).toBe('training');
  });

  test('what it leans on, in the order of the API; what was never judged says what to do', async () => {
    const { items } = await get(`/api/models/${CHURN}/versions/1/evaluations`);
    const [first] = [...items[0].result.importance.importances].sort((a: Any, b: Any) => b.importance - a.importance);
    await open(`/models/${CHURN}/1/explain`);
    const plot = page.getByRole('img', { name: /^It leans most on/ });
    await plot.waitFor();
    expect(await plot.locator('title').first().textContent()).toContain((1000 * first.importance).toFixed(1));
    await page
      .getByRole('img', { name: /the mean prediction goes from/ })
      .first()
      .waitFor();
    await open('/models/subscription_survival_model/1/performance');
    await page.getByRole('link', { name: 'Evaluate subscription_survival_model@1' }).click();
    await page.waitForURL('**/jobs/new?kind=evaluate**');
    expect(await page.getByLabel('Versions').inputValue()).toBe('subscription_survival_model@1');
    const { result } = await done('evaluate', { models: ['subscription_survival_model@1'] });
    await open('/models/subscription_survival_model/1/explain');
    const { loss } = result.models[0].importance;
    await page.getByText(`Integrated Brier with all features ${loss.toFixed(4)}`).waitFor();
    // Attributes stand as they were told.
    const told = ({ feature }: Any) => feature.startsWith('attribute:');
    const { feature } = result.models[0].dependence.find(told);
    const words = feature.slice('attribute:'.length);
    await page.getByRole('img', { name: new RegExp(`^${words}: the mean prediction goes from`) }).waitFor();
  });

  test('two versions side by side: the sentence says what the paired bootstrap says', async () => {
    const { paired } = await get(`/api/models/compare?versions=${CHURN}@1,${CHURN}@2`);
    await open(`/models/compare?versions=${CHURN}@1,${CHURN}@2`);
    const brier = paired.pairs.find(({ metric }: Any) => metric === 'brier');
    const better = brier.value.probabilitySecondBetter;
    const [winner, loser, share] =
      better >= 0.5 ? [brier.second, brier.first, better] : [brier.first, brier.second, 1 - better];
    const sentence = await page.locator('section[aria-label="Brier"] .verdicts').innerText();
    expect(sentence).toMatch(new RegExp(`^${winner} better than ${loser}: `));
    if (share < 0.99) expect(sentence).toContain(`${Math.round(100 * share)}`);
    await page.getByRole('link', { name: 'The evaluation' }).click();
    const judged = page.locator('section[aria-label="Judged on the same customers"] tbody tr');
    await expect.poll(() => judged.count()).toBe(2);
    await judged.first().getByRole('link').click();
    await page.waitForURL(`**/${CHURN}/1/calibration?judged=${paired.job}`);
    await open(`/models/compare?versions=${CHURN}@1,${CHURN}@2`);
    await page.getByText('subscription_survival_model@1').click();
    await page.waitForURL('**subscription_survival_model**');
    await page.getByText('Nobody knows yet who is better').waitFor();
  });

  test('gates with value, limit and why; shadow, canary, promoted and rolled back, each with its reason', async () => {
    const id = `${CHURN}@2`;
    await open(`/models/${CHURN}/2/deploy`);
    await page.locator('[data-gate]').first().waitFor();
    const { gates, passed } = await get(`/api/models/${id}/gates`);
    expect(await page.locator('[data-gate]').count()).toBe(gates.length);
    for (const { rule, why } of gates) expect(await page.locator(`[data-gate="${rule}"]`).innerText()).toContain(why);
    await step('Shadow…', 'Score it beside', 'September retraining');
    await page.locator('.head [data-stage=shadow]').waitFor();
    await page.getByText('Live comparison').waitFor();
    if (!passed) {
      await step('Approve…', 'Approve', 'plan is not sold any more');
      await page.getByText('Gates let it answer').waitFor();
    }
    await step('Canary…', 'Let it answer some', 'one in ten first');
    await page.locator('.head [data-stage=canary]', { hasText: '10' }).waitFor();
    await step('Promote…', 'Let it answer everybody', 'nobody complained');
    await page.locator('.head [data-stage=active]').waitFor();
    expect((await get(`/api/deployments/${CHURN}`)).active).toBe(id);
    await step('Roll back…', 'Roll back', 'somebody did');
    await expect.poll(async () => (await get(`/api/deployments/${CHURN}`)).active).toBe(`${CHURN}@1`);
    const told = page.locator('.happened');
    await expect.poll(() => told.innerText()).toContain('somebody did');
    for (const reason of ['September retraining', 'one in ten first', 'nobody complained'])
      expect(await told.innerText()).toContain(reason);
  });

  test('the challenger is named by hand, and freed of the name again, where it was', async () => {
    const id = `${CHURN}@2`;
    await open(`/models/${CHURN}/2/deploy`);
    await step('Challenger…', 'Call it the challenger', 'until the autumn');
    await page.locator('.head .chip', { hasText: 'challenger' }).waitFor();
    expect(await get(`/api/deployments/${CHURN}`)).toMatchObject({ challenger: id, challenger_by_hand: true });
    await step('Not the challenger…', 'Free the name', 'autumn is over');
    await page.getByRole('button', { name: 'Challenger…', exact: true }).waitFor();
    expect(await get(`/api/deployments/${CHURN}`)).toMatchObject({ challenger: null, challenger_by_hand: false });
    await expect.poll(() => page.locator('.happened').innerText()).toContain('no challenger by hand any more: autumn');
  });

  test('rules: what they would find is shown before they are set, only what differs is kept, and a reason with it', async () => {
    const rules = async () => (await get(`/api/deployments/${CHURN}`)).rules;
    const before = await rules();
    expect(before.settings).toEqual({});
    await open(`/models/${CHURN}/2/deploy`);
    await page.getByRole('button', { name: 'Change…' }).click();
    const row = page.locator('[data-rule="taken-back"]');
    const verdict = (word: string) => row.locator('.gate', { hasText: new RegExp(`^${word}$`) }).waitFor();
    await verdict('passed');
    await row.getByLabel('Taken back, at most', { exact: true }).fill('-1');
    await verdict('not passed');
    const tried = await program.call<Any>('POST', `/api/models/${CHURN}@2/gates`, {
      rules: { 'taken-back': { limit: -1 } },
    });
    const open_ = tried.gates.filter(
      ({ applicable, passed, approved }: Any) => applicable && passed !== true && !approved,
    ).length;
    await page.getByText(`By these rules ${open_} gate${open_ === 1 ? '' : 's'} of ${CHURN}@2 would be open`).waitFor();
    expect(await rules()).toEqual(before);
    await row.getByRole('button', { name: 'Taken back, at most: off', exact: true }).click();
    await verdict('not applicable');
    expect(await row.getByLabel('Taken back, at most', { exact: true }).isDisabled()).toBe(true);
    await page.getByLabel('Score difference, at most', { exact: true }).fill('0.2');
    await step('Set the rules…', 'Set the rules', 'finance wants it so');
    const table = page.locator('section[aria-label="Rules"] tbody tr');
    await expect.poll(() => table.count()).toBe(2);
    const kept = { rules: { 'taken-back': { limit: null }, 'score-difference': { limit: 0.2 } } };
    expect((await rules()).settings).toEqual(kept);
    await expect.poll(() => page.locator('.happened').innerText()).toContain('finance wants it so');
    // The whole of what is in force, sent back, freezes nothing; nor does the command line.
    await program.json(['model', 'rules', CHURN, '--set', 'score-difference=0.1', '--reason', 'as it was']);
    expect((await rules()).settings).toEqual({ rules: { 'taken-back': { limit: null } } });
    await page.reload();
    await page.getByRole('button', { name: 'Change…' }).click();
    await page.getByRole('button', { name: 'All as by default' }).click();
    await step('Set the rules…', 'Set the rules', 'back to the defaults');
    await page.getByText('as the platform brings it').waitFor();
    expect(await rules()).toEqual(before);
  });

  test('a rollback asked on the page of the active version ends the canary, as it says, and the active one stays', async () => {
    await program.call('POST', `/api/models/${CHURN}@2/canary`, { percent: 10, reason: 'once more' });
    await open(`/models/${CHURN}/1/deploy`);
    await page.locator('[data-stage=canary]').waitFor();
    await step('Roll back…', 'Roll back', 'not this one');
    await expect.poll(async () => (await get(`/api/deployments/${CHURN}`)).canary).toBeNull();
    expect((await get(`/api/deployments/${CHURN}`)).active).toBe(`${CHURN}@1`);
  });

  test('value models: parameters and rivals; tracking, frequency and PIT once they were held against what came', async () => {
    await program.json(['import', fixture('clv_transactions.csv'), '--currency', 'USD']);
    await until('a value model', async () =>
      (await get('/api/models')).items.some(({ id }: Any) => id === 'clv_model@1'),
    );
    await open('/models/clv_model/1/clv');
    await page.getByRole('heading', { name: 'Not yet held against what came' }).waitFor();
    const { result } = await done('evaluate', { models: ['clv_model@1'], horizon_days: 90 });
    // The page follows by itself: a job that ended is told on the stream.
    await page.getByRole('img', { name: /^Cumulative repeat purchases rise/ }).waitFor();
    expect(await page.locator('section[aria-label="Purchases foretold"] tr.hl').innerText()).toContain(
      result.models[0].purchases.models.served.mae.toFixed(3),
    );
    await page.getByRole('img', { name: /^After 0 repeats/ }).waitFor();
    expect(await page.getByRole('img', { name: /where ten percent are ideal/ }).count()).toBe(2);
    // Why it has no importance, and how its forecast moves instead.
    await page.getByRole('link', { name: 'Explain' }).click();
    await page.getByRole('heading', { name: 'It has no permutation importance' }).waitFor();
    for (const { feature } of result.models[0].dependence.curves) {
      const words = feature.replace(/_days$/, '').replaceAll('_', ' ');
      await page.getByRole('img', { name: new RegExp(`^${words}: the mean prediction goes from`, 'i') }).waitFor();
    }
  });

  test('narrow screens, both themes, every tab: nothing too wide, nothing without a name or below its contrast', async () => {
    const tabs = ['', '/performance', '/calibration', '/explain', '/deploy'].map((tab) => `/models/${CHURN}/2${tab}`);
    const paths = [
      '/models',
      ...tabs,
      '/models/clv_model/1/clv',
      '/models/clv_model/1/explain',
      `/models/compare?versions=${CHURN}@1,${CHURN}@2`,
    ];
    await sweep(paths, ['/models', `/models/${CHURN}/2/deploy`]);
  });

  test('an analyst reads all of it and moves nothing, and is told who may', async () => {
    await signOut();
    await signIn(ANALYST);
    await open(`/models/${CHURN}/2/deploy`);
    const promote = page.getByRole('button', { name: /^Promote/ });
    await promote.waitFor();
    await expect.poll(() => promote.getAttribute('title')).toBe('Needs model:deploy: ML engineer, Administrator');
    await promote.click({ force: true });
    expect(await page.getByRole('dialog').count()).toBe(0);
    await expect
      .poll(() => page.getByRole('button', { name: /^Approve/ }).getAttribute('title'))
      .toBe('Needs model:approve: Product manager, Administrator');
  });
});
