// Into which segments the judged customers fall: a text by its levels, a number by its quarters.
import type { FeatureRow } from '#domain/churn-features.ts';

const MOST_LEVELS = 12;
/** A level of fewer customers may be who somebody is; results are kept, and shown. */
const LEAST_OF_LEVEL = 10;
const UNKNOWN = 'unknown';

/** What is looked at without being asked for, where it varies. */
export const USUAL = ['plan', 'subscription_tenure_days', 'frequency', 'age_days'] as const;

/** The segment of each row; null when fewer than two come of it. */
export function segmentsBy(name: string, rows: readonly FeatureRow[]): string[] | null {
  const values = rows.map((row) => row[name] ?? null);
  const numbers = values.filter((value): value is number => typeof value === 'number');
  const found =
    numbers.length > 0 && values.every((value) => value === null || typeof value === 'number')
      ? byQuarter(values as (number | null)[], numbers)
      : byLevel(values.map((value) => (value === null ? UNKNOWN : String(value))));
  return new Set(found).size > 1 ? found : null;
}

/** The largest levels by name, the others together, and with them those of few customers. */
function byLevel(levels: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const level of levels) counts.set(level, (counts.get(level) ?? 0) + 1);
  const kept = new Set(
    [...counts]
      .filter(([level, n]) => n >= LEAST_OF_LEVEL || level === UNKNOWN)
      .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
      .slice(0, MOST_LEVELS)
      .map(([level]) => level),
  );
  return levels.map((level) => (kept.has(level) ? level : 'other'));
}

/** Equal values stay together, so quarters of counts may be of unequal size. Names sort as the numbers do. */
function byQuarter(values: readonly (number | null)[], known: readonly number[]): string[] {
  const sorted = Float64Array.from(known).sort();
  const upper = [...new Set([0.25, 0.5, 0.75, 1].map((share) => sorted[Math.ceil(share * sorted.length) - 1]!))];
  const lower = upper.map((_, k) => (k === 0 ? sorted[0]! : sorted.find((value) => value > upper[k - 1]!)!));
  const names = upper.map((to, k) => `${k + 1}: ${short(lower[k]!)}${lower[k] === to ? '' : ` to ${short(to)}`}`);
  return values.map((value) => (value === null ? UNKNOWN : names[upper.findIndex((to) => value <= to)]!));
}

const short = (value: number): string => String(Number(value.toPrecision(6)));
