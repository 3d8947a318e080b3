// The columns every survival model reads: one row per subject or per interval of one.
import { RowError } from '../fit.ts';

export interface SurvivalColumns {
  /** Time of the event or of censoring, in any one unit; ≥ 0. */
  duration: Float64Array;
  /** 1 where the event was observed at `duration`, 0 where the row is censored there. */
  eventObserved: ArrayLike<number>;
  /** Under observation after this time only (left truncation, start-stop rows); without it from the beginning. */
  entry?: Float64Array | undefined;
  /** Case weights > 0; without them 1. */
  weight?: Float64Array | undefined;
}

/**
 * @param more further columns of finite numbers.
 * @throws RowError naming the first row, column and rule; RangeError when columns differ in length or are empty.
 */
export function checkSurvival(
  { duration, eventObserved, entry, weight }: SurvivalColumns,
  more: Record<string, ArrayLike<number>> = {},
): void {
  const n = duration.length;
  if (n === 0) throw new RangeError('no rows');
  for (const column of [eventObserved, entry, weight])
    if (column !== undefined && column.length !== n) throw new RangeError('columns differ in length');
  for (let i = 0; i < n; i++) {
    const time = duration[i]!;
    if (!(time >= 0 && time < Number.POSITIVE_INFINITY)) throw new RowError(i, 'duration', 'must be a number ≥ 0');
    if (eventObserved[i] !== 0 && eventObserved[i] !== 1) throw new RowError(i, 'eventObserved', 'must be 0 or 1');
    if (entry !== undefined && !(entry[i]! < time && entry[i]! > Number.NEGATIVE_INFINITY))
      throw new RowError(i, 'entry', `must be before the duration ${time}`);
    if (weight !== undefined && !(weight[i]! > 0 && weight[i]! < Number.POSITIVE_INFINITY))
      throw new RowError(i, 'weight', 'must be > 0');
  }
  for (const [name, values] of Object.entries(more)) {
    if (values.length !== n) throw new RangeError('columns differ in length');
    for (let i = 0; i < n; i++) if (!Number.isFinite(values[i])) throw new RowError(i, name, 'must be a finite number');
  }
}
