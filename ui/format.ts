// One function per kind of figure, so that page, table, CSV and tooltip show the same digits. The rules are those of the console's visual
// language: narrow no-break space before a unit, en dash between bounds, a real minus sign, symbol before money.

/** U+202F: keeps a figure and its unit on one line, with less air than a space. */
const THIN = '\u202f';
const MINUS = '\u2212';
/** What stands where there is no value. */
export const ABSENT = '–';

const withSign = (negative: boolean, text: string) => (negative ? `${MINUS}${text}` : text);
const grouped = (value: number, digits: number) =>
  value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** Exact up to six digits and for positions; millions are written with three significant digits. */
export function count(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return ABSENT;
  const size = Math.abs(value);
  if (size >= 1e9) return withSign(value < 0, `${short(size / 1e9)}${THIN}B`);
  if (size >= 1e6) return withSign(value < 0, `${short(size / 1e6)}${THIN}M`);
  return withSign(value < 0, grouped(Math.round(size), 0));
}
const short = (value: number) => grouped(value, value < 10 ? 2 : value < 100 ? 1 : 0);

/** `1 order`, `19,224 orders`. */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`;

/** A share in [0, 1]. One decimal for rates, none on axes; what would round to nothing or to everything says so. */
export function percent(share: number | null, digits = 1): string {
  if (share === null || !Number.isFinite(share)) return ABSENT;
  const least = 10 ** -digits;
  const value = share * 100;
  if (value !== 0 && Math.abs(value) < least) return `< ${least}${THIN}%`;
  if (share < 1 && value > 100 - least) return `> ${grouped(100 - least, digits)}${THIN}%`;
  return `${withSign(value < 0, grouped(Math.abs(value), Number.isInteger(value) && value % 100 === 0 ? 0 : digits))}${THIN}%`;
}

/** A difference: `+0.62`, `−0.09`. */
export const signed = (value: number, digits = 2): string =>
  value === 0 ? '0' : `${value < 0 ? MINUS : '+'}${grouped(Math.abs(value), digits)}`;

/** A number that is not a count, such as expected purchases. */
export function decimal(value: number | null, digits = 1): string {
  if (value === null || !Number.isFinite(value)) return ABSENT;
  const least = 10 ** -digits;
  if (value > 0 && value < least) return `< ${least}`;
  return withSign(value < 0, grouped(Math.abs(value), digits));
}

const symbols = new Map<string, { symbol: string; digits: number }>();
function currencyOf(code: string): { symbol: string; digits: number } {
  let known = symbols.get(code);
  if (!known) {
    // A code this browser has never heard of is still money: it is written out.
    known = { symbol: `${code}${THIN}`, digits: 2 };
    if (/^[A-Z]{3}$/.test(code)) {
      const style = new Intl.NumberFormat('en', { style: 'currency', currency: code, currencyDisplay: 'narrowSymbol' });
      const symbol = style.formatToParts(0).find((part) => part.type === 'currency')?.value ?? code;
      known = {
        symbol: symbol.length > 2 ? `${symbol}${THIN}` : symbol,
        digits: style.resolvedOptions().maximumFractionDigits ?? 2,
      };
    }
    symbols.set(code, known);
  }
  return known;
}

/**
 * `figure`: headline, abbreviated from 10 k. `axis`: from 1 k. `estimate`: never abbreviated, cents under 100 only.
 * `full`: what was really paid, to the cent.
 */
export type MoneyStyle = 'figure' | 'axis' | 'estimate' | 'full';

function amount(size: number, style: MoneyStyle, digits: number): string {
  if (style === 'full') return grouped(size, digits);
  if (style !== 'estimate' && size >= 999.5) {
    if (size >= 999_500) return `${short(size / 1e6)}${THIN}M`;
    if (style === 'axis' || size >= 10_000) {
      const thousands = size / 1000;
      const whole = style === 'axis' && Number.isInteger(thousands);
      return `${grouped(thousands, whole || thousands >= 99.95 ? 0 : 1)}${THIN}k`;
    }
  }
  return grouped(size, size === 0 || size >= 99.995 || (style === 'axis' && Number.isInteger(size)) ? 0 : digits);
}

export function money(value: number | null, currency: string, style: MoneyStyle = 'full'): string {
  if (value === null || !Number.isFinite(value)) return ABSENT;
  const { symbol, digits } = currencyOf(currency);
  return withSign(value < 0, `${symbol}${amount(Math.abs(value), style, digits)}`);
}

/** `€0–1,074`: the symbol once; `−€6 to −€2` where a bound is negative, because a dash beside a minus misleads. */
export function moneyInterval(lower: number, upper: number, currency: string, style: MoneyStyle = 'estimate'): string {
  if (!Number.isFinite(lower) || !Number.isFinite(upper)) return ABSENT;
  if (lower < 0 || upper < 0) return `${money(lower, currency, style)} to ${money(upper, currency, style)}`;
  const { symbol, digits } = currencyOf(currency);
  // Both bounds to the precision of the larger one: cents beside thousands say nothing.
  const whole = style === 'estimate' && upper >= 99.995;
  const bound = (value: number) => (whole ? grouped(value, 0) : amount(value, style, digits));
  return `${symbol}${bound(lower)}–${bound(upper)}`;
}

/** Bounds of a share without their unit, which the value beside them carries. */
export function percentInterval(lower: number, upper: number, digits = 1): string {
  const bound = (share: number) => withSign(share < 0, grouped(Math.abs(share * 100), digits));
  return lower < 0 || upper < 0 ? `${bound(lower)} to ${bound(upper)}` : `${bound(lower)}–${bound(upper)}`;
}

type When = string | number | Date;
const parts = (when: When, zone: string, options: Intl.DateTimeFormatOptions) =>
  new Intl.DateTimeFormat('en-GB', { ...options, timeZone: zone }).format(new Date(when));
const DATE = { day: 'numeric', month: 'short', year: 'numeric' } as const;
const CLOCK = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const;
/** British dates abbreviate September to four letters; every month has three here. */
const threeLetters = (text: string) => text.replace('Sept', 'Sep');

/** `20 Nov 2026, 14:02:11` in the workspace's zone. */
export const time = (when: When, zone = 'UTC'): string => `${date(when, zone)}, ${clock(when, zone)}`;
/** `14:02:11`. */
export const clock = (when: When, zone = 'UTC'): string => parts(when, zone, CLOCK);
/** `20 Nov 2026`. */
export const date = (when: When, zone = 'UTC'): string => threeLetters(parts(when, zone, DATE));
/** A local day (`2026-11-20`), which no zone can shift. */
export const day = (text: string | null): string => (text === null ? ABSENT : date(`${text}T00:00:00Z`));

/** `#1,204,331`: a position is always exact. */
export const position = (seq: number): string => `#${grouped(seq, 0)}`;

/** `#1,204,331 · 14:02:11`; a moment of another day shows that day. */
export function asOf(seq: number, at: string | null, zone = 'UTC', now: When = Date.now()): string {
  if (at === null) return position(seq);
  return `${position(seq)} · ${date(at, zone) === date(now, zone) ? clock(at, zone) : date(at, zone)}`;
}

/** `76 d` between two local days. */
export function daysBetween(from: string, until: string): number {
  return Math.round((Date.parse(`${until.slice(0, 10)}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / 86_400_000);
}
export const days = (value: number): string => `${grouped(value, 0)}${THIN}d`;

/** A span of time as people say it: `820 ms`, `4.1 s`, `2 min 5 s`, `3 h 12 min`. */
export function span(ms: number | null): string {
  if (ms === null || !Number.isFinite(ms)) return ABSENT;
  const size = Math.max(0, ms);
  if (size < 999.5) return `${Math.round(size)}${THIN}ms`;
  if (size < 59_950) return `${grouped(size / 1000, size < 9_950 ? 1 : 0)}${THIN}s`;
  const minutes = Math.floor(Math.round(size / 1000) / 60);
  if (minutes < 60) return `${minutes}${THIN}min ${Math.round(size / 1000) % 60}${THIN}s`;
  return `${Math.floor(minutes / 60)}${THIN}h ${minutes % 60}${THIN}min`;
}
/** Relative only under one hour. */
export function ago(when: When, now: number, zone = 'UTC'): string {
  const ms = now - new Date(when).getTime();
  if (ms < 5_000) return 'just now';
  if (ms < 60_000) return `${Math.floor(ms / 1000)}${THIN}s ago`;
  return ms < 3_600_000 ? `${Math.floor(ms / 60_000)}${THIN}min ago` : time(when, zone);
}
export const perSecond = (value: number | null): string =>
  value === null ? ABSENT : value > 0 && value < 10 ? decimal(value, 1) : count(value);

/** Splits `33.2 %` and `€12.3 k` so that a headline can set its unit smaller. */
export function splitUnit(text: string): [figure: string, unit: string] {
  const at = text.lastIndexOf(THIN);
  return at > 0 && /^[%kMB]$/.test(text.slice(at + 1)) ? [text.slice(0, at), text.slice(at + 1)] : [text, ''];
}
