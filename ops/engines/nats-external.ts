// A NATS server the operator runs: checked once for what the log needs of it.
import { readFileSync } from 'node:fs';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { connectNats, type NatsOptions } from '#streams/jetstream/connection.ts';
import type { EngineState } from './child.ts';
import { EngineError, reasonOf } from './engine-error.ts';
import type { NatsEngine } from './nats.ts';
import { assertNatsVersion, noteIfOld } from './nats-binary.ts';

/** Prefix of replies to our own identity; sources may only read `_INBOX.>`. */
export const SYSTEM_INBOX = '_AXIOM47';

/** @throws EngineError when it is unreachable, older than 2.14.0 or without JetStream. */
export async function openExternalNats(
  url: string,
  credentialsFile: string | undefined,
  log: Logger,
  onState: (state: EngineState) => void,
): Promise<NatsEngine> {
  const options: NatsOptions = {
    servers: url.split(',').map((server) => server.trim()),
    ...credentials(credentialsFile),
    inboxPrefix: SYSTEM_INBOX,
  };
  let connection: NatsConnection;
  try {
    connection = await connectNats(options, { reconnect: false, name: 'axiom47 start-up' });
  } catch (error) {
    throw new EngineError(
      'nats-server',
      'unreachable',
      `the NATS server named in AXIOM47_NATS_URL does not take our connection (${reasonOf(error)}): start it, correct the address or AXIOM47_NATS_CREDS, or unset AXIOM47_NATS_URL to use the embedded one`,
      { cause: error },
    );
  }
  const info = connection.info;
  const server = connection.getServer();
  await connection.close();
  const version = info?.version ?? '0.0.0';
  assertNatsVersion(version, server);
  if (info?.jetstream !== true)
    throw new EngineError(
      'nats-server',
      'unsuitable',
      `the NATS server at ${server} runs without JetStream: enable it with "jetstream { store_dir: … }"`,
    );
  noteIfOld(version, log, false);
  onState('ready');
  const notOurs = (): Promise<never> =>
    Promise.reject(
      new EngineError(
        'nats-server',
        'unsupported',
        `users of the NATS server at ${server} are its operator's: add one there that may publish "in.<source>" and "ask.<source>", and subscribe "_INBOX.>"`,
      ),
    );
  return {
    url: options.servers.join(','),
    port: Number(server.split(':').at(-1)),
    version,
    managed: false,
    options,
    pid: () => undefined,
    connect: (name) => connectNats(options, name === undefined ? {} : { name }),
    addSourceUser: notOurs,
    removeSourceUser: notOurs,
    restart: async () => undefined,
    stop: async () => onState('stopped'),
  };
}

function credentials(file: string | undefined): Pick<NatsOptions, 'seed' | 'creds'> {
  if (file === undefined) return {};
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new EngineError(
      'nats-server',
      'unreachable',
      `AXIOM47_NATS_CREDS names ${file}, which cannot be read (${reasonOf(error)})`,
      { cause: error },
    );
  }
  if (text.includes('BEGIN NATS USER JWT')) return { creds: text };
  if (/^SU[A-Z2-7]{56}$/.test(text)) return { seed: text };
  throw new EngineError(
    'nats-server',
    'unreachable',
    `${file} (AXIOM47_NATS_CREDS) is neither a .creds file nor an nkey seed of a user (SU…)`,
  );
}
