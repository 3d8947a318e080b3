// How any thread of ours reaches the NATS server: plain options that survive structuredClone, and one function that connects with them.
import { connect, credsAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import { userOfSeed } from './nkey.ts';

/** Structured-cloneable, so a supervisor can hand it to a worker through `workerData`. Holds a secret: never log it. */
export type NatsOptions = {
  servers: string[];
  /** An nkey seed (`SU…`): the identity of the embedded server's users. */
  seed?: string;
  /** The text of a `.creds` file (user JWT and seed): the identity on a server of one's own. */
  creds?: string;
  /**
   * Subject prefix of this identity's replies. Sources may subscribe `_INBOX.>` (clients' default), so ours differs:
   * no source can read what the system asked for.
   */
  inboxPrefix?: string;
};

export type ConnectSettings = {
  /** Shown in the server's connection list. */
  name?: string;
  /** Of the first attempt. */
  timeoutMs?: number;
  /** false: reject or close on the first loss, for probes. Default: reconnect for ever. */
  reconnect?: boolean;
};

/** A connection that outlives a restart of the server: it reconnects for ever, four times a second. */
export function connectNats(options: NatsOptions, settings: ConnectSettings = {}): Promise<NatsConnection> {
  const authenticator =
    options.creds !== undefined
      ? credsAuthenticator(new TextEncoder().encode(options.creds))
      : options.seed !== undefined
        ? userOfSeed(options.seed).authenticator
        : undefined;
  return connect({
    servers: options.servers,
    timeout: settings.timeoutMs ?? 5_000,
    reconnect: settings.reconnect ?? true,
    maxReconnectAttempts: -1,
    // By default a client gives up for good when its log-in fails twice in a row, also by a server too busy to hear it in time.
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: 250,
    reconnectJitter: 50,
    pingInterval: 20_000,
    maxPingOut: 2,
    // Capturing a stack for every request costs as much as a publish (eventsourcing notes); errors still carry their own.
    noAsyncTraces: true,
    ...(settings.name === undefined ? {} : { name: settings.name }),
    ...(options.inboxPrefix === undefined ? {} : { inboxPrefix: options.inboxPrefix }),
    ...(authenticator === undefined ? {} : { authenticator }),
  });
}
