// One customer's purchases at one local day, as the kernels want them. The columns (the present) and `features(entries, day)` (any day)
// become the same thing here, so one path serves every answer.
import { NO_DAY } from '#domain/documents.ts';
import type { CustomerFeatures } from '#domain/features.ts';
import type { CustomerHistory } from '#domain/models/clv-model.ts';
import { exponentOf } from '#domain/money.ts';
import { COLUMN_FLAG, type CustomerColumns, createCustomerColumns } from './columns.ts';

export type History = CustomerColumns;
export const emptyHistory = (): History => ({
  ...createCustomerColumns(),
  firstDay: NO_DAY,
  lastDay: NO_DAY,
  changeDay: NO_DAY,
});

export const isErased = (history: History): boolean => (history.flags & COLUMN_FLAG.erased) !== 0;
/** Folded into another customer: its row is empty and the other one answers. */
export const isLinked = (history: History): boolean => (history.flags & COLUMN_FLAG.linked) !== 0;
/** Later events of theirs wait behind one that could not be applied. */
export const isParked = (history: History): boolean => (history.flags & COLUMN_FLAG.parked) !== 0;
export const hasBought = (history: History): boolean => history.orders > 0 && history.firstDay !== NO_DAY;

/**
 * What the kernels are asked with.
 *
 * @param day the day asked about, ≥ firstDay. @param scale minor units in one major unit.
 * @param contracts a contractual definition of churn is in force: who has or had a subscription is judged by it, and by no model of purchases.
 */
export function toCustomer(history: History, day: number, scale: number, contracts: boolean): CustomerHistory {
  const { flags, firstDay } = history;
  // An anonymous id is nobody's until it is linked: never scored (facts §7).
  if (!hasBought(history) || (flags & (COLUMN_FLAG.erased | COLUMN_FLAG.anonymous)) !== 0)
    return { frequency: 0, recency: 0, T: 0, notACustomer: true };
  return {
    frequency: history.frequency,
    recency: history.lastDay - firstDay,
    T: day - firstDay,
    monetaryValue: history.moneyDays > 0 ? history.moneyMinor / history.moneyDays / scale : null,
    moneyDays: history.moneyDays,
    leftTruncated: (flags & COLUMN_FLAG.leftTruncated) !== 0,
    withoutRate: (flags & COLUMN_FLAG.noRate) !== 0,
    contractual: contracts && (flags & COLUMN_FLAG.subscriber) !== 0,
  };
}

/** A day's features in the shape of a row. @param present the customer's row now: its flags of identity and coverage hold for every day. */
export function historyOf(features: CustomerFeatures, present: { flags: number; seq: number }): History {
  const { erased, anonymous, leftTruncated, parked } = COLUMN_FLAG;
  return {
    firstDay: features.firstDay ?? NO_DAY,
    lastDay: features.lastDay ?? NO_DAY,
    changeDay: features.lastDay ?? NO_DAY,
    frequency: features.frequency,
    moneyDays: features.moneyDays,
    moneyMinor: features.moneyMinor,
    orders: features.orders,
    netMinor: features.netMinor,
    currency: features.currency ?? '',
    flags:
      (present.flags & (erased | anonymous | leftTruncated | parked)) |
      (features.noRate ? COLUMN_FLAG.noRate : 0) |
      (features.subscription ? COLUMN_FLAG.subscriber : 0),
    seq: present.seq,
  };
}

/** A customer nobody has seen buy yet: the population speaks (x = 0, T = 0). */
export const UNSEEN: CustomerHistory = { frequency: 0, recency: 0, T: 0, monetaryValue: null, moneyDays: 0 };

/** Net money in the reporting currency; without a rate in the customer's only one; null when there are several: no sum of them is money. */
export function netOf(history: History, reporting: string): { net: number | null; currency: string } {
  const currency = history.currency || reporting;
  const several = history.currency === '' && (history.flags & COLUMN_FLAG.noRate) !== 0;
  return { net: several ? null : history.netMinor / scaleOf(currency), currency };
}

/** 100 for EUR, 1 for JPY, 1000 for KWD. */
export const scaleOf = (currency: string): number => 10 ** (exponentOf(currency) ?? 2);
