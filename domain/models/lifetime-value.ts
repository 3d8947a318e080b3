// Discounted lifetime value over a horizon: expected purchases period by period, each discounted at the end of its period, times the
// expected amount of a purchase (Fader & Hardie's finite-horizon CLV, as lifetimes' customer_lifetime_value).

import { expectedFuture, type Posterior } from './future-purchases.ts';

/** When the purchases of a period are discounted: as if all came at its end (the reference implementation's choice), or in its middle. */
export type Discounting = 'month-end' | 'mid-month';

/**
 * Σₖ (E[X(tₖ)] − E[X(tₖ₋₁)])/(1 + d)^(k − m) over periods that end at tₖ = k·period, m = 0 at period ends and ½ in their middle; a last,
 * shorter period is discounted at its own end or middle.
 *
 * @param state the customer's posterior.  @param t horizon, `period` length of a discounting period: both in the model's unit, > 0.
 * @param discount rate per period, > −1; 0 gives E[X(t)].
 * @returns NaN outside the domain. Cost: one expectation per period.
 */
export function discountedPurchases(
  state: Posterior,
  t: number,
  period: number,
  discount: number,
  discounting: Discounting = 'month-end',
): number {
  if (!(t >= 0 && period > 0 && discount > -1)) return Number.NaN;
  if (discount === 0) return expectedFuture(state, t);
  const middle = discounting === 'mid-month' ? 0.5 : 0;
  // 12 periods of 4.345 must count as 12 although 12·4.345/4.345 may round to just below.
  const whole = Math.floor((t / period) * (1 + 1e-12));
  let sum = 0;
  let before = 0;
  for (let k = 1; k <= whole; k++) {
    const upTo = expectedFuture(state, Math.min(k * period, t));
    sum += (upTo - before) / (1 + discount) ** (k - middle);
    before = upTo;
  }
  const rest = t / period - whole;
  if (rest > 1e-12) sum += (expectedFuture(state, t) - before) / (1 + discount) ** (whole + rest * (1 - middle));
  return sum;
}
