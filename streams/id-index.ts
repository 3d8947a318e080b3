// Which sid a customer id has, in shared memory: one writer (the gateway), readers in any thread without asking anybody.
// Open addressing over growable SharedArrayBuffers: readers see growth by themselves, a new table is one Atomics load away.
import { randomInt } from 'node:crypto';

/** Hands the index to another thread (structured clone). */
export interface IdIndexHandle {
  header: SharedArrayBuffer;
  arena: SharedArrayBuffer;
  /** One table for every size; unused ones hold no memory. */
  tables: SharedArrayBuffer[];
}

export interface IdIndexReader {
  /** The sid's 16 bytes (a copy), or null. ≈ 0.2 µs. */
  lookup(customerId: string, anonymous?: boolean): Uint8Array | null;
  readonly size: number;
  /** Bytes held, all generations of the table counted. */
  readonly bytes: number;
}

export interface IdIndex extends IdIndexReader {
  readonly handle: IdIndexHandle;
  /** Replaces what the id had. */
  set(customerId: string, anonymous: boolean, sid: Uint8Array): void;
  delete(customerId: string, anonymous: boolean): void;
  entries(): IterableIterator<{ id: string; anonymous: boolean; sid: Uint8Array }>;
}

// Header words (Int32): generation of the table, entries, arena bytes used in words of 4, hash seed.
const H = { table: 0, size: 1, used: 2, seed: 3, words: 4 } as const;
// An entry, aligned to 4: hash (4; 0 = deleted), sid (16), length of the id (2), flags (1), the id in UTF-8.
const E = { hash: 0, sid: 4, length: 20, flags: 22, id: 23 } as const;
const ANONYMOUS = 1;
const FIRST_BITS = 12;
const LAST_BITS = 29;
/** Address space set aside, not memory: ≈ 60 million customers with ids of 20 bytes. */
const ARENA_LIMIT = 2 ** 32 - 2 ** 20;
const ARENA_STEP = 2 ** 20;
const MAX_LOAD = 0.75;

export function createIdIndex(): IdIndex {
  const header = new SharedArrayBuffer(H.words * 4);
  const arena = new SharedArrayBuffer(ARENA_STEP, { maxByteLength: ARENA_LIMIT });
  const tables = Array.from(
    { length: LAST_BITS - FIRST_BITS + 1 },
    (_, i) => new SharedArrayBuffer(0, { maxByteLength: 4 * 2 ** (FIRST_BITS + i) }),
  );
  tables[0]!.grow(4 * 2 ** FIRST_BITS);
  const words = new Int32Array(header);
  // Offset 0 means "free slot": the arena begins one word in. The seed keeps publishers from choosing colliding ids.
  words[H.used] = 1;
  words[H.seed] = randomInt(1, 2 ** 31);
  return new Writer({ header, arena, tables });
}

/** What a saved index consists of: the entries' bytes as they lie in the arena, and the seed their hashes began with. */
export interface IdIndexImage {
  seed: number;
  /** Words of 4 in use. */
  used: number;
  arena: Uint8Array;
}

export const imageOf = (handle: IdIndexHandle): IdIndexImage => {
  const words = new Int32Array(handle.header);
  const used = Atomics.load(words, H.used) >>> 0;
  return { seed: words[H.seed]!, used, arena: new Uint8Array(handle.arena, 0, used * 4) };
};

/** The index an image was taken of, without what was deleted in it. Throws RangeError when its entries do not add up. */
export function restoreIdIndex(image: IdIndexImage): IdIndex {
  const index = createIdIndex() as Writer;
  index.restore(image);
  return index;
}

export const openIdIndex = (handle: IdIndexHandle): IdIndexReader => new Reader(handle);

class Reader implements IdIndexReader {
  readonly handle: IdIndexHandle;
  protected readonly words: Int32Array;
  // Views of fixed length, renewed after growth: views that track the length cost three times as much per access.
  protected bytesOf!: Uint8Array;
  protected hashes!: Int32Array;
  protected slots!: Int32Array;
  protected generation = -1;
  /** The key being looked for, and where it ends. */
  protected key = new Uint8Array(1024);
  protected keyLength = 0;
  protected seed: number;

  constructor(handle: IdIndexHandle) {
    this.handle = handle;
    this.words = new Int32Array(handle.header);
    this.seed = this.words[H.seed]!;
    this.renew();
  }

  get size(): number {
    return Atomics.load(this.words, H.size);
  }

  get bytes(): number {
    return this.handle.arena.byteLength + this.handle.tables.reduce((sum, table) => sum + table.byteLength, 0);
  }

  lookup(customerId: string, anonymous = false): Uint8Array | null {
    const hash = this.prepare(customerId, anonymous);
    const at = this.find(hash, anonymous);
    if (at === 0) return null;
    const sid = new Uint8Array(16);
    const bytes = this.bytesOf;
    for (let i = 0; i < 16; i++) sid[i] = bytes[at + E.sid + i]!;
    // Deleted while it was being copied.
    return Atomics.load(this.hashes, at >>> 2) === hash ? sid : null;
  }

  protected renew(): void {
    const { arena, tables } = this.handle;
    this.generation = Atomics.load(this.words, H.table);
    const table = tables[this.generation]!;
    this.slots = new Int32Array(table, 0, table.byteLength / 4);
    this.bytesOf = new Uint8Array(arena, 0, arena.byteLength);
    this.hashes = new Int32Array(arena, 0, arena.byteLength / 4);
  }

  /** Puts the id's UTF-8 bytes into `key`; FNV-1a from a random start, finished as MurmurHash3 does. Never 0. */
  protected prepare(id: string, anonymous: boolean): number {
    if (id.length * 3 > this.key.length) this.key = new Uint8Array(id.length * 3);
    const key = this.key;
    let hash = this.seed ^ (anonymous ? 0x9e3779b9 : 0);
    let length = 0;
    for (; length < id.length; length++) {
      const code = id.charCodeAt(length);
      if (code > 127) break;
      key[length] = code;
      hash = Math.imul(hash ^ code, 0x01000193);
    }
    if (length < id.length) {
      const all = Buffer.from(id, 'utf8');
      key.set(all);
      for (; length < all.length; length++) hash = Math.imul(hash ^ key[length]!, 0x01000193);
    }
    this.keyLength = length;
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return hash ^ (hash >>> 16) || 1;
  }

  /** Byte offset of the entry of the prepared key, 0 when there is none. */
  protected find(hash: number, anonymous: boolean): number {
    if (Atomics.load(this.words, H.table) !== this.generation) this.renew();
    const mask = this.slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const word = Atomics.load(this.slots, slot) >>> 0;
      if (word === 0) return 0;
      const at = word * 4;
      // Entries are published after the arena grew: one outside the view is inside the renewed one.
      if (at + E.id + this.keyLength > this.bytesOf.length) this.renew();
      if (this.hashes[word] === hash && this.matches(at, anonymous)) return at;
    }
  }

  protected lengthAt = (at: number): number => this.bytesOf[at + E.length]! | (this.bytesOf[at + E.length + 1]! << 8);

  protected matches(at: number, anonymous: boolean): boolean {
    const bytes = this.bytesOf;
    const { key, keyLength } = this;
    if (this.lengthAt(at) !== keyLength) return false;
    if (((bytes[at + E.flags]! & ANONYMOUS) !== 0) !== anonymous) return false;
    const from = at + E.id;
    for (let i = 0; i < keyLength; i++) if (bytes[from + i] !== key[i]) return false;
    return true;
  }
}

class Writer extends Reader implements IdIndex {
  /** Slots in use, deleted entries counted. */
  #filled = 0;

  set(customerId: string, anonymous: boolean, sid: Uint8Array): void {
    const hash = this.prepare(customerId, anonymous);
    const found = this.find(hash, anonymous);
    if (found !== 0) {
      if (Buffer.compare(this.bytesOf.subarray(found + E.sid, found + E.sid + 16), sid) === 0) return;
      this.#forget(found);
    }
    if (this.#filled + 1 > MAX_LOAD * this.slots.length) this.#grow();
    const word = this.#append(hash, anonymous, sid);
    this.#link(this.slots, hash, word);
    this.#filled++;
    Atomics.add(this.words, H.size, 1);
  }

  restore(image: IdIndexImage): void {
    this.words[H.seed] = image.seed;
    const { arena } = this.handle;
    if (image.arena.length > arena.byteLength) arena.grow(Math.ceil(image.arena.length / ARENA_STEP) * ARENA_STEP);
    this.renew();
    this.bytesOf.set(image.arena);
    this.seed = image.seed;
    this.words[H.used] = image.used;
    // An entry has at least 24 bytes: a table that certainly fits, at most one size too large for ids of usual length.
    let generation = 0;
    while (image.arena.length / 24 > MAX_LOAD * 2 ** (FIRST_BITS + generation)) generation++;
    this.words[H.size] = this.#fill(generation);
  }

  delete(customerId: string, anonymous: boolean): void {
    const found = this.find(this.prepare(customerId, anonymous), anonymous);
    if (found !== 0) this.#forget(found);
  }

  *entries(): IterableIterator<{ id: string; anonymous: boolean; sid: Uint8Array }> {
    for (let at = 4; at < (this.words[H.used]! >>> 0) * 4; at += this.#stride(at)) {
      if (this.hashes[at >>> 2] === 0) continue;
      const length = this.lengthAt(at);
      yield {
        id: Buffer.from(this.bytesOf.slice(at + E.id, at + E.id + length)).toString('utf8'),
        anonymous: (this.bytesOf[at + E.flags]! & ANONYMOUS) !== 0,
        sid: this.bytesOf.slice(at + E.sid, at + E.sid + 16),
      };
    }
  }

  /** First unmatchable for readers, then its bytes are gone too. */
  #forget(at: number): void {
    Atomics.store(this.hashes, at >>> 2, 0);
    const length = this.lengthAt(at);
    this.bytesOf.fill(0, at + E.sid, at + E.sid + 16);
    this.bytesOf.fill(0, at + E.id, at + E.id + length);
    Atomics.sub(this.words, H.size, 1);
  }

  #append(hash: number, anonymous: boolean, sid: Uint8Array): number {
    const word = this.words[H.used]! >>> 0;
    const at = word * 4;
    const end = at + E.id + this.keyLength;
    const { arena } = this.handle;
    if (end > arena.byteLength) {
      if (end > ARENA_LIMIT)
        throw new RangeError('id index: 4 GiB of customer ids are in use; split the workspace by partitions');
      arena.grow(Math.min(ARENA_LIMIT, Math.max(end, arena.byteLength + ARENA_STEP)));
      this.renew();
    }
    this.bytesOf.set(sid, at + E.sid);
    this.bytesOf[at + E.length] = this.keyLength;
    this.bytesOf[at + E.length + 1] = this.keyLength >> 8;
    this.bytesOf[at + E.flags] = anonymous ? ANONYMOUS : 0;
    this.bytesOf.set(this.key.subarray(0, this.keyLength), at + E.id);
    Atomics.store(this.hashes, word, hash);
    Atomics.store(this.words, H.used, Math.ceil(end / 4));
    return word;
  }

  #link(slots: Int32Array, hash: number, word: number): void {
    const mask = slots.length - 1;
    let slot = hash & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    Atomics.store(slots, slot, word);
  }

  /** A table twice the size, filled before anybody is told of it; the old one stays for readers still in it. */
  #grow(): void {
    this.#fill(this.generation + 1);
  }

  #fill(generation: number): number {
    const table = this.handle.tables[generation];
    if (!table) throw new RangeError('id index: the largest table is full; split the workspace by partitions');
    table.grow(table.maxByteLength);
    const slots = new Int32Array(table, 0, table.byteLength / 4);
    const end = (this.words[H.used]! >>> 0) * 4;
    this.#filled = 0;
    let at = 4;
    for (; at < end; at += this.#stride(at)) {
      const hash = this.hashes[at >>> 2]!;
      if (hash === 0) continue;
      this.#link(slots, hash, at / 4);
      this.#filled++;
    }
    if (at !== end) throw new RangeError('id index: the entries do not end where the header says');
    Atomics.store(this.words, H.table, generation);
    this.renew();
    return this.#filled;
  }

  #stride(at: number): number {
    return Math.ceil((E.id + this.lengthAt(at)) / 4) * 4;
  }
}
