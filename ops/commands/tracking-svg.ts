// What `fit --svg` and `predict --svg` draw: repeat purchases as they came beside what a purchase model expects.
import type { TimeUnit } from '#domain/models/fit.ts';
import { purchasePeriods } from '#domain/models/rfm.ts';
import { actualCumulative, expectedCumulative } from '#domain/models/tracking.ts';
import { DAY_MS } from '#domain/time.ts';
import { trackingChart } from '../charts/tracking-chart.ts';
import { writeSvg } from '../charts/write-svg.ts';
import type { DatedPurchases } from '../summary-input.ts';
import type { Io } from './command.ts';

export interface PurchaseModel {
  title: string;
  unit: TimeUnit;
  /** Expected repeat purchases of a new customer within t of the unit. */
  expectedOfNew: (t: number) => number;
}

export function drawTracking(
  path: string,
  { purchases, until }: DatedPurchases,
  { title, unit, expectedOfNew }: PurchaseModel,
  io: Io,
): void {
  const customers = purchasePeriods(purchases, 'day', until);
  const births = new Map<number, number>();
  const repeats: number[] = [];
  let start = Number.POSITIVE_INFINITY;
  for (const days of customers.values()) {
    const first = Math.min(...days.keys());
    start = Math.min(start, first);
    births.set(first, (births.get(first) ?? 0) + 1);
    for (const day of days.keys()) if (day > first) repeats.push(day);
  }
  const weeks = Math.max(1, Math.ceil((until - start) / 7));
  const days = Array.from({ length: weeks }, (_, k) => Math.min(start + 7 * (k + 1), until));
  const perUnit = unit === 'week' ? 7 : 1;
  const date = (day: number) => new Date(day * DAY_MS).toISOString().slice(0, 10);
  const tracking = {
    weeks: days.map((day) => (day - start) / 7),
    actual: actualCumulative(
      repeats.sort((a, b) => a - b),
      days,
    ),
    expected: expectedCumulative(
      (length) => expectedOfNew(length / perUnit),
      Array.from(births, ([day, count]) => ({ start: day, customers: count })),
      days,
    ),
    customers: customers.size,
    from: date(start),
    until: date(until),
  };
  writeSvg(path, trackingChart(tracking, title), io);
}
