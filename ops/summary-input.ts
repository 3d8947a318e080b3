// Where the file-based model commands get their histories from: a summary file (one customer per row), or a transaction file summarised first.

import { parseDecimal, roundHalfEven } from '#domain/decimal.ts';
import type { TimeUnit } from '#domain/models/fit.ts';
import { type Purchase, type RfmSummary, summarise } from '#domain/models/rfm.ts';
import { DAY_MS, parseTimeText } from '#domain/time.ts';
import { UsageError } from './commands/command.ts';
import { cellError, columnIndex, guessColumn, numberColumn, readTable, type Table } from './table.ts';

/** One customer per row, times in the unit of the summary; what is not in the file is absent. */
export interface Histories {
  ids?: string[] | undefined;
  frequency: Float64Array;
  recency?: Float64Array | undefined;
  T?: Float64Array | undefined;
  monetaryValue?: Float64Array | undefined;
  weight?: Float64Array | undefined;
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
  unit: TimeUnit;
  grain: TimeUnit;
  until?: string | undefined;
}

const TRANSACTION_NAMES = {
  customer: ['customer_id', 'customer', 'cust', 'user_id', 'CustomerID', 'id'],
  time: ['date', 'time', 'at', 'timestamp', 'event_time', 'InvoiceDate'],
  amount: ['amount', 'value', 'revenue', 'price', 'spend'],
} as const;

/** Reads a transaction file and summarises it (domain/models/rfm.ts). @throws UsageError naming row and column. */
export function readTransactions(
  path: string,
  options: TransactionOptions,
): RfmSummary & { hasMoney: boolean; source: string } {
  const table = readTable(path);
  const pick = (field: 'customer' | 'time' | 'amount') =>
    options[field] ?? guessColumn(table, TRANSACTION_NAMES[field]);
  const need = (field: 'customer' | 'time') => {
    const name = pick(field);
    if (name === undefined)
      throw new UsageError(
        `${table.name}: which column is the ${field}? It has ${table.header.join(', ')}: say --${field} COLUMN`,
      );
    return name;
  };
  const purchases = readPurchases(table, need('customer'), need('time'), pick('amount'));
  const until =
    options.until === undefined
      ? purchases.reduce((last, { day }) => Math.max(last, day), Number.NEGATIVE_INFINITY)
      : dayOfText(
          options.until,
          (what) => new UsageError(`--until ${options.until} ${what}; write a date such as 2026-11-20`),
        );
  const summary = summarise(purchases, { unit: options.unit, grain: options.grain, until });
  if (summary.ids.length === 0) throw new UsageError(`${table.name} has no purchase up to --until ${options.until}`);
  return { ...summary, hasMoney: pick('amount') !== undefined, source: table.name };
}

function readPurchases(table: Table, customer: string, time: string, amount: string | undefined): Purchase[] {
  const customerAt = columnIndex(table, customer);
  const timeAt = columnIndex(table, time);
  const amountAt = amount === undefined ? undefined : columnIndex(table, amount);
  return table.rows.map((row, i) => {
    const id = row[customerAt] ?? '';
    if (id === '') throw cellError(table, i, customer, 'no customer; leave such rows out');
    return {
      customer: id,
      day: dayOfText(row[timeAt] ?? '', (what) => cellError(table, i, time, what)),
      micros: amountAt === undefined ? 0 : microsOf(row[amountAt] ?? '', (what) => cellError(table, i, amount!, what)),
    };
  });
}

function dayOfText(text: string, problem: (what: string) => Error): number {
  const time = parseTimeText(text);
  if (!time.ok) throw problem(time.reason);
  return Math.floor(time.value.wall / DAY_MS);
}

function microsOf(text: string, problem: (what: string) => Error): number {
  const decimal = parseDecimal(text);
  if (decimal === null) throw problem(`'${text}' is not an amount such as 12.50`);
  const micros = roundHalfEven(decimal, 6)?.integer;
  if (micros === undefined) throw problem(`${text} is too large`);
  if (micros < 0) throw problem(`${text} is negative; a refund is not a purchase: net it first, or use axiom47 import`);
  return micros;
}
