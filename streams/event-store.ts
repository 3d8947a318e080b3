// The port every log adapter fulfils (memory, JetStream; one contract suite in test/contracts/event-store.ts).
// Streams are EVT (packs and facts), CTL (one subject an aggregate), QUA (quarantine), DLQ (dead letters), IN, AUD; see streams/jetstream/topology.ts.

export type StreamName = 'IN' | 'EVT' | 'CTL' | 'QUA' | 'DLQ' | 'AUD';

export interface Recorded {
  /** Position in the stream, dense from 1. */
  seq: number;
  subject: string;
  bytes: Uint8Array;
  /** When the store accepted it, ms. */
  storedAt: number;
}

export interface AppendOptions {
  /** The subject's last sequence as the writer knows it (0 = nothing yet); refused with VersionConflict when it moved on. */
  expectedLastSequence?: number;
  /** Makes a retry within the duplicate window answer with the first one's sequence. Never personal data. */
  messageId?: string;
}

export interface EventStore extends AsyncDisposable {
  append(subject: string, bytes: Uint8Array, options?: AppendOptions): Promise<{ seq: number; duplicate: boolean }>;
  /**
   * Messages of a stream in order from `from` (default 1), up to `to` (default: the last sequence when the call began).
   * Throws SequenceGap when a position is missing: a hole is never skipped silently.
   */
  read(stream: StreamName, range?: { from?: number; to?: number; subject?: string }): AsyncIterable<Recorded>;
  /** The messages at these positions, in the order asked for. Throws SequenceGap when there is none at one of them. */
  get(stream: StreamName, seqs: readonly number[]): Promise<Recorded[]>;
  /**
   * Follows a stream for ever: batches in order from `from`; waits for new ones; ends when the signal aborts.
   * Our own cursor: polls by batch get, woken by a doorbell, checked for density, and re-established after silence.
   */
  follow(
    stream: StreamName,
    options: { from: number; signal: AbortSignal; maxBytes?: number },
  ): AsyncIterable<Recorded[]>;
  lastSequence(stream: StreamName, subject?: string): Promise<number>;
}

export class VersionConflict extends Error {
  readonly code = 'version-conflict';
  readonly subject: string;
  constructor(subject: string, expected: number, cause?: unknown) {
    super(`${subject}: somebody else wrote after sequence ${expected}; read again and decide again`, { cause });
    this.name = 'VersionConflict';
    this.subject = subject;
  }
}

export class SequenceGap extends Error {
  readonly code = 'sequence-gap';
  readonly stream: string;
  readonly expected: number;
  readonly found: number;
  constructor(stream: string, expected: number, found: number) {
    super(`${stream}: sequence ${expected} is missing (the next one there is ${found}); restore the log from a backup`);
    this.name = 'SequenceGap';
    this.stream = stream;
    this.expected = expected;
    this.found = found;
  }
}

/** The store does not accept or answer: down, full, or read-only. Retrying later may help. */
export class StoreUnavailable extends Error {
  readonly code = 'store-unavailable';
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'StoreUnavailable';
  }
}
