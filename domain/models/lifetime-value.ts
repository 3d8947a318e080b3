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
  const periods = discountPeriods(t, period, discount, discounting);
  if (periods === null) return Number.NaN;
  const { ends, divisors } = periods;
  let sum = 0;
  let before = 0;
  for (let k = 0; k < ends.length; k++) {
    const upTo = expectedFuture(state, ends[k]!);
    sum += (upTo - before) / divisors[k]!;
    before = upTo;
  }
  return sum;
}

/** The periods a horizon is cut into: where each ends, in the model's unit, and what its purchases are divided by. */
export interface DiscountPeriods {
  ends: Float64Array;
  divisors: Float64Array;
}

/** The last question: who asks about one customer asks about the next. */
let last: { t: number; period: number; discount: number; discounting: Discounting; periods: DiscountPeriods } | null =
  null;

/** @returns null outside the domain. Arguments as of `discountedPurchases`. */
export function discountPeriods(
  t: number,
  period: number,
  discount: number,
  discounting: Discounting,
): DiscountPeriods | null {
  if (!(t >= 0 && period > 0 && discount > -1)) return null;
  if (last?.t === t && last.period === period && last.discount === discount && last.discounting === discounting)
    return last.periods;
  const periods = periodsOf(t, period, discount, discounting === 'mid-month' ? 0.5 : 0);
  last = { t, period, discount, discounting, periods };
  return periods;
}

function periodsOf(t: number, period: number, discount: number, middle: number): DiscountPeriods {
  if (discount === 0) return { ends: Float64Array.of(t), divisors: Float64Array.of(1) };
  // 12 periods of 4.345 must count as 12 although 12·4.345/4.345 may round to just below.
  const whole = Math.floor((t / period) * (1 + 1e-12));
  const rest = t / period - whole;
  const ends = Array.from({ length: whole }, (_, k) => Math.min((k + 1) * period, t));
  const divisors = ends.map((_, k) => (1 + discount) ** (k + 1 - middle));
  if (rest > 1e-12) {
    ends.push(t);
    divisors.push((1 + discount) ** (whole + rest * (1 - middle)));
  }
  return { ends: Float64Array.from(ends), divisors: Float64Array.from(divisors) };
}
