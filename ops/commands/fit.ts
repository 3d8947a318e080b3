// `axiom47 fit`: a model from a summary file or from transactions, without a server; or from the log, as it stood at any moment.
import { parseArgs } from 'node:util';
import { isModelName, type ModelName, models } from '#domain/models/catalogue.ts';
import { compress } from '#domain/models/compress.ts';
import { RowError, type TimeUnit } from '#domain/models/fit.ts';
import { withChecks } from '#processors/training/fit-purchases.ts';
import { ApiError, dataDirOf, withServer } from '../client.ts';
import { type Histories, readSummary, readTransactions } from '../summary-input.ts';
import { type Command, type Io, UsageError } from './command.ts';
import { covariatesHelp, fitCovariates } from './fit-covariates.ts';
import { LOGISTIC_HELP, runFitLogistic } from './fit-logistic.ts';
import { fitSurvival, survivalHelp, survivalModel } from './fit-survival.ts';
import { timeUnit } from './rfm.ts';
import { drawTracking, type PurchaseModel } from './tracking-svg.ts';

export const fit: Command = {
  name: 'fit',
  summary: `fit ${Object.keys(models).join(', ')}, logistic, kaplan-meier, aalen-johansen, cox to a file, or from the log`,
  help: `axiom47 fit MODEL --data FILE [--columns frequency=x,recency=t_x,T=T,monetary=zbar,weight=w] [--unit week|day] [--json]
axiom47 fit MODEL --transactions FILE [--customer COL --time COL --amount COL --date-order dmy|mdy --decimal point|comma
                --until DATE --grain day|week] [--unit week|day] [--svg FILE] [--json]
axiom47 fit MODEL --from-log [--as-of DATE|TIME|SEQUENCE] [--data-dir DIR] [--json]
${covariatesHelp}
${survivalHelp}

MODEL:
${Object.values(models)
  .map(({ name, title }) => `  ${name.padEnd(12)} ${title}`)
  .join('\n')}

--data reads one customer per row; --unit says in which unit its recency and T are (week). --transactions summarises first, as \`axiom47 rfm\`.
--from-log takes the customers of the workspace, in weeks: now, or as the log knew them at --as-of (a date, a time or a log sequence).
--svg draws the tracking plot of a purchase model: repeat purchases as they came beside the expected ones, from --transactions.
--json prints parameters, standard errors, log-likelihood and diagnostics: a file for \`axiom47 predict --params\` and \`axiom47 model import\`.

${LOGISTIC_HELP}

Examples:
  axiom47 fit bg-nbd --data cdnow_summary.csv --json > bg.json
  axiom47 fit gamma-gamma --transactions orders.csv --amount amount --until 1997-09-30
  axiom47 fit bg-nbd --from-log --as-of 2026-06-30 --json
  axiom47 fit bg-nbd --data customers.csv --covariates channel=web,age --json > bg.json
  axiom47 fit kaplan-meier --data customers.csv --duration tenure --event Churn=Yes --by Contract
  axiom47 fit aalen-johansen --data subscriptions.csv --duration months --event ended --causes voluntary,payment --at 12,24
  axiom47 fit cox --data customers.csv --duration tenure --event Churn=Yes --covariates MonthlyCharges,Contract=Two year
  axiom47 fit logistic --data churn.csv --label churned --all --drop customer_id,snapshot_date --split split --calibrate platt`,

  async run(argv, io) {
    if (argv[0] === 'bg-nbd' && argv.some((arg) => arg.startsWith('--covariates'))) return fitCovariates(argv, io);
    if (argv[0] === 'logistic') return runFitLogistic(argv.slice(1), io);
    const survival = survivalModel(argv);
    if (survival !== undefined) return fitSurvival(survival, argv, io);
    const { values, positionals } = parseArgs({
      args: fileAfterTransactions(argv),
      allowPositionals: true,
      options: {
        data: { type: 'string' },
        transactions: { type: 'boolean', default: false },
        columns: { type: 'string' },
        customer: { type: 'string' },
        time: { type: 'string' },
        amount: { type: 'string' },
        'date-order': { type: 'string' },
        decimal: { type: 'string' },
        until: { type: 'string' },
        unit: { type: 'string' },
        grain: { type: 'string', default: 'day' },
        'from-log': { type: 'boolean', default: false },
        'as-of': { type: 'string' },
        'data-dir': { type: 'string' },
        svg: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    const model = positionals[0];
    if (model === undefined || positionals.length > 1 || !isModelName(model))
      throw new UsageError(
        `fit needs one model of ${Object.keys(models).join(', ')}, logistic, kaplan-meier, aalen-johansen, cox; got '${positionals.join(' ')}'`,
      );
    if (values.svg !== undefined && (!values.transactions || model === 'gamma-gamma'))
      throw new UsageError(
        '--svg draws the tracking plot of a purchase model: it needs --transactions, where the dates are',
      );
    if (values['from-log']) {
      const other = (['data', 'transactions', 'columns', 'until', 'unit'] as const).find((name) => values[name]);
      if (other !== undefined)
        throw new UsageError(`--from-log takes the workspace's own customers, in weeks: leave --${other} out`);
      return fitFromLog(model, values, io);
    }
    if (values['as-of'] !== undefined) throw new UsageError('--as-of goes with --from-log; a file ends at --until');
    if (values.data === undefined)
      throw new UsageError('fit needs --data FILE, --transactions FILE or --from-log; see axiom47 fit --help');
    const unit = timeUnit('--unit', values.unit ?? 'week');
    const rows: Histories = values.transactions
      ? fromTransactions(values.data, { ...values, unit, grain: timeUnit('--grain', values.grain) }, model)
      : readSummary(
          values.data,
          values.columns,
          model === 'gamma-gamma' ? ['frequency', 'monetary'] : ['frequency', 'recency', 'T'],
        );
    const result = fitFromSummary(model, rows, unit);
    if (!result.ok) {
      if (values.json) io.stdout(`${JSON.stringify({ ...result, converged: false })}\n`);
      io.stderr(`axiom47: ${rows.source}: ${model} was not fitted (${result.reason}): ${result.message}\n`);
      return 1;
    }
    const { ok: _, ...fitted } = result;
    const drawn = purchaseModel(result);
    if (values.svg !== undefined && drawn && rows.dated) drawTracking(values.svg, rows.dated, drawn, io);
    say(fitted, values.json, io);
    return 0;
  },
};

function say(fitted: Omit<Fitted, 'ok'>, json: boolean, io: Io): void {
  io.stdout(json ? `${JSON.stringify(fitted)}\n` : describe(fitted));
  if (json) return;
  for (const { code, message } of fitted.diagnostics) io.stderr(`axiom47: warning: ${code}: ${message}\n`);
}

/** The server's own fit, from its compressed statistics: what the log knew at a moment, and nothing later. */
async function fitFromLog(
  model: ModelName,
  values: { 'as-of'?: string; 'data-dir'?: string; json: boolean },
  io: Io,
): Promise<number> {
  const asked = values['as-of'];
  // As in the API: up to seven digits are a sequence, eight a date without dashes.
  const asOf = asked !== undefined && /^\d{1,7}$/.test(asked) ? Number(asked) : asked;
  type Answer = (Omit<Fitted, 'ok'> & { ok: true; asOf: object }) | { ok: false; reason: string; message: string };
  const answer = await withServer(dataDirOf(values['data-dir']), { io }, (client) =>
    client
      .call<Answer>('POST', '/api/fit', { kind: model, ...(asOf === undefined ? {} : { as_of: asOf }) })
      .catch((error: unknown) => {
        throw error instanceof ApiError && error.status < 500 && asked !== undefined
          ? new UsageError(error.message.startsWith('--as-of') ? error.message : `--as-of ${asked}: ${error.message}`)
          : error;
      }),
  );
  if (!answer.ok) {
    if (values.json) io.stdout(`${JSON.stringify({ ...answer, converged: false })}\n`);
    io.stderr(`axiom47: ${model} was not fitted (${answer.reason}): ${answer.message}\n`);
    return 1;
  }
  const { ok: _, ...fitted } = answer;
  say(fitted, values.json, io);
  return 0;
}

/** `--transactions FILE` as well as `--transactions --data FILE`. */
export const fileAfterTransactions = (argv: readonly string[]): string[] =>
  argv.flatMap((arg, i) => {
    if (arg.startsWith('--transactions=')) return ['--transactions', `--data=${arg.slice('--transactions='.length)}`];
    const next = argv[i + 1];
    return arg === '--transactions' && next !== undefined && !next.startsWith('-') ? [arg, '--data'] : [arg];
  });

function fromTransactions(path: string, options: Parameters<typeof readTransactions>[1], model: ModelName): Histories {
  const summary = readTransactions(path, options);
  if (model === 'gamma-gamma' && !summary.hasMoney)
    throw new UsageError(`${summary.source}: which column is the amount? Say --amount COLUMN`);
  return { ...summary, names: {} };
}

/**
 * Fits one model to histories whose times are in `unit`.
 *
 * @throws UsageError naming source, row and column of a history that cannot be.
 */
export function fitFromSummary(model: ModelName, rows: Histories, unit: TimeUnit) {
  const { frequency, recency, T, monetaryValue, weight, names, source } = rows;
  try {
    if (model === 'gamma-gamma') {
      if (monetaryValue === undefined) throw new UsageError(`${source} has no monetary column`);
      return models[model].fit({ frequency, monetaryValue, weight }, unit);
    }
    if (recency === undefined || T === undefined) throw new UsageError(`${source} has no recency or T column`);
    const summary = compress({ frequency, recency, T, weight });
    return withChecks(models[model].fitCompressed(summary, unit), summary, rows.evidence?.() ?? null);
  } catch (error) {
    if (error instanceof RowError)
      throw new UsageError(
        `${source} row ${error.row + 1}, column ${names[error.column] ?? error.column}: ${error.rule}`,
      );
    throw error;
  }
}

type Fitted = Extract<ReturnType<typeof fitFromSummary>, { ok: true }>;

function purchaseModel(fitted: Fitted): PurchaseModel | undefined {
  const { unit } = fitted;
  switch (fitted.model) {
    case 'bg-nbd':
      return {
        title: 'BG/NBD',
        unit,
        expectedOfNew: (t) => models['bg-nbd'].expectedPurchasesOfNewCustomer(fitted.params, t),
      };
    case 'mbg-nbd':
      return {
        title: 'MBG/NBD',
        unit,
        expectedOfNew: (t) => models['mbg-nbd'].expectedPurchasesOfNewCustomer(fitted.params, t),
      };
    case 'pareto-nbd':
      return {
        title: 'Pareto/NBD',
        unit,
        expectedOfNew: (t) => models['pareto-nbd'].expectedPurchasesOfNewCustomer(fitted.params, t),
      };
    default:
      return undefined;
  }
}

function describe(fitted: Omit<Fitted, 'ok'>): string {
  const errors: Record<string, number | null> = { ...fitted.standardErrors };
  const lines = Object.entries(fitted.params).map(
    ([name, value]) =>
      `  ${name.padEnd(6)} ${value.toPrecision(8).padStart(14)}  ± ${errors[name]?.toPrecision(3) ?? '(not bounded by the data)'}`,
  );
  return [
    `${fitted.model}, ${fitted.n} customers, time in ${fitted.unit}s`,
    ...lines,
    `  log-likelihood ${fitted.logLikelihood.toFixed(6)}, largest gradient ${fitted.gradientNorm.toExponential(1)} after ${fitted.iterations} steps`,
    `  AIC ${fitted.aic.toFixed(1)}, BIC ${fitted.bic.toFixed(1)}${fitted.naive ? `; one rate for all and nobody leaves: BIC ${fitted.naive.bic.toFixed(1)}` : ''}`,
    '',
  ].join('\n');
}
