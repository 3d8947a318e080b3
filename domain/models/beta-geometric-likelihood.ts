// The likelihood that BG/NBD and MBG/NBD share, with its gradient and Hessian in closed form.
//
//   L = Γ(r+x)/Γ(r) · α^r · B(a, b+k)/B(a, b) · [ (α+T)^−(r+x) + [k>0] · a/(b+k−1) · (α+t_x)^−(r+x) ],   k = x + trialsAtBirth
//
// k counts the chances to drop out that the customer survived: x in BG/NBD (Fader, Hardie & Lee 2005, eq. 6), x + 1 in MBG/NBD, where the
// first purchase is a chance too (Batislam, Denizel & Filiztekin 2007).

import { digammaRise, lnRising, trigammaRise } from '../numerics/gamma.ts';
import type { Evaluation } from '../numerics/newton.ts';
import type { CompressedSummary } from './compress.ts';

export interface BetaGeometricParams {
  /** Shape of the gamma distribution of purchase rates. */
  r: number;
  /** Rate of that distribution, in the time unit of recency and T. */
  alpha: number;
  /** Beta distribution of the chance to drop out after a purchase. */
  a: number;
  b: number;
}

/** Columns indexed by distinct value, so that rising factorials are computed once per distinct x and a logarithm once per distinct time. */
interface Tables {
  x: Float64Array;
  xWeight: Float64Array;
  xOf: Uint32Array;
  times: Float64Array;
  endOf: Uint32Array;
  lastOf: Uint32Array;
  weight: Float64Array;
}

function distinct(values: Float64Array, known: Map<number, number>): Uint32Array {
  const index = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    let at = known.get(values[i]!);
    if (at === undefined) {
      at = known.size;
      known.set(values[i]!, at);
    }
    index[i] = at;
  }
  return index;
}

function tabulate({ frequency, recency, T, weight }: CompressedSummary, timeScale: number): Tables {
  const xs = new Map<number, number>();
  const times = new Map<number, number>();
  const xOf = distinct(frequency, xs);
  const endOf = distinct(T, times);
  const lastOf = distinct(recency, times);
  const xWeight = new Float64Array(xs.size);
  for (let i = 0; i < weight.length; i++) xWeight[xOf[i]!]! += weight[i]!;
  const scaled = Float64Array.from(times.keys(), (time) => time * timeScale);
  return { x: Float64Array.from(xs.keys()), xWeight, xOf, times: scaled, endOf, lastOf, weight };
}

/**
 * Prepares ln L of a population as a function of θ = (ln r, ln α, ln a, ln b), with times multiplied by `timeScale`.
 *
 * Cost per call: one exp and one log1p per unique history, one log per distinct time, the rising factorials per distinct x.
 */
export function betaGeometricLikelihood(
  summary: CompressedSummary,
  trialsAtBirth: 0 | 1,
  timeScale = 1,
): (theta: readonly number[]) => Evaluation {
  const tables = tabulate(summary, timeScale);
  return (theta) => {
    const params = {
      r: Math.exp(theta[0]!),
      alpha: Math.exp(theta[1]!),
      a: Math.exp(theta[2]!),
      b: Math.exp(theta[3]!),
    };
    return inLogParameters(evaluate(params, tables, trialsAtBirth), [params.r, params.alpha, params.a, params.b]);
  };
}

function evaluate({ r, alpha, a, b }: BetaGeometricParams, tables: Tables, trialsAtBirth: number): Evaluation {
  const { x, xWeight, xOf, times, endOf, lastOf, weight } = tables;
  const lnAlpha = Math.log(alpha);
  let value = 0;
  let gr = 0;
  let ga = 0;
  let gb = 0;
  let hrr = 0;
  let haa = 0;
  let hab = 0;
  let hbb = 0;
  const oddsFactor = new Float64Array(x.length); // ln(a/(b + k − 1))
  const inverse = new Float64Array(x.length); // 1/(b + k − 1)
  for (let j = 0; j < x.length; j++) {
    const w = xWeight[j]!;
    const k = x[j]! + trialsAtBirth;
    value += w * (lnRising(r, x[j]!) - x[j]! * lnAlpha);
    gr += w * digammaRise(r, x[j]!);
    hrr += w * trigammaRise(r, x[j]!);
    if (k === 0) continue;
    value += w * (lnRising(b, k) - lnRising(a + b, k));
    const both = -digammaRise(a + b, k);
    const bothSlope = -trigammaRise(a + b, k);
    ga += w * both;
    gb += w * (both + digammaRise(b, k));
    haa += w * bothSlope;
    hab += w * bothSlope;
    hbb += w * (bothSlope + trigammaRise(b, k));
    inverse[j] = 1 / (b + k - 1);
    oddsFactor[j] = Math.log(a) - Math.log(b + k - 1);
  }
  const growth = new Float64Array(times.length); // ln((α + t)/α)
  const inverseTime = new Float64Array(times.length); // 1/(α + t)
  for (let j = 0; j < times.length; j++) {
    growth[j] = Math.log1p(times[j]! / alpha);
    inverseTime[j] = 1 / (alpha + times[j]!);
  }
  const inverseA = 1 / a;
  const inverseAlpha = 1 / alpha;
  let gAlpha = 0;
  let hrAlpha = 0;
  let hra = 0;
  let hrb = 0;
  let hAlphaAlpha = 0;
  let hAlphaA = 0;
  let hAlphaB = 0;
  for (let i = 0; i < weight.length; i++) {
    const w = weight[i]!;
    const j = xOf[i]!;
    const xi = x[j]!;
    const purchases = r + xi;
    const end = endOf[i]!;
    const growthEnd = growth[end]!;
    const iEnd = inverseTime[end]!;
    const share = times[end]! * iEnd * inverseAlpha; // T/(α(α + T)) = 1/α − 1/(α + T)
    value -= w * purchases * growthEnd;
    gr -= w * growthEnd;
    gAlpha += w * (r * share - xi * iEnd);
    hrAlpha += w * share;
    hAlphaAlpha += w * (xi * iEnd * iEnd - r * share * (inverseAlpha + iEnd));
    if (xi + trialsAtBirth === 0) continue;
    const last = lastOf[i]!;
    const iLast = inverseTime[last]!;
    const lag = growthEnd - growth[last]!;
    const gap = (times[last]! - times[end]!) * iEnd * iLast; // 1/(α + T) − 1/(α + t_x)
    const logOdds = oddsFactor[j]! + purchases * lag;
    const e = Math.exp(-Math.abs(logOdds));
    const dead = (logOdds > 0 ? 1 : e) / (1 + e);
    const wDead = w * dead;
    const spread = wDead * (1 - dead);
    const dAlpha = purchases * gap;
    const dB = inverse[j]!;
    value += w * ((logOdds > 0 ? logOdds : 0) + Math.log1p(e));
    gr += wDead * lag;
    gAlpha += wDead * dAlpha;
    ga += wDead * inverseA;
    gb -= wDead * dB;
    hrr += spread * lag * lag;
    hrAlpha += wDead * gap + spread * lag * dAlpha;
    hra += spread * lag * inverseA;
    hrb -= spread * lag * dB;
    hAlphaAlpha += spread * dAlpha * dAlpha - wDead * dAlpha * (iEnd + iLast);
    hAlphaA += spread * dAlpha * inverseA;
    hAlphaB -= spread * dAlpha * dB;
    haa += (spread - wDead) * inverseA * inverseA;
    hab -= spread * inverseA * dB;
    hbb += (spread + wDead) * dB * dB;
  }
  return {
    value,
    gradient: [gr, gAlpha, ga, gb],
    hessian: [
      [hrr, hrAlpha, hra, hrb],
      [hrAlpha, hAlphaAlpha, hAlphaA, hAlphaB],
      [hra, hAlphaA, haa, hab],
      [hrb, hAlphaB, hab, hbb],
    ],
  };
}

/** The chain rule from parameters to their logarithms: gᵢ·pᵢ, and pᵢ·pⱼ·Hᵢⱼ + [i = j]·pᵢ·gᵢ. */
export function inLogParameters({ value, gradient, hessian }: Evaluation, params: readonly number[]): Evaluation {
  const scaled = gradient.map((g, i) => g * params[i]!);
  return {
    value,
    gradient: scaled,
    hessian: hessian.map((row, i) => row.map((h, j) => h * params[i]! * params[j]! + (i === j ? scaled[i]! : 0))),
  };
}
