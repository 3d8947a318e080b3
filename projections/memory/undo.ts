// Takes back what one event has written when the fold fails in the middle of it, so that a customer's ledger holds whole events only. Recorded
// are the old words, not closures: about ten numbers an event, kept in arrays that are used again.
import type { RecordPool } from './record-pool.ts';

const [WORD, DOUBLE, INSERTED, SIDE] = [0, 1, 2, 3];
const NUMBERS = 4;

export class Undo {
  /** Pools record only while it is true: links and erasures are not taken back. */
  active = false;
  #pools: RecordPool[] = [];
  #steps = new Float64Array(64 * NUMBERS);
  #count = 0;

  begin(): void {
    this.#count = 0;
    this.active = true;
  }

  end(): void {
    this.active = false;
  }

  word(pool: RecordPool, record: number, at: number, before: number): void {
    this.#add(pool, WORD, record, at, before);
  }
  double(pool: RecordPool, record: number, at: number, before: number): void {
    this.#add(pool, DOUBLE, record, at, before);
  }
  side(pool: RecordPool, record: number, before: number): void {
    this.#add(pool, SIDE, record, 0, before);
  }
  inserted(pool: RecordPool, record: number): void {
    this.#add(pool, INSERTED, record, 0, 0);
  }

  /** The records are as they were at `begin`, last change first. */
  rollback(): void {
    this.active = false;
    for (let i = this.#count - 1; i >= 0; i--) {
      const pool = this.#pools[i]!;
      const b = i * NUMBERS;
      const [kind, record, at] = [this.#steps[b]!, this.#steps[b + 1]!, this.#steps[b + 2]!];
      if (kind === INSERTED) pool.remove(record);
      else if (kind === WORD) pool.setWord(record, at, this.#steps[b + 3]!);
      else if (kind === SIDE) pool.setSide(record, this.#steps[b + 3]!);
      else pool.setDouble(record, at, this.#steps[b + 3]!);
    }
    this.#count = 0;
  }

  #add(pool: RecordPool, kind: number, record: number, at: number, before: number): void {
    const i = this.#count++;
    if ((i + 1) * NUMBERS > this.#steps.length) {
      const wider = new Float64Array(this.#steps.length * 2);
      wider.set(this.#steps);
      this.#steps = wider;
    }
    this.#pools[i] = pool;
    const b = i * NUMBERS;
    this.#steps[b] = kind;
    this.#steps[b + 1] = record;
    this.#steps[b + 2] = at;
    this.#steps[b + 3] = before;
  }
}
