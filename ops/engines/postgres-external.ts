// A PostgreSQL the operator runs: checked once for what the read models and the keyring need of it.
import { Client } from 'pg';
import type { EngineState } from './child.ts';
import { EngineError, errorCode, reasonOf } from './engine-error.ts';
import type { PostgresEngine } from './postgres.ts';
import { OLDEST_POSTGRES } from './postgres-binaries.ts';

export const KEYRING_DATABASE = 'axiom47_keyring';

/**
 * @param keyringUrl default: database `axiom47_keyring` on the same server, created when missing.
 * @throws EngineError when a server is unreachable, older than 15, or would keep the keyring without fsync (facts §7).
 */
export async function openExternalPostgres(
  url: string,
  keyringUrl: string | undefined,
  onState: (state: EngineState) => void,
): Promise<PostgresEngine> {
  const { version } = await inspect(url, 'DATABASE_URL');
  const keyring = keyringUrl ?? sibling(url, KEYRING_DATABASE);
  let facts: { version: string; fsync: string };
  try {
    facts = await inspect(keyring, keyringUrl === undefined ? 'the keyring database' : 'AXIOM47_KEYRING_URL');
  } catch (error) {
    // 3D000: no such database (PostgreSQL, appendix A).
    if (keyringUrl !== undefined || !(error instanceof EngineError) || errorCode(error.cause) !== '3D000') throw error;
    await createKeyringDatabase(url);
    facts = await inspect(keyring, 'the keyring database');
  }
  if (facts.fsync !== 'on') {
    throw new EngineError(
      'PostgreSQL',
      'unsuitable',
      'the keyring must not be lost in a power cut, but its server runs with fsync = off: set fsync = on there, or name another server in AXIOM47_KEYRING_URL',
    );
  }
  onState('ready');
  return {
    url,
    keyringUrl: keyring,
    port: Number(new URL(url).port || 5432),
    version,
    managed: false,
    pid: () => undefined,
    stop: async () => onState('stopped'),
  };
}

async function inspect(url: string, variable: string): Promise<{ version: string; fsync: string }> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined); // A connection lost while idle; the query below rejects by itself.
  try {
    await client.connect();
    const { rows } = await client.query<{ number: string; version: string; fsync: string }>(
      `select current_setting('server_version_num') as number, current_setting('server_version') as version, current_setting('fsync') as fsync`,
    );
    const { number = '0', version = 'unknown', fsync = 'off' } = rows[0] ?? {};
    if (Number(number) < OLDEST_POSTGRES * 10_000) {
      throw new EngineError(
        'PostgreSQL',
        'too-old',
        `PostgreSQL ${version} at ${place(url)} (${variable}) is too old: ${OLDEST_POSTGRES} is the oldest; unset ${variable} to use the embedded one`,
      );
    }
    return { version, fsync };
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw new EngineError(
      'PostgreSQL',
      'unreachable',
      `PostgreSQL at ${place(url)} (${variable}) does not take our connection: ${reasonOf(error)}`,
      { cause: error },
    );
  } finally {
    await client.end();
  }
}

async function createKeyringDatabase(url: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined); // As above.
  await client.connect();
  try {
    await client.query(`create database ${KEYRING_DATABASE}`);
  } catch (error) {
    // 42P04: somebody else made it meanwhile.
    if (errorCode(error) === '42P04') return;
    throw new EngineError(
      'PostgreSQL',
      'unsuitable',
      `the keyring needs a database of its own and it could not be created at ${place(url)} (${reasonOf(error)}): let this user create databases, make "${KEYRING_DATABASE}" yourself, or name one in AXIOM47_KEYRING_URL`,
      { cause: error },
    );
  } finally {
    await client.end();
  }
}

const sibling = (url: string, database: string): string => {
  const other = new URL(url);
  other.pathname = `/${database}`;
  return other.href;
};

/** Host, port and database: never the password. */
const place = (url: string): string => {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
};
