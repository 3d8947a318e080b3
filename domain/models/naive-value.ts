// The forecast to beat, shown beside every lifetime value: each customer goes on buying at the rate they bought at so far and spending what
// they spent. It forgets that people leave (CDNOW's second 39 weeks: +56 %, BG/NBD −12 %) and that one who bought once may come back.
import type { CustomerHistory } from './clv-model.ts';

export interface NaiveValue {
  expectedPurchases: number;
  /** Undiscounted, in the currency of `monetaryValue`. */
  expectedSpend: number;
}

/** Repeat purchases / age × horizon, times the mean amount of their own repeat purchases; 0 without a repeat purchase or on the first day. */
export function naiveValue({ frequency, T, monetaryValue }: CustomerHistory, horizonDays: number): NaiveValue {
  const expectedPurchases = T > 0 ? (frequency / T) * horizonDays : 0;
  return { expectedPurchases, expectedSpend: expectedPurchases * (monetaryValue ?? 0) };
}
