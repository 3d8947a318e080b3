// What is parked, as others ask for it: tables by place, people by customer.
import type { Ledger } from './ledger.ts';
import { type ParkedEvent, type ParkReason, WHOLE_MESSAGE } from './parked.ts';
import { WORD } from './row-layout.ts';

/** An event by its place: position of its message, place in its pack (−1: the whole message). */
export type Place = [seq: number, index: number];

/** A customer whose events wait behind one that could not be applied; or a message, or a fact, that nobody knows the customers of. */
export interface ParkedCustomer {
  /** Canonical sid; null: it is not known whose it is. */
  sid: Uint8Array | null;
  /** The event everything waits for. */
  seq: number;
  index: number;
  reason: ParkReason;
  detail: string;
  tries: number;
  /** Parked events, that one among them; of a message nobody can read the number is not known: 1. */
  events: number;
  /** Position of the last of them. */
  lastSeq: number;
  /** Orders of the customer that answers are still given by: what it was before. */
  orders: number;
}

/** Of the messages from … to; the fold must have read them. @throws when more are parked than places are kept. */
export function placesIn(ledger: Ledger, from: number, to: number): Place[] {
  const { parked } = ledger;
  if (parked.total === 0) return [];
  if (parked.dropped > 0)
    throw Object.assign(
      new Error(
        `${parked.total} events are parked, more than places are kept of (${parked.list().length}): tables would hold what the ledger does not; ` +
          'start the version that can read them (axiom47 dead-letters list names the reason)',
      ),
      { code: 'too-many-parked' },
    );
  return placesOf(parked.list().filter(({ seq, reason }) => seq >= from && seq <= to && reason !== 'fact'));
}

export const placesOf = (events: readonly ParkedEvent[]): Place[] => events.map(({ seq, index }) => [seq, index]);

/** By the place of what they wait for. */
export function parkedCustomers(ledger: Ledger): ParkedCustomer[] {
  const groups = new Map<number | string, ParkedCustomer>();
  const { rows, parked } = ledger;
  for (const { seq, index, sid, reason, detail, tries } of parked.list()) {
    const ofNobody = index === WHOLE_MESSAGE || reason === 'fact';
    const row = ofNobody ? -1 : ledger.canonicalRow(sid);
    const known = groups.get(ofNobody ? `${seq}/${index}` : row);
    const first = known === undefined || seq < known.seq || (seq === known.seq && index < known.index);
    groups.set(ofNobody ? `${seq}/${index}` : row, {
      ...(first
        ? {
            sid: ofNobody ? null : rows.sid(row),
            seq,
            index,
            reason,
            detail,
            tries,
            orders: ofNobody ? 0 : rows.get(row, WORD.orders),
          }
        : known),
      events: (known?.events ?? 0) + 1,
      lastSeq: Math.max(known?.lastSeq ?? 0, seq),
    });
  }
  return [...groups.values()].sort((a, b) => a.seq - b.seq || a.index - b.index);
}
