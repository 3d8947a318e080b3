// Customer state as the fold thread hands it over, from plain rows.
import { NO_DAY } from '#domain/documents.ts';
import type { CustomerState } from '#projections/customers.ts';

export interface PlainState {
  sid: Uint8Array;
  firstDay: number | null;
  lastDay: number | null;
  orders: number;
  frequency: number;
  moneyDays: number;
  moneyMinor: number;
  netMinor: number;
  currency: string | null;
  seq: number;
  flags?: number;
}

export function customerState(rows: readonly PlainState[]): CustomerState {
  const currencies = ['', ...new Set(rows.flatMap((row) => row.currency ?? []))];
  return {
    sids: Uint8Array.from(rows.flatMap((row) => [...row.sid])),
    firstDay: Int32Array.from(rows, (row) => row.firstDay ?? NO_DAY),
    lastDay: Int32Array.from(rows, (row) => row.lastDay ?? NO_DAY),
    changeDay: Int32Array.from(rows, (row) => row.lastDay ?? NO_DAY),
    orders: Uint32Array.from(rows, (row) => row.orders),
    frequency: Uint32Array.from(rows, (row) => row.frequency),
    moneyDays: Uint32Array.from(rows, (row) => row.moneyDays),
    moneyMinor: Float64Array.from(rows, (row) => row.moneyMinor),
    netMinor: Float64Array.from(rows, (row) => row.netMinor),
    currency: Uint16Array.from(rows, (row) => currencies.indexOf(row.currency ?? '')),
    currencies,
    flags: Uint8Array.from(rows, (row) => row.flags ?? 0),
    seqs: Float64Array.from(rows, (row) => row.seq),
  };
}
