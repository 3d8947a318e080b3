// Two versions on the same customers at the same moment: how far the scores of the second lie from those of the first. Nobody's outcome is needed, so
// it is known at once; it says that answers would change, not which of them are right.
import { churnBand } from './models/clv-model.ts';
import { countNumbers, divergence, numericBins } from './models/drift.ts';
import { rankCorrelation } from './numerics/rank-correlation.ts';

/** Scores of one version: NaN for who is refused. */
export interface VersionScores {
  pChurn: Float64Array;
  /** Expected lifetime value; null where the model says none. */
  value: Float64Array | null;
  /** Of these customers: accepted, but the score failed or is no number. */
  broken: number;
  /** Wall time, ms. */
  ms: number;
}

export interface Shift {
  mean: { active: number; candidate: number };
  meanAbsoluteDifference: number;
  /** Of the active version's deciles; `psiFloor`: what chance alone passes once in a hundred, at this many customers. */
  psi: number;
  psiFloor: number;
  /** Spearman's; null where one of them says the same of everybody. */
  rankCorrelation: number | null;
}

export interface Comparison {
  /** Looked at. */
  customers: number;
  /** Answered by both. */
  compared: number;
  /** null: nobody is answered by both. */
  churn: (Shift & { bandChanged: number }) | null;
  value: Shift | null;
  refused: { active: number; candidate: number /** … of those the active version answers. */; more: number };
  broken: { active: number; candidate: number };
  /** µs a score. */
  micros: { active: number; candidate: number };
}

/** @throws RangeError for columns of another length. */
export function compareVersions(active: VersionScores, candidate: VersionScores): Comparison {
  const customers = active.pChurn.length;
  if (candidate.pChurn.length !== customers)
    throw new RangeError(`${customers} and ${candidate.pChurn.length} scores cannot be compared`);
  const count = (column: Float64Array) => column.reduce((n, value) => n + (Number.isNaN(value) ? 1 : 0), 0);
  let more = 0;
  for (let i = 0; i < customers; i++)
    if (!Number.isNaN(active.pChurn[i]!) && Number.isNaN(candidate.pChurn[i]!)) more++;
  const [p, q] = both(active.pChurn, candidate.pChurn);
  const churn = shiftOf(p, q);
  let moved = 0;
  for (let i = 0; i < p.length; i++) if (churnBand(p[i]!) !== churnBand(q[i]!)) moved++;
  const micros = (ms: number) => (customers === 0 ? 0 : (ms * 1000) / customers);
  return {
    customers,
    compared: p.length,
    churn: churn && { ...churn, bandChanged: moved / p.length },
    value: active.value && candidate.value && shiftOf(...both(active.value, candidate.value)),
    refused: {
      active: count(active.pChurn) - active.broken,
      candidate: count(candidate.pChurn) - candidate.broken,
      more,
    },
    broken: { active: active.broken, candidate: candidate.broken },
    micros: { active: micros(active.ms), candidate: micros(candidate.ms) },
  };
}

/** The rows that both have. */
function both(a: Float64Array, b: Float64Array): [Float64Array, Float64Array] {
  const has = (_: number, i: number) => !Number.isNaN(a[i]!) && !Number.isNaN(b[i]!);
  return [a.filter(has), b.filter(has)];
}

function shiftOf(p: Float64Array, q: Float64Array): Shift | null {
  if (p.length === 0) return null;
  const bins = numericBins(p);
  const { psi, psiFloor } = divergence(countNumbers(bins, p).counts, countNumbers(bins, q).counts);
  let difference = 0;
  for (let i = 0; i < p.length; i++) difference += Math.abs(p[i]! - q[i]!);
  const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    mean: { active: mean(p), candidate: mean(q) },
    meanAbsoluteDifference: difference / p.length,
    psi,
    psiFloor,
    rankCorrelation: rankCorrelation(p, q),
  };
}
