// What erased customers leave behind: counts and money by month, of nobody (facts §8). Their orders and refunds join in one ledger without
// a customer, each under its order key alone and by the ledger's own rule; so the totals are a function of the set of messages too: an
// event that comes after the erasure counts once, as if it had come before (ADR 0003 weighs keeping the keys).
import { EntryStore } from './entry-store.ts';
import type { Frozen, ReadSection } from './pages.ts';
import { ACTIVITY, DOCUMENT } from './record-layout.ts';
import type { RecordPool } from './record-pool.ts';
import { WORD } from './row-layout.ts';
import { RowTable } from './rows.ts';

export interface MonthTotal {
  /** 'YYYY-MM' of the entries' own days. */
  month: string;
  orders: number;
  refunds: number;
  activities: number;
  /** Minor units by currency. */
  gross: Record<string, number>;
  refunded: Record<string, number>;
}

const PREFIX = 'erased ';

export class ErasedTotals {
  /** Erased customers: groups of linked sids. */
  customers = 0;
  readonly store = new EntryStore(new RowTable(1));
  /** Nobody's row in it, the only one. */
  readonly row = this.store.rows.create(0, 0, 0, 0);

  /** Their names go. */
  activity(day: number, count: number): void {
    this.store.addActivity(this.row, day, 0, count);
  }

  /** An entry of a customer who is being erased. */
  add(from: EntryStore, pool: RecordPool, record: number): void {
    if (pool === from.activities) this.activity(pool.word(record, 1), pool.word(record, ACTIVITY.count));
    if (pool !== from.orders && pool !== from.refunds) return;
    const refund = pool === from.refunds;
    const dayAndCurrency = pool.word(record, DOCUMENT.dayAndCurrency);
    this.store.putDocument(
      refund ? this.store.refunds : this.store.orders,
      refund ? WORD.refundHead : WORD.orderHead,
      this.row,
      pool.word(record, 1),
      pool.word(record, 2),
      dayAndCurrency >> 8,
      pool.double(record, DOCUMENT.minor),
      this.store.currencies.code(from.currencies.list[dayAndCurrency & 255]!),
      pool.word(record, DOCUMENT.revision) >>> 0,
      refund ? pool.word(record, DOCUMENT.orderKey) : 0,
      refund ? pool.word(record, DOCUMENT.orderKey + 1) : 0,
      0,
    );
  }

  /** By month; counted when asked. */
  list(): MonthTotal[] {
    const { store } = this;
    const months = new Map<string, MonthTotal>();
    const of = (day: number): MonthTotal => {
      const month = new Date(day * 86_400_000).toISOString().slice(0, -17);
      const total = months.get(month) ?? { month, orders: 0, refunds: 0, activities: 0, gross: {}, refunded: {} };
      months.set(month, total);
      return total;
    };
    const each = (pool: RecordPool, head: number, visit: (record: number) => void): void => {
      for (let next = store.rows.get(this.row, head); next !== 0; next = pool.next(next - 1)) visit(next - 1);
    };
    const documents = (
      pool: RecordPool,
      head: number,
      count: 'orders' | 'refunds',
      money: 'gross' | 'refunded',
    ): void =>
      each(pool, head, (record) => {
        const dayAndCurrency = pool.word(record, DOCUMENT.dayAndCurrency);
        const total = of(dayAndCurrency >> 8);
        total[count]++;
        const minor = pool.double(record, DOCUMENT.minor);
        if (Number.isNaN(minor)) return;
        const currency = store.currencies.list[dayAndCurrency & 255]!;
        total[money][currency] = (total[money][currency] ?? 0) + minor;
      });
    documents(store.orders, WORD.orderHead, 'orders', 'gross');
    documents(store.refunds, WORD.refundHead, 'refunds', 'refunded');
    each(store.activities, WORD.activityHead, (record) => {
      of(store.activities.word(record, 1)).activities += store.activities.word(record, ACTIVITY.count);
    });
    return [...months.values()].sort((a, b) => (a.month < b.month ? -1 : 1));
  }

  save(): { customers: number; months: MonthTotal[] } {
    return { customers: this.customers, months: this.list() };
  }

  freeze(): Frozen {
    const rows = this.store.rows.freeze();
    const store = this.store.freeze();
    return {
      meta: { customers: this.customers, rows: rows.meta, store: store.meta },
      sections: [...rows.sections, ...store.sections].map((section) => ({ ...section, name: PREFIX + section.name })),
      release: () => {
        rows.release();
        store.release();
      },
    };
  }

  restore(meta: Record<string, unknown>, read: ReadSection): void {
    const saved = meta as { customers: number; rows: Record<string, unknown>; store: Record<string, unknown> };
    const prefixed: ReadSection = (name, targets) => read(PREFIX + name, targets);
    this.customers = saved.customers;
    this.store.rows.restore(saved.rows, prefixed);
    this.store.restore(saved.store, prefixed);
  }
}
