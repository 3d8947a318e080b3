// The log as it stood at an earlier moment: everybody in one line, or one customer with what the model of then says of them.
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError, type Client, dataDirOf, withServer } from '../client.ts';
import { createProgress } from '../progress.ts';
import { type Command, type Io, UsageError } from './command.ts';
import { parseCommand, print, table } from './options.ts';

interface Placed {
  as_of: { seq: number; at: string | null };
  clock: string;
}
interface Everybody extends Placed {
  day: string;
  state: string;
  customers: number;
  buyers: number;
  erased: number;
  events: number;
  orders: number;
  refunds: number;
  gross: Record<string, string>;
  refunded: Record<string, string>;
  models: { id: string; version: number; kind: string; digest: string; deployed_seq: number; percent: number }[];
  first_model: { id: string; deployed_seq: number } | null;
  folded_from: number;
  ms: number;
}
interface Customer extends Placed {
  customer_id: string;
  ref: string;
  first_day: string | null;
  last_day: string | null;
  orders: number;
  frequency: number;
  net: number | null;
  currency: string;
  linked: number;
  timeline: {
    day: string;
    type: string;
    amount: string | null;
    currency: string | null;
    name: string | null;
    count: number;
  }[];
  timeline_total: number;
}
type Prediction = Record<string, unknown> & { model: { id: string; version: number } | null };
interface OneCustomer {
  customer: Customer;
  churn: Prediction | null;
  clv: Prediction | null;
  /** Why a prediction is missing. */
  not_applicable: { churn: string | null; clv: string | null };
}

/** Entries shown; the rest is counted. */
const SHOWN = 20;
const TIMELINE = 5_000;
const POLL_MS = 200;

export const replay: Command = {
  name: 'replay',
  summary: 'the log as it stood at an earlier moment: everybody, or one customer with the scores of then',
  help: `
axiom47 replay --as-of SEQ|TIME [--data-dir DIR] [--json]
axiom47 replay --as-of SEQ|TIME --customer ID

--as-of     a log position (12,345: what the log held then, at its own now) or a moment (2026-03-01, 2026-03-01T12:00:00Z: what is known today of
            the time up to it)
--customer  one customer: ledger, features, P(alive), churn and lifetime value by the models that were in force at that position

Without --customer: the digest of the state (the same for the same position, for ever), customers, orders, gross and refunds by currency, and the
models in force then. It is folded from the nearest snapshot in a thread of its own; one customer is read by the event index and takes milliseconds.
Whoever was erased since has no past either.

Example: axiom47 replay --as-of 2026-03-01 --customer c-1042
         axiom47 replay --as-of 12345 --json
`,
  async run(argv, io) {
    const { values, positionals } = parseCommand(argv, { 'as-of': { type: 'string' }, customer: { type: 'string' } });
    const asOf = values['as-of']?.trim() ?? '';
    if (asOf === '' || positionals.length > 0)
      throw new UsageError('replay takes --as-of SEQ|TIME, and --customer ID for one customer');
    if (/^\d{1,12}$/.test(asOf) && Number(asOf) < 1)
      throw new UsageError(`--as-of ${asOf}: the log begins at sequence 1`);
    if (values.customer !== undefined && values.customer.trim() === '')
      throw new UsageError('--customer takes a customer id');
    return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
      try {
        if (values.customer === undefined) await everybody(client, asOf, values.json, io);
        else await oneCustomer(client, asOf, values.customer.trim(), values.json, io);
        return 0;
      } catch (error) {
        // What was asked about is not there: bad input, in the API's own words.
        if (error instanceof ApiError && [404, 410, 422].includes(error.status)) throw new UsageError(error.message);
        throw error;
      }
    });
  },
};

async function everybody(client: Client, asOf: string, json: boolean | undefined, io: Io): Promise<void> {
  const query = new URLSearchParams({ as_of: asOf });
  const bar = createProgress('folding the log', io);
  let over = false;
  const asked = client.call<Everybody>('GET', `/api/past?${query}`).finally(() => {
    over = true;
  });
  asked.catch(() => undefined); // awaited below
  let shown = false;
  for (await Promise.race([asked.catch(() => undefined), sleep(POLL_MS)]); !over; await sleep(POLL_MS)) {
    const { folding } = await client.call<{ folding: { from: number; seq: number; to: number } | null }>(
      'GET',
      '/api/past/status',
    );
    if (folding === null || over) continue;
    shown = true;
    bar.update(folding.seq - folding.from, folding.to - folding.from, `at ${folding.seq} of ${folding.to}`);
  }
  const found = await asked;
  if (shown) bar.finish();
  print(io, json, found, () => inWords(found));
}

const moneyText = (sums: Record<string, string>): string =>
  Object.entries(sums)
    .map(([currency, amount]) => `${amount} ${currency}`)
    .join(', ') || 'none';

function inWords(found: Everybody): string {
  const { as_of, day, customers, buyers, erased, orders, refunds, events, models } = found;
  const from = found.folded_from === 0 ? 'from the beginning of the log' : `from the snapshot at ${found.folded_from}`;
  return [
    `log position ${as_of.seq}, ${as_of.at ?? 'before its first event'} (${day}, clock: ${found.clock})`,
    `state ${found.state}`,
    `customers ${customers}, ${buyers} of them buyers${erased > 0 ? `; erased ${erased}` : ''}`,
    `events ${events}, orders ${orders}, refunds ${refunds}`,
    `gross ${moneyText(found.gross)}`,
    `refunded ${moneyText(found.refunded)}`,
    models.length === 0
      ? `no model was in force${found.first_model ? `: the first, ${found.first_model.id}, came at position ${found.first_model.deployed_seq}` : ' and none has come since'}`
      : `in force: ${models.map((each) => `${each.id} v${each.version} (${each.percent === 100 ? '' : `canary of ${each.percent} %, `}${each.kind}, since ${each.deployed_seq}, ${each.digest.slice(0, 12)})`).join('; ')}`,
    `folded ${from} in ${(found.ms / 1_000).toFixed(2)} s`,
  ].join('\n');
}

async function oneCustomer(client: Client, asOf: string, id: string, json: boolean | undefined, io: Io): Promise<void> {
  const { ref } = await client.call<{ ref: string }>('POST', '/api/customers/lookup', { customer_id: id });
  const query = new URLSearchParams({ as_of: asOf, timeline: String(TIMELINE) });
  const customer = await client.call<Customer>('GET', `/api/customers/${ref}?${query}`);
  // The very moment, so that all three speak of the same one.
  const as_of = { seq: customer.as_of.seq, ...(customer.as_of.at !== null && { at: customer.as_of.at }) };
  const why = { churn: null as string | null, clv: null as string | null };
  const predicted = async (kind: 'churn' | 'clv'): Promise<Prediction | null> => {
    try {
      return await client.call<Prediction>('POST', `/api/predict/${kind}`, { customer_id: id, as_of, strict: true });
    } catch (error) {
      // No model was in force, or it does not speak of this customer: an answer too.
      if (!(error instanceof ApiError) || error.status >= 500) throw error;
      why[kind] = error.message;
      return null;
    }
  };
  const churn = await predicted('churn');
  const clv = await predicted('clv');
  const found: OneCustomer = { customer, churn, clv, not_applicable: why };
  print(io, json, found, () => customerInWords(found));
}

const SCORES = [
  'p_churn',
  'p_alive',
  'expected_purchases',
  'horizon_days',
  'band',
  'clv_mean',
  'clv_p05',
  'clv_p50',
  'clv_p95',
  'months',
  'score_id',
];

function customerInWords({ customer, churn, clv, not_applicable: why }: OneCustomer): string {
  const { as_of, timeline, timeline_total: total } = customer;
  const scores = (name: 'churn' | 'clv', prediction: Prediction | null): string[] => {
    if (prediction === null) return [`${name}: ${why[name]}`];
    const model = prediction.model === null ? 'no model' : `${prediction.model.id} v${prediction.model.version}`;
    return [
      `${name} by ${model}`,
      ...SCORES.filter((each) => prediction[each] !== undefined && prediction[each] !== null).map(
        (each) => `  ${each} ${prediction[each]}`,
      ),
    ];
  };
  const features = Object.entries(((clv ?? churn)?.features ?? {}) as Record<string, unknown>)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
  const rows = timeline
    .slice(0, SHOWN)
    .map((each) => [
      each.day,
      each.type,
      each.amount === null ? each.name : `${each.amount} ${each.currency}`,
      each.count,
    ]);
  return [
    `${customer.customer_id} at log position ${as_of.seq}, ${as_of.at ?? 'before the first event'} (clock: ${customer.clock})`,
    `${customer.orders} orders, ${customer.frequency} repeat purchase days, first ${customer.first_day ?? '–'}, last ${customer.last_day ?? '–'}, net ${customer.net ?? '–'} ${customer.currency}`,
    ...(customer.linked > 0 ? [`further ids of the same person: ${customer.linked}`] : []),
    ...(features === '' ? [] : [features]),
    ...scores('churn', churn),
    ...scores('clv', clv),
    '',
    table(['day', 'what', 'value', 'count'], rows),
    ...(total > rows.length
      ? [`… and ${total - rows.length} earlier ones (--json has ${Math.min(total, TIMELINE)})`]
      : []),
  ].join('\n');
}
