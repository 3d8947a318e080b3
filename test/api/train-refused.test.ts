// Trainings over HTTP on what cannot be learned from: each is refused by a code and a sentence, and neither a version nor rows of it are left.
import { readdirSync } from 'node:fs';
import { pack } from 'msgpackr';
import { expect, test } from 'vitest';
import type { InputEvent } from '#domain/events.ts';
import { DAY_MS } from '#domain/time.ts';
import { inputEvent, NOW } from './support/memory-log.ts';
import { createPlatform } from './support/platform.ts';

const TODAY = Math.floor(NOW / DAY_MS);
type Attributes = Record<string, string | number>;

/** Subscribers of a history that was known when it happened; half of them leave in the last thirty days, unless nobody does. */
async function subscribers(
  count: number,
  {
    attributes = () => ({}),
    leave = (i) => i % 2 === 0,
  }: {
    attributes?: (i: number) => Attributes;
    leave?: (i: number) => boolean;
  } = {},
) {
  const platform = await createPlatform();
  const run = 'history';
  platform.fact({
    type: 'import.started',
    run,
    source: 'crm',
    digest: '',
    backfill: true,
    amend: false,
    startedAt: 0,
    coverage: 'complete',
  });
  const mark = (i: number, type: InputEvent['type'], day: number, props: Attributes | null = null) =>
    inputEvent({
      type,
      customerId: `s-${i}`,
      id: `${type} ${i}`,
      orderId: `contract ${i}`,
      at: day * DAY_MS,
      name: ['monthly', 'yearly'][i % 3 === 0 ? 0 : 1]!,
      minor: 900 + 100 * (i % 5),
      props,
    });
  const events = Array.from({ length: count }, (_, i) => [
    mark(i, 'subscription.started', TODAY - 60 - ((i * 37) % 300), attributes(i)),
    mark(i, leave(i) ? 'subscription.cancelled' : 'subscription.renewed', TODAY - (i % 29)),
  ]).flat();
  await platform.deps.gateway.importEvents({ run, source: 'crm', events: pack(events) });
  const define = { horizon_days: 30, grace_days: 0 };
  expect((await platform.as('admin', 'PUT', '/api/churn-definitions/contractual', define)).status).toBe(200);
  return platform;
}

const TRAIN = { kind: 'churn-logistic', definition: 'contractual', cutoffs: 1 };

test.each([
  [
    'too little data',
    () => subscribers(60),
    {},
    'too-little-data',
    /the \w+ rows hold \d+ lost and \d+ kept customers; at least 25 .* are missing.*or a longer horizon/,
  ],
  ['one class', () => subscribers(400, { leave: () => false }), {}, 'one-class', /nobody was lost|0 lost/],
  [
    'a column that knows the outcome',
    () => subscribers(400, { attributes: (i) => ({ reason: i % 2 === 0 ? 'moved' : 'none' }) }),
    {},
    'separation',
    /foremost attribute:reason, .*name it in without/,
  ],
  [
    'two columns that say the same',
    () => subscribers(400, { attributes: (i) => ({ euro: (i * 7) % 53, cent: ((i * 7) % 53) * 100 + 7 }) }),
    {},
    'collinearity',
    /^attribute:cent and attribute:euro say exactly the same/,
  ],
  [
    'a horizon longer than the data',
    () => subscribers(400),
    { horizon_days: 3_000 },
    'horizon-too-long',
    /3000 days is longer than the data allow: .* days at most/,
  ],
  [
    'a set of features nobody knows',
    () => subscribers(60),
    { feature_set: 9 },
    'unknown-feature-set',
    /there is no feature set customer@9; there are customer@1, customer@2, customer@3, customer@4/,
  ],
] as const)('%s', async (_, made, asked, code, message) => {
  const platform = await made();
  const request = await platform.as('ml-engineer', 'POST', '/api/jobs/train', { ...TRAIN, ...asked });
  const answer = await request.json();
  if (request.status === 422) {
    expect(answer).toMatchObject({ code, detail: expect.stringMatching(message) });
    expect(await (await platform.as('ml-engineer', 'GET', '/api/jobs')).json()).toMatchObject({ total: 0 });
  } else {
    await (await platform.as('ml-engineer', 'GET', `/api/jobs/${answer.id}/events`)).text();
    const job = await (await platform.as('ml-engineer', 'GET', `/api/jobs/${answer.id}`)).json();
    expect(job).toMatchObject({
      status: 'failed',
      failure: { reason: 'refused', code, message: expect.stringMatching(message) },
    });
    expect(job).not.toHaveProperty('result');
  }
  const { models, rowsDir } = platform.trained;
  expect([await models.list(), readdirSync(rowsDir)]).toEqual([[], []]);
});

test('a name to leave out that names nothing is refused with the nearest, by a dry run at once and by a training before it begins', async () => {
  const platform = await subscribers(60, {
    attributes: (i) => ({ late_payments: i % 3, city: i % 2 === 0 ? 'A' : 'B' }),
  });
  const train = async (body: object) => {
    const answer = await platform.as('ml-engineer', 'POST', '/api/jobs/train', { ...TRAIN, ...body });
    return [answer.status, await answer.json()] as const;
  };
  const typo = { without: ['plan', 'attribute:late_paymets'] };
  const said =
    /without names attribute:late_paymets, which .* did you mean attribute:late_payments\? There are .*plan.*attribute:city, attribute:late_payments$/;
  expect(await train({ ...typo, dry_run: true })).toEqual([
    422,
    expect.objectContaining({ code: 'unknown-feature', detail: expect.stringMatching(said) }),
  ]);
  for (const kind of ['churn-logistic', 'churn-cox']) {
    const [, { id }] = await train({ ...typo, kind });
    await (await platform.as('ml-engineer', 'GET', `/api/jobs/${id}/events`)).text();
    const job = await (await platform.as('ml-engineer', 'GET', `/api/jobs/${id}`)).json();
    expect(job.failure).toEqual({ reason: 'refused', code: 'unknown-feature', message: expect.stringMatching(said) });
    expect(job.steps).toEqual(['position']);
  }
  const [, bare] = await train({ without: ['late_payments'], dry_run: true });
  expect(bare.detail).toMatch(/did you mean attribute:late_payments\?/);
  expect((await train({ without: ['plan', 'attribute:late_payments'], dry_run: true }))[0]).toBe(200);
  expect(await train({ kind: 'clv', definition: undefined, cutoffs: undefined, without: ['plan'] })).toEqual([
    400,
    expect.objectContaining({ detail: expect.stringMatching(/^\/without: a value model reads/) }),
  ]);
});

test('where nobody was lost a dry run counts who was kept: only the lost are missing', async () => {
  const platform = await subscribers(400, { leave: () => false });
  const asked = { ...TRAIN, dry_run: true };
  const check = await (await platform.as('ml-engineer', 'POST', '/api/jobs/train', asked)).json();
  const of = (end: string) =>
    check.checklist.filter(({ item }: { item: string }) => item.endsWith(`rows: ${end}`)) as Record<string, number>[];
  expect(check.ready).toBe(false);
  expect(of('kept').map(({ missing }) => missing)).toEqual([0, 0, 0]);
  expect(of('kept').reduce((sum, { found }) => sum + found!, 0)).toBe(check.cutoffs[0].kept);
  const hint = check.checklist.find(({ item }: { item: string }) => item === 'kept, over all cut-offs');
  expect(hint).toMatchObject({ found: check.cutoffs[0].kept, missing: 0 });
  expect(of('lost').map(({ found, missing }) => [found, missing])).toEqual([
    [0, 25],
    [0, 25],
    [0, 25],
  ]);
});

test('the same subscribers without what is wrong with them are learned from', async () => {
  const platform = await subscribers(400, { attributes: (i) => ({ reason: i % 2 === 0 ? 'moved' : 'none' }) });
  const asked = { ...TRAIN, without: ['attribute:reason'] };
  const { id } = await (await platform.as('ml-engineer', 'POST', '/api/jobs/train', asked)).json();
  await (await platform.as('ml-engineer', 'GET', `/api/jobs/${id}/events`)).text();
  const job = await (await platform.as('ml-engineer', 'GET', `/api/jobs/${id}`)).json();
  expect([job.status, job.failure]).toEqual(['succeeded', null]);
  expect((await platform.trained.models.list()).map((model) => model.id)).toEqual(['subscription_churn_model@1']);
});

test.each([
  [{ featureSet: { name: 'customer', version: 9 } }, /reads the features customer@9, .* up to customer@4/],
  [{ features: ['plan@7'] }, /the feature plan@7 is not in the set customer@1; there is plan@1/],
])('a model file that reads %j is not taken in', async (reads, message) => {
  const platform = await createPlatform();
  const file = {
    model: 'churn-cox',
    definition: { kind: 'contractual', horizonDays: 30, graceDays: 0, activeWithinDays: null },
    featureSet: { name: 'customer', version: 1 },
    encoding: [{ column: 'subscription_price', kind: 'numeric', blank: 9 }],
    cox: {
      coefficients: [{ name: 'subscription_price', coef: 0.1 }],
      means: [9],
      baseline: [{ time: [10], cumulativeHazard: [0.1] }],
    },
    followUpDays: 90,
    ...reads,
  };
  const no = await platform.as('ml-engineer', 'POST', '/api/models', file);
  expect([no.status, await no.json()]).toEqual([
    expect.any(Number),
    expect.objectContaining({ reason: 'bad-model', detail: expect.stringMatching(message) }),
  ]);
  expect(await (await platform.as('ml-engineer', 'GET', '/api/models')).json()).toMatchObject({ items: [] });
});
