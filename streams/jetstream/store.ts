// The event store on JetStream: appends by the official client, reads by our own cursor.
import { JetStreamApiError, jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import {
  type AppendOptions,
  type EventStore,
  StoreUnavailable,
  type StreamName,
  VersionConflict,
} from '../event-store.ts';
import { type CursorDeps, followStream, getMessages, readRange, ringBell } from './cursor.ts';
import { createDirectGet } from './direct-get.ts';
import { linkOf, pause, type StreamLog, silent } from './link.ts';

const ACK_TIMEOUT_MS = 5_000;
/** How long a call waits for a lost connection to come back. */
const LINK_WAIT_MS = 2_000;
/** Room the server's message size keeps for headers and subject. */
const HEADER_BYTES = 1_024;

// https://github.com/nats-io/nats-server/blob/v2.14.0/server/errors.json
const WRONG_LAST_SEQUENCE = new Set([10071, 10164]);

/** Answers for every failed append: what is wrong and what to do next. */
export function appendError(subject: string, error: unknown, expected?: number): Error {
  if (error instanceof JetStreamApiError) {
    if (WRONG_LAST_SEQUENCE.has(error.code)) return new VersionConflict(subject, expected ?? -1, error);
    // 10023, 10047, 10077 and relatives: no room left, or the store could not be written.
    return new StoreUnavailable(
      `${subject}: nats-server refused the write (${error.message}, ${error.code}); free disk space or raise its limits, then retry`,
      error,
    );
  }
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof Error && error.name === 'TimeoutError')
    return new StoreUnavailable(
      `${subject}: no acknowledgement within ${ACK_TIMEOUT_MS / 1000} s; nats-server is down, overloaded, or its disk is full ` +
        '(after a full disk it must be restarted even when space is free again); the write may still have happened',
      error,
    );
  if (error instanceof Error && error.name === 'JetStreamNotEnabled')
    return new StoreUnavailable(`${subject}: no stream takes this subject, or it has no leader yet`, error);
  return new StoreUnavailable(`${subject}: not stored (${text}); the write may still have happened`, error);
}

const streamOf = (subject: string) => subject.split('.', 1)[0]!.toUpperCase();

/** Deletes a message and overwrites its bytes. Only streams that may be thinned out allow it (QUA, IN). */
export async function eraseMessage(nc: NatsConnection, stream: 'QUA' | 'IN', seq: number): Promise<void> {
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  await jsm.streams.deleteMessage(stream, seq, true);
}

export function createJetStreamStore(
  nc: NatsConnection,
  options: { log?: StreamLog; pollMs?: number } = {},
): EventStore {
  const js = jetstream(nc, { timeout: ACK_TIMEOUT_MS });
  const manager = jetstreamManager(nc, { checkAPI: false, timeout: 3_000 });
  const get = createDirectGet(nc);
  const link = linkOf(nc);

  /** The client forgets what is published while it dials, so nothing is sent into a lost connection. */
  const connected = async (what: string): Promise<void> => {
    if (link.up) return;
    await Promise.race([link.whenUp(), pause(LINK_WAIT_MS)]);
    if (!link.up) throw new StoreUnavailable(`${what}: not connected to nats-server; is it running?`);
  };

  const lastSequence = async (stream: StreamName, subject?: string): Promise<number> => {
    await connected(stream);
    const jsm = await manager;
    try {
      if (subject !== undefined) {
        const message = await jsm.direct.getMessage(stream, { last_by_subj: subject });
        return message?.seq ?? 0;
      }
      const info = await jsm.streams.info(stream);
      return info.state.last_seq;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new StoreUnavailable(`${stream}: its last sequence cannot be read (${why})`, cause);
    }
  };
  /** The first message of the subject after `version`, if it carries our id; else 0. */
  const writtenAs = async (subject: string, version: number, messageId: string): Promise<number> => {
    const jsm = await manager;
    const query = { seq: version + 1, next_by_subj: subject };
    const message = await jsm.direct.getMessage(streamOf(subject), query);
    return message?.header.get('Nats-Msg-Id') === messageId ? message.seq : 0;
  };
  const deps: CursorDeps = { nc, get, log: options.log ?? silent, lastSequence, pollMs: options.pollMs };

  return {
    async append(subject: string, bytes: Uint8Array, wanted: AppendOptions = {}) {
      const limit = (nc.info?.max_payload ?? 1 << 20) - HEADER_BYTES;
      if (bytes.length > limit)
        throw new RangeError(
          `${subject}: ${bytes.length} bytes are more than one message may hold (${limit}); split it`,
        );
      const { expectedLastSequence: expected, messageId } = wanted;
      await connected(subject);
      try {
        const ack = await js.publish(subject, bytes, {
          ...(messageId === undefined ? {} : { msgID: messageId }),
          ...(expected === undefined ? {} : { expect: { lastSubjectSequence: expected } }),
        });
        ringBell(nc, ack.stream as StreamName, ack.seq);
        return { seq: ack.seq, duplicate: ack.duplicate };
      } catch (error) {
        const failure = appendError(subject, error, expected);
        // The server checks the version before it looks for the id: a retry of ours that was stored meets itself here.
        if (failure instanceof VersionConflict && messageId !== undefined) {
          const seq = await writtenAs(subject, expected ?? 0, messageId);
          if (seq > 0) return { seq, duplicate: true };
        }
        throw failure;
      }
    },
    async get(stream, seqs) {
      await connected(stream);
      return getMessages(get, stream, seqs);
    },
    read: (stream, range) => readRange(deps, stream, range),
    follow: (stream, wanted) => followStream(deps, stream, wanted),
    lastSequence,
    async [Symbol.asyncDispose]() {
      get.close();
    },
  };
}
