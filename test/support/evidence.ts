// What gates look at, of versions of which little is known.
import type { VersionScores } from '#domain/deployment-comparison.ts';
import type { VersionMetrics } from '#domain/deployment-gates.ts';

/** Scores as a comparison has them; one millisecond for all. */
export const scoresOf = (
  pChurn: readonly number[],
  value: readonly number[] | null = null,
  broken = 0,
): VersionScores => ({
  pChurn: Float64Array.from(pChurn),
  value: value && Float64Array.from(value),
  broken,
  ms: 1,
});
/** `customers` scores, even over 0 to 1. */
export const evenly = (customers: number): number[] =>
  Array.from({ length: customers }, (_, i) => (i + 0.5) / customers);

export const NO_METRICS: VersionMetrics = {
  calibrationSlope: null,
  calibrationSlopeSe: null,
  brier: null,
  ece: null,
  eceByChance: null,
  auc: null,
  aucSe: null,
  n: null,
  concordance: null,
  prevalence: null,
  roc: null,
};
