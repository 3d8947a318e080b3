// How well a risk score tells those with the event by a time from those still there at it: cumulative cases against dynamic controls.
import { argsort } from '../../numerics/argsort.ts';
import { checkTimes } from './brier-over-time.ts';
import { censoringBefore, fitCensoring } from './censoring.ts';
import { fit as fitCurve, survivalAt } from './kaplan-meier.ts';
import { checkSurvival, type SurvivalColumns } from './survival-columns.ts';

export interface AucPoint {
  time: number;
  /** P(score of a case > score of a control), ties one half; null without a case or without a control. */
  auc: number | null;
  /** Rows with the event up to the time, and rows still there after it. */
  cases: number;
  controls: number;
}

export interface AucOverTime {
  points: AucPoint[];
  /** Mean over the times that are defined, by how much the Kaplan–Meier curve falls up to each from the one before. */
  mean: number | null;
}

/**
 * The cumulative/dynamic AUC (Heagerty et al. 2000) by inverse probability of censoring (Uno et al. 2007, Hung & Chiang 2010):
 *
 *   AUC(t) = Σ_i Σ_j 1(T_i ≤ t, event) 1(T_j > t) (1(s_i > s_j) + ½·1(s_i = s_j)) / G(T_i−)  over the same sum without the scores
 *
 * O(n log n), then O(n) for each time.
 *
 * @param score higher = earlier event, finite.  @param times ascending, > 0, in the unit of the durations.
 * @param censoring rows to estimate G from, such as those of the fit; without them the measured rows themselves.
 * @throws RowError for a row that cannot be; RangeError for late entries, times out of order or columns that differ in length.
 */
export function aucOverTime(
  columns: SurvivalColumns,
  score: Float64Array,
  times: ArrayLike<number>,
  censoring: SurvivalColumns = columns,
): AucOverTime {
  checkTimes(columns, times);
  checkSurvival(columns, { score });
  const { duration, eventObserved, weight } = columns;
  const g = fitCensoring(censoring);
  const order = argsort(score);
  const inverse = Float64Array.from(duration, (t, i) => {
    const before = eventObserved[i] === 1 ? censoringBefore(g, t) : 0;
    return before > 0 ? 1 / before : 0;
  });
  const points = Array.from(times, (time): AucPoint => {
    let [cases, controls] = [0, 0];
    let [caseWeight, controlWeight, won] = [0, 0, 0];
    for (let start = 0; start < order.length; ) {
      // Equal scores at once; controls with a lower score are all behind.
      let [tiedCases, tiedControls] = [0, 0];
      let end = start;
      for (; end < order.length && score[order[end]!] === score[order[start]!]; end++) {
        const i = order[end]!;
        const w = weight === undefined ? 1 : weight[i]!;
        if (duration[i]! > time) {
          controls += 1;
          tiedControls += w;
        } else if (inverse[i]! > 0) {
          cases += 1;
          tiedCases += w * inverse[i]!;
        }
      }
      won += tiedCases * (controlWeight + tiedControls / 2);
      caseWeight += tiedCases;
      controlWeight += tiedControls;
      start = end;
    }
    return { time, auc: cases > 0 && controls > 0 ? won / (caseWeight * controlWeight) : null, cases, controls };
  });
  return { points, mean: meanOver(columns, points) };
}

function meanOver(columns: SurvivalColumns, points: readonly AucPoint[]): number | null {
  const curve = fitCurve(columns);
  let before = 1;
  let [sum, fall] = [0, 0];
  for (const { time, auc } of points) {
    if (auc === null) continue;
    const s = survivalAt(curve, time);
    sum += auc * (before - s);
    fall += before - s;
    before = s;
  }
  return fall > 0 ? sum / fall : null;
}
