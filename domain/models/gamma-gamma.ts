// Gamma-Gamma: what a purchase is worth. Amounts of one customer are Gamma(p, ν), ν differs between customers by Gamma(q, v), and neither
// depends on how often they buy. Fader & Hardie, "The Gamma-Gamma Model of Monetary Value" (brucehardie.com, note 025).

import { lnBeta } from '../numerics/beta.ts';
import { digammaDifference, trigamma } from '../numerics/gamma.ts';
import { type Box, type Evaluation, type Maximum, maximise } from '../numerics/newton.ts';
import { inLogParameters } from './beta-geometric-likelihood.ts';
import { checkLengths, checkWeight, gather, uniqueRows } from './compress.ts';
import {
  criteria,
  type Diagnostic,
  FEW_CUSTOMERS,
  type Fit,
  gradientNorm,
  MIN_CUSTOMERS,
  RowError,
  type TimeUnit,
} from './fit.ts';
import { toResult } from './purchase-fit.ts';

export interface GammaGammaParams {
  /** Shape of one customer's amounts. */
  p: number;
  /** Shape of the gamma distribution of their rates ν; the mean amount is finite for q > 1 only. */
  q: number;
  /** Rate of that distribution, in money. */
  v: number;
}

/** One customer per row: number of repeat purchases with money, and their mean amount. */
export interface SpendColumns {
  frequency: Float64Array;
  monetaryValue: Float64Array;
  weight?: Float64Array | undefined;
}

/** Unique (frequency, monetaryValue) with weights; only rows the model speaks of. */
export interface CompressedSpend {
  frequency: Float64Array;
  monetaryValue: Float64Array;
  weight: Float64Array;
  /** Customers left out: without a repeat purchase, and with repeat purchases worth nothing. */
  withoutRepeats: number;
  withoutMoney: number;
}

const NAMES = ['p', 'q', 'v'] as const;
const BOX: Box = { lower: [1e-6, 1e-6, 1e-12].map(Math.log), upper: [1e6, 1e6, 1e12].map(Math.log) };

/** Pearson's correlation of frequency and spend above which the model's independence is doubtful. */
const CORRELATED = 0.3;

/** @throws RowError for a negative or fractional frequency, a negative or missing amount. */
export function compressSpend({ frequency, monetaryValue, weight }: SpendColumns): CompressedSpend {
  checkLengths({ frequency, monetaryValue, ...(weight && { weight }) });
  const usable = new Float64Array(frequency.length);
  let withoutRepeats = 0;
  let withoutMoney = 0;
  for (let i = 0; i < frequency.length; i++) {
    const x = frequency[i]!;
    const mean = monetaryValue[i]!;
    if (!(x >= 0) || x !== Math.floor(x) || x === Number.POSITIVE_INFINITY)
      throw new RowError(i, 'frequency', `${x} is not a whole number of repeat purchases ≥ 0`);
    if (weight) checkWeight(i, weight[i]!);
    const w = weight ? weight[i]! : 1;
    if (x === 0) {
      withoutRepeats += w;
      continue;
    }
    if (!(mean >= 0) || mean === Number.POSITIVE_INFINITY)
      throw new RowError(i, 'monetaryValue', `${mean} is not a finite mean amount ≥ 0 of repeat purchases`);
    if (mean === 0) withoutMoney += w;
    else usable[i] = w;
  }
  const unique = uniqueRows([frequency, monetaryValue], usable);
  return {
    frequency: gather(frequency, unique.rows),
    monetaryValue: gather(monetaryValue, unique.rows),
    weight: unique.weight,
    withoutRepeats,
    withoutMoney,
  };
}

/**
 * Maximum likelihood of (p, q, v) by Newton's method on ln-parameters, in units of the mean amount.
 *
 * Customers without repeat purchases or with repeat purchases worth 0 are left out and counted in `diagnostics`. Refused: fewer than 10
 * customers. Flagged: amounts that do not differ (`constant-spend`), q ≤ 1 (`infinite-mean`), spend that rises or falls with frequency
 * (`spend-correlates`), parameters at a bound (`at-boundary`).
 *
 * @throws RowError (a RangeError) naming row, column and rule.
 * Cost: one logarithm per unique row and step; CDNOW (946 rows) under 1 ms.
 */
export function fit(columns: SpendColumns, unit: TimeUnit = 'week'): Fit<'gamma-gamma', GammaGammaParams> {
  return fitCompressed(compressSpend(columns), unit);
}

/** The same from statistics that are compressed already. */
export function fitCompressed(spend: CompressedSpend, unit: TimeUnit = 'week'): Fit<'gamma-gamma', GammaGammaParams> {
  const totals = describe(spend);
  const diagnostics: Diagnostic[] = [];
  if (spend.withoutRepeats > 0)
    diagnostics.push({
      code: 'without-repeats',
      message: `${spend.withoutRepeats} customers without a repeat purchase were left out`,
    });
  if (spend.withoutMoney > 0)
    diagnostics.push({
      code: 'without-money',
      message: `${spend.withoutMoney} customers whose repeat purchases are worth 0 were left out`,
    });
  const refusal = {
    ok: false,
    model: 'gamma-gamma',
    iterations: 0,
    gradientNorm: null,
    n: totals.n,
    diagnostics,
  } as const;
  if (totals.n < MIN_CUSTOMERS)
    return {
      ...refusal,
      reason: 'too-few-customers',
      message: `${totals.n} customers with repeat purchases and money cannot carry three parameters; give at least ${MIN_CUSTOMERS}`,
    };
  const best = search(spend, totals.mean);
  if (!best.converged)
    return {
      ...refusal,
      reason: 'no-convergence',
      message: `no maximum found after ${best.iterations} steps; are all amounts in one currency and unit?`,
      iterations: best.iterations,
      gradientNorm: gradientNorm(best.gradient),
    };
  warn(diagnostics, best, totals);
  const logLikelihood = best.value - totals.n * Math.log(totals.mean);
  return {
    ok: true,
    model: 'gamma-gamma',
    unit,
    ...toResult(best, NAMES, [1, 1, totals.mean], diagnostics),
    logLikelihood,
    ...criteria(logLikelihood, NAMES.length, totals.n),
    n: totals.n,
  };
}

/** ln L at given parameters (note 025, eq. 1a); rows without repeats or money are left out. @throws RowError as `fit`. */
export function logLikelihood({ p, q, v }: GammaGammaParams, columns: SpendColumns): number {
  return spendLikelihood(compressSpend(columns), 1)([p, q, v].map(Math.log)).value;
}

function describe({ frequency, monetaryValue, weight }: CompressedSpend) {
  let n = 0;
  let mean = 0;
  let meanX = 0;
  for (let i = 0; i < weight.length; i++) {
    n += weight[i]!;
    mean += weight[i]! * monetaryValue[i]!;
    meanX += weight[i]! * frequency[i]!;
  }
  mean /= n;
  meanX /= n;
  let xx = 0;
  let xm = 0;
  let mm = 0;
  for (let i = 0; i < weight.length; i++) {
    const dx = frequency[i]! - meanX;
    const dm = monetaryValue[i]! / mean - 1;
    xx += weight[i]! * dx * dx;
    xm += weight[i]! * dx * dm;
    mm += weight[i]! * dm * dm;
  }
  return { n, mean, variation: Math.sqrt(mm / n), correlation: xx > 0 && mm > 0 ? xm / Math.sqrt(xx * mm) : 0 };
}

function search(spend: CompressedSpend, mean: number): Maximum {
  const likelihood = spendLikelihood(spend, 1 / mean);
  let best: Maximum | undefined;
  for (const [p, q] of [
    [4, 4],
    [1, 1.5],
    [50, 10],
  ] as const) {
    const found = maximise(likelihood, [p, q, Math.max(q - 1, 0.5) / p].map(Math.log), BOX);
    if (found.converged) return found;
    if (best === undefined || found.value > best.value) best = found;
  }
  return best!;
}

function warn(diagnostics: Diagnostic[], best: Maximum, totals: ReturnType<typeof describe>): void {
  if (totals.n < FEW_CUSTOMERS)
    diagnostics.push({ code: 'few-customers', message: `${totals.n} customers: expect wide uncertainty` });
  if (totals.variation < 1e-6)
    diagnostics.push({
      code: 'constant-spend',
      message: 'all customers spend the same; only p/q and v can be told, their spread cannot',
    });
  if (Math.exp(best.at[1]!) <= 1)
    diagnostics.push({
      code: 'infinite-mean',
      message:
        'q ≤ 1: the population mean of spend is infinite; use medians, and means only of customers with p·x + q > 1',
    });
  if (Math.abs(totals.correlation) > CORRELATED)
    diagnostics.push({
      code: 'spend-correlates',
      message: `frequency and spend correlate at ${totals.correlation.toFixed(3)}; the model takes them as independent`,
    });
  NAMES.forEach((name, i) => {
    if (best.atBound[i] !== 0)
      diagnostics.push({
        code: 'at-boundary',
        message: `${name} stands at the ${best.atBound[i] === 1 ? 'upper' : 'lower'} bound; the data do not determine it`,
      });
  });
}

/**
 *   ln L = lnΓ(px+q) − lnΓ(px) − lnΓ(q) + q ln v − (px+q) ln(x z̄ + v) + px ln(x z̄) − ln z̄
 *
 * with gradient and Hessian in closed form, arranged so that nothing cancels when p or q is large; money multiplied by `scale`.
 */
function spendLikelihood(
  { frequency, monetaryValue, weight }: CompressedSpend,
  scale: number,
): (theta: readonly number[]) => Evaluation {
  const totals = new Float64Array(weight.length);
  let constant = 0;
  for (let i = 0; i < weight.length; i++) {
    totals[i] = frequency[i]! * monetaryValue[i]! * scale;
    constant -= weight[i]! * Math.log(monetaryValue[i]! * scale);
  }
  const lnTotals = totals.map(Math.log);
  return (theta) => {
    const [p, q, v] = [Math.exp(theta[0]!), Math.exp(theta[1]!), Math.exp(theta[2]!)];
    const psi1Q = trigamma(q);
    let value = constant;
    let [gp, gq, gv, hpp, hpq, hpv, hqq, hqv, hvv] = [0, 0, 0, 0, 0, 0, 0, 0, 0];
    let x = -1;
    let [px, lnB, overP, overQ, psi1, psi1Px] = [0, 0, 0, 0, 0, 0];
    for (let i = 0; i < weight.length; i++) {
      if (frequency[i] !== x) {
        // Rows ascend by frequency, so this runs once per distinct x.
        x = frequency[i]!;
        px = p * x;
        lnB = lnBeta(px, q);
        overP = digammaDifference(q, px); // ψ(px + q) − ψ(px)
        overQ = digammaDifference(px, q); // ψ(px + q) − ψ(q)
        psi1 = trigamma(px + q);
        psi1Px = trigamma(px);
      }
      const w = weight[i]!;
      const total = totals[i]!;
      const sum = total + v;
      // ln((x z̄ + v)/(x z̄)) and ln((x z̄ + v)/v): log1p where it matters, the other by their difference.
      const lnRatio = lnTotals[i]! - theta[2]!;
      const lnShare = total > v ? Math.log1p(v / total) : Math.log1p(total / v) - lnRatio;
      const lnPrior = total > v ? lnShare + lnRatio : Math.log1p(total / v);
      value -= w * (lnB + px * lnShare + q * lnPrior);
      gp += w * x * (overP - lnShare);
      gq += w * (overQ - lnPrior);
      gv += (w * (q * total - px * v)) / (v * sum);
      hpp += w * x * x * (psi1 - psi1Px);
      hpq += w * x * psi1;
      hpv -= (w * x) / sum;
      hqq += w * (psi1 - psi1Q);
      hqv += (w * total) / (v * sum);
      hvv += (w * (px - (q * total * (total + 2 * v)) / (v * v))) / (sum * sum);
    }
    const natural = {
      value,
      gradient: [gp, gq, gv],
      hessian: [
        [hpp, hpq, hpv],
        [hpq, hqq, hqv],
        [hpv, hqv, hvv],
      ],
    };
    return inLogParameters(natural, [p, q, v]);
  };
}

/**
 * E[amount of a purchase | x purchases of mean z̄] = p·(v + x·z̄)/(p·x + q − 1) (note 025, eq. 5); x = 0 gives the population mean.
 *
 * @returns undefined where the mean does not exist (p·x + q ≤ 1: the tail is too heavy), NaN outside the domain.
 * @example expectedSpend({ p: 6.25, q: 3.74, v: 15.44 }, 2, 22.35) // ≈ 24.6637
 */
export function expectedSpend({ p, q, v }: GammaGammaParams, x: number, meanSpend: number): number | undefined {
  if (!(p > 0 && q > 0 && v > 0 && x >= 0 && meanSpend >= 0)) return Number.NaN;
  const shape = p * x + q;
  return shape > 1 ? (p * (v + x * meanSpend)) / (shape - 1) : undefined;
}

/** The mean amount of a customer nobody has seen: p·v/(q − 1); undefined for q ≤ 1, where it is infinite. */
export const populationMean = (params: GammaGammaParams) => expectedSpend(params, 0, 0);
