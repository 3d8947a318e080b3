// What the fold says of where it has applied what: for every event its row and place, for every message its number of places and the clock after
// it, and the facts that concern everybody. Plain columns, a batch at a time, because the fold must not be slowed down by being remembered.
import type { Fact } from '#domain/envelope.ts';

/** Bits of a place above its number: the id window passed the event over; it is a fact about this customer (a link, an erasure). */
export const PLACE = { repeat: 0x8000_0000, fact: 0x4000_0000, number: 0x3fff_ffff } as const;

/** A fact that is not about single customers, at its position. */
export interface FactForAll {
  seq: number;
  fact: Fact;
  /** Gateway's clock, ms. */
  ingestedAt: number;
}

/** What a run of messages did. A place is a number within the chunk: rows of packs one after the other, a fact counts as one. */
export interface Chunk {
  /** Position of the first message. */
  from: number;
  /** Number of the first place of each message. */
  starts: Uint32Array;
  /** Places of all messages. */
  count: number;
  /** Largest event time (ms) and largest day after each message. */
  clockAt: Float64Array;
  clockDay: Int32Array;
  /** For each applied event, in order: the row of its own sid, and its place with PLACE bits. */
  rows: Uint32Array;
  places: Uint32Array;
  facts: FactForAll[];
  /** Names of sources of orders, where they first came up: which bit of a row stands for which source depends on all of them. */
  sources: { seq: number; name: string }[];
}

/** A list of numbers that grows. */
export class Growing<T extends Uint32Array | Float64Array | Int32Array> {
  values: T;
  length = 0;
  readonly #make: (length: number) => T;
  constructor(make: (length: number) => T, capacity = 1024) {
    this.#make = make;
    this.values = make(capacity);
  }
  push(value: number): void {
    if (this.length === this.values.length) this.reserve(this.length + 1);
    this.values[this.length++] = value;
  }
  reserve(length: number): void {
    if (length <= this.values.length) return;
    const wider = this.#make(Math.max(length, this.values.length * 2));
    wider.set(this.values.subarray(0, this.length));
    this.values = wider;
  }
  /** A copy of what is in it; empty after. */
  take(): T {
    const taken = this.values.slice(0, this.length) as T;
    this.length = 0;
    return taken;
  }
  get view(): T {
    return this.values.subarray(0, this.length) as T;
  }
}

export const growingWords = (): Growing<Uint32Array> => new Growing((length) => new Uint32Array(length));
export const growingDays = (): Growing<Int32Array> => new Growing((length) => new Int32Array(length));
export const growingDoubles = (): Growing<Float64Array> => new Growing((length) => new Float64Array(length));

/** Belongs to a ledger (`ledger.recorder`), which calls it; whoever feeds the ledger takes the chunks. */
export class Recorder {
  readonly #starts = growingWords();
  readonly #clockAt = growingDoubles();
  readonly #clockDay = growingDays();
  readonly #rows = growingWords();
  readonly #places = growingWords();
  #facts: FactForAll[] = [];
  #sources: { seq: number; name: string }[] = [];
  #next = 0;
  #from = 0;

  /** Places waiting to be taken. */
  get size(): number {
    return this.#next;
  }

  /** @param index place in its message. */
  event(row: number, index: number, repeat: boolean): void {
    this.#rows.push(row);
    this.#places.push((repeat ? PLACE.repeat : 0) + this.#next + index);
  }
  /** The message is a fact about this row's customer. */
  about(row: number): void {
    this.#rows.push(row);
    this.#places.push(PLACE.fact + this.#next);
  }
  fact(seq: number, fact: Fact, ingestedAt: number): void {
    this.#facts.push({ seq, fact, ingestedAt });
  }
  source(seq: number, name: string): void {
    this.#sources.push({ seq, name });
  }
  /** The message at `seq`, with so many places, is applied. */
  message(seq: number, places: number, clockAt: number, clockDay: number): void {
    if (this.#starts.length === 0) this.#from = seq;
    this.#starts.push(this.#next);
    this.#clockAt.push(clockAt);
    this.#clockDay.push(clockDay);
    this.#next += places;
  }

  /** What was recorded since the last call; null when nothing was. */
  take(): Chunk | null {
    if (this.#starts.length === 0) return null;
    const chunk: Chunk = {
      from: this.#from,
      starts: this.#starts.take(),
      count: this.#next,
      clockAt: this.#clockAt.take(),
      clockDay: this.#clockDay.take(),
      rows: this.#rows.take(),
      places: this.#places.take(),
      facts: this.#facts,
      sources: this.#sources,
    };
    this.#facts = [];
    this.#sources = [];
    this.#next = 0;
    return chunk;
  }
}

export const transferOf = (chunk: Chunk): ArrayBuffer[] =>
  [chunk.starts, chunk.clockAt, chunk.clockDay, chunk.rows, chunk.places].map(({ buffer }) => buffer as ArrayBuffer);
