// MBG/NBD: BG/NBD, but a customer may leave after the FIRST purchase too, so one who never came back need not be alive: P(alive) < 1 at x = 0.
// Batislam, Denizel & Filiztekin, "Empirical validation and comparison of models for customer base analysis", IJRM 24(3), 2007.

import { type BetaGeometricParams, betaGeometricLikelihood } from './beta-geometric-likelihood.ts';
import { brokenRule, type CompressedSummary, compress, type SummaryColumns } from './compress.ts';
import type { Fit, TimeUnit } from './fit.ts';
import * as future from './future-purchases.ts';
import { fitBetaGeometric } from './purchase-fit.ts';

export type MbgNbdParams = BetaGeometricParams;

/** Maximum likelihood from purchase histories, all columns in `unit`; outcomes and cost as in bg-nbd.ts. @throws RowError */
export function fit(columns: SummaryColumns, unit: TimeUnit = 'week'): Fit<'mbg-nbd', MbgNbdParams> {
  return fitCompressed(compress(columns), unit);
}

/** The same from statistics that are compressed already. */
export function fitCompressed(summary: CompressedSummary, unit: TimeUnit = 'week'): Fit<'mbg-nbd', MbgNbdParams> {
  return fitBetaGeometric('mbg-nbd', summary, 1, unit);
}

/** ln L of the histories at given parameters (see beta-geometric-likelihood.ts). @throws RowError as `fit`. */
export function logLikelihood({ r, alpha, a, b }: MbgNbdParams, columns: SummaryColumns): number {
  return betaGeometricLikelihood(compress(columns), 1)([r, alpha, a, b].map(Math.log)).value;
}

/** What the history says: ln odds of death = ln a − ln(b + x) + (r + x)·ln((α + T)/(α + t_x)), also for x = 0. */
export function posterior({ r, alpha, a, b }: MbgNbdParams, x: number, tx: number, T: number): future.Posterior {
  if (!(r > 0 && alpha > 0 && a > 0 && b > 0) || brokenRule(x, tx, T)) return future.nowhere;
  const logOddsDead = Math.log(a) - Math.log(b + x) + (r + x) * Math.log1p((T - tx) / (alpha + tx));
  return future.posterior(logOddsDead, r + x, alpha + T, a, b + x + 1);
}

/**
 * P(alive) = 1 / (1 + a/(b + x) · ((α + T)/(α + t_x))^(r + x)); below 1 for one-time buyers too.
 *
 * @returns in (0, 1); NaN when an argument is outside its domain.
 * @example probabilityAlive({ r: 0.525, alpha: 6.183, a: 0.891, b: 1.614 }, 2, 30.43, 38.86) // ≈ 0.7062
 */
export const probabilityAlive = (params: MbgNbdParams, x: number, tx: number, T: number) =>
  posterior(params, x, tx, T).pAlive;

/** ln(P(dead)/P(alive)): exact where P(alive) underflows. */
export const logOddsOfDeath = (params: MbgNbdParams, x: number, tx: number, T: number) =>
  posterior(params, x, tx, T).logOddsDead;

/**
 * E[purchases in (T, T + t]] = P(alive) times the BG/NBD expectation with b + 1.
 *
 * @param t horizon ≥ 0, in the unit of T.
 * @returns ≥ 0, exactly 0 at t = 0; NaN outside the domain.
 * @example expectedPurchases({ r: 0.525, alpha: 6.183, a: 0.891, b: 1.614 }, 2, 30.43, 38.86, 39) // ≈ 1.2627
 */
export const expectedPurchases = (params: MbgNbdParams, x: number, tx: number, T: number, t: number) =>
  future.expectedFuture(posterior(params, x, tx, T), t);

/** E[repeat purchases] over t of a customer who has just made the first purchase, who may have left at once. */
export const expectedPurchasesOfNewCustomer = (params: MbgNbdParams, t: number) =>
  future.expectedFuture(posterior(params, 0, 0, 0), t);

/** P(no purchase in (T, T + t]): churn over the horizon t. */
export const probabilityNoPurchase = (params: MbgNbdParams, x: number, tx: number, T: number, t: number) =>
  future.probabilityOfNoPurchase(posterior(params, x, tx, T), t);
