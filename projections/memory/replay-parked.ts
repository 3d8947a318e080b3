// Messages of the log into a ledger: one that cannot be read is parked when nothing is lost by going on, and what is parked is tried again when the
// log says so.
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { type EventStore, type Recorded, StoreUnavailable } from '#streams/event-store.ts';
import { decodeMessage, type LogMessage, UnreadableFact } from '#streams/pack.ts';
import { type Ledger, placeText } from './ledger.ts';
import { type ParkedEvent, TRIES, WHOLE_MESSAGE } from './parked.ts';

type Reads = Pick<EventStore, 'read'>;

export interface ReadOptions {
  /** What the fold did not come back from (LedgerOptions.stuck): a message among it is not even read. */
  stuck?: ReadonlyMap<string, number> | undefined;
  /** Ends the wait for a server that is away. */
  signal?: AbortSignal | undefined;
}

const FOR_ALL = /^evt\.all\./;
const AGAIN_MS = 250;

/** As it is stored, however long the server is away; null when nothing is there. */
async function fetchAgain(store: Reads, seq: number, signal?: AbortSignal): Promise<Recorded | null> {
  for (;;)
    try {
      for await (const record of store.read('EVT', { from: seq, to: seq })) return record;
      return null;
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      await sleep(AGAIN_MS, undefined, { signal });
    }
}

/**
 * The message, read; null when it is a pack that cannot be: then it is to be parked. It is fetched again before each further try, in case only
 * this copy is bad. @throws UnreadableFact
 */
async function readMessage(store: Reads, record: Recorded, signal?: AbortSignal): Promise<LogMessage | null> {
  for (let tries = 1, { bytes } = record; ; tries++) {
    try {
      return decodeMessage(bytes);
    } catch (error) {
      if (tries === TRIES) {
        if (FOR_ALL.test(record.subject)) throw new UnreadableFact(record, error as Error);
        return null;
      }
      bytes = (await fetchAgain(store, record.seq, signal))?.bytes ?? bytes;
    }
  }
}

/** As `readMessage`, without a turn of the event loop for a message that is as it should be. */
export function readRecorded(
  store: Reads,
  record: Recorded,
  { stuck, signal }: ReadOptions = {},
): LogMessage | null | Promise<LogMessage | null> {
  if (stuck !== undefined && stuck.size > 0 && stuck.has(placeText(record.seq, WHOLE_MESSAGE))) {
    refuseForAll(record);
    return null;
  }
  try {
    return decodeMessage(record.bytes);
  } catch {
    return readMessage(store, record, signal); // tries again, and says what is wrong
  }
}

/** @throws UnreadableFact for a fact for all customers, which may be an erasure: nothing goes on behind one that was not applied. */
export function refuseForAll(record: Recorded): void {
  if (FOR_ALL.test(record.subject))
    throw new UnreadableFact(record, new Error('the program did not come back from it'));
}

/** Applies the message to the ledger, or parks it. */
export function applyRead(ledger: Ledger, { seq }: Recorded, message: LogMessage | null): void {
  if (message !== null) ledger.applyMessage(seq, message);
  else if (seq > ledger.position) ledger.parkMessage(seq, 'not readable', TRIES);
}

/** The log says that what is parked is to be tried again. */
export const replayOf = (message: LogMessage | null): { by: 'start' | 'request' } | null =>
  message?.kind === 'fact' && message.fact.type === 'dead-letters.replayed' ? message.fact : null;

/**
 * Everything that is parked, in the log's order, customer by customer up to the first that is refused again. Whoever asks meanwhile finds columns
 * of what is applied by then.
 * @param at told the message it is at, null while it reads. @returns how many are applied now.
 */
export async function replayParked(
  store: Reads,
  ledger: Ledger,
  at: (seq: number | null) => void = () => undefined,
  signal?: AbortSignal,
): Promise<number> {
  const { stuck } = ledger.options;
  let replayed = 0;
  for (;;) {
    const order = (a: ParkedEvent, b: ParkedEvent) => a.seq - b.seq || a.index - b.index;
    const waiting = [...ledger.parked.list()].filter(({ reason }) => reason !== 'fact').sort(order);
    const applied = new Set<ParkedEvent>();
    const refused = new Set<number>();
    for (const [seq, events] of Map.groupBy(waiting, (event) => event.seq)) {
      const record = await fetchAgain(store, seq, signal);
      if (record === null) continue;
      at(seq);
      let message = readRecorded(store, record, { stuck, signal });
      if (message instanceof Promise) {
        at(null);
        message = await message;
        at(seq);
      }
      for (const event of events) {
        const row = event.index === WHOLE_MESSAGE ? -1 : ledger.canonicalRow(event.sid);
        if (refused.has(row)) continue;
        if (message !== null && ledger.retry(event, message)) applied.add(event);
        else if (row >= 0) refused.add(row);
      }
      at(null);
      ledger.flushColumns();
      await nextTurn();
    }
    ledger.release(applied);
    ledger.flushColumns();
    replayed += applied.size;
    // What a message held that was read only now may have been parked behind its customer.
    if (applied.size === 0) return replayed;
  }
}
