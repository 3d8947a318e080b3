// Bayesian A/B/n for money per visitor, a zero-inflated model: a visitor buys or not, a buyer spends around a mean.

import { betaPrefix } from '../../numerics/beta.ts';
import { compareLaws, type LineLaw, visitNodes, windowEnd } from '../../numerics/line-law.ts';
import { studentDensity, studentLaw } from '../../numerics/student.ts';
import { betaTails, logistic, logitBeta, requireCounts } from './conversions.ts';
import { type ArmVerdict, type Moments, type Standing, standingsOf, verdicts } from './verdict.ts';

export interface ArmRevenue {
  visitors: number;
  buyers: number;
  /** Sum of what the buyers paid, and sum of the squares. */
  revenueSum: number;
  revenueSumSquares: number;
}

type Undefined = { ok: false; reason: 'too-few-buyers' | 'no-spread'; arm: number };
export type RevenueComparison = { ok: true; arms: ArmVerdict[] } | Undefined;

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
  const undefinedArm = firstUndefined(arms);
  if (undefinedArm) return undefinedArm;
  const laws = arms.map(revenueLaw);
  const compared = verdicts(laws, compareLaws(laws), (w) => w);
  return { ok: true, arms: withMean(arms, compared) };
}

/** P(best) and expected loss alone: what a simulation asks thousands of times. The arms as `compareRevenue`, and defined. */
export const revenueStandings = (arms: readonly ArmRevenue[]): Standing[] =>
  withMean(arms, standingsOf(compareLaws(arms.map(revenueLaw))));

/** Whether `compareRevenue` has an answer. */
export const revenueIsDefined = (arms: readonly ArmRevenue[]): boolean => firstUndefined(arms) === undefined;

function firstUndefined(arms: readonly ArmRevenue[]): Undefined | undefined {
  if (arms.length === 0) throw new RangeError('an experiment needs at least one arm');
  for (const [i, arm] of arms.entries()) {
    requireCounts(arm.visitors, arm.buyers);
    if (!(Number.isFinite(arm.revenueSum) && Number.isFinite(arm.revenueSumSquares)))
      throw new RangeError('revenue sums must be finite');
    if (arm.buyers < 2) return { ok: false, reason: 'too-few-buyers', arm: i };
    const { mean, variance } = buyerMoments(arm);
    if (!(variance > 1e-12 * mean * mean)) return { ok: false, reason: 'no-spread', arm: i };
  }
  return undefined;
}

/** With two buyers the posterior has no mean, so neither has the loss. */
const withMean = <Of extends Standing>(arms: readonly ArmRevenue[], standings: Of[]): Of[] =>
  arms.some(({ buyers }) => buyers < 3) ? standings.map((each) => ({ ...each, expectedLoss: null })) : standings;

function buyerMoments({ buyers, revenueSum, revenueSumSquares }: ArmRevenue): { mean: number; variance: number } {
  return {
    mean: revenueSum / buyers,
    variance: (revenueSumSquares - (revenueSum * revenueSum) / buyers) / (buyers - 1),
  };
}

function revenueLaw(arm: ArmRevenue): LineLaw & Moments {
  const { mean: buyerMean, variance } = buyerMoments(arm);
  const df = arm.buyers - 1;
  const scale = Math.sqrt(variance / arm.buyers);
  const a = 1 + arm.buyers;
  const b = 1 + arm.visitors - arm.buyers;
  const rate = logitBeta(a, b);
  const cut = scale / Math.abs(buyerMean);
  const density = studentDensity(df);
  // Far out it is the tail's mass (two buyers) or its mean (more) that must be small, not the density.
  const power = df === 1 ? 1 : 2;
  const reachScales = windowEnd(0, 1, 1e-16, (z) => density(z) * Math.max(1, z ** power));
  const reach = reachScales * scale;
  const student = studentLaw(df, reachScales);
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
    // Equal steps: on a smooth bell the trapezoid rule converges faster than any power of the step, here the bell of θ cut by the t law,
    // which has a relative width of scale/ȳ and poles at ±i√df of it.
    const width = (rate.spread * cut) / Math.hypot(rate.spread, cut);
    const step = 0.2 * Math.min(3, Math.sqrt(df)) * width;
    for (let t = rate.low; t <= rate.high; t += step) {
      const mass = step * rate.density(t);
      if (mass < 1e-20) continue;
      thetas.push(logistic(t));
      weights.push(mass);
    }
    return mixture(
      weights,
      (w, k) => student.density((w / thetas[k]! - buyerMean) / scale) / (thetas[k]! * scale),
      (w, k) => student.tails((w / thetas[k]! - buyerMean) / scale),
    );
  }

  /** W mixed over μ: right where buyers pay nearly the same, so that θ's law is the smooth one. */
  function overSpend(): Pick<LineLaw, 'density' | 'tails'> {
    const spends: number[] = [];
    const weights: number[] = [];
    const collect = (z: number, weight: number) => {
      const mass = weight * density(z);
      if (mass < 1e-20) return;
      spends.push(buyerMean + z * scale);
      weights.push(mass);
    };
    visitNodes([{ center: 0, spread: 1, low: -reachScales, high: reachScales, ...student }], collect);
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
