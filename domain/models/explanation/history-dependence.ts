// How the value a purchase model foretells moves with one thing it knows of a customer, the others as they are. Its inputs hang together (nobody's last purchase
// lies before the first), so each curve is of the customers whose history is a possible one at every value of it.
import { ok, type Result } from '../../result.ts';
import type { CustomerHistory } from '../clv-model.ts';

/**
 * What is set, named as in the catalogue of features: repeat purchase days; days since the last purchase; days since the first, those since the last as they
 * are; mean money of a purchase day.
 */
export const HISTORY_FEATURES = ['frequency', 'recency_days', 'age_days', 'spend_per_purchase'] as const;
export type HistoryFeature = (typeof HISTORY_FEATURES)[number];

export interface HistoryDependence {
  feature: HistoryFeature;
  grid: number[];
  /** Mean of what is foretold with the feature at each value of the grid (Friedman 2001). */
  mean: number[];
  /** 10 % and 90 % points of the customers' values there. */
  lower: number[];
  upper: number[];
  /** Customers it is the mean of. */
  n: number;
}

type History = CustomerHistory & { frequency: number; recency: number; T: number };

/** Fewer say nothing of a base. */
const LEAST = 20;
/** Points of the curve: the deciles from the first to the ninth. */
const SHARES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/**
 * Of customers who came back: one purchase leaves nothing to move but its age.
 *
 * @param expected what is foretold of a history, finite; or why the model says nothing of it.  @param histories times in days.  @param money false: the model knows no money.
 * @returns curves, and why there is none of a feature.
 */
export function historyDependence(
  expected: (history: CustomerHistory) => Result<number, string>,
  histories: readonly History[],
  money: boolean,
): { dependence: HistoryDependence[]; undefined: Record<string, string> } {
  const missing: Record<string, string> = {};
  const dependence: HistoryDependence[] = [];
  const repeaters = histories.filter(({ frequency }) => frequency > 0);
  for (const feature of HISTORY_FEATURES) {
    if (feature === 'spend_per_purchase' && !money) {
      missing[`dependence.${feature}`] = 'the model knows no money';
      continue;
    }
    const known = repeaters.filter((history) => Number.isFinite(readOf(history, feature)));
    const grid = [...new Set(deciles(known.map((history) => readOf(history, feature))))];
    const movable = known.filter((history) => grid.every((value) => isPossible(withValue(history, feature, value))));
    if (grid.length < 2 || movable.length < LEAST) {
      missing[`dependence.${feature}`] =
        grid.length < 2
          ? `it is the same for nearly all of the ${known.length} customers who came back`
          : `of ${known.length} customers who came back ${movable.length} could have any of its usual values (${grid[0]} to ${grid.at(-1)}); ${LEAST} are needed`;
      continue;
    }
    const curve = curveOf(expected, feature, grid, movable);
    if (curve.ok) dependence.push(curve.value);
    else missing[`dependence.${feature}`] = curve.reason;
  }
  return { dependence, undefined: missing };
}

function curveOf(
  expected: (history: CustomerHistory) => Result<number, string>,
  feature: HistoryFeature,
  grid: number[],
  movable: readonly History[],
): Result<HistoryDependence, string> {
  const n = movable.length;
  const curve: HistoryDependence = { feature, grid, mean: [], lower: [], upper: [], n };
  for (const value of grid) {
    const foretold = new Float64Array(n);
    for (const [i, history] of movable.entries()) {
      const said = expected(withValue(history, feature, value));
      if (!said.ok) return said;
      foretold[i] = said.value;
    }
    foretold.sort();
    curve.mean.push(foretold.reduce((sum, each) => sum + each, 0) / n);
    curve.lower.push(pointOf(foretold, 0.1));
    curve.upper.push(pointOf(foretold, 0.9));
  }
  return ok(curve);
}

function readOf({ frequency, recency, T, monetaryValue }: History, feature: HistoryFeature): number {
  switch (feature) {
    case 'frequency':
      return frequency;
    case 'recency_days':
      return T - recency;
    case 'age_days':
      return T;
    case 'spend_per_purchase':
      return (monetaryValue ?? 0) > 0 ? monetaryValue! : Number.NaN;
  }
}

/** As many of the days carry money as before, in proportion. */
function withValue(history: History, feature: HistoryFeature, value: number): History {
  const { frequency, recency, T, moneyDays } = history;
  switch (feature) {
    case 'frequency': {
      const carrying = moneyDays === undefined ? {} : { moneyDays: Math.round((moneyDays * value) / frequency) };
      return { ...history, frequency: value, ...carrying };
    }
    case 'recency_days':
      return { ...history, recency: T - value };
    case 'age_days':
      return { ...history, T: value, recency: value - (T - recency) };
    case 'spend_per_purchase':
      return { ...history, monetaryValue: value };
  }
}

/** So many repeat purchase days fit between the first and the last. */
const isPossible = ({ frequency, recency, T }: History): boolean =>
  frequency >= 1 && recency >= frequency && recency <= T;

const deciles = (values: readonly number[]): number[] => {
  const sorted = Float64Array.from(values).sort();
  return sorted.length === 0 ? [] : SHARES.map((share) => pointOf(sorted, share));
};
/** Smallest value at or under which a share of them lies. @param sorted ascending, not empty. */
const pointOf = (sorted: Float64Array, share: number): number =>
  sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
