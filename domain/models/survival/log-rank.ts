// Do groups survive alike? The log-rank test (Mantel 1966, Peto & Peto 1972) and its weighted kin, for any number of groups, within strata.
import { argsort } from '../../numerics/argsort.ts';
import { chiSquareTail } from '../../numerics/chi-square.ts';
import { cholesky, choleskySolve } from '../../numerics/cholesky.ts';
import { splitOrder } from './kaplan-meier.ts';
import { checkSurvival, type SurvivalColumns } from './survival-columns.ts';

export interface LogRank {
  chiSquare: number;
  degreesOfFreedom: number;
  p: number;
  /** Per group, over all strata; weighted as the test weights the times. */
  observed: number[];
  expected: number[];
}

/**
 * What a time counts: 1 (`log-rank`), rows at risk n (`gehan`, Gehan 1965 and Breslow 1970), √n (`tarone-ware`, 1977), Π (1 − d/(n + 1)) up
 * to and with it (`peto-peto`, 1972), or S(t−)^rho·(1 − S(t−))^gamma (Fleming & Harrington 1991), S the Kaplan–Meier curve of the stratum;
 * { rho: 1 } is R's survdiff(rho = 1). Early differences show under gehan and rho > 0, late ones under gamma > 0.
 */
export type TimeWeights = 'log-rank' | 'gehan' | 'tarone-ware' | 'peto-peto' | { rho?: number; gamma?: number };

/**
 * (O − E)ᵀ V⁻ (O − E), χ² with (groups at risk) − 1 degrees of freedom when the groups survive alike.
 *
 * Weights of rows are counts: a row of weight 2 is two rows.
 *
 * @param group in 0 … groups − 1.  @param strata in 0 …; the comparison is made within each.
 * @returns undefined where there is nothing to compare: fewer than two groups at risk, or no event.
 * @throws RangeError for a rho or gamma below 0.
 */
export function logRank(
  columns: SurvivalColumns,
  group: ArrayLike<number>,
  groups: number,
  { weights = 'log-rank', strata }: { weights?: TimeWeights; strata?: ArrayLike<number> | undefined } = {},
): LogRank | undefined {
  checkSurvival(columns);
  const order = argsort(columns.duration);
  let strataCount = 1;
  for (let i = 0; strata !== undefined && i < strata.length; i++) strataCount = Math.max(strataCount, strata[i]! + 1);
  const observed = new Array<number>(groups).fill(0);
  const expected = new Array<number>(groups).fill(0);
  const variance = Array.from({ length: groups }, () => new Array<number>(groups).fill(0));
  for (const rows of strata === undefined ? [order] : splitOrder(order, strata, strataCount))
    addStratum(columns, group, rows, timeWeight(weights), observed, expected, variance);
  const present = observed.flatMap((_, g) => (expected[g]! > 0 && variance[g]![g]! > 0 ? [g] : []));
  const kept = present.slice(0, -1);
  const factor = kept.length === 0 ? undefined : cholesky(kept.map((g) => kept.map((h) => variance[g]![h]!)));
  if (factor === undefined) return undefined;
  const differences = kept.map((g) => observed[g]! - expected[g]!);
  const chiSquare = choleskySolve(factor, differences).reduce((sum, value, k) => sum + value * differences[k]!, 0);
  return { chiSquare, degreesOfFreedom: kept.length, p: chiSquareTail(chiSquare, kept.length), observed, expected };
}

/** Of the rows at risk, S(t−) and Peto's curve with this time in it. */
type Weigh = (n: number, before: number, peto: number) => number;

function timeWeight(weights: TimeWeights): Weigh {
  switch (weights) {
    case 'log-rank':
      return () => 1;
    case 'gehan':
      return (n) => n;
    case 'tarone-ware':
      return Math.sqrt;
    case 'peto-peto':
      return (_n, _before, peto) => peto;
  }
  const { rho = 0, gamma = 0 } = weights;
  if (!(rho >= 0 && gamma >= 0 && Number.isFinite(rho + gamma)))
    throw new RangeError(`rho ${rho} and gamma ${gamma} must be numbers ≥ 0`);
  return (_n, before) => before ** rho * (1 - before) ** gamma;
}

function addStratum(
  { duration, eventObserved, entry, weight }: SurvivalColumns,
  group: ArrayLike<number>,
  rows: Uint32Array,
  weigh: Weigh,
  observed: number[],
  expected: number[],
  variance: number[][],
): void {
  const groups = observed.length;
  const atRisk = new Float64Array(groups);
  const events = new Float64Array(groups);
  const count = (i: number) => (weight === undefined ? 1 : weight[i]!);
  // Without entries everybody is at risk from the start; with them, whoever enters before a time joins in front of it.
  const byEntry = entry === undefined ? rows : argsort(Float64Array.from(rows, (i) => entry[i]!)).map((k) => rows[k]!);
  let joined = 0;
  let before = 1;
  let peto = 1;
  for (let k = 0; k < rows.length; ) {
    const time = duration[rows[k]!]!;
    for (; joined < byEntry.length && (entry === undefined || entry[byEntry[joined]!]! < time); joined++)
      atRisk[group[byEntry[joined]!]!]! += count(byEntry[joined]!);
    events.fill(0);
    let d = 0;
    let end = k;
    for (; end < rows.length && duration[rows[end]!] === time; end++)
      if (eventObserved[rows[end]!] === 1) {
        events[group[rows[end]!]!]! += count(rows[end]!);
        d += count(rows[end]!);
      }
    if (d > 0) {
      const n = atRisk.reduce((sum, value) => sum + value, 0);
      peto *= 1 - d / (n + 1);
      const w = weigh(n, before, peto);
      // Rounding of weights that are no counts must not leave a group a little at risk that has nobody.
      const left = n - d > 1e-12 * n ? n - d : 0;
      const spread = n > 1 ? (w * w * d * left) / (n * n * (n - 1)) : 0;
      for (let g = 0; g < groups; g++) {
        const ng = atRisk[g]!;
        if (ng === 0) continue;
        observed[g]! += w * events[g]!;
        expected[g]! += (w * d * ng) / n;
        for (let h = 0; h < groups; h++) variance[g]![h]! += spread * ng * ((g === h ? n : 0) - atRisk[h]!);
      }
      before *= left / n;
    }
    for (; k < end; k++) atRisk[group[rows[k]!]!]! -= count(rows[k]!);
  }
}
