// Lifetime values of many customers at once, column in and column out: what the worker pool runs. Exact quantiles cost tens of µs each,
// so a batch of them must not hold up the thread that answers single requests.
import { type ClvModel, predictClv } from './clv-model.ts';

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
}

export function clvColumns(request: ClvColumnsRequest): ClvColumnsAnswer {
  const n = request.frequency.length;
  const columns = CLV_COLUMNS.map(() => new Float64Array(n));
  const refused: ClvColumnsAnswer['refused'] = new Array(n).fill(null);
  const { model, months, horizonDays, discountMonthly } = request;
  let echo = { months: months ?? 0, horizonDays: horizonDays ?? 0 };
  for (let row = 0; row < n; row++) {
    const flags = request.flags[row]!;
    const money = request.monetaryValue[row]!;
    const answer = predictClv(
      model,
      {
        frequency: request.frequency[row]!,
        recency: request.recency[row]!,
        T: request.T[row]!,
        monetaryValue: Number.isNaN(money) ? null : money,
        moneyDays: request.moneyDays[row]!,
        leftTruncated: (flags & 1) !== 0,
        withoutRate: (flags & 2) !== 0,
        notACustomer: (flags & 4) !== 0,
      },
      { months, horizonDays, discountMonthly },
    );
    if (!answer.ok) {
      refused[row] = [answer.reason.reason, answer.reason.message];
      continue;
    }
    const { value } = answer;
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
  return { columns, refused, ...echo };
}
