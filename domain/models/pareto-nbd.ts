// Pareto/NBD: purchases while alive are Poisson, and a customer dies at a rate of their own, whether they buy or not; both rates differ
// between customers by gamma distributions. The rival of BG/NBD, where one leaves only upon a purchase. Schmittlein, Morrison & Colombo,
// "Counting Your Customers: Who Are They and What Will They Do Next?", Management Science 33(1), 1987.

import { powerDecay } from '../numerics/power-decay.ts';
import { brokenRule, type CompressedSummary, compress, type SummaryColumns } from './compress.ts';
import type { Fit, TimeUnit } from './fit.ts';
import * as future from './future-purchases.ts';
import { type ParetoNbdParams, paretoNbdLikelihood } from './pareto-nbd-likelihood.ts';
import { fitPurchases } from './purchase-fit.ts';

export type { ParetoNbdParams };

/**
 * Maximum likelihood from purchase histories, all columns in `unit`; outcomes as in purchase-fit.ts.
 *
 * s and β often hang together (a flat ridge: few deaths, early or late, look alike); then the fit says `weakly-identified`.
 * @throws RowError naming row, column and rule for a history that cannot be.
 * Cost: CDNOW (2,357 customers) about 15 ms.
 */
export function fit(columns: SummaryColumns, unit: TimeUnit = 'week'): Fit<'pareto-nbd', ParetoNbdParams> {
  return fitCompressed(compress(columns), unit);
}

/** The same from statistics that are compressed already. */
export function fitCompressed(summary: CompressedSummary, unit: TimeUnit = 'week'): Fit<'pareto-nbd', ParetoNbdParams> {
  return fitPurchases(
    {
      model: 'pareto-nbd',
      names: ['r', 'alpha', 's', 'beta'],
      times: ['alpha', 'beta'],
      box: { lower: [1e-6, 1e-9, 1e-6, 1e-9].map(Math.log), upper: [1e6, 1e9, 1e6, 1e9].map(Math.log) },
      likelihood: paretoNbdLikelihood,
      // A typical retail shape, then regular buyers that leave fast, then few and faithful ones; β in longest observations.
      starts: (rate) => [
        [0.5, 0.4 / rate, 0.5, 0.3],
        [3, 2 / rate, 1, 0.5],
        [0.1, 0.1 / rate, 1, 5],
      ],
    },
    summary,
    unit,
  );
}

/** ln L of the histories at given parameters (note 009, eq. 16). @throws RowError as `fit`. */
export function logLikelihood({ r, alpha, s, beta }: ParetoNbdParams, columns: SummaryColumns): number {
  return paretoNbdLikelihood(compress(columns))([r, alpha, s, beta].map(Math.log)).value;
}

/**
 * What the history (x, t_x, T) says: alive with some probability, and then a fresh Pareto/NBD customer of shapes r + x, s and rates α + T, β + T.
 *
 *   odds of death = s ∫_{t_x}^{T} ((α+T)/(α+τ))^(r+x) ((β+T)/(β+τ))^s dτ/(β+τ)
 *
 * Cost about 1 µs.
 */
export function posterior({ r, alpha, s, beta }: ParetoNbdParams, x: number, tx: number, T: number): future.Posterior {
  if (!(r > 0 && alpha > 0 && s > 0 && beta > 0) || brokenRule(x, tx, T)) return future.nowhere;
  const A = alpha + tx;
  const B = beta + tx;
  const silence = T - tx;
  const logOddsDead =
    silence === 0
      ? Number.NEGATIVE_INFINITY
      : Math.log(s / B) +
        Math.log(powerDecay(r + x, s + 1, A, B, silence)) +
        (r + x) * Math.log1p(silence / A) +
        s * Math.log1p(silence / B);
  return {
    leaves: 'any-time',
    logOddsDead,
    pAlive: future.aliveFrom(logOddsDead),
    shape: r + x,
    rate: alpha + T,
    s,
    beta: beta + T,
  };
}

/**
 * P(alive at T) (note 009, eq. 25); exactly 1 where t_x = T.
 *
 * @param params r, alpha, s, beta (alpha and beta in the time unit of T); all > 0.
 * @param x repeat purchases, integer ≥ 0.  @param tx age at the last purchase, 0 ≤ tx ≤ T.  @param T age at the end of observation.
 * @returns in [0, 1]; NaN when an argument is outside its domain.
 * @example probabilityAlive({ r: 0.553, alpha: 10.578, s: 0.606, beta: 11.669 }, 2, 30.43, 38.86) // ≈ 0.8692
 */
export const probabilityAlive = (params: ParetoNbdParams, x: number, tx: number, T: number) =>
  posterior(params, x, tx, T).pAlive;

/**
 * E[purchases in (T, T + t]] given the history (note 009, eq. 36; s = 1 is no pole, see future-purchases.ts).
 *
 * @param t horizon ≥ 0, in the unit of T.
 * @returns ≥ 0, exactly 0 at t = 0; NaN outside the domain.
 * @example expectedPurchases({ r: 0.553, alpha: 10.578, s: 0.606, beta: 11.669 }, 2, 30.43, 38.86, 39) // ≈ 1.4551
 */
export const expectedPurchases = (params: ParetoNbdParams, x: number, tx: number, T: number, t: number) =>
  future.expectedFuture(posterior(params, x, tx, T), t);

/** E[repeat purchases] of a customer met today, over t: rβ/(α(s−1))·(1 − (β/(β+t))^(s−1)) (note 009, eq. 17). */
export const expectedPurchasesOfNewCustomer = (params: ParetoNbdParams, t: number) =>
  future.expectedFuture(posterior(params, 0, 0, 0), t);

/** P(no purchase in (T, T + t]): churn over the horizon t. */
export const probabilityNoPurchase = (params: ParetoNbdParams, x: number, tx: number, T: number, t: number) =>
  future.probabilityOfNoPurchase(posterior(params, x, tx, T), t);
