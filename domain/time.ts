// Instants, local days and zones: how a publisher's text becomes `at`, and `at` becomes a day (facts §3).
// Zones are plain offset tables: only `offsetsOf` asks the zone database, when a `zone.set` fact is written; folds never do.
import { ok, type Result, refuse } from './result.ts';
import { outlineOf } from './text.ts';

/** [instant ms from which it holds, minutes east of UTC], ascending; the first entry holds for all earlier time. */
export type Offsets = [number, number][];

export const DAY_MS = 86_400_000;
export const UTC: Offsets = [[0, 0]];

/** A time as its publisher wrote it. `wall` = ms as if the clock on the wall were UTC; `kind` says what is missing. */
export interface WrittenTime {
  kind: 'instant' | 'local' | 'date';
  wall: number;
}

/** Times before 1900 are spoilt defaults (0001-01-01, 1899-12-30), not history. */
export const EARLIEST = Date.UTC(1900, 0, 1);

/**
 * ISO 8601 ('2026-11-20', '2026-11-20T10:00:00.5+01:00', '2026-11-20 10:00', '20261120') or an epoch integer
 * (10⁸ … 10¹¹ seconds, 10¹¹ … 10¹⁴ ms). Fractions beyond a millisecond are cut off.
 *
 * @param tell how the reason speaks of the value: its outline only, unless the value is nobody's.
 */
export function parseTime(value: unknown, tell = outlineOf): Result<WrittenTime> {
  if (typeof value === 'string') return parseTimeText(value, tell);
  if (value instanceof Date) return parseTime(value.getTime());
  if (typeof value === 'number') return epoch(value) ?? refuse('is not an epoch in seconds or milliseconds');
  return refuse(`is ${value === null ? 'null' : typeof value}, not a time`);
}

export function parseTimeText(text: string, tell = outlineOf): Result<WrittenTime> {
  const n = text.length;
  if (n >= 10 && n <= 40) {
    const year = digits(text, 0, 4);
    const month = digits(text, 5, 2);
    const day = digits(text, 8, 2);
    if (year >= 0 && text.charCodeAt(4) === DASH && text.charCodeAt(7) === DASH) {
      if (!isDate(year, month, day)) return refuse(`is not a day of the calendar (${tell(text)})`);
      const midnight = daysFromCivil(year, month, day) * DAY_MS;
      const read = n === 10 ? { kind: 'date' as const, wall: midnight } : clockTime(text, midnight);
      if (read !== null) return read.wall < EARLIEST ? refuse('is before 1900') : ok(read);
    }
  }
  return plainDigits(text) ?? refuse(oddTime(text, tell(text)));
}

/** The instant of a written time: dates at 00:00 UTC, local times by the source's zone. */
export const instantOf = (time: WrittenTime, offsets: Offsets): number =>
  time.kind === 'local' ? resolveLocal(time.wall, offsets) : time.wall;

/** Identity text of a time before any correction: the same written time gives the same text whatever zone the source is given later. */
export const timeText = (time: WrittenTime): string =>
  time.kind === 'instant' ? String(time.wall) : time.kind === 'local' ? `L${time.wall}` : `D${time.wall}`;

/** The first of the two instants in an overlap; forward by the gap's length when the local time never was. */
export function resolveLocal(wall: number, offsets: Offsets): number {
  const n = offsets.length;
  if (n === 1) return wall - offsets[0]![1] * 60_000;
  // No offset exceeds a day, so only transitions within a day of the wall time can matter.
  let i = indexAt(wall - DAY_MS, offsets);
  let before = i;
  for (; i < n; i++) {
    const start = i === 0 ? Number.NEGATIVE_INFINITY : offsets[i]![0];
    if (start > wall + DAY_MS) break;
    const at = wall - offsets[i]![1] * 60_000;
    const end = i + 1 < n ? offsets[i + 1]![0] : Number.POSITIVE_INFINITY;
    if (at >= start && at < end) return at;
    if (at >= end) before = i;
  }
  return wall - offsets[before]![1] * 60_000;
}

/** Minutes east of UTC in force at an instant. */
export const offsetAt = (at: number, offsets: Offsets): number => offsets[indexAt(at, offsets)]![1];

/** Local day of an instant: ⌊(at + offset) / 86,400,000⌋, days since 1970-01-01. A date without time is that date: pass UTC for it. */
export const dayOf = (at: number, offsets: Offsets): number =>
  Math.floor((at + offsetAt(at, offsets) * 60_000) / DAY_MS);

/** Day number of a civil date (proleptic Gregorian). Howard Hinnant, "chrono-compatible low-level date algorithms", days_from_civil. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  );
}

const isDate = (year: number, month: number, day: number): boolean =>
  year >= 0 &&
  month >= 1 &&
  month <= 12 &&
  day >= 1 &&
  day <= (month === 2 ? (leap(year) ? 29 : 28) : MONTH[month - 1]!);

/**
 * The offset table of an IANA zone between two instants, from the platform's zone database. Throws RangeError for an unknown zone.
 * Written into `zone.set` and a source's settings; offsets of seconds (local mean time, before about 1930) are rounded to minutes.
 */
export function offsetsOf(zone: string, fromMs: number, toMs: number): Offsets {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
  const minutesAt = (at: number): number => {
    const match = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(format.format(at));
    if (match === null) throw new RangeError(`zone ${zone}: the platform gives no offset`);
    const minutes = Number(match[2] ?? 0) * 60 + Number(match[3] ?? 0) + Math.round(Number(match[4] ?? 0) / 60);
    return match[1] === '-' && minutes !== 0 ? -minutes : minutes;
  };
  let current = minutesAt(fromMs);
  const table: Offsets = [[fromMs, current]];
  // Three days: shorter than any pair of transitions the database knows.
  for (let at = fromMs; at < toMs; ) {
    const next = Math.min(at + 3 * DAY_MS, toMs);
    const minutes = minutesAt(next);
    if (minutes !== current) {
      let low = at;
      let high = next;
      while (high - low > 1) {
        const middle = Math.floor((low + high) / 2);
        if (minutesAt(middle) === current) low = middle;
        else high = middle;
      }
      current = minutesAt(high);
      table.push([high, current]);
      at = high;
    } else at = next;
  }
  return table;
}

/** Does the platform's zone database know it? */
export function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** Index of the entry in force at an instant. */
function indexAt(at: number, offsets: Offsets): number {
  let high = offsets.length - 1;
  if (high === 0 || at >= offsets[high]![0]) return high;
  let low = 0;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (offsets[middle]![0] <= at) low = middle;
    else high = middle;
  }
  return low;
}

const DASH = 45;
const MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const leap = (year: number) => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);

/** The non-negative number in `count` digits at `from`, or -1. */
function digits(text: string, from: number, count: number): number {
  let value = 0;
  for (let i = from; i < from + count; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (!(digit >= 0 && digit <= 9)) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** What follows 'YYYY-MM-DD': 'T' or a space, HH:MM, optional :SS and fraction, optional offset. */
function clockTime(text: string, midnight: number): WrittenTime | null {
  const separator = text.charCodeAt(10);
  if (separator !== 84 && separator !== 116 && separator !== 32) return null;
  // '2010-12-01 8:26' is what spreadsheets write.
  const short = text.charCodeAt(12) === 58 ? 1 : 0;
  const hour = short === 1 ? digits(text, 11, 1) : digits(text, 11, 2);
  const minute = digits(text, 14 - short, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || text.charCodeAt(13 - short) !== 58) return null;
  let wall = midnight + hour * 3_600_000 + minute * 60_000;
  let i = 16 - short;
  if (text.charCodeAt(i) === 58) {
    const second = digits(text, i + 1, 2);
    if (second < 0 || second > 59) return null;
    wall += second * 1000;
    i += 3;
    const point = text.charCodeAt(i);
    if (point === 46 || point === 44) {
      let scale = 100;
      const from = ++i;
      for (; i < text.length; i++) {
        const digit = text.charCodeAt(i) - 48;
        if (!(digit >= 0 && digit <= 9)) break;
        wall += Math.floor(digit * scale);
        scale /= 10;
        if (scale < 1) scale = 0;
      }
      if (i === from) return null;
    }
  }
  if (i === text.length) return { kind: 'local', wall };
  const minutes = writtenOffset(text, i);
  return minutes === null ? null : { kind: 'instant', wall: wall - minutes * 60_000 };
}

/** 'Z', ' UTC', ' GMT', '+01:00', '+0100', '+01' up to the end of the text: minutes east, or null. */
function writtenOffset(text: string, from: number): number | null {
  const rest = text.slice(from);
  if (rest === 'Z' || rest === 'z' || rest === ' UTC' || rest === ' GMT') return 0;
  const match = /^ ?([+-])(\d\d)(?::?(\d\d))?$/.exec(rest);
  if (match === null) return null;
  const minutes = Number(match[2]) * 60 + Number(match[3] ?? 0);
  if (Number(match[3] ?? 0) > 59 || minutes > 18 * 60) return null;
  return match[1] === '-' ? -minutes : minutes;
}

/** A text of digits: YYYYMMDD, or an epoch. */
function plainDigits(text: string): { ok: true; value: WrittenTime } | null {
  if (text.length === 8) {
    const [year, month, day] = [digits(text, 0, 4), digits(text, 4, 2), digits(text, 6, 2)];
    if (year >= 1900 && isDate(year, month, day))
      return ok({ kind: 'date', wall: daysFromCivil(year, month, day) * DAY_MS });
    return null;
  }
  return text.length >= 9 && text.length <= 14 && digits(text, 0, text.length) >= 0 ? epoch(Number(text)) : null;
}

function epoch(value: number): { ok: true; value: WrittenTime } | null {
  if (value >= 1e11 && value < 1e14) return ok({ kind: 'instant', wall: Math.floor(value) });
  if (value >= 1e8 && value < 1e11) return ok({ kind: 'instant', wall: Math.floor(value * 1000) });
  return null;
}

function oddTime(text: string, told: string): string {
  if (/^\d{1,2}[/.-]\d{1,2}[/.-]\d{4}/.test(text))
    return `does not say which is the day and which the month (${told}); write 2026-11-20`;
  return `is not a time (${told}); write 2026-11-20 or 2026-11-20T10:00:00Z`;
}
