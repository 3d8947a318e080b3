// Sufficient statistics of a population: equal rows become one row with a weight. Daily data repeat a lot (CDNOW 2,357 → 1,016),
// and the order of the result depends on the values only, so a fit gives the same bits however its input was ordered or split.

import { argsort } from '../numerics/argsort.ts';
import { RowError } from './fit.ts';

/** One customer per row; recency and T in one time unit. */
export interface SummaryColumns {
  frequency: Float64Array;
  recency: Float64Array;
  T: Float64Array;
  weight?: Float64Array | undefined;
}

/** Unique (frequency, T, recency) in ascending order, with the number of customers each stands for. */
export interface CompressedSummary {
  frequency: Float64Array;
  recency: Float64Array;
  T: Float64Array;
  weight: Float64Array;
}

/**
 * Unique histories with weights. Cost: one radix sort a column; 1e6 rows of daily data take about 0.3 s.
 *
 * @throws RowError naming row, column and rule for a history that cannot be: frequency negative or fractional, recency > T,
 * recency without a repeat purchase, a repeat purchase without recency, a negative or missing number.
 */
export function compress(columns: SummaryColumns): CompressedSummary {
  checkSummary(columns);
  const { frequency, recency, T, weight } = columns;
  const unique = uniqueRows([frequency, T, recency], weight);
  return {
    frequency: gather(frequency, unique.rows),
    recency: gather(recency, unique.rows),
    T: gather(T, unique.rows),
    weight: unique.weight,
  };
}

/** Two populations as one: the same as compressing their rows together. */
export function merge(left: CompressedSummary, right: CompressedSummary): CompressedSummary {
  const join = (a: Float64Array, b: Float64Array) => {
    const both = new Float64Array(a.length + b.length);
    both.set(a);
    both.set(b, a.length);
    return both;
  };
  return compress({
    frequency: join(left.frequency, right.frequency),
    recency: join(left.recency, right.recency),
    T: join(left.T, right.T),
    weight: join(left.weight, right.weight),
  });
}

function checkSummary({ frequency, recency, T, weight }: SummaryColumns): void {
  checkLengths({ frequency, recency, T, ...(weight && { weight }) });
  for (let i = 0; i < frequency.length; i++) {
    const broken = brokenRule(frequency[i]!, recency[i]!, T[i]!);
    if (broken) throw new RowError(i, broken.column, broken.rule);
    if (weight) checkWeight(i, weight[i]!);
  }
}

/** The first rule a purchase history breaks, if any. */
export function brokenRule(x: number, tx: number, T: number): { column: string; rule: string } | undefined {
  if (!(x >= 0) || x !== Math.floor(x) || x === Number.POSITIVE_INFINITY)
    return { column: 'frequency', rule: `${x} is not a whole number of repeat purchases ≥ 0` };
  if (!(T >= 0) || T === Number.POSITIVE_INFINITY)
    return { column: 'T', rule: `${T} is not a finite age ≥ 0 at the end of observation` };
  if (!(tx >= 0)) return { column: 'recency', rule: `${tx} is not an age ≥ 0 at the last purchase` };
  if (tx > T) return { column: 'recency', rule: `${tx} is after the end of observation, T = ${T}` };
  if (x === 0 && tx > 0)
    return { column: 'recency', rule: `${tx} without a repeat purchase; recency must be 0 when frequency is 0` };
  if (x > 0 && tx === 0)
    return { column: 'recency', rule: `0 with ${x} repeat purchases; purchases on the first day are one purchase` };
  return undefined;
}

export function checkWeight(row: number, weight: number): void {
  if (!(weight >= 0) || weight === Number.POSITIVE_INFINITY)
    throw new RowError(row, 'weight', `${weight} is not a finite weight ≥ 0`);
}

export function checkLengths(columns: Record<string, Float64Array>): void {
  const lengths = Object.entries(columns);
  const expected = lengths[0]![1].length;
  for (const [name, column] of lengths)
    if (column.length !== expected)
      throw new RangeError(
        `column ${name} has ${column.length} rows, ${lengths[0]![0]} has ${expected}; give all columns one length`,
      );
}

export const gather = (column: Float64Array, rows: Uint32Array) => {
  const picked = new Float64Array(rows.length);
  for (let i = 0; i < rows.length; i++) picked[i] = column[rows[i]!]!;
  return picked;
};

/** First row of each distinct key tuple, ascending by the keys in the order given, and the summed weights (weight 0 rows vanish). */
export function uniqueRows(keys: Float64Array[], weight?: Float64Array): { rows: Uint32Array; weight: Float64Array } {
  const n = keys[0]!.length;
  let order = Uint32Array.from({ length: n }, (_, i) => i);
  if (weight) order = order.filter((i) => weight[i]! !== 0);
  // Ascending by the first key, then the second, …: stable sorts from the last key to the first.
  const column = new Float64Array(order.length);
  for (const key of keys.toReversed()) {
    for (let i = 0; i < order.length; i++) column[i] = key[order[i]!]!;
    const sorted = argsort(column);
    for (let i = 0; i < order.length; i++) sorted[i] = order[sorted[i]!]!;
    order = sorted as Uint32Array<ArrayBuffer>;
  }
  // Equal rows now stand together, in the order they came.
  const rows = new Uint32Array(order.length);
  const weights = new Float64Array(order.length);
  let groups = 0;
  for (let i = 0; i < order.length; i++) {
    const row = order[i]!;
    const first = groups > 0 ? rows[groups - 1]! : -1;
    if (first < 0 || keys.some((key) => key[first] !== key[row])) rows[groups++] = row;
    weights[groups - 1]! += weight ? weight[row]! : 1;
  }
  return { rows: rows.slice(0, groups), weight: weights.slice(0, groups) };
}
