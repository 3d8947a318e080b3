// What several commands share: parsing with the common options, and printing for people or as JSON.
import { type ParseArgsConfig, parseArgs } from 'node:util';
import type { Io } from './command.ts';

type Options = NonNullable<ParseArgsConfig['options']>;

const common = { json: { type: 'boolean' }, 'data-dir': { type: 'string' } } as const satisfies Options;

/** Options of a command that talks to an installation: its own, `--json` and `--data-dir`; positionals are allowed. */
export function parseCommand<T extends Options>(argv: string[], options: T) {
  return parseArgs({ args: argv, allowPositionals: true, strict: true, options: { ...common, ...options } });
}

/** One JSON document with --json, else text for people. */
export function print(io: Io, json: boolean | undefined, value: unknown, text: () => string): void {
  io.stdout(json ? `${JSON.stringify(value)}\n` : `${text()}\n`);
}

/** Rows as an aligned table; numbers to the right. */
export function table(head: string[], rows: (string | number | null)[][]): string {
  const cells = rows.map((row) => row.map((cell) => (cell === null ? '–' : String(cell))));
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const numeric = head.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'));
  const line = (row: string[]) =>
    row
      .map((cell, column) => (numeric[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd();
  return [line(head), ...cells.map(line)].join('\n');
}

/** YYYY-MM-DD, and a day there is. */
export const isDay = (text: string): boolean =>
  /^\d{4}-\d{2}-\d{2}$/.test(text) && new Date(`${text}T00:00:00Z`).toJSON()?.startsWith(text) === true;
