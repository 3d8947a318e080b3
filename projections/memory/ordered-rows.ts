// Customers in the order of a column, page by page, from the columns that are in memory anyway: one pass over them and a heap of one page. Indexes of
// these orders in PostgreSQL were two thirds of what a changed customer's row cost there, at every change, for a list that is asked for now and then.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { NO_DAY } from '#domain/documents.ts';
import type { Columns } from './columns.ts';
import { COLUMN_FLAG, WORD } from './row-layout.ts';

export const COLUMN_SORTS = ['last_day', 'orders', 'net'] as const;
export type ColumnSort = (typeof COLUMN_SORTS)[number];

/** Where a page ended: the value of its last customer (null: none, which comes last) and the first 8 bytes of the sid, big-endian, signed. */
export interface OrderedPlace {
  value: number | null;
  key: bigint;
}

interface Candidate {
  row: number;
  /** The value; −∞ for none. */
  rank: number;
  /** First 8 bytes of the sid: the first four signed, the others unsigned. */
  high: number;
  low: number;
}

const HIDDEN = COLUMN_FLAG.erased | COLUMN_FLAG.linked;
/** Rows between two turns of whoever else lives in this thread: a few tenths of a millisecond. */
const ROWS_A_TURN = 1 << 14;

/** Highest value first, of equal ones the smaller key. */
const order = (a: Omit<Candidate, 'row'>, b: Omit<Candidate, 'row'>): number =>
  a.rank === b.rank ? a.high - b.high || a.low - b.low : a.rank > b.rank ? -1 : 1;

/**
 * @param limit ≥ 1. @param after where the page before ended; null: from the start. Who changes meanwhile may be met twice or not at all, as in any
 * list that is read while it goes on.
 * @returns at most `limit` sids (16 bytes), without the erased and those linked to another one, and where the page ended when there are more.
 */
export async function orderedRows(
  columns: Columns,
  sort: ColumnSort,
  limit: number,
  after: OrderedPlace | null,
): Promise<{ sids: Uint8Array[]; next: OrderedPlace | null }> {
  const rankOf = RANK[sort];
  const from = after && candidateAt(after);
  /** A heap with the last of the page, and of the one that follows it, on top. */
  const heap: Candidate[] = [];
  // The newest customers first: where values grow with time, the others then pass by at one comparison.
  for (let row = columns.rows() - 1; row >= 0; row--) {
    if (row % ROWS_A_TURN === 0) await nextTurn();
    const rank = rankOf(columns, row);
    if (heap.length > limit && rank < heap[0]!.rank) continue;
    if (from !== null && rank > from.rank) continue;
    if (((columns.word(row, WORD.currencyAndFlags) >>> 24) & HIDDEN) !== 0) continue;
    const high = swapped(columns.word(row, WORD.sid));
    const one = { row, rank, high, low: swapped(columns.word(row, WORD.sid + 1)) >>> 0 };
    if (from !== null && order(from, one) >= 0) continue;
    if (heap.length <= limit) rise(heap, one);
    else if (order(one, heap[0]!) < 0) sink(heap, one);
  }
  const page = heap.sort(order);
  const last = page.length > limit ? page[limit - 1]! : null;
  return { sids: page.slice(0, limit).map(({ row }) => columns.sidOf(row)), next: last && placeOf(last) };
}

/** As they stand: a row that is being written is met as it was or as it will be. */
const RANK: Record<ColumnSort, (columns: Columns, row: number) => number> = {
  last_day(columns, row) {
    const day = columns.word(row, WORD.lastDay);
    return day === NO_DAY ? Number.NEGATIVE_INFINITY : day;
  },
  orders: (columns, row) => columns.word(row, WORD.orders),
  net: (columns, row) => columns.double(row, WORD.netMinor),
};

/** A word of a sid as memory has it (little-endian) ⇄ its four bytes in their order. */
const swapped = (word: number): number =>
  (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
const candidateAt = ({ value, key }: OrderedPlace): Omit<Candidate, 'row'> => ({
  rank: value ?? Number.NEGATIVE_INFINITY,
  high: Number(key >> 32n),
  low: Number(key & 0xffff_ffffn),
});
const placeOf = ({ rank, high, low }: Candidate): OrderedPlace => ({
  value: rank === Number.NEGATIVE_INFINITY ? null : rank,
  key: (BigInt(high) << 32n) | BigInt(low),
});

function rise(heap: Candidate[], one: Candidate): void {
  let at = heap.push(one) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (order(heap[parent]!, one) >= 0) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = one;
}

/** In the place of the top. */
function sink(heap: Candidate[], one: Candidate): void {
  let at = 0;
  for (let child = 1; child < heap.length; child = 2 * at + 1) {
    if (child + 1 < heap.length && order(heap[child + 1]!, heap[child]!) > 0) child++;
    if (order(one, heap[child]!) >= 0) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = one;
}
