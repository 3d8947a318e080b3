// The writer's side of the customer rows (layout: row-layout.ts): sid → row, columns under the row's lock word, links between
// rows, and the list of rows by last change. One thread writes; columns.ts reads from all others.
import { sidWords } from './columns.ts';
import { type Frozen, PageGuard, type ReadSection } from './pages.ts';
import {
  CONTROL,
  CONTROL_BYTES,
  type ColumnsHandle,
  hashSid,
  ROW_BYTES,
  ROW_SHIFT,
  SEGMENT_COUNT,
  SLOT_BLOCK,
  WORD,
} from './row-layout.ts';

/** Rows a page of a snapshot: 1 MiB. */
const PAGE_SHIFT = 13;
const PAGE = 1 << PAGE_SHIFT;
const GROWTH_ROWS = 1 << 16;

export class RowTable {
  readonly handle: ColumnsHandle;
  readonly control: Int32Array;
  readonly stateDoubles: Float64Array;
  words: Int32Array;
  doubles: Float64Array;
  count = 0;
  /** Row last changed and row changed longest ago (row + 1). */
  newest = 0;
  oldest = 0;
  #capacity = 0;
  readonly #maxRows: number;
  #slots: Int32Array;
  #slotsUsed = 0;
  readonly #segmentCounts = new Uint32Array(SEGMENT_COUNT);
  readonly #guard = new PageGuard();

  /** `maxRows` is address space only: memory is taken as rows come. */
  constructor(maxRows: number) {
    this.#maxRows = maxRows;
    this.handle = {
      control: new SharedArrayBuffer(CONTROL_BYTES),
      rows: new SharedArrayBuffer(0, { maxByteLength: maxRows * ROW_BYTES }),
      // Capacities double, and replaced segments stay for readers still inside: at most 2 · 2 / 0.7 slots a row.
      slots: new SharedArrayBuffer(SEGMENT_COUNT * SLOT_BLOCK * 4, {
        maxByteLength: 4 * (6 * maxRows + 2 * SEGMENT_COUNT * SLOT_BLOCK),
      }),
    };
    this.control = new Int32Array(this.handle.control);
    this.stateDoubles = new Float64Array(this.handle.control);
    this.words = new Int32Array(this.handle.rows, 0, 0);
    this.doubles = new Float64Array(this.handle.rows, 0, 0);
    this.#slots = new Int32Array(this.handle.slots, 0, SEGMENT_COUNT * SLOT_BLOCK);
    for (let segment = 0; segment < SEGMENT_COUNT; segment++) {
      Atomics.store(this.control, CONTROL.directory + segment, (segment << 5) | Math.log2(SLOT_BLOCK));
    }
    this.#slotsUsed = SEGMENT_COUNT * SLOT_BLOCK;
  }

  /** Memory of rows and hash, bytes. */
  get bytes(): number {
    return this.handle.rows.byteLength + this.handle.slots.byteLength;
  }

  get(row: number, word: number): number {
    return this.words[(row << ROW_SHIFT) + word]!;
  }
  getDouble(row: number, word: number): number {
    return this.doubles[((row << ROW_SHIFT) + word) >>> 1]!;
  }
  set(row: number, word: number, value: number): void {
    this.touch(row);
    this.words[(row << ROW_SHIFT) + word] = value;
  }
  /** Must be called before a row's words are written directly. */
  touch(row: number): void {
    const page = row >>> PAGE_SHIFT;
    if (this.#guard.frozen[page] === 1) this.#guard.keep(page, this.#pageBytes(page));
  }

  /** The sid's own row (links not followed), or −1. */
  find(w0: number, w1: number, w2: number, w3: number): number {
    const h = hashSid(w0, w1, w2, w3);
    const entry = this.control[CONTROL.directory + (h >>> 24)]!;
    const base = (entry >>> 5) * SLOT_BLOCK;
    const mask = (1 << (entry & 31)) - 1;
    const words = this.words;
    for (let at = h & mask; ; at = (at + 1) & mask) {
      const row = this.#slots[base + at]! - 1;
      if (row < 0) return -1;
      const b = (row << ROW_SHIFT) + WORD.sid;
      if (words[b] === w0 && words[b + 1] === w1 && words[b + 2] === w2 && words[b + 3] === w3) return row;
    }
  }

  findSid(sid: Uint8Array): number {
    const [w0, w1, w2, w3] = sidWords(sid) as unknown as [number, number, number, number];
    return this.find(w0, w1, w2, w3);
  }

  sid(row: number): Uint8Array {
    const at = (row << ROW_SHIFT) + WORD.sid;
    return new Uint8Array(this.words.slice(at, at + 4).buffer);
  }

  /** The row of the customer this row was linked into, or itself. */
  canonical(row: number): number {
    const parent = this.words[(row << ROW_SHIFT) + WORD.parent]!;
    return parent === 0 ? row : parent - 1;
  }

  create(w0: number, w1: number, w2: number, w3: number): number {
    const row = this.count;
    if (row === this.#capacity) this.#grow(row + 1);
    this.touch(row);
    const b = row << ROW_SHIFT;
    this.words[b + WORD.sid] = w0;
    this.words[b + WORD.sid + 1] = w1;
    this.words[b + WORD.sid + 2] = w2;
    this.words[b + WORD.sid + 3] = w3;
    this.count = row + 1;
    Atomics.store(this.control, CONTROL.rows, this.count);
    this.#addSlot(row);
    return row;
  }

  /** Moves the row to the end of the list by last change. */
  toNewest(row: number): void {
    if (this.newest === row + 1) return;
    const older = this.get(row, WORD.older);
    const newer = this.get(row, WORD.newer);
    if (older !== 0) this.set(older - 1, WORD.newer, newer);
    if (newer !== 0) this.set(newer - 1, WORD.older, older);
    if (this.oldest === row + 1) this.oldest = newer;
    this.set(row, WORD.older, this.newest);
    this.set(row, WORD.newer, 0);
    if (this.newest !== 0) this.set(this.newest - 1, WORD.newer, row + 1);
    this.newest = row + 1;
    if (this.oldest === 0) this.oldest = row + 1;
  }

  #grow(rows: number): void {
    if (rows > this.#maxRows)
      throw new RangeError(`columns: more than ${this.#maxRows} customers; start with a greater maximum of customers`);
    const capacity = Math.min(this.#maxRows, Math.ceil(rows / GROWTH_ROWS) * GROWTH_ROWS);
    this.handle.rows.grow(capacity * ROW_BYTES);
    this.#capacity = capacity;
    this.words = new Int32Array(this.handle.rows, 0, capacity << ROW_SHIFT);
    this.doubles = new Float64Array(this.handle.rows, 0, capacity << (ROW_SHIFT - 1));
    this.#guard.reserve(Math.ceil(capacity / PAGE));
  }

  #addSlot(row: number): void {
    const b = (row << ROW_SHIFT) + WORD.sid;
    const h = hashSid(this.words[b]!, this.words[b + 1]!, this.words[b + 2]!, this.words[b + 3]!);
    const segment = h >>> 24;
    let entry = this.control[CONTROL.directory + segment]!;
    const capacity = 1 << (entry & 31);
    if (++this.#segmentCounts[segment]! > capacity * 0.7) entry = this.#doubleSegment(segment, entry);
    this.#place(entry, h, row);
  }

  #place(entry: number, h: number, row: number): void {
    const base = (entry >>> 5) * SLOT_BLOCK;
    const mask = (1 << (entry & 31)) - 1;
    let at = h & mask;
    while (this.#slots[base + at] !== 0) at = (at + 1) & mask;
    Atomics.store(this.#slots, base + at, row + 1);
  }

  /** The old slots stay as they are for readers inside; they are lost memory, as much as the segment had. */
  #doubleSegment(segment: number, entry: number): number {
    const oldBase = (entry >>> 5) * SLOT_BLOCK;
    const oldCapacity = 1 << (entry & 31);
    const offset = this.#slotsUsed;
    this.#slotsUsed += oldCapacity * 2;
    if (this.#slotsUsed > this.#slots.length) {
      const step = Math.max(this.#slotsUsed, Math.ceil(this.#slots.length * 1.1));
      this.handle.slots.grow(Math.min(this.handle.slots.maxByteLength, step * 4));
      this.#slots = new Int32Array(this.handle.slots, 0, Math.floor(this.handle.slots.byteLength / 4));
    }
    const wider = ((offset / SLOT_BLOCK) << 5) | ((entry & 31) + 1);
    for (let at = 0; at < oldCapacity; at++) {
      const row = this.#slots[oldBase + at]! - 1;
      if (row < 0) continue;
      const b = (row << ROW_SHIFT) + WORD.sid;
      this.#place(wider, hashSid(this.words[b]!, this.words[b + 1]!, this.words[b + 2]!, this.words[b + 3]!), row);
    }
    Atomics.store(this.control, CONTROL.directory + segment, wider);
    return wider;
  }

  /** Into an empty table only: segments as wide as so many rows will need, so that none is doubled on the way (a fourth of a start's reading). */
  #reserveSlots(rows: number): void {
    const mean = rows / SEGMENT_COUNT;
    // Sids are random: six standard deviations of the count that falls to one segment.
    const bits = Math.ceil(Math.log2((mean + 6 * Math.sqrt(mean) + 1) / 0.7));
    if (1 << bits <= SLOT_BLOCK) return;
    const first = this.#slotsUsed;
    this.#slotsUsed += SEGMENT_COUNT << bits;
    this.handle.slots.grow(this.#slotsUsed * 4);
    this.#slots = new Int32Array(this.handle.slots, 0, this.#slotsUsed);
    for (let segment = 0; segment < SEGMENT_COUNT; segment++) {
      const offset = first + (segment << bits);
      Atomics.store(this.control, CONTROL.directory + segment, ((offset / SLOT_BLOCK) << 5) | bits);
    }
  }

  #pageBytes(page: number): Uint8Array {
    const rows = Math.min(PAGE, this.#capacity - page * PAGE);
    return new Uint8Array(this.handle.rows, page * PAGE * ROW_BYTES, rows * ROW_BYTES);
  }

  freeze(): Frozen {
    const rows = this.count;
    const pages = Math.ceil(rows / PAGE);
    this.#guard.freeze(pages);
    const bytesIn = (page: number) => Math.min(PAGE, rows - page * PAGE) * ROW_BYTES;
    return {
      meta: { rows, newest: this.newest, oldest: this.oldest },
      sections: [
        {
          name: 'rows',
          lengths: Array.from({ length: pages }, (_, page) => bytesIn(page)),
          take: (page) => this.#guard.take(page, () => this.#pageBytes(page)).subarray(0, bytesIn(page)),
        },
      ],
      release: () => this.#guard.release(),
    };
  }

  /** Into a new table only. The hash is built anew (≈ 0.1 s a million). */
  restore(meta: Record<string, unknown>, read: ReadSection): void {
    const { rows, newest, oldest } = meta as { rows: number; newest: number; oldest: number };
    if (rows > 0) this.#grow(rows);
    const pages = Math.ceil(rows / PAGE);
    read(
      'rows',
      Array.from({ length: pages }, (_, page) =>
        this.#pageBytes(page).subarray(0, Math.min(PAGE, rows - page * PAGE) * ROW_BYTES),
      ),
    );
    this.count = rows;
    this.newest = newest;
    this.oldest = oldest;
    this.#reserveSlots(rows);
    for (let row = 0; row < rows; row++) this.#addSlot(row);
    Atomics.store(this.control, CONTROL.rows, rows);
  }
}
