// The exact predictive distribution of what a customer spends over a horizon, and its quantiles: counts from BG/NBD (or MBG/NBD), amounts from
// Gamma-Gamma. Given n purchases, S/(S + V) ~ Beta(p·n, B) with V = v + x·z̄ and B = p·x + q, so
//
//   F(s) = P(N = 0) + Σₙ P(N = n)·I_u(p·n, B),   u = s/(s + V).
//
// An atom of P(N = 0) at 0 is part of it. Parameters are taken as known (plug-in).

import { betaFraction, inLowerSide, lnBeta } from '../numerics/beta.ts';
import { gaussLegendre10 } from '../numerics/quadrature.ts';
import { createScratch, freshMemory, type Memory } from '../numerics/scratch.ts';
import { type Posterior, wholeCountPmf } from './future-purchases.ts';
import type { GammaGammaParams } from './gamma-gamma.ts';

export interface SpendDistribution {
  /** P(S = 0) = P(no purchase). */
  pZero: number;
  /** P(S ≤ s). */
  cdf(s: number): number;
  /** Smallest s with P(S ≤ s) ≥ level; 0 for levels up to P(S = 0); NaN outside (0, 1 − 1e-12]. Relative error about 1e-10. */
  quantile(level: number): number;
}

/** Memory of the columns of a distribution: of one at a time, for who asks one after the other. */
export interface SpendMemory {
  pmf: Memory;
  lnBeta: Memory;
  density: Memory;
}
const FRESH: SpendMemory = { pmf: freshMemory, lnBeta: freshMemory, density: freshMemory };
/** For who is done with a distribution before asking for the next. */
export const createSpendScratch = (): SpendMemory => ({
  pmf: createScratch(),
  lnBeta: createScratch(),
  density: createScratch(),
});

/** Counts beyond which less than this remains are left out: 1e-13 of probability moves a p95 by about 1e-12 of itself. */
const TAIL = 1e-13;
const HIGHEST = 1 - 1e-12;

/**
 * @param state the customer's posterior, times in the model's unit.  @param t horizon in the same unit.
 * @param x repeat purchases with money and their mean amount; 0, 0 for a customer without.
 * @returns undefined when the count distribution has more than a million terms (a horizon in the wrong unit).
 * @param memory where its columns lie.
 * Cost: three quantiles of a typical CDNOW customer take some 20 µs, of one with 250 likely counts some 200 µs.
 */
export function spendDistribution(
  state: Posterior,
  t: number,
  { p, q, v }: GammaGammaParams,
  x: number,
  meanSpend: number,
  memory: SpendMemory = FRESH,
): SpendDistribution | undefined {
  const pmf = wholeCountPmf(state, t, TAIL, memory.pmf);
  if (pmf === undefined) return undefined;
  const shape = p * x + q;
  const mixture = new Mixture(pmf, p, shape, memory);
  const scale = v + x * meanSpend;
  return {
    pZero: pmf[0]!,
    cdf: (s) => {
      if (!(s >= 0)) return s < 0 ? 0 : Number.NaN;
      return s === 0 ? pmf[0]! : mixture.at(Math.log(s / scale)).cdf;
    },
    quantile: (level) => {
      if (!(level > 0 && level <= HIGHEST)) return Number.NaN;
      return level <= pmf[0]! ? 0 : scale * Math.exp(mixture.logOddsAt(level));
    },
  };
}

/** Σₙ pmf(n)·Beta(p·n, B) on the log-odds scale L = ln(u/(1 − u)) = ln(s/V), where every density is smooth and one-humped. */
class Mixture {
  readonly #pmf: Float64Array;
  readonly #p: number;
  readonly #shape: number;
  readonly #lnBeta: Float64Array;
  /** pmf(n)·u^(pn)(1−u)^B/B(pn, B) at the last point evaluated. */
  readonly #density: Float64Array;

  constructor(pmf: Float64Array, p: number, shape: number, memory: SpendMemory) {
    this.#pmf = pmf;
    this.#p = p;
    this.#shape = shape;
    this.#lnBeta = memory.lnBeta(pmf.length);
    for (let n = 1; n < pmf.length; n++) this.#lnBeta[n] = lnBeta(p * n, shape);
    this.#density = memory.density(pmf.length);
  }

  /** P(S ≤ s), P(S > s) each with its own digits, and the density over L. */
  at(logOdds: number) {
    const pmf = this.#pmf;
    const p = this.#p;
    const b = this.#shape;
    const u = 1 / (1 + Math.exp(-logOdds));
    const y = 1 / (1 + Math.exp(logOdds));
    const lnU = logOdds < 0 ? logOdds - Math.log1p(Math.exp(logOdds)) : -Math.log1p(Math.exp(-logOdds));
    const lnY = logOdds < 0 ? -Math.log1p(Math.exp(logOdds)) : -logOdds - Math.log1p(Math.exp(-logOdds));
    let lower = 0; // Σ pmf(n)·I, n > 0
    let upper = 0;
    let density = 0;
    for (let n = 1; n < pmf.length; n++) {
      const mass = pmf[n]!;
      const a = p * n;
      const prefix = mass * Math.exp(a * lnU + b * lnY - this.#lnBeta[n]!);
      this.#density[n] = prefix;
      density += prefix;
      if (inLowerSide(a, b, u)) {
        const part = prefix < 1e-18 ? 0 : prefix * betaFraction(a, b, u);
        lower += part;
        upper += mass - part;
      } else {
        const part = prefix < 1e-18 ? 0 : prefix * betaFraction(b, a, y);
        upper += part;
        lower += mass - part;
      }
    }
    return { cdf: pmf[0]! + lower, lower, upper, density };
  }

  /** ∫ density dL from the last evaluated point `from` to `to`, and the density there: a polynomial in u^p with the stored prefixes. */
  moved(from: number, to: number) {
    const half = (to - from) / 2;
    let integral = 0;
    for (let k = 0; k < 5; k++) {
      const reach = gaussLegendre10.nodes[k]! * half;
      const middle = from + half;
      integral +=
        gaussLegendre10.weights[k]! * (this.#densityAt(from, middle + reach) + this.#densityAt(from, middle - reach));
    }
    return { mass: integral * half, density: this.#densityAt(from, to) };
  }

  #densityAt(from: number, to: number): number {
    // u(to)/u(from) and y(to)/y(from), without the cancellation of two logarithms of the same size.
    const rise = Math.expm1(to - from);
    const lnRatioY = -Math.log1p(rise / (1 + Math.exp(-from)));
    const ratio = Math.exp(this.#p * (to - from + lnRatioY));
    let power = 1;
    let sum = 0;
    for (let n = 1; n < this.#density.length; n++) {
      power *= ratio;
      sum += this.#density[n]! * power;
    }
    return sum * Math.exp(this.#shape * lnRatioY);
  }

  /** The log-odds with cdf = level > pmf(0): Newton on the logarithm of the nearer tail, bracketed; then short moves by quadrature. */
  logOddsAt(level: number): number {
    const target = level - this.#pmf[0]!; // mass below, among those who buy
    const rest = 1 - level;
    let low = Number.NEGATIVE_INFINITY;
    let high = Number.POSITIVE_INFINITY;
    let logOdds = this.#start(target);
    for (let step = 0; step < 100; step++) {
      const here = this.at(logOdds);
      const below = target < rest;
      const excess = below ? here.lower - target : rest - here.upper;
      if (excess > 0) high = logOdds;
      else low = logOdds;
      const tail = below ? here.lower : here.upper;
      const wanted = below ? target : rest;
      let move = ((below ? 1 : -1) * Math.log(wanted / tail) * tail) / here.density;
      if (!Number.isFinite(move)) move = excess > 0 ? -1 : 1;
      if (Math.abs(move) < 1e-12 * Math.max(1, Math.abs(logOdds))) return logOdds;
      const next = this.#inside(logOdds, move, low, high);
      const reached = Math.abs(next - logOdds) < this.#smooth() ? this.#refine(logOdds, next, -excess) : undefined;
      if (reached !== undefined) return reached;
      logOdds = next;
    }
    return logOdds;
  }

  /** From an exactly evaluated point to the nearby quantile: Newton on F(from) + ∫ density; undefined when that is not nearby after all. */
  #refine(from: number, guess: number, wanted: number): number | undefined {
    let to = guess;
    for (let step = 0; step < 20; step++) {
      const { mass, density } = this.moved(from, to);
      const correction = (wanted - mass) / density;
      to += correction;
      if (!(Math.abs(to - from) <= this.#smooth())) return undefined;
      if (Math.abs(correction) < 1e-11) return to;
    }
    return undefined;
  }

  /**
   * How far a 10-point rule may reach: one standard deviation of the narrowest component, and half the scale on which the flank of a
   * skewed one (B below 1) changes. What it then leaves out is about 1e-12.
   */
  #smooth(): number {
    return Math.min(0.5, Math.sqrt(1 / (this.#p * (this.#pmf.length - 1)) + 1 / this.#shape));
  }

  #inside(at: number, move: number, low: number, high: number): number {
    const next = at + Math.max(-8, Math.min(8, move));
    if (next > low && next < high) return next;
    return Number.isFinite(high - low) ? (low + high) / 2 : at + Math.sign(move);
  }

  /** The mean log-odds of the component whose count the level falls on. */
  #start(target: number): number {
    let cumulative = 0;
    let n = 0;
    while (cumulative < target && n < this.#pmf.length - 1) {
      n += 1;
      cumulative += this.#pmf[n]!;
    }
    // Within the component, by the share of its mass that is wanted (a logistic approximation of its quantile).
    const mass = this.#pmf[n]!;
    const share = Math.min(Math.max((target - cumulative + mass) / mass, 1e-6), 1 - 1e-6);
    const spread = Math.sqrt(1 / (this.#p * n) + 1 / this.#shape) * 0.55;
    return Math.log((this.#p * n) / this.#shape) + (n === 1 ? spread * Math.log(share / (1 - share)) : 0);
  }
}
