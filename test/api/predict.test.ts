// Predictions over a real fold: by id, by summary, by transactions, at any moment; what does not apply says why.
import { beforeAll, describe, expect, test } from 'vitest';
import { createPredictions } from '#api/predict/service.ts';
import { COLUMNS_TYPE } from '#api/routes/batch.ts';
import { predictChurn, predictClv } from '#domain/models/clv-model.ts';
import { parseClvModel } from '#domain/models/clv-model-file.ts';
import { createScoreIds } from '#streams/keyring/score-id.ts';
import { CDNOW_COVARIANCE, CDNOW_MODEL, NOBODY_LEAVES } from './support/cdnow-model.ts';
import { dayNumber } from './support/memory-log.ts';
import { createPlatform, type Platform } from './support/platform.ts';

let platform: Platform;
let before: number;
beforeAll(async () => {
  platform = await createPlatform();
  await platform.deployCdnow();
  platform.orders([
    { customer: 'c-1', day: '2025-01-01', amount: 10 },
    { customer: 'c-1', day: '2025-03-05', amount: 20 },
    { customer: 'c-1', day: '2025-03-05', amount: 5 },
    { customer: 'c-1', day: '2025-08-01', amount: 45 },
    { customer: 'c-2', day: '2025-06-01', amount: 30 },
  ]);
  before = platform.position();
  platform.orders([
    { customer: 'c-1', day: '2026-01-10', amount: 12 },
    { customer: 'late', day: '2025-02-01', amount: 9 },
    { customer: 'c-3', day: '2026-05-31', amount: 7 },
  ]);
});
const ask = async (path: string, body: unknown, role: 'analyst' = 'analyst') => {
  const response = await platform.as(role, 'POST', path, body);
  // biome-ignore lint/suspicious/noExplicitAny: answers are compared field by field.
  return { status: response.status, body: (await response.json()) as any };
};

describe('churn by id', () => {
  test('is the kernel’s own answer at the log’s last day, with everything needed to ask again', async () => {
    const { status, body } = await ask('/api/predict/churn', { customer_id: 'c-1' });
    expect(status).toBe(200);
    const customer = {
      frequency: 3,
      recency: dayNumber('2026-01-10') - dayNumber('2025-01-01'),
      T: dayNumber('2026-05-31') - dayNumber('2025-01-01'),
    };
    const kernel = predictChurn(CDNOW_MODEL, customer, 90);
    expect(kernel.ok && body.p_churn).toBe(kernel.ok && kernel.value.pChurn);
    expect(body).toMatchObject({
      customer_id: 'c-1',
      p_churn_raw: body.p_churn,
      p_alive: kernel.ok ? kernel.value.pAlive : null,
      lower: null,
      upper: null,
      horizon_days: 90,
      basis: 'history',
      features: { frequency: 3, recency_days: customer.recency, T_days: customer.T },
      features_as_of: { seq: platform.position(), day: '2026-01-10' },
      as_of: { seq: platform.position(), at: '2026-05-31T00:00:00.000Z' },
      clock: 'log',
      model: { id: 'clv@1', version: 1 },
      served_by: 'test-1',
    });
    expect(body.interval_reason).toBeTruthy();
    const coordinates = createScoreIds(platform.deps.signingKey).read(body.score_id);
    expect(coordinates).toMatchObject({
      ok: true,
      value: {
        seq: platform.position(),
        at: Date.parse('2026-05-31'),
        clock: 'log',
        question: { kind: 'churn', horizonDays: 90 },
      },
    });
    expect(createScoreIds(new Uint8Array(32)).read(body.score_id)).toEqual({ ok: false, reason: 'not-a-score' });
  });

  test('with the covariance of its parameters the model answers an interval, by the hot path and the Hono route alike', async () => {
    const own = await createPlatform();
    await own.deployCdnow(CDNOW_COVARIANCE);
    own.orders([
      { customer: 'c', day: '2025-01-01', amount: 10 },
      { customer: 'c', day: '2025-04-01', amount: 20 },
      { customer: 'd', day: '2025-12-01', amount: 20 },
    ]);
    const answer = await own.as('analyst', 'POST', '/api/predict/churn', { customer_id: 'c' });
    const churn = (await answer.json()) as { p_churn: number; lower: number; upper: number; interval_reason: null };
    expect(churn.interval_reason).toBeNull();
    expect(churn.lower).toBeLessThan(churn.p_churn);
    expect(churn.upper).toBeGreaterThan(churn.p_churn);
    const inline = createPredictions(own.deps).churnNow('c', 90, false)!;
    expect([inline.lower, inline.upper]).toEqual([churn.lower, churn.upper]);
    const value = await own.as('analyst', 'POST', '/api/predict/clv', { customer_id: 'c' });
    const clv = (await value.json()) as Record<'clv_mean' | 'parameter_lower' | 'parameter_upper', number>;
    expect(clv.parameter_lower).toBeLessThan(clv.clv_mean);
    expect(clv.parameter_upper).toBeGreaterThan(clv.clv_mean);
    const many = await own.as('analyst', 'POST', '/api/predict/clv', {
      items: Array.from({ length: 12 }, () => ({ customer_id: 'c' })),
    });
    expect(((await many.json()) as { items: unknown[] }).items[3]).toEqual(clv);
  });

  test('a model that takes it that nobody leaves says so in every answer, and its interval with it; others say nothing', async () => {
    const own = await createPlatform();
    const orders = ['2025-01-01', '2025-04-01', '2025-12-01'].map((day) => ({ customer: 'c', day, amount: 10 }));
    own.orders(orders);
    const answers = async () => {
      const post = async (path: string, body: object) =>
        (await (await own.as('analyst', 'POST', path, body)).json()) as Record<string, unknown>;
      const items = Array.from({ length: 12 }, () => ({ customer_id: 'c' }));
      const many = (await post('/api/predict/clv', { items })) as { items: Record<string, unknown>[] };
      const page = (await (await own.as('analyst', 'GET', `/api/customers/${own.refOf('c')}`)).json()) as object;
      return [
        await post('/api/predict/churn', { customer_id: 'c' }),
        await post('/api/predict/clv', { customer_id: 'c' }),
        many.items[5]!,
        { ...createPredictions(own.deps).churnNow('c', 90, false)! },
        { p_alive: 1, ...page } as Record<string, unknown>,
      ];
    };
    await own.deployCdnow(CDNOW_COVARIANCE);
    expect((await answers()).map(({ caveat }) => caveat ?? null)).toEqual([null, null, null, null, null]);
    await own.deployModel(NOBODY_LEAVES);
    for (const { p_alive, caveat } of await answers()) {
      expect(p_alive).toBeCloseTo(1, 9);
      expect(caveat).toMatch(/^P\(alive\) is 1 by assumption.*holds given that nobody leaves/);
    }
  });

  test('Pareto/NBD is served like any other: the kernel’s digits by id, by summary and from the pool, with intervals', async () => {
    const own = await createPlatform();
    const printed = {
      model: 'pareto-nbd',
      unit: 'week',
      params: { r: 0.553, alpha: 10.578, s: 0.606, beta: 11.669 },
      covarianceLog: CDNOW_COVARIANCE.purchases,
    };
    const money = { model: 'gamma-gamma', params: CDNOW_MODEL.gammaGamma, covarianceLog: CDNOW_COVARIANCE.money };
    const parsed = parseClvModel(printed, money);
    if (!parsed.ok) throw new Error(parsed.reason);
    await own.deployModel(parsed.value);
    own.orders([
      { customer: 'c', day: '2025-01-01', amount: 10 },
      { customer: 'c', day: '2025-04-01', amount: 20 },
      { customer: 'd', day: '2025-12-01', amount: 20 },
    ]);
    const post = async (path: string, body: object) => (await own.as('analyst', 'POST', path, body)).json();
    const summary = { frequency: 2, recency: 30.43, T: 38.86, monetary_value: 22.35 };
    const bySummary = (await post('/api/predict/churn', { summary })) as Record<string, number>;
    // note 009, in 50 digits: test/golden/pareto_nbd.json
    expect(bySummary.p_alive).toBeCloseTo(0.8691675591530112, 10);
    expect(bySummary.lower).toBeLessThan(bySummary.p_churn!);
    const inline = createPredictions(own.deps).churnNow('c', 90, false)!;
    const byId = (await post('/api/predict/churn', { customer_id: 'c' })) as Record<string, number>;
    expect([byId.p_churn, byId.upper]).toEqual([inline.p_churn, inline.upper]);
    const one = await post('/api/predict/clv', { customer_id: 'c' });
    const many = (await post('/api/predict/clv', {
      items: Array.from({ length: 12 }, () => ({ customer_id: 'c' })),
    })) as { items: unknown[] };
    expect(many.items[5]).toEqual(one);
    const kernel = predictClv(
      parsed.value,
      inline.features && { frequency: 1, recency: 90, T: inline.features.T_days, monetaryValue: 20 },
    );
    expect(kernel.ok && (one as { clv_mean: number }).clv_mean).toBe(kernel.ok && kernel.value.clvMean);
  });

  test('asking again with the as_of of an answer gives the same digits, also after the log has grown', async () => {
    const own = await createPlatform();
    await own.deployCdnow();
    own.orders([
      { customer: 'x', day: '2025-01-01' },
      { customer: 'x', day: '2025-02-01' },
      { customer: 'y', day: '2025-04-01' },
    ]);
    const first = await (await own.as('analyst', 'POST', '/api/predict/churn', { customer_id: 'x' })).json();
    own.orders([
      { customer: 'x', day: '2025-03-01' },
      { customer: 'x', day: '2025-07-01' },
    ]);
    const again = await own.as('analyst', 'POST', '/api/predict/churn', {
      customer_id: 'x',
      as_of: (first as { as_of: unknown }).as_of,
    });
    expect(await again.json()).toEqual(first);
  });

  test.each([
    ['a bare sequence: the log then, at its own now', () => before, () => before, '2025-08-01', 2],
    ['a bare time: the latest log, that moment', () => '2025-09-01', () => platform.position(), '2025-09-01', 2],
    ['both', () => ({ seq: before, at: '2025-04-01T10:00:00Z' }), () => before, '2025-04-01', 1],
    [
      'a moment after the last event: nothing happened since',
      () => '2026-06-01',
      () => platform.position(),
      '2026-06-01',
      3,
    ],
  ])('as_of %s', async (_name, asOf, seq, day, frequency) => {
    const { body } = await ask('/api/predict/churn', { customer_id: 'c-1', as_of: asOf() });
    expect(body.as_of.seq).toBe(seq());
    expect(body.as_of.at.slice(0, 10)).toBe(day);
    expect(body.features).toMatchObject({ frequency, T_days: dayNumber(day) - dayNumber('2025-01-01') });
  });

  test('what was imported later does not exist at an earlier sequence, whatever its date', async () => {
    expect((await ask('/api/predict/churn', { customer_id: 'late' })).body.basis).toBe('history');
    expect((await ask('/api/predict/churn', { customer_id: 'late', as_of: before })).body.basis).toBe('prior');
    expect((await ask('/api/predict/churn', { customer_id: 'late', as_of: '2025-01-31' })).body.basis).toBe('prior');
  });

  test('the future, an unwritten sequence and a position before any model are refused with the field', async () => {
    expect(await ask('/api/predict/churn', { customer_id: 'c-1', as_of: '2026-06-03' })).toMatchObject({
      status: 422,
      body: { reason: 'as-of-future', errors: [{ pointer: '/as_of/at' }] },
    });
    expect(await ask('/api/predict/churn', { customer_id: 'c-1', as_of: 99 })).toMatchObject({
      status: 422,
      body: { reason: 'as-of-unknown' },
    });
    expect(await ask('/api/predict/churn', { customer_id: 'c-1', as_of: 0 })).toMatchObject({
      status: 422,
      body: {
        reason: 'no-model',
        detail: expect.stringMatching(/position 0: the first, clv@1, came at \d+\. Ask as of/),
      },
    });
    expect(await ask('/api/predict/churn', { customer_id: 'c-1', as_of: 'yesterday' })).toMatchObject({
      status: 400,
      body: { reason: 'bad-field', errors: [{ pointer: '/as_of' }] },
    });
  });

  test('an unknown customer gets the prior, or 404 with strict', async () => {
    const { body } = await ask('/api/predict/churn', { customer_id: 'nobody' });
    const prior = predictChurn(CDNOW_MODEL, { frequency: 0, recency: 0, T: 0 }, 90);
    expect(body).toMatchObject({
      basis: 'prior',
      p_churn: prior.ok && prior.value.pChurn,
      score_id: null,
      features_as_of: null,
      caveat: expect.stringContaining('no customer with this id'),
    });
    expect(await ask('/api/predict/churn', { customer_id: 'nobody', strict: true })).toMatchObject({
      status: 404,
      body: { reason: 'unknown-customer', errors: [{ pointer: '/customer_id' }] },
    });
  });

  test('somebody who was only named is not a customer either, on any page', async () => {
    const own = await createPlatform();
    await own.deployCdnow();
    own.orders([{ customer: 'buyer', day: '2025-01-01' }]);
    const named = {
      id: 'i-1',
      type: 'customer.identified',
      customer_id: 'named',
      at: '2025-05-01T00:00:00Z',
      data: {},
    };
    expect((await own.as('data-engineer', 'POST', '/api/events', named)).status).toBe(202);
    const answer = await own.as('analyst', 'POST', '/api/predict/churn', { customer_id: 'named' });
    expect(answer.status).toBe(422);
    expect(await answer.json()).toMatchObject({ applicable: 'not-a-customer' });
    expect((await own.as('analyst', 'GET', '/api/customers')).status).toBe(200);
    expect((await own.as('analyst', 'GET', `/api/customers/${own.refOf('named')}`)).status).toBe(200);
  });

  test('somebody who never bought is not a customer of this model', async () => {
    const sent = await platform.as('data-engineer', 'POST', '/api/events', {
      id: 'e-1',
      type: 'activity.recorded',
      customer_id: 'visitor',
      at: '2025-05-01T00:00:00Z',
      data: { name: 'login' },
    });
    expect(sent.status).toBe(202);
    expect(await ask('/api/predict/churn', { customer_id: 'visitor' })).toMatchObject({
      status: 422,
      body: { reason: 'not-applicable', applicable: 'not-a-customer' },
    });
  });

  test('another horizon, a curve, and what the answer is made of', async () => {
    const { body } = await ask('/api/predict/churn', { customer_id: 'c-1', horizon_days: 30, curve: true });
    expect(body.horizon_days).toBe(30);
    expect(body.curve).toHaveLength(12);
    expect(body.curve.at(-1)).toEqual({ horizon_days: 30, p_churn: body.p_churn });
    const falling = body.curve.map((point: { p_churn: number }) => point.p_churn);
    expect([...falling].sort((a: number, b: number) => b - a)).toEqual(falling);
    const { body: explained } = await ask('/api/predict/churn', { customer_id: 'c-1', explain: true });
    const total = (answer: { explanation: { reference: number }; contributions: { amount: number }[] }) =>
      answer.contributions.reduce((sum, { amount }) => sum + amount, answer.explanation.reference);
    expect(explained.contributions.map((c: { feature: string }) => c.feature).sort()).toEqual([
      'alive, but no purchase within the horizon',
      'gone already',
    ]);
    expect(total(explained)).toBeCloseTo(explained.p_churn, 14);
    const { body: value } = await ask('/api/predict/clv', { customer_id: 'c-1', explain: true });
    expect(total(value)).toBeCloseTo(value.clv_mean, 10);
    expect(value.explanation.score).toBeCloseTo(value.clv_mean, 10);
  });
});

describe('summary and transactions', () => {
  test('a summary is in weeks unless it says days', async () => {
    const weeks = await ask('/api/predict/churn', { summary: { frequency: 2, recency: 30.43, T: 38.86 } });
    const days = await ask('/api/predict/churn', {
      summary: { frequency: 2, recency: 30.43 * 7, T: 38.86 * 7, unit: 'day' },
    });
    // Fader & Hardie, note 021: P(alive) of customer 0001 of CDNOW is 0.7266 at these parameters.
    expect(weeks.body.p_alive).toBeCloseTo(0.7266, 4);
    expect(days.body.p_alive).toBeCloseTo(weeks.body.p_alive, 14);
    expect(weeks.body).toMatchObject({ basis: 'summary', customer_id: null, score_id: null });
  });

  test('transactions give what the same orders in the log give', async () => {
    const transactions = [
      { at: '2025-08-01', amount: '45.00' },
      { at: '2025-01-01T09:30:00Z', amount: 10 },
      { at: '2025-03-05', amount: 20 },
      { at: '2025-03-05', amount: '5' },
      { at: '2026-01-10', amount: 12 },
    ];
    const { body } = await ask('/api/predict/clv', { transactions });
    const known = await ask('/api/predict/clv', { customer_id: 'c-1' });
    const { customer_id: _1, basis, features_as_of: _2, score_id: _3, ...rest } = body;
    const { customer_id: _4, basis: _5, features_as_of: _6, score_id: _7, ...wanted } = known.body;
    expect(basis).toBe('transactions');
    expect(rest).toEqual(wanted);
  });

  test.each([
    [{ summary: { frequency: 2, recency: 50, T: 40 } }, '/summary/recency'],
    [{ summary: { frequency: 0, recency: 5, T: 40 } }, '/summary/recency'],
    [{ summary: { frequency: -1, recency: 0, T: 40 } }, '/summary/frequency'],
    [{ summary: { frequency: 1.5, recency: 1, T: 40 } }, '/summary/frequency'],
    [{ summary: { frequency: 1, recency: 1 } }, '/summary/T'],
    [{ transactions: [{ at: '2025-13-01', amount: 1 }] }, '/transactions/0/at'],
    [{ transactions: [{ at: '2025-12-01', amount: '1,50' }] }, '/transactions/0/amount'],
    [{ transactions: [{ at: '2025-12-01', amount: -1 }] }, '/transactions/0/amount'],
    [{ transactions: [{ at: '2025-12-01', amount: 1, currency: 'USD' }] }, '/transactions/0/currency'],
    [{ transactions: [] }, '/transactions'],
    [{ customer_id: '' }, '/customer_id'],
    [{ customer_id: 'a\u0000b' }, '/customer_id'],
    [{ customer_id: 7 }, '/customer_id'],
    [{ customer_id: 'c-1', horizon_days: 0 }, '/horizon_days'],
    [{ customer_id: 'c-1', horizon_days: 4000 }, '/horizon_days'],
    [{ customer_id: 'c-1', summary: { frequency: 0, recency: 0, T: 1 } }, '/summary'],
    [{}, '/'],
    [{ customer_id: 'c-1', extra: 1 }, '/'],
    [{ items: [{ customer_id: 'c-1' }, {}] }, '/items/1'],
    [{ items: [] }, '/items'],
  ])('%j is refused at %s', async (body, pointer) => {
    const answer = await ask('/api/predict/churn', body);
    expect(answer.status).toBe(400);
    expect(answer.body.errors.map((error: { pointer: string }) => error.pointer)).toContain(pointer);
  });
});

describe('lifetime value', () => {
  test('is the kernel’s own answer: discounted mean, undiscounted quantiles', async () => {
    const { body } = await ask('/api/predict/clv', { customer_id: 'c-1' });
    const customer = {
      frequency: 3,
      recency: dayNumber('2026-01-10') - dayNumber('2025-01-01'),
      T: dayNumber('2026-05-31') - dayNumber('2025-01-01'),
      monetaryValue: (25 + 45 + 12) / 3,
      moneyDays: 3,
    };
    const kernel = predictClv(CDNOW_MODEL, customer, {});
    if (!kernel.ok) throw new Error(kernel.reason.message);
    expect(body).toMatchObject({
      clv_mean: kernel.value.clvMean,
      clv_p05: kernel.value.quantiles[0],
      clv_p50: kernel.value.quantiles[1],
      clv_p95: kernel.value.quantiles[2],
      expected_purchases: kernel.value.expectedPurchases,
      expected_spend: kernel.value.expectedSpend,
      months: 12,
      discount_monthly: 0.01,
      discounting: 'month-end',
      parameter_lower: null,
      interval_reason: 'model-without-covariance',
      currency: 'EUR',
    });
    // The forecast to beat: three repeat purchases so far, at that rate for a year of 12 · 4.345 weeks, at their own mean.
    const rate = 3 / customer.T;
    expect(body.naive.expected_purchases).toBeCloseTo(rate * 12 * 4.345 * 7, 9);
    expect(body.naive.expected_spend).toBeCloseTo(rate * 12 * 4.345 * 7 * ((25 + 45 + 12) / 3), 7);
    expect(body.clv_p05).toBeLessThanOrEqual(body.clv_p50);
    expect(body.clv_p50).toBeLessThanOrEqual(body.clv_p95);
  });

  test('months and horizon_days exclude each other; a model without money says so', async () => {
    expect(await ask('/api/predict/clv', { customer_id: 'c-1', months: 6, horizon_days: 90 })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/months' }] },
    });
    const poor = await createPlatform();
    const { gammaGamma: _, ...purchases } = CDNOW_MODEL;
    const imported = await poor.as('ml-engineer', 'POST', '/api/models', purchases);
    expect(imported.status).toBe(201);
    const { id } = (await imported.json()) as { id: string };
    expect((await poor.as('ml-engineer', 'POST', `/api/models/${id}/deploy`)).status).toBe(200);
    poor.orders([{ customer: 'c', day: '2025-01-01' }]);
    const answer = await poor.as('analyst', 'POST', '/api/predict/clv', { customer_id: 'c' });
    expect(answer.status).toBe(422);
    expect(await answer.json()).toMatchObject({ applicable: 'no-money-model' });
  });
});

describe('many at once', () => {
  test('items answer each for itself: one bad item does not fail the others', async () => {
    const { status, body } = await ask('/api/predict/churn', {
      items: [
        { customer_id: 'c-1' },
        { customer_id: 'nobody' },
        { summary: { frequency: 2, recency: 30.43, T: 38.86 } },
      ],
      strict: true,
    });
    expect(status).toBe(200);
    expect(body.items[0].p_churn).toBe((await ask('/api/predict/churn', { customer_id: 'c-1' })).body.p_churn);
    expect(body.items[1]).toEqual({
      customer_id: 'nobody',
      error: { reason: 'unknown-customer', status: 404, detail: expect.any(String) },
    });
    expect(body.items[2].p_alive).toBeCloseTo(0.7266, 4);
  });

  test('more than eight lifetime values come from the pool, with the same digits', async () => {
    const items = [
      ...Array.from({ length: 5 }, () => ({ customer_id: 'c-1' })),
      ...Array.from({ length: 5 }, () => ({ customer_id: 'c-2' })),
      { customer_id: 'visitor' },
    ];
    const { body } = await ask('/api/predict/clv', { items });
    expect(body.items).toHaveLength(11);
    expect(body.items[0]).toEqual((await ask('/api/predict/clv', { customer_id: 'c-1' })).body);
    expect(body.items[9]).toEqual((await ask('/api/predict/clv', { customer_id: 'c-2' })).body);
    expect(body.items[10].error.reason).toBe('not-a-customer');
  });

  test('1,001 items are refused', async () => {
    const answer = await ask('/api/predict/churn', {
      items: Array.from({ length: 1001 }, () => ({ customer_id: 'c-1' })),
    });
    expect(answer.status).toBe(400);
    expect(answer.body.errors[0].pointer).toBe('/items');
  });

  test('a batch gives columns: JSON, or the same numbers as little-endian float64', async () => {
    const request = { customer_ids: ['c-1', 'nobody', 'visitor'] };
    const { body } = await ask('/api/predict/batch', request);
    expect(body.columns.status).toEqual([0, 1, 2]);
    expect(body.columns.p_churn[0]).toBe((await ask('/api/predict/churn', { customer_id: 'c-1' })).body.p_churn);
    expect(body.columns.p_churn[2]).toBeNull();
    expect(body.refused).toEqual([{ row: 2, reason: 'not-a-customer' }]);
    const binary = await platform.as('analyst', 'POST', '/api/predict/batch', request, { accept: COLUMNS_TYPE });
    expect(binary.headers.get('content-type')).toBe(COLUMNS_TYPE);
    const names = binary.headers.get('x-axiom47-columns')!.split(',');
    const view = new DataView(await binary.arrayBuffer());
    expect(view.byteLength).toBe(names.length * 3 * 8);
    for (const [k, name] of names.entries())
      for (let row = 0; row < 3; row++)
        expect(view.getFloat64((k * 3 + row) * 8, true)).toBe(body.columns[name][row] ?? 0);
  });

  test('a batch of lifetime values agrees with single answers', async () => {
    const { body } = await ask('/api/predict/batch', { customer_ids: ['c-1', 'c-2'], kind: 'clv', months: 6 });
    const one = (await ask('/api/predict/clv', { customer_id: 'c-2', months: 6 })).body;
    expect(body.columns.clv_p95[1]).toBe(one.clv_p95);
    expect(body.columns.clv_mean[1]).toBe(one.clv_mean);
  });
});

test('the reference stack’s call answers in its shape', async () => {
  const response = await platform.as('analyst', 'POST', '/predict?user_id=42');
  expect(await response.json()).toEqual({
    user_id: 42,
    churn_probability: expect.any(Number),
    model_version: '1.0.0',
    timestamp: '2026-06-01T12:00:00Z',
  });
});

test('without a model every prediction says what to do', async () => {
  const fresh = await createPlatform();
  const answer = await fresh.as('analyst', 'POST', '/api/predict/churn', { customer_id: 'x' });
  expect(answer.status).toBe(422);
  expect(await answer.json()).toMatchObject({
    reason: 'no-model',
    detail: expect.stringMatching(
      /import orders .*ten customers.*`axiom47 model import FILE`.*not put in force.*`axiom47 model deploy ID --yes`/,
    ),
  });
  const why = async (kind: 'churn' | 'clv') =>
    (await (await fresh.as('analyst', 'POST', `/api/predict/${kind}`, { customer_id: 'x' })).json()) as object;
  const event = {
    type: 'order.placed',
    customer_id: 'x',
    at: '2025-02-01',
    data: { order_id: 'x-1', amount: '10', currency: 'EUR' },
  };
  expect((await fresh.as('admin', 'POST', '/api/events', event)).status).toBe(202);
  for (const kind of ['churn', 'clv'] as const) {
    const { detail } = (await why(kind)) as { detail: string };
    expect(detail).toContain('1 of 10 customers');
    expect(detail).not.toContain('import orders');
  }
  const { id } = await fresh.deps.models.importModel(CDNOW_MODEL, { ...CDNOW_MODEL }, 'test');
  for (const kind of ['churn', 'clv'] as const)
    expect(await why(kind)).toMatchObject({
      reason: 'no-model',
      detail: expect.stringMatching(
        new RegExp(`^${id} was fitted but is not in force: .*model gates ${id}.*model deploy ${id} --yes`),
      ),
    });
});

test('who is under contract is no business of a model of purchases, on whatever route (facts §9: one guard)', async () => {
  const customer = 'member-1';
  const events = [
    {
      type: 'order.placed',
      customer_id: customer,
      at: '2025-02-01',
      data: { order_id: 'm1', amount: '10', currency: 'EUR' },
    },
    {
      type: 'order.placed',
      customer_id: customer,
      at: '2025-05-01',
      data: { order_id: 'm2', amount: '10', currency: 'EUR' },
    },
    {
      type: 'subscription.started',
      customer_id: customer,
      at: '2025-03-01',
      data: { subscription_id: 's1', plan: 'gold' },
    },
  ];
  const own = await createPlatform();
  await own.deployCdnow();
  expect((await own.as('admin', 'POST', '/api/events', events)).status).toBe(202);
  const asked = async (path: string, body: object) => {
    const answer = await own.as('admin', 'POST', path, body);
    return { status: answer.status, body: (await answer.json()) as { items: unknown[] } };
  };
  const before = await asked('/api/predict/churn', { customer_id: customer });
  expect(before).toMatchObject({ status: 200, body: { basis: 'history' } });
  const defined = await own.as('admin', 'PUT', '/api/churn-definitions/contractual', { horizon_days: 30 });
  expect(defined.status).toBe(200);
  expect(await asked('/api/predict/churn', { customer_id: customer })).toMatchObject({
    status: 422,
    body: { reason: 'no-model' },
  });
  expect(await asked('/api/predict/clv', { customer_id: customer })).toMatchObject({
    status: 422,
    body: { applicable: 'contractual' },
  });
  const many = await asked('/api/predict/clv', {
    items: Array.from({ length: 20 }, () => ({ customer_id: customer })),
  });
  expect(many.body.items[7]).toMatchObject({ error: { reason: 'contractual' } });
  const batch = await asked('/api/predict/batch', { customer_ids: [customer], kind: 'clv' });
  expect(JSON.stringify(batch.body)).toContain('contractual');
});
