// Concordance of a risk score with censored durations in O(n log n): Harrell's, and Uno's, which the pattern of censoring does not move.
import { argsort } from '../../numerics/argsort.ts';
import { censoringBefore, fitCensoring } from './censoring.ts';
import { splitOrder } from './kaplan-meier.ts';
import { checkSurvival, type SurvivalColumns } from './survival-columns.ts';

export interface Concordance {
  /** (concordant + tied/2) / (concordant + discordant + tied); null when no pair can be compared. */
  value: number | null;
  /** By the infinitesimal jackknife: √Σ (w_i·dC/dw_i)². */
  standardError: number | null;
  /** Weights of the pairs: each the product of its two rows' weights, under `uno` also over G(t−)². */
  concordant: number;
  discordant: number;
  tied: number;
}

export interface ConcordanceOptions {
  strata?: ArrayLike<number> | undefined;
  /** Pairs of an event at t count 1/G(t−)², G the Kaplan–Meier curve of the censoring (Uno et al. 2011). Not with entries. */
  uno?: boolean;
  /** Under `uno`, rows to estimate G from, such as those of the fit; without them the measured rows themselves. */
  censoring?: SurvivalColumns | undefined;
  /** Only events before tau count: where censoring leaves few rows, a pair would weigh too much. */
  tau?: number | undefined;
}

/**
 * Of the pairs whose order is known, the share in which the higher score had the event first; equal scores count one half.
 *
 * A pair is comparable when the earlier time is an event and the other row is still under observation there: it ends later, or is
 * censored at the same time, and entered before. Two events at one time are not compared. Rows of different strata are not compared.
 * Harrell et al. (1996); a Fenwick tree over the ranks of the score makes each row two walks of log n steps.
 *
 * @param score higher = earlier event, finite.
 * @throws RangeError for `uno` with entries, or a tau that is no time > 0; RowError for a score that is not finite.
 */
export function concordance(
  columns: SurvivalColumns,
  score: Float64Array,
  { strata, uno = false, censoring = columns, tau = Number.POSITIVE_INFINITY }: ConcordanceOptions = {},
): Concordance {
  checkSurvival(columns, { score });
  if (uno && columns.entry !== undefined) throw new RangeError("Uno's concordance does not take late entries");
  if (!(tau > 0)) throw new RangeError(`tau ${tau} is not a time > 0`);
  const { duration, eventObserved, weight } = columns;
  const n = duration.length;
  const curve = uno ? fitCensoring(censoring) : undefined;
  /** What a pair of this row's event weighs: 0 when it has none that counts. */
  const pairWeight = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    if (eventObserved[i] === 0 || duration[i]! >= tau) continue;
    const g = curve === undefined ? 1 : censoringBefore(curve, duration[i]!);
    // Where the rows of G were all censored before, an event says nothing that could be weighed.
    pairWeight[i] = g > 0 ? 1 / (g * g) : 0;
  }
  const order = argsort(duration);
  let count = 1;
  for (let i = 0; strata !== undefined && i < n; i++) count = Math.max(count, strata[i]! + 1);
  const rows: Sums = { concordant: new Float64Array(n), discordant: new Float64Array(n), tied: new Float64Array(n) };
  const total = { concordant: 0, discordant: 0, tied: 0 };
  for (const part of strata === undefined ? [order] : splitOrder(order, strata, count)) {
    const { rank, ranks } = ranksOf(score, part);
    addLater(columns, part, rank, ranks, pairWeight, rows, total);
    addEarlier(columns, part, rank, ranks, pairWeight, rows);
  }
  const pairs = total.concordant + total.discordant + total.tied;
  if (!(pairs > 0)) return { value: null, standardError: null, ...total };
  const value = (total.concordant + total.tied / 2) / pairs;
  let variance = 0;
  for (let i = 0; i < n; i++) {
    const good = rows.concordant[i]! + rows.tied[i]! / 2;
    const own = (good - value * (rows.concordant[i]! + rows.discordant[i]! + rows.tied[i]!)) / pairs;
    variance += ((weight === undefined ? 1 : weight[i]!) * own) ** 2;
  }
  return { value, standardError: Math.sqrt(variance), ...total };
}

/** Per row: the weights of the other rows it makes a pair with. */
interface Sums {
  concordant: Float64Array;
  discordant: Float64Array;
  tied: Float64Array;
}

/** Ranks 1 … of the scores of the rows of `part`, by place in it. */
function ranksOf(score: Float64Array, part: Uint32Array) {
  const own = Float64Array.from(part, (i) => score[i]!);
  const rank = new Uint32Array(part.length);
  let ranks = 0;
  let previous = Number.NaN;
  for (const k of argsort(own)) {
    if (own[k] !== previous) ranks += 1;
    previous = own[k]!;
    rank[k] = ranks;
  }
  return { rank, ranks };
}

/** Weights by rank, with the sum up to a rank in log steps (Fenwick 1994). */
function createTree(ranks: number) {
  const tree = new Float64Array(ranks + 1);
  return {
    add(rank: number, weight: number) {
      for (let k = rank; k <= ranks; k += k & -k) tree[k]! += weight;
    },
    upTo(rank: number) {
      let sum = 0;
      for (let k = rank; k > 0; k -= k & -k) sum += tree[k]!;
      return sum;
    },
  };
}

/** Every event with the rows that are still there: from the last time to the first. */
function addLater(
  { duration, entry, weight }: SurvivalColumns,
  part: Uint32Array,
  rank: Uint32Array,
  ranks: number,
  pairWeight: Float64Array,
  rows: Sums,
  total: { concordant: number; discordant: number; tied: number },
): void {
  const tree = createTree(ranks);
  let under = 0;
  const weightOf = (i: number) => (weight === undefined ? 1 : weight[i]!);
  const add = (k: number, sign: number) => {
    const w = sign * weightOf(part[k]!);
    under += w;
    tree.add(rank[k]!, w);
  };
  const byEntry = entry === undefined ? undefined : argsort(Float64Array.from(part, (i) => -entry[i]!));
  let left = 0;
  for (let end = part.length; end > 0; ) {
    const time = duration[part[end - 1]!]!;
    let start = end;
    while (start > 0 && duration[part[start - 1]!] === time) start -= 1;
    // Censored at this time: still there for its events. Those whose event is here join afterwards.
    for (let k = start; k < end; k++) if (pairWeight[part[k]!] === 0) add(k, 1);
    for (; byEntry !== undefined && left < byEntry.length && entry![part[byEntry[left]!]!]! >= time; left++)
      add(byEntry[left]!, -1);
    for (let k = start; k < end; k++) {
      const i = part[k]!;
      const g = pairWeight[i]!;
      if (g === 0) continue;
      const lower = tree.upTo(rank[k]! - 1);
      const lowerOrSame = tree.upTo(rank[k]!);
      rows.concordant[i]! += g * lower;
      rows.tied[i]! += g * (lowerOrSame - lower);
      rows.discordant[i]! += g * (under - lowerOrSame);
      total.concordant += weightOf(i) * g * lower;
      total.tied += weightOf(i) * g * (lowerOrSame - lower);
      total.discordant += weightOf(i) * g * (under - lowerOrSame);
    }
    for (let k = start; k < end; k++) if (pairWeight[part[k]!]! > 0) add(k, 1);
    end = start;
  }
}

/** Every row with the events before it, those before its entry taken off: from the first time to the last. */
function addEarlier(
  { duration, entry, weight }: SurvivalColumns,
  part: Uint32Array,
  rank: Uint32Array,
  ranks: number,
  pairWeight: Float64Array,
  rows: Sums,
): void {
  const tree = createTree(ranks);
  let all = 0;
  const see = (k: number, sign: number) => {
    const i = part[k]!;
    const lower = tree.upTo(rank[k]! - 1);
    const lowerOrSame = tree.upTo(rank[k]!);
    // An event before with a higher score is a pair in order.
    rows.discordant[i]! += sign * lower;
    rows.tied[i]! += sign * (lowerOrSame - lower);
    rows.concordant[i]! += sign * (all - lowerOrSame);
  };
  const byEntry = entry === undefined ? undefined : argsort(Float64Array.from(part, (i) => entry[i]!));
  let joined = 0;
  for (let start = 0; start < part.length; ) {
    const time = duration[part[start]!]!;
    let end = start;
    while (end < part.length && duration[part[end]!] === time) end += 1;
    for (; byEntry !== undefined && joined < byEntry.length && entry![part[byEntry[joined]!]!]! < time; joined++)
      see(byEntry[joined]!, -1);
    for (let k = start; k < end; k++) if (pairWeight[part[k]!]! > 0) see(k, 1);
    for (let k = start; k < end; k++) {
      const i = part[k]!;
      if (pairWeight[i] === 0) continue;
      const w = pairWeight[i]! * (weight === undefined ? 1 : weight[i]!);
      all += w;
      tree.add(rank[k]!, w);
    }
    for (let k = start; k < end; k++) if (pairWeight[part[k]!] === 0) see(k, 1);
    start = end;
  }
}
