// A CSV file as columns of text, with the position of every cell for error messages. Plain or gzipped; the first line names the columns.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { UsageError } from './commands/command.ts';
import { delimiterOf, NOT_UTF8 } from './import/read-file.ts';

export interface Table {
  /** File name without its directory, for messages. */
  name: string;
  header: string[];
  rows: string[][];
}

/** @throws UsageError when the file is missing, unreadable, empty, or not CSV. */
export function readTable(path: string): Table {
  const name = basename(path);
  let text: string;
  try {
    const bytes = readFileSync(path);
    text = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('utf8');
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${(error as Error).message}; give the path of a CSV file`);
  }
  let records: string[][];
  try {
    records = parse(text, { bom: true, delimiter: delimiterOf(text), skip_empty_lines: true, trim: true });
  } catch (error) {
    throw new UsageError(`${name} is not CSV: ${(error as Error).message}`);
  }
  const [header, ...rows] = records;
  if (header === undefined || rows.length === 0) throw new UsageError(`${name} has no rows below a header line`);
  if (header.some((column) => column.includes('\ufffd'))) throw new UsageError(`${name}: the header ${NOT_UTF8}`);
  return { name, header, rows };
}

/** Index of a column by exact name, else by name without case. @throws UsageError listing the columns there are. */
export function columnIndex(table: Table, name: string): number {
  const exact = table.header.indexOf(name);
  if (exact >= 0) return exact;
  const loose = table.header.findIndex((column) => column.toLowerCase() === name.toLowerCase());
  if (loose >= 0) return loose;
  throw new UsageError(`${table.name} has no column '${name}'; it has ${table.header.join(', ')}`);
}

/** The first of several usual names that the table has. */
export function guessColumn(table: Table, names: readonly string[]): string | undefined {
  for (const name of names) {
    const found = table.header.find((column) => column.toLowerCase() === name.toLowerCase());
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The cells of a column; '' where a row is short. */
export function textColumn(table: Table, name: string): string[] {
  const index = columnIndex(table, name);
  return table.rows.map((row) => row[index] ?? '');
}

/** A column of numbers. @throws UsageError naming file, row (from 1) and column of the first cell that is not one. */
export function numberColumn(table: Table, name: string): Float64Array {
  const index = columnIndex(table, name);
  return Float64Array.from(table.rows, (row, i) => {
    const cell = row[index] ?? '';
    const value = cell === '' ? Number.NaN : Number(cell);
    if (!Number.isFinite(value)) throw cellError(table, i, name, `'${cell}' is not a number`);
    return value;
  });
}

/** The label of each row, told as COLUMN (0/1 cells) or COLUMN=VALUE (1 where the cell is VALUE). @throws UsageError naming the cell or the values there are. */
export function labelColumn(table: Table, told: string): Float64Array {
  const whole = table.header.includes(told);
  const cut = whole ? -1 : told.lastIndexOf('=');
  const name = cut < 0 ? told : told.slice(0, cut);
  const index = columnIndex(table, name);
  const cells = table.rows.map((row) => row[index] ?? '');
  if (cut >= 0) {
    const value = told.slice(cut + 1);
    if (!cells.includes(value))
      throw new UsageError(
        `${table.name}: no row has ${name} = '${value}'; it has ${[...new Set(cells)].slice(0, 5).join(', ')}`,
      );
    cells.forEach((cell, i) => {
      if (cell === '') throw cellError(table, i, name, 'no label; leave such rows out');
    });
    return Float64Array.from(cells, (cell) => (cell === value ? 1 : 0));
  }
  return Float64Array.from(cells, (cell, i) => {
    if (cell !== '' && (Number(cell) === 0 || Number(cell) === 1)) return Number(cell);
    throw cellError(table, i, name, `'${cell}' is not 0 or 1; say ${name}=VALUE for the value that is the event`);
  });
}

/** @param row counted from 0; the message counts from 1 below the header. */
export const cellError = (table: Table, row: number, column: string, what: string) =>
  new UsageError(`${table.name} row ${row + 1}, column ${column}: ${what}`);
