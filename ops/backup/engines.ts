// The engines of an installation for the time of a backup: those of the server that runs, beside it, or started for it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Logger } from 'pino';
import { connectNats, type NatsOptions } from '#streams/jetstream/connection.ts';
import type { Config } from '../config.ts';
import { findRunning, openDataDir } from '../data-dir.ts';
import { reasonOf } from '../engines/engine-error.ts';
import { openExternalNats, SYSTEM_INBOX } from '../engines/nats-external.ts';
import { KEYRING_DATABASE, openExternalPostgres } from '../engines/postgres-external.ts';
import { startEngines } from '../engines/supervisor.ts';

export interface Reached extends AsyncDisposable {
  nc: NatsConnection;
  keyringUrl: string;
  /** A server is at work meanwhile. */
  running: boolean;
}

export async function reachEngines(dataDir: string, config: Config, log: Logger): Promise<Reached> {
  await using opening = new AsyncDisposableStack();
  const run = findRunning(dataDir);
  let nats: NatsOptions;
  let keyringUrl: string;
  if (run === undefined) {
    const dir = opening.use(await openDataDir(dataDir));
    const engines = opening.use(await startEngines(config, dir, log));
    nats = engines.nats.options;
    keyringUrl = engines.postgres.keyringUrl;
  } else {
    const secret = (name: string) => readFileSync(join(dataDir, 'secrets', name), 'utf8').trim();
    const silent = () => undefined;
    nats =
      config.nats.url === undefined
        ? { servers: [run.natsUrl], seed: secret('nats-system.nk'), inboxPrefix: SYSTEM_INBOX }
        : (await openExternalNats(config.nats.url, config.nats.credentialsFile, log, silent)).options;
    if (config.postgres.url !== undefined)
      keyringUrl = (await openExternalPostgres(config.postgres.url, config.postgres.keyringUrl, silent)).keyringUrl;
    else if (config.postgres.keyringUrl !== undefined) keyringUrl = config.postgres.keyringUrl;
    else if (run.postgresPort === undefined || !existsSync(join(dataDir, 'secrets', 'postgres.password')))
      throw new Error(
        `the server of ${dataDir} runs with a PostgreSQL of its own choice: set DATABASE_URL as it has it, then take the backup again`,
      );
    else
      keyringUrl = `postgres://axiom47:${encodeURIComponent(secret('postgres.password'))}@127.0.0.1:${run.postgresPort}/${KEYRING_DATABASE}`;
  }
  let nc: NatsConnection;
  try {
    nc = await connectNats(nats, { name: 'axiom47 backup' });
  } catch (error) {
    throw new Error(
      `the log of ${dataDir} cannot be reached (${reasonOf(error)}); if its server was started with AXIOM47_NATS_URL, set the same here`,
      { cause: error },
    );
  }
  opening.defer(() => nc.close());
  const closing = opening.move();
  return { nc, keyringUrl, running: run !== undefined, [Symbol.asyncDispose]: () => closing.disposeAsync() };
}
