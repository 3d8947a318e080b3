// Shared by the tests of the tables: a database of one's own on the test engines, and log messages made from a few fields.
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { Fact, StoredEvent } from '#domain/envelope.ts';
import type { LogLine } from '#projections/runner.ts';
import { createMemoryStore, type MemoryStore } from '#streams/memory/store.ts';
import { encodeFact, PackWriter } from '#streams/pack.ts';
import type { TestEngines } from '../support/engines.ts';

const HEADER = { tenant: 'main', gateway: 'test', epoch: 1, ingestedAt: 1_700_000_000_000 };
export const DAY = 86_400_000;

/** A database of its own; the url. */
export async function createDatabase(engines: TestEngines, label: string): Promise<string> {
  const name = `${label}_${randomBytes(4).toString('hex')}`;
  const client = new pg.Client({ connectionString: engines.postgres.url });
  await client.connect();
  await client.query(`create database ${name}`);
  await client.end();
  const url = new URL(engines.postgres.url);
  url.pathname = `/${name}`;
  return url.href;
}

/** Runs `work` on a connection of its own. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined); // a test may end the connection on purpose
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** sid number n: distinct sid_key, distinct partition. */
export function sid(n: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.imul(n + 1, 2_654_435_761) >>> 0);
  view.setUint32(4, n);
  view.setUint32(12, n);
  return bytes;
}
export const uuidOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

const hash = (text: string, bytes: number): Uint8Array => {
  let h = 2_166_136_261;
  const out = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) {
    for (const character of `${i}${text}`) h = Math.imul(h ^ character.charCodeAt(0), 16_777_619);
    out[i] = (h >>> 13) & 0xff;
  }
  return out;
};

let ids = 0;
/** An event; `order` and `refunds` are names of orders, hashed here. */
export function event(
  fields: Partial<Omit<StoredEvent, 'sid'>> & { sid: Uint8Array; id?: string; order?: string; refunds?: string },
): StoredEvent {
  const { id, order, refunds, ...rest } = fields;
  const day = rest.day ?? 20_000;
  const type = rest.type ?? 'order.placed';
  const isDocument = type === 'order.placed' || type === 'order.refunded';
  const name = id ?? `event-${ids++}`;
  return {
    anonymous: false,
    counter: 0,
    eventHash: hash(name, 16),
    type,
    schemaVersion: 1,
    at: day * DAY + 3_600_000,
    dateOnly: false,
    day,
    zoneVersion: 1,
    source: 'shop',
    policyVersion: 1,
    run: null,
    producerNumber: 0,
    lines: 1,
    orderHash: isDocument ? hash(order ?? name, 8) : null,
    refundedOrderHash: refunds === undefined ? null : hash(refunds, 8),
    revision: 0,
    minor: isDocument ? 1000 : null,
    currency: isDocument ? 'EUR' : null,
    channel: null,
    name: null,
    props: null,
    traceId: null,
    correlationId: null,
    causationId: null,
    sealed: null,
    ...rest,
  };
}

export function packOf(events: readonly StoredEvent[]): Uint8Array {
  const writer = new PackWriter(Math.max(1, events.length));
  for (const one of events) writer.add(one);
  return writer.encode(HEADER);
}
export const factBytes = (fact: Fact): Uint8Array => encodeFact(fact, HEADER);

export type Message = StoredEvent[] | Fact;
/** A log in memory that holds these messages in this order. */
export async function logOf(
  messages: readonly Message[],
  store: MemoryStore = createMemoryStore(),
): Promise<MemoryStore> {
  for (const message of messages)
    if (Array.isArray(message)) await store.append('evt.0.main', packOf(message));
    else await store.append('evt.all.main', factBytes(message));
  return store;
}

/** Log lines kept for assertions. */
export function keepLog(): {
  log: LogLine;
  lines: { level: string; fields: Record<string, unknown>; message: string }[];
} {
  const lines: { level: string; fields: Record<string, unknown>; message: string }[] = [];
  return { lines, log: (level, fields, message) => lines.push({ level, fields, message }) };
}

/** Everything the log's projection wrote, physical place included: equal before and after means no row was touched. */
export const rowsOf = (client: pg.ClientBase, table: string, order: string, columns = '*') =>
  client.query(`select ${columns} from rm.${table} order by ${order}`).then((result) => result.rows);
