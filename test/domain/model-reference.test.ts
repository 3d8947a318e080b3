// How versions are named: by number, by what they are at the moment, and what is said of a name that means nothing.
import { expect, test } from 'vitest';
import { type Model, type ModelEvent, model } from '#domain/model.ts';
import { ALIASES, aliasesFor, resolveReference } from '#domain/model-reference.ts';

const registered = (version: number): ModelEvent => ({
  type: 'model.registered',
  data: { version, kind: 'clv', digest: String(version).repeat(64), params: {}, window: null, metrics: {} },
});
const named = (version: number) => ({ version, kind: 'clv', digest: '' });
const because = { reason: 'why', gates: [] };
const of = (...events: ModelEvent[]): Model => events.reduce(model.evolve, model.initial);
const full = of(
  ...[1, 2, 3, 4, 5].map(registered),
  { type: 'model.deployed', data: { ...named(2), ...because } },
  { type: 'model.shadowed', data: { version: 4, reason: 'why' } },
  { type: 'model.canaried', data: { ...named(3), percent: 10, ...because } },
  { type: 'model.retired', data: { version: 5, reason: null } },
);
const models = new Map([
  ['clv_model', full],
  ['churn_model', of(registered(1))],
]);
const answer = (reference: string) => resolveReference(reference, models);

test.each([
  ['clv_model@1', 1],
  ['clv_model@champion', 2],
  ['clv_model@production', 2],
  ['clv_model', 2],
  ['clv_model@canary', 3],
  ['clv_model@challenger', 3],
  ['clv_model@shadow', 4],
  ['clv_model@latest', 4],
])('%s is version %d', (reference, version) => {
  expect(answer(reference)).toEqual({ ok: true, value: { name: 'clv_model', version } });
});

test('a challenger named by hand goes before the canary', () => {
  const chosen = model.evolve(full, { type: 'model.challenger-named', data: { version: 1, reason: 'why' } });
  expect(resolveReference('clv_model@challenger', new Map([['clv_model', chosen]]))).toMatchObject({
    value: { version: 1 },
  });
  expect(aliasesFor(chosen, 1)).toEqual(['challenger']);
});

test('every version knows what it is called', () => {
  expect([1, 2, 3, 4, 5].map((version) => aliasesFor(full, version))).toEqual([
    [],
    ['champion', 'production'],
    ['challenger', 'canary'],
    ['shadow', 'latest'],
    [],
  ]);
});

test.each([
  ['clv_model@6', /no model clv_model@6; clv_model has versions 1 to 5, and the aliases champion/],
  ['clv_model@0', /has versions 1 to 5/],
  ['clv_model@winner', new RegExp(ALIASES.join(', '))],
  ['churn_model@champion', /no churn_model@champion: no version of it is active/],
  ['churn_model', /no churn_model@champion/],
  ['churn_model@shadow', /no version of it is in shadow/],
  ['other@1', /there are clv_model, churn_model, each as NAME@VERSION or NAME@ALIAS/],
  ['clv_model@1@2', /no model clv_model@1@2/],
  ['', /no model /],
])('%s means nothing, and it is said what does', (reference, said) => {
  const found = answer(reference);
  expect(found.ok ? '' : found.reason).toMatch(said);
});

test('without any model it is said how to come by one', () => {
  const found = resolveReference('clv_model@1', new Map());
  expect(found).toMatchObject({ ok: false, reason: expect.stringContaining('`axiom47 model import FILE` brings one') });
});
