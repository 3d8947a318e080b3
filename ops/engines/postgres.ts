// The read models' and the keyring's engine: an embedded PostgreSQL under our supervision, or a server the operator runs.

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';
import type { Logger } from 'pino';
import type { DataDir } from '../data-dir.ts';
import { type Child, type EngineState, spawnChild, supervise } from './child.ts';
import { EngineError, reasonOf } from './engine-error.ts';
import { choosePort, rememberPort } from './ports.ts';
import { chooseRunner, giveTo, type PostgresBinaries, type Runner, resolvePostgres } from './postgres-binaries.ts';
import { KEYRING_DATABASE, openExternalPostgres } from './postgres-external.ts';
import { canSignal, endProcesses, processesIn } from './processes.ts';

export type PostgresSettings = {
  /** Another server: nothing is spawned. */
  url?: string | undefined;
  /** Where the keyring lives; default: database `axiom47_keyring` on the same server. */
  keyringUrl?: string | undefined;
  /** Folder of initdb and postgres, instead of the packaged ones. */
  bin?: string | undefined;
  /** false: as if this system allowed root no user namespaces (tests of what is done then). */
  userNamespaces?: boolean;
};

export type PostgresEngine = {
  readonly url: string;
  readonly keyringUrl: string;
  readonly port: number;
  readonly version: string;
  readonly managed: boolean;
  pid(): number | undefined;
  stop(): Promise<void>;
};

const DATABASE = 'axiom47';
const SUPERUSER = 'axiom47';
const READY_MS = 300_000; // crash recovery replays at most max_wal_size
/** SIGINT: fast shutdown, disconnects clients. SIGQUIT: immediate, recovers at the next start. */
const STOP_STEPS: [NodeJS.Signals, number][] = [
  ['SIGINT', 10_000],
  ['SIGQUIT', 5_000],
  ['SIGKILL', 5_000],
];

/** A small footprint (2 cores, 24 GB shared with Node and the log); every commit is flushed. */
const SETTINGS: Record<string, string> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '', // a socket's path may not exceed 107 bytes, a data directory's may
  max_connections: '64',
  // The tables of a few hundred thousand busy customers with their indexes: changed rows are merged a fifth faster than with half of it.
  shared_buffers: '384MB',
  effective_cache_size: '1GB',
  work_mem: '16MB',
  maintenance_work_mem: '128MB',
  max_wal_size: '2GB',
  checkpoint_timeout: '15min',
  wal_compression: 'on',
  random_page_cost: '1.1',
  jit: 'off',
  fsync: 'on',
  synchronous_commit: 'on',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] ',
  // Statements and the values they fail at may hold personal data: an error is told to its client, not to this log, which keeps what
  // concerns the server (in its order of levels 'log' lies above 'error').
  log_min_messages: 'log',
  log_error_verbosity: 'terse',
  log_min_error_statement: 'panic',
  log_statement: 'none',
};

export async function startPostgres(
  settings: PostgresSettings,
  dataDir: DataDir,
  log: Logger,
  onState: (state: EngineState) => void,
): Promise<PostgresEngine> {
  return settings.url === undefined
    ? startEmbedded(settings, dataDir, log, onState)
    : openExternalPostgres(settings.url, settings.keyringUrl, onState);
}

async function startEmbedded(
  settings: PostgresSettings,
  dataDir: DataDir,
  log: Logger,
  onState: (state: EngineState) => void,
): Promise<PostgresEngine> {
  const binaries = await resolvePostgres(settings.bin);
  const cluster = join(dataDir.folders.postgres, String(binaries.major));
  assertSameMajor(dataDir.folders.postgres, binaries);
  const runner = await chooseRunner({
    bin: binaries.bin,
    cluster,
    dataDir: dataDir.path,
    userNamespaces: settings.userNamespaces ?? true,
  });
  if (!existsSync(cluster)) await createCluster(runner, cluster, dataDir.secret('postgres.password'));

  let port = await choosePort(dataDir.path, 'postgres');
  const url = (database: string) =>
    `postgres://${SUPERUSER}:${encodeURIComponent(dataDir.secret('postgres.password'))}@127.0.0.1:${port}/${database}`;
  const start = async (): Promise<Child> => {
    await clearLeftover(cluster, log);
    const child = await spawnPostmaster(runner, cluster, port, join(dataDir.folders.logs, 'postgres.log'));
    try {
      await untilReady(child, url('postgres'), cluster, log);
      return child;
    } catch (error) {
      await child.stop();
      throw error;
    }
  };
  const startAnywhere = async (): Promise<Child> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await start();
      } catch (error) {
        if (attempt === 5 || !/could not bind|Address already in use|could not create any TCP/.test(reasonOf(error)))
          throw error;
        port = await choosePort(dataDir.path, 'postgres');
      }
    }
  };
  let begun = false;
  const server = await supervise(() => (begun ? start() : startAnywhere()), log, onState);
  begun = true;
  try {
    rememberPort(dataDir.path, 'postgres', port);
    await createDatabases(url('postgres'), [
      DATABASE,
      ...(settings.keyringUrl === undefined ? [KEYRING_DATABASE] : []),
    ]);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return {
    url: url(DATABASE),
    keyringUrl: settings.keyringUrl ?? url(KEYRING_DATABASE),
    port,
    version: binaries.version,
    managed: true,
    pid: server.pid,
    stop: server.stop,
  };
}

function assertSameMajor(folder: string, binaries: PostgresBinaries): void {
  const others = readdirSync(folder).filter((name) => /^\d+$/.test(name) && name !== String(binaries.major));
  if (others.length > 0 && !existsSync(join(folder, String(binaries.major)))) {
    throw new EngineError(
      'PostgreSQL',
      'unsuitable',
      `${folder} was written by PostgreSQL ${others.join(', ')}, the binaries are ${binaries.version}: name that version's in AXIOM47_POSTGRES_BIN`,
    );
  }
}

/** Into a draft that is renamed when whole, so a killed initdb is never taken for a cluster. */
async function createCluster(runner: Runner, cluster: string, password: string): Promise<void> {
  const folder = join(cluster, '..');
  for (const name of readdirSync(folder))
    if (name.endsWith('.draft')) rmSync(join(folder, name), { recursive: true, force: true });
  const draft = join(folder, `${basename(cluster)}-${process.pid}.draft`);
  const passwordFile = join(folder, `password-${process.pid}.draft`);
  mkdirSync(draft, { mode: 0o700 });
  giveTo(draft, runner.owner);
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  giveTo(passwordFile, runner.owner);
  const [command, ...args] = [
    ...runner.prefix,
    join(runner.bin, 'initdb'),
    `--pgdata=${draft}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--data-checksums',
    '--no-instructions',
  ];
  try {
    await promisify(execFile)(command!, args, { env: CHILD_ENV, cwd: folder, timeout: 120_000 });
    renameSync(draft, cluster);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw new EngineError(
      'PostgreSQL',
      'not-ready',
      `initdb could not create the database files in ${folder}: ${lastLine(reasonOf(error))}`,
      { cause: error },
    );
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

/**
 * A postmaster left alive by a killed start of ours is shut down, backends that outlived theirs are ended. A pid file whose pid still answers
 * but is not at work here would make PostgreSQL refuse to start: it was reused, or is a zombie nobody reaps (containers without init).
 */
async function clearLeftover(cluster: string, log: Logger): Promise<void> {
  const pidFile = join(cluster, 'postmaster.pid');
  const recorded = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8').split('\n')[0]) : undefined;
  // A postmaster (perhaps still behind the program that starts it for root), or a backend: "postgres: checkpointer".
  const pids = processesIn(cluster, /^(\S*\/)?postgres(:|\s)|\/postgres -D /);
  const postmaster = pids.find((pid) => pid === recorded);
  if (postmaster !== undefined) {
    log.warn({ pid: postmaster }, 'stopping the PostgreSQL an earlier start left running');
    await endProcesses([postmaster], STOP_STEPS);
  }
  if (
    pids.length > 0 &&
    !(await endProcesses(pids, [
      ['SIGQUIT', 10_000],
      ['SIGKILL', 5_000],
    ]))
  ) {
    throw new EngineError(
      'PostgreSQL',
      'not-ready',
      `processes ${pids.join(', ')} of an earlier start still use ${cluster} and cannot be ended: end them, then start again`,
    );
  }
  if (recorded !== undefined && canSignal(recorded)) rmSync(pidFile, { force: true });
}

const CHILD_ENV = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

function spawnPostmaster(runner: Runner, cluster: string, port: number, logFile: string): Promise<Child> {
  const settings = Object.entries({ ...SETTINGS, port: String(port) }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ]);
  const [command, ...args] = [...runner.prefix, join(runner.bin, 'postgres'), '-D', cluster, ...settings];
  return spawnChild({ command: command!, args, cwd: cluster, env: CHILD_ENV, logFile, stopSteps: STOP_STEPS });
}

/** Resolves once this very cluster answers a query. */
async function untilReady(child: Child, url: string, cluster: string, log: Logger): Promise<void> {
  let last: unknown;
  let nextWord = performance.now() + 5_000;
  for (const end = performance.now() + READY_MS; performance.now() < end; await sleep(10)) {
    if (child.hasExited())
      throw new EngineError('PostgreSQL', 'not-ready', `PostgreSQL did not start: ${lastLine(child.output())}`);
    try {
      const [row] = await query<{ directory: string }>(url, `select current_setting('data_directory') as directory`);
      if (row?.directory === cluster) return;
      last = new Error(`another server answers on its port, with data in ${row?.directory}`);
    } catch (error) {
      last = error;
    }
    if (performance.now() > nextWord) {
      log.info({ reason: reasonOf(last) }, 'waiting for PostgreSQL');
      nextWord += 5_000;
    }
  }
  throw new EngineError(
    'PostgreSQL',
    'not-ready',
    `PostgreSQL did not answer within ${READY_MS / 1000} s (${reasonOf(last)}): ${lastLine(child.output())}`,
    { cause: last },
  );
}

async function createDatabases(url: string, names: string[]): Promise<void> {
  const existing = new Set(
    (await query<{ datname: string }>(url, 'select datname from pg_database')).map(({ datname }) => datname),
  );
  // Side by side: two take 1.2 times as long as one.
  await Promise.all(names.filter((name) => !existing.has(name)).map((name) => query(url, `create database ${name}`)));
}

async function query<Row extends object>(url: string, text: string): Promise<Row[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined); // A connection lost while idle; the query below rejects by itself.
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

const lastLine = (output: string): string => {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const telling = lines.filter((line) => /FATAL|PANIC|ERROR|error:|could not/.test(line));
  return (telling.length > 0 ? telling.slice(-2).join(' ') : lines.at(-1)) ?? 'it wrote nothing';
};
