// The stream of dead letters, `dlq.<processor>.<partition>`: which events a processor has parked, in order, and when they were applied after all; and
// what it did not come back from, try by try, written by whoever watches it. Places only: the events are in EVT, and no letter names anybody.
import { Packr } from 'msgpackr';
import { isAcknowledgement } from './acknowledgement.ts';
import type { EventStore } from './event-store.ts';

const FORMAT = 1;
const packr = new Packr({ useRecords: false, int64AsType: 'number' });

export interface Letter {
  /** tried: it did not come back, by this program. parked, released: as the processor says. */
  kind: 'tried' | 'parked' | 'released';
  /** Position in EVT, place in its message (−1: the whole message). */
  seq: number;
  index: number;
  reason: string;
  detail: string;
}

export interface Letters {
  /** When it was written, ms, by which version of the program, and how far the log went. */
  at: number;
  version: string;
  end: number;
  letters: Letter[];
}

/** Partition of a customer; null: it is not known whose. */
export const letterSubject = (processor: string, partition: number | null): string =>
  `dlq.${processor}.${partition ?? 'all'}`;

export async function appendLetters(
  store: Pick<EventStore, 'append'>,
  subject: string,
  letters: Letters,
): Promise<void> {
  await store.append(subject, packr.pack({ v: FORMAT, ...letters }));
}

export async function* readLetters(store: Pick<EventStore, 'read'>, processor: string): AsyncGenerator<Letters> {
  for await (const { seq, bytes } of store.read('DLQ', { subject: `dlq.${processor}.*` })) {
    if (isAcknowledgement(bytes)) continue;
    const { v, ...letters } = packr.unpack(bytes) as Letters & { v: number };
    if (v !== FORMAT)
      throw new RangeError(`DLQ ${seq}: letters of format ${v}, this program knows ${FORMAT}; start the newer version`);
    yield letters;
  }
}
