// The counting core of `features`: purchase days, refund matching and money of one customer up to a day (facts §4–§6).
// It reads columns, not objects, because the fold recomputes thousands of customers a batch; integers only, so the
// result does not depend on the order of arrival. features.ts is the readable form of the same function.
import { type Documents, NO_DAY } from './documents.ts';
import type { CurrencySum, Rates } from './rates.ts';
import { type Matching, matchRefunds } from './refunds.ts';

export interface Money {
  rates: Rates;
  /** Code → currency; position 0 stands for none. */
  currencies: readonly string[];
  /** Code of the reporting currency, or −1 when no entry has it. */
  reporting: number;
}

/** Result and working memory of `countPurchases`; reuse one for many customers. */
export interface Purchases extends Matching {
  firstDay: number;
  lastDay: number;
  /** Distinct purchase days. */
  days: number;
  orders: number;
  /** Repeat days whose net money is > 0, and Σ of it in minor units of the reporting currency (0 without a rate). */
  moneyDays: number;
  moneyMinor: number;
  /** Σ orders − Σ refunds in `currency`. */
  netMinor: number;
  /** Code of the currency of `netMinor`: reporting, or the customer's only one when a rate is missing, or 0 when mixed. */
  currency: number;
  /** Some money has no rate to the reporting currency, or the sums leave the exact integers (beyond 2^53 − 1 minor units). */
  noRate: boolean;
  /** The purchase days, ascending, and what is left of their orders in minor units of the reporting currency: up to `days`. */
  eachDay: Int32Array;
  eachSum: Float64Array;
}

export const createPurchases = (): Purchases => ({
  firstDay: NO_DAY,
  lastDay: NO_DAY,
  days: 0,
  orders: 0,
  refunds: 0,
  moneyDays: 0,
  moneyMinor: 0,
  netMinor: 0,
  currency: 0,
  noRate: false,
  eachDay: new Int32Array(16),
  eachSum: new Float64Array(16),
  matchedRefunds: 0,
  left: new Float64Array(16),
  unmatched: new Float64Array(16),
});

let sortKeys = new Float64Array(64);
const POSITIONS = 2 ** 28;

/** Counts everything with day ≤ `day`. Cost: O(n log n) in the customer's entries; ≈ 0.2 µs for five orders. */
export function countPurchases(orders: Documents, refunds: Documents, day: number, money: Money, out: Purchases): void {
  const n = sortByDay(orders, day);
  if (out.left.length < orders.count) out.left = new Float64Array(orders.day.length);
  for (let i = 0; i < orders.count; i++) out.left[i] = orders.minor[i]!;
  if (out.eachDay.length < n) {
    out.eachDay = new Int32Array(orders.day.length);
    out.eachSum = new Float64Array(orders.day.length);
  }
  out.orders = n;
  out.refunds = 0;
  out.matchedRefunds = 0;
  let refundOrder: number[] = [];
  if (refunds.count > 0) refundOrder = matchRefunds(orders, refunds, day, out);

  let days = 0;
  let moneyDays = 0;
  let moneyMinor = 0;
  let netMinor = 0;
  let noRate = false;
  for (let i = 0; i < n; ) {
    const first = sortKeys[i]! % POSITIONS;
    const today = orders.day[first]!;
    let sum = 0;
    let foreign: Map<number, number> | null = null;
    for (; i < n; i++) {
      const at = sortKeys[i]! % POSITIONS;
      if (orders.day[at] !== today) break;
      const left = out.left[at]!;
      if (Number.isNaN(left)) continue;
      if (orders.currency[at] === money.reporting) sum += left;
      else {
        foreign ??= new Map();
        foreign.set(orders.currency[at]!, (foreign.get(orders.currency[at]!) ?? 0) + left);
      }
    }
    if (foreign) {
      const converted = convert(sum, foreign, today, money);
      if (converted === null) noRate = true;
      else sum = converted;
    }
    if (days === 0) out.firstDay = today;
    else if (sum > 0) {
      moneyDays++;
      moneyMinor += sum;
    }
    out.lastDay = today;
    out.eachDay[days] = today;
    out.eachSum[days] = sum;
    days++;
    netMinor += sum;
  }
  if (n === 0) out.firstDay = out.lastDay = NO_DAY;
  // Every summand was ≥ 0, so a sum within the exact integers had no rounding on its way.
  if (netMinor > Number.MAX_SAFE_INTEGER) noRate = true;
  for (let i = 0; i < refundOrder.length; ) {
    const today = refunds.day[refundOrder[i]!]!;
    const sums = new Map<number, number>();
    for (; i < refundOrder.length && refunds.day[refundOrder[i]!] === today; i++) {
      const at = refundOrder[i]!;
      if (out.unmatched[at]! > 0)
        sums.set(refunds.currency[at]!, (sums.get(refunds.currency[at]!) ?? 0) + out.unmatched[at]!);
    }
    const converted = convert(0, sums, today, money);
    if (converted === null) noRate = true;
    else netMinor -= converted;
  }
  if (netMinor < Number.MIN_SAFE_INTEGER) noRate = true;
  out.days = days;
  out.noRate = noRate;
  out.moneyDays = noRate ? 0 : moneyDays;
  out.moneyMinor = noRate ? 0 : moneyMinor;
  out.netMinor = netMinor;
  out.currency = money.reporting;
  if (noRate) inOwnCurrency(orders, n, refunds, refundOrder, out);
}

/** Leaves (day, position) of the orders up to `day` in `sortKeys`, ascending; returns their number. */
function sortByDay(orders: Documents, day: number): number {
  if (sortKeys.length < orders.count) sortKeys = new Float64Array(orders.day.length);
  const keys = sortKeys;
  let n = 0;
  // From the end: a ledger's list holds the newest entry first, so ordinary arrival needs no swap.
  for (let i = orders.count - 1; i >= 0; i--)
    if (orders.day[i]! <= day) keys[n++] = (orders.day[i]! + 8_388_608) * POSITIONS + i;
  if (n > 48) {
    let sorted = true;
    for (let i = 1; i < n && sorted; i++) sorted = keys[i - 1]! <= keys[i]!;
    if (!sorted) keys.subarray(0, n).sort();
    return n;
  }
  for (let i = 1; i < n; i++) {
    const key = keys[i]!;
    let j = i - 1;
    for (; j >= 0 && keys[j]! > key; j--) keys[j + 1] = keys[j]!;
    keys[j + 1] = key;
  }
  return n;
}

/** Sum in the reporting currency, one rounding a day; null when a rate is missing. */
function convert(own: number, foreign: Map<number, number>, day: number, money: Money): number | null {
  if (foreign.size === 0) return own;
  const sums: CurrencySum[] = [{ currency: money.rates.reportingCurrency, minor: own }];
  for (const [code, minor] of foreign) sums.push({ currency: money.currencies[code] ?? '', minor });
  return money.rates.convert(sums, day);
}

/** Without a rate: net money in the customer's only currency, or nothing when there are several or it is beyond 2^53 − 1. */
function inOwnCurrency(orders: Documents, n: number, refunds: Documents, refundOrder: number[], out: Purchases): void {
  let code = -1;
  let net = 0;
  const take = (currency: number, minor: number) => {
    if (Number.isNaN(minor) || minor === 0) return;
    code = code === -1 || code === currency ? currency : 0;
    net += minor;
  };
  for (let i = 0; i < n; i++) {
    const at = sortKeys[i]! % POSITIONS;
    take(orders.currency[at]!, out.left[at]!);
  }
  const exact = net <= Number.MAX_SAFE_INTEGER;
  for (const at of refundOrder) take(refunds.currency[at]!, -out.unmatched[at]!);
  if (!exact || net < Number.MIN_SAFE_INTEGER) code = 0;
  out.currency = Math.max(0, code);
  out.netMinor = code > 0 ? net : 0;
}
