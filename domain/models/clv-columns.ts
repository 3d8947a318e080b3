// Lifetime values of many customers at once, column in and column out: what the worker pool runs. Exact quantiles cost tens of µs each,
// so a batch of them must not hold up the thread that answers single requests.
import { type ClvModel, type CustomerHistory, predictClv } from './clv-model.ts';
import { clvInterval } from './parameter-uncertainty.ts';

export interface ClvColumnsRequest {
  model: ClvModel;
  frequency: Float64Array;
  /** Days. */
  recency: Float64Array;
  T: Float64Array;
  /** Mean net money of the money days; NaN when there is none. */
  monetaryValue: Float64Array;
  moneyDays: Float64Array;
  /** 1 = left-truncated, 2 = money without a rate, 4 = not a customer; added up. */
  flags: Uint8Array;
  months?: number | undefined;
  horizonDays?: number | undefined;
  discountMonthly: number;
  /** Also the intervals that come from the parameters, some 20 µs a row. */
  intervals?: boolean | undefined;
}

export const CLV_COLUMNS = [
  'clv_mean',
  'clv_p05',
  'clv_p50',
  'clv_p95',
  'p_zero_spend',
  'expected_purchases',
  'expected_spend',
  'expected_spend_per_purchase',
  'p_alive',
] as const;

export interface ClvColumnsAnswer {
  /** One Float64Array a name of CLV_COLUMNS; rows that are refused hold 0. */
  columns: Float64Array[];
  /** Refusals by row: [reason, message], or null. */
  refused: ([string, string] | null)[];
  months: number;
  horizonDays: number;
  /** 95 % interval of clv_mean from the parameters, by row; null when not asked for or the model carries no covariance. */
  intervals: { lower: Float64Array; upper: Float64Array } | null;
}

export function clvColumns(request: ClvColumnsRequest): ClvColumnsAnswer {
  const n = request.frequency.length;
  const columns = CLV_COLUMNS.map(() => new Float64Array(n));
  const refused: ClvColumnsAnswer['refused'] = new Array(n).fill(null);
  const { model, months, horizonDays, discountMonthly } = request;
  const told = model.covariance?.purchases !== undefined && model.covariance.money !== undefined;
  const intervals = request.intervals && told ? { lower: new Float64Array(n), upper: new Float64Array(n) } : null;
  let echo = { months: months ?? 0, horizonDays: horizonDays ?? 0 };
  for (let row = 0; row < n; row++) {
    const flags = request.flags[row]!;
    const money = request.monetaryValue[row]!;
    const customer: CustomerHistory = {
      frequency: request.frequency[row]!,
      recency: request.recency[row]!,
      T: request.T[row]!,
      monetaryValue: Number.isNaN(money) ? null : money,
      moneyDays: request.moneyDays[row]!,
      leftTruncated: (flags & 1) !== 0,
      withoutRate: (flags & 2) !== 0,
      notACustomer: (flags & 4) !== 0,
      contractual: (flags & 8) !== 0,
    };
    const answer = predictClv(model, customer, { months, horizonDays, discountMonthly });
    if (!answer.ok) {
      refused[row] = [answer.reason.reason, answer.reason.message];
      continue;
    }
    const { value } = answer;
    const interval = intervals && clvInterval(model, customer, value);
    if (interval) {
      intervals!.lower[row] = interval.lower;
      intervals!.upper[row] = interval.upper;
    }
    echo = { months: value.months, horizonDays: value.horizonDays };
    const values = [
      value.clvMean,
      ...value.quantiles,
      value.pZeroSpend,
      value.expectedPurchases,
      value.expectedSpend,
      value.expectedSpendPerPurchase,
      value.pAlive,
    ];
    for (let column = 0; column < columns.length; column++) columns[column]![row] = values[column]!;
  }
  return { columns, refused, ...echo, intervals };
}
