// Records of fixed width in 1-MiB chunks of integers (no objects: a full collection stays at milliseconds with 100M orders),
// found by (row, key), listed a row by a chain. One pool each for orders, refunds, activity days, subscriptions, consents.
import { KeyIndex } from './key-index.ts';
import { bytesOf, type Frozen, PageGuard, type ReadSection } from './pages.ts';
import type { SideColumn } from './side-column.ts';
import type { Undo } from './undo.ts';

const SHIFT = 15;
const RECORDS = 1 << SHIFT;
const MASK = RECORDS - 1;
/** Word 3 of every record: the next one of the same row, plus one; 0 ends the chain. Of a freed record: the next free one. */
const NEXT = 3;

export class RecordPool {
  readonly name: string;
  /** 32-bit words a record; even, so that a double can stand at an even word. */
  readonly words: number;
  /** Records in use. */
  live = 0;
  #chunks: Int32Array[] = [];
  #doubles: Float64Array[] = [];
  #used = 0;
  #free = 0;
  readonly #index: KeyIndex;
  readonly #guard = new PageGuard();
  readonly #undo: Undo | null;
  readonly #side: SideColumn | null;

  /** @param side what its records have beside their words. */
  constructor(name: string, words: number, undo: Undo | null = null, side: SideColumn | null = null) {
    this.name = name;
    this.words = words;
    this.#undo = undo;
    this.#side = side;
    this.#index = new KeyIndex(name, this);
  }

  /** Memory held, bytes. */
  get bytes(): number {
    return this.#chunks.length * RECORDS * this.words * 4 + this.#index.bytes + (this.#side?.bytes ?? 0);
  }

  word(record: number, at: number): number {
    return this.#chunks[record >>> SHIFT]![(record & MASK) * this.words + at]!;
  }
  /** Double standing at the (even) word. */
  double(record: number, at: number): number {
    return this.#doubles[record >>> SHIFT]![((record & MASK) * this.words + at) >>> 1]!;
  }
  /** For whoever reads several words of one record: the memory it stands in, and the position of its first word there. */
  wordsOf(record: number): Int32Array {
    return this.#chunks[record >>> SHIFT]!;
  }
  doublesOf(record: number): Float64Array {
    return this.#doubles[record >>> SHIFT]!;
  }
  placeOf(record: number): number {
    return (record & MASK) * this.words;
  }
  setWord(record: number, at: number, value: number): void {
    const chunk = record >>> SHIFT;
    if (this.#guard.frozen[chunk] === 1) this.#guard.keep(chunk, bytesOf(this.#chunks[chunk]!));
    if (this.#undo?.active) this.#undo.word(this, record, at, this.word(record, at));
    this.#chunks[chunk]![(record & MASK) * this.words + at] = value;
  }
  setDouble(record: number, at: number, value: number): void {
    const chunk = record >>> SHIFT;
    if (this.#guard.frozen[chunk] === 1) this.#guard.keep(chunk, bytesOf(this.#chunks[chunk]!));
    if (this.#undo?.active) this.#undo.double(this, record, at, this.double(record, at));
    this.#doubles[chunk]![((record & MASK) * this.words + at) >>> 1] = value;
  }

  /** The number beside the record; 0 = none, as of every new record. */
  side(record: number): number {
    return this.#side === null ? 0 : this.#side.get(record);
  }
  setSide(record: number, value: number): void {
    const before = this.side(record);
    if (value === before) return;
    if (this.#undo?.active) this.#undo.side(this, record, before);
    this.#side!.set(record, value);
  }
  /** Has any record ever had a number beside it? */
  get hasSides(): boolean {
    return this.#side !== null && !this.#side.isEmpty;
  }

  find(row: number, k0: number, k1: number): number {
    return this.#index.find(row, k0, k1);
  }

  /** A new record at the head of its row's chain `head` (record + 1, or 0); its number. Further words hold 0. */
  insert(row: number, k0: number, k1: number, head: number): number {
    let record = this.#free - 1;
    if (record >= 0) this.#free = this.word(record, NEXT);
    else {
      record = this.#used++;
      if (record >>> SHIFT === this.#chunks.length) this.#addChunk();
    }
    const page = record >>> SHIFT;
    const chunk = this.#chunks[page]!;
    if (this.#guard.frozen[page] === 1) this.#guard.keep(page, bytesOf(chunk));
    const base = (record & MASK) * this.words;
    chunk[base] = row;
    chunk[base + 1] = k0;
    chunk[base + 2] = k1;
    chunk[base + NEXT] = head;
    this.#index.add(record);
    this.live++;
    if (this.#undo?.active) this.#undo.inserted(this, record);
    return record;
  }

  /** The next record of the chain (record + 1), or 0. */
  next(record: number): number {
    return this.word(record, NEXT);
  }

  /** Gives the record back. The caller has taken it out of its chain. */
  remove(record: number): void {
    this.#index.remove(record);
    for (let at = 4; at < this.words; at++) this.setWord(record, at, 0);
    this.setSide(record, 0);
    this.setWord(record, NEXT, this.#free);
    this.#free = record + 1;
    this.live--;
  }

  /** Puts the record at the head of another row's chain. */
  move(record: number, row: number, head: number): void {
    this.#index.remove(record);
    this.setWord(record, 0, row);
    this.setWord(record, NEXT, head);
    this.#index.add(record);
  }

  /** Another chain around the record, its row as before. */
  setNext(record: number, next: number): void {
    this.setWord(record, NEXT, next);
  }

  #addChunk(): void {
    const buffer = new ArrayBuffer(RECORDS * this.words * 4);
    this.#chunks.push(new Int32Array(buffer));
    this.#doubles.push(new Float64Array(buffer));
    this.#guard.reserve(this.#chunks.length);
  }

  freeze(): Frozen {
    const used = this.#used;
    const pages = Math.ceil(used / RECORDS);
    this.#guard.freeze(pages);
    const bytesIn = (page: number) => Math.min(RECORDS, used - page * RECORDS) * this.words * 4;
    const index = this.#index.freeze();
    const side = this.#side?.freeze() ?? null;
    return {
      meta: {
        words: this.words,
        used,
        free: this.#free,
        live: this.live,
        index: index.meta,
        ...(side !== null && { side: side.meta }),
      },
      sections: [
        {
          name: this.name,
          lengths: Array.from({ length: pages }, (_, page) => bytesIn(page)),
          take: (page) => this.#guard.take(page, () => bytesOf(this.#chunks[page]!)).subarray(0, bytesIn(page)),
        },
        ...index.sections,
        ...(side?.sections ?? []),
      ],
      release: () => {
        this.#guard.release();
        index.release();
        side?.release();
      },
    };
  }

  restore(meta: Record<string, unknown>, read: ReadSection): void {
    const { words, used, free, live, index, side } = meta as Meta;
    if (words !== this.words) throw new RangeError(`${this.name}: ${words} words a record, expected ${this.words}`);
    while (this.#chunks.length * RECORDS < used) this.#addChunk();
    this.#used = used;
    this.#free = free;
    this.live = live;
    read(
      this.name,
      this.#chunks.map((chunk, page) =>
        bytesOf(chunk).subarray(0, Math.min(RECORDS, used - page * RECORDS) * words * 4),
      ),
    );
    this.#index.restore(index, read);
    if (side !== undefined) this.#side!.restore(side, read);
  }
}

type Meta = {
  words: number;
  used: number;
  free: number;
  live: number;
  index: Record<string, unknown>;
  side?: Record<string, unknown>;
};
