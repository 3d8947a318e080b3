// One customer's purchases at one local day, as the kernels want them: the columns (the present) and `features(entries, day)` (any day)
// both become this, so one path serves every answer.
import type { CustomerHistory } from '#domain/models/clv-model.ts';
import { exponentOf } from '#domain/money.ts';

/** Days since 1970-01-01 and minor units of the reporting currency, as the columns hold them. */
export interface History {
  /** Day of the first purchase; -1 without one. */
  firstDay: number;
  lastDay: number;
  /** Largest day of any entry: from that day on the row answers for itself. */
  changeDay: number;
  /** Repeat purchase days (x). */
  frequency: number;
  /** Repeat days with net money > 0, and their sum. */
  moneyDays: number;
  moneyMinor: number;
  orders: number;
  netMinor: number;
  /** Some money is in a currency without a rate. */
  noRate: boolean;
  /** Bought before the source's coverage begins. */
  leftTruncated: boolean;
  erased: boolean;
  /** Position of the last message that changed the customer. */
  seq: number;
}

/** What the kernels are asked with. @param day the day asked about, ≥ firstDay. @param scale minor units in one major unit. */
export function toCustomer(history: History, day: number, scale: number): CustomerHistory {
  return {
    frequency: history.frequency,
    recency: history.lastDay - history.firstDay,
    T: day - history.firstDay,
    monetaryValue: history.moneyDays > 0 ? history.moneyMinor / history.moneyDays / scale : null,
    moneyDays: history.moneyDays,
    leftTruncated: history.leftTruncated,
    withoutRate: history.noRate,
    notACustomer: history.orders === 0 || history.erased,
  };
}

/** A customer nobody has seen buy yet: the population speaks (x = 0, T = 0). */
export const UNSEEN: CustomerHistory = { frequency: 0, recency: 0, T: 0, monetaryValue: null, moneyDays: 0 };

/** 100 for EUR, 1 for JPY, 1000 for KWD. */
export const scaleOf = (currency: string): number => 10 ** (exponentOf(currency) ?? 2);

export const emptyHistory = (): History => ({
  firstDay: -1,
  lastDay: -1,
  changeDay: -1,
  frequency: 0,
  moneyDays: 0,
  moneyMinor: 0,
  orders: 0,
  netMinor: 0,
  noRate: false,
  leftTruncated: false,
  erased: false,
  seq: 0,
});
