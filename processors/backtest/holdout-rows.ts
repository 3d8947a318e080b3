// Customers as they were known at a cut-off, beside what they then did: the rows a value model is judged by. What is known comes from ledgers
// replayed up to the cut-off through the same `features` that serves; what came is read from the ledger of today.
import { type ChurnDefinition, definitionOf } from '#domain/churn-definition.ts';
import { type FeatureContext, features, moneyWithin } from '#domain/features.ts';
import type { CustomerEntries } from '#domain/ledger.ts';
import type { CustomerHistory } from '#domain/models/clv-model.ts';
import { exponentOf } from '#domain/money.ts';
import type { Ledgers } from '../training/churn-rows.ts';

/** What a model of purchases is asked with on a day; null: no customer yet. Nothing after the day may reach it. */
export type HistoryOf = (entries: CustomerEntries, day: number, context: FeatureContext) => KnownHistory | null;
export interface KnownHistory extends CustomerHistory {
  firstDay: number;
}

export const historyOf: HistoryOf = (entries, day, context) => {
  const known = features(entries, day, context);
  if (known.firstDay === null) return null;
  const scale = 10 ** (exponentOf(context.rates.reportingCurrency) ?? 2);
  return {
    firstDay: known.firstDay,
    frequency: known.frequency,
    recency: known.recencyDays,
    T: known.ageDays,
    monetaryValue: known.moneyDays > 0 ? known.moneyMinor / known.moneyDays / scale : null,
    moneyDays: known.moneyDays,
    withoutRate: known.noRate,
  };
};

export interface HoldoutRows {
  sid: string[];
  history: KnownHistory[];
  /** Purchase days in (cut-off, cut-off + horizon]. */
  purchases: Float64Array;
  /** Net money of those days, major units of the reporting currency; NaN without a rate. */
  spend: Float64Array;
  /** Repeat purchase days of these customers up to the end of the horizon, by day. */
  repeats: Map<number, number>;
  /** Customers known at the cut-off who are not judged, and why. */
  leftOut: { leftTruncated: number; contractual: number; erasedSince: number; mergedSince: number };
  /** Everybody a fit at the cut-off is made of, and their repeat purchases: two ways to one number. */
  population: { customers: number; repeats: number };
}

/**
 * @param known ledgers as they were known at the end of `day`.  @param settled those of today.
 * @param definitions of churn in force: who is under contract is judged by that, and by no model of purchases.
 */
export function holdoutRows(
  { day, horizonDays, definitions }: { day: number; horizonDays: number; definitions: readonly ChurnDefinition[] },
  known: Ledgers,
  settled: Ledgers,
  rowOf: HistoryOf = historyOf,
): HoldoutRows {
  const end = day + horizonDays;
  const scale = 10 ** (exponentOf(settled.context.rates.reportingCurrency) ?? 2);
  const [purchases, spend]: [number[], number[]] = [[], []];
  const rows: HoldoutRows = {
    sid: [],
    history: [],
    purchases: new Float64Array(),
    spend: new Float64Array(),
    repeats: new Map(),
    leftOut: { leftTruncated: 0, contractual: 0, erasedSince: 0, mergedSince: 0 },
    population: { customers: 0, repeats: 0 },
  };
  for (const entries of known.customers()) {
    if (entries.erased || entries.anonymous) continue;
    const history = rowOf(entries, day, known.context);
    if (history === null) continue;
    if (known.isLeftTruncated(entries.sid)) {
      rows.leftOut.leftTruncated++;
      continue;
    }
    rows.population.customers++;
    rows.population.repeats += history.frequency;
    const later = settled.of(entries.sid);
    const out = outOf(entries, later, definitions, day);
    if (out !== null || later === null) {
      rows.leftOut[out ?? 'erasedSince']++;
      continue;
    }
    const days = new Set(later.orders.map((order) => order.day));
    let came = 0;
    for (const each of days) {
      if (each <= history.firstDay || each > end) continue;
      rows.repeats.set(each, (rows.repeats.get(each) ?? 0) + 1);
      if (each > day) came++;
    }
    rows.sid.push(entries.sid);
    rows.history.push(history);
    purchases.push(came);
    const money = moneyWithin(later, day, end, settled.context);
    spend.push(money === null ? Number.NaN : money / scale);
  }
  rows.purchases = Float64Array.from(purchases);
  rows.spend = Float64Array.from(spend);
  return rows;
}

function outOf(
  entries: CustomerEntries,
  later: CustomerEntries | null,
  definitions: readonly ChurnDefinition[],
  day: number,
): keyof HoldoutRows['leftOut'] | null {
  if (later === null || later.erased) return 'erasedSince';
  // Its purchases are another's by now and would count twice.
  if (later.sid !== entries.sid) return 'mergedSince';
  return definitionOf(definitions, entries, day).kind === 'contractual' ? 'contractual' : null;
}
