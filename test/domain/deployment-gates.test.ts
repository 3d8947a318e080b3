// The rules before a version answers: what each finds at its limit, that what is unknown does not pass, and what says nothing of a version.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareVersions } from '#domain/deployment-comparison.ts';
import {
  type Evidence,
  judge,
  type PairedErrors,
  profitOf,
  tripped,
  type VersionMetrics,
} from '#domain/deployment-gates.ts';
import { RULE_NAMES, RULES, type RuleName, type RuleSettings, rulesInForce } from '#domain/deployment-rules.ts';
import { evenly, NO_METRICS, scoresOf } from '../support/evidence.ts';

const spread = evenly(1_000);
const good: VersionMetrics = {
  calibrationSlope: 1.02,
  calibrationSlopeSe: 0.05,
  brier: 0.15,
  ece: 0.02,
  eceByChance: 0.01,
  auc: 0.8,
  aucSe: 0.01,
  n: 20_000,
  concordance: null,
  prevalence: 0.25,
  roc: [
    { threshold: null, falsePositiveRate: 0, truePositiveRate: 0 },
    { threshold: 0.5, falsePositiveRate: 0.1, truePositiveRate: 0.6 },
    { threshold: 0.2, falsePositiveRate: 0.4, truePositiveRate: 0.9 },
    { threshold: 0.05, falsePositiveRate: 1, truePositiveRate: 1 },
  ],
};
const NO_ERRORS: PairedErrors = { auc: null, brier: null, ece: null, profit: null };
const evidence = (changes: Partial<Evidence> = {}): Evidence => ({
  id: 'churn_model@2',
  kind: 'churn-logistic',
  finding: null,
  unvalued: null,
  outside: false,
  tripped: 0,
  own: good,
  active: { id: 'churn_model@1', metrics: good },
  evaluation: null,
  comparison: compareVersions(scoresOf(spread), scoresOf(spread)),
  unmeasured: '',
  shadow: { minutes: 0, scores: 0 },
  ...changes,
});
const of = (rule: RuleName, given: Evidence, settings: RuleSettings = {}) =>
  judge(given, settings).find((each) => each.rule === rule)!;

test('a version like the active one passes every rule; each says its value, its limit and why', () => {
  const gates = judge(evidence(), {});
  expect(gates.map(({ rule }) => rule)).toEqual(RULE_NAMES);
  for (const { passed, why, todo } of gates) expect([passed, why.length > 0, todo]).toEqual([true, true, null]);
});

describe('one rule fails, for its own reason', () => {
  const turned = scoresOf(spread.map((p) => 1 - p));
  const shifted = scoresOf(spread.map((p) => 1 / (1 + Math.exp(-(Math.log(p / (1 - p)) + 4)))));
  const cases: [RuleName, Partial<Evidence>, RegExp][] = [
    ['fit-findings', { finding: { code: 'contract-like', message: 'every month' } }, /contract-like: every month/],
    ['taken-back', { tripped: 1 }, /took it back 1 times/],
    ['calibration-slope', { own: { ...good, calibrationSlope: 0.5 } }, /slope 0.5/],
    ['brier-worse', { own: { ...good, brier: 0.2 } }, /0.2, of churn_model@1 0.15/],
    ['calibration-error-worse', { own: { ...good, ece: 0.08 } }, /0.08/],
    ['discrimination-worse', { own: { ...good, auc: 0.7 } }, /AUC 0.7/],
    [
      'profit-lower',
      { own: { ...good, roc: good.roc!.map((each) => ({ ...each, truePositiveRate: each.truePositiveRate / 2 })) } },
      /a customer, of churn_model@1/,
    ],
    ['broken-scores', { comparison: compareVersions(scoresOf(spread), scoresOf(spread, null, 3)) }, /3 scores/],
    [
      'refused-more',
      { comparison: compareVersions(scoresOf(spread), scoresOf(spread.map((p, i) => (i < 50 ? Number.NaN : p)))) },
      /50 of 1000 that churn_model@1 answers/,
    ],
    ['score-shift', { comparison: compareVersions(scoresOf(spread), shifted) }, /PSI .* mean 0\.5 → /],
    ['score-difference', { comparison: compareVersions(scoresOf(spread), shifted) }, /0\.\d+ apart; mean 0\.5 → /],
    ['rank-disagreement', { comparison: compareVersions(scoresOf(spread), turned) }, /rank correlation -1/],
    ['band-changes', { comparison: compareVersions(scoresOf(spread), turned) }, /in another band/],
    [
      'value-shift',
      {
        comparison: compareVersions(
          scoresOf(spread, spread),
          scoresOf(
            spread,
            spread.map((v) => 9 * v + 3),
          ),
        ),
      },
      /PSI/,
    ],
  ];
  test.each(cases)('%s', (rule, changes, why) => {
    const gate = of(rule, evidence(changes));
    expect(gate).toMatchObject({ passed: false, applicable: true, why: expect.stringMatching(why) });
    expect(gate.value!).toBeGreaterThan(gate.limit!);
    expect(gate.todo).not.toBeNull();
  });
  test('the time a score takes', () => {
    const slow = compareVersions(scoresOf(spread), { ...scoresOf(spread), ms: 2_000 });
    expect(of('scoring-time', evidence({ comparison: slow }))).toMatchObject({ value: 2_000, passed: false });
  });
});

test('whom a model gives no value is told at the gate, and keeps nobody’s churn from being answered', () => {
  const unvalued = 'q = 0.8 ≤ 1: no value for some';
  expect(of('fit-findings', evidence({ unvalued }))).toMatchObject({
    passed: true,
    why: expect.stringContaining(unvalued),
  });
  const both = evidence({ unvalued, finding: { code: 'at-boundary', message: 'r stands at the upper bound' } });
  expect(of('fit-findings', both)).toMatchObject({ passed: false, why: expect.stringMatching(/r stands.*no value/) });
});

test('customers who did the same step over an edge together: a shift that means nothing is none', () => {
  // Half of them have bought once, on one day.
  const alike = spread.map((p, i) => (i % 2 === 0 ? 0.8 : p));
  const comparison = compareVersions(scoresOf(alike), scoresOf(alike.map((p) => p - 1e-6)));
  expect(comparison.churn!.psi).toBeGreaterThan(0.5);
  expect(of('score-shift', evidence({ comparison }))).toMatchObject({ value: 0, passed: true });
});

test('what is not known does not pass, and says so', () => {
  const unknown = judge(evidence({ own: NO_METRICS, comparison: null, unmeasured: 'the pool is gone' }), {});
  for (const rule of ['calibration-slope', 'brier-worse', 'discrimination-worse', 'profit-lower'] as const)
    expect(unknown.find((each) => each.rule === rule)).toMatchObject({ value: null, passed: null, applicable: true });
  expect(unknown.find(({ rule }) => rule === 'score-shift')).toMatchObject({ passed: null, why: 'the pool is gone' });
});

test('what a version from outside says of itself is not known here, and it says what to do', () => {
  const imported = judge(evidence({ outside: true, own: NO_METRICS }), {});
  for (const rule of ['calibration-slope', 'brier-worse', 'discrimination-worse', 'profit-lower'] as const)
    expect(imported.find((each) => each.rule === rule)).toMatchObject({
      passed: null,
      why: expect.stringMatching(/made outside/),
      todo: expect.stringMatching(/train a version here/),
    });
});

test('versions differ by chance, as far as their numbers allow; on the same customers as far as a paired bootstrap says', () => {
  const few = (metrics: VersionMetrics): VersionMetrics => ({ ...metrics, n: 200, aucSe: 0.04, eceByChance: 0.05 });
  const own = few({ ...good, auc: 0.73, brier: 0.17, ece: 0.06 });
  const active = { id: 'churn_model@1', metrics: few(good) };
  const rules: RuleName[] = ['discrimination-worse', 'brier-worse', 'calibration-error-worse'];
  const passed = (given: Evidence) => rules.map((rule) => of(rule, given).passed);
  expect(passed(evidence({ own, active }))).toEqual([true, true, true]);
  expect(of('discrimination-worse', evidence({ own, active })).why).toMatch(
    /up to 0.17 is taken for chance .*axiom47 evaluate --model churn_model@2 --model churn_model@1/,
  );
  const together = (auc: number | null, brier: number | null, ece: number | null) =>
    evidence({ own, active, evaluation: { job: 'job-1', errors: { ...NO_ERRORS, auc, brier, ece } } });
  expect(passed(together(0.001, 0.001, 0.001))).toEqual([false, false, false]);
  expect(passed(together(0.04, 0.001, 0.03))).toEqual([true, false, true]);
  // Without a paired one nobody knows beyond the limit whether it is chance.
  expect(passed(together(null, null, null))).toEqual([null, null, null]);
  // What chance does not explain counts whole: 0.028 with 2 · 0.00575 of chance is beyond 0.02.
  const missed = evidence({
    own: { ...good, auc: 0.805, brier: 0.15 },
    active: { id: 'churn_model@1', metrics: { ...good, auc: 0.833, brier: 0.139 } },
    evaluation: { job: 'job-1', errors: { ...NO_ERRORS, auc: 0.00575, brier: 0.003 } },
  });
  expect(of('discrimination-worse', missed)).toMatchObject({ value: expect.closeTo(0.028, 12), passed: false });
  expect(of('brier-worse', missed)).toMatchObject({ value: expect.closeTo(0.011, 12), passed: false });
  // Apart, a little less than three standard errors: nothing; a little more: all of it.
  const apart = (auc: number) => of('discrimination-worse', evidence({ own: { ...good, auc } }));
  expect(apart(0.8 - 0.042)).toMatchObject({ value: 0, passed: true });
  expect(apart(0.8 - 0.043)).toMatchObject({ value: expect.closeTo(0.043, 12), passed: false });
});

test('of two calibration errors on the same customers what chance gives each is taken off: the sharper score has more of it', () => {
  const own = { ...good, ece: 0.07, eceByChance: 0.05 };
  const active = { id: 'churn_model@1', metrics: { ...good, ece: 0.02, eceByChance: 0.01 } };
  const judged = (ece: number) =>
    of(
      'calibration-error-worse',
      evidence({ own, active, evaluation: { job: 'job-1', errors: { ...NO_ERRORS, ece } } }),
    );
  // 0.05 apart, 0.01 beyond chance: not by two errors of 0.006, by two of 0.004 within the limit of 0.03.
  expect(judged(0.006)).toMatchObject({ value: 0, passed: true });
  expect(judged(0.004)).toMatchObject({
    value: expect.closeTo(0.01, 12),
    passed: true,
    why: expect.stringMatching(
      /0.07, of churn_model@1 0.02, of which chance gives 0.05 and 0.01, on the same customers/,
    ),
  });
});

test('profit on the same customers has the error of its offer; of another offer nobody knows', () => {
  const few = { ...good, n: 100 };
  const half = good.roc!.map((each) => ({ ...each, truePositiveRate: each.truePositiveRate / 2 }));
  const judged = (profit: PairedErrors['profit'], settings: RuleSettings = {}) =>
    of(
      'profit-lower',
      evidence({
        own: { ...few, roc: half },
        active: { id: 'churn_model@1', metrics: few },
        evaluation: { job: 'job-1', errors: { ...NO_ERRORS, profit } },
      }),
      settings,
    );
  const lost = profitOf(good, { cost: 1, benefit: 10 })! - profitOf({ ...good, roc: half }, { cost: 1, benefit: 10 })!;
  const share = lost / profitOf(good, { cost: 1, benefit: 10 })!;
  const beyond = lost / 2.1;
  expect(judged({ cost: 1, benefit: 10, error: beyond })).toMatchObject({
    value: expect.closeTo(share, 12),
    passed: false,
  });
  expect(judged({ cost: 1, benefit: 10, error: lost / 1.9 })).toMatchObject({ value: 0, passed: true });
  // Only the ratio matters: cost and benefit ten times as much, and so the error.
  expect(judged({ cost: 10, benefit: 100, error: 10 * beyond })).toMatchObject({ passed: false });
  expect(judged({ cost: 1, benefit: 9, error: beyond })).toMatchObject({
    passed: null,
    todo: expect.stringMatching(
      /evaluate --model churn_model@2 --model churn_model@1 --offer-cost 1 --offer-benefit 10/,
    ),
  });
  expect(judged({ cost: 1, benefit: 9, error: beyond }, { offer: { cost: 3, benefit: 27 } })).not.toMatchObject({
    passed: null,
  });
});

test('scores that rise while fewer leave, or say less than the rate of all, do not pass however uncertain', () => {
  const turned = evidence({ active: null, own: { ...good, calibrationSlope: -1.51, calibrationSlopeSe: 3.97 } });
  expect(of('calibration-slope', turned)).toMatchObject({ value: expect.closeTo(2.51, 12), passed: false });
  const uncertain = { ...good, calibrationSlope: 0.1, calibrationSlopeSe: 3.97 };
  expect(of('calibration-slope', evidence({ own: uncertain }))).toMatchObject({ value: 0, passed: true });
  const judged = (brier: number) => of('brier-without-skill', evidence({ active: null, own: { ...good, brier } }));
  expect(judged(0.18)).toMatchObject({ value: expect.closeTo(0.96, 12), passed: true });
  // 0.25 · 0.75: what the rate says of everybody.
  for (const brier of [0.1875, 0.2]) expect(judged(brier)).toMatchObject({ passed: false, applicable: true });
  const alike = evidence({ own: { ...good, prevalence: 0 } });
  expect(of('brier-without-skill', alike)).toMatchObject({ applicable: false, passed: true });
});

describe('what says nothing of a version does not stop it', () => {
  test('the first version: whatever needs an active one', () => {
    for (const { rule, applicable, why } of judge(evidence({ active: null }), {}))
      if (RULES[rule].needsActive)
        expect([applicable, why]).toEqual([false, expect.stringMatching(/^not applicable: no other/)]);
  });
  test('a model of purchases has no labels, until it was evaluated', () => {
    const value = evidence({ kind: 'clv', own: NO_METRICS });
    expect(of('brier-worse', value)).toMatchObject({ applicable: false, passed: true });
    const evaluated = evidence({
      kind: 'clv',
      evaluation: { job: 'job-1', errors: { ...NO_ERRORS, auc: 0.01, brier: 0.01 } },
      own: { ...good, brier: 0.3 },
    });
    expect(of('brier-worse', evaluated)).toMatchObject({
      passed: false,
      why: expect.stringMatching(/evaluation job-1/),
    });
  });
  test('a survival model is judged by its concordance', () => {
    const own = { ...NO_METRICS, concordance: 0.6 };
    const cox = evidence({
      kind: 'churn-cox',
      own,
      active: { id: 'x@1', metrics: { ...NO_METRICS, concordance: 0.7 } },
    });
    expect(of('discrimination-worse', cox)).toMatchObject({
      passed: false,
      why: expect.stringMatching(/concordance 0.6/),
    });
  });
  test('nobody to compare on, nobody answered by both, few to rank', () => {
    const none = evidence({ comparison: compareVersions(scoresOf([]), scoresOf([])) });
    expect(of('score-shift', none)).toMatchObject({
      applicable: false,
      why: expect.stringMatching(/no customers yet/),
    });
    const apart = compareVersions(scoresOf([0.1, Number.NaN]), scoresOf([Number.NaN, 0.1]));
    expect(of('score-shift', evidence({ comparison: apart })).why).toMatch(/nobody is answered by both/);
    const few = compareVersions(scoresOf(spread.slice(0, 10)), scoresOf(spread.slice(0, 10).reverse()));
    expect(of('rank-disagreement', evidence({ comparison: few }))).toMatchObject({ applicable: false });
  });
});

test('limits are data: of a model, and off', () => {
  const wide: RuleSettings = { rules: { 'brier-worse': { limit: 0.5 }, 'discrimination-worse': { limit: null } } };
  const worse = evidence({ own: { ...good, brier: 0.3, auc: 0.5 } });
  expect(of('brier-worse', worse, wide)).toMatchObject({ limit: 0.5, passed: true, applicable: true });
  expect(of('discrimination-worse', worse, wide)).toMatchObject({
    limit: null,
    applicable: false,
    why: 'switched off',
  });
  expect(rulesInForce(wide).rules['value-difference']).toEqual({ limit: 0.5, watch: 2 });
});

test('as long in shadow, and as many scores, as are asked for', () => {
  const least: RuleSettings = { least: { minutes: 60, scores: 500 } };
  const early = evidence({ shadow: { minutes: 45, scores: 500 } });
  expect(of('shadow-minutes', early, least)).toMatchObject({ value: 15, passed: false });
  expect(of('shadow-scores', early, least)).toMatchObject({ value: 0, passed: true });
});

describe('watched', () => {
  const turned = compareVersions(scoresOf(spread), scoresOf(spread.map((p) => 1 - p)));
  test('only what is beyond the wider limits trips it', () => {
    expect(tripped(evidence(), {})).toEqual([]);
    // Ranks turned round: 1 − (−1) = 2, more than 1 while watched; worse figures are a gate, and are not watched.
    const found = tripped(evidence({ comparison: turned, own: { ...good, brier: 0.9 } }), {});
    expect(found.map(({ rule, value }) => [rule, value])).toEqual([
      ['score-difference', expect.closeTo(0.5, 3)],
      ['rank-disagreement', expect.closeTo(2, 12)],
    ]);
  });
  test('a value that collapses trips it as one that explodes does; nothing against nothing is no difference', () => {
    const level = (factor: number) =>
      evidence({
        comparison: compareVersions(
          scoresOf(spread, spread),
          scoresOf(
            spread,
            spread.map((v) => v * factor),
          ),
        ),
      });
    const trips = (given: Evidence) => tripped(given, {}).map(({ rule }) => rule);
    for (const factor of [0.001, 0.3, 3.1, 1_000]) expect(trips(level(factor))).toContain('value-level');
    for (const factor of [0.4, 1, 2.5]) expect(trips(level(factor))).toEqual([]);
    expect(of('value-level', level(0.25))).toMatchObject({
      value: expect.closeTo(Math.log(4), 12),
      passed: false,
      why: expect.stringMatching(/in total 0.25 times as much/),
    });
    expect(of('value-level', level(0)).value).toBe(Number.MAX_VALUE);
    const nothing = spread.map(() => 0);
    const empty = evidence({ comparison: compareVersions(scoresOf(spread, nothing), scoresOf(spread, nothing)) });
    expect(of('value-level', empty)).toMatchObject({ value: 0, passed: true });
  });
  test('a rule that is not watched does not, nor what is unknown', () => {
    const unwatched = { 'rank-disagreement': { watch: null }, 'score-difference': { watch: null } };
    expect(tripped(evidence({ comparison: turned }), { rules: unwatched })).toEqual([]);
    expect(tripped(evidence({ comparison: null, unmeasured: 'no' }), {})).toEqual([]);
  });
});

test('profit at the cut cost / benefit, by hand', () => {
  // At 0.2: 0.25 · 0.9 of all are reached events, 0.75 · 0.4 others.
  expect(profitOf(good, { cost: 1, benefit: 5 })).toBeCloseTo(5 * 0.225 - (0.225 + 0.3), 12);
  expect(profitOf(good, { cost: 3, benefit: 5 })).toBe(0);
  expect(profitOf(NO_METRICS, { cost: 1, benefit: 5 })).toBeNull();
});

describe('two versions side by side', () => {
  test('counts, means and differences, by hand', () => {
    const found = compareVersions(
      scoresOf([0.1, 0.2, 0.7, Number.NaN, 0.5], [1, 2, 3, 4, 5]),
      scoresOf([0.1, 0.4, 0.6, 0.3, Number.NaN], [1, 2, 6, 4, 5], 1),
    );
    expect(found).toMatchObject({ customers: 5, compared: 3, refused: { active: 1, candidate: 0, more: 1 } });
    expect(found.churn!.meanAbsoluteDifference).toBeCloseTo(0.1, 12);
    // 0.2 → 0.4: moderate to high; 0.7 → 0.6 stays severe.
    expect(found.churn!.bandChanged).toBeCloseTo(1 / 3, 12);
    expect(found.value!.mean).toEqual({ active: 3, candidate: 3.6 });
    expect(found.micros.active).toBe(200);
  });
  test('with itself nothing has moved; without anybody nothing is said', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 60 }), (column) => {
        const { churn } = compareVersions(scoresOf(column), scoresOf(column));
        expect([churn!.psi, churn!.meanAbsoluteDifference, churn!.bandChanged]).toEqual([0, 0, 0]);
        if (churn!.rankCorrelation !== null) expect(churn!.rankCorrelation).toBeCloseTo(1, 12);
      }),
    );
    expect(compareVersions(scoresOf([]), scoresOf([]))).toMatchObject({ customers: 0, churn: null, value: null });
    expect(() => compareVersions(scoresOf([0.1]), scoresOf([]))).toThrow(RangeError);
  });
});
