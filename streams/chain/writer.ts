// Seals the log: follows EVT and appends a link to AUD for every thousand messages, or after a few seconds. One writer at a time by the sequence
// each link expects before it; a second one finds the links there, compares them with what it has read itself, and goes on behind them.
import { type EventStore, type Recorded, StoreUnavailable, VersionConflict } from '../event-store.ts';
import { pause, type StreamLog } from '../jetstream/link.ts';
import {
  CHAIN_SUBJECT,
  DIGEST_BYTES,
  digestAt,
  encodeLink,
  FIRST_PREVIOUS,
  LogDamaged,
  messageDigest,
  sameBytes,
} from './link.ts';
import { chainHead, readLinks } from './sealed.ts';

const LINK_MESSAGES = 1_024;
/** Unsealed for at most about this long: a minute of quiet traffic is twelve links. */
const SEAL_AFTER_MS = 5_000;
const RETRY_MS = 1_000;

export interface ChainWriter extends AsyncDisposable {
  /** Everything up to here is sealed. */
  readonly sealedTo: number;
  /** Seals what has been read so far; answers up to where. */
  seal(): Promise<number>;
  /** Settles when it has stopped; rejects with what ended it. */
  readonly done: Promise<void>;
}

export async function startChainWriter(options: {
  store: EventStore;
  log: StreamLog;
  linkMessages?: number;
  sealAfterMs?: number;
}): Promise<ChainWriter> {
  const { store, log } = options;
  const linkMessages = options.linkMessages ?? LINK_MESSAGES;
  const stopping = new AbortController();
  let n = 0;
  let previous = FIRST_PREVIOUS;
  let aud = 0;
  let sealedTo = 0;
  /** Read and not sealed yet: message sealedTo + 1 + i. */
  let waiting: { digest: Uint8Array; at: number }[] = [];

  async function takeHead(): Promise<void> {
    const { head, aud: last } = await chainHead(store);
    aud = last;
    if (head === null) return;
    n = head.link.n;
    previous = head.sha256;
    sealedTo = head.link.to;
  }

  /** Somebody else has sealed further: is it what was read here? */
  async function goOnBehind(): Promise<void> {
    for await (const { link } of readLinks(store, aud + 1)) {
      if (link === null) continue;
      for (let seq = Math.max(link.from, sealedTo + 1); seq <= link.to; seq++) {
        const mine = waiting[seq - sealedTo - 1];
        if (mine && !sameBytes(mine.digest, digestAt(link, seq)))
          throw new LogDamaged(
            seq,
            mine.at,
            `is not the message that another writer of the chain sealed in link ${link.n}`,
          );
      }
    }
    const before = sealedTo;
    await takeHead();
    waiting = waiting.slice(Math.max(0, sealedTo - before));
  }

  async function sealOnce(): Promise<void> {
    const count = Math.min(waiting.length, linkMessages);
    const digests = new Uint8Array(count * DIGEST_BYTES);
    for (let i = 0; i < count; i++) digests.set(waiting[i]!.digest, i * DIGEST_BYTES);
    const link = { n: n + 1, from: sealedTo + 1, to: sealedTo + count, at: waiting[count - 1]!.at, digests, previous };
    const { bytes, sha256 } = encodeLink(link);
    try {
      const stored = await store.append(CHAIN_SUBJECT, bytes, {
        expectedLastSequence: aud,
        messageId: `chain:${link.n}:${Buffer.from(sha256).toString('hex', 0, 16)}`,
      });
      aud = stored.seq;
    } catch (error) {
      if (!(error instanceof VersionConflict)) throw error;
      return goOnBehind();
    }
    n = link.n;
    previous = sha256;
    sealedTo = link.to;
    waiting = waiting.slice(count);
  }

  let queue: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = queue.then(work);
    queue = mine.catch(() => undefined); // its caller has the error
    return mine;
  };
  const sealAll = (least: number) =>
    inTurn(async () => {
      while (waiting.length >= least && waiting.length > 0) {
        try {
          await sealOnce();
        } catch (error) {
          if (!(error instanceof StoreUnavailable) || stopping.signal.aborted) throw error;
          log.warn({ sealedTo, error: error.message }, 'the hash chain cannot be written, trying again');
          await pause(RETRY_MS, stopping.signal);
        }
      }
      return sealedTo;
    });

  await takeHead();
  let timer: NodeJS.Timeout | null = null;
  let failed: (error: Error) => void = () => undefined;
  const failure = new Promise<never>((_, reject) => {
    failed = reject;
  });
  failure.catch(() => undefined); // raced below

  async function run(): Promise<void> {
    const end = await store.lastSequence('EVT');
    if (end < sealedTo)
      throw new LogDamaged(end + 1, Date.now(), `the log ends at ${end}, but was sealed up to ${sealedTo}`);
    const messages = store.follow('EVT', { from: sealedTo + 1, signal: stopping.signal });
    for await (const batch of messages) {
      for (const message of batch) if (message.seq > sealedTo) waiting.push(digestOf(message));
      if (waiting.length >= linkMessages) await sealAll(linkMessages);
      timer ??= setTimeout(() => {
        timer = null;
        sealAll(1).catch(failed);
      }, options.sealAfterMs ?? SEAL_AFTER_MS);
    }
  }
  const done = Promise.race([run(), failure]).catch((error: Error) => {
    const stopped = stopping.signal.aborted;
    stopping.abort();
    if (!stopped) throw error;
  });
  done.catch(() => undefined); // whoever awaits `done` has it

  return {
    get sealedTo() {
      return sealedTo;
    },
    seal: () => sealAll(1),
    done,
    async [Symbol.asyncDispose]() {
      stopping.abort();
      if (timer) clearTimeout(timer);
      const whole = await done.then(
        () => true,
        () => false,
      );
      // What cannot be sealed now is sealed at the next start.
      if (whole)
        await sealAll(1).catch((error: Error) =>
          log.warn({ sealedTo, error: error.message }, 'the end of the log is not sealed'),
        );
    },
  };
}

const digestOf = (message: Recorded) => ({ digest: messageDigest(message), at: message.storedAt });
