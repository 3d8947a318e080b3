// The Kaplan–Meier curve of the censoring: what the rows still seen stand for, by inverse probability of censoring (Robins 1993).
import { riskTable } from './kaplan-meier.ts';
import type { SurvivalColumns } from './survival-columns.ts';

export interface CensoringCurve {
  time: Float64Array;
  /** G(t), the probability of not being censored up to t. */
  survival: Float64Array;
}

/** An event at a time comes before the censorings there: those it took are no longer at risk of being censored. */
export function fitCensoring(columns: SurvivalColumns): CensoringCurve {
  const { time, events, censored, atRisk } = riskTable(columns);
  const survival = new Float64Array(time.length);
  let g = 1;
  for (let j = 0; j < time.length; j++) {
    if (censored[j]! > 0) {
      const under = atRisk[j]! - events[j]!;
      g = under - censored[j]! > 1e-12 * under ? (g * (under - censored[j]!)) / under : 0;
    }
    survival[j] = g;
  }
  return { time, survival };
}

/** G(t−): 1 up to and at the first time. Never 0 at a time of the curve with somebody still there. */
export const censoringBefore = (curve: CensoringCurve, t: number): number => at(curve, lowerBound(curve.time, t));

/** G(t); 0 after everybody was censored. */
export function censoringAt(curve: CensoringCurve, t: number): number {
  const place = lowerBound(curve.time, t);
  return at(curve, curve.time[place] === t ? place + 1 : place);
}

const at = ({ survival }: CensoringCurve, place: number) => (place === 0 ? 1 : survival[place - 1]!);

/** How many times are before t. */
function lowerBound(time: Float64Array, t: number): number {
  let low = 0;
  let high = time.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (time[middle]! < t) low = middle + 1;
    else high = middle;
  }
  return low;
}
