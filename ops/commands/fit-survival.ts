// `axiom47 fit kaplan-meier` and `fit cox`: survival models from a file of durations, without a server.
import { parseArgs } from 'node:util';
import { RowError } from '#domain/models/fit.ts';
import { fit as fitCox, linearPredictor } from '#domain/models/survival/cox.ts';
import { proportionality } from '#domain/models/survival/cox-proportionality.ts';
import { type BandType, fitGroups, quantile, type SurvivalCurve } from '#domain/models/survival/kaplan-meier.ts';
import { logRank } from '#domain/models/survival/log-rank.ts';
import type { SurvivalColumns } from '#domain/models/survival/survival-columns.ts';
import { survivalChart } from '../charts/survival-chart.ts';
import { writeSvg } from '../charts/write-svg.ts';
import { cellError, columnIndex, numberColumn, readTable, type Table } from '../table.ts';
import { type Io, UsageError } from './command.ts';
import { print, table as textTable } from './options.ts';

export const survivalHelp = `axiom47 fit kaplan-meier --data FILE --duration COL --event COL[=VALUE] [--by COL] [--start COL] [--weights COL]
                [--ci log-log|log|plain] [--svg FILE] [--json]
axiom47 fit cox --data FILE --duration COL --event COL[=VALUE] --covariates COL,COL=VALUE,… [--start COL] [--strata COL] [--weights COL]
                [--ties efron|breslow|exact] [--json]`;

const common = {
  data: { type: 'string' },
  duration: { type: 'string' },
  event: { type: 'string' },
  start: { type: 'string' },
  weights: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const;

/** The survival model that is asked for, wherever it stands among the options. */
export const survivalModel = (argv: readonly string[]) => argv[modelAt(argv)] as keyof typeof commands | undefined;

const modelAt = (argv: readonly string[]) =>
  argv.findIndex((arg, i) => {
    const before = argv[i - 1];
    const isValue = before?.startsWith('--') && before !== '--json' && !before.includes('=');
    return Object.hasOwn(commands, arg) && !isValue;
  });

/** @throws UsageError naming file, row, column and rule of input that cannot be. */
export function fitSurvival(model: keyof typeof commands, argv: string[], io: Io): number {
  const at = modelAt(argv);
  return commands[model](
    argv.filter((_, i) => i !== at),
    io,
  );
}

const commands = { 'kaplan-meier': kaplanMeier, cox };

function kaplanMeier(args: string[], io: Io): number {
  const { values } = parseArgs({
    args,
    options: {
      ...common,
      by: { type: 'string' },
      ci: { type: 'string', default: 'log-log' },
      svg: { type: 'string' },
    },
  });
  const band = oneOf<BandType>('--ci', values.ci, ['log-log', 'log', 'plain']);
  const input = readInput('kaplan-meier', values);
  const { columns, rows } = input;
  const by = values.by === undefined ? undefined : categories(rows, values.by);
  const names = by?.names ?? ['all'];
  const group = by?.codes ?? new Uint32Array(columns.duration.length);
  const curves = named(input, () => fitGroups(columns, group, names.length, { band }));
  const groups = curves.map((curve, g) => describeCurve(names[g]!, curve));
  const comparison =
    by === undefined || columns.weight !== undefined ? undefined : logRank(columns, group, names.length);
  if (by !== undefined && comparison === undefined)
    io.stderr(
      `axiom47: warning: no log-rank test: ${columns.weight === undefined ? 'nothing to compare' : 'it does not take weights'}\n`,
    );
  if (values.svg !== undefined) {
    const drawn = curves.map((curve, g) => ({ name: names[g]!, curve }));
    writeSvg(
      values.svg,
      survivalChart(drawn, {
        duration: values.duration!,
        event: values.event!,
        test: comparison && logRankText(comparison, comparison.p < 1e-4 ? '< 0.0001' : short(comparison.p)),
      }),
      io,
    );
  }
  print(io, values.json, { model: 'kaplan-meier', ci: band, groups, ...(comparison && { logRank: comparison }) }, () =>
    [
      textTable(
        ['group', 'n', 'events', 'median', 'lower', 'upper'],
        groups.map(({ name, n, events, median, medianLower, medianUpper }) => [
          name,
          n,
          events,
          median,
          medianLower,
          medianUpper,
        ]),
      ),
      ...(comparison ? [logRankText(comparison, short(comparison.p))] : []),
    ].join('\n'),
  );
  return 0;
}

const logRankText = ({ chiSquare, degreesOfFreedom }: { chiSquare: number; degreesOfFreedom: number }, p: string) =>
  `log-rank ${short(chiSquare)} on ${degreesOfFreedom} df, p ${p}`;

function describeCurve(name: string, curve: SurvivalCurve) {
  const median = quantile(curve, 0.5);
  return {
    name,
    n: curve.n,
    events: curve.totalEvents,
    median: median.value,
    medianLower: median.lower,
    medianUpper: median.upper,
    curve: Array.from(curve.time, (time, i) => ({
      time,
      atRisk: curve.atRisk[i]!,
      events: curve.events[i]!,
      survival: curve.survival[i]!,
      standardError: curve.standardError[i] ?? null,
      lower: curve.lower[i] ?? null,
      upper: curve.upper[i] ?? null,
    })),
  };
}

function cox(args: string[], io: Io): number {
  const { values } = parseArgs({
    args,
    options: {
      ...common,
      covariates: { type: 'string' },
      strata: { type: 'string' },
      ties: { type: 'string', default: 'efron' },
    },
  });
  const ties = oneOf('--ties', values.ties, ['efron', 'breslow', 'exact'] as const);
  const input = readInput('cox', values);
  if (values.covariates === undefined)
    throw new UsageError('fit cox needs --covariates COL,COL=VALUE,…; see axiom47 fit --help');
  const { columns, rows } = input;
  const covariates = values.covariates.split(',').map((text) => covariate(rows, text.trim()));
  const twice = covariates.find(({ name }, j) => covariates.findIndex((other) => other.name === name) < j);
  if (twice !== undefined) throw new UsageError(`--covariates names ${twice.name} twice`);
  const strata = values.strata === undefined ? undefined : categories(rows, values.strata);
  const all = { ...columns, covariates, strata: strata?.codes };
  const result = named(input, () => fitCox(all, ties));
  if (!result.ok) {
    if (values.json) io.stdout(`${JSON.stringify({ ...result, converged: false })}\n`);
    io.stderr(`axiom47: ${rows.name}: cox was not fitted (${result.reason}): ${result.message}\n`);
    return 1;
  }
  const { ok: _, means: __, baseline, ...fitted } = result;
  // From the means to covariates of 0, so that coefficients and baseline are all a reader needs.
  const shift = Math.exp(
    linearPredictor(
      result,
      covariates.map(() => 0),
    ),
  );
  const rowsOf = baseline.flatMap(({ time, cumulativeHazard }, s) =>
    time.map((t, k) => ({
      ...(strata && { stratum: strata.names[s]! }),
      time: t,
      cumulativeHazard: finite(cumulativeHazard[k]! * shift),
    })),
  );
  print(io, values.json, { ...fitted, proportionality: proportionality(all, result), baseline: rowsOf }, () =>
    [
      textTable(
        ['covariate', 'coef', 'se', 'z', 'p', 'hazard ratio', 'lower', 'upper'],
        result.coefficients.map(({ name, ...numbers }) => [
          name,
          ...[numbers.coef, numbers.se, numbers.z, numbers.p, numbers.hazardRatio, numbers.lower, numbers.upper].map(
            (value) => (value === null ? null : short(value)),
          ),
        ]),
      ),
      `${result.n} rows, ${result.events} events; log-likelihood ${short(result.logLikelihood)} (null ${short(result.nullLogLikelihood)}); concordance ${result.concordance === null ? '–' : short(result.concordance)}`,
    ].join('\n'),
  );
  if (!values.json)
    for (const { code, message } of result.diagnostics) io.stderr(`axiom47: warning: ${code}: ${message}\n`);
  return 0;
}

const short = (value: number) => String(Number(value.toPrecision(6)));
const finite = (value: number) => (Number.isFinite(value) ? value : null);

interface Input {
  rows: Table;
  columns: SurvivalColumns;
  /** Column of each field in the file, for messages. */
  names: Record<string, string | undefined>;
}

interface InputOptions {
  data?: string | undefined;
  duration?: string | undefined;
  event?: string | undefined;
  start?: string | undefined;
  weights?: string | undefined;
}

function readInput(model: string, { data, duration, event, start, weights }: InputOptions): Input {
  if (data === undefined || duration === undefined || event === undefined)
    throw new UsageError(`fit ${model} needs --data FILE --duration COL --event COL[=VALUE]; see axiom47 fit --help`);
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
function named<T>({ rows, names }: Input, run: () => T): T {
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
function categories(rows: Table, column: string): { codes: Uint32Array; names: string[] } {
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

function oneOf<Value extends string>(option: string, value: string, values: readonly Value[]): Value {
  const found = values.find((each) => each === value);
  if (found === undefined) throw new UsageError(`${option} ${value}: one of ${values.join(', ')}`);
  return found;
}
