// Small things the engine tests ask of running engines.
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { Client } from 'pg';

export async function query<Row extends object>(url: string, text: string): Promise<Row[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined); // The server may be killed under it: the query rejects.
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

/** Stores a text in a stream of the test's own and answers its sequence. */
export async function publish(connection: NatsConnection, text: string): Promise<number> {
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: 'PROBE', subjects: ['probe'] });
  return (await jetstream(connection).publish('probe', text)).seq;
}

/** Asked for half a second: a connection that is just coming back loses the question, and is asked again. */
export async function stored(connection: NatsConnection, seq: number): Promise<string | undefined> {
  const manager = await jetstreamManager(connection, { timeout: 500 });
  return (await manager.streams.getMessage('PROBE', { seq }))?.string();
}

/** Waits for what must come true soon; fails with what was waited for. */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  patienceMs = 15_000,
): Promise<void> {
  for (const end = performance.now() + patienceMs; performance.now() < end; await sleep(20)) if (await holds()) return;
  throw new Error(`not within ${patienceMs} ms: ${what}`);
}
