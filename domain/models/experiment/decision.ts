// May the verdict be read, and is it time to choose? The sample ratio first, then a rule that was fixed before the experiment.

import { chiSquareUpper } from '../../numerics/incomplete-gamma.ts';
import type { Standing } from './verdict.ts';

/**
 * Sample-ratio mismatch: χ² of the visitors per arm against the shares that were planned. A small p says that the assignment or the
 * counting is broken and that no verdict should be trusted.
 *
 * @param visitors per arm, at least one visitor in all.  @param shares planned shares > 0, of any total; equal when absent.
 * @returns statistic, degrees of freedom and p; p = 1 for a single arm.
 * @example sampleRatio([4000, 4050, 3950]) // { statistic: 1.25, degreesOfFreedom: 2, p: ≈ 0.53526 }
 */
export function sampleRatio(visitors: readonly number[], shares: readonly number[] = visitors.map(() => 1)) {
  const total = visitors.reduce((sum, count) => sum + count, 0);
  const whole = shares.reduce((sum, share) => sum + share, 0);
  if (!(total > 0 && shares.length === visitors.length && shares.every((share) => share > 0)))
    throw new RangeError('a sample ratio needs visitors and a positive share per arm');
  let statistic = 0;
  visitors.forEach((count, i) => {
    const expected = (total * shares[i]!) / whole;
    statistic += (count - expected) ** 2 / expected;
  });
  const degreesOfFreedom = visitors.length - 1;
  return { statistic, degreesOfFreedom, p: degreesOfFreedom === 0 ? 1 : chiSquareUpper(statistic, degreesOfFreedom) };
}

/** Below this p the sample ratio is broken: the usual, deliberately strict, level. */
const BROKEN_RATIO = 0.001;

export interface Decision {
  /** Index of the arm to choose, or null: go on collecting, or repair the assignment first. */
  choose: number | null;
  reason: 'sure-enough' | 'loss-tolerable' | 'better-at-any-look' | 'not-sure-yet' | 'sample-ratio-mismatch';
}

/**
 * How an arm is chosen; to be fixed before the first visitor.
 *
 * `best`: P(best) reaches `sure`. `loss`: the expected loss falls to `tolerable`, in the unit of what is compared. Both are statements about
 * the posterior, true at every look if the prior is, but they promise nothing about how often looking every day ends in a wrong choice.
 * `always-valid`: the arm's difference to every other arm is above 0 in intervals that hold at all looks together, so a wrong choice, at
 * whatever look and for whatever reason of stopping, has probability at most `alpha`.
 */
export type Rule =
  | { kind: 'best'; sure: number }
  | { kind: 'loss'; tolerable: number }
  | { kind: 'always-valid'; alpha: number };

/** The usual rule. */
export const USUAL_RULE: Rule = { kind: 'best', sure: 0.95 };

/**
 * @param arms how many; fewer than two decide nothing.  @param standings of each arm, worked out only where the rule asks for them.
 * @param sampleRatioP of `sampleRatio`: below 0.001 nothing is chosen.
 * @param lowerDifference for the rule `always-valid`: the lower end of the always-valid interval of arm i − arm j at this α, null where there
 * is none. It is asked with α/(arms − 1), for the best arm could be wronged by each of the others (Bonferroni).
 */
export function decideExperiment(
  arms: number,
  standings: () => readonly Standing[],
  sampleRatioP: number,
  rule: Rule = USUAL_RULE,
  lowerDifference: (i: number, j: number, alpha: number) => number | null = () => null,
): Decision {
  if (sampleRatioP < BROKEN_RATIO) return { choose: null, reason: 'sample-ratio-mismatch' };
  const undecided: Decision = { choose: null, reason: 'not-sure-yet' };
  if (arms < 2) return undecided;
  switch (rule.kind) {
    case 'best': {
      const known = standings();
      const leader = mostProbable(known);
      return known[leader]!.probabilityBest >= rule.sure ? { choose: leader, reason: 'sure-enough' } : undecided;
    }
    case 'loss': {
      const known = standings();
      const least = leastLoss(known);
      return least !== null && known[least]!.expectedLoss! <= rule.tolerable
        ? { choose: least, reason: 'loss-tolerable' }
        : undecided;
    }
    case 'always-valid': {
      const alpha = rule.alpha / (arms - 1);
      const indices = Array.from({ length: arms }, (_, i) => i);
      const isAhead = (i: number) => indices.every((j) => j === i || (lowerDifference(i, j, alpha) ?? -1) > 0);
      const ahead = indices.find(isAhead);
      return ahead === undefined ? undecided : { choose: ahead, reason: 'better-at-any-look' };
    }
  }
}

function mostProbable(arms: readonly Standing[]): number {
  let leader = 0;
  arms.forEach(({ probabilityBest }, i) => {
    if (probabilityBest > arms[leader]!.probabilityBest) leader = i;
  });
  return leader;
}

function leastLoss(arms: readonly Standing[]): number | null {
  let least: number | null = null;
  arms.forEach(({ expectedLoss }, i) => {
    if (expectedLoss !== null && (least === null || expectedLoss < arms[least]!.expectedLoss!)) least = i;
  });
  return least;
}
