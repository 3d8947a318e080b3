// Cox's partial likelihood (1972, 1975) with its gradient and information, for tied times by Efron (1977) or Breslow (1974).
import { argsort } from '../../numerics/argsort.ts';
import { splitOrder } from './kaplan-meier.ts';
import type { SurvivalColumns } from './survival-columns.ts';

export type Ties = 'efron' | 'breslow';

/** Rows by stratum, in it by duration from the last to the first; `blocks` are runs of one stratum and one time. */
export interface Design {
  n: number;
  p: number;
  /** Row-major, centred and scaled. */
  x: Float64Array;
  weight: Float64Array;
  event: Uint8Array;
  blockOf: Uint32Array;
  blockStart: Uint32Array;
  blockTime: Float64Array;
  blockStratum: Uint32Array;
  /** Events (rows) of each block. */
  deaths: Uint32Array;
  /** Rows by entry from the last to the first within the stratum, and the block whose cumulative hazard a row had at entry (−1: none). */
  byEntry?: Uint32Array;
  entry?: Float64Array;
  entryBlock?: Int32Array;
  strata: number;
}

/** @param x covariates by column, already centred and scaled; only those in `columns`. */
export function createDesign(
  { duration, eventObserved, entry, weight }: SurvivalColumns,
  columns: readonly Float64Array[],
  stratum?: ArrayLike<number>,
): Design {
  const n = duration.length;
  const p = columns.length;
  let strata = 1;
  for (let i = 0; stratum !== undefined && i < n; i++) strata = Math.max(strata, stratum[i]! + 1);
  const ascending = argsort(duration);
  const parts = stratum === undefined ? [ascending] : splitOrder(ascending, stratum, strata);
  const design: Design = {
    n,
    p,
    x: new Float64Array(n * p),
    weight: new Float64Array(n).fill(1),
    event: new Uint8Array(n),
    blockOf: new Uint32Array(n),
    blockStart: new Uint32Array(n + 1),
    blockTime: new Float64Array(n),
    blockStratum: new Uint32Array(n),
    deaths: new Uint32Array(n),
    strata,
  };
  let row = 0;
  let blocks = 0;
  const source = new Uint32Array(n);
  parts.forEach((part, s) => {
    for (let k = part.length - 1; k >= 0; k--) {
      const i = part[k]!;
      if (k === part.length - 1 || duration[i] !== design.blockTime[blocks - 1]) {
        design.blockStart[blocks] = row;
        design.blockTime[blocks] = duration[i]!;
        design.blockStratum[blocks] = s;
        blocks += 1;
      }
      source[row] = i;
      design.blockOf[row] = blocks - 1;
      design.event[row] = eventObserved[i]!;
      design.deaths[blocks - 1]! += eventObserved[i]!;
      if (weight !== undefined) design.weight[row] = weight[i]!;
      for (let j = 0; j < p; j++) design.x[row * p + j] = columns[j]![i]!;
      row += 1;
    }
  });
  design.blockStart[blocks] = n;
  design.blockStart = design.blockStart.slice(0, blocks + 1);
  design.blockTime = design.blockTime.slice(0, blocks);
  design.blockStratum = design.blockStratum.slice(0, blocks);
  design.deaths = design.deaths.slice(0, blocks);
  if (entry !== undefined) addEntries(design, source, entry);
  return design;
}

function addEntries(design: Design, source: Uint32Array, entry: Float64Array): void {
  const { n, blockOf, blockTime, blockStratum } = design;
  const own = Float64Array.from(source, (i) => entry[i]!);
  const stratumOf = Uint32Array.from(blockOf, (block) => blockStratum[block]!);
  const parts = splitOrder(argsort(own.map((value) => -value)), stratumOf, design.strata);
  design.entry = own;
  design.byEntry = new Uint32Array(n);
  design.entryBlock = new Int32Array(n).fill(-1);
  let at = 0;
  for (const part of parts) {
    // Times fall with the block number: the block of an entry is the first whose time is not after it.
    let block = part.length === 0 ? 0 : blockTime.findIndex((_, b) => blockStratum[b] === stratumOf[part[0]!]);
    for (const row of part) {
      while (block < blockTime.length && blockStratum[block] === stratumOf[row] && blockTime[block]! > own[row]!)
        block += 1;
      const found = block < blockTime.length && blockStratum[block] === stratumOf[row];
      design.entryBlock[row] = found ? block : -1;
      design.byEntry[at++] = row;
    }
  }
}

export interface PartialLikelihood {
  value: number;
  gradient: number[];
  /** −d² logLikelihood: positive semidefinite. */
  information: number[][];
  /** Increment of the baseline cumulative hazard at each block. */
  jumps: Float64Array;
}

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
  const { n, p, x, weight, event, blockStart, blockStratum, deaths, byEntry, entry, blockTime } = design;
  const blocks = deaths.length;
  const b = Float64Array.from(beta);
  const risk = new Float64Array(n);
  let value = 0;
  for (let i = 0, k = 0; i < n; i++) {
    let eta = 0;
    for (let j = 0; j < p; j++) eta += b[j]! * x[k++]!;
    risk[i] = weight[i]! * Math.exp(eta);
    if (event[i] === 1) value += weight[i]! * eta;
  }
  const jumps = new Float64Array(blocks);
  /** What the tied events do not see of their own jump. */
  const unseen = new Float64Array(blocks);
  const packed = new Float64Array((p * (p + 1)) / 2);
  const s1 = new Float64Array(p);
  const d1 = new Float64Array(p);
  const mean = new Float64Array(p);
  let s0 = 0;
  let under = 0;
  let left = 0;
  for (let block = 0; block < blocks; block++) {
    const start = blockStart[block]!;
    const end = blockStart[block + 1]!;
    if (block > 0 && blockStratum[block] !== blockStratum[block - 1]) {
      s0 = 0;
      under = 0;
      left = start;
      s1.fill(0);
    }
    for (let i = start; i < end; i++) {
      const r = risk[i]!;
      s0 += r;
      for (let j = 0, k = i * p; j < p; j++) s1[j]! += r * x[k + j]!;
    }
    under += end - start;
    if (byEntry !== undefined) {
      const time = blockTime[block]!;
      for (; left < n && left < end && entry![byEntry[left]!]! >= time; left++) {
        const i = byEntry[left]!;
        const r = risk[i]!;
        s0 -= r;
        for (let j = 0, k = i * p; j < p; j++) s1[j]! -= r * x[k + j]!;
        under -= 1;
      }
      if (under === 0) {
        s0 = 0;
        s1.fill(0);
      }
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
    const scale = g === undefined ? 1 : g[block]!;
    const steps = ties === 'efron' ? d : 1;
    const share = eventWeight / steps;
    for (let l = 0; l < steps; l++) {
      const part = l / steps;
      const total = s0 - part * d0;
      value -= share * Math.log(total);
      jumps[block]! += share / total;
      unseen[block]! += (part * share) / total;
      for (let j = 0; j < p; j++) mean[j] = (s1[j]! - part * d1[j]!) / total;
      rankOne(packed, mean, 0, p, -share * scale);
    }
  }
  const gradient = addRows(design, risk, jumps, unseen, g, packed);
  const information = Array.from({ length: p }, () => new Array<number>(p).fill(0));
  for (let i = 0, k = 0; i < p; i++)
    for (let j = 0; j <= i; j++, k++) {
      information[i]![j] = packed[k]!;
      information[j]![i] = packed[k]!;
    }
  return { value, gradient, information, jumps };
}

function rankOne(packed: Float64Array, x: Float64Array, from: number, p: number, factor: number): void {
  for (let i = 0, k = 0; i < p; i++) {
    const scaled = factor * x[from + i]!;
    for (let j = 0; j <= i; j++) packed[k++]! += scaled * x[from + j]!;
  }
}

/** Adds Σ r Λ x xᵀ to the information and returns the gradient. */
function addRows(
  design: Design,
  risk: Float64Array,
  jumps: Float64Array,
  unseen: Float64Array,
  g: Float64Array | undefined,
  packed: Float64Array,
): number[] {
  const { n, p, x, weight, event, blockOf, blockStratum, entryBlock } = design;
  const blocks = jumps.length;
  const cumulative = new Float64Array(blocks);
  for (let block = blocks - 1, sum = 0; block >= 0; block--) {
    if (block < blocks - 1 && blockStratum[block] !== blockStratum[block + 1]) sum = 0;
    sum += jumps[block]! * (g === undefined ? 1 : g[block]!);
    cumulative[block] = sum;
  }
  const gradient = new Array<number>(p).fill(0);
  for (let i = 0; i < n; i++) {
    const block = blockOf[i]!;
    const scale = g === undefined ? 1 : g[block]!;
    let hazard = cumulative[block]!;
    if (entryBlock !== undefined && entryBlock[i]! >= 0) hazard -= cumulative[entryBlock[i]!]!;
    if (event[i] === 1) hazard -= unseen[block]! * scale;
    const expected = risk[i]! * hazard;
    const residual = event[i] === 1 ? weight[i]! * scale - expected : -expected;
    for (let j = 0, k = i * p; j < p; j++) gradient[j]! += residual * x[k + j]!;
    if (expected !== 0) rankOne(packed, x, i * p, p, expected);
  }
  return gradient;
}
