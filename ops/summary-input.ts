// Where the file-based model commands get their histories from: a summary file (one customer per row), or a transaction file summarised first.

import { guessMapping, type Wish } from '#domain/columns-guess.ts';
import { type Decimal, type DecimalMark, multiply, parseWritten, roundHalfEven } from '#domain/decimal.ts';
import type { ImportMapping } from '#domain/import-mapping.ts';
import { compress } from '#domain/models/compress.ts';
import type { TimeUnit } from '#domain/models/fit.ts';
import { splitDay } from '#domain/models/holdout.ts';
import type { DayHistories, FitEvidence } from '#domain/models/misfit.ts';
import { latestIntervals } from '#domain/models/regularity.ts';
import { type Purchase, purchasePeriods, type RfmSummary, summarise } from '#domain/models/rfm.ts';
import { DAY_MS, parseTimeText } from '#domain/time.ts';
import { type DateOrder, isoText, isWritten } from '#domain/written-dates.ts';
import { UsageError } from './commands/command.ts';
import { cellError, columnIndex, guessColumn, numberColumn, readTable, type Table } from './table.ts';

/** Purchases up to and including the day `until`. */
export interface DatedPurchases {
  purchases: readonly Purchase[];
  until: number;
}

/** One customer per row, times in the unit of the summary; what is not in the file is absent. */
export interface Histories {
  ids?: string[] | undefined;
  frequency: Float64Array;
  recency?: Float64Array | undefined;
  T?: Float64Array | undefined;
  monetaryValue?: Float64Array | undefined;
  weight?: Float64Array | undefined;
  /** Of a transaction file only. */
  evidence?: (() => FitEvidence) | undefined;
  /** The purchases behind the histories, where the source has dates. */
  dated?: DatedPurchases | undefined;
  /** Name of each field's column in the file, for messages. */
  names: Record<string, string>;
  source: string;
}

const SUMMARY_NAMES = {
  id: ['customer_id', 'id', 'customer', 'cust'],
  frequency: ['frequency', 'x'],
  recency: ['recency', 't_x', 'tx'],
  T: ['T', 'age'],
  monetary: ['monetary', 'monetary_value', 'monetaryValue', 'zbar'],
  weight: ['weight', 'weights'],
} as const;

type Field = keyof typeof SUMMARY_NAMES;

/** `frequency=x,recency=t_x` → { frequency: 'x', recency: 't_x' }. */
function parseColumns(text: string | undefined): Partial<Record<Field, string>> {
  const mapping: Partial<Record<Field, string>> = {};
  for (const pair of text?.split(',') ?? []) {
    const [field = '', name = ''] = pair.split('=').map((part) => part.trim());
    if (!Object.hasOwn(SUMMARY_NAMES, field) || name === '')
      throw new UsageError(
        `--columns: '${pair}' is not FIELD=COLUMN with a field of ${Object.keys(SUMMARY_NAMES).join(', ')}; e.g. --columns frequency=x,recency=t_x`,
      );
    mapping[field as Field] = name;
  }
  return mapping;
}

/** Reads a summary file; columns by --columns, else by their usual names. @throws UsageError when a required one is missing. */
export function readSummary(path: string, columns: string | undefined, required: readonly Field[]): Histories {
  const table = readTable(path);
  const told = parseColumns(columns);
  const names: Record<string, string> = {};
  for (const field of Object.keys(SUMMARY_NAMES) as Field[]) {
    const name = told[field] ?? guessColumn(table, SUMMARY_NAMES[field]);
    if (name !== undefined) names[field] = name;
    else if (required.includes(field))
      throw new UsageError(
        `${table.name} has no column for ${field} (looked for ${SUMMARY_NAMES[field].join(', ')}); it has ${table.header.join(', ')}: say --columns ${field}=COLUMN`,
      );
  }
  const column = (field: Field) => (names[field] === undefined ? undefined : numberColumn(table, names[field]));
  const wants = (field: Field) => required.includes(field) || told[field] !== undefined || field === 'weight';
  const idColumn = names.id === undefined ? undefined : columnIndex(table, names.id);
  return {
    ids: idColumn === undefined ? undefined : table.rows.map((row) => row[idColumn] ?? ''),
    frequency: column('frequency')!,
    recency: wants('recency') ? column('recency') : undefined,
    T: wants('T') ? column('T') : undefined,
    monetaryValue: wants('monetary') ? column('monetary') : undefined,
    weight: wants('weight') ? column('weight') : undefined,
    names: { ...names, monetaryValue: names.monetary ?? 'monetary' },
    source: table.name,
  };
}

export interface TransactionOptions {
  customer?: string | undefined;
  time?: string | undefined;
  amount?: string | undefined;
  'date-order'?: string | undefined;
  decimal?: string | undefined;
  unit: TimeUnit;
  grain: TimeUnit;
  until?: string | undefined;
}

/** Rows the guess looks at. */
const SAMPLE_ROWS = 5000;

/** The same guess as `axiom47 import` makes: names, decimals and dates. What the user names is found in any case of letters. */
function guessTransactions(table: Table, options: TransactionOptions): ImportMapping {
  const wish: Wish = { kind: 'order' };
  for (const role of ['customer', 'time', 'amount'] as const) {
    const name = options[role];
    if (name !== undefined) wish[role] = name === 'none' ? name : table.header[columnIndex(table, name)]!;
  }
  if (options['date-order'] !== undefined)
    wish.dateOrder = oneOf<DateOrder>('--date-order', options['date-order'], ['iso', 'dmy', 'mdy']);
  if (options.decimal !== undefined)
    wish.decimal = oneOf<DecimalMark>('--decimal', options.decimal, ['point', 'comma']);
  const guess = guessMapping(table.header, table.rows.slice(0, SAMPLE_ROWS), wish, 'EUR');
  if (!guess.ok) throw new UsageError(`${table.name}: ${guess.reason.message}`);
  return guess.value.mapping;
}

function oneOf<Value extends string>(option: string, value: string, values: readonly Value[]): Value {
  const found = values.find((each) => each === value);
  if (found === undefined) throw new UsageError(`${option} ${value}: one of ${values.join(', ')}`);
  return found;
}

/** Reads a transaction file and summarises it (domain/models/rfm.ts). @throws UsageError naming row and column. */
export function readTransactions(
  path: string,
  options: TransactionOptions,
): RfmSummary & { hasMoney: boolean; source: string; evidence: () => FitEvidence; dated: DatedPurchases } {
  const table = readTable(path);
  const mapping = guessTransactions(table, options);
  const purchases = readPurchases(table, mapping);
  const until =
    options.until === undefined
      ? purchases.reduce((last, { day }) => Math.max(last, day), Number.NEGATIVE_INFINITY)
      : dayOfText(
          options.until,
          (what) => new UsageError(`--until ${options.until} ${what}; write a date such as 2026-11-20`),
        );
  const summary = summarise(purchases, { unit: options.unit, grain: options.grain, until });
  if (summary.ids.length === 0) throw new UsageError(`${table.name} has no purchase up to --until ${options.until}`);
  const evidence = () => evidenceOf(purchases, options.grain, until);
  const hasMoney = moneyColumns(mapping).length > 0;
  return { ...summary, hasMoney, source: table.name, evidence, dated: { purchases, until } };
}

/** What the days of purchases tell beyond the histories. Weeks have no day to split at: no held-out part at that grain. */
function evidenceOf(purchases: Purchase[], grain: TimeUnit, until: number): FitEvidence {
  const byCustomer = purchasePeriods(purchases, 'day', until);
  let firstDay = until;
  for (const days of byCustomer.values()) for (const day of days.keys()) firstDay = Math.min(firstDay, day);
  const split = grain === 'day' ? splitDay(firstDay, until) : null;
  return {
    day: until,
    intervals: latestIntervals([...byCustomer.values()].map((days) => days.keys())),
    earlier: split === null ? null : { day: split, histories: inDays(purchases, split) },
  };
}

function inDays(purchases: Purchase[], until: number): DayHistories {
  const { frequency, recency, T } = summarise(purchases, { unit: 'day', grain: 'day', until });
  const { weight, ...unique } = compress({ frequency, recency, T });
  return { frequency: unique.frequency, recencyDays: unique.recency, ageDays: unique.T, weight };
}

/** The amount, or quantity and price; none for a file without money. */
const moneyColumns = ({ amount, quantity, price }: ImportMapping): string[] =>
  [amount, quantity, price].filter((column) => column !== null);

function readPurchases(table: Table, mapping: ImportMapping): Purchase[] {
  const { customer, time, dateOrder, decimal } = mapping;
  const customerAt = columnIndex(table, customer!);
  const timeAt = columnIndex(table, time!);
  const money = moneyColumns(mapping).map((name) => ({ name, index: columnIndex(table, name) }));
  return table.rows.map((row, i) => {
    const id = row[customerAt] ?? '';
    if (id === '') throw cellError(table, i, customer!, 'no customer; leave such rows out');
    const written = row[timeAt] ?? '';
    const hint = isWritten(written) ? '; say --date-order dmy or mdy' : '';
    const factors = money.map(({ name, index }) => {
      const text = row[index] ?? '';
      const factor = parseWritten(text, decimal);
      if (factor !== null) return factor;
      const example = decimal === 'comma' ? '12,50' : '12.50; --decimal comma reads 12,50';
      throw cellError(table, i, name, `'${text}' is not an amount such as ${example}`);
    });
    return {
      customer: id,
      day: dayOfText(isoText(written, dateOrder), (what) => cellError(table, i, time!, what + hint)),
      micros: factors.length === 0 ? 0 : microsOf(factors, (what) => cellError(table, i, money[0]!.name, what)),
    };
  });
}

function dayOfText(text: string, problem: (what: string) => Error): number {
  const time = parseTimeText(text);
  if (!time.ok) throw problem(time.reason);
  return Math.floor(time.value.wall / DAY_MS);
}

function microsOf(factors: Decimal[], problem: (what: string) => Error): number {
  const micros = roundHalfEven(factors.reduce(multiply), 6)?.integer;
  if (micros === undefined) throw problem('the amount is too large');
  if (micros < 0) throw problem('is negative; a refund is not a purchase: net it first, or use axiom47 import');
  return micros;
}
