// The keyring's database, table by table, as PostgreSQL copies them: out in one snapshot, in again behind the migrations it had.
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { ACCESS_MIGRATIONS } from '#streams/keyring/access-store.ts';
import { migrate, openDatabase } from '#streams/keyring/database.ts';
import { KEYRING_MIGRATIONS } from '#streams/keyring/migrations.ts';
import type { BackupRecord } from './records.ts';

const PARTS: Readonly<Record<string, readonly string[]>> = { keyring: KEYRING_MIGRATIONS, access: ACCESS_MIGRATIONS };
const PAGE = 50_000;

/** Names by canonical or linked sid (hex): what a portable digest is made with. */
export type Names = Map<string, string>;

const quoted = (name: string): string => name.split('.').map(pg.escapeIdentifier).join('.');

export async function connectDatabase(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined); // A connection lost while idle; the next query rejects by itself.
  await client.connect();
  return client;
}

/** Everything in one snapshot: rows of all tables belong to the same moment. */
export async function copyKeyring(
  url: string,
  write: (record: BackupRecord) => void,
  progress: (rows: number) => void,
): Promise<{ rows: Record<string, number>; migrations: Record<string, number>; names: Names }> {
  const client = await connectDatabase(url);
  try {
    await client.query('begin transaction isolation level repeatable read, read only');
    const migrations = await appliedMigrations(client);
    write({ kind: 'migrations', parts: migrations });
    const rows: Record<string, number> = {};
    for (const { table, columns } of await tablesOf(client)) {
      write({ kind: 'table', table, columns });
      const list = columns.map(pg.escapeIdentifier).join(', ');
      const stream = client.query(copyTo(`copy ${quoted(table)} (${list}) to stdout with (format binary)`));
      let waiting: Buffer[] = [];
      let bytes = 0;
      const flush = () => {
        if (bytes > 0) write({ kind: 'rows', bytes: Buffer.concat(waiting) });
        waiting = [];
        bytes = 0;
      };
      for await (const piece of stream as AsyncIterable<Buffer>) {
        waiting.push(piece);
        bytes += piece.length;
        if (bytes >= 1 << 20) flush();
      }
      flush();
      rows[table] = stream.rowCount;
      progress(Object.values(rows).reduce((sum, each) => sum + each, 0));
    }
    return { rows, migrations, names: await namesOf(client) };
  } finally {
    await client.end();
  }
}

export async function namesOf(client: pg.Client): Promise<Names> {
  const names: Names = new Map();
  let last = 0;
  for (;;) {
    const { rows } = await client.query<{ created_no: string; sid: string; customer_id: string }>(
      'select created_no, sid, customer_id from identities where created_no > $1 order by created_no limit $2',
      [last, PAGE],
    );
    for (const { sid, customer_id } of rows) names.set(sid.replaceAll('-', ''), customer_id);
    if (rows.length < PAGE) return names;
    last = Number(rows.at(-1)!.created_no);
  }
}

/** Tables a foreign key points at come before those it points from. */
async function tablesOf(client: pg.Client): Promise<{ table: string; columns: string[] }[]> {
  const { rows } = await client.query<{ table: string; columns: string[] }>(
    `select n.nspname || '.' || c.relname as table,
            array_agg(a.attname::text order by a.attnum) as columns
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
     where c.relkind = 'r' and n.nspname in ('public', 'access') and c.relname <> 'migrations'
     group by c.oid, n.nspname, c.relname
     order by exists (select from pg_constraint f where f.conrelid = c.oid and f.contype = 'f'), 1`,
  );
  return rows;
}

async function appliedMigrations(client: pg.Client): Promise<Record<string, number>> {
  const { rows } = await client.query<{ part: string; last: number }>(
    'select part, max(number)::int as last from migrations group by part',
  );
  return Object.fromEntries(rows.map(({ part, last }) => [part, last]));
}

export interface KeyringLoad {
  migrations(parts: Record<string, number>): Promise<void>;
  table(table: string, columns: readonly string[]): Promise<void>;
  rows(bytes: Uint8Array): Promise<void>;
  /** Appended to what the keyring still has to say to the log. */
  facts(facts: readonly Uint8Array[]): Promise<void>;
  /** Commits; rows by table. */
  finish(): Promise<Record<string, number>>;
  close(): Promise<void>;
}

/** Fills an empty keyring database; all of it or, when anything fails, nothing. */
export async function loadKeyring(url: string): Promise<KeyringLoad> {
  const client = await connectDatabase(url);
  const counts: Record<string, number> = {};
  let open: { table: string; stream: ReturnType<typeof copyFrom> } | null = null;
  const endTable = async () => {
    if (open === null) return;
    open.stream.end();
    await finished(open.stream);
    counts[open.table] = open.stream.rowCount;
    open = null;
  };
  return {
    async migrations(parts) {
      for (const [part, last] of Object.entries(parts))
        if ((PARTS[part]?.length ?? 0) < last)
          throw new Error(
            `its keyring is at ${part} migration ${last}, which this version does not know: update Axiom47`,
          );
      const { rows } = await client.query<{ n: number }>(
        `select count(*)::int as n from pg_class c join pg_namespace s on s.oid = c.relnamespace
         where c.relkind = 'r' and s.nspname in ('public', 'access')`,
      );
      if (rows[0]!.n > 0)
        throw new Error(
          'the keyring database is not empty: a restore never writes over one; name another (AXIOM47_KEYRING_URL)',
        );
      await using database = openDatabase({ url, connections: 1 });
      for (const [part, last] of Object.entries(parts)) await migrate(database, part, PARTS[part]!.slice(0, last));
      await client.query('begin');
    },
    async table(table, columns) {
      await endTable();
      await client.query(`delete from ${quoted(table)}`); // What a migration may have put there.
      const list = columns.map(pg.escapeIdentifier).join(', ');
      open = {
        table,
        stream: client.query(copyFrom(`copy ${quoted(table)} (${list}) from stdin with (format binary)`)),
      };
    },
    async rows(bytes) {
      if (open === null) throw new Error('rows without their table');
      if (!open.stream.write(bytes)) await once(open.stream, 'drain');
    },
    async facts(facts) {
      await endTable();
      await continueIdentities(client);
      for (const fact of facts) await client.query('insert into pending_facts (fact) values ($1)', [fact]);
    },
    async finish() {
      await endTable();
      await continueIdentities(client);
      await client.query('commit');
      await client.query('analyze');
      return counts;
    },
    close: () => client.end(),
  };
}

/** COPY brings the numbers but leaves their sequence at its start. */
async function continueIdentities(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ table: string; column: string }>(
    `select table_schema || '.' || table_name as table, column_name as column from information_schema.columns
     where is_identity = 'YES' and table_schema in ('public', 'access')`,
  );
  for (const { table, column } of rows) {
    const name = pg.escapeIdentifier(column);
    await client.query(
      `select setval(pg_get_serial_sequence($1, $2), greatest((select max(${name}) from ${quoted(table)}), 1), exists (select from ${quoted(table)}))`,
      [table, column],
    );
  }
}
