import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ModelCommand, type ModelEvent, model } from '#domain/model.ts';
import { specification } from '../support/decider.ts';

const { given, isIdempotent } = specification(model);

const digest = (digit: string) => digit.repeat(64);
const fitted = (of: string) => ({
  kind: 'clv',
  digest: digest(of),
  params: { unit: 'week', bgNbd: { r: 0.24, alpha: 4.41, a: 0.79, b: 2.43 } },
  window: { seq: 120, at: 1_700_000_000_000, fromDay: 19_000, toDay: 19_600 },
  metrics: { logLikelihood: -9_582.4, auc: null },
});
const registered = (version: number, of: string): ModelEvent => ({
  type: 'model.registered',
  data: { ...fitted(of), version },
});
const deployed = (version: number, of: string): ModelEvent => ({
  type: 'model.deployed',
  data: { version, kind: 'clv', digest: digest(of) },
});

describe('model', () => {
  test('versions count up; the same artefact is the same version', () => {
    given([])
      .when({ type: 'RegisterModel', model: fitted('a') })
      .then([registered(1, 'a')]);
    given([registered(1, 'a')])
      .when({ type: 'RegisterModel', model: fitted('b') })
      .then([registered(2, 'b')]);
    given([registered(1, 'a'), registered(2, 'b')])
      .when({ type: 'RegisterModel', model: { ...fitted('a'), metrics: {} } })
      .thenNothing();
  });
  test('a model keeps its kind', () => {
    given([registered(1, 'a')])
      .when({ type: 'RegisterModel', model: { ...fitted('b'), kind: 'logistic' } })
      .thenRefused('other-kind');
  });
  test('a registered version can be deployed, and an older one again after it', () => {
    const both = [registered(1, 'a'), registered(2, 'b')];
    given(both)
      .when({ type: 'DeployModel', version: 2 })
      .then([deployed(2, 'b')]);
    given([...both, deployed(2, 'b')])
      .when({ type: 'DeployModel', version: 2 })
      .thenNothing();
    given([...both, deployed(2, 'b')])
      .when({ type: 'DeployModel', version: 1 })
      .then([deployed(1, 'a')]);
    given(both).when({ type: 'DeployModel', version: 3 }).thenRefused('version-unknown');
  });
  test('what answers cannot be retired, and what is retired cannot answer', () => {
    given([registered(1, 'a'), deployed(1, 'a')])
      .when({ type: 'RetireModel', version: 1 })
      .thenRefused('version-deployed');
    const retired: ModelEvent = { type: 'model.retired', data: { version: 1 } };
    given([registered(1, 'a')])
      .when({ type: 'RetireModel', version: 1 })
      .then([retired]);
    given([registered(1, 'a'), retired])
      .when({ type: 'DeployModel', version: 1 })
      .thenRefused('version-retired');
  });

  test('decide, apply, decide again: nothing new', () => {
    const version = fc.integer({ min: 1, max: 4 });
    const command: fc.Arbitrary<ModelCommand> = fc.oneof(
      fc.constantFrom('a', 'b', 'c').map((of) => ({ type: 'RegisterModel' as const, model: fitted(of) })),
      version.map((n) => ({ type: 'DeployModel' as const, version: n })),
      version.map((n) => ({ type: 'RetireModel' as const, version: n })),
    );
    fc.assert(
      fc.property(fc.array(command), (commands) => {
        const state = isIdempotent(commands);
        expect(state.versions.map((each) => each.version)).toEqual(state.versions.map((_, i) => i + 1));
        if (state.deployed !== null) expect(state.versions[state.deployed - 1]!.retired).toBe(false);
      }),
    );
  });
});
