// One customer = one row of 32 words (128 bytes, two cache lines) in a growable SharedArrayBuffer: written by the fold thread
// alone, read by every thread. Words up to LOCKED change only between two writes of the row's lock word.

export const ROW_SHIFT = 5;
export const ROW_BYTES = 128;

export const WORD = {
  /** Odd while the writer is inside; a reader retries. */
  lock: 0,
  firstDay: 1,
  lastDay: 2,
  /** Largest day of any entry: an answer about that day or later may use the columns as they stand. */
  changeDay: 3,
  frequency: 4,
  moneyDays: 5,
  orders: 6,
  /** Three ASCII letters of the currency of netMinor in bits 0–23, FLAG bits above. */
  currencyAndFlags: 7,
  /** Doubles. */
  moneyMinor: 8,
  netMinor: 10,
  seq: 12,
  /** Four words. */
  sid: 14,
  /** Row this one was linked into, plus one; 0 = it is a customer of its own. */
  parent: 18,
  // From here on only the fold thread looks.
  marks: 19,
  /** Heads of the chains (record + 1, 0 = none), one a pool. */
  orderHead: 20,
  refundHead: 21,
  activityHead: 22,
  subscriptionHead: 23,
  /** Consents and attributes. */
  propertyHead: 24,
  /** Chain of the rows linked into this one: first member, next member (row + 1). */
  memberHead: 25,
  memberNext: 26,
  /** Neighbours in the order of the last change (row + 1). */
  older: 27,
  newer: 28,
  /** Position in the batch's list of changed rows, plus one. */
  dirty: 29,
  /** Double: position of the last message that changed the ledger; becomes `seq` when the columns are flushed. */
  changeSeq: 30,
} as const;

/** Bits of `CustomerColumns.flags`. */
export const COLUMN_FLAG = {
  erased: 1,
  anonymous: 2,
  noRate: 4,
  leftTruncated: 8,
  linked: 16,
  subscriber: 32,
  /** An event of theirs is parked, and what came later waits: the columns are as they were before it. */
  parked: 64,
} as const;

/** Bits of the word `marks`; above them one bit a source that orders came from (coverage.ts). */
export const MARK = { erased: 1, known: 2, anonymous: 4, foreignMoney: 8 } as const;
export const MARK_BITS = 4;
/** All sources. */
export const SOURCE_MARKS = -1 << MARK_BITS;

/** Words of the control buffer that all threads share. */
export const CONTROL = {
  /** Rows that exist. */
  rows: 0,
  /** Seqlock of the state's doubles. */
  lock: 1,
  /** Grows with every flush; `Atomics.waitAsync` on it is the cheapest way to wait for a change. */
  tick: 2,
  /** Index (in doubles) of seq, clockAt, clockDay, customers, orders, events. */
  state: 2,
  /** Word of the hash's 256 segments: offset in blocks of 64 slots << 5 | log2 of the capacity. */
  directory: 64,
} as const;
export const CONTROL_BYTES = 4 * (CONTROL.directory + 256);
export const SEGMENT_COUNT = 256;
export const SLOT_BLOCK = 64;

/** Sids are random, so a few multiplications spread them enough; high byte = segment, the rest = place. */
export const hashSid = (w0: number, w1: number, w2: number, w3: number): number =>
  Math.imul(w0 ^ Math.imul(w2, 0x85ebca6b) ^ Math.imul(w1 ^ Math.imul(w3, 0xc2b2ae35), 0x27d4eb2f), 0x9e3779b1);

/** What another thread needs to read the columns; goes through postMessage as it is. */
export interface ColumnsHandle {
  control: SharedArrayBuffer;
  rows: SharedArrayBuffer;
  slots: SharedArrayBuffer;
}

/** 'EUR' ⇄ its three bytes; '' ⇄ 0. */
export const packCurrency = (currency: string): number =>
  currency.length === 3 ? currency.charCodeAt(0) | (currency.charCodeAt(1) << 8) | (currency.charCodeAt(2) << 16) : 0;
const unpacked = new Map<number, string>([[0, '']]);
export function unpackCurrency(packed: number): string {
  let currency = unpacked.get(packed);
  if (currency === undefined) {
    currency = String.fromCharCode(packed & 255, (packed >> 8) & 255, (packed >> 16) & 255);
    unpacked.set(packed, currency);
  }
  return currency;
}
