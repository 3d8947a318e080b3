// Tables beside ledgers, customer by customer: what PostgreSQL holds of these customers must be what the fold says of them. Exact while both go on:
// one snapshot of the tables, then the fold at or behind it, and whoever has changed since is left for later.
import type { Pool } from 'pg';
import type { CustomerEntries } from '#domain/ledger.ts';
import type { ProjectionName } from './catalogue.ts';
import { type CustomerState, NO_DAY } from './customers.ts';
import { COLUMN_FLAG } from './memory/row-layout.ts';
import { ledgerText, tableTexts } from './transactions-digest.ts';

/** What is asked of the fold thread; all three answer for the moment they are asked at. */
export interface FoldToCompare {
  waitFor(seq: number): Promise<void>;
  entriesOf(sids: Uint8Array[]): Promise<(CustomerEntries | null)[]>;
  rowsOf(sids: Uint8Array[]): Promise<CustomerState>;
}

export interface TableDifference {
  projection: Extract<ProjectionName, 'events' | 'customers'>;
  /** Hex. */
  sid: string;
  /** Log position that last changed the customer. */
  seq: number;
  table: string;
  ledger: string;
}

export interface Comparison {
  /** Positions of the tables that were looked at. */
  events: number;
  customers: number;
  compared: number;
  /** Changed while it was looked at; they come again as changed ones. */
  skipped: number;
  /** Orders and refunds of those compared. */
  documents: number;
  differences: TableDifference[];
}

const hexOf = (sid: Uint8Array): string => Buffer.from(sid).toString('hex');
const keyOf = (sid: Uint8Array): string => Buffer.from(sid).readBigInt64BE(0).toString();
const NOTHING = 'nothing';

/** @param names what is compared; both unless said. */
export async function compareTables(
  pool: Pool,
  fold: FoldToCompare,
  sids: Uint8Array[],
  names: readonly TableDifference['projection'][] = ['events', 'customers'],
): Promise<Comparison> {
  const keys = sids.map(keyOf);
  const tables = await readTables(pool, keys);
  const at = names.map((name) => tables[name]);
  await fold.waitFor(Math.max(...at));
  const [entries, state] = [await fold.entriesOf(sids), await fold.rowsOf(sids)];
  const result: Comparison = {
    events: tables.events,
    customers: tables.customers,
    compared: 0,
    skipped: 0,
    documents: 0,
    differences: [],
  };
  for (const [i, sid] of sids.entries()) {
    const one = entries[i];
    const text = hexOf(sid);
    // Asked one after the other: the fold may have gone on between the answers.
    if (!one || Math.max(one.seq, state.seqs[i]!) > Math.min(...at)) {
      result.skipped++;
      continue;
    }
    result.compared++;
    const own = one.sid === text && !one.erased;
    if (own) result.documents += one.orders.length + one.refunds.length;
    const documents = { table: tables.documents.get(keys[i]!) ?? NOTHING, ledger: (own && ledgerText(one)) || NOTHING };
    if (names.includes('events') && documents.table !== documents.ledger)
      result.differences.push({ projection: 'events', sid: text, seq: one.seq, ...documents });
    const row = { table: tables.rows.get(keys[i]!) ?? NOTHING, ledger: stateText(state, i) ?? NOTHING };
    if (names.includes('customers') && row.table !== row.ledger)
      result.differences.push({ projection: 'customers', sid: text, seq: one.seq, ...row });
  }
  return result;
}

interface CustomerRead {
  sid_key: string;
  values: (string | number | boolean | null)[];
}

async function readTables(pool: Pool, keys: readonly string[]) {
  const client = await pool.connect();
  try {
    await client.query('begin isolation level repeatable read read only');
    const at = await client.query<{ projection: string; seq: string }>('select projection, seq from rm.checkpoints');
    const documents = await tableTexts(client, keys);
    const found = await client.query<CustomerRead>(
      `select sid_key, json_build_array(anonymous, first_day, last_day, change_day, orders, frequency, money_days, money_minor, net_minor,
         currency, seq) as values from rm.customers where sid_key = any($1::bigint[])`,
      [keys],
    );
    await client.query('commit');
    client.release();
    const seqOf = (name: ProjectionName) => Number(at.rows.find(({ projection }) => projection === name)?.seq ?? 0);
    return {
      events: seqOf('events'),
      customers: seqOf('customers'),
      documents,
      rows: new Map(found.rows.map(({ sid_key, values }) => [sid_key, JSON.stringify(values)])),
    };
  } catch (error) {
    client.release(true);
    throw error;
  }
}

/** Row `i` as the table has it; null: it is not in it. */
function stateText(state: CustomerState, i: number): string | null {
  const flags = state.flags[i]!;
  if ((flags & (COLUMN_FLAG.erased | COLUMN_FLAG.linked)) !== 0) return null;
  const day = (value: number) => (value === NO_DAY ? null : value);
  return JSON.stringify([
    (flags & COLUMN_FLAG.anonymous) !== 0,
    day(state.firstDay[i]!),
    day(state.lastDay[i]!),
    day(state.changeDay[i]!),
    state.orders[i],
    state.frequency[i],
    state.moneyDays[i],
    state.moneyMinor[i],
    state.netMinor[i],
    state.currencies[state.currency[i]!] || null,
    state.seqs[i],
  ]);
}
