// Discounted lifetime value over a horizon: expected purchases period by period, each discounted at the end of its period, times the
// expected amount of a purchase (Fader & Hardie's finite-horizon CLV, as lifetimes' customer_lifetime_value).

import { expectedFuture, type Posterior } from './future-purchases.ts';

/** A month is 4.345 weeks unless calendar months are asked for (365.25/12/7 = 4.348; the reference implementation's 4.345 is kept). */
export const WEEKS_PER_MONTH = 4.345;

/**
 * Σₖ (E[X(tₖ)] − E[X(tₖ₋₁)])/(1 + d)^k over periods that end at tₖ = k·period; a last, shorter period is discounted at its own end.
 *
 * @param state the customer's posterior.  @param t horizon, `period` length of a discounting period: both in the model's unit, > 0.
 * @param discount rate per period, > −1; 0 gives E[X(t)].
 * @returns NaN outside the domain. Cost: one expectation per period.
 */
export function discountedPurchases(state: Posterior, t: number, period: number, discount: number): number {
  if (!(t >= 0 && period > 0 && discount > -1)) return Number.NaN;
  if (discount === 0) return expectedFuture(state, t);
  // 12 periods of 4.345 must count as 12 although 12·4.345/4.345 may round to just below.
  const whole = Math.floor((t / period) * (1 + 1e-12));
  let sum = 0;
  let before = 0;
  for (let k = 1; k <= whole; k++) {
    const upTo = expectedFuture(state, Math.min(k * period, t));
    sum += (upTo - before) / (1 + discount) ** k;
    before = upTo;
  }
  const restPeriods = t / period - whole;
  if (restPeriods > 1e-12) sum += (expectedFuture(state, t) - before) / (1 + discount) ** (t / period);
  return sum;
}
