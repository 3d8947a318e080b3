// Into which segments the judged customers fall: a text by its levels, a number by its quarters.
import type { FeatureRow } from '#domain/churn-features.ts';
import { FEW, foldedLevels } from './few.ts';

const MOST_LEVELS = 12;
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
      : foldedLevels(
          values.map((value) => (value === null ? UNKNOWN : String(value))),
          MOST_LEVELS,
          UNKNOWN,
        );
  return new Set(found).size > 1 ? found : null;
}

/**
 * Equal values stay together, so quarters of counts may be of unequal size; one of few customers goes to its neighbour. Names sort as the numbers do, say
 * no ends (the least and the most are somebody's), and what lies between is rounded where it is not the value of many.
 */
function byQuarter(values: readonly (number | null)[], known: readonly number[]): string[] {
  const sorted = Float64Array.from(known).sort();
  const quarter = (k: number) => sorted[Math.ceil((k / 4) * sorted.length) - 1]!;
  /** A tenth of the middle half or less: what rounding up to it moves is few. */
  const step = 10 ** Math.floor(Math.log10((quarter(3) - quarter(1)) / 10));
  const upTo = (value: number) => sorted.reduce((n, each) => n + (each <= value ? 1 : 0), 0);
  const bounds: number[] = [];
  let below = 0;
  for (const k of [1, 2, 3]) {
    const value = quarter(k);
    const many = sorted.reduce((n, each) => n + (each === value ? 1 : 0), 0) >= FEW;
    const bound = many || step === 0 ? value : Number((Math.ceil(value / step) * step).toPrecision(12));
    const n = upTo(bound);
    if (n - below < FEW || sorted.length - n < FEW) continue;
    bounds.push(bound);
    below = n;
  }
  const placeOf = (value: number) => {
    const place = bounds.findIndex((bound) => value <= bound);
    return place < 0 ? bounds.length : place;
  };
  const ends = [...bounds, Number.POSITIVE_INFINITY].map((_, place) => {
    const inside = sorted.filter((value) => placeOf(value) === place);
    return inside[0] === inside.at(-1) ? inside[0]! : null;
  });
  const names = ends.map((only, place) => `${place + 1}: ${nameOf(only, bounds[place - 1], bounds[place])}`);
  return values.map((value) => (value === null ? UNKNOWN : names[placeOf(value)]!));
}

/** @param only the one value of them all. */
function nameOf(only: number | null, over: number | undefined, to: number | undefined): string {
  if (only !== null) return short(only);
  const parts = [over === undefined ? null : `over ${short(over)}`, to === undefined ? null : `up to ${short(to)}`];
  return parts.filter((part) => part !== null).join(' ') || 'known';
}

const short = (value: number): string => String(Number(value.toPrecision(6)));
