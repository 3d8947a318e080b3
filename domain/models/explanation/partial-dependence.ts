// How a prediction moves with one feature, everything else as it is: of each customer (ICE) and on average (partial dependence).
import type { FeatureTable } from '../feature-encoding.ts';
import { type Cell, columnOf, distinctValues, isNumeric, type Predict, withConstant } from './predict.ts';

export interface Dependence {
  feature: string;
  grid: Cell[];
  /** Mean prediction with the feature at each value of the grid, in all rows (Friedman 2001). */
  mean: number[];
  /** 10 % and 90 % points of the rows' predictions there: apart where the feature works differently for different customers. */
  lower: number[];
  upper: number[];
  /** Predictions of single rows along the grid (Goldstein et al. 2015), in the order asked. */
  ice: { row: number; predictions: number[] }[];
}

export interface DependenceOptions {
  /** Values to take; when absent every distinct value, of a column with more than 20 the 5 % points of it. */
  grid?: readonly Cell[];
  /** Rows whose own curve is wanted. */
  rows?: readonly number[];
  weight?: Float64Array;
}

const GRID = 20;

/**
 * Partial dependence and individual conditional expectation for any model.
 *
 * Values are combined as they stand: where features go together, some combinations never occur, and the curve there is the model's guess.
 * @throws RangeError for an unknown column or row, an empty table, or a value of another type than the column.
 */
export function partialDependence(
  predict: Predict,
  table: FeatureTable,
  feature: string,
  { grid, rows = [], weight }: DependenceOptions = {},
): Dependence {
  const column = columnOf(table, feature);
  const n = column.length;
  const weights = weight ?? new Float64Array(n).fill(1);
  const total = weights.reduce((sum, w) => sum + w, 0);
  if (!(total > 0)) throw new RangeError('no row with weight: nothing to average over');
  const wrong = rows.find((row) => !(Number.isInteger(row) && row >= 0 && row < n));
  if (wrong !== undefined) throw new RangeError(`row ${wrong} is not one of 0 to ${n - 1}`);
  const values = grid ?? defaultGrid(distinctValues(column, weights), total);
  const odd = values.find((value) => (typeof value === 'number') !== isNumeric(column));
  if (odd !== undefined) throw new RangeError(`'${odd}' is no value of column '${feature}'`);
  const answer: Dependence = {
    feature,
    grid: [...values],
    mean: [],
    lower: [],
    upper: [],
    ice: rows.map((row) => ({ row, predictions: [] })),
  };
  for (const value of values) {
    const p = predict(withConstant(table, feature, value, n));
    answer.mean.push(p.reduce((sum, each, i) => sum + weights[i]! * each, 0) / total);
    const order = Array.from(p, (_, i) => i).sort((i, j) => p[i]! - p[j]!);
    answer.lower.push(weightedPoint(p, weights, order, 0.1 * total));
    answer.upper.push(weightedPoint(p, weights, order, 0.9 * total));
    for (const curve of answer.ice) curve.predictions.push(p[curve.row]!);
  }
  return answer;
}

/** Smallest prediction at or under which `mass` of the weight lies. */
function weightedPoint(p: Float64Array, weight: Float64Array, order: readonly number[], mass: number): number {
  let passed = 0;
  for (const i of order) {
    passed += weight[i]!;
    if (passed >= mass && weight[i]! > 0) return p[i]!;
  }
  return p[order.at(-1)!]!;
}

function defaultGrid(distinct: readonly { value: Cell; weight: number }[], total: number): Cell[] {
  const present = distinct.filter(({ value }) => !Number.isNaN(value));
  if (present.length <= GRID + 1 || typeof present[0]!.value === 'string') return present.map(({ value }) => value);
  const grid: Cell[] = [];
  let [at, passed] = [0, present[0]!.weight];
  for (let k = 0; k <= GRID; k++) {
    while (passed < (k * total) / GRID && at < present.length - 1) passed += present[++at]!.weight;
    if (grid.at(-1) !== present[at]!.value) grid.push(present[at]!.value);
  }
  return grid;
}
