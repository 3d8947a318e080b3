// The one ledger that judges every fault: what the producers were acknowledged, what the log holds, what the running program answers and what
// its tables show must be the same set, the same counts and the same digests as an independent fold of what was sent.
import type { Pool } from 'pg';
import { addTerms, digestHex } from '#domain/digest.ts';
import { compareTables } from '#projections/compare.ts';
import { DirtyRows, stateOfRows } from '#projections/memory/dirty-rows.ts';
import { createLedger, type Ledger } from '#projections/memory/ledger.ts';
import { portableDigest, StateDigest } from '#projections/memory/state-digest.ts';
import { verifyChain } from '#streams/chain/verify.ts';
import type { EventStore } from '#streams/event-store.ts';
import { createIds } from '#streams/gateway/ids.ts';
import type { Keyring } from '#streams/keyring/keyring.ts';
import { decodeMessage, type PackView } from '#streams/pack.ts';
import { independentFold } from '../support/independent-fold.ts';
import { eventId, plainSale, type Shop, SOURCE } from './shop.ts';

/** What is judged; the program goes on meanwhile, but nobody sends. */
export interface Installation {
  store: EventStore;
  keyring: Keyring;
  tables: Pool;
  /** The digest of the running fold, once it has everything. */
  stateDigest(): Promise<string>;
}

export interface Verdict {
  sent: number;
  /** Events of producers in the log, each once. */
  stored: number;
  /** Stored a second time, and counted once: beyond the gateway's memory that is the fold's work. */
  storedTwice: number;
  /** Acknowledged, and not in the log, the state or the tables. */
  lost: number;
  /** Counted more than once by anybody, or never sent. */
  doubled: number;
  /** Every disagreement, in words; empty when all agree. */
  disagreements: string[];
}

const SHARD_EVENTS = 400_000;
const PAGE = 1_000;

/** @param sent sales 0 … sent − 1 were acknowledged. */
export async function judge(on: Installation, shop: Shop, sent: number): Promise<Verdict> {
  const disagreements: string[] = [];
  const agree = (what: string, found: unknown, expected: unknown) => {
    if (found !== expected) disagreements.push(`${what}: ${String(found)}, expected ${String(expected)}`);
  };

  const chain = await verifyChain(on.store);
  for (const { kind, from, to } of chain.faults) disagreements.push(`the log is ${kind} at ${from}–${to}`);
  const { ledger, hashes } = await foldLog(on.store);
  const log = compareSets(hashes, expectedHashes(on.keyring, sent));
  const own = new StateDigest(ledger).value();
  agree('digest of the running fold against one that was never interrupted', await on.stateDigest(), own);

  const oracle = independently(shop, sent);
  const ids = await namesOf(ledger, on.keyring);
  agree('digest against the independent fold', portableDigest(ledger, ids), oracle.digest);

  const tables = await tableTotals(on.tables);
  agree('customers of the fold', ledger.customers, oracle.customers);
  agree('customers in the tables', tables.customers, oracle.customers);
  agree('orders in the tables', tables.orders, oracle.orders);
  agree('refunds in the tables', tables.refunds, oracle.refunds);
  agree('gross in the tables', tables.gross, oracle.gross);
  agree('refunded in the tables', tables.refunded, oracle.refunded);
  agree('orders by customer', tables.ordersOfCustomers, oracle.orders);
  agree('repeat purchases', tables.frequency, oracle.frequency);
  for (const difference of await differences(on.tables, ledger)) disagreements.push(difference);

  const documents = oracle.orders + oracle.refunds;
  const shown = tables.orders + tables.refunds;
  if (log.missing + log.foreign > 0)
    disagreements.push(`${log.missing} acknowledged events are not in the log, ${log.foreign} were never sent`);
  return {
    sent,
    stored: log.distinct,
    storedTwice: log.repeated,
    lost: Math.max(log.missing, documents - shown, 0),
    doubled: Math.max(log.foreign, shown - documents, 0),
    disagreements,
  };
}

/** A fold of one's own, never interrupted; it refuses gaps. And the first 8 bytes of every event hash. */
async function foldLog(store: EventStore): Promise<{ ledger: Ledger; hashes: BigUint64Array }> {
  const ledger = createLedger();
  let hashes = new BigUint64Array(1 << 16);
  let count = 0;
  for await (const { seq, bytes } of store.read('EVT')) {
    const message = decodeMessage(bytes);
    ledger.applyMessage(seq, message);
    if (seq % 64 === 0) ledger.flushColumns();
    if (message.kind !== 'pack') continue;
    if (count + message.pack.count > hashes.length) {
      const wider = new BigUint64Array((count + message.pack.count) * 2);
      wider.set(hashes);
      hashes = wider;
    }
    count = takeHashes(message.pack, hashes, count);
  }
  ledger.flushColumns();
  return { ledger, hashes: hashes.slice(0, count).sort() };
}

const firstWord = (hash: Uint8Array): bigint => Buffer.from(hash.buffer, hash.byteOffset, 8).readBigUInt64BE(0);

function takeHashes(pack: PackView, into: BigUint64Array, from: number): number {
  for (let row = 0; row < pack.count; row++) into[from++] = firstWord(pack.eventHash(row));
  return from;
}

function expectedHashes(keyring: Keyring, sent: number): BigUint64Array {
  const { eventHash } = createIds(keyring.idKey);
  const hashes = new BigUint64Array(sent);
  for (let n = 0; n < sent; n++) hashes[n] = firstWord(eventHash(`i\0${SOURCE}\0${eventId(n)}`));
  return hashes.sort();
}

/** Both sorted; `expected` without repetitions (64 bits of a keyed hash: two of 5 million are equal once in 10⁶ runs). */
function compareSets(found: BigUint64Array, expected: BigUint64Array) {
  const result = { distinct: 0, repeated: 0, missing: 0, foreign: 0 };
  let at = 0;
  for (let i = 0; i < found.length; i++) {
    if (i > 0 && found[i] === found[i - 1]) {
      result.repeated++;
      continue;
    }
    result.distinct++;
    while (at < expected.length && expected[at]! < found[i]!) {
      result.missing++;
      at++;
    }
    if (at < expected.length && expected[at] === found[i]) at++;
    else result.foreign++;
  }
  result.missing += expected.length - at;
  return result;
}

/** The independent fold, some customers at a time; its totals and digests add up. */
function independently(shop: Shop, sent: number) {
  const shards = Math.max(1, Math.ceil(sent / SHARD_EVENTS));
  const total = { customers: 0, orders: 0, refunds: 0, gross: 0, refunded: 0, frequency: 0, digest: '' };
  let sum = 0n;
  for (let shard = 0; shard < shards; shard++) {
    const events = [];
    for (let n = 0; n < sent; n++) {
      const sale = plainSale(shop, n);
      if (Number(sale.customer.slice(2)) % shards === shard) events.push(sale);
    }
    const part = independentFold(events);
    total.customers += part.customers;
    total.orders += part.orders;
    for (const { refund } of part.ledgers.values()) total.refunds += refund.length;
    total.gross += part.gross;
    total.refunded += part.refunds;
    total.frequency += part.frequency;
    sum = addTerms(sum, BigInt(`0x${part.digest}`));
  }
  return { ...total, digest: digestHex(sum) };
}

async function namesOf(ledger: Ledger, keyring: Keyring): Promise<(sid: Uint8Array) => string | null> {
  const sids = [...ledger.canonicalRows()].map((row) => ledger.rows.sid(row));
  const names = new Map<string, string | null>();
  const ids = await keyring.idsOf(sids);
  for (const [i, sid] of sids.entries()) names.set(Buffer.from(sid).toString('hex'), ids[i] ?? null);
  return (sid) => names.get(Buffer.from(sid).toString('hex')) ?? null;
}

async function tableTotals(tables: Pool) {
  const { rows } = await tables.query<Record<string, string>>(
    `select count(*) filter (where kind = 0) as orders, count(*) filter (where kind = 1) as refunds,
       coalesce(sum(minor) filter (where kind = 0), 0) as gross, coalesce(sum(minor) filter (where kind = 1), 0) as refunded,
       (select count(*) from rm.customers) as customers,
       (select coalesce(sum(orders), 0) from rm.customers) as "ordersOfCustomers",
       (select coalesce(sum(frequency), 0) from rm.customers) as frequency
     from rm.transactions`,
  );
  const of = (name: string) => Number(rows[0]![name]);
  return {
    orders: of('orders'),
    refunds: of('refunds'),
    gross: of('gross'),
    refunded: of('refunded'),
    customers: of('customers'),
    ordersOfCustomers: of('ordersOfCustomers'),
    frequency: of('frequency'),
  };
}

/** Every customer's rows in the tables against the fold that was never interrupted. */
async function differences(tables: Pool, ledger: Ledger): Promise<string[]> {
  const { rows } = new DirtyRows(ledger).after(0, Number.MAX_SAFE_INTEGER);
  const sids = Array.from({ length: rows.sids.length / 16 }, (_, i) => rows.sids.slice(i * 16, (i + 1) * 16));
  const fold = {
    waitFor: async () => undefined,
    entriesOf: async (some: Uint8Array[]) => some.map((sid) => ledger.entries(sid)),
    rowsOf: async (some: Uint8Array[]) =>
      stateOfRows(
        ledger,
        some.map((sid) => ledger.rows.findSid(sid)),
      ),
  };
  const found: string[] = [];
  let compared = 0;
  for (let from = 0; from < sids.length; from += PAGE) {
    const result = await compareTables(tables, fold, sids.slice(from, from + PAGE));
    compared += result.compared;
    for (const { projection, sid, seq } of result.differences)
      found.push(`${projection}: sid ${sid} at ${seq} differs`);
  }
  if (compared !== sids.length) found.push(`${sids.length - compared} customers of the tables are behind the log`);
  return found;
}
