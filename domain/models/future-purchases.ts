// What the purchase models say about the future, once the past is folded into a posterior: alive with some probability, and then a fresh
// customer. BG/NBD and MBG/NBD: shape r + x, rate α + T, chance to leave after a purchase ~ Beta(a, b + survived trials); they differ in that
// posterior only. Pareto/NBD: the same purchases, and a death rate ~ Gamma(s, β + T) (pareto-future.ts).

import { lnBeta } from '../numerics/beta.ts';
import { integrateLine } from '../numerics/quadrature.ts';
import { createScratch, freshMemory, type Memory } from '../numerics/scratch.ts';
import { negativeBinomial, upperTail } from './negative-binomial.ts';
import { boughtWithin, countsWhileAlive, expectedWhileAlive, silentFor } from './pareto-future.ts';

interface AnyPosterior {
  /** ln odds of being dead; −∞ when that is impossible. Stays exact where P(alive) underflows. */
  logOddsDead: number;
  pAlive: number;
  /** Purchase rate while alive ~ Gamma(shape, rate). Times in the model's unit. */
  shape: number;
  rate: number;
}

/** Leaves after a purchase (BG/NBD, MBG/NBD), with a chance ~ Beta(a, b). */
export interface GeometricPosterior extends AnyPosterior {
  leaves: 'after-purchase';
  a: number;
  b: number;
}

/** Leaves at any time (Pareto/NBD), at a rate ~ Gamma(s, beta). */
export interface ParetoPosterior extends AnyPosterior {
  leaves: 'any-time';
  s: number;
  beta: number;
}

/** What is known of one customer. */
export type Posterior = GeometricPosterior | ParetoPosterior;

/** P(alive) from ln odds of death. Beyond e^700 the odds overflow while P(alive) is still a (subnormal) number. */
export const aliveFrom = (logOddsDead: number): number =>
  logOddsDead > 700 ? Math.exp(-logOddsDead) : 1 / (1 + Math.exp(logOddsDead));

export function posterior(logOddsDead: number, shape: number, rate: number, a: number, b: number): GeometricPosterior {
  return { leaves: 'after-purchase', logOddsDead, pAlive: aliveFrom(logOddsDead), shape, rate, a, b };
}

/** The posterior of arguments outside the domain: every answer from it is NaN. */
export const nowhere: GeometricPosterior = {
  leaves: 'after-purchase',
  logOddsDead: Number.NaN,
  pAlive: Number.NaN,
  shape: Number.NaN,
  rate: Number.NaN,
  a: Number.NaN,
  b: Number.NaN,
};

/** Above this z = t/(rate + t) the series needs more terms than quadrature needs nodes. */
const SERIES_REACH = 0.9999;
const MOST_TERMS = 5000;
const MOST_MOMENTS = 500;
/** Below this shape of the dropout chance its law is too wide for quadrature as it stands. */
const FEW_LEAVE = 0.25;
/** Largest part of the series (and of the exponent in front) over its value: 2⁻⁵³ times this is the relative error accepted. */
const KEEPS_DIGITS = 3000;

/**
 * E[purchases in (T, T + t]]. For an alive customer of BG/NBD, Euler's transform of Fader, Hardie & Lee (2005), eq. 10, with both poles
 * (a = 1 and a + b + x = 1) divided out by hand, so every a, b > 0 and any x are fine:
 *
 *   c = a + b − 1,  A = c − r,  z = t/(α + t),  L = ln(1 − z)
 *   E = −c·(e^((a−1)L) − 1)/(a − 1) − e^((a−1)L)·S,   S = Σₙ≥₁ (A)ₙ(a)ₙ₋₁/(c+1)ₙ₋₁ · zⁿ/n!
 *
 * with r, α, a, b those of the posterior. Relative error about 1e-13; where z > 0.9999 or the series would cancel, it is expanded in moments of the
 * dropout chance, and where those do not settle, integrated over it (about 100 µs). Of Pareto/NBD: closed form.
 *
 * @param t horizon ≥ 0 in the model's unit.
 * @returns exactly 0 at t = 0; NaN outside the domain. Cost ≈ ln(1e-16)/ln z terms of one division.
 */
export const expectedFuture = (state: Posterior, t: number): number => state.pAlive * expectedOfAlive(state, t);

/** The same for a customer known to be alive: it says nothing of when they were last seen, so all of one x and T share it. */
export function expectedOfAlive(state: Posterior, t: number): number {
  const { shape, rate } = state;
  if (t === 0) return 0;
  if (!(t > 0 && t < Number.POSITIVE_INFINITY && rate > 0)) return Number.NaN;
  if (state.leaves === 'any-time') return expectedWhileAlive(state, t);
  const { a, b } = state;
  const z = t / (rate + t);
  const alive = z > SERIES_REACH ? Number.NaN : expectedBySeries(shape, rate, a, b, t, z);
  if (!Number.isNaN(alive)) return alive;
  const settled = expectedByMoments(shape, rate, a, b, t);
  return Number.isNaN(settled) ? expectedByQuadrature(shape, rate, a, b, t) : settled;
}

/** The series for an alive customer; NaN where its terms are too many, overflow, or cancel to fewer than about 12 digits (r ≫ a + b, or a ≫ 1 ≫ r). */
function expectedBySeries(shape: number, rate: number, a: number, b: number, t: number, z: number): number {
  const c = a + b - 1;
  const excess = c - shape;
  let term = excess * z;
  let sum = term;
  let peak = Math.abs(term);
  for (let n = 1; ; n++) {
    if (n === MOST_TERMS) return Number.NaN;
    term *= ((excess + n) * (a + n - 1) * z) / ((c + n) * (n + 1));
    const next = sum + term;
    if (next === sum) break;
    sum = next;
    peak = Math.max(peak, Math.abs(term));
  }
  const L = -Math.log1p(t / rate);
  const power = (a - 1) * L;
  const first = a === 1 ? L : Math.expm1(power) / (a - 1);
  const factor = Math.exp(power);
  const value = -c * first - factor * sum;
  const largest = (Math.abs(c * first) + factor * peak) * (1 + Math.abs(power));
  return largest < KEEPS_DIGITS * value ? value : Number.NaN;
}

/**
 * The integrand below in powers of p, moment by moment of Beta(a, b), k = t/α:
 *
 *   E = r·k·Σⱼ (−k)ʲ·(r+1)ⱼ/(j+1)!·(a)ⱼ/(a+b)ⱼ
 *
 * Few leave, or the horizon is short: a handful of terms, where the series above cancels most. Beyond k = 1 it diverges in the end, but the powers
 * envelope the integrand, so what is left out is less than the first term that is.
 *
 * @returns NaN where the terms do not become negligible, or cancel.
 */
function expectedByMoments(shape: number, rate: number, a: number, b: number, t: number): number {
  const k = t / rate;
  let term = 1;
  let sum = 1;
  let peak = 1;
  for (let j = 0; j < MOST_MOMENTS; j++) {
    const ratio = (-k * (shape + 1 + j) * (a + j)) / ((j + 2) * (a + b + j));
    term *= ratio;
    const next = sum + term;
    if (next === sum) return peak < KEEPS_DIGITS * sum ? shape * k * sum : Number.NaN;
    // Only beyond k = 1 do they grow again once they have fallen.
    if (k > 1 && j > shape && ratio < -1) return Number.NaN;
    sum = next;
    peak = Math.max(peak, Math.abs(term));
  }
  return Number.NaN;
}

/**
 * E = ∫ Beta(p; a, b)·g(p) dp, g(p) = (1 − (1 + p·k)^−r)/p, k = t/α, for an alive customer, over the logit of p. Where nearly nobody leaves (a small)
 * the law is flat down to e^(−1/a), and g is r·k there: that is taken out, which leaves a law of ordinary width,
 *
 *   E = r·k − a/(a + b)·∫ Beta(p; a + 1, b)·(r·k − g(p))/p dp
 */
function expectedByQuadrature(shape: number, rate: number, a: number, b: number, t: number): number {
  const k = t / rate;
  const bought = (p: number): number => -Math.expm1(-shape * Math.log1p(p * k)) / p;
  if (a >= FEW_LEAVE) return meanOverDropout(a, b, (p) => (p < 1e-300 ? shape * k : bought(p)));
  // Below p·k·(r + 1) = 1e-5 the difference has lost too many digits: its first two powers, the third is less than 1e-10 of it.
  const curved = (shape * k * k * (shape + 1)) / 2;
  const lost = (p: number): number => {
    const step = p * k * (shape + 2);
    return step < 1e-5 ? curved * (1 - step / 3) : (shape * k - bought(p)) / p;
  };
  return shape * k - (a / (a + b)) * meanOverDropout(a + 1, b, lost);
}

/** Mean of f over p ~ Beta(a, b), by the logit around the law's mode, as wide as the law is. */
function meanOverDropout(a: number, b: number, f: (p: number) => number): number {
  const norm = lnBeta(a, b);
  const integrand = (logit: number): number => {
    const lnP = logit > 0 ? -Math.log1p(Math.exp(-logit)) : logit - Math.log1p(Math.exp(logit));
    const lnQ = lnP - logit;
    const density = Math.exp(a * lnP + b * lnQ - norm);
    return density === 0 ? 0 : density * f(Math.exp(lnP));
  };
  return integrateLine(integrand, Math.log(a / b), Math.sqrt(1 / a + 1 / b));
}

/**
 * P(at least one purchase in (T, T + t]); of BG/NBD P(alive)·(1 − (α/(α + t))^r).
 *
 * @returns in [0, 1]; small values keep their digits.
 */
export function probabilityOfPurchase(state: Posterior, t: number): number {
  if (!(t >= 0)) return Number.NaN;
  const { pAlive, shape, rate } = state;
  if (state.leaves === 'any-time') return pAlive * boughtWithin(state, t);
  return pAlive * -Math.expm1(-shape * Math.log1p(t / rate));
}

/** P(no purchase in (T, T + t]): what churn means here. Never 1 − P(alive), its limit for t → ∞ under BG/NBD. Small values keep their digits. */
export function probabilityOfNoPurchase(state: Posterior, t: number): number {
  if (!(t >= 0)) return Number.NaN;
  const { logOddsDead, pAlive, shape, rate } = state;
  const pDead = 1 / (1 + Math.exp(-logOddsDead));
  if (state.leaves === 'any-time') return pDead + pAlive * silentFor(state, t);
  return pDead + pAlive * Math.exp(-shape * Math.log1p(t / rate));
}

/**
 * P(N = n) for n = 0 … `last` purchases in (T, T + t]; of BG/NBD
 *
 *   [n=0]·P(dead) + P(alive)·{ B(a, b+n)/B(a, b)·nb(n) + [n>0]·B(a+1, b+n−1)/B(a, b)·I_z(n, r) }
 *
 * (Fader, Hardie & Lee 2005, eq. 8, for the posterior), nb = negative binomial, z = t/(α + t). I_z(n, r) is the upper tail of nb, so one
 * incomplete beta at the end and a backward sum give all of them with full relative accuracy. Cost ≈ 10 ns per n.
 *
 * @param memory where they are written.
 */
export function countPmf(state: Posterior, t: number, last: number, memory: Memory = freshMemory): Float64Array {
  const pmf = memory(last + 1);
  if (!(t >= 0 && state.rate > 0)) return pmf.fill(Number.NaN);
  if (t === 0) {
    pmf.fill(0);
    pmf[0] = 1;
    return pmf;
  }
  if (state.leaves === 'any-time') {
    countsWhileAlive(state, t, pmf);
    for (let n = 1; n <= last; n++) pmf[n]! *= state.pAlive;
  } else countsOfGeometric(state, t, pmf);
  pmf[0] = probabilityOfNoPurchase(state, t);
  return pmf;
}

const survivedColumn = createScratch();

/** Fills n = 1 …; 0 is left to the caller. */
function countsOfGeometric({ shape, rate, a, b, pAlive }: GeometricPosterior, t: number, pmf: Float64Array): void {
  const last = pmf.length - 1;
  const z = t / (rate + t);
  const y = rate / (rate + t);
  negativeBinomial(pmf, shape, z, y);
  // From the back: tail = I_z(n + 1, r) → I_z(n, r).
  let tail = upperTail(last + 1, shape, z, y);
  const survived = survivedColumn(last + 1); // B(a, b+n)/B(a, b)
  survived[0] = 1;
  for (let n = 1; n <= last; n++) survived[n] = (survived[n - 1]! * (b + n - 1)) / (a + b + n - 1);
  for (let n = last; n > 0; n--) {
    const nb = pmf[n]!;
    tail += nb;
    pmf[n] = pAlive * (survived[n]! * nb + ((survived[n - 1]! * a) / (a + b + n - 1)) * tail);
  }
}

/** Longest count distribution this module writes out; a longer one is a sign of a wrong unit. */
const MAX_COUNTS = 1 << 20;

/**
 * The pmf up to the count beyond which less than `tolerance` of the probability remains.
 *
 * @param memory where it is written.
 * @returns undefined when more than a million counts would be needed.
 */
export function wholeCountPmf(
  state: Posterior,
  t: number,
  tolerance: number,
  memory: Memory = freshMemory,
): Float64Array | undefined {
  if (!(t > 0)) return countPmf(state, t, 0, memory);
  const { shape, rate } = state;
  const z = t / (rate + t);
  const y = rate / (rate + t);
  const mean = (shape * z) / y;
  // Mean plus some standard deviations, then doubled until the negative binomial's tail, which bounds ours, is small enough.
  let last = Math.ceil(mean + 4 * Math.sqrt(mean / y) + 4);
  while (last < MAX_COUNTS && state.pAlive * upperTail(last + 1, shape, z, y) > tolerance) last = Math.ceil(last * 1.4);
  return last < MAX_COUNTS ? countPmf(state, t, last, memory) : undefined;
}

/** Smallest count whose cumulative probability reaches each level in (0, 1); null where the distribution is too long to write out. */
export function countQuantiles(state: Posterior, t: number, levels: readonly number[]): (number | null)[] {
  const pmf = wholeCountPmf(state, t, 1e-15);
  return levels.map((level) => {
    if (pmf === undefined || !(level > 0 && level < 1)) return null;
    let cumulative = 0;
    for (let n = 0; n < pmf.length; n++) {
      cumulative += pmf[n]!;
      if (cumulative >= level) return n;
    }
    return pmf.length - 1;
  });
}
