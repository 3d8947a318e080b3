// The columns of a survival file by the names of the command line, and errors that name the file's own row and column.
import { RowError } from '#domain/models/fit.ts';
import type { SurvivalColumns } from '#domain/models/survival/survival-columns.ts';
import { cellError, columnIndex, numberColumn, readTable, type Table } from '../table.ts';
import { UsageError } from './command.ts';

export const survivalOptions = {
  data: { type: 'string' },
  duration: { type: 'string' },
  event: { type: 'string' },
  start: { type: 'string' },
  weights: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const;

export const short = (value: number) => String(Number(value.toPrecision(6)));
/** A cell of a table for people. */
export const shown = (value: number | null) => (value === null ? null : short(value));

export interface SurvivalInput {
  rows: Table;
  columns: SurvivalColumns;
  /** Column of each field in the file, for messages. */
  names: Record<string, string | undefined>;
}

export interface InputOptions {
  data?: string | undefined;
  duration?: string | undefined;
  event?: string | undefined;
  start?: string | undefined;
  weights?: string | undefined;
}

/** @param command that asks, for messages. */
export function readInput(command: string, { data, duration, event, start, weights }: InputOptions): SurvivalInput {
  if (data === undefined || duration === undefined || event === undefined)
    throw new UsageError(
      `${command} needs --data FILE --duration COL --event COL[=VALUE]; see ${command.split(' ', 2).join(' ')} --help`,
    );
  const rows = readTable(data);
  const observed = indicator(rows, event);
  return {
    rows,
    columns: {
      duration: numberColumn(rows, duration),
      eventObserved: observed.values,
      entry: start === undefined ? undefined : numberColumn(rows, start),
      weight: weights === undefined ? undefined : numberColumn(rows, weights),
    },
    names: { duration, eventObserved: observed.column, entry: start, weight: weights },
  };
}

/** Runs a fit whose RowError then names the file's own column. */
export function named<T>({ rows, names }: Pick<SurvivalInput, 'rows' | 'names'>, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof RowError) throw cellError(rows, error.row, names[error.column] ?? error.column, error.rule);
    if (error instanceof RangeError) throw new UsageError(`${rows.name}: ${error.message}`);
    throw error;
  }
}

/** `COL=VALUE`, unless a column has that whole name. */
function split(rows: Table, text: string): { column: string; value: string | undefined } {
  const at = text.indexOf('=');
  if (at < 0 || rows.header.includes(text)) return { column: text, value: undefined };
  return { column: text.slice(0, at), value: text.slice(at + 1) };
}

/** 1 where COL is VALUE; without a value the column itself must hold 0 and 1. */
function indicator(rows: Table, text: string): { column: string; values: Float64Array } {
  const { column, value } = split(rows, text);
  if (value === undefined) return { column, values: numberColumn(rows, column) };
  const { codes, names } = categories(rows, column);
  const wanted = names.indexOf(value);
  if (wanted < 0) {
    const some = `${names.slice(0, 8).join(', ')}${names.length > 8 ? ', …' : ''}`;
    throw new UsageError(`${rows.name}, column ${column}: no row is '${value}'; it has ${some}`);
  }
  return { column, values: Float64Array.from(codes, (code) => (code === wanted ? 1 : 0)) };
}

/** A covariate told as COL (numbers) or COL=VALUE (1 where the cell is VALUE). @throws UsageError naming the cell. */
export const covariate = (rows: Table, text: string) => ({ name: text, values: indicator(rows, text).values });

/** A column of names as 0 … in their order. */
export function categories(rows: Table, column: string): { codes: Uint32Array; names: string[] } {
  const index = columnIndex(rows, column);
  const cells = rows.rows.map((row, i) => {
    const cell = row[index] ?? '';
    if (cell === '') throw cellError(rows, i, column, 'is empty; fill it or leave such rows out');
    return cell;
  });
  const names = [...new Set(cells)].sort();
  const code = new Map(names.map((name, i) => [name, i]));
  return { codes: Uint32Array.from(cells, (cell) => code.get(cell)!), names };
}

export function oneOf<Value extends string>(option: string, value: string, values: readonly Value[]): Value {
  const found = values.find((each) => each === value);
  if (found === undefined) throw new UsageError(`${option} ${value}: one of ${values.join(', ')}`);
  return found;
}

/** A number an option was given. @throws UsageError when it is none, or not above `above`. */
export function numberOption(option: string, text: string, above = Number.NEGATIVE_INFINITY): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!(Number.isFinite(value) && value > above))
    throw new UsageError(`${option} ${text} is not a number${above > Number.NEGATIVE_INFINITY ? ` > ${above}` : ''}`);
  return value;
}

export const numberList = (option: string, text: string): number[] =>
  text.split(',').map((each) => numberOption(option, each, 0));
