// `axiom47 predict`: churn or lifetime value for every row of a file, from parameter files, without a server.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { stringify } from 'csv-stringify/sync';
import { paramsFor } from '#domain/models/bg-nbd-covariates.ts';
import {
  applicable,
  type ClvModel,
  type CustomerHistory,
  DAYS_PER_UNIT,
  posteriorOf,
  predictChurn,
  predictClv,
  type Refusal,
} from '#domain/models/clv-model.ts';
import { parseClvModel, splitCovariates } from '#domain/models/clv-model-file.ts';
import { daysOf, parseDuration } from '#domain/models/duration.ts';
import type { TimeUnit } from '#domain/models/fit.ts';
import { countPmf, countQuantiles, expectedFuture } from '#domain/models/future-purchases.ts';
import type { Discounting } from '#domain/models/lifetime-value.ts';
import { naiveValue } from '#domain/models/naive-value.ts';
import { nextPurchase } from '#domain/models/next-purchase.ts';
import { churnInterval, clvInterval } from '#domain/models/parameter-uncertainty.ts';
import { caveatOf } from '#domain/models/simpler-purchases.ts';
import { dataDirOf, withServer } from '../client.ts';
import { type Histories, readSummary, readTransactions } from '../summary-input.ts';
import { readTable } from '../table.ts';
import { type Command, type Io, UsageError } from './command.ts';
import { fileAfterTransactions } from './fit.ts';
import { predictCustomer } from './predict-customer.ts';
import { isLogistic, logisticAnswers, readLogisticModel } from './predict-logistic.ts';
import { timeUnit } from './rfm.ts';
import { covariate } from './survival-input.ts';
import { drawTracking, type PurchaseModel } from './tracking-svg.ts';

export const predict: Command = {
  name: 'predict',
  summary: 'churn or lifetime value of one customer of the installation, or of every customer of a file',
  help: `axiom47 predict churn|clv CUSTOMER_ID [--horizon N[d|w|m]] [--discount R] [--as-of SEQ|TIME] [--data-dir DIR] [--json]
axiom47 predict churn|clv|purchases --params FILE [--params FILE] --data FILE [--horizon N[d|w|m]] [--discount R]
                            [--discounting month-end|mid-month] [--columns …] [--unit week|day] [--json]
axiom47 predict churn|clv|purchases --params FILE --transactions FILE [--customer COL --time COL --amount COL --date-order dmy|mdy
                            --decimal point|comma --until DATE --grain day|week] [--svg FILE] …
axiom47 predict churn|clv|purchases --params FILE --new …
axiom47 predict churn --params LOGISTIC --data FILE [--json]
axiom47 predict churn|clv|purchases --model ID --data FILE … [--data-dir DIR]

  CUSTOMER_ID asks the installation (the running server, or one started for the time) about one customer, by the models in force there

  --params    what \`axiom47 fit --json\` printed, or a CLV model file {"model": "clv", "unit": "week", "bgNbd": {…}, "gammaGamma": {…}};
              for clv give both the purchase model and gamma-gamma
  --model     a model of the workspace instead of files (axiom47 model list)
  --horizon   days (90d, also without the letter), weeks (52w) or months of 4.345 weeks (12m); churn and purchases 90d, clv 12m when not told
  --discount  rate per month for clv_mean (0.01); --discounting says when in each month its purchases are discounted (month-end)
  --unit      unit of recency and T in --data (that of the model)
  --new       a customer met today instead of a file
  --svg       draws the tracking plot: repeat purchases of the transactions as they came beside those the model expects
  --json      an array of rows; without it, CSV. A row a model cannot speak about has \`reason\` and \`message\` instead of numbers

churn      the probability of no purchase within the horizon; with what \`axiom47 fit logistic --json\` printed, of the label it was fitted to,
           calibrated, for every row of a table with the same columns
clv        expected discounted spend; clv_p05, clv_p50, clv_p95 are quantiles of undiscounted spend at known parameters
purchases  P(0), P(1), … purchases within the horizon, and when the next one comes (empty where it does not come that likely)

lower and upper, parameter_lower and parameter_upper: the 95 % interval of p_churn and of clv_mean that comes from the parameters, when the
parameter file carries their covariance (\`fit --json\` does). naive_*: own rate so far × own mean spend, the forecast to beat.

Example:
  axiom47 predict clv c-1
  axiom47 predict clv --params bg.json --params gg.json --data cdnow_summary_spend.csv --horizon 52w`,

  async run(argv, io) {
    const { values, positionals } = parseArgs({
      args: fileAfterTransactions(argv),
      allowPositionals: true,
      options: {
        params: { type: 'string', multiple: true },
        model: { type: 'string' },
        'data-dir': { type: 'string' },
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
        grain: { type: 'string' },
        horizon: { type: 'string' },
        discount: { type: 'string' },
        discounting: { type: 'string' },
        new: { type: 'boolean', default: false },
        svg: { type: 'string' },
        'as-of': { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    const [wanted, named, ...rest] = positionals;
    if ((wanted !== 'churn' && wanted !== 'clv' && wanted !== 'purchases') || rest.length > 0)
      throw new UsageError(`predict needs churn, clv or purchases; got '${positionals.join(' ')}'`);
    const ofFiles = FILE_OPTIONS.find((name) => values[name] !== undefined && values[name] !== false);
    // `--customer c-1` without a file can only mean somebody.
    const customerId = named ?? (ofFiles === undefined ? values.customer : undefined);
    if (customerId !== undefined) {
      if (ofFiles !== undefined)
        throw new UsageError(`predict ${wanted} ${customerId} asks the installation: leave --${ofFiles} out`);
      if (wanted === 'purchases') throw new UsageError('predict purchases reads files; ask predict churn or clv ID');
      if (values.discounting !== undefined && values.discounting !== 'month-end')
        throw new UsageError(
          `predict clv ${customerId}: the installation discounts at month ends; leave --discounting ${values.discounting} out, or ask a file with --params`,
        );
      if (wanted === 'churn' && values.discount !== undefined)
        throw new UsageError('predict churn knows no money: leave --discount out, or ask predict clv');
      return predictCustomer(
        {
          wanted,
          customerId,
          horizonDays: values.horizon === undefined ? null : parseHorizon(values.horizon),
          discountMonthly: rateOf(values.discount ?? DISCOUNT),
          asOf: values['as-of'] ?? null,
          dataDir: values['data-dir'],
          json: values.json,
        },
        io,
      );
    }
    if (values['as-of'] !== undefined)
      throw new UsageError('--as-of belongs to one customer of the installation: predict clv CUSTOMER_ID --as-of …');
    if ((values.params === undefined) === (values.model === undefined))
      throw new UsageError(
        'predict needs a customer of the installation (predict clv c-1), --params FILE, what `axiom47 fit --json` prints, or --model ID: one of them',
      );
    const names = values.params ?? [values.model!];
    if (values.data === undefined && !values.new)
      throw new UsageError('predict needs --data FILE, --transactions FILE or --new (one customer met today)');
    if (values.data !== undefined && values.new) throw new UsageError('--new needs no file: leave --data out');
    const files = values.params?.map(readParams) ?? [await artefactOf(values.model!, values['data-dir'], io)];
    const logistic = files.findIndex(isLogistic);
    if (logistic >= 0) {
      const other = (['transactions', 'new', 'horizon', 'unit', 'columns', 'svg'] as const).find(
        (name) => values[name],
      );
      if (wanted !== 'churn' || files.length > 1 || other !== undefined || values.data === undefined)
        throw new UsageError(
          `${names[logistic]} is a logistic model: it answers \`predict churn --data FILE\`, about the label it was fitted to${other === undefined ? '' : `; leave --${other} out`}`,
        );
      return print(logisticAnswers(readLogisticModel(names[0]!, files[0]), values.data), values.json, io);
    }
    const read = readModel(names, files);
    const { model } = read;
    if (wanted === 'clv' && !model.gammaGamma)
      throw new UsageError(
        'clv needs a money model too: add --params with what `axiom47 fit gamma-gamma --json` prints',
      );
    const unit = values.unit === undefined ? model.unit : timeUnit('--unit', values.unit);
    if (values.svg !== undefined && !values.transactions)
      throw new UsageError('--svg draws the tracking plot: it needs --transactions, where the dates are');
    const horizonDays = parseHorizon(values.horizon ?? (wanted === 'clv' ? '12m' : '90d'));
    const discountMonthly = rateOf(values.discount ?? DISCOUNT);
    const { discounting = 'month-end' } = values;
    if (discounting !== 'month-end' && discounting !== 'mid-month')
      throw new UsageError(`--discounting ${discounting}: one of month-end, mid-month`);
    const predictOne = (own: ClvModel, customer: CustomerHistory) => {
      if (wanted === 'churn') return churn(own, customer, horizonDays);
      return wanted === 'clv'
        ? clv(own, customer, horizonDays, discountMonthly, discounting)
        : purchases(own, customer, horizonDays);
    };
    const modelOf = modelOfRow(read, values.transactions ? undefined : values.data);
    const rows = values.data === undefined ? NEWCOMER : readRows(values.data, values, unit, wanted === 'clv');
    const answers = histories(rows, unit === 'week' ? 7 : 1).map((customer, i) => ({
      ...(rows.ids ? { customer_id: rows.ids[i]! } : { row: i + 1 }),
      ...predictOne(modelOf(i), customer),
    }));
    const caveat = caveatOf(model);
    if (caveat !== null) io.stderr(`axiom47: caveat: ${caveat}\n`);
    if (values.svg !== undefined && rows.dated) drawTracking(values.svg, rows.dated, purchaseModel(model), io);
    return print(answers, values.json, io);
  },
};

/** What only makes sense of a file. */
const FILE_OPTIONS = [
  'params',
  'model',
  'data',
  'transactions',
  'new',
  'svg',
  'columns',
  'unit',
  'time',
  'amount',
  'date-order',
  'decimal',
  'until',
  'grain',
] as const;
/** A month. */
const DISCOUNT = '0.01';

function rateOf(text: string): number {
  const rate = Number(text);
  if (!(rate > -1)) throw new UsageError(`--discount ${text} is not a rate above −1, e.g. 0.01`);
  return rate;
}

function print(answers: object[], json: boolean, io: Io): number {
  const refused = answers.filter((answer) => 'reason' in answer).length;
  if (json) io.stdout(`${JSON.stringify(answers)}\n`);
  else io.stdout(stringify(answers, { header: true, columns: unionOfKeys(answers) }));
  if (refused > 0)
    io.stderr(`axiom47: ${refused} of ${answers.length} rows without a prediction; column reason says why\n`);
  return 0;
}

/** A model of the workspace as its file would be; a churn classifier as the logistic model it is. */
async function artefactOf(id: string, dataDir: string | undefined, io: Io): Promise<unknown> {
  const { artefact } = await withServer(dataDirOf(dataDir), { io }, (client) =>
    client.call<{ artefact: { model?: string; logistic?: unknown } }>('GET', `/api/models/${encodeURIComponent(id)}`),
  );
  if (artefact.model === 'churn-cox')
    throw new UsageError(`${id} is a Cox model: it speaks of running subscriptions; ask POST /api/predict/churn`);
  return artefact.model === 'churn-logistic' ? artefact.logistic : artefact;
}

/** A customer met today, of whom nothing is known: what the model says of the population. */
const NEWCOMER: Histories = {
  ids: ['new'],
  frequency: new Float64Array(1),
  recency: new Float64Array(1),
  T: new Float64Array(1),
  names: {},
  source: '--new',
};

function readRows(
  path: string,
  values: Omit<Parameters<typeof readTransactions>[1], 'unit' | 'grain'> & {
    transactions: boolean;
    columns?: string | undefined;
    grain?: string | undefined;
  },
  unit: TimeUnit,
  money: boolean,
): Histories {
  if (values.transactions) {
    const grain = timeUnit('--grain', values.grain ?? 'day');
    return { ...readTransactions(path, { ...values, unit, grain }), names: {} };
  }
  const columns = ['frequency', 'recency', 'T'] as const;
  return readSummary(path, values.columns, money ? [...columns, 'monetary'] : columns);
}

function readParams(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as unknown;
  } catch (error) {
    throw new UsageError(`--params ${path}: ${(error as Error).message}; give what \`axiom47 fit --json\` prints`);
  }
}

interface Read {
  model: ClvModel;
  /** Effects of covariates on the parameters of bgNbd, told at their means; none for most models. */
  effects: Effects;
}
type Effects = ReturnType<typeof splitCovariates>['effects'];

function readModel(paths: readonly string[], given: readonly unknown[]): Read {
  const files = given.map(splitCovariates);
  const model = parseClvModel(...files.map(({ file }) => file));
  if (!model.ok) throw new UsageError(`--params ${paths.join(', ')}: ${model.reason}`);
  return { model: model.value, effects: files.flatMap(({ effects }) => effects) };
}

/** The model of each row: its own parameters where the fit had covariates. */
function modelOfRow({ model, effects }: Read, path: string | undefined): (row: number) => ClvModel {
  if (effects.length === 0) return () => model;
  const { bgNbd, ...rest } = model;
  if (path === undefined || bgNbd === undefined)
    throw new UsageError(
      `the model has covariates (${effects.map(({ name }) => name).join(', ')}): give --data FILE with these columns`,
    );
  const table = readTable(path);
  const columns = effects.map(({ name }) => covariate(table, name).values);
  return (row) => {
    const own = paramsFor(
      { params: bgNbd, covariates: effects },
      columns.map((values) => values[row]!),
    );
    return { ...rest, bgNbd: own } as ClvModel;
  };
}

/** '90', '90d', '52w', '12m' → days. @throws UsageError */
export function parseHorizon(text: string): number {
  const duration = parseDuration(text);
  if (!duration.ok) throw new UsageError(`--horizon ${duration.reason}`);
  return daysOf(duration.value);
}

const histories = (rows: Histories, daysPerUnit: number): CustomerHistory[] =>
  Array.from(rows.frequency, (frequency, i) => ({
    frequency,
    recency: rows.recency![i]! * daysPerUnit,
    T: rows.T![i]! * daysPerUnit,
    monetaryValue: rows.monetaryValue?.[i],
  }));

const refusal = ({ reason, message }: Refusal) => ({ reason, message });

function churn(model: ClvModel, customer: CustomerHistory, horizonDays: number) {
  const answer = predictChurn(model, customer, horizonDays);
  if (!answer.ok) return refusal(answer.reason);
  const { pChurn, pAlive, expectedPurchases, band } = answer.value;
  const interval = churnInterval(model, customer, answer.value);
  return {
    p_churn: pChurn,
    ...(interval && { lower: interval.lower, upper: interval.upper }),
    p_alive: pAlive,
    expected_purchases: expectedPurchases,
    horizon_days: horizonDays,
    band,
  };
}

function clv(
  model: ClvModel,
  customer: CustomerHistory,
  horizonDays: number,
  discountMonthly: number,
  discounting: Discounting,
) {
  const answer = predictClv(model, customer, { horizonDays, discountMonthly, discounting });
  if (!answer.ok) return refusal(answer.reason);
  const { value } = answer;
  const interval = clvInterval(model, customer, value);
  const naive = naiveValue(customer, horizonDays);
  return {
    clv_mean: value.clvMean,
    clv_p05: value.quantiles[0]!,
    clv_p50: value.quantiles[1]!,
    clv_p95: value.quantiles[2]!,
    ...(interval && { parameter_lower: interval.lower, parameter_upper: interval.upper }),
    p_zero_spend: value.pZeroSpend,
    expected_purchases: value.expectedPurchases,
    expected_spend: value.expectedSpend,
    expected_spend_per_purchase: value.expectedSpendPerPurchase,
    p_alive: value.pAlive,
    naive_purchases: naive.expectedPurchases,
    naive_spend: naive.expectedSpend,
    horizon_days: horizonDays,
    months: value.months,
    discounting: value.discounting,
  };
}

/** Counts told one by one; more are summed up in the last column. */
const COUNTS = 5;

function purchases(model: ClvModel, customer: CustomerHistory, horizonDays: number) {
  const guard = applicable(model, customer, horizonDays);
  if (!guard.ok) return refusal(guard);
  const days = DAYS_PER_UNIT[model.unit];
  const state = posteriorOf(model, customer);
  const t = horizonDays / days;
  const pmf = countPmf(state, t, COUNTS - 1);
  const [p05, p50, p95] = countQuantiles(state, t, [0.05, 0.5, 0.95]);
  const next = nextPurchase(state);
  const inDays = (time: number | null) => (time === null ? null : time * days);
  return {
    expected_purchases: expectedFuture(state, t),
    ...Object.fromEntries(Array.from(pmf, (p, n) => [`p_${n}`, p])),
    [`p_${COUNTS}_or_more`]: Math.max(0, 1 - pmf.reduce((sum, p) => sum + p, 0)),
    purchases_p05: p05,
    purchases_p50: p50,
    purchases_p95: p95,
    p_next_ever: next.pEver,
    next_expected_days: inDays(next.expected),
    next_p25_days: inDays(next.quantile(0.25)),
    next_p50_days: inDays(next.quantile(0.5)),
    next_p75_days: inDays(next.quantile(0.75)),
    p_alive: state.pAlive,
    naive_purchases: naiveValue(customer, horizonDays).expectedPurchases,
    horizon_days: horizonDays,
  };
}

function purchaseModel(model: ClvModel): PurchaseModel {
  const newcomer = posteriorOf(model, { frequency: 0, recency: 0, T: 0 });
  return {
    title: model.bgNbd ? 'BG/NBD' : model.mbgNbd ? 'MBG/NBD' : 'Pareto/NBD',
    unit: model.unit,
    expectedOfNew: (t) => expectedFuture(newcomer, t),
  };
}

const unionOfKeys = (rows: object[]) => [...new Set(rows.flatMap((row) => Object.keys(row)))];
