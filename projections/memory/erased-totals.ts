// What erased customers leave behind: counts and money by month, of nobody (facts §8).
import type { EntryStore } from './entry-store.ts';
import { ACTIVITY, DOCUMENT } from './record-layout.ts';
import type { RecordPool } from './record-pool.ts';

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

export class ErasedTotals {
  customers = 0;
  #months = new Map<string, MonthTotal>();

  add(store: EntryStore, pool: RecordPool, record: number): void {
    if (pool === store.activities) this.#of(pool.word(record, 1)).activities += pool.word(record, ACTIVITY.count);
    if (pool !== store.orders && pool !== store.refunds) return;
    const dayAndCurrency = pool.word(record, DOCUMENT.dayAndCurrency);
    const month = this.#of(dayAndCurrency >> 8);
    month[pool === store.orders ? 'orders' : 'refunds']++;
    const minor = pool.double(record, DOCUMENT.minor);
    if (Number.isNaN(minor)) return;
    const currency = store.currencies.list[dayAndCurrency & 255]!;
    const money = pool === store.orders ? month.gross : month.refunded;
    money[currency] = (money[currency] ?? 0) + minor;
  }

  #of(day: number): MonthTotal {
    const month = new Date(day * 86_400_000).toISOString().slice(0, -17);
    let total = this.#months.get(month);
    if (!total) {
      total = { month, orders: 0, refunds: 0, activities: 0, gross: {}, refunded: {} };
      this.#months.set(month, total);
    }
    return total;
  }

  list(): MonthTotal[] {
    return [...this.#months.values()].sort((a, b) => (a.month < b.month ? -1 : 1));
  }

  save(): { customers: number; months: MonthTotal[] } {
    return { customers: this.customers, months: structuredClone(this.list()) };
  }
  restore(saved: { customers: number; months: MonthTotal[] }): void {
    this.customers = saved.customers;
    this.#months = new Map(saved.months.map((total) => [total.month, total]));
  }
}
