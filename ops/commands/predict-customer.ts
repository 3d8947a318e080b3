// `predict churn|clv ID`: one customer of the running installation, by the models in force there; no file is needed.
import { ApiError, dataDirOf, withServer } from '../client.ts';
import { type Command, type Io, UsageError } from './command.ts';
import { print, table } from './options.ts';

export interface CustomerQuestion {
  wanted: 'churn' | 'clv';
  customerId: string;
  /** null: the model's own for churn, 12 months for value. */
  horizonDays: number | null;
  /** A month; for value. */
  discountMonthly: number;
  /** A position of the log or a moment; null: now. */
  asOf: string | null;
  dataDir: string | undefined;
  json: boolean;
}

type Answer = Record<string, unknown> & {
  customer_id: string;
  model: { id: string; version: number };
  as_of: { seq: number; at: string | null };
  interval_hint?: string | null;
  caveat?: string | null;
};

/** In this order; what an answer does not say is left out. */
const SHOWN = {
  churn: ['p_churn', 'lower', 'upper', 'band', 'horizon_days', 'p_alive', 'expected_purchases'],
  clv: [
    'clv_mean',
    'parameter_lower',
    'parameter_upper',
    'clv_p05',
    'clv_p50',
    'clv_p95',
    'p_zero_spend',
    'expected_purchases',
    'expected_spend',
    'p_alive',
    'months',
    'horizon_days',
    'currency',
  ],
} as const;

export function predictCustomer(question: CustomerQuestion, io: Io): ReturnType<Command['run']> {
  const { wanted, customerId, horizonDays, discountMonthly, asOf, json } = question;
  const body = {
    customer_id: customerId,
    strict: true,
    ...(horizonDays === null ? {} : { horizon_days: horizonDays }),
    ...(wanted === 'clv' ? { discount_monthly: discountMonthly } : {}),
    ...(asOf === null ? {} : { as_of: /^\d{1,12}$/.test(asOf) ? Number(asOf) : asOf }),
  };
  return withServer(dataDirOf(question.dataDir), { io }, async (client) => {
    const answer = await client.call<Answer>('POST', `/api/predict/${wanted}`, body).catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 404)
        throw new UsageError(
          typeof error.problem.late === 'string'
            ? error.problem.late
            : 'no customer of this installation has that id (--data-dir chooses another one)',
        );
      // Bad input, or nobody who could answer: in the API's own words.
      if (error instanceof ApiError && [400, 410, 422].includes(error.status)) throw new UsageError(error.message);
      throw error;
    });
    print(io, json, answer, () => inWords(answer, wanted));
    return 0;
  });
}

function inWords(answer: Answer, wanted: CustomerQuestion['wanted']): string {
  const { customer_id, model, as_of, interval_hint: hint, caveat } = answer;
  const rows = SHOWN[wanted].flatMap((name): [string, string][] => {
    const value = answer[name];
    return value === undefined || value === null ? [] : [[name, String(value)]];
  });
  return [
    `${customer_id} by ${model.id}, at log position ${as_of.seq}, ${as_of.at ?? 'before the first event'}`,
    table(['', ''], rows).trimStart(),
    ...(hint == null ? [] : [`no interval: ${hint}`]),
    ...(caveat == null ? [] : [`caveat: ${caveat}`]),
  ].join('\n');
}
