// Bayesian A/B/n: which arm is best, how sure, and what the choice may cost; by quadrature instead of simulation, for any number of arms.
// Conversions follow a Beta–Binomial model; money per visitor a zero-inflated one: a visitor buys or not, a buyer spends around a mean.

import { betaPrefix, lnBeta, regularizedBeta } from '../numerics/beta.ts';
import { digamma, trigamma } from '../numerics/gamma.ts';
import { chiSquareUpper } from '../numerics/incomplete-gamma.ts';
import { compareLaws, type LineLaw, lawQuantile, visitNodes, windowEnd } from '../numerics/line-law.ts';

/** Counts of one arm; the first arm of a list is the control. */
export interface ArmCounts {
  trials: number;
  successes: number;
}

export interface ArmRevenue {
  visitors: number;
  buyers: number;
  /** Sum of what the buyers paid, and sum of the squares. */
  revenueSum: number;
  revenueSumSquares: number;
}

export interface ArmVerdict {
  /** Posterior mean and standard deviation; null where the posterior has none (money: two buyers have no mean, three no deviation). */
  mean: number | null;
  sd: number | null;
  median: number;
  /** The 95 % credible interval, equal tails. */
  lower: number;
  upper: number;
  probabilityBest: number;
  /** P(this arm > the first arm); null for the first. */
  probabilityBeatsControl: number | null;
  /** What choosing this arm costs on average against the best one; null where the posterior has no mean (two buyers). */
  expectedLoss: number | null;
}

/** Below this a density on the coordinate carries no mass that matters. */
const NEGLIGIBLE = 1e-18;

/** With less than this a Beta law has mass at rates that doubles cannot tell from 0 or 1. */
export const SMALLEST_PRIOR = 0.1;

/** Beta(a, b) on the logit scale, where its density x^a (1−x)^b / B(a, b) is a smooth bell whatever a and b are. */
function logitBeta(a: number, b: number): LineLaw {
  const density = (t: number) => betaPrefix(a, b, 1 / (1 + Math.exp(-t)), 1 / (1 + Math.exp(t)));
  const spread = Math.sqrt(trigamma(a) + trigamma(b));
  const mode = Math.log(a / b);
  return {
    center: digamma(a) - digamma(b),
    spread,
    low: windowEnd(mode, -spread, NEGLIGIBLE, density),
    high: windowEnd(mode, spread, NEGLIGIBLE, density),
    density,
    tails: (t) => betaTails(a, b, 1 / (1 + Math.exp(-t)), 1 / (1 + Math.exp(t))),
  };
}

/** Both tails with the digits of the smaller one, for one continued fraction. */
function betaTails(a: number, b: number, x: number, y: number): { lower: number; upper: number } {
  if (x * (a + b) < a) {
    const lower = regularizedBeta(a, b, x, y);
    return { lower, upper: 1 - lower };
  }
  const upper = regularizedBeta(b, a, y, x);
  return { lower: 1 - upper, upper };
}

/** dx/dt = x(1 − x) varies on the scale of 1 where it is not zero. */
const widestLogit = (t: number) => (Math.abs(t) < 40 ? 2 : t < 0 ? Math.max(2, -40 - t) : Number.POSITIVE_INFINITY);

function logistic(t: number): number {
  return 1 / (1 + Math.exp(-t));
}

/**
 * Compares conversion rates θ_i ~ Beta(a + successes, b + trials − successes) a posteriori.
 *
 * @param arms one or more; trials and successes whole, 0 ≤ successes ≤ trials; the first is the control. An arm without trials keeps the prior.
 * @param prior [a, b] ≥ 0.1 of the Beta prior; [1, 1] is uniform.
 * @returns one verdict per arm; absolute error below 1e-11; for 10 arms about 2,000 incomplete beta functions.
 * @throws RangeError when an argument is outside its domain.
 * @example compareConversions([{ trials: 1000, successes: 120 }, { trials: 1000, successes: 138 }, { trials: 1000, successes: 127 }])[1]
 * // probabilityBest ≈ 0.71318, expectedLoss ≈ 0.0025629
 */
export function compareConversions(
  arms: readonly ArmCounts[],
  prior: readonly [number, number] = [1, 1],
): ArmVerdict[] {
  if (arms.length === 0) throw new RangeError('an experiment needs at least one arm');
  if (!prior.every((value) => value >= SMALLEST_PRIOR && Number.isFinite(value)))
    throw new RangeError(`both numbers of the prior must be at least ${SMALLEST_PRIOR}`);
  for (const arm of arms) requireCounts(arm.trials, arm.successes);
  const posteriors = arms.map(
    ({ trials, successes }) => [prior[0] + successes, prior[1] + trials - successes] as const,
  );
  const laws = posteriors.map(([a, b]) => logitBeta(a, b));
  const compared = compareLaws(laws, (t) => logistic(t) * logistic(-t), widestLogit);
  return laws.map((law, i) => {
    const [a, b] = posteriors[i]!;
    return {
      mean: a / (a + b),
      sd: Math.sqrt((a / (a + b)) * (b / (a + b))) / Math.sqrt(a + b + 1),
      median: logistic(lawQuantile(law, 0.5)),
      lower: logistic(lawQuantile(law, 0.025)),
      upper: logistic(lawQuantile(law, 0.975)),
      probabilityBest: Math.min(1, compared.probabilityBest[i]!),
      probabilityBeatsControl: i === 0 ? null : Math.min(1, compared.probabilityBeatsFirst[i]!),
      expectedLoss: compared.expectedLoss[i]!,
    };
  });
}

function requireCounts(trials: number, successes: number): void {
  if (!(Number.isSafeInteger(trials) && Number.isSafeInteger(successes) && successes >= 0 && successes <= trials))
    throw new RangeError('counts must be whole numbers with 0 ≤ successes ≤ trials');
}

export type RevenueComparison =
  | { ok: true; arms: ArmVerdict[] }
  | { ok: false; reason: 'too-few-buyers' | 'no-spread'; arm: number };

/**
 * Compares the money per visitor W = θ·μ. θ ~ Beta(1 + s, 1 + n − s) for s buyers of n visitors; the mean spend of a buyer has the
 * posterior of a Normal working model with p(μ, σ²) ∝ 1/σ²: μ = ȳ + √(v/s)·t(s − 1), ȳ and v the buyers' mean and variance; θ and μ independent.
 *
 *   F_W(w) = ∫ Beta(θ) T_{s−1}((w/θ − ȳ)/√(v/s)) dθ
 *
 * @param arms the first is the control; money in any one unit.
 * @returns verdicts in that unit per visitor, absolute error about 1e-12 of the spread, 1e-7 for an arm of
 * fewer than ten buyers; or why the model says nothing: an arm with fewer
 * than two buyers has no variance, one whose buyers all paid the same has no spread.
 * @throws RangeError for impossible counts or sums that are not finite.
 */
export function compareRevenue(arms: readonly ArmRevenue[]): RevenueComparison {
  if (arms.length === 0) throw new RangeError('an experiment needs at least one arm');
  for (const [i, arm] of arms.entries()) {
    requireCounts(arm.visitors, arm.buyers);
    if (!(Number.isFinite(arm.revenueSum) && Number.isFinite(arm.revenueSumSquares)))
      throw new RangeError('revenue sums must be finite');
    if (arm.buyers < 2) return { ok: false, reason: 'too-few-buyers', arm: i };
    const { mean, variance } = buyerMoments(arm);
    if (!(variance > 1e-12 * mean * mean)) return { ok: false, reason: 'no-spread', arm: i };
  }
  const laws = arms.map(revenueLaw);
  const compared = compareLaws(laws);
  const noMean = arms.some(({ buyers }) => buyers < 3);
  return {
    ok: true,
    arms: laws.map((law, i) => ({
      mean: law.mean,
      sd: law.sd,
      median: lawQuantile(law, 0.5),
      lower: lawQuantile(law, 0.025),
      upper: lawQuantile(law, 0.975),
      probabilityBest: Math.min(1, compared.probabilityBest[i]!),
      probabilityBeatsControl: i === 0 ? null : Math.min(1, compared.probabilityBeatsFirst[i]!),
      expectedLoss: noMean ? null : compared.expectedLoss[i]!,
    })),
  };
}

function buyerMoments({ buyers, revenueSum, revenueSumSquares }: ArmRevenue): { mean: number; variance: number } {
  return {
    mean: revenueSum / buyers,
    variance: (revenueSumSquares - (revenueSum * revenueSum) / buyers) / (buyers - 1),
  };
}

/** Student's t: density and both tails. */
function studentTails(df: number, z: number): { lower: number; upper: number } {
  const square = z * z;
  const tail = 0.5 * regularizedBeta(df / 2, 0.5, df / (df + square), square / (df + square));
  return z < 0 ? { lower: tail, upper: 1 - tail } : { lower: 1 - tail, upper: tail };
}

function revenueLaw(arm: ArmRevenue): LineLaw & Pick<ArmVerdict, 'mean' | 'sd'> {
  const { mean: buyerMean, variance } = buyerMoments(arm);
  const df = arm.buyers - 1;
  const scale = Math.sqrt(variance / arm.buyers);
  const a = 1 + arm.buyers;
  const b = 1 + arm.visitors - arm.buyers;
  const rate = logitBeta(a, b);
  const cut = scale / Math.abs(buyerMean);
  const lnNorm = -lnBeta(df / 2, 0.5) - 0.5 * Math.log(df);
  const studentDensity = (z: number) => Math.exp(lnNorm - ((df + 1) / 2) * Math.log1p((z * z) / df));
  // Far out it is the tail's mass (two buyers) or its mean (more) that must be small, not the density.
  const power = df === 1 ? 1 : 2;
  const reach = windowEnd(0, 1, 1e-16, (z) => studentDensity(z) * Math.max(1, z ** power)) * scale;
  const theta = a / (a + b);
  const thetaSquare = (theta * (a + 1)) / (a + b + 1);
  const muSquare = buyerMean ** 2 + (scale * scale * df) / (df - 2);
  const mean = theta * buyerMean;
  const highest = logistic(rate.high);
  const lowest = logistic(rate.low);
  return {
    mean: df > 1 ? mean : null,
    sd: df > 2 ? Math.sqrt(thetaSquare * muSquare - mean * mean) : null,
    center: mean,
    // With few buyers the top is sharper than the shoulders say.
    spread: Math.hypot(theta * scale, buyerMean * Math.sqrt(thetaSquare - theta * theta)) / (df < 10 ? 2 : 1),
    low: Math.min((buyerMean - reach) * highest, (buyerMean - reach) * lowest),
    high: Math.max((buyerMean + reach) * highest, (buyerMean + reach) * lowest),
    // A t law of few buyers reaches across μ = 0, where mixing over μ is the rougher of the two.
    ...(cut < rate.spread / (df < 10 ? 20 : 4) ? overSpend() : overRate()),
  };

  /** W mixed over θ: right where the t law is about as wide as θ's, or wider. */
  function overRate(): Pick<LineLaw, 'density' | 'tails'> {
    const thetas: number[] = [];
    const weights: number[] = [];
    // The t law cuts through θ with a relative width of scale/ȳ: panels no coarser than that.
    const collect = (t: number, weight: number) => {
      const mass = weight * rate.density(t);
      if (mass < 1e-20) return;
      thetas.push(logistic(t));
      weights.push(mass);
    };
    visitNodes([rate], collect, () => Math.min(rate.spread, cut));
    return mixture(
      weights,
      (w, k) => studentDensity((w / thetas[k]! - buyerMean) / scale) / (thetas[k]! * scale),
      (w, k) => studentTails(df, (w / thetas[k]! - buyerMean) / scale),
    );
  }

  /** W mixed over μ: right where buyers pay nearly the same, so that θ's law is the smooth one. */
  function overSpend(): Pick<LineLaw, 'density' | 'tails'> {
    const spends: number[] = [];
    const weights: number[] = [];
    const ends = { low: -reach / scale, high: reach / scale };
    const student = {
      center: 0,
      spread: 1,
      ...ends,
      density: studentDensity,
      tails: (z: number) => studentTails(df, z),
    };
    const collect = (z: number, weight: number) => {
      const mass = weight * studentDensity(z);
      if (mass < 1e-20) return;
      spends.push(buyerMean + z * scale);
      weights.push(mass);
    };
    visitNodes([student], collect);
    return mixture(
      weights,
      (w, k) => {
        const x = w / spends[k]!;
        return x > 0 && x < 1 ? betaPrefix(a, b, x, 1 - x) / (Math.abs(w) * (1 - x)) : 0;
      },
      (w, k) => {
        const spend = spends[k]!;
        const x = Math.max(0, Math.min(1, w / spend));
        const { lower, upper } = betaTails(a, b, x, 1 - x);
        return spend > 0 ? { lower, upper } : { lower: upper, upper: lower };
      },
    );
  }
}

function mixture(
  weights: readonly number[],
  density: (w: number, k: number) => number,
  tails: (w: number, k: number) => { lower: number; upper: number },
): Pick<LineLaw, 'density' | 'tails'> {
  return {
    density: (w) => weights.reduce((sum, weight, k) => sum + weight * density(w, k), 0),
    tails: (w) => {
      let lower = 0;
      let upper = 0;
      weights.forEach((weight, k) => {
        const part = tails(w, k);
        lower += weight * part.lower;
        upper += weight * part.upper;
      });
      return { lower, upper };
    },
  };
}

/**
 * Sample-ratio mismatch: χ² of the visitors per arm against the shares that were planned. A small p says that the assignment or the
 * counting is broken and that no verdict should be trusted.
 *
 * @param visitors per arm, at least one visitor in all.  @param shares planned shares > 0, of any total; equal when absent.
 * @returns statistic, degrees of freedom and p; p = 1 for a single arm.
 * @example sampleRatio([4000, 4050, 3950]) // { statistic: 1.25, degreesOfFreedom: 2, p: ≈ 0.53526 }
 */
export function sampleRatio(visitors: readonly number[], shares: readonly number[] = visitors.map(() => 1)) {
  const total = visitors.reduce((sum, count) => sum + count, 0);
  const whole = shares.reduce((sum, share) => sum + share, 0);
  if (!(total > 0 && shares.length === visitors.length && shares.every((share) => share > 0)))
    throw new RangeError('a sample ratio needs visitors and a positive share per arm');
  let statistic = 0;
  visitors.forEach((count, i) => {
    const expected = (total * shares[i]!) / whole;
    statistic += (count - expected) ** 2 / expected;
  });
  const degreesOfFreedom = visitors.length - 1;
  return { statistic, degreesOfFreedom, p: degreesOfFreedom === 0 ? 1 : chiSquareUpper(statistic, degreesOfFreedom) };
}

/** Below this p the sample ratio is broken: the usual, deliberately strict, level. */
const BROKEN_RATIO = 0.001;

export interface Decision {
  /** Index of the arm to choose, or null: go on collecting, or repair the assignment first. */
  choose: number | null;
  reason: 'sure-enough' | 'not-sure-yet' | 'sample-ratio-mismatch';
}

/** Chooses the arm whose P(best) reaches `sure` (0.95), unless the sample ratio is broken. */
export function decideExperiment(
  arms: readonly Pick<ArmVerdict, 'probabilityBest'>[],
  sampleRatioP: number,
  sure = 0.95,
): Decision {
  if (sampleRatioP < BROKEN_RATIO) return { choose: null, reason: 'sample-ratio-mismatch' };
  const best = arms.findIndex(({ probabilityBest }) => probabilityBest >= sure);
  return best < 0 || arms.length < 2
    ? { choose: null, reason: 'not-sure-yet' }
    : { choose: best, reason: 'sure-enough' };
}
