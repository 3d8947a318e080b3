// Tables filled from the start of the log: rows go straight into heaps without indexes. What the live way does batch by batch (to whom a row
// belongs since a link, who is erased, which of several rows of one key stays) is done once over all of them, and then the indexes are built:
// COPY into a heap takes about a sixth of what a merge into an indexed table takes (measured: `bench tables`).
import type { ClientBase } from 'pg';
import { eraseGroups, forget } from './erasures.ts';
import { dropRepeatedEvents } from './events.ts';
import { dropLosingTransactions } from './transactions.ts';

/** Tables that are filled without their key ('all') or with it and without their other indexes. Each key has its way to make rows unique. */
const HEAPS: Readonly<Record<string, { deferred: 'all' | 'others'; unique?: string }>> = {
  transactions: { deferred: 'all', unique: dropLosingTransactions },
  events: { deferred: 'all', unique: dropRepeatedEvents },
  customers: { deferred: 'others' },
  scores: { deferred: 'others' },
};
/** PostgreSQL, appendix A. */
const UNIQUE_VIOLATION = '23505';

interface Definition {
  table: string;
  key: boolean;
  /** Without the table: `add constraint …` or `create index …`. */
  statement: string;
}

/** The keys and indexes of `schema`, as statements that make them in `next` under the same names. */
async function definitions(client: ClientBase, schema: string, next: string, tables: readonly string[]) {
  const { rows } = await client.query<Definition>(
    `select c.relname as "table", p.oid is not null as key,
       case when p.oid is null then replace(regexp_replace(pg_get_indexdef(i.indexrelid), ' ON (ONLY )?', ' ON '), ' ON ' || $1 || '.', ' ON ' || $2 || '.')
         else format('alter table %I.%I add constraint %I %s', $2::text, c.relname, p.conname, pg_get_constraintdef(p.oid)) end as statement
     from pg_index i join pg_class c on c.oid = i.indrelid
       left join pg_constraint p on p.conindid = i.indexrelid and p.contype in ('p', 'u') and p.conrelid = c.oid
     where c.relnamespace = $1::regnamespace and c.relname = any($3) order by c.relname, p.oid is null, i.indexrelid`,
    [schema, next, tables],
  );
  return rows;
}

/** Makes now what filling needs, and notes in `next`.deferred what is made at its end. In the caller's transaction. */
export async function deferIndexes(
  client: ClientBase,
  { from, next, tables }: { from: string; next: string; tables: readonly string[] },
): Promise<void> {
  await client.query(
    `create table ${next}.deferred (n integer generated always as identity primary key, table_name text not null, key boolean not null, statement text not null)`,
  );
  for (const { table, key, statement } of await definitions(client, from, next, tables)) {
    const heap = HEAPS[table];
    if (heap && (heap.deferred === 'all' || !key))
      await client.query(`insert into ${next}.deferred (table_name, key, statement) values ($1, $2, $3)`, [
        table,
        key,
        statement,
      ]);
    else await client.query(statement);
  }
}

/**
 * History is seldom amended: half-empty pages would make a tenth more of the filling (4.2 against 3.8 µs a row of PostgreSQL's processor). What
 * comes after it finds room for its changes as in the live tables. In the caller's transaction, which has made `deferred`.
 */
export async function fillDenser(client: ClientBase, next: string): Promise<void> {
  await client.query(
    `insert into ${next}.deferred (table_name, key, statement)
     select relname, false, format('alter table ${next}.%I set (%s)', relname, array_to_string(reloptions, ', '))
     from pg_class where relnamespace = '${next}'::regnamespace and relname = 'transactions' and reloptions is not null;
     alter table if exists ${next}.transactions set (fillfactor = 70)`,
  );
}

/** Whether the tables are still heaps. `client` is one to which `rm` is the shadow. */
export async function isFilling(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ n: string }>('select count(*) as n from rm.deferred');
  return Number(rows[0]!.n) > 0;
}

/**
 * Heaps become tables, in the caller's transaction. Nothing is done again when it was done before.
 */
export async function finishFilling(client: ClientBase): Promise<void> {
  const { rows } = await client.query<Definition & { n: number }>(
    'select n, table_name as "table", key, statement from rm.deferred order by n',
  );
  if (rows.length === 0) return;
  if (rows.some(({ table }) => table === 'transactions')) await joinCustomers(client);
  for (const { n, table, key, statement } of rows) {
    await make(client, statement, key ? HEAPS[table]?.unique : undefined);
    await client.query('delete from rm.deferred where n = $1', [n]);
  }
  await client.query(`analyze ${[...new Set(rows.map(({ table }) => `rm.${table}`))].join(', ')}`);
}

/** Rows go to whom they belong to since the links of the whole log, and the erased leave. */
async function joinCustomers(client: ClientBase): Promise<void> {
  for (const table of ['transactions', 'events', 'observations'])
    await client.query(
      `update rm.${table} t set sid_key = l.canonical_key from rm.links l where l.sid_key = t.sid_key and l.canonical_key <> t.sid_key`,
    );
  const erased = await client.query<{ sid_key: string; seq: string }>('select sid_key, seq from rm.erasures');
  const seqs = new Map(erased.rows.map(({ sid_key, seq }) => [sid_key, Number(seq)]));
  await forget(client, await eraseGroups(client, seqs));
}

/** Most logs hold a key once: it is tried as it is, and only when it fails is it looked for what stands twice. */
async function make(client: ClientBase, statement: string, unique: string | undefined): Promise<void> {
  await client.query('savepoint making');
  try {
    await client.query(statement);
  } catch (error) {
    if ((error as { code?: string }).code !== UNIQUE_VIOLATION || unique === undefined) throw error;
    await client.query('rollback to savepoint making');
    await client.query(unique);
    await client.query(statement);
  }
  await client.query('release savepoint making');
}
