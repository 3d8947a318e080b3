// Open addressing from a record's key to its number, in 512 independently growing segments: no rehash ever stops the fold
// for more than a few milliseconds, and a snapshot can copy a segment before it changes. 5–8 bytes a record.
import { bytesOf, type Frozen, PageGuard, type ReadSection } from './pages.ts';

const SEGMENTS = 512;
const SEGMENT_BITS = 23;
const POSITION_MASK = (1 << SEGMENT_BITS) - 1;
const SCALE = 1 / (1 << SEGMENT_BITS);
/** Linear probing beyond this load gets slow; growth by 1.6 keeps 5 to 8 bytes a record. */
const MAX_LOAD = 0.8;
const GROWTH = 1.6;
/** Every segment before its first record, never written: a ledger of one customer's past would otherwise spend its time on making them. */
const EMPTY = new Uint32Array(8);

/** Whose records the index finds: word 0 = row, words 1 and 2 = key. */
export interface Keyed {
  word(record: number, at: number): number;
}

export function hashKey(row: number, k0: number, k1: number): number {
  let h = Math.imul(k0 ^ Math.imul(row, 0x9e3779b1), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15) ^ k1, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 13), 0x27d4eb2f);
  return (h ^ (h >>> 16)) >>> 0;
}
const tagOf = (row: number, k0: number, k1: number): number => Math.imul(k0 ^ k1 ^ row, 0x9e3779b1);

export class KeyIndex {
  readonly #records: Keyed;
  readonly #name: string;
  /** A slot holds record + 1 in its low `#bits[segment]` bits and a tag of the key above them; 0 = empty. */
  #slots: Uint32Array[] = new Array<Uint32Array>(SEGMENTS).fill(EMPTY);
  #counts = new Uint32Array(SEGMENTS);
  #bits = new Uint8Array(SEGMENTS).fill(20);
  readonly #guard = new PageGuard();

  constructor(name: string, records: Keyed) {
    this.#name = name;
    this.#records = records;
    this.#guard.reserve(SEGMENTS);
  }

  get bytes(): number {
    return this.#slots.reduce((sum, slots) => sum + slots.byteLength, 0);
  }

  /** Record with this row and key, or −1. */
  find(row: number, k0: number, k1: number): number {
    const h = hashKey(row, k0, k1);
    const segment = h >>> SEGMENT_BITS;
    const slots = this.#slots[segment]!;
    const bits = this.#bits[segment]!;
    const mask = (1 << bits) - 1;
    const tag = tagOf(row, k0, k1);
    const capacity = slots.length;
    let at = ((h & POSITION_MASK) * capacity * SCALE) | 0;
    for (;;) {
      const value = slots[at]!;
      if (value === 0) return -1;
      if ((value ^ tag) >>> bits === 0) {
        const record = (value & mask) - 1;
        const r = this.#records;
        if (r.word(record, 1) === k0 && r.word(record, 2) === k1 && r.word(record, 0) === row) return record;
      }
      if (++at === capacity) at = 0;
    }
  }

  /** The record's words 0–2 must be written already, and its key must not be in the index. */
  add(record: number): void {
    const r = this.#records;
    const row = r.word(record, 0);
    const k0 = r.word(record, 1);
    const k1 = r.word(record, 2);
    const h = hashKey(row, k0, k1);
    const segment = h >>> SEGMENT_BITS;
    if (record + 2 > 2 ** this.#bits[segment]!) this.#rehash(segment, this.#slots[segment]!.length);
    const count = ++this.#counts[segment]!;
    if (count > this.#slots[segment]!.length * MAX_LOAD)
      this.#rehash(segment, Math.ceil(this.#slots[segment]!.length * GROWTH));
    this.#before(segment);
    if (this.#slots[segment] === EMPTY) this.#slots[segment] = new Uint32Array(EMPTY.length);
    this.#place(this.#slots[segment]!, this.#bits[segment]!, h, tagOf(row, k0, k1), record);
  }

  remove(record: number): void {
    const h = this.#hashOf(record);
    const segment = h >>> SEGMENT_BITS;
    this.#before(segment);
    const slots = this.#slots[segment]!;
    const capacity = slots.length;
    const mask = (1 << this.#bits[segment]!) - 1;
    let hole = ((h & POSITION_MASK) * capacity * SCALE) | 0;
    while ((slots[hole]! & mask) !== record + 1) if (++hole === capacity) hole = 0;
    // Backward shift (Knuth 6.4 R): what stands after the hole moves into it unless that would put it before its home.
    for (let at = hole; ; ) {
      if (++at === capacity) at = 0;
      const value = slots[at]!;
      if (value === 0) break;
      const home = ((this.#hashOf((value & mask) - 1) & POSITION_MASK) * capacity * SCALE) | 0;
      if ((at - home + capacity) % capacity < (at - hole + capacity) % capacity) continue;
      slots[hole] = value;
      hole = at;
    }
    slots[hole] = 0;
    this.#counts[segment]!--;
  }

  #hashOf(record: number): number {
    const r = this.#records;
    return hashKey(r.word(record, 0), r.word(record, 1), r.word(record, 2));
  }

  #place(slots: Uint32Array, bits: number, h: number, tag: number, record: number): void {
    const capacity = slots.length;
    let at = ((h & POSITION_MASK) * capacity * SCALE) | 0;
    while (slots[at] !== 0) if (++at === capacity) at = 0;
    slots[at] = (((tag >>> bits) << bits) | (record + 1)) >>> 0;
  }

  #rehash(segment: number, capacity: number): void {
    const old = this.#slots[segment]!;
    const oldMask = (1 << this.#bits[segment]!) - 1;
    if (this.#guard.frozen[segment] === 1) this.#guard.keep(segment, bytesOf(old), true);
    const slots = new Uint32Array(capacity);
    let bits = this.#bits[segment]!;
    // A record number that no longer fits takes a bit from the tag; 31 bits are two thousand million records.
    if (old.length === capacity) bits++;
    if (bits > 31) throw new RangeError(`${this.#name}: more than 2^31 records; split the workspace`);
    const r = this.#records;
    for (const value of old) {
      if (value === 0) continue;
      const record = (value & oldMask) - 1;
      const tag = tagOf(r.word(record, 0), r.word(record, 1), r.word(record, 2));
      this.#place(slots, bits, this.#hashOf(record), tag, record);
    }
    this.#slots[segment] = slots;
    this.#bits[segment] = bits;
  }

  #before(segment: number): void {
    if (this.#guard.frozen[segment] === 1) this.#guard.keep(segment, bytesOf(this.#slots[segment]!));
  }

  freeze(): Frozen {
    this.#guard.freeze(SEGMENTS);
    const lengths = this.#slots.map((slots) => slots.byteLength);
    return {
      meta: { lengths, counts: [...this.#counts], bits: [...this.#bits] },
      sections: [
        {
          name: `${this.#name}.index`,
          lengths,
          take: (page) => this.#guard.take(page, () => bytesOf(this.#slots[page]!)),
        },
      ],
      release: () => this.#guard.release(),
    };
  }

  restore(meta: Record<string, unknown>, read: ReadSection): void {
    const { lengths, counts, bits } = meta as { lengths: number[]; counts: number[]; bits: number[] };
    this.#slots = lengths.map((length) => new Uint32Array(length / 4));
    this.#counts = Uint32Array.from(counts);
    this.#bits = Uint8Array.from(bits);
    read(`${this.#name}.index`, this.#slots.map(bytesOf));
  }
}
