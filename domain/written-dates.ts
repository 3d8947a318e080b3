// Dates as spreadsheets write them, '13/04/2011 9:05' or '04/13/2011 9:05 PM': told apart only when the file itself does.

/** iso = as ISO 8601 (or an epoch); dmy and mdy = the order of day and month in dates with the year last. */
export type DateOrder = 'iso' | 'dmy' | 'mdy';

const WRITTEN =
  /^(\d{1,2})([/.-])(\d{1,2})\2(\d{4})(?:[ T,]+(\d{1,2}):(\d\d)(:\d\d(?:\.\d+)?)?(?: ?([AaPp])\.?[Mm]\.?)?)?$/;

/** Whether a text is a date as spreadsheets write them, whatever its order. */
export const isWritten = (text: string): boolean => WRITTEN.test(text);

/** The same time as ISO text; what is not written so is handed back as it stands, for the parser to judge. */
export function isoText(text: string, order: DateOrder): string {
  if (order === 'iso') return text;
  const match = WRITTEN.exec(text);
  if (match === null) return text;
  const [, first, , second, year, hour, minute, seconds, half] = match;
  const [day, month] = order === 'dmy' ? [first!, second!] : [second!, first!];
  const date = `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`;
  if (hour === undefined) return date;
  let hours = Number(hour);
  if (half !== undefined) {
    if (hours < 1 || hours > 12) return text;
    hours = (hours % 12) + (half.toLowerCase() === 'p' ? 12 : 0);
  }
  return `${date}T${String(hours).padStart(2, '0')}:${minute}${seconds ?? ''}`;
}

/** Of the dates that tell the order, and of all texts, this share may be broken. */
const BROKEN = 0.05;

/**
 * Which order the dates of a sample are written in, or null when they are no dates or tell both orders; single broken ones ('32.13.2024') tell nothing.
 * 'either' when every one of them could be both (no number above 12): then only the file's owner knows.
 */
export function dateOrderOf(texts: readonly string[]): DateOrder | 'either' | null {
  let [dates, dmy, mdy] = [0, 0, 0];
  for (const text of texts) {
    const match = WRITTEN.exec(text);
    if (match === null) continue;
    const [first, second] = [Number(match[1]), Number(match[3])];
    if (first > 12 && second > 12) continue;
    dates++;
    if (first > 12) dmy++;
    if (second > 12) mdy++;
  }
  if (dates === 0 || dates < (1 - BROKEN) * texts.length) return null;
  if (dmy + mdy === 0) return 'either';
  if (Math.min(dmy, mdy) > BROKEN * (dmy + mdy)) return null;
  return dmy > mdy ? 'dmy' : 'mdy';
}
