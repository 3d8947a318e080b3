// Reading cells of a mapped row, and saying in the file's own words why a row cannot be taken.
import { type Decimal, type DecimalMark, multiply, parseWritten, roundHalfEven } from './decimal.ts';
import type { InputEvent, ReasonCode } from './events.ts';
import { columnOf, type ImportMapping, type RefusedRow } from './import-mapping.ts';
import { exponentOf, oddAmount, parseCurrency } from './money.ts';
import { isoText, isWritten } from './written-dates.ts';

export interface Imported {
  events: InputEvent[];
  refused: RefusedRow[];
}

export interface Row {
  cells: readonly string[];
  /** From 1, after the header. */
  number: number;
  /** The parsed line of an NDJSON file. */
  value: unknown;
  into: Imported;
}

export interface Money {
  minor: number | null;
  /** As the row itself says it; null = the mapping's for all rows. */
  stated: string | null;
  rounded: number;
}

/** Longest raw row kept with a refusal, characters. */
const MAX_RAW = 16_384;

export type Cells = ReturnType<typeof createCells>;

/** Throws RangeError when the mapping names a column the header lacks: `guessMapping` checks what a user names. */
export function createCells(mapping: ImportMapping, header: readonly string[]) {
  const indexOf = (column: string | null): number => {
    if (column === null) return -1;
    const index = header.indexOf(column);
    if (index < 0) throw new RangeError(`import: the file has no column ${column}`);
    return index;
  };
  const columns = {
    customer: indexOf(mapping.customer),
    time: indexOf(mapping.time),
    amount: indexOf(mapping.amount),
    quantity: indexOf(mapping.quantity),
    price: indexOf(mapping.price),
    order: indexOf(mapping.order),
    currency: indexOf(mapping.currencyColumn),
    channel: indexOf(mapping.channel),
    id: indexOf(mapping.id),
    name: indexOf(mapping.name),
    end: indexOf(mapping.end),
    tenure: indexOf(mapping.snapshot?.tenure ?? null),
    ended: indexOf(mapping.snapshot?.ended?.column ?? null),
  };
  const named = (names: string[]) => names.map((name) => [name, indexOf(name)] as const);
  const traits = named(mapping.traits);
  const attributes = named(mapping.attributes);

  const cell = (row: Row, column: number): string => (column < 0 ? '' : (row.cells[column] ?? '').trim());
  const time = (row: Row, column = columns.time): string => isoText(cell(row, column), mapping.dateOrder);

  /** `why` begins with the native field's name; beside a column's name only what follows is said. Always null: nothing was taken. */
  function refuse(row: Row, reason: ReasonCode, why: string, named?: string): null {
    const column = named ?? columnOf(reason, mapping, why);
    const place = column === null ? `row ${row.number}` : `row ${row.number}, column ${column}`;
    const hint = reason === 'bad-time' ? timeHint(row, column) : '';
    const detail = `${place}: ${column === null ? why : why.replace(FIELD, '')}${hint}`;
    const raw = JSON.stringify(row.value ?? asObject(row.cells)).slice(0, MAX_RAW);
    const refused: RefusedRow = { rowNumber: row.number, reason, detail, raw, rows: 1 };
    if (column !== null) refused.column = column;
    row.into.refused.push(refused);
    return null;
  }

  /** Times like 02/03/2026 are readable once it is said what comes first. */
  function timeHint(row: Row, column: string | null): string {
    const text = cell(row, column === mapping.end ? columns.end : columns.time);
    if (!isWritten(text)) return '';
    if (mapping.dateOrder === 'iso') return '; dates written like 02/03/2026 are read with --date-order dmy or mdy';
    return `; dates are read ${mapping.dateOrder === 'dmy' ? 'day' : 'month'} first (--date-order ${mapping.dateOrder})`;
  }

  /** Exactly as written: blanks around an amount are odd, and said so. */
  function decimal(row: Row, column: number): Decimal | null {
    const text = row.cells[column] ?? '';
    // A JSON number has its point by its own grammar, however the file's texts are written.
    const written = (row.value as { [field: string]: unknown } | undefined)?.[header[column]!];
    const value = parseWritten(text, typeof written === 'number' ? 'plain' : mapping.decimal);
    if (value !== null) return value;
    const blank = text.trim() === '';
    return refuse(row, blank ? 'missing-amount' : 'bad-amount', oddWritten(text, mapping.decimal), header[column]!);
  }

  const hasMoney = columns.amount >= 0 || columns.quantity >= 0;

  /** What the row's line is worth, exactly; null = refused. Only for files with money. */
  function amount(row: Row): Decimal | null {
    if (columns.amount >= 0) return decimal(row, columns.amount);
    const quantity = decimal(row, columns.quantity);
    const price = quantity === null ? null : decimal(row, columns.price);
    return quantity === null || price === null ? null : multiply(quantity, price);
  }

  /** The row's currency; null = refused. */
  function currency(row: Row): string | null {
    const text = cell(row, columns.currency);
    if (text === '') return mapping.currency;
    return parseCurrency(text) ?? refuse(row, 'bad-currency', 'data.currency is not an ISO 4217 code, like EUR');
  }

  /** The row's own money, rounded once; null = refused. */
  function money(row: Row): Money | null {
    const code = currency(row);
    if (code === null) return null;
    const stated = cell(row, columns.currency) === '' ? null : code;
    if (!hasMoney) return { minor: null, stated, rounded: 0 };
    const exact = amount(row);
    if (exact === null) return null;
    const minor = roundHalfEven(exact, exponentOf(code) ?? 2);
    if (minor === null) return refuse(row, 'bad-amount', 'data.amount is too large: minor units must stay below 2⁵³');
    return { minor: minor.integer, stated, rounded: minor.exact ? 0 : 1 };
  }

  const asObject = (cells: readonly string[]) => Object.fromEntries(header.map((name, i) => [name, cells[i] ?? '']));

  return { columns, traits, attributes, hasMoney, cell, time, amount, currency, money, refuse, asObject };
}

/** Why a text is not an amount of this file, and which option reads it when the whole file is written so. */
function oddWritten(text: string, mark: DecimalMark): string {
  if (mark === 'comma' && parseWritten(text, 'point') !== null)
    return 'has a decimal point where the file has decimal commas (--decimal comma); write all amounts one way';
  if (mark === 'point' && parseWritten(text, 'comma') !== null)
    return 'has a decimal comma where the file has decimal points (--decimal point); write all amounts one way';
  const others = (['point', 'comma'] as const).filter((other) => parseWritten(text, other) !== null);
  const hint = others.length === 0 ? '' : `; if the whole file is written so, say --decimal ${others.join(' or ')}`;
  return oddAmount(text) + hint;
}

/** The native field a parser's detail begins with. */
const FIELD = /^(?:customer_id \(or anonymous_id\)|customer_id|at|id|channel|name|data\.[\w.]+) /;
