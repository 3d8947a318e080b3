// One row a customer, pulled as state from the fold thread: however long PostgreSQL was away, only customers that changed meanwhile are
// written, once each. The ledger stays the one place that counts (facts §5).
import type { ClientBase } from 'pg';
import { NO_DAY } from '#domain/documents.ts';
import { type CopyBuffer, copyInto } from './copy-binary.ts';
import { COLUMN_FLAG } from './memory/row-layout.ts';

export { NO_DAY };
/** Bits of `flags`. */
export const CUSTOMER_FLAG = COLUMN_FLAG;
const { erased, anonymous, linked } = COLUMN_FLAG;

/** Customers that changed after a position, as columns of one length. */
export interface CustomerState {
  /** 16 bytes a customer. */
  sids: Uint8Array;
  /** Days since 1970; NO_DAY = none. */
  firstDay: Int32Array;
  lastDay: Int32Array;
  changeDay: Int32Array;
  orders: Uint32Array;
  frequency: Uint32Array;
  moneyDays: Uint32Array;
  moneyMinor: Float64Array;
  netMinor: Float64Array;
  /** Index into `currencies`, 0 = none or mixed. */
  currency: Uint16Array;
  currencies: readonly string[];
  /** COLUMN_FLAG bits. */
  flags: Uint8Array;
  /** Log position that last changed the customer. */
  seqs: Float64Array;
}

/** What is asked of the fold thread. */
export interface FoldState {
  /** At most `limit` customers that changed after `sinceSeq`, and the position up to which the answer is complete. */
  dirtyRows(sinceSeq: number, limit: number): Promise<{ rows: CustomerState; seq: number }>;
}

const STAGE = 'stage_customers';
const COLUMNS =
  'sid_key, sid, anonymous, first_day, last_day, change_day, orders, frequency, money_days, money_minor, net_minor, currency, seq';
const COLUMN_COUNT = 14;
export const stageTable = `create temp table if not exists ${STAGE} (
  sid_key bigint, sid uuid, anonymous boolean, first_day integer, last_day integer, change_day integer, orders integer, frequency integer,
  money_days integer, money_minor bigint, net_minor bigint, currency text collate "C", seq bigint, gone boolean) on commit delete rows`;

/** Rows [from, to) into the emptied buffer. */
export function encodeCustomers(out: CopyBuffer, state: CustomerState, from: number, to: number): void {
  const sids = new DataView(state.sids.buffer, state.sids.byteOffset, state.sids.byteLength);
  const day = (value: number) => (value === NO_DAY ? out.null() : out.int4(value));
  out.clear();
  for (let i = from; i < to; i++) {
    const [w0, w1] = [sids.getUint32(i * 16, true), sids.getUint32(i * 16 + 4, true)];
    out.row(COLUMN_COUNT);
    out.words2(w0, w1);
    out.words4(w0, w1, sids.getUint32(i * 16 + 8, true), sids.getUint32(i * 16 + 12, true));
    out.boolean((state.flags[i]! & anonymous) !== 0);
    day(state.firstDay[i]!);
    day(state.lastDay[i]!);
    day(state.changeDay[i]!);
    out.int4(state.orders[i]!);
    out.int4(state.frequency[i]!);
    out.int4(state.moneyDays[i]!);
    out.int8(state.moneyMinor[i]!);
    out.int8(state.netMinor[i]!);
    out.text(state.currencies[state.currency[i]!] || null);
    out.int8(state.seqs[i]!);
    out.boolean((state.flags[i]! & (erased | linked)) !== 0);
  }
}

const SET = COLUMNS.split(', ')
  .slice(1)
  .map((column) => `${column} = excluded.${column}`)
  .join(', ');
// An erasure that the fold has not seen yet must not bring a row back. Who is linked away the fold says itself.
const MERGE = `insert into rm.customers as t (${COLUMNS})
select distinct on (sid_key) ${COLUMNS} from ${STAGE} s
where not s.gone
  and not exists (select from rm.erasures e where e.sid_key = s.sid_key)
order by sid_key, seq desc
on conflict (sid_key) do update set ${SET} where excluded.seq >= t.seq`;
const DELETE = `delete from rm.customers t using ${STAGE} s where s.gone and t.sid_key = s.sid_key`;

/** As the fold has them now, whatever position the tables have reached: whoever changed since comes again. */
export async function mergeCustomersOf(client: ClientBase, rows: CopyBuffer, state: CustomerState): Promise<void> {
  encodeCustomers(rows, state, 0, state.sids.length / 16);
  if (rows.rows > 0) await mergeCustomers(client, rows);
}

export async function mergeCustomers(client: ClientBase, rows: CopyBuffer): Promise<void> {
  await copyInto(client, STAGE, rows);
  await client.query({ name: 'merge-customers', text: MERGE });
  await client.query({ name: 'delete-customers', text: DELETE });
}
