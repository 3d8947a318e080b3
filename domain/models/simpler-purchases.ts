// Where data do not determine BG/NBD, its limits may still describe them: nobody leaves (a/(a + b) → 0), and customers buy at rates that differ by a
// gamma distribution (NBD; Ehrenberg, "The Pattern of Consumer Purchases", Applied Statistics 8(1), 1959) or all at one (r → ∞; Poisson).
// Each is told by fewer parameters, which the data do determine.
import { cholesky, choleskyInverse } from '../numerics/cholesky.ts';
import { maximise } from '../numerics/newton.ts';
import { type BetaGeometricParams, betaGeometricLikelihood } from './beta-geometric-likelihood.ts';
import type { CompressedSummary } from './compress.ts';
import { criteria, type Fit, gradientNorm, MIN_CUSTOMERS, type TimeUnit } from './fit.ts';

type Fitted = Extract<Fit<'bg-nbd', BetaGeometricParams>, { ok: true }>;
export interface SimplerPurchases {
  member: 'one-rate' | 'gamma-rates';
  /** As a fit of BG/NBD that stands at its bounds; the covariance is that of what is left to be determined. */
  fit: Fitted;
}

/** Of BG/NBD (purchase-fit.ts): a chance to leave of 1e-12 a purchase, and a spread of rates of a thousandth. */
const STAYS = { a: 1e-6, b: 1e6 };
const ONE_RATE = 1e6;

/** Fewer customers cannot speak against it even where many have left (ops/adr/0018-few-data.md): it serves only where somebody says so. */
export const SIMPLER_FROM = 40;

/** Whether a model says that nobody leaves because nothing could be said. */
export const isSimpler = ({ bgNbd }: { bgNbd?: BetaGeometricParams | undefined }): boolean =>
  bgNbd?.a === STAYS.a && bgNbd.b === STAYS.b;

const NOBODY_LEAVES =
  'P(alive) is 1 by assumption, not by the data: they are too few to tell whether anybody leaves, so the model takes it that nobody does. Its interval holds given that nobody leaves; where some have left, fewer purchases will come than it says';

/** What goes with every answer of such a model; null for others. */
export const caveatOf = (model: { bgNbd?: BetaGeometricParams | undefined }): string | null =>
  isSimpler(model) ? NOBODY_LEAVES : null;

/**
 * The simpler member with the lower AIC.
 *
 * @param summary histories in `unit`.
 * @returns null for fewer than 10 customers and where nobody bought again. Cost: as a fit of BG/NBD.
 */
export function fitSimpler(summary: CompressedSummary, unit: TimeUnit): SimplerPurchases | null {
  let [n, repeats, exposure, longest] = [0, 0, 0, 0];
  summary.weight.forEach((weight, i) => {
    n += weight;
    repeats += weight * summary.frequency[i]!;
    exposure += weight * summary.T[i]!;
    longest = Math.max(longest, summary.T[i]!);
  });
  if (n < MIN_CUSTOMERS || repeats === 0) return null;
  const one = oneRate(repeats, exposure, n, unit);
  const gamma = gammaRates(summary, { repeats, exposure, longest, n }, unit);
  return gamma !== null && gamma.aic < one.aic
    ? { member: 'gamma-rates', fit: gamma }
    : { member: 'one-rate', fit: one };
}

const fitted = (
  unit: TimeUnit,
  n: number,
  given: Pick<Fitted, 'params' | 'logLikelihood' | 'standardErrors' | 'covarianceLog'> & Partial<Fitted>,
  parameters: number,
): Fitted => ({
  ok: true,
  model: 'bg-nbd',
  unit,
  gradientNorm: 0,
  conditionNumber: null,
  iterations: 0,
  n,
  converged: true,
  diagnostics: [],
  ...given,
  ...criteria(given.logLikelihood, parameters, n),
});

/** λ = Σx/ΣT with Var(ln λ) = 1/Σx; ln L = Σ ln(λ^x e^(−λT)). */
function oneRate(repeats: number, exposure: number, n: number, unit: TimeUnit): Fitted {
  const alpha = (ONE_RATE * exposure) / repeats;
  const variance = 1 / repeats;
  return fitted(
    unit,
    n,
    {
      params: { r: ONE_RATE, alpha, ...STAYS },
      logLikelihood: repeats * (Math.log(repeats / exposure) - 1),
      standardErrors: { r: null, alpha: alpha * Math.sqrt(variance), a: null, b: null },
      covarianceLog: covarianceOf([
        [0, 0],
        [0, variance],
      ]),
    },
    1,
  );
}

/** Null: the rates do not differ (r at its bound), or no maximum was found. */
function gammaRates(
  summary: CompressedSummary,
  { repeats, exposure, longest, n }: Record<'repeats' | 'exposure' | 'longest' | 'n', number>,
  unit: TimeUnit,
): Fitted | null {
  const timeScale = 1 / longest;
  const rate = repeats / (exposure * timeScale);
  const [a, b] = [Math.log(STAYS.a), Math.log(STAYS.b)];
  const box = {
    lower: [Math.log(1e-6), Math.log(1e-9), a, b],
    upper: [Math.log(ONE_RATE), Math.log(1e9), a, b],
  };
  const start = [0, Math.log(1 / rate), a, b];
  const best = maximise(betaGeometricLikelihood(summary, 0, timeScale), start, box);
  if (!best.converged || best.atBound[0] !== 0 || best.atBound[1] !== 0) return null;
  const factor = cholesky([0, 1].map((i) => [0, 1].map((j) => -best.hessian[i]![j]!)));
  if (factor === undefined) return null;
  const covariance = choleskyInverse(factor);
  const [r, alpha] = [Math.exp(best.at[0]!), Math.exp(best.at[1]!) / timeScale];
  return fitted(
    unit,
    n,
    {
      params: { r, alpha, ...STAYS },
      logLikelihood: best.value + repeats * Math.log(timeScale),
      standardErrors: {
        r: r * Math.sqrt(covariance[0]![0]!),
        alpha: alpha * Math.sqrt(covariance[1]![1]!),
        a: null,
        b: null,
      },
      covarianceLog: covarianceOf(covariance),
      gradientNorm: gradientNorm(best.gradient.slice(0, 2)) ?? 0,
      iterations: best.iterations,
    },
    2,
  );
}

/** Of (ln r, ln α); what stands at a bound is taken as known. */
const covarianceOf = (known: readonly (readonly number[])[]): number[][] =>
  Array.from({ length: 4 }, (_, i) => Array.from({ length: 4 }, (_, j) => known[i]?.[j] ?? 0));

/** One customer a row: repeat days with money, and their mean amount. */
export interface SpendRows {
  frequency: Float64Array;
  monetaryValue: Float64Array;
  weight: Float64Array;
}

/**
 * Var(ln m) of the mean amount m that all customers share, by the spread of the customers' own means about it (clusters: amounts of one customer may be
 * alike), with n/(n − 1); null for fewer than two customers. On (ln p, ln q, ln v) of a Gamma-Gamma whose q stands at its upper bound, where E = v·p/q.
 */
export function sharedMeanCovariance({ frequency, monetaryValue, weight }: SpendRows): number[][] | null {
  let [n, days, money] = [0, 0, 0];
  weight.forEach((w, i) => {
    if (frequency[i]! <= 0 || monetaryValue[i]! <= 0) return;
    n += w;
    days += w * frequency[i]!;
    money += w * frequency[i]! * monetaryValue[i]!;
  });
  if (n < 2) return null;
  const mean = money / days;
  let squares = 0;
  weight.forEach((w, i) => {
    if (frequency[i]! > 0 && monetaryValue[i]! > 0) squares += w * (frequency[i]! * (monetaryValue[i]! - mean)) ** 2;
  });
  const variance = ((n / (n - 1)) * squares) / money ** 2;
  return [
    [0, 0, 0],
    [0, 0, 0],
    [0, 0, variance],
  ];
}
