// `features(ledger, D)`: what models may know of a customer on day D; one pure function for stream, batch, backtest and API
// (facts §4, §5). Entries with day ≤ D count, T = D − first day; everything is an integer, whatever the order of arrival.
import { type Documents, NO_DAY } from './documents.ts';
import { type ActivityEntry, compareText } from './ledger.ts';
import { type CustomerColumns, type CustomerLedger, columnsOf } from './ledger-columns.ts';
import { countPurchases, createPurchases, type Purchases } from './purchases.ts';
import type { Rates } from './rates.ts';
import { type SubscriptionFeatures, subscriptionFeatures } from './subscriptions.ts';

export interface FeatureContext {
  rates: Rates;
}

interface CurrencyTotals {
  currency: string;
  /** Σ of orders, minor units. */
  gross: number;
  /** Σ of refunds. */
  refunds: number;
  /** Part of `refunds` that lowered an order; the rest lowers net revenue only. */
  matched: number;
  net: number;
}

interface ActivityFeatures {
  kind: string;
  count: number;
  days: number;
  lastDay: number;
  /** Counts of the last 7, 30 and 90 days, the day asked about included. */
  count7: number;
  count30: number;
  count90: number;
}

export interface CustomerFeatures {
  /** The day asked about. */
  day: number;
  /** Null without a purchase up to that day; then every count is 0. */
  firstDay: number | null;
  lastDay: number | null;
  orders: number;
  purchaseDays: number;
  /** Repeat purchase days (x). */
  frequency: number;
  /** Age at the last purchase (t_x), days. */
  recencyDays: number;
  /** Age on the day asked about (T), days. */
  ageDays: number;
  /** Repeat days with net money > 0, and Σ of it in minor units of the reporting currency: Gamma-Gamma's mean = the quotient. */
  moneyDays: number;
  moneyMinor: number;
  /** Orders − refunds in `currency`: reporting, else the only one of the customer (see noRate), else null. */
  netMinor: number;
  currency: string | null;
  /** Some money has no rate to the reporting currency: money models must refuse. */
  noRate: boolean;
  refunds: number;
  /** Refund documents that name no order and matched one of the same amount. */
  matchedRefunds: number;
  /** By currency, in its own minor units. */
  totals: CurrencyTotals[];
  activities: ActivityFeatures[];
  subscription: SubscriptionFeatures | null;
  /** Each attribute's value as last said by that day. */
  attributes: Record<string, string | number | boolean>;
}

export function features(ledger: CustomerLedger, day: number, context: FeatureContext): CustomerFeatures {
  const columns = columnsOf(ledger);
  const { orders, refunds, currencies, activities, subscriptions, attributes } = columns;
  const purchases = purchasesOf(columns, day, context);
  const none = purchases.firstDay === NO_DAY;
  const reportingOnly = purchases.currency === -1;
  return {
    day,
    firstDay: none ? null : purchases.firstDay,
    lastDay: none ? null : purchases.lastDay,
    orders: purchases.orders,
    purchaseDays: purchases.days,
    frequency: Math.max(0, purchases.days - 1),
    recencyDays: purchases.lastDay - purchases.firstDay,
    ageDays: none ? 0 : day - purchases.firstDay,
    moneyDays: purchases.moneyDays,
    moneyMinor: purchases.moneyMinor,
    netMinor: purchases.netMinor,
    currency: reportingOnly ? context.rates.reportingCurrency : currencies[purchases.currency] || null,
    noRate: purchases.noRate,
    refunds: purchases.refunds,
    matchedRefunds: purchases.matchedRefunds,
    totals: totalsOf(orders, refunds, day, currencies, purchases),
    activities: activityFeatures(activities, day),
    subscription: subscriptionFeatures(subscriptions, day),
    // Entries come by (name, day): the last one up to the day stays.
    attributes: Object.fromEntries(attributes.filter((a) => a.day <= day).map((a) => [a.name, a.value])),
  };
}

/**
 * Money of the purchase days in (from, to], as it stood on day `to`, refunds taken off: what Gamma-Gamma means by the value of a time. Days
 * without money or netting ≤ 0 add nothing.
 *
 * @returns minor units of the reporting currency; null when some of it has no rate.
 */
export function moneyWithin(ledger: CustomerLedger, from: number, to: number, context: FeatureContext): number | null {
  const byDay = moneyByDay(ledger, to, context, from);
  if (byDay === null) return null;
  let total = 0;
  for (const minor of byDay.values()) total += minor;
  return total;
}

/** Money of each purchase day in (from, to] as it stood on day `to`, as `moneyWithin` counts it; null when some of it has no rate. */
export function moneyByDay(
  ledger: CustomerLedger,
  to: number,
  context: FeatureContext,
  from = Number.NEGATIVE_INFINITY,
): ReadonlyMap<number, number> | null {
  const columns = columnsOf(ledger);
  const { orders, currencies } = columns;
  const purchases = purchasesOf(columns, to, context);
  const byDay = new Map<number, { currency: string; minor: number }[]>();
  for (let i = 0; i < orders.count; i++) {
    const [day, minor] = [orders.day[i]!, purchases.left[i]!];
    if (day <= from || day > to || !(minor > 0)) continue;
    const sums = byDay.get(day) ?? [];
    sums.push({ currency: currencies[orders.currency[i]!]!, minor });
    byDay.set(day, sums);
  }
  const money = new Map<number, number>();
  // In the order of days: whoever adds them up gets the same bits whatever came first.
  for (const [day, sums] of [...byDay].sort(([a], [b]) => a - b)) {
    const converted = context.rates.convert(sums, day);
    if (converted === null) return null;
    money.set(day, converted);
  }
  return money;
}

/** Working memory, overwritten by the next customer. */
const counted = createPurchases();

function purchasesOf({ orders, refunds, currencies }: CustomerColumns, day: number, { rates }: FeatureContext) {
  const reporting = currencies.indexOf(rates.reportingCurrency);
  countPurchases(orders, refunds, day, { rates, currencies, reporting }, counted);
  return counted;
}

function totalsOf(
  orders: Documents,
  refunds: Documents,
  day: number,
  currencies: readonly string[],
  { unmatched }: Purchases,
): CurrencyTotals[] {
  const totals = new Map<number, CurrencyTotals>();
  const of = (code: number) => {
    let entry = totals.get(code);
    if (!entry) {
      entry = { currency: currencies[code] ?? '', gross: 0, refunds: 0, matched: 0, net: 0 };
      totals.set(code, entry);
    }
    return entry;
  };
  for (let i = 0; i < orders.count; i++)
    if (orders.day[i]! <= day && !Number.isNaN(orders.minor[i]!)) of(orders.currency[i]!).gross += orders.minor[i]!;
  for (let i = 0; i < refunds.count; i++) {
    if (refunds.day[i]! > day || Number.isNaN(unmatched[i]!)) continue;
    of(refunds.currency[i]!).refunds += refunds.minor[i]!;
    of(refunds.currency[i]!).matched += refunds.minor[i]! - unmatched[i]!;
  }
  for (const entry of totals.values()) entry.net = entry.gross - entry.refunds;
  return [...totals.values()].sort((a, b) => compareText(a.currency, b.currency));
}

function activityFeatures(entries: readonly ActivityEntry[], day: number): ActivityFeatures[] {
  const byKind = new Map<string, ActivityFeatures>();
  for (const entry of entries) {
    if (entry.day > day) continue;
    let kind = byKind.get(entry.kind);
    if (!kind) {
      kind = { kind: entry.kind, count: 0, days: 0, lastDay: entry.day, count7: 0, count30: 0, count90: 0 };
      byKind.set(entry.kind, kind);
    }
    kind.count += entry.count;
    kind.days++;
    kind.lastDay = Math.max(kind.lastDay, entry.day);
    const age = day - entry.day;
    if (age < 7) kind.count7 += entry.count;
    if (age < 30) kind.count30 += entry.count;
    if (age < 90) kind.count90 += entry.count;
  }
  return [...byKind.values()].sort((a, b) => compareText(a.kind, b.kind));
}
