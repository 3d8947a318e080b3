// The event store in memory: for tests and for folds that need no server. Same contract as JetStream's.

import { DENSE, LogTruncated } from '../density.ts';
import { type EventStore, type Recorded, SequenceGap, type StreamName, VersionConflict } from '../event-store.ts';

const WINDOW_MS = 120_000;
const MAX_MESSAGE = 1 << 20;
const READ_BYTES = 4 << 20;

interface Stored {
  messages: (Recorded | null)[];
  bySubject: Map<string, number>;
  ids: Map<string, { seq: number; at: number }>;
  wake: Set<() => void>;
}

export interface MemoryStore extends EventStore {
  /** Takes a message away, as a damaged disk would. */
  lose(stream: StreamName, seq: number): void;
}

export function createMemoryStore(options: { now?: () => number } = {}): MemoryStore {
  const now = options.now ?? Date.now;
  const create = (): Stored => ({ messages: [], bySubject: new Map(), ids: new Map(), wake: new Set() });
  const streams: Record<StreamName, Stored> = {
    IN: create(),
    EVT: create(),
    CTL: create(),
    QUA: create(),
    DLQ: create(),
    AUD: create(),
  };
  const streamOf = (subject: string): Stored => {
    const stream = streams[subject.split('.', 1)[0]!.toUpperCase() as StreamName];
    if (!stream) throw new RangeError(`${subject}: no stream takes this subject`);
    return stream;
  };

  /** The messages after `position`, at most `maxBytes` or one. */
  const after = (stream: StreamName, position: number, to: number, maxBytes: number): Recorded[] => {
    const { messages } = streams[stream];
    const batch: Recorded[] = [];
    let bytes = 0;
    for (let seq = position + 1; seq <= Math.min(to, messages.length) && bytes < maxBytes; seq++) {
      const message = messages[seq - 1];
      if (message) {
        batch.push(message);
        bytes += message.bytes.length;
      } else if (DENSE.has(stream)) {
        if (batch.length > 0) break; // what is whole first, then the error
        const next = messages.findIndex((other, index) => index >= seq && other);
        throw new SequenceGap(stream, seq, next < 0 ? messages.length + 1 : next + 1);
      }
    }
    return batch;
  };

  return {
    async append(subject, bytes, wanted = {}) {
      const stream = streamOf(subject);
      if (bytes.length > MAX_MESSAGE)
        throw new RangeError(
          `${subject}: ${bytes.length} bytes are more than one message may hold (${MAX_MESSAGE}); split it`,
        );
      const at = now();
      const known = wanted.messageId === undefined ? undefined : stream.ids.get(wanted.messageId);
      if (known && at - known.at < WINDOW_MS) return { seq: known.seq, duplicate: true };
      const expected = wanted.expectedLastSequence;
      if (expected !== undefined && (stream.bySubject.get(subject) ?? 0) !== expected)
        throw new VersionConflict(subject, expected);
      const seq = stream.messages.push({
        seq: stream.messages.length + 1,
        subject,
        bytes: bytes.slice(),
        storedAt: at,
      });
      stream.bySubject.set(subject, seq);
      if (wanted.messageId !== undefined) stream.ids.set(wanted.messageId, { seq, at });
      for (const wake of [...stream.wake]) wake();
      return { seq, duplicate: false };
    },
    async *read(stream, range = {}) {
      const to = Math.min(range.to ?? Number.POSITIVE_INFINITY, streams[stream].messages.length);
      let position = Math.max(1, range.from ?? 1) - 1;
      const matches = range.subject === undefined ? null : matcher(range.subject);
      while (position < to) {
        if (matches) {
          position++;
          const message = streams[stream].messages[position - 1];
          if (message && matches(message.subject)) yield message;
          continue;
        }
        const batch = after(stream, position, to, READ_BYTES);
        if (batch.length === 0) return;
        yield* batch;
        position = batch.at(-1)!.seq;
      }
    },
    async get(stream, seqs) {
      const { messages } = streams[stream];
      return seqs.map((seq) => {
        const message = messages[seq - 1];
        if (!message) throw new SequenceGap(stream, seq, messages.length + 1);
        return message;
      });
    },
    async *follow(stream, { from, signal, maxBytes = READ_BYTES }) {
      let position = Math.max(1, from) - 1;
      const { messages, wake } = streams[stream];
      if (position > messages.length) throw new LogTruncated(stream, from, messages.length);
      while (!signal.aborted) {
        const batch = after(stream, position, Number.POSITIVE_INFINITY, maxBytes);
        if (batch.length > 0) {
          position = batch.at(-1)!.seq;
          yield batch;
          continue;
        }
        await new Promise<void>((resolve) => {
          const done = () => {
            wake.delete(done);
            signal.removeEventListener('abort', done);
            resolve();
          };
          wake.add(done);
          signal.addEventListener('abort', done);
        });
      }
    },
    async lastSequence(stream, subject) {
      return subject === undefined ? streams[stream].messages.length : (streams[stream].bySubject.get(subject) ?? 0);
    },
    lose(stream, seq) {
      streams[stream].messages[seq - 1] = null;
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** NATS subject wildcards: `*` one token, `>` the rest. */
function matcher(pattern: string): (subject: string) => boolean {
  const wanted = pattern.split('.');
  return (subject) => {
    const tokens = subject.split('.');
    for (let i = 0; i < wanted.length; i++) {
      if (wanted[i] === '>') return tokens.length > i;
      if (i >= tokens.length || (wanted[i] !== '*' && wanted[i] !== tokens[i])) return false;
    }
    return tokens.length === wanted.length;
  };
}
