// What a comparison says about one arm, whatever was measured.

import { type Comparison, type LineLaw, lawQuantile } from '../../numerics/line-law.ts';

export interface ArmVerdict {
  /** Posterior mean and standard deviation; null where the posterior has none (money: two buyers have no mean, three no deviation). */
  mean: number | null;
  sd: number | null;
  median: number;
  /** The 95 % credible interval, equal tails. */
  lower: number;
  upper: number;
  probabilityBest: number;
  /** P(this arm > the first arm); null for the first. */
  probabilityBeatsControl: number | null;
  /** What choosing this arm costs on average against the best one; null where the posterior has no mean (two buyers). */
  expectedLoss: number | null;
}

/** Of a posterior law, in the unit of the value; null where it has none. */
export type Moments = Pick<ArmVerdict, 'mean' | 'sd'>;

/** What a rule of decision needs. */
export type Standing = Pick<ArmVerdict, 'probabilityBest' | 'expectedLoss'>;

export const standingsOf = ({ probabilityBest, expectedLoss }: Comparison): Standing[] =>
  Array.from(probabilityBest, (probability, i) => ({ probabilityBest: probability, expectedLoss: expectedLoss[i]! }));

/** The verdicts on laws that were compared; `value` turns the laws' coordinate into the unit that people read. */
export function verdicts(
  laws: readonly (LineLaw & Moments)[],
  compared: Comparison,
  value: (t: number) => number,
): ArmVerdict[] {
  return laws.map((law, i) => ({
    mean: law.mean,
    sd: law.sd,
    median: value(lawQuantile(law, 0.5)),
    lower: value(lawQuantile(law, 0.025)),
    upper: value(lawQuantile(law, 0.975)),
    probabilityBest: Math.min(1, compared.probabilityBest[i]!),
    probabilityBeatsControl: i === 0 ? null : Math.min(1, compared.probabilityBeatsFirst[i]!),
    expectedLoss: compared.expectedLoss[i]!,
  }));
}
