// The keyring: the only place that knows which customer a sid stands for, and the keys their sealed fields open with (facts §7, §8).
// Everything here is committed before the log hears of it.

import type { KeyObject } from 'node:crypto';
import { randomBytes } from 'node:crypto';
import { type Database, type DatabaseOptions, migrate, openDatabase } from './database.ts';
import { createErasure, type Erasure } from './erasure.ts';
import { KeyringDamaged } from './errors.ts';
import { createMac } from './hmac.ts';
import { createCustomerKeys, purposeKey, unwrap, wrap } from './keys.ts';
import { createLinks, type Links } from './links.ts';
import { KEYRING_MIGRATIONS } from './migrations.ts';
import { createResolve, type Identity, SELECT_EXISTING, texts } from './resolve.ts';
import { type SealContext, unseal } from './seal.ts';
import { arrayOf, type CustomerRef, sidKey, sidOfText, sidText, uuidBytes, uuidText } from './sid.ts';

/** A row of the tail: what the id index is filled with. */
interface IdentityRow extends CustomerRef, Identity {
  createdNo: number;
}

export interface KeyringOptions extends DatabaseOptions {
  /** The data directory's secret, 32 bytes. */
  kek: Uint8Array;
  /** True only while the log (EVT) is empty: a second id key would give every known order another hash. */
  mayCreate: boolean;
  now?: () => number;
}

export interface Keyring extends Links, Erasure, AsyncDisposable {
  /** The one id key of the workspace, 32 bytes. */
  readonly idKey: Buffer;
  /** The key of the sealed id index file. */
  readonly indexKey: Buffer;
  /**
   * Identities of many customers, created where missing and committed before it answers, in the order asked.
   * `at` is the latest event time (ms) heard of the customer: null is answered for an erased one with nothing after the erasure.
   */
  resolve(customers: (CustomerRef & { at: number })[]): Promise<(Identity | null)[]>;
  /** Creates nothing: null for an unknown customer. */
  lookup(customers: CustomerRef[]): Promise<(Buffer | null)[]>;
  /** Customer ids by sid; null for an unknown or erased one. */
  idsOf(sids: Uint8Array[]): Promise<(string | null)[]>;
  /** Known (not anonymous) customers whose id begins with `prefix`, in the order of their bytes. */
  search(prefix: string, limit: number): Promise<{ customerId: string; sid: Buffer }[]>;
  count(): Promise<{ known: number; anonymous: number; erased: number }>;
  /** Identities created after `createdNo`, in order, at most `limit`. */
  tail(createdNo: number, limit: number): Promise<IdentityRow[]>;
  /** Instants up to which input of reopened customers is refused, by `sidText`. */
  reopened(): Promise<Map<string, number>>;
  /** The highest `created_no` given, 0 for none. */
  lastCreated(): Promise<number>;
  /** Counts erasures: an id index saved at another number is rebuilt. */
  erasures(): Promise<number>;
  /** Keys of these sids by `sidText`; erased and unknown ones are missing. At most one query, none when all are in the cache. */
  keysOf(sids: Iterable<string>): Promise<Map<string, KeyObject>>;
  /** Null when the customer was erased. */
  unseal(sealed: Uint8Array, context: SealContext): Promise<Record<string, unknown> | null>;
  sourceValues(): Promise<{ source: string; kind: 'name' | 'channel'; value: string }[]>;
  addSourceValues(values: { source: string; kind: 'name' | 'channel'; value: string }[]): Promise<void>;
  /** Removes what erasures left in the pages of the table; cannot run inside a transaction. */
  scrub(): Promise<void>;
  /** Whether each sid stands for somebody here. */
  mapped(sids: Uint8Array[]): Promise<boolean[]>;
  /** Links to an identity that is not there: must be none. */
  danglingLinks(): Promise<number>;
  readonly database: Database;
}

const BULK = 10_000;

export async function openKeyring(options: KeyringOptions): Promise<Keyring> {
  const database = openDatabase(options);
  try {
    await migrate(database, 'keyring', KEYRING_MIGRATIONS);
    const idKey = await secret(database, options, 'id-key');
    return createKeyring(database, options, idKey);
  } catch (error) {
    await database[Symbol.asyncDispose]();
    throw error;
  }
}

/** Created once, whoever comes first; everybody reads the one that was stored. */
async function secret(database: Database, { kek, mayCreate }: KeyringOptions, name: string): Promise<Buffer> {
  if (mayCreate)
    await database.query(
      'insert into secrets (name, generation, wrapped) select $1, 1, $2 where not exists (select from secrets where name = $1) on conflict do nothing',
      [name, wrap(kek, name, randomBytes(32))],
    );
  const [row] = await database.query<{ wrapped: Buffer }>('select wrapped from secrets where name = $1', [name]);
  if (!row)
    throw new KeyringDamaged(
      'keyring: its database is empty, but the log is not; restore the keyring that belongs to this log from its backup',
    );
  return unwrap(kek, name, row.wrapped);
}

function createKeyring(database: Database, options: KeyringOptions, idKey: Buffer): Keyring {
  const now = options.now ?? Date.now;
  const keys = createCustomerKeys(options.kek, now);
  const mac = createMac(idKey);
  const macOf = (id: string, anonymous: boolean): Buffer =>
    Buffer.from(mac(`${anonymous ? 'a' : 'c'}\0${id.toWellFormed()}`, 'utf8'), 'latin1');
  const resolve = createResolve(database, macOf);

  return {
    database,
    idKey,
    indexKey: purposeKey(options.kek, 'id index'),
    async resolve(customers) {
      const out: (Identity | null)[] = [];
      for (let from = 0; from < customers.length; from += BULK)
        out.push(...(await resolve(customers.slice(from, from + BULK))));
      return out;
    },
    async lookup(customers) {
      const rows = await database.query<{ n: number; sid: string }>(SELECT_EXISTING, texts(customers));
      const out: (Buffer | null)[] = customers.map(() => null);
      for (const row of rows) out[row.n] = uuidBytes(row.sid);
      return out;
    },
    async idsOf(sids) {
      const rows = await database.query<{ n: number; customer_id: string }>(
        `select (t.n - 1)::int as n, i.customer_id from unnest($1::bigint[], $2::uuid[]) with ordinality t (key, sid, n)
         join identities i on i.sid_key = t.key and i.sid = t.sid`,
        [arrayOf(sids, (sid) => String(sidKey(sid))), arrayOf(sids, uuidText)],
      );
      const out: (string | null)[] = sids.map(() => null);
      for (const row of rows) out[row.n] = row.customer_id;
      return out;
    },
    async search(prefix, limit) {
      const rows = await database.query<{ customer_id: string; sid: string }>(
        `select customer_id, sid from identities where not anonymous and customer_id >= $1 and customer_id like $2
         order by customer_id limit $3`,
        [prefix, `${prefix.replace(/[\\%_]/g, '\\$&')}%`, limit],
      );
      return rows.map((row) => ({ customerId: row.customer_id, sid: uuidBytes(row.sid) }));
    },
    async count() {
      const [row] = await database.query<{ known: string; anonymous: string; erased: string }>(
        `select count(*) filter (where not anonymous) as known, count(*) filter (where anonymous) as anonymous,
         (select count(*) from erased) as erased from identities`,
      );
      return { known: Number(row?.known), anonymous: Number(row?.anonymous), erased: Number(row?.erased) };
    },
    async tail(createdNo, limit) {
      const rows = await database.query<TailRow>(
        'select created_no, customer_id, anonymous, sid, refuse_until from identities where created_no > $1 order by created_no limit $2',
        [createdNo, limit],
      );
      return rows.map((row) => ({
        createdNo: Number(row.created_no),
        id: row.customer_id,
        anonymous: row.anonymous,
        sid: uuidBytes(row.sid),
        refuseUntil: row.refuse_until === null ? null : Number(row.refuse_until),
      }));
    },
    async reopened() {
      const rows = await database.query<{ sid: string; refuse_until: string }>(
        'select sid, refuse_until from identities where refuse_until is not null',
      );
      return new Map(rows.map((row) => [sidText(uuidBytes(row.sid)), Number(row.refuse_until)]));
    },
    async lastCreated() {
      const [row] = await database.query<{ last: string | null }>('select max(created_no) as last from identities');
      return Number(row?.last ?? 0);
    },
    async erasures() {
      const [row] = await database.query<{ value: string }>(`select value from counters where name = 'erasures'`);
      return Number(row?.value ?? 0);
    },
    async keysOf(sids) {
      const found = new Map<string, KeyObject>();
      const missing: string[] = [];
      for (const sid of sids) {
        const key = keys.get(sid);
        if (key) found.set(sid, key);
        else missing.push(sid);
      }
      for (let from = 0; from < missing.length; from += BULK) {
        const part = missing.slice(from, from + BULK);
        const rows = await database.query<{ n: number; key_seed: Buffer }>(SELECT_SEEDS, [
          arrayOf(part, (sid) => String(sidKey(sidOfText(sid)))),
          arrayOf(part, (sid) => sidOfText(sid).toString('hex')),
        ]);
        for (const row of rows) found.set(part[row.n]!, keys.put(part[row.n]!, row.key_seed));
      }
      return found;
    },
    async unseal(sealed, context) {
      const sid = sidText(context.sid);
      const key = (await this.keysOf([sid])).get(sid);
      return key ? unseal(sealed, key, context) : null;
    },
    sourceValues: () => database.query('select source, kind, value from source_values'),
    async addSourceValues(values) {
      await database.query(
        'insert into source_values (source, kind, value) select * from unnest($1::text[], $2::text[], $3::text[]) on conflict do nothing',
        [values.map((v) => v.source), values.map((v) => v.kind), values.map((v) => v.value)],
      );
    },
    async scrub() {
      await database.query('vacuum identities');
    },
    async mapped(sids) {
      const rows = await database.query<{ n: number }>(
        `select (t.n - 1)::int as n from unnest($1::bigint[], $2::uuid[]) with ordinality t (key, sid, n)
         join identities i on i.sid_key = t.key and i.sid = t.sid`,
        [arrayOf(sids, (sid) => String(sidKey(sid))), arrayOf(sids, uuidText)],
      );
      const out = sids.map(() => false);
      for (const { n } of rows) out[n] = true;
      return out;
    },
    async danglingLinks() {
      const [links] = await database.query<{ n: string }>(
        'select count(*) as n from identities l where linked_to is not null and not exists (select from identities k where k.sid = l.linked_to)',
      );
      return Number(links?.n ?? 0);
    },
    ...createLinks(database),
    ...createErasure(database, macOf, (sid) => keys.evict(sidText(sid))),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

interface TailRow {
  created_no: string;
  customer_id: string;
  anonymous: boolean;
  sid: string;
  refuse_until: string | null;
}

const SELECT_SEEDS = `
  select (t.n - 1)::int as n, i.key_seed from unnest($1::bigint[], $2::uuid[]) with ordinality t (key, sid, n)
  join identities i on i.sid_key = t.key and i.sid = t.sid`;
