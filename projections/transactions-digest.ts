// One number for all orders and refunds, computed from the tables or from ledgers: equal numbers, equal content (`verify --projections`).
import { hash } from 'node:crypto';
import type { ClientBase } from 'pg';
import { addTerms, digestHex, digestTerm } from '#domain/digest.ts';
import {
  type CustomerEntries,
  compareText,
  type DocumentEntry,
  type OrderEntry,
  type RefundEntry,
} from '#domain/ledger.ts';
import { ORDER } from './catalogue.ts';

const sha256 = (text: string): string => hash('sha256', text, 'hex');

/** As `stateRow` writes orders and refunds, with the channel; the customer by the first 8 bytes of the sid (the tables' key), 16 hex digits. */
const rowOf = (customer: string, orders: readonly OrderEntry[], refunds: readonly RefundEntry[]): string =>
  JSON.stringify([
    customer,
    orders.map((o) => [o.day, o.key, o.minor, o.currency, o.revision, o.channel]),
    refunds.map((r) => [r.day, r.key, r.orderKey ?? 0, r.minor, r.currency, r.revision]),
  ]);

/** What the tables should hold of a customer; empty when that is nothing. */
export const ledgerText = ({ sid, erased, orders, refunds }: CustomerEntries): string =>
  erased || orders.length + refunds.length === 0 ? '' : rowOf(sid.slice(0, 16), orders, refunds);

export function digestOfLedgers(customers: Iterable<CustomerEntries>): string {
  let sum = 0n;
  for (const customer of customers) {
    const text = ledgerText(customer);
    if (text !== '') sum = addTerms(sum, digestTerm(text, sha256));
  }
  return digestHex(sum);
}

const hex64 = (int8: string): string => BigInt.asUintN(64, BigInt(int8)).toString(16).padStart(16, '0');
const byDayAndKey = (a: DocumentEntry, b: DocumentEntry): number => a.day - b.day || compareText(a.key, b.key);

const SELECT = `select sid_key, kind, day, order_key, refunded_order_key, minor, currency, revision, channel from rm.transactions`;
type Row = [
  sidKey: string,
  kind: number,
  day: number,
  key: string,
  order: string | null,
  minor: string | null,
  currency: string | null,
  revision: string,
  channel: string | null,
];

/** Takes rows in the order of the customer's key and hands on each customer's text. */
function grouped(each: (sidKey: string, text: string) => void) {
  let customer: string | null = null;
  let orders: OrderEntry[] = [];
  let refunds: RefundEntry[] = [];
  const close = () => {
    if (customer !== null) each(customer, rowOf(hex64(customer), orders.sort(byDayAndKey), refunds.sort(byDayAndKey)));
    orders = [];
    refunds = [];
  };
  return {
    take([sidKey, kind, day, key, order, minor, currency, revision, channel]: Row) {
      if (sidKey !== customer) {
        close();
        customer = sidKey;
      }
      const entry: DocumentEntry = {
        key: hex64(key),
        day,
        minor: minor === null ? null : Number(minor),
        currency,
        revision: Number(revision),
      };
      if (kind === ORDER) orders.push({ ...entry, channel });
      else refunds.push({ ...entry, orderKey: order === null ? null : hex64(order) });
    },
    close,
  };
}

/** Reads the table in the order of its key, through a cursor; the client must be inside a transaction. */
export async function digestOfTable(client: ClientBase): Promise<{ transactions: string; rows: number }> {
  await client.query(`declare transactions_digest no scroll cursor for ${SELECT} order by sid_key`);
  let sum = 0n;
  let count = 0;
  const customers = grouped((_, text) => {
    sum = addTerms(sum, digestTerm(text, sha256));
  });
  for (;;) {
    const { rows } = await client.query<Row>({ text: 'fetch 5000 from transactions_digest', rowMode: 'array' });
    for (const row of rows) customers.take(row);
    count += rows.length;
    if (rows.length === 0) break;
  }
  customers.close();
  await client.query('close transactions_digest');
  return { transactions: digestHex(sum), rows: count };
}

/** The text of each of these customers (by sid_key) that the table holds something of. */
export async function tableTexts(client: ClientBase, sidKeys: readonly string[]): Promise<Map<string, string>> {
  const text = `${SELECT} where sid_key = any($1::bigint[]) order by sid_key`;
  const { rows } = await client.query<Row>({ text, values: [sidKeys], rowMode: 'array' });
  const texts = new Map<string, string>();
  const customers = grouped((sidKey, one) => texts.set(sidKey, one));
  for (const row of rows) customers.take(row);
  customers.close();
  return texts;
}
