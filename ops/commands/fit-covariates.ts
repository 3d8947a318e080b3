// `axiom47 fit bg-nbd --covariates`: BG/NBD from a summary file whose columns also say what is known of each customer from the start.
import { parseArgs } from 'node:util';
import { type CovariateFit, fitWithCovariates } from '#domain/models/bg-nbd-covariates.ts';
import { RowError } from '#domain/models/fit.ts';
import { readSummary } from '../summary-input.ts';
import { readTable } from '../table.ts';
import { type Io, UsageError } from './command.ts';
import { timeUnit } from './rfm.ts';
import { covariate } from './survival-input.ts';

export const covariatesHelp = `axiom47 fit bg-nbd --data FILE --covariates COL,COL=VALUE,… [--columns …] [--unit week|day] [--json]`;

/** @throws UsageError naming file, row and column. */
export async function fitCovariates(argv: string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      data: { type: 'string' },
      covariates: { type: 'string' },
      columns: { type: 'string' },
      unit: { type: 'string', default: 'week' },
      json: { type: 'boolean', default: false },
    },
  });
  if (positionals.length !== 1 || positionals[0] !== 'bg-nbd')
    throw new UsageError(`--covariates goes with bg-nbd (and cox), not with '${positionals.join(' ')}'`);
  if (values.data === undefined) throw new UsageError('--covariates needs --data FILE, one customer per row');
  const rows = readSummary(values.data, values.columns, ['frequency', 'recency', 'T']);
  const table = readTable(values.data);
  const names = (values.covariates ?? '').split(',').map((text) => text.trim());
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) throw new UsageError(`--covariates names ${twice} twice`);
  const { frequency, recency, T, weight } = rows;
  const covariates = names.map((name) => covariate(table, name));
  const columns = { frequency, recency: recency!, T: T!, weight };
  const fit = named(rows.source, rows.names, () =>
    fitWithCovariates(columns, covariates, timeUnit('--unit', values.unit)),
  );
  if (!fit.ok) {
    if (values.json) io.stdout(`${JSON.stringify({ ...fit, converged: false })}\n`);
    io.stderr(`axiom47: ${rows.source}: bg-nbd was not fitted (${fit.reason}): ${fit.message}\n`);
    return 1;
  }
  const { ok: _, ...fitted } = fit;
  io.stdout(values.json ? `${JSON.stringify(fitted)}\n` : describe(fitted));
  if (!values.json)
    for (const { code, message } of fitted.diagnostics) io.stderr(`axiom47: warning: ${code}: ${message}\n`);
  return 0;
}

function named<T>(source: string, names: Record<string, string>, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof RowError)
      throw new UsageError(
        `${source} row ${error.row + 1}, column ${names[error.column] ?? error.column}: ${error.rule}`,
      );
    throw error;
  }
}

function describe(fit: Omit<CovariateFit, 'ok'>): string {
  const effect = (value: number, error: number | undefined) =>
    `${value.toFixed(4).padStart(9)} ± ${error === undefined ? '–' : error.toFixed(4)}`;
  const { statistic, degreesOfFreedom, pValue } = fit.likelihoodRatio;
  return [
    `${fit.model} with covariates, ${fit.n} customers, time in ${fit.unit}s; parameters at the means of the covariates`,
    ...Object.entries(fit.params).map(([name, value]) => `  ${name.padEnd(6)} ${value.toPrecision(8).padStart(14)}`),
    '  what one unit more does (log scale): rate of purchase | a | b of the chance to leave',
    ...fit.covariates.map(
      ({ name, mean, alpha, a, b, standardErrors: e }) =>
        `  ${name} (mean ${mean.toPrecision(4)})  ${effect(alpha, e?.alpha)} | ${effect(a, e?.a)} | ${effect(b, e?.b)}`,
    ),
    `  log-likelihood ${fit.logLikelihood.toFixed(6)}, BIC ${fit.bic.toFixed(1)}; against no covariates χ² ${statistic.toFixed(2)} with ${degreesOfFreedom} degrees of freedom, p ${pValue.toPrecision(3)}`,
    '',
  ].join('\n');
}
