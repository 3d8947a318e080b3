// From purchases to the histories the models read: frequency, recency, T and the mean of repeat spend. All purchases of a customer in one
// period (a day, or a Monday-to-Sunday week) are one purchase; the first period is the birth and counts for neither frequency nor money.

import type { TimeUnit } from './fit.ts';

/** One order. `day` is the number of days since 1970-01-01 of its local date; money in millionths, so sums are exact. */
export interface Purchase {
  customer: string;
  day: number;
  micros: number;
}

export interface RfmOptions {
  /** Time unit of recency and T. */
  unit: TimeUnit;
  /** What counts as one purchase: all orders of a day, or of a week. */
  grain: TimeUnit;
  /** Last day that counts; T runs to it. */
  until: number;
}

/** One row per customer, in the order of first appearance; times in the unit asked for, money as in the input. */
export interface RfmSummary {
  ids: string[];
  frequency: Float64Array;
  recency: Float64Array;
  T: Float64Array;
  /** Mean money of the repeat periods, 0 without one. */
  monetaryValue: Float64Array;
}

/** Monday-based week number; 1970-01-05, day 4, was a Monday. */
const weekOf = (day: number) => Math.floor((day + 3) / 7);

/**
 * Histories at the end of `until`. Customers whose first purchase is later do not appear.
 *
 * Defined as in lifetimes' summary_data_from_transaction_data: x = periods with a purchase − 1, t_x = last − first period,
 * T = period of `until` − first period.
 */
export function summarise(purchases: Iterable<Purchase>, { unit, grain, until }: RfmOptions): RfmSummary {
  const periods = purchasePeriods(purchases, grain, until);
  const end = grain === 'day' ? until : weekOf(until);
  const perUnit = grain === unit ? 1 : grain === 'day' ? 1 / 7 : 7;
  const inUnit = (count: number) => (perUnit === 1 / 7 ? count / 7 : count * perUnit);
  const n = periods.size;
  const summary: RfmSummary = {
    ids: [...periods.keys()],
    frequency: new Float64Array(n),
    recency: new Float64Array(n),
    T: new Float64Array(n),
    monetaryValue: new Float64Array(n),
  };
  let row = 0;
  for (const spent of periods.values()) {
    let first = Number.POSITIVE_INFINITY;
    let last = Number.NEGATIVE_INFINITY;
    let micros = 0;
    for (const [period, amount] of spent) {
      first = Math.min(first, period);
      last = Math.max(last, period);
      micros += amount;
    }
    const repeats = spent.size - 1;
    summary.frequency[row] = repeats;
    summary.recency[row] = inUnit(last - first);
    summary.T[row] = inUnit(end - first);
    summary.monetaryValue[row] = repeats === 0 ? 0 : (micros - spent.get(first)!) / (repeats * 1e6);
    row += 1;
  }
  return summary;
}

/** Customer → period → money in millionths, of purchases up to `until`. */
export function purchasePeriods(
  purchases: Iterable<Purchase>,
  grain: TimeUnit,
  until: number,
): Map<string, Map<number, number>> {
  const customers = new Map<string, Map<number, number>>();
  for (const { customer, day, micros } of purchases) {
    if (day > until) continue;
    const period = grain === 'day' ? day : weekOf(day);
    let spent = customers.get(customer);
    if (spent === undefined) {
      spent = new Map();
      customers.set(customer, spent);
    }
    spent.set(period, (spent.get(period) ?? 0) + micros);
  }
  return customers;
}

/** Totals that tell at a glance whether two summaries are of the same data. */
export function totals({ frequency, recency, T }: RfmSummary) {
  const sum = (column: Float64Array) => column.reduce((total, value) => total + value, 0);
  return {
    frequency: sum(frequency),
    recency: sum(recency),
    T: sum(T),
    repeaters: frequency.reduce((count, x) => count + (x > 0 ? 1 : 0), 0),
  };
}
