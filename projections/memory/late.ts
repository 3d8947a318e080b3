// Events that changed a past day: live ones whose day lies before the log's own day when they came. Answers given meanwhile did not know them; what
// each has changed is asked of the log, before and after it (api/routes/late.ts). Files of history say that they are that, and are not late.
import { EVENT_TYPES } from '#domain/envelope.ts';
import type { RowTable } from './rows.ts';

export interface LateEvent {
  /** Position of its message; an answer as of the one before did not know it. */
  seq: number;
  /** Place in its message. */
  index: number;
  /** Of the customer it belongs to now. */
  sid: Uint8Array;
  type: string;
  day: number;
  /** Days between its day and the log's when it came, ≥ 1. */
  daysLate: number;
}

/** The last of them; further ones are counted. */
const KEPT = 1_000;
const NUMBERS = 6;

/** Integers in a ring: a shop that sends its history through the live door makes one of each event. */
export class Late {
  total = 0;
  #ring = new Float64Array(KEPT * NUMBERS);

  add(seq: number, index: number, row: number, typeCode: number, day: number, daysLate: number): void {
    const b = (this.total++ % KEPT) * NUMBERS;
    this.#ring[b] = seq;
    this.#ring[b + 1] = index;
    this.#ring[b + 2] = row;
    this.#ring[b + 3] = typeCode;
    this.#ring[b + 4] = day;
    this.#ring[b + 5] = daysLate;
  }

  /** Newest first, of those before position `before`. */
  list(rows: RowTable, limit: number, before: number): LateEvent[] {
    const found: LateEvent[] = [];
    for (let n = this.total - 1; n >= Math.max(0, this.total - KEPT) && found.length < limit; n--) {
      const b = (n % KEPT) * NUMBERS;
      const [seq, index, row, typeCode, day, daysLate] = this.#ring.subarray(b, b + NUMBERS) as unknown as [
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      const sid = rows.sid(rows.canonical(row));
      if (seq < before) found.push({ seq, index, sid, type: EVENT_TYPES[typeCode - 1]!, day, daysLate });
    }
    return found;
  }

  save(): { total: number; ring: number[] } {
    return { total: this.total, ring: [...this.#ring.subarray(0, Math.min(this.total, KEPT) * NUMBERS)] };
  }
  restore({ total, ring }: ReturnType<Late['save']>): void {
    this.total = total;
    this.#ring.set(ring);
  }
}
