// Messages of the log into a ledger: one that cannot be read is parked when nothing is lost by going on, and what is parked is tried again when the
// log says so.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EventStore, Recorded } from '#streams/event-store.ts';
import { decodeMessage, type LogMessage, UnreadableFact } from '#streams/pack.ts';
import type { Ledger } from './ledger.ts';
import { type ParkedEvent, TRIES, WHOLE_MESSAGE } from './parked.ts';

type Reads = Pick<EventStore, 'read'>;

const FOR_ALL = /^evt\.all\./;

/**
 * The message, read; null when it is a pack that cannot be: then it is to be parked. It is fetched again before each further try, in case only
 * this copy is bad. @throws UnreadableFact
 */
export async function readMessage(store: Reads, record: Recorded): Promise<LogMessage | null> {
  for (let tries = 1, { bytes } = record; ; tries++) {
    try {
      return decodeMessage(bytes);
    } catch (error) {
      if (tries === TRIES) {
        if (FOR_ALL.test(record.subject)) throw new UnreadableFact(record, error as Error);
        return null;
      }
      for await (const again of store.read('EVT', { from: record.seq, to: record.seq })) bytes = again.bytes;
    }
  }
}

/** As `readMessage`, without a turn of the event loop for a message that is as it should be. */
export function readRecorded(store: Reads, record: Recorded): LogMessage | Promise<LogMessage | null> {
  try {
    return decodeMessage(record.bytes);
  } catch {
    return readMessage(store, record); // tries again, and says what is wrong
  }
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
 * Everything that is parked, in the log's order, customer by customer up to the first that is refused again.
 * @param at told the message it is at, null while it reads. @returns how many are applied now.
 */
export async function replayParked(
  store: Reads,
  ledger: Ledger,
  at: (seq: number | null) => void = () => undefined,
): Promise<number> {
  let replayed = 0;
  for (;;) {
    const order = (a: ParkedEvent, b: ParkedEvent) => a.seq - b.seq || a.index - b.index;
    const waiting = [...ledger.parked.list()].filter(({ reason }) => reason !== 'fact').sort(order);
    const applied = new Set<ParkedEvent>();
    const refused = new Set<number>();
    for (const [seq, events] of Map.groupBy(waiting, (event) => event.seq)) {
      for await (const record of store.read('EVT', { from: seq, to: seq })) {
        const message = await readMessage(store, record);
        at(seq);
        for (const event of events) {
          const row = event.index === WHOLE_MESSAGE ? -1 : ledger.canonicalRow(event.sid);
          if (refused.has(row)) continue;
          if (message !== null && ledger.retry(event, message)) applied.add(event);
          else if (row >= 0) refused.add(row);
        }
        at(null);
      }
      await nextTurn();
    }
    ledger.release(applied);
    ledger.flushColumns();
    replayed += applied.size;
    // What a message held that was read only now may have been parked behind its customer.
    if (applied.size === 0) return replayed;
  }
}
