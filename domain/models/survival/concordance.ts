// Harrell's concordance of a risk score with censored durations, in O(n log n).
import { argsort } from '../../numerics/argsort.ts';
import { splitOrder } from './kaplan-meier.ts';
import type { SurvivalColumns } from './survival-columns.ts';

export interface Concordance {
  /** (concordant + tied/2) / (concordant + discordant + tied); null when no pair can be compared. */
  value: number | null;
  /** Weights of the pairs: each the product of its two rows' weights. */
  concordant: number;
  discordant: number;
  tied: number;
}

/**
 * Of the pairs whose order is known, the share in which the higher score had the event first; equal scores count one half.
 *
 * A pair is comparable when the earlier time is an event and the other row is still under observation there: it ends later, or is
 * censored at the same time, and entered before. Two events at one time are not compared. Rows of different strata are not compared.
 * Harrell et al. (1996); a Fenwick tree over the ranks of the score makes each event one walk of log n steps.
 *
 * @param score higher = earlier event, finite.
 */
export function concordance(columns: SurvivalColumns, score: Float64Array, strata?: ArrayLike<number>): Concordance {
  const order = argsort(columns.duration);
  let count = 1;
  for (let i = 0; strata !== undefined && i < strata.length; i++) count = Math.max(count, strata[i]! + 1);
  const { rank, ranks } = ranksOf(score);
  const total = { concordant: 0, discordant: 0, tied: 0 };
  for (const rows of strata === undefined ? [order] : splitOrder(order, strata, count))
    addPairs(columns, rows, rank, ranks, total);
  const pairs = total.concordant + total.discordant + total.tied;
  return { value: pairs > 0 ? (total.concordant + total.tied / 2) / pairs : null, ...total };
}

function ranksOf(score: Float64Array) {
  const rank = new Uint32Array(score.length);
  let ranks = 0;
  let previous = Number.NaN;
  for (const i of argsort(score)) {
    if (score[i] !== previous) ranks += 1;
    previous = score[i]!;
    rank[i] = ranks;
  }
  return { rank, ranks };
}

function addPairs(
  { duration, eventObserved, entry, weight }: SurvivalColumns,
  rows: Uint32Array,
  rank: Uint32Array,
  ranks: number,
  total: { concordant: number; discordant: number; tied: number },
): void {
  const tree = new Float64Array(ranks + 1);
  let under = 0;
  const add = (i: number, sign: number) => {
    const w = sign * (weight === undefined ? 1 : weight[i]!);
    under += w;
    for (let k = rank[i]!; k <= ranks; k += k & -k) tree[k]! += w;
  };
  const upTo = (k: number) => {
    let sum = 0;
    for (let at = k; at > 0; at -= at & -at) sum += tree[at]!;
    return sum;
  };
  const byEntry =
    entry === undefined ? undefined : argsort(Float64Array.from(rows, (i) => -entry[i]!)).map((k) => rows[k]!);
  let left = 0;
  for (let end = rows.length; end > 0; ) {
    const time = duration[rows[end - 1]!]!;
    let start = end;
    while (start > 0 && duration[rows[start - 1]!] === time) start -= 1;
    for (let k = start; k < end; k++) if (eventObserved[rows[k]!] === 0) add(rows[k]!, 1);
    for (; byEntry !== undefined && left < byEntry.length && entry![byEntry[left]!]! >= time; left++)
      add(byEntry[left]!, -1);
    for (let k = start; k < end; k++) {
      const i = rows[k]!;
      if (eventObserved[i] === 0) continue;
      const w = weight === undefined ? 1 : weight[i]!;
      const lower = upTo(rank[i]! - 1);
      const lowerOrSame = upTo(rank[i]!);
      total.concordant += w * lower;
      total.tied += w * (lowerOrSame - lower);
      total.discordant += w * (under - lowerOrSame);
    }
    for (let k = start; k < end; k++) if (eventObserved[rows[k]!] === 1) add(rows[k]!, 1);
    end = start;
  }
}
