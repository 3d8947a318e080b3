// Dead letters of the ledger: what it has parked is written to the stream DLQ as it is parked and released, and what it did not come back from is counted
// there, try by try, for the program that is running: a newer one may have been mended, and tries anew.
import { setTimeout as sleep } from 'node:timers/promises';
import type { FoldGuard } from '#projections/memory/guarded-thread.ts';
import { placeText } from '#projections/memory/ledger.ts';
import { TRIES } from '#projections/memory/parked.ts';
import type { ParkedCustomer } from '#projections/memory/parked-lists.ts';
import { appendLetters, type Letter, letterSubject, readLetters } from '#streams/dead-letters.ts';
import { type EventStore, StoreUnavailable } from '#streams/event-store.ts';
import { startRounds } from './rounds.ts';

const PROCESSOR = 'ledger';
const EVERY_MS = 1_000;
/** Letters a message: some hundred bytes each. */
const LETTERS = 1_000;

export interface DeadLetters extends FoldGuard {
  /** Customers (and messages of unknown ones) that are parked, as last written. */
  parked(): number;
  /** Writes what the ledger parks and releases from now on. */
  follow(fold: ParkedList): Following;
}
/** Of the fold thread: to group and sort what is parked takes it a while, so it is asked only when that has changed. */
export interface ParkedList {
  parkedVersion(): Promise<string>;
  parkedCustomers(limit: number, after: number): Promise<{ customers: ParkedCustomer[] }>;
}
export interface Following extends AsyncDisposable {
  /** Writes what is new now. */
  settle(): Promise<void>;
}

export async function openDeadLetters(options: {
  store: Pick<EventStore, 'append' | 'read' | 'lastSequence'>;
  version: string;
  now: () => number;
  log: { warn(fields: object, message: string): void };
}): Promise<DeadLetters> {
  const { store, version, now, log } = options;
  const tries = new Map<string, { count: number; end: number }>();
  /** Parked and not released, as the stream has it. */
  const open = new Map<string, Letter>();
  const take = (letter: Letter, end: number, by: string) => {
    const place = placeText(letter.seq, letter.index);
    if (letter.kind === 'parked') open.set(place, letter);
    else if (letter.kind === 'released') {
      open.delete(place);
      tries.delete(place);
    } else if (by === version) tries.set(place, { count: (tries.get(place)?.count ?? 0) + 1, end });
  };
  for await (const { letters, end, version: by } of readLetters(store, PROCESSOR))
    for (const letter of letters) take(letter, end, by);

  async function write(subject: string, letters: Letter[]): Promise<void> {
    const end = await store.lastSequence('EVT');
    for (let from = 0; from < letters.length; from += LETTERS)
      await appendLetters(store, subject, { at: now(), version, end, letters: letters.slice(from, from + LETTERS) });
    for (const letter of letters) take(letter, end, version);
  }

  return {
    async tried({ seq, index }) {
      const letter: Letter = { kind: 'tried', seq, index, reason: 'stuck', detail: 'the fold did not come back' };
      for (;;)
        try {
          await write(letterSubject(PROCESSOR, null), [letter]);
          return tries.get(placeText(seq, index))!.count;
        } catch (error) {
          // A try that is not noted would be made for ever.
          if (!(error instanceof StoreUnavailable)) throw error;
          log.warn({ seq, index, error: error.message }, 'a try of the fold cannot be noted yet');
          await sleep(EVERY_MS);
        }
    },
    parked: () => open.size,
    stuck: () =>
      new Map([...tries].flatMap(([place, { count, end }]) => (count >= TRIES ? [[place, end] as const] : []))),
    follow(fold) {
      let written: string | null = null;
      async function round(): Promise<void> {
        const version = await fold.parkedVersion();
        if (version === written) return;
        const present = new Map<string, { letter: Letter; sid: Uint8Array | null }>();
        const { customers } = await fold.parkedCustomers(Number.MAX_SAFE_INTEGER, 0);
        for (const { seq, index, reason, detail, sid } of customers)
          present.set(placeText(seq, index), { letter: { kind: 'parked', seq, index, reason, detail }, sid });
        const fresh = [...present].filter(([place]) => !open.has(place)).map(([, one]) => one);
        for (const [subject, group] of Map.groupBy(fresh, ({ sid }) =>
          letterSubject(PROCESSOR, sid === null ? null : sid[0]! & 63),
        ))
          await write(
            subject,
            group.map(({ letter }) => letter),
          );
        const gone = [...open].filter(([place]) => !present.has(place)).map(([, letter]) => letter);
        await write(
          letterSubject(PROCESSOR, null),
          gone.map((letter) => ({ ...letter, kind: 'released' })),
        );
        written = version;
      }
      return startRounds(round, EVERY_MS, (error) =>
        log.warn({ error: String(error) }, 'dead letters are not written yet'),
      );
    },
  };
}
