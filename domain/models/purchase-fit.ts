// Maximum likelihood for the purchase models: one procedure, whatever likelihood (BG/NBD, MBG/NBD: beta-geometric-likelihood.ts;
// Pareto/NBD: pareto-nbd-likelihood.ts).

import { cholesky, choleskyInverse } from '../numerics/cholesky.ts';
import { type Box, type Evaluation, type Maximum, maximise } from '../numerics/newton.ts';
import { type BetaGeometricParams, betaGeometricLikelihood } from './beta-geometric-likelihood.ts';
import type { CompressedSummary } from './compress.ts';
import {
  criteria,
  type Diagnostic,
  FEW_CUSTOMERS,
  type Fit,
  type FitRefused,
  gradientNorm,
  MIN_CUSTOMERS,
  type TimeUnit,
} from './fit.ts';

/** What tells one purchase model from another in a fit. */
interface PurchaseModel<Model extends string, Name extends string> {
  model: Model;
  /** Parameters in the order of θ = their logarithms. The first is the shape of the purchase rates. */
  names: readonly Name[];
  /** Which of them are in units of time. */
  times: readonly Name[];
  /** Bounds of ln-parameters, times in units of the longest observation. Beyond them the likelihood is flat to working precision. */
  box: Box;
  likelihood(summary: CompressedSummary, timeScale: number): (theta: readonly number[]) => Evaluation;
  /** Where Newton begins, at the observed purchases per longest observation; the first that converges is taken. */
  starts(rate: number): number[][];
}

/** r above this means that purchase rates show no spread worth a parameter. */
const NO_HETEROGENEITY = 1e4;

/** Standard error of a ln-parameter above which a 95 % interval spans a factor of 7 to either side. */
const WEAK = 1;

/** BG/NBD (`trialsAtBirth` 0) or MBG/NBD (1). */
export function fitBetaGeometric<Model extends string>(
  model: Model,
  summary: CompressedSummary,
  trialsAtBirth: 0 | 1,
  unit: TimeUnit,
): Fit<Model, BetaGeometricParams> {
  return fitPurchases(
    {
      model,
      names: ['r', 'alpha', 'a', 'b'],
      times: ['alpha'],
      box: { lower: [1e-6, 1e-9, 1e-6, 1e-6].map(Math.log), upper: [1e6, 1e9, 1e6, 1e6].map(Math.log) },
      likelihood: (statistics, timeScale) => betaGeometricLikelihood(statistics, trialsAtBirth, timeScale),
      // A typical retail shape, then a sharper and a flatter one.
      starts: (rate) =>
        [[0.4, 0.8, 2.5] as const, [3, 0.5, 5] as const, [0.1, 2, 4] as const].map(([r, a, b]) => [
          r,
          (0.6 * r) / rate,
          a,
          b,
        ]),
    },
    summary,
    unit,
  );
}

/**
 * Fits a purchase model to compressed histories by Newton's method on ln-parameters, in time units of the longest T.
 *
 * Refused: fewer than 10 customers; nobody bought again (the rate of purchase and the chance to leave cannot be told apart).
 * Flagged in `diagnostics`: fewer than 30 customers, a parameter at a bound (`at-boundary`: its standard error is null), `no-dropout`
 * when every repeat buyer's last purchase is at T, `no-heterogeneity`, `weakly-identified`, `ill-conditioned`.
 */
export function fitPurchases<Model extends string, Name extends string>(
  kind: PurchaseModel<Model, Name>,
  summary: CompressedSummary,
  unit: TimeUnit,
): Fit<Model, { [Key in Name]: number }> {
  const { model, names } = kind;
  const totals = describe(summary);
  const { n } = totals;
  const refuse = (reason: FitRefused<Model>['reason'], message: string): FitRefused<Model> => ({
    ok: false,
    model,
    reason,
    message,
    iterations: 0,
    gradientNorm: null,
    n,
    diagnostics: [],
  });
  if (n < MIN_CUSTOMERS)
    return refuse('too-few-customers', `${n} customers cannot carry four parameters; give at least ${MIN_CUSTOMERS}`);
  if (totals.repeats === 0)
    return refuse(
      'not-identifiable',
      'nobody bought again: the rate of purchase and the chance to drop out cannot be told apart; observe for longer',
    );
  const timeScale = 1 / totals.longest;
  const rate = totals.repeats / (totals.exposure * timeScale);
  const best = search(kind.likelihood(summary, timeScale), kind.starts(rate), kind.box);
  const diagnostics = warnings(best, names, totals);
  if (!best.converged)
    return {
      ...refuse(
        'no-convergence',
        `no maximum found in ${best.iterations} steps: ${diagnostics.map((d) => d.message).join('; ') || 'the likelihood has no clear top; check units and rows'}`,
      ),
      iterations: best.iterations,
      gradientNorm: gradientNorm(best.gradient),
      diagnostics,
    };
  const scale = names.map((name) => (kind.times.includes(name) ? 1 / timeScale : 1));
  const result = toResult(best, names, scale, diagnostics);
  weak(result.covarianceLog, names, diagnostics);
  const logLikelihood = best.value + totals.repeats * Math.log(timeScale);
  // Poisson with one rate λ = Σx/ΣT: Σ ln(λ^x e^(−λT)).
  const poisson = totals.repeats * (Math.log(totals.repeats / totals.exposure) - 1);
  return {
    ok: true,
    model,
    unit,
    ...result,
    logLikelihood,
    ...criteria(logLikelihood, names.length, n),
    naive: { logLikelihood: poisson, bic: criteria(poisson, 1, n).bic },
    n,
  };
}

function describe({ frequency, recency, T, weight }: CompressedSummary) {
  let n = 0;
  let repeats = 0;
  let exposure = 0;
  let longest = 0;
  let everybodyAlive = true;
  for (let i = 0; i < weight.length; i++) {
    n += weight[i]!;
    repeats += weight[i]! * frequency[i]!;
    if (frequency[i]! > 0 && recency[i]! < T[i]!) everybodyAlive = false;
    exposure += weight[i]! * T[i]!;
    longest = Math.max(longest, T[i]!);
  }
  return { n, repeats, exposure, longest, everybodyAlive };
}

/** Newton from each start; the first maximum that converged, else the highest value found. */
function search(likelihood: (theta: readonly number[]) => Evaluation, starts: number[][], box: Box): Maximum {
  let best: Maximum | undefined;
  for (const start of starts) {
    const found = maximise(likelihood, start.map(Math.log), box);
    if (found.converged) return found;
    if (best === undefined || found.value > best.value) best = found;
  }
  return best!;
}

function warnings(best: Maximum, names: readonly string[], totals: ReturnType<typeof describe>): Diagnostic[] {
  const found: Diagnostic[] = [];
  if (totals.n < FEW_CUSTOMERS)
    found.push({ code: 'few-customers', message: `${totals.n} customers: expect wide uncertainty` });
  if (totals.everybodyAlive)
    found.push({
      code: 'no-dropout',
      message:
        'every repeat customer bought on the last day of observation, so the chance to drop out is not identified',
    });
  if (Math.exp(best.at[0]!) > NO_HETEROGENEITY)
    found.push({
      code: 'no-heterogeneity',
      message: 'customers do not differ in their rate of purchase; only r/alpha is identified',
    });
  names.forEach((name, i) => {
    if (best.atBound[i] !== 0)
      found.push({
        code: 'at-boundary',
        message: `${name} stands at the ${best.atBound[i] === 1 ? 'upper' : 'lower'} bound; the data do not determine it`,
      });
  });
  return found;
}

/** Parameters that the data bound only within a factor of some seven: their sum or ratio may be known all the same. */
function weak(covarianceLog: number[][] | null, names: readonly string[], diagnostics: Diagnostic[]): void {
  const loose = names.filter((_, i) => covarianceLog !== null && Math.sqrt(covarianceLog[i]![i]!) > WEAK);
  if (loose.length > 0)
    diagnostics.push({
      code: 'weakly-identified',
      message: `${loose.join(' and ')} ${loose.length > 1 ? 'are' : 'is'} known only to a factor of several: read predictions and their intervals, not the parameters; more customers or a longer observation would tell`,
    });
}

/** Parameters on their own scale, observed information, standard errors by the delta method. Shared with Gamma-Gamma. */
export function toResult<Name extends string>(
  best: Maximum,
  names: readonly Name[],
  scale: readonly number[],
  diagnostics: Diagnostic[],
) {
  const params = {} as { [Key in Name]: number };
  const standardErrors = {} as { [Key in Name]: number | null };
  const free = best.atBound.every((side) => side === 0);
  const information = best.hessian.map((row) => row.map((value) => -value));
  const factor = free ? cholesky(information) : undefined;
  const covarianceLog = factor ? choleskyInverse(factor) : null;
  const conditionNumber = covarianceLog ? norm1(information) * norm1(covarianceLog) : null;
  names.forEach((name, i) => {
    params[name] = Math.exp(best.at[i]!) * scale[i]!;
    standardErrors[name] = covarianceLog ? params[name] * Math.sqrt(covarianceLog[i]![i]!) : null;
  });
  if (conditionNumber === null || conditionNumber > 1e12)
    diagnostics.push({
      code: 'ill-conditioned',
      message: 'the likelihood is flat in some direction: parameters are uncertain far beyond their standard errors',
    });
  return {
    params,
    standardErrors,
    covarianceLog,
    conditionNumber,
    gradientNorm: Math.max(0, ...best.gradient.map((g, i) => (best.atBound[i] === 0 ? Math.abs(g) : 0))),
    iterations: best.iterations,
    converged: best.converged,
    diagnostics,
  };
}

const norm1 = (matrix: number[][]) =>
  Math.max(...matrix.map((_, j) => matrix.reduce((sum, row) => sum + Math.abs(row[j]!), 0)));
