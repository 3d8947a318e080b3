// Everybody in one line: what `replay --as-of` shows of a moment.
import { NO_DAY } from '#domain/documents.ts';
import type { Ledger } from '../ledger.ts';
import { DOCUMENT } from '../record-layout.ts';
import type { RecordPool } from '../record-pool.ts';
import { MARK, WORD } from '../row-layout.ts';
import { StateDigest } from '../state-digest.ts';
import type { PastSummary } from './protocol.ts';

/** Entries up to local day `day` count; the digest is of everything the log held. Columns must be written. */
export function summaryOf(ledger: Ledger, day: number): Omit<PastSummary, 'from' | 'ms'> {
  const { rows, store } = ledger;
  const gross = new Map<string, number>();
  const refunded = new Map<string, number>();
  let firstDay: number | null = null;
  const count = { orders: 0, refunds: 0, buyers: 0 };
  /** Adds the row's documents; answers the first day of them. */
  const add = (pool: RecordPool, head: number, row: number, into: Map<string, number>, name: 'orders' | 'refunds') => {
    let first = NO_DAY;
    for (let next = rows.get(row, head); next !== 0; next = pool.next(next - 1)) {
      const dayAndCurrency = pool.word(next - 1, DOCUMENT.dayAndCurrency);
      if (firstDay === null || dayAndCurrency >> 8 < firstDay) firstDay = dayAndCurrency >> 8;
      if (dayAndCurrency >> 8 > day) continue;
      count[name]++;
      if (first === NO_DAY || dayAndCurrency >> 8 < first) first = dayAndCurrency >> 8;
      const minor = pool.double(next - 1, DOCUMENT.minor);
      if (Number.isNaN(minor)) continue;
      const currency = store.currencies.list[dayAndCurrency & 255]!;
      into.set(currency, (into.get(currency) ?? 0) + minor);
    }
    return first;
  };
  let erased = 0;
  for (const row of ledger.canonicalRows()) {
    if ((rows.get(row, WORD.marks) & MARK.erased) !== 0) erased++;
    if (add(store.orders, WORD.orderHead, row, gross, 'orders') !== NO_DAY) count.buyers++;
    add(store.refunds, WORD.refundHead, row, refunded, 'refunds');
  }
  return {
    seq: ledger.position,
    state: new StateDigest(ledger).value(),
    customers: ledger.customers,
    erased,
    events: ledger.events,
    firstDay,
    ...count,
    gross: Object.fromEntries([...gross].sort()),
    refunded: Object.fromEntries([...refunded].sort()),
    models: ledger.workspace.deployments,
  };
}
