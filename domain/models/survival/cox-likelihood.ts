// Cox's partial likelihood (1972, 1975) with its gradient and information, for tied times by Efron (1977) or Breslow (1974).
import { addOuterRows, packedLength, unpack } from '../../numerics/outer-sum.ts';
import type { Design } from './cox-design.ts';

export type Ties = 'efron' | 'breslow';

/**
 * What one step of one block's events sees: `total` = S0 of those at risk, less the share `part` of the tied events (Efron), `mean` the
 * mean of x there, weighted by risk; `share` is the weight of events that falls on this step.
 */
type Visit = (block: number, part: number, share: number, total: number, mean: Float64Array) => void;

/** By row: η_i = x_iᵀβ and r_i = w_i·exp(η_i). */
export function risks({ n, p, x, weight }: Design, beta: ArrayLike<number>): { eta: Float64Array; risk: Float64Array } {
  const linear = new Float64Array(n);
  const risk = new Float64Array(n);
  const b = Float64Array.from(beta);
  for (let i = 0, k = 0; i < n; i++) {
    let eta = 0;
    for (let j = 0; j < p; j++) eta += b[j]! * x[k++]!;
    linear[i] = eta;
    risk[i] = weight[i]! * Math.exp(eta);
  }
  return { eta: linear, risk };
}

/** Goes through the risk sets from the last time to the first, in every stratum anew. `mean` is reused from call to call. */
export function walkRiskSets(design: Design, risk: Float64Array, ties: Ties, visit: Visit): void {
  const { p, x, weight, event, blockStart, blockStratum, deaths, byEntry, entry, blockTime } = design;
  const s1 = new Float64Array(p);
  const d1 = new Float64Array(p);
  const mean = new Float64Array(p);
  let s0 = 0;
  let left = 0;
  for (let block = 0; block < deaths.length; block++) {
    const start = blockStart[block]!;
    const end = blockStart[block + 1]!;
    if (block > 0 && blockStratum[block] !== blockStratum[block - 1]) {
      s0 = 0;
      left = start;
      s1.fill(0);
    }
    if (byEntry !== undefined) {
      const time = blockTime[block]!;
      for (; left < start && entry![byEntry[left]!]! >= time; left++) {
        const i = byEntry[left]!;
        const r = risk[i]!;
        s0 -= r;
        for (let j = 0, k = i * p; j < p; j++) s1[j]! -= r * x[k + j]!;
      }
      // Nobody of the later ones was at risk any more: neither is what rounding left of them.
      if (left === start) {
        s0 = 0;
        s1.fill(0);
      }
    }
    for (let i = start; i < end; i++) {
      const r = risk[i]!;
      s0 += r;
      for (let j = 0, k = i * p; j < p; j++) s1[j]! += r * x[k + j]!;
    }
    const d = deaths[block]!;
    if (d === 0) continue;
    let d0 = 0;
    let eventWeight = 0;
    d1.fill(0);
    for (let i = start; i < end; i++) {
      if (event[i] === 0) continue;
      const r = risk[i]!;
      d0 += r;
      eventWeight += weight[i]!;
      if (ties === 'efron' && d > 1) for (let j = 0, k = i * p; j < p; j++) d1[j]! += r * x[k + j]!;
    }
    const steps = ties === 'efron' ? d : 1;
    for (let l = 0; l < steps; l++) {
      const part = l / steps;
      const total = s0 - part * d0;
      for (let j = 0; j < p; j++) mean[j] = (s1[j]! - part * d1[j]!) / total;
      visit(block, part, eventWeight / steps, total, mean);
    }
  }
}

/** Sum of `jumps` over the blocks up to each block's time, within its stratum. */
export function cumulate({ blockStratum }: Design, jumps: Float64Array): Float64Array {
  const cumulative = new Float64Array(jumps.length);
  for (let block = jumps.length - 1, sum = 0; block >= 0; block--) {
    if (block < jumps.length - 1 && blockStratum[block] !== blockStratum[block + 1]) sum = 0;
    sum += jumps[block]!;
    cumulative[block] = sum;
  }
  return cumulative;
}

/** What row i went through of a quantity that grows with the blocks: from its entry to its time, less what the tied events do not see. */
export function passed(
  { blockOf, entryBlock, event }: Design,
  i: number,
  cumulative: Float64Array,
  unseen: Float64Array,
) {
  const block = blockOf[i]!;
  const atEntry = entryBlock === undefined || entryBlock[i]! < 0 ? 0 : cumulative[entryBlock[i]!]!;
  return cumulative[block]! - atEntry - (event[i] === 1 ? unseen[block]! : 0);
}

export interface PartialLikelihood {
  value: number;
  gradient: number[];
  /** −d² logLikelihood: positive semidefinite. */
  information: number[][];
  /** Increment of the baseline cumulative hazard at each block. */
  jumps: Float64Array;
}

/** Means are added to the information so many at a time. */
const MEANS_AT_ONCE = 64;

/**
 * The log partial likelihood at `beta` with gradient and information.
 *
 * With r_i = w_i exp(x_iᵀβ), S0 and S1 the sums of r and r·x over those at risk, x̄ = S1/S0 and Λ_i the cumulative hazard that row i went
 * through, gradient = Σ (w_i δ_i − r_i Λ_i) x_i and information = Σ r_i Λ_i x_i x_iᵀ − Σ_events w̄ x̄ x̄ᵀ: no matrix is kept up along the risk
 * sets. Efron: the l-th of d tied events sees the tied ones with weight 1 − l/d. O(n p²).
 *
 * @param g weights each block's contribution to gradient and information; 1 when not told. With functions of time they are the score
 * and information of time-varying coefficients (test of proportional hazards).
 */
export function partialLikelihood(
  design: Design,
  beta: readonly number[],
  ties: Ties,
  g?: Float64Array,
): PartialLikelihood {
  const { n, p, x, weight, event, deaths, blockOf } = design;
  const { eta, risk } = risks(design, beta);
  let value = 0;
  for (let i = 0; i < n; i++) if (event[i] === 1) value += weight[i]! * eta[i]!;
  const jumps = new Float64Array(deaths.length);
  const weighted = g === undefined ? jumps : new Float64Array(deaths.length);
  /** What the tied events do not see of their own jump. */
  const unseen = new Float64Array(deaths.length);
  const packed = new Float64Array(packedLength(p));
  const means = new Float64Array(MEANS_AT_ONCE * p);
  const factors = new Float64Array(MEANS_AT_ONCE);
  let held = 0;
  walkRiskSets(design, risk, ties, (block, part, share, total, mean) => {
    const scale = g === undefined ? 1 : g[block]!;
    const jump = share / total;
    value -= share * Math.log(total);
    jumps[block]! += jump;
    if (g !== undefined) weighted[block]! += scale * jump;
    unseen[block]! += part * jump * scale;
    means.set(mean, held * p);
    factors[held++] = -share * scale;
    if (held < MEANS_AT_ONCE) return;
    addOuterRows(packed, means, p, factors, 0, held);
    held = 0;
  });
  addOuterRows(packed, means, p, factors, 0, held);
  const cumulative = cumulate(design, weighted);
  const gradient = new Float64Array(p);
  for (let i = 0; i < n; i++) {
    const expected = risk[i]! * passed(design, i, cumulative, unseen);
    const observed = event[i] === 1 ? weight[i]! * (g === undefined ? 1 : g[blockOf[i]!]!) : 0;
    const residual = observed - expected;
    for (let j = 0, k = i * p; j < p; j++) gradient[j]! += residual * x[k + j]!;
    risk[i] = expected;
  }
  addOuterRows(packed, x, p, risk, 0, n);
  return { value, gradient: Array.from(gradient), information: unpack(packed, p), jumps };
}
