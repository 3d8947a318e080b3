// `axiom47 predict`: churn or lifetime value for every row of a file, from parameter files, without a server.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { stringify } from 'csv-stringify/sync';
import * as bgNbd from '#domain/models/bg-nbd.ts';
import {
  type ClvModel,
  type CustomerHistory,
  parseClvModel,
  predictChurn,
  predictClv,
  type Refusal,
} from '#domain/models/clv-model.ts';
import { WEEKS_PER_MONTH } from '#domain/models/lifetime-value.ts';
import * as mbgNbd from '#domain/models/mbg-nbd.ts';
import { type Histories, readSummary, readTransactions } from '../summary-input.ts';
import { type Command, UsageError } from './command.ts';
import { fileAfterTransactions } from './fit.ts';
import { timeUnit } from './rfm.ts';
import { drawTracking, type PurchaseModel } from './tracking-svg.ts';

export const predict: Command = {
  name: 'predict',
  summary: 'churn or lifetime value for every customer of a file, from parameter files',
  help: `axiom47 predict churn|clv --params FILE [--params FILE] --data FILE [--horizon N[d|w|m]] [--discount R] [--columns …] [--unit week|day] [--json]
axiom47 predict churn|clv --params FILE --transactions FILE [--customer COL --time COL --amount COL --date-order dmy|mdy
                            --decimal point|comma --until DATE --grain day|week] [--svg FILE] …

  --params    what \`axiom47 fit --json\` printed, or a CLV model file {"model": "clv", "unit": "week", "bgNbd": {…}, "gammaGamma": {…}};
              for clv give both the purchase model and gamma-gamma
  --horizon   days (90d, also without the letter), weeks (52w) or months of 4.345 weeks (12m); churn 90d, clv 12m when not told
  --discount  rate per month, at month ends, for clv_mean (0.01)
  --unit      unit of recency and T in --data (that of the model)
  --svg       draws the tracking plot: repeat purchases of the transactions as they came beside those the model expects
  --json      an array of rows; without it, CSV. A row a model cannot speak about has \`reason\` and \`message\` instead of numbers

Churn is the probability of no purchase within the horizon. clv_p05, clv_p50, clv_p95 are quantiles of undiscounted spend.

Example:
  axiom47 predict clv --params bg.json --params gg.json --data cdnow_summary_spend.csv --horizon 52w`,

  async run(argv, io) {
    const { values, positionals } = parseArgs({
      args: fileAfterTransactions(argv),
      allowPositionals: true,
      options: {
        params: { type: 'string', multiple: true },
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
        horizon: { type: 'string' },
        discount: { type: 'string', default: '0.01' },
        svg: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    const [wanted, ...rest] = positionals;
    if ((wanted !== 'churn' && wanted !== 'clv') || rest.length > 0)
      throw new UsageError(`predict needs churn or clv; got '${positionals.join(' ')}'`);
    if (values.params === undefined)
      throw new UsageError('predict needs --params FILE, what `axiom47 fit --json` prints');
    if (values.data === undefined) throw new UsageError('predict needs --data FILE or --transactions FILE');
    const model = readModel(values.params);
    if (wanted === 'clv' && !model.gammaGamma)
      throw new UsageError(
        'clv needs a money model too: add --params with what `axiom47 fit gamma-gamma --json` prints',
      );
    const unit = values.unit === undefined ? model.unit : timeUnit('--unit', values.unit);
    if (values.svg !== undefined && !values.transactions)
      throw new UsageError('--svg draws the tracking plot: it needs --transactions, where the dates are');
    const rows: Histories = values.transactions
      ? { ...readTransactions(values.data, { ...values, unit, grain: timeUnit('--grain', values.grain) }), names: {} }
      : readSummary(
          values.data,
          values.columns,
          wanted === 'clv' ? ['frequency', 'recency', 'T', 'monetary'] : ['frequency', 'recency', 'T'],
        );
    const horizonDays = parseHorizon(values.horizon ?? (wanted === 'churn' ? '90d' : '12m'));
    const discountMonthly = Number(values.discount);
    if (!(discountMonthly > -1))
      throw new UsageError(`--discount ${values.discount} is not a rate above −1, e.g. 0.01`);
    const answers = histories(rows, unit === 'week' ? 7 : 1).map((customer, i) => ({
      ...(rows.ids ? { customer_id: rows.ids[i]! } : { row: i + 1 }),
      ...(wanted === 'churn'
        ? churn(model, customer, horizonDays)
        : clv(model, customer, horizonDays, discountMonthly)),
    }));
    if (values.svg !== undefined && rows.dated) drawTracking(values.svg, rows.dated, purchaseModel(model), io);
    const refused = answers.filter((answer) => 'reason' in answer).length;
    if (values.json) io.stdout(`${JSON.stringify(answers)}\n`);
    else io.stdout(stringify(answers, { header: true, columns: unionOfKeys(answers) }));
    if (refused > 0)
      io.stderr(`axiom47: ${refused} of ${answers.length} rows without a prediction; column reason says why\n`);
    return 0;
  },
};

function readModel(paths: string[]): ClvModel {
  const files = paths.map((path) => {
    try {
      return JSON.parse(readFileSync(path, 'utf8')) as unknown;
    } catch (error) {
      throw new UsageError(`--params ${path}: ${(error as Error).message}; give what \`axiom47 fit --json\` prints`);
    }
  });
  const model = parseClvModel(...files);
  if (!model.ok) throw new UsageError(`--params ${paths.join(', ')}: ${model.reason}`);
  return model.value;
}

/** '90', '90d', '52w', '12m' → days. @throws UsageError */
export function parseHorizon(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([dwm]?)$/.exec(text);
  const days = match
    ? Number(match[1]) * { '': 1, d: 1, w: 7, m: WEEKS_PER_MONTH * 7 }[match[2] as '' | 'd' | 'w' | 'm']
    : 0;
  if (!(days > 0)) throw new UsageError(`--horizon ${text} is not a length such as 90d, 52w or 12m`);
  return days;
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
  return { p_churn: pChurn, p_alive: pAlive, expected_purchases: expectedPurchases, horizon_days: horizonDays, band };
}

function clv(model: ClvModel, customer: CustomerHistory, horizonDays: number, discountMonthly: number) {
  const answer = predictClv(model, customer, { horizonDays, discountMonthly });
  if (!answer.ok) return refusal(answer.reason);
  const { value } = answer;
  return {
    clv_mean: value.clvMean,
    clv_p05: value.quantiles[0]!,
    clv_p50: value.quantiles[1]!,
    clv_p95: value.quantiles[2]!,
    p_zero_spend: value.pZeroSpend,
    expected_purchases: value.expectedPurchases,
    expected_spend: value.expectedSpend,
    expected_spend_per_purchase: value.expectedSpendPerPurchase,
    p_alive: value.pAlive,
    horizon_days: horizonDays,
    months: value.months,
  };
}

const purchaseModel = (model: ClvModel): PurchaseModel =>
  model.bgNbd
    ? { title: 'BG/NBD', unit: model.unit, expectedOfNew: (t) => bgNbd.expectedPurchasesOfNewCustomer(model.bgNbd, t) }
    : {
        title: 'MBG/NBD',
        unit: model.unit,
        expectedOfNew: (t) => mbgNbd.expectedPurchasesOfNewCustomer(model.mbgNbd, t),
      };

const unionOfKeys = (rows: object[]) => [...new Set(rows.flatMap((row) => Object.keys(row)))];
