// Bayesian A/B/n against published quadrature values, identities, and its refusals.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareConversions } from '#domain/models/experiment/conversions.ts';
import { decideExperiment, type Rule, sampleRatio } from '#domain/models/experiment/decision.ts';
import { compareRevenue } from '#domain/models/experiment/revenue.ts';
import type { ArmVerdict, Standing } from '#domain/models/experiment/verdict.ts';
import { describeShared, hasShared, sharedJson } from '../../../support/shared.ts';

interface GoldenArm {
  successes: number;
  trials: number;
  mean: number;
  sd: number;
  ci95: [number, number];
  median?: number;
  p_best: number;
  expected_loss: number;
}
interface GoldenCase {
  prior: [number, number];
  arms: GoldenArm[];
}

const golden = JSON.parse(readFileSync(new URL('../../../golden/experiment.json', import.meta.url), 'utf8'));
const revenueArms = readFileSync(new URL('../../../fixtures/experiment.csv', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => line.split(',').slice(1).map(Number))
  .map(([visitors, buyers, revenueSum, revenueSumSquares]) => ({
    visitors: visitors!,
    buyers: buyers!,
    revenueSum: revenueSum!,
    revenueSumSquares: revenueSumSquares!,
  }));

/** Largest absolute difference of a verdict from its golden arm. */
function worst(verdict: ArmVerdict, arm: GoldenArm): number {
  return Math.max(
    Math.abs(verdict.mean! - arm.mean),
    Math.abs(verdict.sd! - arm.sd),
    Math.abs(verdict.lower - arm.ci95[0]),
    Math.abs(verdict.upper - arm.ci95[1]),
    Math.abs(verdict.median - (arm.median ?? verdict.median)),
    Math.abs(verdict.probabilityBest - arm.p_best),
    Math.abs(verdict.expectedLoss! - arm.expected_loss),
  );
}

function expectCase({ prior, arms }: GoldenCase, tolerance: number): void {
  const verdicts = compareConversions(arms, prior);
  const errors = verdicts.map((verdict, i) => worst(verdict, arms[i]!));
  expect(Math.max(...errors)).toBeLessThan(tolerance);
}

describe('the self-made experiment', () => {
  test('conversions agree with the quadrature values to 1e-11', () => {
    expectCase(golden.conversion, 1e-11);
    const [, b, c] = compareConversions(golden.conversion.arms);
    expect(b!.probabilityBeatsControl).toBeCloseTo(golden.conversion.p_beats_A.B, 11);
    expect(c!.probabilityBeatsControl).toBeCloseTo(golden.conversion.p_beats_A.C, 11);
  });

  test('an informative prior agrees to 1e-11', () => expectCase(golden.conversion.informative_prior_5_95, 1e-11));

  test('money per visitor agrees with the quadrature values to 1e-9', () => {
    const compared = compareRevenue(revenueArms);
    if (!compared.ok) throw new Error(compared.reason);
    compared.arms.forEach((verdict, i) => {
      expect(worst(verdict, golden.revenue.arms[i])).toBeLessThan(1e-9);
      const beats = golden.revenue.arms[i].p_beats_A;
      if (beats !== null) expect(Math.abs(verdict.probabilityBeatsControl! - beats)).toBeLessThan(1e-9);
    });
  });

  test('the sample ratio agrees', () => {
    const ratio = sampleRatio([4000, 4050, 3950]);
    expect(ratio.statistic).toBeCloseTo(golden.srm.stat, 12);
    expect(ratio.p).toBeCloseTo(golden.srm.p, 13);
  });
});

describe('the sample ratio', () => {
  test('planned shares of any total; one arm cannot be out of ratio', () => {
    // (90 − 100)²/100 + (210 − 200)²/200 = 1.5.
    expect(sampleRatio([90, 210], [1, 2])).toMatchObject({ statistic: 1.5, degreesOfFreedom: 1 });
    expect(sampleRatio([90, 210], [20, 40]).p).toBeCloseTo(0.2206713619, 9);
    expect(sampleRatio([7])).toEqual({ statistic: 0, degreesOfFreedom: 0, p: 1 });
  });

  test('nobody, a share too few and a share of 0 are refused', () => {
    expect(() => sampleRatio([0, 0])).toThrow(RangeError);
    expect(() => sampleRatio([])).toThrow(RangeError);
    expect(() => sampleRatio([5, 5], [1])).toThrow(RangeError);
    expect(() => sampleRatio([5, 5], [1, 0])).toThrow(RangeError);
    expect(() => sampleRatio([5, 5], [1, Number.NaN])).toThrow(RangeError);
  });
});

const shared = 'golden/abn_beta_binomial.json';
describeShared('eight published experiments', [shared], () => {
  const { cases } = hasShared(shared) ? sharedJson<{ cases: Record<string, GoldenCase> }>(shared) : { cases: {} };
  test.each(Object.entries(cases))('%s agrees to 1e-11', (_, each) => expectCase(each, 1e-11));
});

describe('identities', () => {
  const arm = fc
    .tuple(fc.nat(3000), fc.nat(3000))
    .map(([x, y]) => ({ trials: Math.max(x, y), successes: Math.min(x, y) }));

  test('P(best) sums to 1, and the loss is what the best arm is ahead on average', () => {
    fc.assert(
      fc.property(fc.array(arm, { minLength: 1, maxLength: 5 }), fc.constantFrom(0.1, 0.5, 1, 7), (arms, a) => {
        const verdicts = compareConversions(arms, [a, 0.5]);
        const sum = verdicts.reduce((total, { probabilityBest }) => total + probabilityBest, 0);
        expect(sum).toBeCloseTo(1, 10);
        const largest = verdicts.map(({ mean, expectedLoss }) => mean! + expectedLoss!);
        expect(Math.max(...largest) - Math.min(...largest)).toBeLessThan(1e-10);
      }),
      { numRuns: 60 },
    );
  });

  test('a very large arm beside an empty one still sums to 1', () => {
    const verdicts = compareConversions([
      { trials: 100_000_000, successes: 5_000_000 },
      { trials: 0, successes: 0 },
    ]);
    expect(verdicts[0]!.probabilityBest + verdicts[1]!.probabilityBest).toBeCloseTo(1, 11);
    expect(verdicts[1]!.probabilityBest).toBeCloseTo(0.95, 7);
  });
});

describe('money where buyers pay nearly the same', () => {
  const arm = (visitors: number, buyers: number, deviation: number) => ({
    visitors,
    buyers,
    revenueSum: 10 * buyers,
    revenueSumSquares: 100 * buyers + deviation ** 2 * (buyers - 1),
  });
  const best = (deviation: number) => {
    const compared = compareRevenue([arm(1000, 120, deviation), arm(1000, 138, deviation), arm(1000, 127, deviation)]);
    if (!compared.ok) throw new Error(compared.reason);
    return compared.arms.map(({ probabilityBest }) => probabilityBest);
  };

  test('with ever less spread the verdict becomes that on conversions', () => {
    const conversions = compareConversions([120, 138, 127].map((successes) => ({ trials: 1000, successes })));
    best(0.001).forEach((probability, i) => {
      expect(probability).toBeCloseTo(conversions[i]!.probabilityBest, 7);
    });
  });

  test('mixing over the rate and over the spend meet where one takes over from the other', () => {
    const [before, after] = [best(2.3), best(2.4)];
    expect(before[0]! + before[1]! + before[2]!).toBeCloseTo(1, 11);
    expect(after[0]! + after[1]! + after[2]!).toBeCloseTo(1, 11);
    expect(Math.abs(before[1]! - after[1]!)).toBeLessThan(2e-3);
  });

  test('a few buyers who paid nearly the same', () => {
    const compared = compareRevenue([arm(100, 3, 0.01), arm(100, 4, 0.01)]);
    if (!compared.ok) throw new Error(compared.reason);
    expect(compared.arms[0]!.probabilityBest + compared.arms[1]!.probabilityBest).toBeCloseTo(1, 7);
  });
});

describe('what the model does not say', () => {
  const buyer = { visitors: 100, buyers: 5, revenueSum: 50, revenueSumSquares: 520 };

  test('fewer than two buyers: undefined, with the reason and the arm', () => {
    expect(compareRevenue([buyer, { ...buyer, buyers: 1, revenueSum: 9, revenueSumSquares: 81 }])).toEqual({
      ok: false,
      reason: 'too-few-buyers',
      arm: 1,
    });
  });

  test('buyers who all paid the same: no spread to learn from', () => {
    expect(compareRevenue([{ ...buyer, revenueSumSquares: 500 }])).toEqual({ ok: false, reason: 'no-spread', arm: 0 });
  });

  test('two buyers: probabilities, but no expected loss, for the posterior has no mean', () => {
    const compared = compareRevenue([buyer, { visitors: 100, buyers: 2, revenueSum: 20, revenueSumSquares: 202 }]);
    if (!compared.ok) throw new Error(compared.reason);
    expect(compared.arms.map(({ expectedLoss }) => expectedLoss)).toEqual([null, null]);
    expect(compared.arms[0]!.probabilityBest + compared.arms[1]!.probabilityBest).toBeCloseTo(1, 8);
  });

  test('impossible counts are refused', () => {
    expect(() => compareConversions([{ trials: 1, successes: 2 }])).toThrow(RangeError);
    expect(() => compareConversions([])).toThrow(RangeError);
    expect(() => compareConversions([{ trials: 1, successes: 1 }], [0, 1])).toThrow(RangeError);
  });

  const arms = [
    { probabilityBest: 0.04, expectedLoss: 0.02 },
    { probabilityBest: 0.96, expectedLoss: 0.001 },
  ];

  const decide = (standings: readonly Standing[], sampleRatioP: number, rule?: Rule) =>
    decideExperiment(standings.length, () => standings, sampleRatioP, rule);

  test('decisions: sure enough, not yet, or a broken sample ratio', () => {
    expect(decide(arms, 0.5)).toEqual({ choose: 1, reason: 'sure-enough' });
    expect(decide(arms, 0.5, { kind: 'best', sure: 0.96 }).choose).toBe(1);
    expect(decide(arms, 0.5, { kind: 'best', sure: 0.99 })).toEqual({ choose: null, reason: 'not-sure-yet' });
    expect(decide(arms, 1e-5)).toEqual({ choose: null, reason: 'sample-ratio-mismatch' });
    expect(decide(arms, 0.001).reason).toBe('sure-enough');
    expect(decide(arms.toReversed(), 1).choose).toBe(0);
    expect(decide([...arms, arms[0]!], 1).choose).toBe(1);
    expect(decide(arms.slice(1), 1)).toEqual({ choose: null, reason: 'not-sure-yet' });
  });

  test('the loss rule takes the arm with the least loss once it is tolerable, and none whose loss is unknown', () => {
    const rule = (tolerable: number) => ({ kind: 'loss', tolerable }) as const;
    expect(decide(arms, 1, rule(0.001))).toEqual({ choose: 1, reason: 'loss-tolerable' });
    expect(decide(arms, 1, rule(0.0009)).choose).toBeNull();
    expect(decide(arms.toReversed(), 1, rule(0.001)).choose).toBe(0);
    expect(decide([arms[0]!, { probabilityBest: 0.9, expectedLoss: null }, arms[1]!], 1, rule(0.001)).choose).toBe(2);
    const unknown = arms.map((arm) => ({ ...arm, expectedLoss: null }));
    expect(decide(unknown, 1, rule(1)).choose).toBeNull();
  });

  test('the always-valid rule takes the arm that is ahead of every other, at α shared among them, and needs no standing', () => {
    const asked = new Set<number>();
    const rule = { kind: 'always-valid', alpha: 0.06 } as const;
    const never = () => {
      throw new Error('a standing was worked out for nothing');
    };
    const decide = (estimates: number[], width: number) =>
      decideExperiment(estimates.length, never, 1, rule, (i, j, alpha) => {
        asked.add(alpha);
        return estimates[i]! - estimates[j]! - width;
      });
    expect(decide([1, 3, 2], 0.9)).toEqual({ choose: 1, reason: 'better-at-any-look' });
    expect(asked).toEqual(new Set([0.03]));
    expect(decide([1, 3, 2], 1).choose).toBeNull();
    expect(decide([3, 1, 2.5], 0.1).choose).toBe(0);
    expect(decideExperiment(3, never, 1, rule, (_, j) => (j === 0 ? null : 0.02)).choose).toBe(0);
    expect(decideExperiment(3, never, 1, rule, () => null).choose).toBeNull();
    expect(decideExperiment(3, never, 1, rule).choose).toBeNull();
  });
});
