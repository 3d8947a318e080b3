// Which model answers for whom: the one of the customer's definition of churn, the same from every door, and refusals that say what is missing.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { beforeAll, describe, expect, test } from 'vitest';
import { createHttpServer } from '#api/hot.ts';
import type { ChurnDefinition } from '#domain/churn-definition.ts';
import { type ChurnModel, parseChurnModel } from '#domain/models/churn-model.ts';
import { expectClose } from '../support/close.ts';
import { createPlatform, type Platform } from './support/platform.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers are compared field by field.
type Answer = any;
const sigma = (eta: number) => 1 / (1 + Math.exp(-eta));
const CONTRACT: ChurnDefinition = { kind: 'contractual', horizonDays: 30, graceDays: 0, activeWithinDays: null };
const SHOP: ChurnDefinition = { kind: 'non-contractual', horizonDays: 60, graceDays: 0, activeWithinDays: 365 };

const modelOf = (file: object): ChurnModel => {
  const parsed = parseChurnModel(file);
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.value;
};
/** log-odds = intercept + coef · feature, uncalibrated. */
const classifier = (definition: ChurnDefinition, column: string, intercept: number, coef: number): ChurnModel =>
  modelOf({
    model: 'churn-logistic',
    definition,
    featureSet: { name: 'customer', version: 1 },
    logistic: {
      model: 'logistic',
      encoding: [{ column, kind: 'numeric', blank: 0 }],
      intercept,
      coefficients: [{ name: column, coef, mean: 10, sd: 1, standardised: coef }],
      calibration: { method: 'platt', A: -1, B: 0 },
    },
  });
/** H(t) = t/100 at the mean price of 20; each major unit more multiplies the hazard by e^0.1. */
const cox = modelOf({
  model: 'churn-cox',
  definition: CONTRACT,
  featureSet: { name: 'customer', version: 1 },
  encoding: [{ column: 'subscription_price', kind: 'numeric', blank: 20 }],
  cox: {
    coefficients: [{ name: 'subscription_price', coef: 0.1 }],
    means: [20],
    baseline: [
      {
        time: Array.from({ length: 400 }, (_, i) => i + 1),
        cumulativeHazard: Array.from({ length: 400 }, (_, i) => (i + 1) / 100),
      },
    ],
  },
  followUpDays: 400,
});

async function subscribed(platform: Platform) {
  const started = (customer_id: string, at: string, amount: string) => ({
    type: 'subscription.started',
    customer_id,
    at: `${at}T00:00:00Z`,
    data: { subscription_id: `s-${customer_id}`, plan: 'pro', amount, currency: 'EUR' },
  });
  const gone = { subscription_id: 's-left', plan: 'pro' };
  const response = await platform.as('data-engineer', 'POST', '/api/events', [
    started('monthly', '2026-02-20', '25.00'),
    started('left', '2026-01-01', '20.00'),
    { type: 'subscription.cancelled', customer_id: 'left', at: '2026-04-01T00:00:00Z', data: gone },
  ]);
  expect(response.status, await response.clone().text()).toBe(202);
}
const buyers = [
  { customer: 'buyer', day: '2026-01-01', amount: 10 },
  { customer: 'buyer', day: '2026-03-05', amount: 20 },
  { customer: 'once', day: '2024-05-05', amount: 20 },
  // The log's clock: day 100 of the subscription `monthly`.
  { customer: 'late', day: '2026-05-31', amount: 5 },
];

const define = async (platform: Platform, { kind, horizonDays, activeWithinDays }: ChurnDefinition) => {
  const body = { horizon_days: horizonDays, active_within_days: activeWithinDays };
  const response = await platform.as('admin', 'PUT', `/api/churn-definitions/${kind}`, body);
  expect(response.status, await response.clone().text()).toBe(200);
};
const asker =
  (platform: Platform) =>
  async (body: object, path = '/api/predict/churn'): Promise<Answer> =>
    await (await platform.as('analyst', 'POST', path, body)).json();

describe('subscribers without any model of purchases', () => {
  let platform: Platform;
  let ask: ReturnType<typeof asker>;
  let defined: number;
  const page = async (id: string): Promise<Answer> =>
    await (await platform.as('analyst', 'GET', `/api/customers/${platform.refOf(id)}`)).json();
  beforeAll(async () => {
    platform = await createPlatform();
    ask = asker(platform);
    await subscribed(platform);
    platform.orders(buyers);
    await define(platform, CONTRACT);
    defined = platform.position();
  });

  test('before a model is in force the answer says what to do', async () => {
    expect(await ask({ customer_id: 'monthly' })).toMatchObject({ status: 422, reason: 'no-model' });
    const { churn, not_applicable, definition, ahead } = await page('monthly');
    expect({ churn, ahead }).toEqual({ churn: null, ahead: null });
    expect(not_applicable.churn).toMatchObject({ reason: 'no-model', detail: expect.stringContaining('train') });
    expect(definition).toMatchObject({ kind: 'contractual', horizon_days: 30 });
  });

  test('the list knows the subscription of each, also where no model of subscriptions is in force', async () => {
    const { items }: Answer = await (await platform.as('analyst', 'GET', '/api/customers')).json();
    const of = (id: string) => items.find((each: Answer) => each.customer_id === id).subscription;
    // The log's day is 2026-05-31.
    const monthly = { plan: 'pro', price: '25.00', currency: 'EUR', since: '2026-02-20', days: 100, ended: null };
    expect(of('monthly')).toEqual(monthly);
    expect(of('left')).toMatchObject({ price: '20.00', since: '2026-01-01', days: 90, ended: '2026-04-01' });
    expect(of('buyer')).toBeNull();
    for (const id of ['monthly', 'left']) expect((await page(id)).subscription).toEqual(of(id));
    const found: Answer = await ask({ q: 'monthly' }, '/api/customers/search');
    expect(found.items[0].subscription).toEqual(monthly);
  });

  test('the totals say whether there are buyers and subscribers, and not how few', async () => {
    const people = async (of: Platform): Promise<Answer> =>
      await (await of.as('analyst', 'GET', '/api/home/people')).json();
    expect(await people(platform)).toEqual({ buyers: null, subscribers: null, seq: platform.position() });
    const buying = await createPlatform();
    buying.orders(Array.from({ length: 12 }, (_, i) => ({ customer: `b-${i}`, day: '2026-01-05', amount: 5 })));
    expect(await people(buying)).toMatchObject({ buyers: 12, subscribers: 0 });
    const home: Answer = await (await buying.as('analyst', 'GET', '/api/home')).json();
    expect(home).toMatchObject({ buyers: 12, subscribers: 0 });
    // Without a definition of contracts the list knows subscriptions all the same.
    await subscribed(buying);
    const { items }: Answer = await (await buying.as('analyst', 'GET', '/api/customers')).json();
    const plans = items.flatMap(({ customer_id, subscription }: Answer) => (subscription ? [customer_id] : []));
    expect(plans.sort()).toEqual(['left', 'monthly']);
  });

  test('the classifier of the contract answers its horizon, the Cox model every other one, and a past moment neither', async () => {
    const before = platform.position();
    platform.deployChurn('contracts@1', classifier(CONTRACT, 'subscription_tenure_days', -3, 0.02));
    const deployed = platform.position();
    platform.deployChurn('survival@1', cox);
    const own = await ask({ customer_id: 'monthly', explain: true, curve: true });
    expect(own).toMatchObject({ horizon_days: 30, model: { id: 'contracts@1' }, p_alive: null });
    expectClose(own.p_churn, sigma(-3 + 0.02 * 100), 1e-12);
    expect(own.contributions).toEqual([{ feature: 'subscription_tenure_days', amount: 0.02 * (100 - 10) }]);
    expect(own.curve_model).toMatchObject({ id: 'survival@1' });
    const other = await ask({ customer_id: 'monthly', horizon_days: 45 });
    expect(other).toMatchObject({ horizon_days: 45, model: { id: 'survival@1' } });
    expectClose(other.p_churn, 1 - Math.exp(-0.45 * Math.exp(0.1 * (25 - 20))), 1e-12);
    // Two models: between their horizons the risk may fall, and the answer says so by name.
    expect(own.caveat).toBeNull();
    expect(other.caveat).toMatch(/^45 days are answered by survival@1; the 30 days of the definition by contracts@1,/);
    expect(await ask({ customer_id: 'monthly', as_of: { seq: before } })).toMatchObject({
      reason: 'no-model',
      detail: expect.stringMatching(
        /^no model of subscriptions was in force at log position \d+: the first, contracts@1, came/,
      ),
      first_model: { id: 'contracts@1', deployed_seq: deployed },
    });
    const earlier = await ask({ customer_id: 'monthly', as_of: { seq: defined - 1 } });
    expect(earlier.detail).toContain('no model of subscriptions was in force');
    const past = await platform.as('data-engineer', 'GET', `/api/past?as_of=${before}`);
    expect(await past.json()).toMatchObject({ models: [], first_model: { id: 'contracts@1', deployed_seq: deployed } });
    expect(await ask({ customer_id: 'monthly', horizon_days: 45, as_of: { seq: deployed } })).toMatchObject({
      status: 422,
      applicable: 'horizon-not-served',
      errors: [{ pointer: '/horizon_days' }],
    });
    expect(await ask({ customer_id: 'monthly', horizon_days: 350 })).toMatchObject({ applicable: 'beyond-follow-up' });
  });

  test('beyond the longest time anybody was watched, answer and curve say that they are extrapolated', async () => {
    platform.deployChurn('survival@2', { ...cox, watchedDays: 40 } as ChurnModel);
    expect((await ask({ customer_id: 'monthly', horizon_days: 40 })).caveat).not.toContain('extrapolated');
    const beyond = await ask({ customer_id: 'monthly', horizon_days: 41 });
    expect(beyond.caveat).toMatch(/another model.*\. extrapolated beyond 40 days seen: .*41 days ahead/);
    const { ahead } = await page('monthly');
    expect(ahead).toMatchObject({
      watched_days: 40,
      caveat: expect.stringMatching(/^extrapolated beyond 40 days seen.*300 days ahead/),
    });
    platform.deployChurn('survival@1', cox);
    expect((await page('monthly')).ahead).toMatchObject({ model: 'survival@1', watched_days: null, caveat: null });
  });

  test('asked about a time before the first event, it says from when on the customer is known', async () => {
    const early = await ask({ customer_id: 'monthly', as_of: '2026-01-15' });
    expect(early).toMatchObject({
      status: 404,
      late: 'this customer is known only from 2026-02-20 on: nothing had happened by 2026-01-15',
    });
    expect(early.detail).toBe(early.late);
    const strict = await ask({ customer_id: 'monthly', as_of: '2026-01-15', strict: true });
    expect(strict).toMatchObject({ status: 404, detail: early.late });
    expect((await ask({ customer_id: 'nobody', as_of: '2026-01-15' })).detail).toContain('mistyped');
  });

  test('of two classifiers the one in force at the moment asked about answers', async () => {
    const old = platform.position();
    platform.deployChurn('contracts@2', classifier(CONTRACT, 'subscription_tenure_days', -1, 0));
    expect(await ask({ customer_id: 'monthly' })).toMatchObject({ model: { id: 'contracts@2' } });
    expect(await ask({ customer_id: 'monthly', as_of: { seq: old } })).toMatchObject({ model: { id: 'contracts@1' } });
  });

  test('list, page and columns say what the single answer says, or why not', async () => {
    const { p_churn, band } = await ask({ customer_id: 'monthly' });
    const list: Answer = await (await platform.as('analyst', 'GET', '/api/customers')).json();
    const row = (id: string) => list.items.find((each: Answer) => each.customer_id === id);
    expect(list).toMatchObject({ model: null, churn_models: ['contracts@2'] });
    expect(row('monthly')).toMatchObject({
      p_churn,
      band,
      horizon_days: 30,
      churn_model: 'contracts@2',
      p_alive: null,
    });
    expect(row('left')).toMatchObject({ p_churn: null, churn_model: null, not_applicable: 'not-eligible' });
    expect(row('buyer')).toMatchObject({ p_churn: null, not_applicable: 'no-model' });

    const shown = await page('monthly');
    expect(shown).toMatchObject({
      churn: { p_churn, band, model: 'contracts@2', p_alive: null },
      subscription: { plan: 'pro', price: '25.00', currency: 'EUR', since: '2026-02-20', days: 100, ended: null },
      clv: null,
      not_applicable: { churn: null, clv: { reason: 'contractual' } },
      p_alive_series: [],
      ahead: { model: 'survival@1', reason: null },
    });
    expect(shown.churn.contributions[0]).toMatchObject({
      feature: 'subscription_tenure_days',
      value: 100,
      unit: 'days',
    });
    // S(t + h | t) by the formula, up to the last day anybody was observed.
    for (const { days, p_stays } of shown.ahead.points)
      expectClose(p_stays, Math.exp(-(days / 100) * Math.exp(0.1 * (25 - 20))), 1e-12);
    expect(shown.ahead.points.at(-1).days).toBe(300);
    const left = await page('left');
    expect(left).toMatchObject({
      churn: null,
      subscription: { ended: '2026-04-01', days: 90 },
      ahead: { points: [], reason: 'not-eligible' },
      not_applicable: { churn: { reason: 'not-eligible' } },
    });

    expect(await ask({ customer_id: 'nobody' })).toMatchObject({ status: 404, reason: 'unknown-customer' });
    const customer_ids = ['left', 'monthly', 'nobody'];
    const table = await ask({ customer_ids }, '/api/predict/batch');
    expect(table).toMatchObject({
      columns: { p_churn: [null, p_churn, null], p_alive: [null, null, null], status: [2, 0, 2] },
      models: ['contracts@2'],
      horizon_days: null,
      model: null,
    });
    expect(table.refused).toEqual([
      { row: 0, reason: 'not-eligible' },
      { row: 2, reason: 'unknown-customer' },
    ]);
    expect(await ask({ customer_ids, kind: 'clv' }, '/api/predict/batch')).toMatchObject({ reason: 'no-model' });
    await hotIsHono(platform, [
      { customer_id: 'monthly' },
      { customer_id: 'monthly', horizon_days: 45 },
      { customer_id: 'nobody' },
    ]);
  });
});

describe('buyers and subscribers in one workspace', () => {
  let platform: Platform;
  let ask: ReturnType<typeof asker>;
  beforeAll(async () => {
    platform = await createPlatform();
    ask = asker(platform);
    await subscribed(platform);
    platform.orders(buyers);
    await platform.deployCdnow();
  });

  test('without a definition everybody is asked for 90 days by BG/NBD; with one for its horizon; a contract takes its subscribers', async () => {
    expect(await ask({ customer_id: 'buyer' })).toMatchObject({ horizon_days: 90, model: { id: 'clv@1' } });
    await define(platform, SHOP);
    expect(await ask({ customer_id: 'buyer' })).toMatchObject({ horizon_days: 60, model: { id: 'clv@1' } });
    await define(platform, CONTRACT);
    expect(await ask({ customer_id: 'buyer' })).toMatchObject({ horizon_days: 60, model: { id: 'clv@1' } });
    expect(await ask({ customer_id: 'monthly' })).toMatchObject({ status: 422, reason: 'no-model' });
  });

  test('a classifier answers for its buyers, BG/NBD any other horizon, and who bought too long ago is not asked about', async () => {
    platform.deployChurn('shop@1', classifier(SHOP, 'recency_days', -2, 0.01));
    const answer = await ask({ customer_id: 'buyer', explain: true });
    expect(answer).toMatchObject({ horizon_days: 60, model: { id: 'shop@1' } });
    expectClose(answer.p_churn, sigma(-2 + 0.01 * 87), 1e-12);
    expect(await ask({ customer_id: 'buyer', horizon_days: 30 })).toMatchObject({
      model: { id: 'clv@1' },
      caveat: expect.stringMatching(/^30 days are answered by clv@1; the 60 days of the definition by shop@1,/),
    });
    expect(await ask({ customer_id: 'once' })).toMatchObject({ status: 422, applicable: 'not-eligible' });
    const table = await ask({ customer_ids: ['buyer', 'once'], horizon_days: 30 }, '/api/predict/batch');
    expect(table).toMatchObject({ models: ['clv@1'], horizon_days: 30, columns: { model: [0, 0], status: [0, 0] } });
  });

  test('features are read by the classifier that is named where there are two', async () => {
    const features = { recency_days: 87, subscription_tenure_days: 50 };
    expect(await ask({ features })).toMatchObject({ basis: 'features', model: { id: 'shop@1' }, customer_id: null });
    platform.deployChurn('contracts@1', classifier(CONTRACT, 'subscription_tenure_days', -3, 0.02));
    expect(await ask({ features })).toMatchObject({ status: 400, errors: [{ pointer: '/definition' }] });
    const byContract = await ask({ features, definition: 'contractual' });
    expect(byContract).toMatchObject({ model: { id: 'contracts@1' }, horizon_days: 30, missing: [] });
    expectClose(byContract.p_churn, sigma(-3 + 0.02 * 50), 1e-12);
    expect(await ask({ features: {}, definition: 'non-contractual' })).toMatchObject({ missing: ['recency_days'] });
    expect(await ask({ features: { recency_days: 'long' }, definition: 'non-contractual' })).toMatchObject({
      status: 422,
      applicable: 'bad-feature',
    });
  });

  test('the hot route answers as the Hono route does', async () => {
    await hotIsHono(platform, [
      { customer_id: 'buyer' },
      { customer_id: 'buyer', horizon_days: 30 },
      { customer_id: 'monthly' },
      { customer_id: 'monthly', horizon_days: 30 },
      { customer_id: 'monthly', horizon_days: 31 },
      { customer_id: 'once' },
      { customer_id: 'left' },
      { customer_id: 'nobody' },
    ]);
  });
});

/** Over a real socket, where the hot route is asked first. */
async function hotIsHono(platform: Platform, questions: { customer_id: string; horizon_days?: number }[]) {
  const server = createHttpServer(platform.app, platform.deps);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const headers = { authorization: `Bearer ${await platform.key('analyst')}`, 'content-type': 'application/json' };
    // The first request fills the credential cache.
    await fetch(`${url}/api/me`, { headers });
    for (const question of questions) {
      const request = { method: 'POST', headers, body: JSON.stringify(question) };
      const read = async (response: Response) => {
        const { trace_id: _, ...body } = (await response.json()) as Record<string, unknown>;
        return { status: response.status, ...body };
      };
      const hot = await read(await fetch(`${url}/api/predict/churn`, request));
      expect(hot, question.customer_id).toEqual(await read(await platform.app.request('/api/predict/churn', request)));
    }
  } finally {
    server.close();
    server.closeAllConnections();
  }
}
