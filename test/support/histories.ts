// Files of customer histories and transactions as the models take them.

import { readFileSync } from 'node:fs';
import type { TimeUnit } from '#domain/models/fit.ts';
import { type Purchase, purchasePeriods, type RfmSummary, summarise } from '#domain/models/rfm.ts';
import { forecastMetrics } from '#domain/models/value-metrics.ts';

export const fixture = (name: string) => new URL(`../fixtures/${name}`, import.meta.url).pathname;
export const golden = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../golden/${name}`, import.meta.url), 'utf8')) as T;

/** Comma-separated without quoted commas: what these files are. */
export function csvRows(path: string): Record<string, string>[] {
  const [head = '', ...lines] = readFileSync(path, 'utf8').trim().split(/\r?\n/);
  const names = head.split(',').map((name) => name.replaceAll('"', ''));
  return lines.map((line) => {
    const cells = line.split(',').map((cell) => cell.replaceAll('"', ''));
    return Object.fromEntries(names.map((name, i) => [name, cells[i] ?? '']));
  });
}

export const column = (rows: Record<string, string>[], name: string) =>
  Float64Array.from(rows, (row) => Number(row[name]));

export const dayOf = (date: string) => Date.parse(`${date.slice(0, 10)}T00:00:00Z`) / 86_400_000;

export function purchasesOf(path: string, names: { customer: string; date: string; amount?: string }): Purchase[] {
  return csvRows(path).map((row) => ({
    customer: row[names.customer]!,
    day: dayOf(row[names.date]!),
    micros: names.amount === undefined ? 0 : Math.round(Number(row[names.amount]) * 1e6),
  }));
}

export interface Holdout {
  calibration: RfmSummary;
  /** Purchase days of each calibrated customer in (calibration end, end], in the same order. */
  actual: Float64Array;
  weeks: number;
}

export function holdout(purchases: Purchase[], calibrationEnd: string, end: string, unit: TimeUnit = 'week'): Holdout {
  const cut = dayOf(calibrationEnd);
  const last = dayOf(end);
  const calibration = summarise(purchases, { unit, grain: 'day', until: cut });
  const all = purchasePeriods(purchases, 'day', last);
  const actual = Float64Array.from(calibration.ids, (id) => [...all.get(id)!.keys()].filter((day) => day > cut).length);
  return { calibration, actual, weeks: (last - cut) / 7 };
}

export function accuracy(predicted: Float64Array, actual: Float64Array) {
  const found = forecastMetrics({ actual, forecast: predicted });
  return {
    mae: found.mae,
    rmse: found.rmse,
    total_predicted: found.forecastTotal,
    total_actual: found.actualTotal,
    pct_error: 100 * found.totalError!,
    pearson: found.correlation,
  };
}
