// Sums over rows that a logistic regression needs, taken chunk by chunk: chunks can be summed on any thread in any order, and are added up in
// theirs, so that the answer has the same bits whoever computed it. Inside a chunk, tiles of rows stay in the first cache.

import { type GramWorkspace, gramWorkspace } from '../numerics/gram.ts';

/** Columns of one length; every row has a label and a weight. Threads share the columns when they lie in shared memory. */
export interface LogisticRows {
  features: readonly Float64Array[];
  label: Float64Array;
  weight: Float64Array;
}

/** The features in use, each centred and scaled on the fly: z = (x − mean) · inverseSd. */
export interface Scale {
  columns: readonly number[];
  mean: readonly number[];
  inverseSd: readonly number[];
}

/** One reading of all rows. Coefficients are standardised, the intercept first. */
export type Pass =
  | { kind: 'moments' }
  /**
   * Loss and its gradient at `beta`; its Hessian too when `curvature`. Before them the largest −η of an event and the largest η of another row:
   * when their sum is below 0, the labels are told apart completely.
   */
  | { kind: 'derivatives'; scale: Scale; beta: readonly number[]; curvature: boolean }
  /** Largest |change of the log-odds| along `direction`, of the rows with weight. */
  | { kind: 'reach'; scale: Scale; direction: readonly number[] };

/** Rows of a chunk. Part of the result's definition: another number changes the last bits. */
const CHUNK = 32_768;
/** Rows of a tile: 20 columns of it are 20 KiB. */
const TILE = 128;

/** Numbers before the sums of a derivatives pass, of which the largest counts. */
export const MARGINS = 2;

export const chunksOf = (rows: LogisticRows): number => Math.max(1, Math.ceil(rows.label.length / CHUNK));

/** Numbers a chunk answers with. Moments: weight, events, rows with weight, then (mean, Σ w (x − mean)²) by feature. */
function width(rows: LogisticRows, pass: Pass): number {
  if (pass.kind === 'moments') return 3 + 2 * rows.features.length;
  if (pass.kind === 'reach') return 1;
  const k = pass.scale.columns.length + 1;
  return MARGINS + 1 + k + (pass.curvature ? (k * (k + 1)) / 2 : 0);
}

/** The sums of chunks `from` to before `to`, one after the other. */
export function chunkSums(rows: LogisticRows, pass: Pass, from: number, to: number): Float64Array {
  const size = width(rows, pass);
  const sums = new Float64Array((to - from) * size);
  for (let chunk = from; chunk < to; chunk++) {
    const start = chunk * CHUNK;
    const end = Math.min(rows.label.length, start + CHUNK);
    const into = sums.subarray((chunk - from) * size, (chunk - from + 1) * size);
    if (pass.kind === 'moments') moments(rows, start, end, into);
    else if (pass.kind === 'derivatives') derivatives(rows, pass, start, end, into);
    else into[0] = reach(rows, pass, start, end);
  }
  return sums;
}

/** Adds chunks up in their order. @param sums of all chunks, in one or several stretches that follow each other. */
export function addChunks(rows: LogisticRows, pass: Pass, sums: readonly Float64Array[]): Float64Array {
  const size = width(rows, pass);
  const total = new Float64Array(size);
  if (pass.kind === 'derivatives') total.fill(Number.NEGATIVE_INFINITY, 0, MARGINS);
  for (const stretch of sums)
    for (let at = 0; at < stretch.length; at += size) {
      const chunk = stretch.subarray(at, at + size);
      if (pass.kind === 'moments') addMoments(total, chunk);
      else if (pass.kind === 'reach') total[0] = Math.max(total[0]!, chunk[0]!);
      else {
        for (let i = 0; i < MARGINS; i++) total[i] = Math.max(total[i]!, chunk[i]!);
        for (let i = MARGINS; i < size; i++) total[i]! += chunk[i]!;
      }
    }
  return total;
}

/** All chunks on this thread. */
export const passHere = (rows: LogisticRows, pass: Pass): Float64Array =>
  addChunks(rows, pass, [chunkSums(rows, pass, 0, chunksOf(rows))]);

/** NaN where a weight, a label or a feature is not what it must be. */
function moments({ features, label, weight }: LogisticRows, start: number, end: number, into: Float64Array): void {
  let [total, events, counted] = [0, 0, 0];
  for (let i = start; i < end; i++) {
    const w = weight[i]!;
    const y = label[i]!;
    total += w >= 0 ? w : Number.NaN;
    events += y === 0 || y === 1 ? w * y : Number.NaN;
    if (w > 0) counted++;
  }
  into[0] = total;
  into[1] = events;
  into[2] = counted;
  for (let j = 0; j < features.length; j++) {
    const column = features[j]!;
    let [s0, s1] = [0, 0];
    let i = start;
    for (; i + 1 < end; i += 2) {
      s0 += weight[i]! * column[i]!;
      s1 += weight[i + 1]! * column[i + 1]!;
    }
    if (i < end) s0 += weight[i]! * column[i]!;
    const mean = total > 0 ? (s0 + s1) / total : (s0 + s1) * 0;
    let [q0, q1] = [0, 0];
    for (i = start; i + 1 < end; i += 2) {
      const d0 = column[i]! - mean;
      const d1 = column[i + 1]! - mean;
      q0 += weight[i]! * d0 * d0;
      q1 += weight[i + 1]! * d1 * d1;
    }
    if (i < end) q0 += weight[i]! * (column[i]! - mean) ** 2;
    into[3 + 2 * j] = mean;
    into[4 + 2 * j] = q0 + q1;
  }
}

/** Chan, Golub & LeVeque (1983): means and squares of two parts give those of the whole without cancellation. */
function addMoments(total: Float64Array, chunk: Float64Array): void {
  const [before, added] = [total[0]!, chunk[0]!];
  const after = before + added;
  for (let at = 3; at < total.length; at += 2) {
    const delta = chunk[at]! - total[at]!;
    const share = after > 0 ? added / after : 0;
    // A chunk without weight still hands on what is not finite in it.
    total[at]! += share > 0 ? delta * share : chunk[at]! * 0;
    total[at + 1]! += chunk[at + 1]! + delta * delta * before * share;
  }
  for (let i = 0; i < 3; i++) total[i]! += chunk[i]!;
}

function derivatives(
  { features, label, weight }: LogisticRows,
  { scale, beta, curvature }: Extract<Pass, { kind: 'derivatives' }>,
  start: number,
  end: number,
  into: Float64Array,
): void {
  const k = scale.columns.length + 1;
  const { tile, gram, padded, add } = workspaceFor(k);
  gram.fill(0);
  const eta = new Float64Array(TILE);
  const residual = new Float64Array(TILE);
  const root = new Float64Array(TILE);
  let [loss, ofEvents, ofOthers] = [0, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let from = start; from < end; from += TILE) {
    const size = Math.min(TILE, end - from);
    fillTile(features, scale, beta, from, size, tile, eta);
    let g = 0;
    for (let i = 0; i < size; i++) {
      const e = eta[i]!;
      const y = label[from + i]!;
      const w = weight[from + i]!;
      const q = Math.exp(e < 0 ? e : -e);
      const p = (e < 0 ? q : 1) / (1 + q);
      // ln(1 + eᵉ) − y e without overflow at any e.
      loss += w * ((e > 0 ? e : 0) - y * e + Math.log1p(q));
      if (w > 0) {
        if (y === 1) ofEvents = Math.max(ofEvents, -e);
        else ofOthers = Math.max(ofOthers, e);
      }
      const r = w * (p - y);
      residual[i] = r;
      g += r;
      // p (1 − p) with its own digits where p is next to 1.
      root[i] = Math.sqrt((w * q) / ((1 + q) * (1 + q)));
    }
    into[MARGINS + 1]! += g;
    for (let j = 1; j < k; j++) into[MARGINS + 1 + j]! += dot(tile, j * TILE, residual, size);
    if (!curvature) continue;
    for (let i = 0; i < size; i++) tile[i] = root[i]!;
    for (let j = 1; j < k; j++) for (let i = 0, at = j * TILE; i < size; i++, at++) tile[at]! *= root[i]!;
    add(size);
  }
  into[0] = ofEvents;
  into[1] = ofOthers;
  into[MARGINS] = loss;
  if (curvature)
    for (let a = 0, at = MARGINS + 1 + k; a < k; a++) for (let b = 0; b <= a; b++) into[at++] = gram[a * padded + b]!;
}

/** Standardised columns 1 … k − 1 of the tile (column 0 is the intercept's), and η = b₀ + Σ b z; four columns a walk. */
function fillTile(
  features: readonly Float64Array[],
  { columns, mean, inverseSd }: Scale,
  beta: readonly number[],
  from: number,
  size: number,
  tile: Float64Array,
  eta: Float64Array,
): void {
  const k = columns.length;
  eta.fill(beta[0]!, 0, size);
  let j = 0;
  for (; j + 3 < k; j += 4) {
    const [c0, c1, c2, c3] = [columns[j]!, columns[j + 1]!, columns[j + 2]!, columns[j + 3]!];
    const [f0, f1, f2, f3] = [features[c0]!, features[c1]!, features[c2]!, features[c3]!];
    const [m0, m1, m2, m3] = [mean[c0]!, mean[c1]!, mean[c2]!, mean[c3]!];
    const [s0, s1, s2, s3] = [inverseSd[c0]!, inverseSd[c1]!, inverseSd[c2]!, inverseSd[c3]!];
    const [b0, b1, b2, b3] = [beta[j + 1]!, beta[j + 2]!, beta[j + 3]!, beta[j + 4]!];
    for (let i = 0, at = (j + 1) * TILE, row = from; i < size; i++, at++, row++) {
      const z0 = (f0[row]! - m0) * s0;
      const z1 = (f1[row]! - m1) * s1;
      const z2 = (f2[row]! - m2) * s2;
      const z3 = (f3[row]! - m3) * s3;
      tile[at] = z0;
      tile[at + TILE] = z1;
      tile[at + 2 * TILE] = z2;
      tile[at + 3 * TILE] = z3;
      eta[i]! += b0 * z0 + b1 * z1 + (b2 * z2 + b3 * z3);
    }
  }
  for (; j < k; j++) {
    const c = columns[j]!;
    const [feature, m, s, b] = [features[c]!, mean[c]!, inverseSd[c]!, beta[j + 1]!];
    for (let i = 0, at = (j + 1) * TILE, row = from; i < size; i++, at++, row++) {
      const z = (feature[row]! - m) * s;
      tile[at] = z;
      eta[i]! += b * z;
    }
  }
}

/** Four sums side by side keep the processor busy. */
function dot(tile: Float64Array, from: number, other: Float64Array, size: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let i = 0;
  for (let at = from; i + 3 < size; i += 4, at += 4) {
    s0 += tile[at]! * other[i]!;
    s1 += tile[at + 1]! * other[i + 1]!;
    s2 += tile[at + 2]! * other[i + 2]!;
    s3 += tile[at + 3]! * other[i + 3]!;
  }
  for (; i < size; i++) s0 += tile[from + i]! * other[i]!;
  return s0 + s1 + (s2 + s3);
}

/** One tile a thread, kept between chunks and passes. */
let held: { columns: number; workspace: GramWorkspace } | undefined;

function workspaceFor(columns: number): GramWorkspace {
  if (held?.columns !== columns) held = { columns, workspace: gramWorkspace(columns, TILE) };
  return held.workspace;
}

function reach(
  { features, weight }: LogisticRows,
  { scale, direction }: Extract<Pass, { kind: 'reach' }>,
  start: number,
  end: number,
): number {
  const tile = new Float64Array((scale.columns.length + 1) * TILE);
  const change = new Float64Array(TILE);
  let most = 0;
  for (let from = start; from < end; from += TILE) {
    const size = Math.min(TILE, end - from);
    fillTile(features, scale, direction, from, size, tile, change);
    for (let i = 0; i < size; i++) if (weight[from + i]! > 0) most = Math.max(most, Math.abs(change[i]!));
  }
  return most;
}

/** η = b₀ + Σ b_j x_j for every row, on columns as they stand. */
export function logOdds(columns: readonly Float64Array[], n: number, beta: readonly number[]): Float64Array {
  const eta = new Float64Array(n).fill(beta[0]!);
  for (let j = 0; j < columns.length; j++) {
    const column = columns[j]!;
    const b = beta[j + 1]!;
    if (b !== 0) for (let i = 0; i < n; i++) eta[i]! += b * column[i]!;
  }
  return eta;
}
