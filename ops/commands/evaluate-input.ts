// What both kinds of `evaluate` read and print alike: options, groups, and the comparison of two columns.
import { RowError } from '#domain/models/fit.ts';
import { type PairedStatistic, pairedBootstrap } from '#domain/models/paired-bootstrap.ts';
import { type Grouping, groupBy } from '#domain/models/ranking-intervals.ts';
import { cellError, columnIndex, type Table } from '../table.ts';
import { UsageError } from './command.ts';
import { table as textTable } from './options.ts';

type Text = string | undefined;

export interface EvaluateInput {
  table: Table;
  grouping: Grouping | undefined;
  draws: number;
  seed: number;
  json: boolean;
  label?: Text;
  score?: Text;
  weight?: Text;
  threshold?: Text;
  segment?: Text;
  'offer-cost'?: Text;
  'offer-benefit'?: Text;
  actual?: Text;
  forecast?: Text;
  naive?: Text;
  lower?: Text;
  upper?: Text;
  level?: Text;
  quantile?: string[] | undefined;
  'cdf-below'?: Text;
  cdf?: Text;
  train?: Text;
  season?: Text;
  compare?: Text;
  svg?: Text;
}

/** @throws UsageError naming the option. */
export function numberOption(option: string, text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw new UsageError(`${option} ${text} is not a number, e.g. 0.5`);
  return value;
}

/** Rows of one value are one group. @throws UsageError for an empty cell: it would make strangers one customer. */
export function groupColumn(table: Table, name: string): Grouping {
  const index = columnIndex(table, name);
  return groupBy(
    table.rows.map((row, i) => {
      const cell = row[index] ?? '';
      if (cell === '') throw cellError(table, i, name, 'is empty; every row needs its group');
      return cell;
    }),
  );
}

/** Runs a measurement whose RowError then names the file's own column. */
export function named<Value>(table: Table, names: Record<string, string | undefined>, run: () => Value): Value {
  try {
    return run();
  } catch (error) {
    if (error instanceof RowError) throw cellError(table, error.row, names[error.column] ?? error.column, error.rule);
    if (error instanceof RangeError) throw new UsageError(`${table.name}: ${error.message}`);
    throw error;
  }
}

/** The paired bootstrap as JSON: a statistic that is not defined is null, with why. */
export function comparison(
  { draws, seed, grouping, compare }: EvaluateInput,
  first: string,
  weight: Float64Array,
  statistics: Record<string, PairedStatistic>,
) {
  const found = pairedBootstrap(weight, statistics, { draws, seed, grouping });
  return {
    first,
    second: compare!,
    draws,
    seed,
    groups: grouping?.groups ?? null,
    metrics: Object.fromEntries(Object.entries(found).map(([name, { value }]) => [name, value])),
    undefined: Object.fromEntries(
      Object.entries(found).flatMap(([name, { value, reason }]) => (value === null ? [[name, reason ?? '']] : [])),
    ),
  };
}

export function describeComparison({ first, second, metrics, groups, draws }: ReturnType<typeof comparison>): string[] {
  const short = (value: number) => value.toPrecision(4);
  return [
    '',
    `${second} against ${first}, paired, ${draws} draws of ${groups === null ? 'rows' : `${groups} groups`}`,
    textTable(
      ['metric', first, second, 'difference', '95 % from', 'to', 'p'],
      Object.entries(metrics).map(([name, found]) =>
        found === null
          ? [name, null, null, null, null, null, null]
          : [
              name,
              ...[found.first, found.second, found.difference, found.lower, found.upper].map(short),
              found.p.toPrecision(2),
            ],
      ),
    ),
  ];
}

export const show = (value: number | null) => (value === null ? '–' : value.toPrecision(5));
