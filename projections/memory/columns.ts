// The readers' side of the customer columns: any thread, no message, no lock. A row is read under its sequence word (odd =
// being written, so try again); growth is seen by one Atomics load, because the buffers grow in place.
import {
  COLUMN_FLAG,
  CONTROL,
  type ColumnsHandle,
  hashSid,
  ROW_BYTES,
  ROW_SHIFT,
  SLOT_BLOCK,
  unpackCurrency,
  WORD,
} from './row-layout.ts';

export { COLUMN_FLAG, type ColumnsHandle };

/** Of all entries known so far; for a day ≥ `changeDay` they are `features(ledger, day)`, before it ask for the entries. */
export interface CustomerColumns {
  /** NO_DAY (domain/documents.ts) without a purchase. */
  firstDay: number;
  lastDay: number;
  changeDay: number;
  frequency: number;
  moneyDays: number;
  /** Σ net minor units over the repeat days with net > 0, reporting currency; 0 when a rate is missing. */
  moneyMinor: number;
  orders: number;
  netMinor: number;
  /** Currency of netMinor: reporting; without a rate the customer's only one, or '' when mixed. */
  currency: string;
  /** Bits of COLUMN_FLAG. */
  flags: number;
  /** Position of the last message that changed this customer. */
  seq: number;
}

export const createCustomerColumns = (): CustomerColumns => ({
  firstDay: 0,
  lastDay: 0,
  changeDay: 0,
  frequency: 0,
  moneyDays: 0,
  moneyMinor: 0,
  orders: 0,
  netMinor: 0,
  currency: '',
  flags: 0,
  seq: 0,
});

export interface FoldState {
  /** Everything up to this position of EVT is in the columns. */
  seq: number;
  /** Largest event time, ms: the workspace clock in log mode; 0 before the first event. */
  clockAt: number;
  /** Largest local day of any event. */
  clockDay: number;
  customers: number;
  orders: number;
  events: number;
}

export interface Columns {
  /** Row of the customer this sid belongs to (links followed), or −1. `sid` = 16 bytes. */
  rowOf(sid: Uint8Array): number;
  /** The sid's own row, links not followed, or −1. */
  ownRowOf(sid: Uint8Array): number;
  /** Copies the row into `out`; false when there is no such row. */
  read(row: number, out: CustomerColumns): boolean;
  /** The sid of a row, 16 bytes. */
  sidOf(row: number): Uint8Array;
  /** One word of a row there is (WORD), or the double in two of them, as it stands just now: for passes over everybody. */
  word(row: number, word: number): number;
  double(row: number, word: number): number;
  /** Rows that exist, linked and erased ones included. */
  rows(): number;
  state(): FoldState;
  /** Sees growth; one Atomics load when there was none. `rowOf` and `read` do it themselves. */
  refresh(): void;
}

/** A writer stays inside a row for less than a microsecond; this many looks mean that its thread has died there. */
const PATIENCE = 50_000_000;

export function openColumns(handle: ColumnsHandle): Columns {
  const control = new Int32Array(handle.control);
  const stateDoubles = new Float64Array(handle.control);
  let words: Int32Array = new Int32Array(0);
  let doubles: Float64Array = new Float64Array(0);
  let slots: Int32Array = new Int32Array(0);
  let capacity = 0;

  const refresh = () => {
    if (Atomics.load(control, CONTROL.rows) <= capacity) return;
    // Views of fixed length: those that track a growing buffer are 17 times slower in V8 (3.3 → 56 ms a million rows).
    capacity = Math.floor(handle.rows.byteLength / ROW_BYTES);
    words = new Int32Array(handle.rows, 0, capacity << ROW_SHIFT);
    doubles = new Float64Array(handle.rows, 0, capacity << (ROW_SHIFT - 1));
  };
  const stable = (at: number, cells: Int32Array, copy: () => void) => {
    for (let look = 0; look < PATIENCE; look++) {
      const before = Atomics.load(cells, at);
      if ((before & 1) === 1) continue;
      copy();
      if (Atomics.load(cells, at) === before) return;
    }
    throw new Error('columns: a row stays locked; the fold thread has died while writing it');
  };

  const columns: Columns = {
    refresh,
    rows: () => Atomics.load(control, CONTROL.rows),
    rowOf(sid) {
      const row = columns.ownRowOf(sid);
      if (row < 0) return -1;
      const parent = Atomics.load(words, (row << ROW_SHIFT) + WORD.parent);
      return parent === 0 ? row : parent - 1;
    },
    ownRowOf(sid) {
      refresh();
      const view = sidWords(sid);
      const [w0, w1, w2, w3] = [view[0]!, view[1]!, view[2]!, view[3]!];
      const h = hashSid(w0, w1, w2, w3);
      const entry = Atomics.load(control, CONTROL.directory + (h >>> 24));
      const base = (entry >>> 5) * SLOT_BLOCK;
      const mask = (1 << (entry & 31)) - 1;
      if (base + mask >= slots.length) slots = new Int32Array(handle.slots, 0, Math.floor(handle.slots.byteLength / 4));
      for (let at = h & mask; ; at = (at + 1) & mask) {
        const row = Atomics.load(slots, base + at) - 1;
        if (row < 0) return -1;
        if (row >= capacity) refresh();
        const b = (row << ROW_SHIFT) + WORD.sid;
        if (words[b] === w0 && words[b + 1] === w1 && words[b + 2] === w2 && words[b + 3] === w3) return row;
      }
    },
    read(row, out) {
      if (row >= capacity) refresh();
      if (row < 0 || row >= Atomics.load(control, CONTROL.rows)) return false;
      const b = row << ROW_SHIFT;
      for (let look = 0; ; look++) {
        const before = Atomics.load(words, b);
        if ((before & 1) === 0) {
          out.firstDay = words[b + WORD.firstDay]!;
          out.lastDay = words[b + WORD.lastDay]!;
          out.changeDay = words[b + WORD.changeDay]!;
          out.frequency = words[b + WORD.frequency]!;
          out.moneyDays = words[b + WORD.moneyDays]!;
          out.orders = words[b + WORD.orders]!;
          const packed = words[b + WORD.currencyAndFlags]!;
          out.moneyMinor = doubles[(b + WORD.moneyMinor) >>> 1]!;
          out.netMinor = doubles[(b + WORD.netMinor) >>> 1]!;
          out.seq = doubles[(b + WORD.seq) >>> 1]!;
          if (Atomics.load(words, b) === before) {
            out.currency = unpackCurrency(packed & 0xffffff);
            out.flags = packed >>> 24;
            return true;
          }
        }
        if (look > PATIENCE) throw new Error('columns: a row stays locked; the fold thread has died while writing it');
      }
    },
    sidOf(row) {
      if (row >= capacity) refresh();
      const b = (row << ROW_SHIFT) + WORD.sid;
      // Sixteen bytes lie on the heap; as the buffer of a copy of words they would be memory of their own, to be freed one by one.
      const sid = new Uint8Array(16);
      for (let byte = 0; byte < 16; byte++) sid[byte] = words[b + (byte >> 2)]! >>> ((byte & 3) << 3);
      return sid;
    },
    word(row, word) {
      if (row >= capacity) refresh();
      return words[(row << ROW_SHIFT) + word]!;
    },
    double(row, word) {
      if (row >= capacity) refresh();
      return doubles[((row << ROW_SHIFT) + word) >>> 1]!;
    },
    state() {
      const s: FoldState = { seq: 0, clockAt: 0, clockDay: 0, customers: 0, orders: 0, events: 0 };
      stable(CONTROL.lock, control, () => {
        s.seq = stateDoubles[CONTROL.state]!;
        s.clockAt = stateDoubles[CONTROL.state + 1]!;
        s.clockDay = stateDoubles[CONTROL.state + 2]!;
        s.customers = stateDoubles[CONTROL.state + 3]!;
        s.orders = stateDoubles[CONTROL.state + 4]!;
        s.events = stateDoubles[CONTROL.state + 5]!;
      });
      return s;
    },
  };
  return columns;
}

const aligned = new Uint8Array(16);
const alignedWords = new Int32Array(aligned.buffer);
/** The sid's four little-endian words; copies, because a sid may stand anywhere in a bigger buffer. */
export function sidWords(sid: Uint8Array): Int32Array {
  aligned.set(sid);
  return alignedWords;
}
