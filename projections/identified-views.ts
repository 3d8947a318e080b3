// The views that name customers: the read models joined with the keyring's database through postgres_fdw, for one role only. They exist
// where the keyring can be reached from the read models' server; elsewhere a warning says so and the masked views remain.
import type { ClientBase } from 'pg';
import { type CustomerNaming, customerViews, ROLE_OF } from './migrations/0002-views.ts';
import { scoresView } from './migrations/0003-clock-and-zone.ts';
import type { LogLine } from './runner.ts';

const SERVER = 'axiom47_keyring';
const IDENTIFIED: CustomerNaming = {
  schema: 'identified',
  name: 'i.customer_id',
  join: 'join keyring.identities i on i.sid_key = c.sid_key',
};

export interface IdentifiedOptions {
  /** The keyring's database as the read models' server reaches it. */
  keyringUrl: string;
  log: LogLine;
}

/** Grants the masked views, and makes or refreshes the identified ones (the keyring's port may have changed). @returns are they there? */
export async function grantViews(client: ClientBase, { keyringUrl, log }: IdentifiedOptions): Promise<boolean> {
  const masked = await attempt(client, [...roleStatements('masked'), ...grantStatements('masked')]);
  if (masked !== null)
    log(
      'warn',
      { error: masked.message },
      `role ${ROLE_OF.masked} could not be given its views; create it by hand or let our user create roles`,
    );
  const statements = [
    'create extension if not exists postgres_fdw',
    ...serverStatements(
      new URL(keyringUrl),
      (await client.query<{ n: number }>('select 1 as n from pg_foreign_server where srvname = $1', [SERVER])).rows
        .length > 0,
    ),
    // Asks the keyring at once: a connection that does not work must show here, not in somebody's query.
    'select from keyring.identities limit 0',
    'create schema if not exists identified',
    customerViews(IDENTIFIED),
    scoresView(IDENTIFIED),
    ...roleStatements('identified'),
    ...grantStatements('identified'),
  ];
  const failed = await attempt(client, statements);
  if (failed === null) return true;
  await attempt(client, ['drop schema if exists identified cascade']);
  log(
    'warn',
    { error: failed.message },
    'the views with customer ids (schema identified) are not available: this database server cannot reach the keyring through postgres_fdw; ' +
      'the views of schema masked are, and the API names customers as before',
  );
  return false;
}

/** All or nothing; null when it worked. */
async function attempt(client: ClientBase, statements: readonly string[]): Promise<Error | null> {
  await client.query('begin');
  try {
    await client.query('select pg_advisory_xact_lock(4700002)');
    for (const statement of statements) await client.query(statement);
    await client.query('commit');
    return null;
  } catch (error) {
    await client.query('rollback');
    return error as Error;
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

function serverStatements(url: URL, exists: boolean): string[] {
  const host = url.searchParams.get('host') ?? (decodeURIComponent(url.hostname) || 'localhost');
  const server = { host, port: url.port || '5432', dbname: decodeURIComponent(url.pathname.slice(1)) };
  const login = { user: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
  const list = (values: Record<string, string>, set: boolean) =>
    Object.entries(values)
      .filter(([, value]) => value !== '')
      .map(([name, value]) => `${set ? 'set ' : ''}${name} ${quoted(value)}`)
      .join(', ');
  if (exists)
    return [
      `alter server ${SERVER} options (${list(server, true)})`,
      // The mapping is made anew: an option cannot be set before it was added.
      `drop user mapping if exists for current_user server ${SERVER}`,
      `create user mapping for current_user server ${SERVER} options (${list(login, false)})`,
    ];
  return [
    `create server ${SERVER} foreign data wrapper postgres_fdw options (${list(server, false)}, fetch_size '10000')`,
    `create user mapping for current_user server ${SERVER} options (${list(login, false)})`,
    'create schema if not exists keyring',
    'revoke all on schema keyring from public',
    `create foreign table keyring.identities (customer_id text collate "C", sid uuid, sid_key bigint)
       server ${SERVER} options (schema_name 'public', table_name 'identities')`,
  ];
}

/** Roles belong to the whole server, so another database's workspace may have made them, at this very moment even. */
const roleStatements = (schema: keyof typeof ROLE_OF): string[] => [
  `do $$ begin
     if not exists (select from pg_roles where rolname = '${ROLE_OF[schema]}') then create role ${ROLE_OF[schema]} nologin; end if;
   exception when duplicate_object or unique_violation then null; end $$`,
];

const grantStatements = (schema: keyof typeof ROLE_OF): string[] => [
  `grant usage on schema ${schema} to ${ROLE_OF[schema]}`,
  `grant select on all tables in schema ${schema} to ${ROLE_OF[schema]}`,
];
