// The keyring's database: a pool whose failures are `keyring-unavailable`, and forward-only migrations under an advisory lock.
import pg from 'pg';
import { asKeyringError } from './errors.ts';

export interface Database extends AsyncDisposable {
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  /** One transaction on one connection; rolled back when `work` throws. */
  transaction<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T>;
}

/** Deadlock or serialisation failure: PostgreSQL asks to run the transaction again. */
const isRetryable = (error: unknown): boolean => /^40/.test(String((error as { code?: unknown }).code));

export interface DatabaseOptions {
  /** postgres://… of the keyring's own database. */
  url: string;
  /** Shown in pg_stat_activity. */
  name?: string;
  connections?: number;
  /** A statement that takes longer counts as "does not answer", ms. */
  timeoutMs?: number;
}

export function openDatabase(options: DatabaseOptions): Database {
  const pool = new pg.Pool({
    connectionString: options.url,
    application_name: options.name ?? 'axiom47-keyring',
    max: options.connections ?? 3,
    connectionTimeoutMillis: 3_000,
    query_timeout: options.timeoutMs ?? 10_000,
    keepAlive: true,
    allowExitOnIdle: true,
  });
  // A connection lost while idle: the pool replaces it, the next query reports what is still wrong.
  pool.on('error', () => undefined);
  // Lost between two statements of a transaction: the next statement fails and tells.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return {
    async query<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
      try {
        return (await pool.query<Row>(text, values)).rows;
      } catch (error) {
        throw asKeyringError(error);
      }
    },
    async transaction(work) {
      for (let attempt = 1; ; attempt++) {
        let client: pg.PoolClient | undefined;
        try {
          client = await pool.connect();
          await client.query('begin');
          const value = await work(client);
          await client.query('commit');
          client.release();
          return value;
        } catch (error) {
          // Rolling back by closing: a connection in doubt never returns to the pool, and closing it ends its transaction.
          client?.release(true);
          if (attempt < 5 && isRetryable(error)) continue;
          throw asKeyringError(error);
        }
      }
    },
    async [Symbol.asyncDispose]() {
      await pool.end();
    },
  };
}

/** Applies what `part` has not applied yet, in order. Several processes may call it at once. */
export async function migrate(database: Database, part: string, statements: readonly string[]): Promise<void> {
  await database.transaction(async (client) => {
    await client.query(`select pg_advisory_xact_lock(hashtext('axiom47 migrations'))`);
    await client.query(
      'create table if not exists migrations (part text, number int, at timestamptz not null default now(), primary key (part, number))',
    );
    const { rows } = await client.query<{ last: number | null }>(
      'select max(number)::int as last from migrations where part = $1',
      [part],
    );
    const last = rows[0]?.last ?? 0;
    if (last > statements.length)
      throw new Error(
        `keyring: the database is at ${part} migration ${last}, this version knows ${statements.length}; start the newer version`,
      );
    for (let number = last + 1; number <= statements.length; number++) {
      await client.query(statements[number - 1]!);
      await client.query('insert into migrations (part, number) values ($1, $2)', [part, number]);
    }
  });
}
