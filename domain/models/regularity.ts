// How regular buying is. BG/NBD takes the days between purchases as exponential: the time already waited says nothing about the time still to
// wait. A customer on a clock (shape k of the gamma law well above 1) or on a contract breaks that, and silence then means far more than the
// model believes. Wheat & Morrison, "Estimating Purchase Regularity with Two Interpurchase Times", Journal of Marketing Research 27(1), 1990;
// what it means for such models: Platzer & Reutterer, "Ticking Away the Moments", Marketing Science 35(5), 2016.

import { gather, uniqueRows } from './compress.ts';

/** The two latest intervals between purchase days of each customer with three of them or more, in days; equal pairs once, with their number. */
export interface IntervalPairs {
  earlier: Float64Array;
  later: Float64Array;
  weight: Float64Array;
}

export interface Regularity {
  /** Shape of the gamma law of intervals: 1 = at random, ∞ = a clock. Between 0 and 1000. */
  shape: number;
  /** 95 % interval of `shape`. */
  from: number;
  to: number;
  /** Customers behind it: pairs that together last at least 14 grains. */
  customers: number;
  /** Days of one step: 7 when most intervals are whole weeks (people who shop on one weekday), else 1. */
  grainDays: 1 | 7;
}

export interface CalendarRhythm {
  period: 'week' | 'fortnight' | 'month' | 'quarter' | 'year';
  /** Intervals taken for one such period, in days. */
  fromDays: number;
  toDays: number;
  /** Share of the intervals in it. */
  share: number;
  /** Share from which buying is taken for a contract. */
  contractFrom: number;
  /** Two intervals each. */
  customers: number;
}

/** Fewer customers than this say nothing either way. */
export const MIN_PAIRS = 30;

/** From a sum of 14 grains on, whole days change the estimate by 1 % at most at k = 1 (see `estimateRegularity`). */
const MIN_GRAINS = 14;
/** Whole days cannot tell a sharper clock from this one. */
const LARGEST_SHAPE = 1000;
const Z95 = 1.959964;

/**
 * Shape k of the gamma law of intervals, customers free to differ in their rates.
 *
 * The earlier of two intervals is the share M of their sum; M has the Beta(k, k) law whatever the rate, so with v = E[(M − ½)²]
 *
 *   v = 1 / (4 (2k + 1))   ⇔   k = 1/(8v) − 1/2
 *
 * Days are whole and purchases of one day are one: a Poisson buyer's intervals are then geometric and, given their sum s, the earlier one is
 * uniform on 1 … s − 1; M = (t − ½)/(s − 1) keeps k = 1 there up to a factor 1 + 1.5/(s − 1)², and comes out low by up to 2/s for clocks
 * of few days. M does not depend on s, so leaving out pairs with a small s does not tilt the estimate. People who shop on one weekday are looked at in weeks for the same reason.
 *
 * @returns null with fewer than MIN_PAIRS customers. Interval by the delta method on ln v. Deterministic, linear time.
 */
export function estimateRegularity(pairs: IntervalPairs): Regularity | null {
  const grainDays = wholeWeeks(pairs) > 0.5 ? 7 : 1;
  let n = 0;
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < pairs.weight.length; i++) {
    const earlier = Math.round(pairs.earlier[i]! / grainDays);
    const both = earlier + Math.round(pairs.later[i]! / grainDays);
    if (both < MIN_GRAINS) continue;
    const square = ((earlier - 0.5) / (both - 1) - 0.5) ** 2;
    n += pairs.weight[i]!;
    sum += pairs.weight[i]! * square;
    squares += pairs.weight[i]! * square * square;
  }
  if (n < MIN_PAIRS) return null;
  const mean = sum / n;
  const spread = Math.sqrt(Math.max(0, squares / n - mean * mean) / n);
  const factor = mean > 0 ? Math.exp((Z95 * spread) / mean) : 1;
  return {
    shape: shapeOf(mean),
    from: shapeOf(mean * factor),
    to: shapeOf(mean / factor),
    customers: n,
    grainDays,
  };
}

const shapeOf = (v: number): number => Math.min(LARGEST_SHAPE, Math.max(0, 1 / (8 * v) - 0.5));

/** Share of intervals that are whole weeks; 1/7 for buying at random. */
function wholeWeeks({ earlier, later, weight }: IntervalPairs): number {
  let n = 0;
  let whole = 0;
  for (let i = 0; i < weight.length; i++) {
    n += 2 * weight[i]!;
    if (earlier[i]! % 7 === 0) whole += weight[i]!;
    if (later[i]! % 7 === 0) whole += weight[i]!;
  }
  return n > 0 ? whole / n : 0;
}

/**
 * What contracts are billed by. A month is 28–31 days, a quarter 90–92, a year 365 or 366; widened for weekends and late payment. Random
 * buying puts at most (to − from + 1)/from/e of the intervals into one: 16 % into a week, 11 % into a month. A household with one shopping
 * day puts many into a week without owing anybody the next purchase, so a week needs nearly all of them.
 */
const PERIODS = [
  { period: 'week', fromDays: 6, toDays: 8, contractFrom: 0.9 },
  { period: 'fortnight', fromDays: 13, toDays: 15, contractFrom: 0.5 },
  { period: 'month', fromDays: 26, toDays: 33, contractFrom: 0.5 },
  { period: 'quarter', fromDays: 86, toDays: 96, contractFrom: 0.5 },
  { period: 'year', fromDays: 355, toDays: 376, contractFrom: 0.5 },
] as const;

/** The calendar period that most intervals are of; null with fewer than MIN_PAIRS customers. */
export function calendarRhythm({ earlier, later, weight }: IntervalPairs): CalendarRhythm | null {
  let customers = 0;
  const hits = PERIODS.map(() => 0);
  for (let i = 0; i < weight.length; i++) {
    customers += weight[i]!;
    for (const days of [earlier[i]!, later[i]!]) {
      const at = PERIODS.findIndex(({ fromDays, toDays }) => days >= fromDays && days <= toDays);
      if (at >= 0) hits[at]! += weight[i]!;
    }
  }
  if (customers < MIN_PAIRS) return null;
  const best = hits.indexOf(Math.max(...hits));
  return { ...PERIODS[best]!, share: hits[best]! / (2 * customers), customers };
}

/** From purchase days in any order, one entry a day; pairs ascending, so that their sums have the same bits however the days came. */
export function latestIntervals(customers: Iterable<Iterable<number>>): IntervalPairs {
  const earlier: number[] = [];
  const later: number[] = [];
  for (const purchaseDays of customers) {
    const [third, second, last] = [...purchaseDays].sort((a, b) => a - b).slice(-3) as [number, number, number?];
    if (last === undefined) continue;
    earlier.push(second - third);
    later.push(last - second);
  }
  const pairs = [Float64Array.from(earlier), Float64Array.from(later)] as const;
  const { rows, weight } = uniqueRows([...pairs]);
  return { earlier: gather(pairs[0], rows), later: gather(pairs[1], rows), weight };
}
