// The population's sufficient statistics for fits, on any day: unique histories with weights, sorted by value, so that a fit gives
// the same bits however the log arrived. Runs where the ledger is (the fold thread, or a refold of the past).
import { createDocuments, NO_DAY } from '#domain/documents.ts';
import type { LeftOut } from '#domain/left-out.ts';
import { exponentOf } from '#domain/money.ts';
import { countPurchases, createPurchases } from '#domain/purchases.ts';
import type { Ledger } from './ledger.ts';
import { COLUMN_FLAG, WORD } from './row-layout.ts';

export interface PopulationSummary {
  /** Everything up to this position … */
  seq: number;
  /** … with day ≤ `day`. */
  day: number;
  clockAt: number;
  /** Earliest first purchase of those counted; null without any. */
  firstDay: number | null;
  /** Unique (x, T, t_x), ascending; times in days. */
  histories: { frequency: Float64Array; recencyDays: Float64Array; ageDays: Float64Array; weight: Float64Array };
  /** Unique (repeat days with money, their mean in major units of `currency`), ascending by days and total. */
  spend: { frequency: Float64Array; monetaryValue: Float64Array; weight: Float64Array };
  currency: string;
  /** Customers with a purchase by that day that are left out, and why; noRate (or 2^47 minor units and more) are left out of `spend` only. */
  excluded: LeftOut;
}

/** Bits of a day count in the sorting key: 717 years; 17 bits are left for x. */
export const DAY_BITS = 2 ** 18;

/** Cost: ≈ 0.3 s a million customers when `day` is not before their last change; those that changed later are counted anew. */
export function summarize(ledger: Ledger, day: number = ledger.clockDay): PopulationSummary {
  ledger.flushColumns();
  const { rows, store, workspace } = ledger;
  const { reportingCurrency } = workspace.facts;
  const money = {
    rates: workspace.rates,
    currencies: store.currencies.list,
    reporting: store.currencies.code(reportingCurrency),
  };
  const histories = new Float64Array(rows.count);
  // Two halves of one 64-bit number: money days above, total below; sorted as integers.
  const spends = new BigUint64Array(rows.count);
  const halves = new Uint32Array(spends.buffer);
  let n = 0;
  let spenders = 0;
  let firstDay = Number.POSITIVE_INFINITY;
  const excluded = { leftTruncated: 0, anonymous: 0, noRate: 0 };
  const orders = createDocuments(64);
  const refunds = createDocuments(16);
  const purchases = createPurchases();
  for (let row = 0; row < rows.count; row++) {
    const first = rows.get(row, WORD.firstDay);
    const flags = rows.get(row, WORD.currencyAndFlags) >>> 24;
    if (first === NO_DAY || first > day || (flags & (COLUMN_FLAG.erased | COLUMN_FLAG.linked)) !== 0) continue;
    if ((flags & COLUMN_FLAG.leftTruncated) !== 0) {
      excluded.leftTruncated++;
      continue;
    }
    if ((flags & COLUMN_FLAG.anonymous) !== 0) {
      excluded.anonymous++;
      continue;
    }
    let frequency = rows.get(row, WORD.frequency);
    let last = rows.get(row, WORD.lastDay);
    let moneyDays = rows.get(row, WORD.moneyDays);
    let moneyMinor = rows.getDouble(row, WORD.moneyMinor);
    let noRate = (flags & COLUMN_FLAG.noRate) !== 0;
    if (rows.get(row, WORD.changeDay) > day) {
      store.readDocuments(store.orders, WORD.orderHead, row, orders, NO_DAY);
      store.readDocuments(store.refunds, WORD.refundHead, row, refunds, NO_DAY);
      countPurchases(orders, refunds, day, money, purchases);
      frequency = purchases.days - 1;
      last = purchases.lastDay;
      ({ moneyDays, moneyMinor, noRate } = purchases);
    }
    firstDay = Math.min(firstDay, first);
    histories[n++] = (frequency * DAY_BITS + (day - first)) * DAY_BITS + (last - first);
    // Beyond the sorting key's bits a customer is left out as well: one absurd amount must not stop every fit.
    if (noRate || moneyMinor >= 2 ** 47 || moneyDays >= 2 ** 17) excluded.noRate++;
    else if (moneyDays > 0) {
      halves[spenders * 2] = moneyMinor % 2 ** 32;
      halves[spenders * 2 + 1] = moneyDays * 2 ** 15 + Math.floor(moneyMinor / 2 ** 32);
      spenders++;
    }
  }
  return {
    seq: ledger.position,
    day,
    clockAt: ledger.clockAt,
    firstDay: n === 0 ? null : firstDay,
    histories: uniqueHistories(histories.subarray(0, n)),
    spend: uniqueSpend(spends.subarray(0, spenders), exponentOf(reportingCurrency) ?? 2),
    currency: reportingCurrency,
    excluded,
  };
}

function uniqueHistories(keys: Float64Array): PopulationSummary['histories'] {
  const { starts, weight } = runsOf(keys.sort());
  return {
    frequency: starts.map((at) => Math.floor(keys[at]! / DAY_BITS / DAY_BITS)),
    ageDays: starts.map((at) => Math.floor(keys[at]! / DAY_BITS) % DAY_BITS),
    recencyDays: starts.map((at) => keys[at]! % DAY_BITS),
    weight,
  };
}

function uniqueSpend(keys: BigUint64Array, exponent: number): PopulationSummary['spend'] {
  const { starts, weight } = runsOf(keys.sort());
  const halves = new Uint32Array(keys.buffer, keys.byteOffset, keys.length * 2);
  const days = (at: number) => halves[at * 2 + 1]! >>> 15;
  const total = (at: number) => (halves[at * 2 + 1]! & 0x7fff) * 2 ** 32 + halves[at * 2]!;
  return {
    frequency: starts.map(days),
    monetaryValue: starts.map((at) => total(at) / 10 ** exponent / days(at)),
    weight,
  };
}

/** Where each run of equal keys starts, and how long it is. */
export function runsOf(keys: Float64Array | BigUint64Array): { starts: Float64Array; weight: Float64Array } {
  let n = 0;
  const starts = new Float64Array(keys.length);
  for (let i = 0; i < keys.length; i++) if (i === 0 || keys[i] !== keys[i - 1]) starts[n++] = i;
  const weight = new Float64Array(n);
  for (let i = 0; i < n; i++) weight[i] = (i + 1 < n ? starts[i + 1]! : keys.length) - starts[i]!;
  return { starts: starts.slice(0, n), weight };
}
