// Our own cursor over a stream: batch by batch, in order, nothing skipped. The client's ordered consumer stalled in 4 of 5 leader kills
// and cannot see a hole in the stream (measured), so position, density and silence are watched here.
import type { NatsConnection } from '@nats-io/nats-core';
import { DENSE, LogTruncated } from '../density.ts';
import { type Recorded, SequenceGap, StoreUnavailable, type StreamName } from '../event-store.ts';
import type { DirectGet } from './direct-get.ts';
import { linkOf, pause, type StreamLog } from './link.ts';

const READ_BYTES = 4 << 20;
const READ_MESSAGES = 2_048;
/** How long a reader sleeps without a bell: the bell is a core message and may be lost. */
const POLL_MS = 250;
const SILENCE_MS = 3_000;
/** Single messages asked for at the same time. */
const GETS = 16;

const bellOf = (stream: StreamName) => `bell.${stream.toLowerCase()}`;

/** Tells every reader that the stream now reaches `seq` (8 bytes, little endian). A hint, never a promise. */
export function ringBell(nc: NatsConnection, stream: StreamName, seq: number): void {
  if (nc.isClosed()) return;
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(seq), true);
  nc.publish(bellOf(stream), bytes);
}

export interface CursorDeps {
  nc: NatsConnection;
  get: DirectGet;
  log: StreamLog;
  lastSequence: (stream: StreamName) => Promise<number>;
  /** POLL_MS, unless a test shows that the bell alone wakes. */
  pollMs?: number | undefined;
}

/** The messages that continue right after `position`, up to the first hole: what is whole is read first. Throws SequenceGap at the hole. */
function wholePart(stream: StreamName, position: number, messages: Recorded[]): Recorded[] {
  const hole = messages.findIndex(({ seq }, index) => seq !== position + 1 + index);
  if (hole === 0) throw new SequenceGap(stream, position + 1, messages[0]!.seq);
  return hole < 0 ? messages : messages.slice(0, hole);
}

export async function* readRange(
  deps: CursorDeps,
  stream: StreamName,
  range: { from?: number; to?: number; subject?: string } = {},
): AsyncGenerator<Recorded> {
  const last = await deps.lastSequence(stream);
  const to = Math.min(range.to ?? last, last);
  const dense = DENSE.has(stream) && range.subject === undefined;
  let position = Math.max(1, range.from ?? 1) - 1;
  let failures = 0;
  while (position < to) {
    let page: Awaited<ReturnType<DirectGet['page']>>;
    try {
      const batch = Math.min(READ_MESSAGES, to - position);
      page = await deps.get.page(stream, { seq: position + 1, batch, maxBytes: READ_BYTES, subject: range.subject });
      failures = 0;
    } catch (error) {
      // A range is read for somebody who waits: three tries, then the truth.
      if (!(error instanceof StoreUnavailable) || ++failures === 3) throw error;
      await pause(POLL_MS);
      continue;
    }
    const messages = dense ? wholePart(stream, position, page.messages) : page.messages;
    for (const message of messages) {
      if (message.seq > to) return;
      position = message.seq;
      yield message;
    }
    if (page.complete && page.pending === 0 && messages.length === page.messages.length) break;
  }
  if (dense && position < to) throw new SequenceGap(stream, position + 1, to + 1);
}

/** Single messages, several on their way at a time. */
export async function getMessages(get: DirectGet, stream: StreamName, seqs: readonly number[]): Promise<Recorded[]> {
  const found = new Array<Recorded>(seqs.length);
  let next = 0;
  const one = async (seq: number): Promise<Recorded> => {
    for (let failures = 0; ; await pause(POLL_MS))
      try {
        const [message] = (await get.page(stream, { seq, batch: 1, maxBytes: READ_BYTES })).messages;
        if (message?.seq !== seq) throw new SequenceGap(stream, seq, message?.seq ?? seq + 1);
        return message;
      } catch (error) {
        if (!(error instanceof StoreUnavailable) || ++failures === 3) throw error;
      }
  };
  const fetchOn = async () => {
    for (let i = next++; i < seqs.length; i = next++) found[i] = await one(seqs[i]!);
  };
  await Promise.all(Array.from({ length: Math.min(GETS, seqs.length) }, fetchOn));
  return found;
}

export async function* followStream(
  deps: CursorDeps,
  stream: StreamName,
  options: { from: number; signal: AbortSignal; maxBytes?: number },
): AsyncGenerator<Recorded[]> {
  const { nc, get, log } = deps;
  const link = linkOf(nc);
  const dense = DENSE.has(stream);
  // Ours, so that leaving the loop stops the batch that is being fetched ahead.
  const stop = new AbortController();
  const forward = () => stop.abort();
  options.signal.addEventListener('abort', forward);
  if (options.signal.aborted) stop.abort();
  const { signal } = stop;

  let rung = 0;
  let wake: (() => void) | null = null;
  const bell = nc.subscribe(bellOf(stream), {
    callback: (error, message) => {
      if (error || message.data.length !== 8) return;
      const { buffer, byteOffset } = message.data;
      rung = Math.max(rung, Number(new DataView(buffer, byteOffset, 8).getBigUint64(0, true)));
      wake?.();
    },
  });
  const doorbell = (ms: number) =>
    new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        wake = null;
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done, { once: true });
      wake = done;
    });

  let position = Math.max(1, options.from) - 1;
  let heardAt = performance.now();
  let failures = 0;
  let mute = 0;

  /** After silence: is there something we are not given, or less than we have already seen? */
  const inspect = async () => {
    const last = await deps.lastSequence(stream);
    if (last < position) throw new LogTruncated(stream, position + 1, last);
    if (last > position) log.warn({ stream, position, last }, 'reader is behind after silence; asking again');
    else rung = position; // a bell that promised more than there is
    heardAt = performance.now();
  };

  const next = async (): Promise<Recorded[]> => {
    let checked = position === 0;
    for (;;) {
      if (signal.aborted) return [];
      if (!link.up) await link.whenUp(signal);
      const asked = performance.now();
      try {
        if (nc.isClosed()) throw new Error(`${stream}: the connection to nats-server was closed under a reader`);
        if (!checked && position === Math.max(1, options.from) - 1) await inspect();
        checked = true;
        const page = await get.page(stream, {
          seq: position + 1,
          batch: READ_MESSAGES,
          maxBytes: options.maxBytes ?? READ_BYTES,
        });
        failures = 0;
        mute = 0;
        if (page.messages.length > 0) {
          const messages = dense ? wholePart(stream, position, page.messages) : page.messages;
          position = messages.at(-1)!.seq;
          heardAt = performance.now();
          return messages;
        }
        // Rung, yet nothing there: a replica that lags. Ask again soon, but not in a spin.
        if (rung > position) await pause(5, signal);
        else await doorbell(deps.pollMs ?? POLL_MS);
        if (performance.now() - heardAt > SILENCE_MS) await inspect();
      } catch (error) {
        if (signal.aborted) return [];
        if (!(error instanceof StoreUnavailable)) throw error;
        if (failures++ % 40 === 0)
          log.warn({ stream, position, failures, error: error.message }, 'reader got no answer; asking again');
        // Connected, yet mute for about ten seconds: a dead link or a server that hangs. Dial again. (A refusal comes at once.)
        mute = performance.now() - asked > SILENCE_MS / 2 ? mute + 1 : 0;
        if (mute === 3) {
          mute = 0;
          if (link.up) await nc.reconnect();
        }
        await pause(POLL_MS, signal);
      }
    }
  };
  const ahead = (): Promise<Recorded[]> => {
    const batch = next();
    batch.catch(() => {}); // it is awaited one turn later; until then it must not count as unhandled
    return batch;
  };

  try {
    let batch = ahead();
    while (!signal.aborted) {
      const messages = await batch;
      if (signal.aborted || messages.length === 0) return;
      batch = ahead();
      yield messages;
    }
  } finally {
    options.signal.removeEventListener('abort', forward);
    stop.abort();
    bell.unsubscribe();
  }
}
