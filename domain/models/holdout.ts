// What a model fitted on the first part of the history says about the rest, against what came and against the simplest forecast there is.
// Fader, Hardie & Lee (2005) judge BG/NBD this way (their figures 4 and 5): a fit to the past alone hides what regular or seasonal buying does.
import type { CompressedSummary } from './compress.ts';

export interface HoldoutTotals {
  /** Purchase days after the split of everybody known at it: by the model, as they came, and at each customer's own rate so far. */
  expected: number;
  actual: number;
  naive: number;
  /** expected/actual − 1, and the same of `naive`. */
  error: number;
  naiveError: number;
}

export interface Holdout extends HoldoutTotals {
  /** The days predicted: the first after the split, and the last. */
  fromDay: number;
  toDay: number;
}

/** Shorter histories leave too little on either side. */
const MIN_SPAN_DAYS = 120;
/** Part of the history that the check is fitted on. */
const FITTED_SHARE = 0.75;
/** With fewer purchases to predict, chance alone makes 10 %. */
const MIN_PURCHASES = 100;

/** The last day of the part to fit on; null when the history is shorter than 120 days. */
export function splitDay(firstDay: number | null, lastDay: number): number | null {
  if (firstDay === null || lastDay - firstDay < MIN_SPAN_DAYS) return null;
  return firstDay + Math.floor((lastDay - firstDay) * FITTED_SHARE);
}

/**
 * @param expected E[purchases in (T, T + span]] given the history (x, t_x, T), by a model fitted to `before`.
 * @param before histories at the split.  @param after the same population at the end, customers who came since included.
 * @param span from the split to the end, in the unit of both.
 * @returns null when fewer than 100 purchases came or were expected.
 */
export function holdoutTotals(
  expected: (x: number, tx: number, T: number, span: number) => number,
  before: CompressedSummary,
  after: CompressedSummary,
  span: number,
): HoldoutTotals | null {
  const totals = { expected: 0, actual: 0, naive: 0 };
  for (let i = 0; i < before.T.length; i++) {
    const [x, T, weight] = [before.frequency[i]!, before.T[i]!, before.weight[i]!];
    totals.expected += weight * expected(x, before.recency[i]!, T, span);
    totals.actual -= weight * x;
    if (x > 0) totals.naive += weight * (x / T) * span;
  }
  // Ages are day counts over a constant: half a day's slack in weeks takes up the rounding and nothing else.
  for (let i = 0; i < after.T.length; i++)
    if (after.T[i]! > span - 1 / 14) totals.actual += after.weight[i]! * after.frequency[i]!;
  if (!(totals.actual >= MIN_PURCHASES && totals.expected >= MIN_PURCHASES)) return null;
  return { ...totals, error: totals.expected / totals.actual - 1, naiveError: totals.naive / totals.actual - 1 };
}
