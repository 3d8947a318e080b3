// Events that changed a past day: live ones whose day lies before the log's own day when they came. Answers given meanwhile did not know them; what
// each has changed is asked of the log, before and after it (api/routes/late.ts). Files of history say that they are that, and are not late.
import { EVENT_TYPES } from '#domain/envelope.ts';
import type { Place } from './parked-lists.ts';
import { MARK, WORD } from './row-layout.ts';
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
/** The row of one that is forgotten. */
const NOBODY = -1;

const byPlace = (a: Place, b: Place): number => a[0] - b[0] || a[1] - b[1];

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

  /** By place, the last first, of those before the place `before`; nobody who is erased. */
  list(rows: RowTable, limit: number, before: Place): LateEvent[] {
    const found: LateEvent[] = [];
    for (let b = 0; b < Math.min(this.total, KEPT) * NUMBERS; b += NUMBERS) {
      const [seq, index, row, typeCode, day, daysLate] = this.#ring.subarray(b, b + NUMBERS) as unknown as [
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      if (row === NOBODY || byPlace([seq, index], before) >= 0) continue;
      const canonical = rows.canonical(row);
      if ((rows.get(canonical, WORD.marks) & MARK.erased) !== 0) continue;
      found.push({ seq, index, sid: rows.sid(canonical), type: EVENT_TYPES[typeCode - 1]!, day, daysLate });
    }
    // A message that was read late has been added behind those it stands before.
    return found.sort((a, b) => byPlace([b.seq, b.index], [a.seq, a.index])).slice(0, limit);
  }

  /** Nothing of an erased customer is kept, here and in what is saved; they stay in the total. */
  forgetErased(rows: RowTable): void {
    for (let b = 0; b < Math.min(this.total, KEPT) * NUMBERS; b += NUMBERS) {
      const row = this.#ring[b + 2]!;
      if (row === NOBODY || (rows.get(rows.canonical(row), WORD.marks) & MARK.erased) === 0) continue;
      this.#ring.fill(0, b, b + NUMBERS);
      this.#ring[b + 2] = NOBODY;
    }
  }

  save(): { total: number; ring: number[] } {
    return { total: this.total, ring: [...this.#ring.subarray(0, Math.min(this.total, KEPT) * NUMBERS)] };
  }
  restore({ total, ring }: ReturnType<Late['save']>): void {
    this.total = total;
    this.#ring.set(ring);
  }
}
