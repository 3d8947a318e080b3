// Bayesian A/B/n for money per visitor, a zero-inflated model: a visitor buys or not, a buyer spends around a mean.

import { betaPrefix, lnBeta, regularizedBeta } from '../../numerics/beta.ts';
import { compareLaws, type LineLaw, visitNodes, windowEnd } from '../../numerics/line-law.ts';
import { betaTails, logistic, logitBeta, requireCounts } from './conversions.ts';
import { type ArmVerdict, type Moments, verdicts } from './verdict.ts';

export interface ArmRevenue {
  visitors: number;
  buyers: number;
  /** Sum of what the buyers paid, and sum of the squares. */
  revenueSum: number;
  revenueSumSquares: number;
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
  const standings = compareLaws(laws);
  // With two buyers the posterior has no mean, so neither has the loss.
  const noMean = arms.some(({ buyers }) => buyers < 3);
  const compared = verdicts(laws, standings, (w) => w);
  return { ok: true, arms: noMean ? compared.map((verdict) => ({ ...verdict, expectedLoss: null })) : compared };
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

function revenueLaw(arm: ArmRevenue): LineLaw & Moments {
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
