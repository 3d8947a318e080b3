// Is one model better than another on the same rows, or is the difference chance? Whole customers are drawn again, so rows of one stay together.
import { createRandom } from '../numerics/random.ts';
import type { Grouping } from './ranking-intervals.ts';
import { type Measured, measured, unmeasured } from './scored-rows.ts';

export interface PairedDifference {
  first: number;
  second: number;
  /** second − first. */
  difference: number;
  standardError: number;
  /** 95 % percentile interval of the difference. */
  lower: number;
  upper: number;
  /** Two-sided: twice the smaller share of draws on either side of 0, (k + 1)/(draws + 1). */
  p: number;
  /** Share of draws in which the second is above the first; draws without a difference count half. */
  probabilityAbove: number;
  /** Draws in which both were defined. */
  draws: number;
}

/** Both models' value under given row weights; null where it is not defined. */
export type PairedStatistic = (weight: Float64Array) => readonly [number | null, number | null];

export interface BootstrapOptions {
  seed: number;
  /** 2,000 when absent. */
  draws?: number | undefined;
  /** Rows drawn together; each row alone when absent. */
  grouping?: Grouping | undefined;
}

/**
 * Paired bootstrap of the difference of any statistics, all on the same draws: groups with replacement, a group's weight times how often it was
 * drawn. Efron & Tibshirani (1993), chapters 13 and 16. Deterministic in the seed.
 *
 * @param weight of each row.  @param statistics by name; a draw counts for those that are defined in it.
 * Cost: draws × statistics × one pass over the rows each.
 * @throws RangeError for fewer than 100 draws.
 */
export function pairedBootstrap<Name extends string>(
  weight: Float64Array,
  statistics: Record<Name, PairedStatistic>,
  { seed, draws = 2000, grouping }: BootstrapOptions,
): Record<Name, Measured<PairedDifference>> {
  if (!(Number.isInteger(draws) && draws >= 100)) throw new RangeError(`${draws} draws: at least 100, whole`);
  const names = Object.keys(statistics) as Name[];
  const n = weight.length;
  const groups = grouping?.groups ?? n;
  if (grouping && grouping.group.length !== n)
    throw new RangeError(`${grouping.group.length} groups for ${n} rows: one group a row`);
  const { below } = createRandom(seed);
  const differences = new Map(names.map((name) => [name, [] as number[]]));
  const drawn = new Float64Array(n);
  const times = new Float64Array(groups);
  for (let draw = 0; draw < draws && groups > 1; draw++) {
    times.fill(0);
    for (let i = 0; i < groups; i++) times[below(groups)]! += 1;
    for (let i = 0; i < n; i++) drawn[i] = weight[i]! * times[grouping ? grouping.group[i]! : i]!;
    for (const name of names) {
      const [first, second] = statistics[name](drawn);
      if (first !== null && second !== null) differences.get(name)!.push(second - first);
    }
  }
  const answer = (name: Name): Measured<PairedDifference> => {
    const [first, second] = statistics[name](weight);
    if (first === null || second === null) return unmeasured('not defined on these rows for one of the two');
    const found = Float64Array.from(differences.get(name)!).sort();
    if (found.length < draws / 2)
      return unmeasured(
        groups > 1
          ? `defined in only ${found.length} of ${draws} draws: too few rows or events`
          : 'one group or row: nothing to draw from',
      );
    return measured({ first, second, difference: second - first, ...summary(found) });
  };
  return Object.fromEntries(names.map((name) => [name, answer(name)])) as Record<Name, Measured<PairedDifference>>;
}

/** @param sorted ascending, not empty. */
function summary(sorted: Float64Array) {
  const n = sorted.length;
  const mean = sorted.reduce((sum, value) => sum + value, 0) / n;
  const squares = sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const under = sorted.reduce((sum, value) => sum + (value <= 0 ? 1 : 0), 0);
  const over = sorted.reduce((sum, value) => sum + (value >= 0 ? 1 : 0), 0);
  const quantile = (level: number) => {
    const at = level * (n - 1);
    const low = Math.floor(at);
    const high = Math.min(n - 1, low + 1);
    return sorted[low]! + (at - low) * (sorted[high]! - sorted[low]!);
  };
  return {
    standardError: Math.sqrt(squares / (n - 1)),
    lower: quantile(0.025),
    upper: quantile(0.975),
    p: Math.min(1, (2 * (Math.min(under, over) + 1)) / (n + 1)),
    probabilityAbove: (over + (n - under)) / (2 * n),
    draws: n,
  };
}
