// A table that describes subscribers as they stood on one day, with their tenure and whether they left soon after (the shape of churn files),
// read as the subscription history it stands for: a start before that day, attributes on it, an end within the days it speaks of.
import { ok, type Result, refuse } from './result.ts';
import { DAY_MS } from './time.ts';

export const TENURE_UNITS = { days: 1, months: 365.25 / 12, years: 365.25 } as const;
export type TenureUnit = keyof typeof TENURE_UNITS;

export interface Snapshot {
  /** YYYY-MM-DD: the day the table describes. Whoever left did so within `withinDays` after it, and is given the last of these days. */
  day: string;
  tenure: string;
  tenureUnit: TenureUnit;
  /** Column and value that say a subscriber left; null = nobody did. */
  ended: { column: string; value: string } | null;
  withinDays: number;
}

/** As the user says it: `tenure[:months]`, `Churn[=Yes]`. */
export interface SnapshotWish {
  day: string;
  /** YYYY-MM-DD, UTC. */
  today: string;
  tenure?: string | undefined;
  ended?: string | undefined;
  withinDays?: number | undefined;
}

const YES = /^(yes|true|1|y|ja|churned|left|cancell?ed)$/i;
const TENURE = /^tenure|^months?$|customersince/i;
const ENDED = /^(churn|churned|exited|attrition|attritionflag|left|cancelled|canceled)$/i;
const plain = (column: string) => column.replace(/[^\p{L}\p{N}]/gu, '');

/** @param at the values of a column in the sampled rows. */
export function snapshotOf(
  wish: SnapshotWish,
  header: readonly string[],
  at: (column: string) => string[],
): Result<Snapshot, string> {
  const midnight = Date.parse(`${wish.day}T00:00:00Z`);
  if (Number.isNaN(midnight) || isoOf(midnight / DAY_MS) !== wish.day)
    return refuse(`--snapshot ${wish.day} is no date.`);
  const [named, unit = 'months'] = header.includes(wish.tenure ?? '') ? [wish.tenure] : (wish.tenure ?? '').split(':');
  const tenure = named || header.find((column) => TENURE.test(plain(column)));
  if (tenure === undefined)
    return refuse(
      'A snapshot needs the tenure of each subscriber; name its column with --tenure COL[:days|months|years].',
    );
  if (!header.includes(tenure)) return refuse(`There is no column '${tenure}' (--tenure).`);
  if (!Object.hasOwn(TENURE_UNITS, unit)) return refuse(`--tenure ${wish.tenure}: the unit is days, months or years.`);
  const ended = endedBy(wish.ended, header, at);
  if (!ended.ok) return ended;
  const withinDays = wish.withinDays ?? 30;
  // Ends that are still to come would go to the quarantine, every lost subscriber with them, and the rest would say that nobody leaves.
  if (ended.value !== null && dayAfter(wish.day, withinDays) > wish.today)
    return refuse(
      `Those whose ${ended.value.column} is ${ended.value.value} would end on ${dayAfter(wish.day, withinDays)}, which is still to come: --snapshot is the day before the ${withinDays} days in which they left (${dayAfter(wish.today, -withinDays)} at the latest); --within says other days, --ended none that nobody has left.`,
    );
  return ok({
    day: wish.day,
    tenure,
    tenureUnit: unit as TenureUnit,
    ended: ended.value,
    withinDays,
  });
}

function endedBy(
  wish: string | undefined,
  header: readonly string[],
  at: (column: string) => string[],
): Result<Snapshot['ended'], string> {
  if (wish === 'none') return ok(null);
  if (wish !== undefined && !header.includes(wish)) {
    const [column = '', ...value] = wish.split('=');
    if (!header.includes(column)) return refuse(`There is no column '${column}' (--ended).`);
    return ok({ column, value: value.join('=') });
  }
  const column = wish ?? header.find((name) => ENDED.test(plain(name)));
  if (column === undefined)
    return refuse('Which column says who left? Name it with --ended COL[=VALUE], or --ended none.');
  const values = [...new Set(at(column))];
  const value = values.find((text) => YES.test(text));
  if (value === undefined)
    return refuse(
      `Which value of ${column} says that a subscriber left (${values.slice(0, 5).join(', ')})? Say --ended ${column}=VALUE.`,
    );
  return ok({ column, value });
}

const isoOf = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);
const dayAfter = (date: string, days: number): string => isoOf(Date.parse(`${date}T00:00:00Z`) / DAY_MS + days);

/** First and last day of the subscription as ISO dates; `end` is '' while it runs. Null when the tenure is no number ≥ 0. */
export function spanOf(snapshot: Snapshot, tenureText: string, ended: string): { start: string; end: string } | null {
  const tenure = tenureText === '' ? Number.NaN : Number(tenureText);
  if (!(tenure >= 0 && tenure < 1e5)) return null;
  const day = Date.parse(`${snapshot.day}T00:00:00Z`) / DAY_MS;
  const left = snapshot.ended !== null && ended === snapshot.ended.value;
  return {
    start: isoOf(day - Math.round(tenure * TENURE_UNITS[snapshot.tenureUnit])),
    end: left ? isoOf(day + snapshot.withinDays) : '',
  };
}

/** A cell as an attribute: integers as integers, blanks not at all; decimals stay the text that they are (exact-number.ts). */
export const attributeOf = (text: string): string | number | null =>
  text === '' ? null : /^(0|-?[1-9]\d{0,14})$/.test(text) ? Number(text) : text;
