// Lengths of time that say their unit: nobody has to guess whether 12 means days, weeks or months.
import { ok, type Result, refuse } from '../result.ts';

/** A month is 4.345 weeks unless calendar months are asked for (365.25/12/7 = 4.348; the reference implementation's 4.345 is kept). */
export const WEEKS_PER_MONTH = 4.345;
export const DAYS_PER_MONTH = WEEKS_PER_MONTH * 7;

/** A number of days, weeks or months of 4.345 weeks: '90d', '52w', '12m'. */
export type Duration = `${number}${keyof typeof DAYS}`;

const DAYS = { d: 1, w: 7, m: DAYS_PER_MONTH } as const;

/** Days of a duration. @example daysOf('52w') // = 364 */
export const daysOf = (duration: Duration): number =>
  Number(duration.slice(0, -1)) * DAYS[duration.slice(-1) as keyof typeof DAYS];

/** '90d', '52w', '12m'; a bare number is days. Refuses with one sentence what is not a length above 0. */
export function parseDuration(text: string): Result<Duration, string> {
  const match = /^(\d+(?:\.\d+)?)([dwm]?)$/.exec(text);
  if (!match || !(Number(match[1]) > 0)) return refuse(`${text} is not a length such as 90d, 52w or 12m`);
  return ok<Duration>(`${Number(match[1])}${(match[2] || 'd') as keyof typeof DAYS}`);
}
