// Do groups survive alike? The log-rank test (Mantel 1966, Peto & Peto 1972), for any number of groups, within strata; as R's survdiff.
import { argsort } from '../../numerics/argsort.ts';
import { chiSquareTail } from '../../numerics/chi-square.ts';
import { cholesky, choleskySolve } from '../../numerics/cholesky.ts';
import { splitOrder } from './kaplan-meier.ts';
import { checkSurvival, type SurvivalColumns } from './survival-columns.ts';

export interface LogRank {
  chiSquare: number;
  degreesOfFreedom: number;
  p: number;
  /** Per group, over all strata. */
  observed: number[];
  expected: number[];
}

/**
 * (O − E)ᵀ V⁻ (O − E), χ² with (groups at risk) − 1 degrees of freedom when the groups survive alike.
 *
 * At each event time weighted by S(t−)^rho: rho = 0 is the log-rank test, 1 the Peto–Peto form of the Wilcoxon test. Rows count once.
 *
 * @param columns without weights.  @param group in 0 … groups − 1.  @param strata in 0 …; the comparison is made within each.
 * @returns undefined where there is nothing to compare: fewer than two groups at risk, or no event.
 */
export function logRank(
  columns: Omit<SurvivalColumns, 'weight'>,
  group: ArrayLike<number>,
  groups: number,
  { rho = 0, strata }: { rho?: number; strata?: ArrayLike<number> } = {},
): LogRank | undefined {
  checkSurvival(columns);
  const order = argsort(columns.duration);
  let strataCount = 1;
  for (let i = 0; strata !== undefined && i < strata.length; i++) strataCount = Math.max(strataCount, strata[i]! + 1);
  const observed = new Array<number>(groups).fill(0);
  const expected = new Array<number>(groups).fill(0);
  const variance = Array.from({ length: groups }, () => new Array<number>(groups).fill(0));
  for (const rows of strata === undefined ? [order] : splitOrder(order, strata, strataCount))
    addStratum(columns, group, rows, rho, observed, expected, variance);
  const present = observed.flatMap((_, g) => (expected[g]! > 0 && variance[g]![g]! > 0 ? [g] : []));
  const kept = present.slice(0, -1);
  const factor = kept.length === 0 ? undefined : cholesky(kept.map((g) => kept.map((h) => variance[g]![h]!)));
  if (factor === undefined) return undefined;
  const differences = kept.map((g) => observed[g]! - expected[g]!);
  const chiSquare = choleskySolve(factor, differences).reduce((sum, value, k) => sum + value * differences[k]!, 0);
  return { chiSquare, degreesOfFreedom: kept.length, p: chiSquareTail(chiSquare, kept.length), observed, expected };
}

function addStratum(
  { duration, eventObserved, entry }: Omit<SurvivalColumns, 'weight'>,
  group: ArrayLike<number>,
  rows: Uint32Array,
  rho: number,
  observed: number[],
  expected: number[],
  variance: number[][],
): void {
  const groups = observed.length;
  const atRisk = new Float64Array(groups);
  const events = new Float64Array(groups);
  // Without entries everybody is at risk from the start; with them, whoever enters before a time joins in front of it.
  const byEntry = entry === undefined ? rows : argsort(Float64Array.from(rows, (i) => entry[i]!)).map((k) => rows[k]!);
  let joined = 0;
  let survival = 1;
  for (let k = 0; k < rows.length; ) {
    const time = duration[rows[k]!]!;
    for (; joined < byEntry.length && (entry === undefined || entry[byEntry[joined]!]! < time); joined++)
      atRisk[group[byEntry[joined]!]!]!++;
    events.fill(0);
    let d = 0;
    let end = k;
    for (; end < rows.length && duration[rows[end]!] === time; end++)
      if (eventObserved[rows[end]!] === 1) {
        events[group[rows[end]!]!]!++;
        d += 1;
      }
    if (d > 0) {
      const n = atRisk.reduce((sum, value) => sum + value, 0);
      const weight = rho === 0 ? 1 : survival ** rho;
      const spread = n > 1 ? (weight * weight * d * (n - d)) / (n * n * (n - 1)) : 0;
      for (let g = 0; g < groups; g++) {
        const ng = atRisk[g]!;
        if (ng === 0) continue;
        observed[g]! += weight * events[g]!;
        expected[g]! += (weight * d * ng) / n;
        for (let h = 0; h < groups; h++) variance[g]![h]! += spread * ng * ((g === h ? n : 0) - atRisk[h]!);
      }
      survival *= (n - d) / n;
    }
    for (; k < end; k++) atRisk[group[rows[k]!]!]!--;
  }
}
