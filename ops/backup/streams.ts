// The log's streams, message by message through our own reader: a hole is found now and not at the restore, and a backup does not depend on
// how nats-server lays out its files.
import { JetStreamApiError, jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { DENSE } from '#streams/density.ts';
import type { EventStore, StreamName } from '#streams/event-store.ts';
import { createBatch } from './archive.ts';
import type { BackupRecord, Message } from './records.ts';

/** Copies a stream up to `to`; the number of its messages. */
export async function copyStream(
  store: EventStore,
  stream: StreamName,
  to: number,
  write: (record: BackupRecord) => void,
  progress: (seq: number) => void = () => undefined,
): Promise<number> {
  let count = 0;
  const batch = createBatch<Message>(
    ([, subject, , bytes]) => subject.length + bytes.length,
    (messages) => {
      write({ kind: 'messages', stream, messages });
      progress(messages.at(-1)![0]);
    },
  );
  // An empty range would be read as "up to the end".
  if (to > 0)
    for await (const { seq, subject, storedAt, bytes } of store.read(stream, { to })) {
      batch.add([seq, subject, storedAt, bytes]);
      count++;
    }
  batch.flush();
  return count;
}

export interface StreamsLoad {
  messages(stream: string, messages: readonly Message[]): Promise<void>;
  /** Resolves when the server has stored all of them. Messages by stream. */
  finish(): Promise<Record<string, number>>;
}

const IN_FLIGHT = 256;
/** Keeps its place for a message that was removed before the backup, and is removed itself. */
const PLACEHOLDER = new Uint8Array(0);

/** Fills empty streams. Every message gets the sequence it had, except in IN, where none matters: its messages wait for the gateway. */
export async function loadStreams(nc: NatsConnection, store: EventStore): Promise<StreamsLoad> {
  const js = jetstream(nc, { timeout: 30_000 });
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const counts: Record<string, number> = {};
  const ends = new Map<string, number>();
  let pending: Promise<void>[] = [];

  const start = async (stream: StreamName, first: number): Promise<number> => {
    const last = await store.lastSequence(stream);
    if (last > 0)
      throw new Error(
        `stream ${stream} is not empty: a restore never writes behind what is there; point AXIOM47_NATS_URL at another server`,
      );
    if (first > 1 && !DENSE.has(stream) && stream !== 'IN') {
      await jsm.streams.purge(stream, { seq: first });
      return first - 1;
    }
    return 0;
  };
  const publish = async (stream: string, seq: number, subject: string, bytes: Uint8Array): Promise<void> => {
    try {
      const ack = await js.publish(subject, bytes);
      if (stream !== 'IN' && ack.seq !== seq)
        throw new Error(`stream ${stream}: message ${seq} was stored as ${ack.seq}; somebody else writes to it`);
    } catch (error) {
      if (error instanceof JetStreamApiError)
        throw new Error(`stream ${stream}: nats-server refused message ${seq} (${error.message})`, { cause: error });
      throw error;
    }
  };
  const settle = async () => {
    const waiting = pending;
    pending = [];
    await Promise.all(waiting);
  };

  return {
    async messages(stream, messages) {
      const name = stream as StreamName;
      let last = ends.get(name) ?? (await start(name, messages[0]?.[0] ?? 1));
      for (const [seq, subject, , bytes] of messages) {
        if (stream !== 'IN')
          for (; last < seq - 1; last++) {
            await settle();
            await publish(stream, last + 1, subject, PLACEHOLDER);
            await jsm.streams.deleteMessage(stream, last + 1, true);
          }
        last = seq;
        pending.push(publish(stream, seq, subject, bytes));
        if (pending.length >= IN_FLIGHT) await settle();
      }
      ends.set(stream, last);
      counts[stream] = (counts[stream] ?? 0) + messages.length;
    },
    async finish() {
      await settle();
      return counts;
    },
  };
}
