// How far predicted survival is from what happened, at chosen times, with the censored rows made up for by inverse probability of censoring.
import { RowError } from '../fit.ts';
import { type CensoringCurve, censoringAt, censoringBefore, fitCensoring } from './censoring.ts';
import { fit as fitCurve, survivalAt } from './kaplan-meier.ts';
import { checkSurvival, type SurvivalColumns } from './survival-columns.ts';

export interface BrierPoint {
  time: number;
  /** Mean of (still there − predicted S)²; 0 is perfect, 0.25 is a coin. Null where nobody is under observation any more. */
  brier: number | null;
  /** The same for the one Kaplan–Meier curve of these rows given to everybody: what a model has to beat. */
  reference: number | null;
}

export interface BrierOverTime {
  points: BrierPoint[];
  /** Means over the times by the trapezoid rule; null with fewer than two times that are defined. `skill` = 1 − value/reference. */
  integrated: { from: number; to: number; value: number; reference: number; skill: number | null } | null;
}

/**
 * The Brier score with inverse probability of censoring weights (Graf et al. 1999):
 *
 *   BS(t) = 1/N Σ [ S_i(t)²·1(T_i ≤ t, event)/G(T_i−) + (1 − S_i(t))²·1(T_i > t)/G(t) ]
 *
 * @param times ascending, > 0, in the unit of the durations.  @param predicted by time and row: S(time | row), in [0, 1].
 * @param censoring rows to estimate G from, such as those of the fit; without them the measured rows themselves.
 * @throws RowError for a row that cannot be; RangeError for late entries, times out of order or columns that differ in length.
 */
export function brierOverTime(
  columns: SurvivalColumns,
  times: ArrayLike<number>,
  predicted: readonly ArrayLike<number>[],
  censoring: SurvivalColumns = columns,
): BrierOverTime {
  checkTimes(columns, times);
  if (predicted.length !== times.length) throw new RangeError('one column of predictions per time');
  const n = columns.duration.length;
  predicted.forEach((column, k) => {
    if (column.length !== n) throw new RangeError('columns differ in length');
    for (let i = 0; i < n; i++)
      if (!(column[i]! >= 0 && column[i]! <= 1))
        throw new RowError(i, `S(${times[k]})`, 'must be a probability in [0, 1]');
  });
  const g = fitCensoring(censoring);
  const curve = fitCurve(columns);
  const points = predicted.map((column, k): BrierPoint => {
    const time = times[k]!;
    const same = survivalAt(curve, time);
    return {
      time,
      brier: scoreAt(columns, g, time, (i) => column[i]!),
      reference: scoreAt(columns, g, time, () => same),
    };
  });
  return { points, integrated: integrate(points) };
}

/** @throws RangeError naming what is wrong with the times or the columns. */
export function checkTimes(columns: SurvivalColumns, times: ArrayLike<number>): void {
  checkSurvival(columns);
  if (columns.entry !== undefined)
    throw new RangeError(
      'inverse probability of censoring does not take late entries: who left before entry is unseen',
    );
  if (times.length === 0) throw new RangeError('no times to measure at');
  for (let k = 0; k < times.length; k++)
    if (!(times[k]! > (k === 0 ? 0 : times[k - 1]!) && times[k]! < Number.POSITIVE_INFINITY))
      throw new RangeError(`time ${times[k]}: times must be > 0 and ascending`);
}

function scoreAt(
  { duration, eventObserved, weight }: SurvivalColumns,
  g: CensoringCurve,
  time: number,
  predicted: (row: number) => number,
): number | null {
  const atTime = censoringAt(g, time);
  if (atTime === 0) return null;
  let sum = 0;
  let all = 0;
  for (let i = 0; i < duration.length; i++) {
    const w = weight === undefined ? 1 : weight[i]!;
    all += w;
    const s = predicted(i);
    if (duration[i]! > time) sum += (w * (1 - s) * (1 - s)) / atTime;
    else if (eventObserved[i] === 1) {
      const before = censoringBefore(g, duration[i]!);
      if (before === 0) return null;
      sum += (w * s * s) / before;
    }
  }
  return sum / all;
}

function integrate(points: readonly BrierPoint[]): BrierOverTime['integrated'] {
  const known = points.filter(({ brier, reference }) => brier !== null && reference !== null);
  const [first, last] = [known[0], known.at(-1)];
  if (first === undefined || last === undefined || known.length < 2) return null;
  const [from, to] = [first.time, last.time];
  const mean = (pick: (point: BrierPoint) => number) =>
    known.slice(1).reduce((sum, point, k) => {
      const before = known[k]!;
      return sum + ((pick(before) + pick(point)) / 2) * (point.time - before.time);
    }, 0) /
    (to - from);
  const value = mean(({ brier }) => brier!);
  const reference = mean((point) => point.reference!);
  return { from, to, value, reference, skill: reference > 0 ? 1 - value / reference : null };
}
