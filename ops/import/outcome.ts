// What an import came to, for people: the summary, and what to do when nothing came in.
import type { ReasonCode } from '#domain/events.ts';
import type { ImportSummary } from './run-import.ts';

/** Not one row is in the workspace now, be it that there was none. */
export const cameToNothing = ({ rows, accepted, duplicates, quarantined }: ImportSummary): boolean =>
  accepted + duplicates === 0 && (quarantined > 0 || rows === 0);

export const NO_ROWS = 'nothing came in: no rows below the header';

/** One sentence: how many rows, the most frequent reason, and what to do about it. */
export const nothingCameIn = (summary: ImportSummary): string =>
  summary.rows === 0
    ? NO_ROWS
    : `nothing came in: all ${count(summary.quarantined)} rows are in the quarantine${whatToDo(summary)}`;

/** The same when some came in; null when none was refused. */
export const partlyRefused = (summary: ImportSummary): string | null =>
  summary.quarantined === 0 || cameToNothing(summary)
    ? null
    : `${count(summary.quarantined)} of ${count(summary.rows)} rows are in the quarantine${whatToDo(summary)}`;

/** An option is advised where this share of the rows fails for what it cures; fewer are broken cells. */
const WHOLE_COLUMN = 0.02;

function whatToDo({ run, reasons, rows: all }: ImportSummary): string {
  const [reason, rows] = Object.entries(reasons).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))[0] ?? ['', 0];
  const why = reason === '' ? '' : `, most often for ${reason} (${count(rows)})`;
  const advice = rows >= WHOLE_COLUMN * all ? ADVICE[reason as ReasonCode] : undefined;
  const first = advice === undefined ? '' : `${advice}; `;
  return `${why}; ${first}see each with axiom47 quarantine list --run ${run}`;
}

/** For the reasons that an option or another export cures for the whole file. */
const ADVICE: { [reason in ReasonCode]?: string } = {
  'bad-amount':
    'say how amounts are written with --decimal point or comma, or which column holds them with --amount COL',
  'missing-amount': 'say which column holds the money with --amount COL, or --amount none when there is none',
  'bad-currency': 'say the currency with --currency EUR, or its column with --currency COL',
  'bad-time': 'say how dates are written with --date-order dmy or mdy, or which column holds them with --time COL',
  'missing-time': 'say which column holds the time with --time COL',
  'missing-customer': 'say which column holds the customer with --customer COL',
  'bad-customer': 'say which column holds the customer with --customer COL, and save the file as UTF-8',
  'bad-order': 'say which column holds the order with --order COL, or --order none when each row is an order',
  'mixed-order': 'say which column holds the order with --order COL, or --order none when each row is an order',
  'incomplete-order': 'repair the refused lines, or say --order none when each row is an order',
  'odd-order': 'say how the numbers of refunds begin with --refund-prefix',
  'unparsable-row': 'export the file again with one delimiter throughout and quoted texts',
  'bad-name': 'say which column holds the name with --name COL',
  future: 'say how dates are written with --date-order dmy or mdy, or which column holds them with --time COL',
};

const count = (n: number): string => n.toLocaleString('en-US');
const moneyOf = (sums: Record<string, string>): string =>
  Object.entries(sums)
    .map(([currency, amount]) => `${currency} ${amount}`)
    .join(', ') || '–';

export function describe(file: string, summary: ImportSummary): string {
  const reasons = Object.entries(summary.reasons).map(([reason, rows]) => `    ${reason.padEnd(18)} ${count(rows)}`);
  return [
    `${file}: ${count(summary.rows)} rows in ${summary.seconds} s (run ${summary.run})`,
    `  accepted    ${count(summary.accepted)} rows of ${count(summary.customers)} customers`,
    `  duplicates  ${count(summary.duplicates)}`,
    `  quarantined ${count(summary.quarantined)}`,
    ...reasons,
    ...(summary.quarantined > 0 ? [`    row by row: axiom47 quarantine list --run ${summary.run}`] : []),
    ...(summary.settled > 0
      ? [`  settled     ${count(summary.settled)} that an earlier attempt at this file had left in the quarantine`]
      : []),
    `  gross       ${moneyOf(summary.gross)}`,
    `  refunds     ${moneyOf(summary.refunds)}`,
    `  as of       ${summary.asOf.at ?? '–'} (log position ${summary.asOf.seq})`,
  ].join('\n');
}
