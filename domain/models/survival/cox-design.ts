// The rows of a Cox regression in the order its sums run: by stratum, in it from the last time to the first, centred and scaled.
import { argsort } from '../../numerics/argsort.ts';
import { RowError } from '../fit.ts';
import { splitOrder } from './kaplan-meier.ts';
import { checkSurvival, type SurvivalColumns } from './survival-columns.ts';

export interface CoxColumns extends SurvivalColumns {
  covariates: { name: string; values: Float64Array }[];
  /** 0 …: each stratum has its own baseline hazard. */
  strata?: ArrayLike<number> | undefined;
}

/** `blocks` are runs of one stratum and one time. */
export interface Design {
  n: number;
  p: number;
  /** Row-major, centred and scaled. */
  x: Float64Array;
  weight: Float64Array;
  event: Uint8Array;
  /** The given row at each place. */
  source: Uint32Array;
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

/** @throws RowError naming the first row, column and rule; RangeError when columns differ in length or a name is there twice. */
export function checkCox(columns: CoxColumns): void {
  checkSurvival(columns);
  const n = columns.duration.length;
  for (const { name, values } of columns.covariates) {
    if (values.length !== n) throw new RangeError(`column ${name} differs in length`);
    for (let i = 0; i < n; i++)
      if (!Number.isFinite(values[i]!)) throw new RowError(i, name, 'must be a finite number');
  }
  const { strata } = columns;
  if (strata === undefined) return;
  if (strata.length !== n) throw new RangeError('columns differ in length');
  for (let i = 0; i < n; i++)
    if (!(Number.isInteger(strata[i]) && strata[i]! >= 0)) throw new RowError(i, 'strata', 'must be an integer ≥ 0');
}

export interface Scale {
  values: Float64Array;
  mean: number;
  /** Population standard deviation; 0 for a column that says nothing. */
  deviation: number;
}

export function scaleOf(values: Float64Array): Scale {
  const n = values.length;
  let sum = 0;
  let largest = 0;
  for (let i = 0; i < n; i++) {
    sum += values[i]! / n;
    largest = Math.max(largest, Math.abs(values[i]!));
  }
  let square = 0;
  for (let i = 0; i < n; i++) square += ((values[i]! - sum) * (values[i]! - sum)) / n;
  const deviation = Math.sqrt(square);
  return { values, mean: sum, deviation: deviation > 1e-13 * largest && Number.isFinite(deviation) ? deviation : 0 };
}

/** Rows gathered at once: their target lines stay in the cache while the columns go by. */
const ROWS_AT_ONCE = 256;

export function createDesign(
  { duration, eventObserved, entry, weight, strata: stratum }: Omit<CoxColumns, 'covariates'>,
  columns: readonly Scale[],
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
    source: new Uint32Array(n),
    blockOf: new Uint32Array(n),
    blockStart: new Uint32Array(n + 1),
    blockTime: new Float64Array(n),
    blockStratum: new Uint32Array(n),
    deaths: new Uint32Array(n),
    strata,
  };
  let row = 0;
  let blocks = 0;
  parts.forEach((part, s) => {
    for (let k = part.length - 1; k >= 0; k--) {
      const i = part[k]!;
      if (k === part.length - 1 || duration[i] !== design.blockTime[blocks - 1]) {
        design.blockStart[blocks] = row;
        design.blockTime[blocks] = duration[i]!;
        design.blockStratum[blocks] = s;
        blocks += 1;
      }
      design.source[row] = i;
      design.blockOf[row] = blocks - 1;
      design.event[row] = eventObserved[i]!;
      design.deaths[blocks - 1]! += eventObserved[i]!;
      if (weight !== undefined) design.weight[row] = weight[i]!;
      row += 1;
    }
  });
  fillRows(design, columns);
  design.blockStart[blocks] = n;
  design.blockStart = design.blockStart.slice(0, blocks + 1);
  design.blockTime = design.blockTime.slice(0, blocks);
  design.blockStratum = design.blockStratum.slice(0, blocks);
  design.deaths = design.deaths.slice(0, blocks);
  if (entry !== undefined) addEntries(design, entry);
  return design;
}

function fillRows({ n, p, x, source }: Design, columns: readonly Scale[]): void {
  for (let first = 0; first < n; first += ROWS_AT_ONCE) {
    const end = Math.min(n, first + ROWS_AT_ONCE);
    for (let j = 0; j < p; j++) {
      const { values, mean, deviation } = columns[j]!;
      for (let row = first; row < end; row++) x[row * p + j] = (values[source[row]!]! - mean) / deviation;
    }
  }
}

function addEntries(design: Design, entry: Float64Array): void {
  const { n, source, blockOf, blockTime, blockStratum } = design;
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
