import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type GateResult, type RuleName, rulesInForce } from '#domain/deployment-rules.ts';
import {
  approvedOf,
  type JudgedOn,
  type ModelCommand,
  type ModelEvent,
  model,
  STAGES,
  stageOf,
} from '#domain/model.ts';
import { aliasesOf } from '#domain/model-reference.ts';
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
const named = (version: number) => ({ version, kind: 'clv', digest: digest('abc'[version - 1]!) });
const deployed = (version: number): ModelEvent => ({
  type: 'model.deployed',
  data: { ...named(version), reason: null, gates: [] },
});
const gate = (passed: boolean | null): GateResult => ({
  rule: 'score-shift',
  value: passed === null ? null : 1,
  limit: 0.5,
  passed,
  applicable: true,
  why: 'PSI 1',
  todo: 'look',
});
const judged = (passed: boolean | null) => ({
  rule: 'score-shift' as const,
  value: passed === null ? null : 1,
  limit: 0.5,
  passed,
});
/** Judged while that version was active. */
const against = (deployed: number | null, stage: JudgedOn['stage'] = 'registered'): JudgedOn => ({ deployed, stage });
const deploy = (version: number, gates: readonly GateResult[] = [gate(true)], judgedOn = against(1)): ModelCommand => ({
  type: 'DeployModel',
  version,
  reason: null,
  gates,
  judgedOn,
});
const deployedBy = (version: number, passed: boolean | null = true): ModelEvent => ({
  type: 'model.deployed',
  data: { ...named(version), reason: null, gates: [judged(passed)] },
});
const reason = 'because';
const approve = (version: number, rules: readonly RuleName[], judgedOn = against(1)): ModelCommand => ({
  type: 'ApproveModel',
  version,
  rules,
  reason,
  judgedOn,
});
const canary = (
  version: number,
  percent: number,
  gates: readonly GateResult[] = [gate(true)],
  judgedOn = against(1),
): ModelCommand => ({ type: 'CanaryModel', version, percent, reason, gates, judgedOn });
const canariedBy = (version: number, percent: number, passed: boolean | null = true): ModelEvent => ({
  type: 'model.canaried',
  data: { ...named(version), percent, reason, gates: [judged(passed)] },
});
const canaried = (version: number, percent: number): ModelEvent => ({
  type: 'model.canaried',
  data: { ...named(version), percent, reason, gates: [] },
});
const grounds = { reason, automatic: false, gates: [] };
const three = [registered(1, 'a'), registered(2, 'b'), registered(3, 'c')];
const active1 = [...three, deployed(1)];

describe('versions', () => {
  test('count up; the same artefact is the same version', () => {
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
  test('of a model keep its kind', () => {
    given([registered(1, 'a')])
      .when({ type: 'RegisterModel', model: { ...fitted('b'), kind: 'logistic' } })
      .thenRefused('other-kind');
  });
  test('can be deployed, and an older one again after it', () => {
    given(three)
      .when(deploy(2, [gate(true)], against(null)))
      .then([deployedBy(2)]);
    given([...three, deployed(2)])
      .when(deploy(2, []))
      .thenNothing();
    given([...three, deployed(2)])
      .when(deploy(1, [gate(true)], against(2)))
      .then([deployedBy(1)]);
    given(three).when(deploy(4)).thenRefused('version-unknown');
  });
  test('that answer cannot be retired, and what is retired cannot answer', () => {
    given(active1).when({ type: 'RetireModel', version: 1, reason }).thenRefused('version-deployed');
    given([...active1, canaried(2, 10)])
      .when({ type: 'RetireModel', version: 2, reason })
      .thenRefused('version-canary');
    const retired: ModelEvent = { type: 'model.retired', data: { version: 1, reason } };
    given(three).when({ type: 'RetireModel', version: 1, reason }).then([retired]);
    given([...three, retired])
      .when(deploy(1))
      .thenRefused('version-retired');
  });
});

test('the artefact of a retired version that comes again is a version of its own', () => {
  const retired: ModelEvent = { type: 'model.retired', data: { version: 2, reason } };
  given([...active1, retired])
    .when({ type: 'RegisterModel', model: fitted('b') })
    .then([registered(4, 'b')]);
  given([...active1, retired, registered(4, 'b')])
    .when({ type: 'RegisterModel', model: fitted('b') })
    .thenNothing();
});

test('what the program takes out of a canary it leaves in a shadow somebody has put it into since', () => {
  const shadowed: ModelEvent = { type: 'model.shadowed', data: { version: 2, reason } };
  const takeOut: ModelCommand = { type: 'WithdrawModel', version: 2, from: 'canary', reason, automatic: true };
  given([...active1, shadowed])
    .when(takeOut)
    .thenNothing();
  given([...active1, canaried(2, 10)])
    .when(takeOut)
    .then([{ type: 'model.withdrawn', data: { ...named(2), from: 'canary', ...grounds, automatic: true } }]);
});

test('a deployment nobody looks on at leaves another version’s canary alone', () => {
  const alone = { ...deploy(3), automatic: true } as ModelCommand;
  given([...active1, canaried(2, 10)])
    .when(alone)
    .thenRefused('other-canary');
  given([...active1, canaried(3, 10)])
    .when({ ...deploy(3, [gate(true)], against(1, 'canary')), automatic: true } as ModelCommand)
    .then([deployedBy(3)]);
});

describe('gates', () => {
  test.each([false, null])('%s keeps a version from answering, everybody or some', (passed) => {
    given(active1)
      .when(deploy(2, [gate(passed)]))
      .thenRefused('gates-not-passed');
    given(active1)
      .when(canary(2, 10, [gate(passed)]))
      .thenRefused('gates-not-passed');
  });
  test('what was judged is kept with the step', () => {
    given(active1)
      .when(deploy(2, [gate(true)]))
      .then([deployedBy(2)]);
  });
  test('an approval of the rule, for this version and no other, lets it answer', () => {
    const approved: ModelEvent = { type: 'model.approved', data: { version: 2, rules: ['score-shift'], reason } };
    given(active1)
      .when(approve(2, ['score-shift']))
      .then([approved]);
    given([...active1, deployed(3)])
      .when(approve(2, ['score-shift']))
      .thenRefused('judged-otherwise');
    given([...active1, approved])
      .when(approve(2, ['score-shift']))
      .thenNothing();
    given([...active1, approved])
      .when(deploy(2, [gate(false)]))
      .then([deployedBy(2, false)]);
    given([...active1, approved])
      .when(deploy(3, [gate(false)]))
      .thenRefused('gates-not-passed');
    given([...active1, approved])
      .when(deploy(2, [{ ...gate(false), rule: 'brier-worse' }]))
      .thenRefused('gates-not-passed');
    given(active1).when(approve(2, [])).thenRefused('nothing-to-approve');
  });
  const approval = (version: number, ...rules: RuleName[]): ModelEvent => ({
    type: 'model.approved',
    data: { version, rules, reason },
  });
  const taken = (version: number, from: number): ModelEvent => ({
    type: 'model.rolled-back',
    data: { ...named(version), from, ...grounds, automatic: true },
  });
  test('who answers has changed since: what was judged says nothing', () => {
    given([...active1, deployed(3)])
      .when(deploy(2))
      .thenRefused('judged-otherwise');
    given([...active1, canaried(2, 10)])
      .when(deploy(2))
      .thenRefused('judged-otherwise');
    given([...active1, deployed(3)])
      .when(canary(2, 10))
      .thenRefused('judged-otherwise');
  });
  test('a step forward without any gate is none: a repeated or smaller one, overtaken by the program taking it back', () => {
    given([...active1, deployed(2), taken(1, 2)])
      .when(deploy(2, [], against(2, 'active')))
      .thenRefused('judged-otherwise');
    given(active1)
      .when(canary(2, 5, [], against(1, 'canary')))
      .thenRefused('judged-otherwise');
    given(active1).when(deploy(2, [])).thenRefused('judged-otherwise');
    given(active1)
      .when(canary(2, 5, []))
      .thenRefused('judged-otherwise');
  });
  test('what was approved ends when the program takes the version back', () => {
    const history = [...active1, approval(2, 'score-shift', 'taken-back'), deployed(2), taken(1, 2)];
    given(history)
      .when(deploy(2, [gate(false)]))
      .thenRefused('gates-not-passed');
    given(history)
      .when(deploy(2, [{ ...gate(false), rule: 'taken-back' }]))
      .thenRefused('gates-not-passed');
    const withdrawn: ModelEvent = {
      type: 'model.withdrawn',
      data: { ...named(2), from: 'canary', ...grounds, automatic: true },
    };
    given([...active1, approval(2, 'taken-back'), canaried(2, 10), withdrawn])
      .when(canary(2, 10, [{ ...gate(false), rule: 'taken-back' }]))
      .thenRefused('gates-not-passed');
  });
  test('an approval against one active version is none against another; of the version alone it stays', () => {
    const history = [...active1, approval(2, 'score-shift', 'fit-findings'), deployed(3)];
    given(history)
      .when(deploy(2, [gate(false)], against(3)))
      .thenRefused('gates-not-passed');
    given(history)
      .when(approve(2, ['score-shift', 'fit-findings'], against(3)))
      .then([approval(2, 'score-shift')]);
    const of = (events: ModelEvent[]) => approvedOf(events.reduce(model.evolve, model.initial), 2);
    expect(of(history)).toEqual(['fit-findings']);
    expect(of([...history, approval(2, 'score-shift')])).toEqual(['fit-findings', 'score-shift']);
  });
  test('rules are set, and set again is nothing new', () => {
    const rules = { rules: { 'score-shift': { limit: 0.1 } } };
    const set: ModelEvent = { type: 'model.rules-set', data: { rules, reason } };
    given(three).when({ type: 'SetRules', rules, reason }).then([set]);
    given([...three, set])
      .when({ type: 'SetRules', rules, reason })
      .thenNothing();
  });
  test('what is as by default is not kept: it follows the defaults when they change', () => {
    const { rules: all, offer, least } = rulesInForce({});
    given(three)
      .when({ type: 'SetRules', rules: { rules: all, offer, least }, reason })
      .thenNothing();
    const some = {
      ...all,
      'score-shift': { limit: 0.1, watch: null },
      'band-changes': { ...all['band-changes'], watch: 0.9 },
    };
    given(three)
      .when({
        type: 'SetRules',
        rules: { rules: some, offer: { cost: 5, benefit: 60 }, least: { minutes: 60, scores: 0 } },
        reason,
      })
      .then([
        {
          type: 'model.rules-set',
          data: {
            rules: {
              rules: { 'score-shift': { limit: 0.1 }, 'band-changes': { watch: 0.9 } },
              offer: { cost: 5, benefit: 60 },
              least: { minutes: 60 },
            },
            reason,
          },
        },
      ]);
    // Switched off is not left out; and as an older program froze it, it says the same.
    given([...three, { type: 'model.rules-set', data: { rules: { rules: all }, reason } }])
      .when({ type: 'SetRules', rules: { rules: { 'score-shift': { limit: null } } }, reason })
      .then([{ type: 'model.rules-set', data: { rules: { rules: { 'score-shift': { limit: null } } }, reason } }]);
  });
});

describe('beside the active one', () => {
  test('a shadow needs one, and leaves when it is withdrawn or goes on', () => {
    const shadowed: ModelEvent = { type: 'model.shadowed', data: { version: 2, reason } };
    given(three).when({ type: 'ShadowModel', version: 2, reason }).thenRefused('no-active');
    given(active1).when({ type: 'ShadowModel', version: 2, reason }).then([shadowed]);
    given([...active1, shadowed])
      .when({ type: 'ShadowModel', version: 2, reason })
      .thenNothing();
    given([...active1, shadowed])
      .when({ type: 'WithdrawModel', version: 2, reason })
      .then([{ type: 'model.withdrawn', data: { ...named(2), from: 'shadow', ...grounds } }]);
    const on = [...active1, shadowed, canaried(2, 5)].reduce(model.evolve, model.initial);
    expect([on.shadow, stageOf(on, 2)]).toEqual([null, 'canary']);
  });
  test('a canary answers some percent, one version at a time', () => {
    given(three).when(canary(2, 10)).thenRefused('no-active');
    given(active1).when(canary(1, 10)).thenRefused('version-deployed');
    for (const percent of [0, 100, -1, Number.NaN]) given(active1).when(canary(2, percent)).thenRefused('bad-percent');
    given(active1)
      .when(canary(2, 10))
      .then([canariedBy(2, 10)]);
    given([...active1, canaried(2, 10)])
      .when(canary(2, 10))
      .thenNothing();
    given([...active1, canaried(2, 10)])
      .when(canary(3, 10))
      .thenRefused('other-canary');
  });
  test('more customers pass the gates again, fewer are a step back', () => {
    given([...active1, canaried(2, 10)])
      .when(canary(2, 20, [gate(false)], against(1, 'canary')))
      .thenRefused('gates-not-passed');
    given([...active1, canaried(2, 10)])
      .when(canary(2, 5, []))
      .then([canaried(2, 5)]);
  });
  test('a deployment ends the canary', () => {
    const state = [...active1, canaried(2, 10), deployed(3)].reduce(model.evolve, model.initial);
    expect([state.deployed, state.canary, stageOf(state, 2)]).toEqual([3, null, 'registered']);
  });
  test('the name of challenger is given and taken back by hand', () => {
    const free: ModelCommand = { type: 'NameChallenger', version: null, reason };
    const named: ModelEvent = { type: 'model.challenger-named', data: { version: 2, reason } };
    const freed: ModelEvent = { type: 'model.challenger-named', data: { version: null, reason } };
    given([...active1, named])
      .when(free)
      .then([freed]);
    for (const before of [active1, [...active1, named, freed], [...active1, canaried(2, 10)]])
      given(before).when(free).thenNothing();
    const canary = [...active1, canaried(3, 10), named, freed].reduce(model.evolve, model.initial);
    expect(aliasesOf(canary).challenger).toBe(3);
  });
});

describe('rolling back', () => {
  const back = (from: number | null, to: number | null = null): ModelCommand => ({
    type: 'RollbackModel',
    from,
    to,
    reason,
  });
  const rolled = (from: number, version: number): ModelEvent => ({
    type: 'model.rolled-back',
    data: { ...named(version), from, ...grounds },
  });
  test('a canary goes back by itself, never to another version in place of the active one', () => {
    given([...active1, deployed(3), canaried(2, 10)])
      .when(back(2, 1))
      .thenRefused('version-canary');
  });
  test('a canary ends, and the active one stays', () => {
    given([...active1, canaried(2, 10)])
      .when(back(null))
      .then([{ type: 'model.withdrawn', data: { ...named(2), from: 'canary', ...grounds } }]);
  });
  test('what was active before answers again; the one that does not answer is nothing to roll back', () => {
    given([...active1, deployed(2)])
      .when(back(2))
      .then([rolled(2, 1)]);
    given([...active1, deployed(2), rolled(2, 1)])
      .when(back(2))
      .thenNothing();
    given(active1).when(back(1)).thenRefused('nothing-before');
    given(three).when(back(null)).thenRefused('no-active');
  });
  test('back and back again goes through what was active, not between two', () => {
    given([...active1, deployed(2), deployed(3), rolled(3, 2)])
      .when(back(2))
      .then([rolled(2, 1)]);
  });
  test('to a version by name, if it ever answered', () => {
    given([...active1, deployed(2), deployed(3)])
      .when(back(3, 1))
      .then([rolled(3, 1)]);
    given([...active1, deployed(2)])
      .when(back(2, 3))
      .thenRefused('never-active');
    given([...active1, deployed(2)])
      .when(back(2, 9))
      .thenRefused('version-unknown');
  });
  test('what answers already is not what was before it', () => {
    const history = [...active1, deployed(2), deployed(1)];
    given(history)
      .when(back(1))
      .then([rolled(1, 2)]);
    given([...history, { type: 'model.retired', data: { version: 2, reason } }])
      .when(back(1))
      .thenRefused('nothing-before');
  });
  test('what the program took back is remembered of the version', () => {
    const taken: ModelEvent = {
      type: 'model.rolled-back',
      data: { ...named(1), from: 2, ...grounds, automatic: true },
    };
    const state = [...active1, deployed(2), taken].reduce(model.evolve, model.initial);
    expect(state.versions.map(({ tripped }) => tripped)).toEqual([0, 1, 0]);
  });
});

test('events of the first shapes read as the present ones', () => {
  const of = model.events['model.deployed']!;
  const upcast = of.upcast!({ version: 1, kind: 'clv', digest: digest('a') }, 1);
  expect(of.data.parse(upcast)).toEqual({ version: 1, kind: 'clv', digest: digest('a'), reason: null, gates: [] });
  const retired = model.events['model.retired']!;
  expect(retired.data.parse(retired.upcast!({ version: 2 }, 1))).toEqual({ version: 2, reason: null });
});

test('decide, apply, decide again: nothing new; and every version has one stage', () => {
  const version = fc.integer({ min: 1, max: 4 });
  const gates = fc.constantFrom([], [gate(true)], [gate(true)], [gate(false)], [gate(null)]);
  const on = fc.record({ deployed: fc.constantFrom(null, 1, 2), stage: fc.constantFrom(...STAGES.slice(0, 3)) });
  const command: fc.Arbitrary<ModelCommand> = fc.oneof(
    fc.constantFrom('a', 'b', 'c').map((of) => ({ type: 'RegisterModel' as const, model: fitted(of) })),
    fc.tuple(version, gates, on).map((args) => deploy(...args)),
    fc.tuple(version, fc.integer({ min: 1, max: 99 }), gates, on).map((args) => canary(...args)),
    version.map((n) => ({ type: 'ShadowModel' as const, version: n, reason })),
    version.map((n) => ({ type: 'WithdrawModel' as const, version: n, reason })),
    fc.tuple(version, on).map(([n, judgedOn]) => approve(n, ['score-shift'], judgedOn)),
    version.map((n) => ({ type: 'WithdrawModel' as const, version: n, from: 'canary' as const, reason })),
    fc.tuple(version, gates, on).map((args) => ({ ...deploy(...args), automatic: true }) as ModelCommand),
    fc.option(version).map((n) => ({ type: 'NameChallenger' as const, version: n, reason })),
    // By its own name: whoever says only "back" goes one further with each call.
    fc.tuple(version, fc.option(version)).map(([from, to]) => ({ type: 'RollbackModel' as const, from, to, reason })),
    version.map((n) => ({ type: 'RetireModel' as const, version: n, reason })),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 25 }), (commands) => {
      const state = isIdempotent(commands);
      expect(state.versions.map((each) => each.version)).toEqual(state.versions.map((_, i) => i + 1));
      for (const used of [state.deployed, state.canary?.version ?? null, state.shadow, state.challenger])
        if (used !== null) expect(state.versions[used - 1]!.retired).toBe(false);
      const stages = state.versions.map((each) => stageOf(state, each.version));
      for (const one of ['active', 'canary', 'shadow'] as const)
        expect(stages.filter((stage) => stage === one).length).toBeLessThanOrEqual(1);
      if (state.deployed === null) expect([state.canary, state.shadow, state.past]).toEqual([null, null, []]);
    }),
    { numRuns: 1_000 },
  );
});
