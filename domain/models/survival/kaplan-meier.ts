// Kaplan & Meier (1958): the survival curve of censored durations, its bands, quantiles and mean; the conventions are those of R's survfit.
import { argsort } from '../../numerics/argsort.ts';
import { normalQuantile } from '../../numerics/chi-square.ts';
import { checkSurvival, type SurvivalColumns } from './survival-columns.ts';

export type BandType = 'log-log' | 'log' | 'plain';

/**
 * One row per distinct time, of an event or of a censoring. `standardError`, `lower` and `upper` end where S reaches 0: past their
 * length they are undefined, and reading there gives undefined.
 */
export interface SurvivalCurve {
  /** Rows (not weights), and the weight of the events. */
  n: number;
  totalEvents: number;
  time: Float64Array;
  /** Weight under observation just before `time`; events count before censorings of the same time. */
  atRisk: Float64Array;
  events: Float64Array;
  censored: Float64Array;
  survival: Float64Array;
  /** Of S, by Greenwood. */
  standardError: Float64Array;
  lower: Float64Array;
  upper: Float64Array;
  /** Nelson–Aalen estimate of the cumulative hazard, and its standard error √Σ d/n². */
  cumulativeHazard: Float64Array;
  cumulativeHazardError: Float64Array;
}

export interface CurveOptions {
  band?: BandType;
  /** Confidence of the bands, 0.95 when not told. */
  level?: number;
}

/**
 * The Kaplan–Meier curve of all rows.
 *
 *   S(t) = Π (1 − d_i/n_i),   Var S = S² Σ d_i/(n_i (n_i − d_i)) (Greenwood 1926)
 *
 * Bands at z·se: plain S ± z·se(S); log S·exp(± z·se(ln S)); log-log (the default) S^exp(± z·se(ln S)/ln S), always inside [0, 1].
 * At S = 1 the band is [1, 1]. Cost: one radix sort; a million rows take about 0.1 s.
 *
 * @throws RowError for a row that cannot be.
 * @example fit({ duration: Float64Array.of(1, 2, 3), eventObserved: [1, 0, 1] }).survival // [2/3, 2/3, 0]
 */
export function fit(columns: SurvivalColumns, options: CurveOptions = {}): SurvivalCurve {
  checkSurvival(columns);
  return curveOf(columns, argsort(columns.duration), options);
}

/** One curve per group 0 … groups − 1; `group[i]` is the row's. A group without rows has an empty curve. */
export function fitGroups(
  columns: SurvivalColumns,
  group: ArrayLike<number>,
  groups: number,
  options: CurveOptions = {},
): SurvivalCurve[] {
  checkSurvival(columns);
  return splitOrder(argsort(columns.duration), group, groups).map((order) => curveOf(columns, order, options));
}

/** The rows of each group, in the given order. */
export function splitOrder(order: Uint32Array, group: ArrayLike<number>, groups: number): Uint32Array[] {
  const sizes = new Uint32Array(groups);
  for (const i of order) sizes[group[i]!]!++;
  const parts = Array.from(sizes, (size) => new Uint32Array(size));
  sizes.fill(0);
  for (const i of order) {
    const g = group[i]!;
    parts[g]![sizes[g]!++] = i;
  }
  return parts;
}

/** Weight at risk, of events and of censorings at each distinct time of the rows in `order` (ascending by duration). */
export function riskTable(
  { duration, eventObserved, entry, weight }: SurvivalColumns,
  order: Uint32Array = argsort(duration),
) {
  // Gathered once: in the order of the times, the rows lie anywhere. Runs of one time then close up in place.
  const times = new Float64Array(order.length);
  const eventsHere = new Float64Array(order.length);
  const censoredHere = new Float64Array(order.length);
  let row = -1;
  for (let k = 0; k < order.length; k++) {
    const i = order[k]!;
    const t = duration[i]!;
    if (row < 0 || t !== times[row]) times[++row] = t;
    const w = weight === undefined ? 1 : weight[i]!;
    if (eventObserved[i] === 1) eventsHere[row]! += w;
    else censoredHere[row]! += w;
  }
  const distinct = row + 1;
  const [time, events, censored] = [upTo(times, distinct), upTo(eventsHere, distinct), upTo(censoredHere, distinct)];
  const atRisk = new Float64Array(distinct);
  // Those who enter at or after a time are not yet at risk there.
  const entries = entry === undefined ? undefined : latestFirst(order, entry);
  let next = 0;
  let late = 0;
  let leaving = 0;
  for (let j = distinct - 1; j >= 0; j--) {
    leaving += events[j]! + censored[j]!;
    for (; entries !== undefined && next < entries.length && entry![entries[next]!]! >= time[j]!; next++)
      late += weight === undefined ? 1 : weight[entries[next]!]!;
    atRisk[j] = leaving - late;
  }
  return { time, events, censored, atRisk };
}

function latestFirst(order: Uint32Array, entry: Float64Array): Uint32Array {
  const byEntry = argsort(Float64Array.from(order, (i) => entry[i]!)).reverse();
  return byEntry.map((k) => order[k]!);
}

function curveOf(columns: SurvivalColumns, order: Uint32Array, { band = 'log-log', level = 0.95 }: CurveOptions) {
  const z = zOf(level);
  const { time, events, censored, atRisk } = riskTable(columns, order);
  const rows = time.length;
  const [survival, standardError, lower, upper, cumulativeHazard, cumulativeHazardError] = Array.from(
    { length: 6 },
    () => new Float64Array(rows),
  ) as [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array, Float64Array];
  let defined = 0;
  let s = 1;
  let greenwood = 0;
  let hazard = 0;
  let hazardVariance = 0;
  let totalEvents = 0;
  for (let j = 0; j < rows; j++) {
    const d = events[j]!;
    const n = atRisk[j]!;
    if (d > 0) {
      totalEvents += d;
      const left = n - d > 1e-12 * n ? n - d : 0;
      s *= left / n;
      greenwood += left > 0 ? d / (n * left) : 0;
      hazard += d / n;
      hazardVariance += d / (n * n);
    }
    survival[j] = s;
    cumulativeHazard[j] = hazard;
    cumulativeHazardError[j] = Math.sqrt(hazardVariance);
    if (s === 0) continue;
    defined = j + 1;
    // Where nobody had the event the band stays as well.
    if (d === 0 && j > 0) {
      standardError[j] = standardError[j - 1]!;
      lower[j] = lower[j - 1]!;
      upper[j] = upper[j - 1]!;
      continue;
    }
    const error = Math.sqrt(greenwood);
    standardError[j] = s * error;
    const limits = bandOf(s, error, z, band);
    lower[j] = limits.lower;
    upper[j] = limits.upper;
  }
  return {
    n: order.length,
    totalEvents,
    time,
    atRisk,
    events,
    censored,
    survival,
    standardError: upTo(standardError, defined),
    lower: upTo(lower, defined),
    upper: upTo(upper, defined),
    cumulativeHazard,
    cumulativeHazardError,
  };
}

/**
 * Limits of a probability in (0, 1], `error` the standard error of its logarithm; at 1 both are 1.
 *
 * @param z standard errors to either side.
 */
export function bandOf(
  probability: number,
  error: number,
  z: number,
  band: BandType,
): { lower: number; upper: number } {
  if (probability === 1) return { lower: 1, upper: 1 };
  if (band === 'plain')
    return {
      lower: Math.max(0, probability - z * probability * error),
      upper: Math.min(1, probability + z * probability * error),
    };
  if (band === 'log')
    return { lower: probability * Math.exp(-z * error), upper: Math.min(1, probability * Math.exp(z * error)) };
  const log = Math.log(probability);
  const spread = Math.exp((-z * error) / log);
  return { lower: Math.exp(log * spread), upper: Math.exp(log / spread) };
}

/** Standard errors to either side for a confidence. @throws RangeError outside (0, 1). */
export function zOf(level: number): number {
  const z = normalQuantile(level);
  if (Number.isNaN(z)) throw new RangeError(`level ${level} is not between 0 and 1`);
  return z;
}

const upTo = (values: Float64Array, end: number) => (end === values.length ? values : values.slice(0, end));

export interface SurvivalQuantile {
  /** Null where the curve (or its band) does not fall that far. */
  value: number | null;
  lower: number | null;
  upper: number | null;
}

/**
 * The time by which a share p has had the event: where S falls to 1 − p; in the middle of the step when S stands exactly there. The
 * limits are where the bands cross the same height (Brookmeyer & Crowley 1982).
 *
 * @param p in (0, 1).
 */
export function quantile(curve: SurvivalCurve, p: number): SurvivalQuantile {
  if (!(p > 0 && p < 1)) throw new RangeError(`quantile ${p} is not between 0 and 1`);
  return {
    value: crossing(curve.time, curve.survival, 1 - p),
    lower: crossing(curve.time, curve.lower, 1 - p),
    upper: crossing(curve.time, curve.upper, 1 - p),
  };
}

const SAME = 1.5e-8;

function crossing(time: Float64Array, heights: Float64Array, height: number): number | null {
  const first = heights.findIndex((value) => value <= height + SAME);
  if (first < 0) return null;
  const below = heights.findIndex((value) => value < height - SAME);
  if (below === first) return time[first]!;
  return (time[first]! + time[below < 0 ? heights.length - 1 : below]!) / 2;
}

/** S(t): 1 before the first time, the last value after the last one. */
export function survivalAt({ time, survival }: SurvivalCurve, t: number): number {
  let low = 0;
  let high = time.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (time[middle]! <= t) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? 1 : survival[low - 1]!;
}
