// What the explanations that hold for any model need of it: a function from a table to one number per row.
import type { FeatureTable } from '../feature-encoding.ts';

/** Predictions of a table by columns, one per row. Pure: the same table gives the same answers. */
export type Predict = (table: FeatureTable) => Float64Array;

export type Column = readonly string[] | Float64Array;
export type Cell = string | number;

export const isNumeric = (column: Column): column is Float64Array => column instanceof Float64Array;

/** @throws RangeError naming the columns there are. */
export function columnOf(table: FeatureTable, name: string): Column {
  const column = table.get(name);
  if (column === undefined) throw new RangeError(`no column '${name}' among ${[...table.keys()].join(', ')}`);
  return column;
}

/** The table with one column set to one value in every row. */
export function withConstant(table: FeatureTable, name: string, value: Cell, rows: number): FeatureTable {
  const column = typeof value === 'number' ? new Float64Array(rows).fill(value) : new Array<string>(rows).fill(value);
  return new Map([...table, [name, column]]);
}

/** Distinct values, ascending (numbers by size with NaN last, text by code), with the weight of their rows; values of no weight are left out. */
export function distinctValues(column: Column, weight: Float64Array): { value: Cell; weight: number }[] {
  const sums = new Map<Cell, number>();
  for (let i = 0; i < column.length; i++)
    if (weight[i]! > 0) sums.set(column[i]!, (sums.get(column[i]!) ?? 0) + weight[i]!);
  const found = Array.from(sums, ([value, w]) => ({ value, weight: w }));
  return isNumeric(column)
    ? found.sort((a, b) => (Number.isNaN(a.value) ? 1 : Number.isNaN(b.value) ? -1 : Number(a.value) - Number(b.value)))
    : found.sort((a, b) => (a.value < b.value ? -1 : 1));
}

/** Weights of the rows, all 1 when absent. @throws RangeError for other lengths, labels but 0 and 1, bad weights, or no row with weight. */
export function checkRows(label: Float64Array, weight?: Float64Array): Float64Array {
  const weights = weight ?? new Float64Array(label.length).fill(1);
  if (weights.length !== label.length) throw new RangeError(`${weights.length} weights for ${label.length} labels`);
  if (label.some((y) => y !== 0 && y !== 1)) throw new RangeError('labels are 0 or 1');
  if (weights.some((w) => !(w >= 0 && w < Number.POSITIVE_INFINITY)))
    throw new RangeError('weights are finite numbers ≥ 0');
  if (!weights.some((w) => w > 0)) throw new RangeError('no row with weight: nothing to measure on');
  return weights;
}
