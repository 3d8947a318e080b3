// BG/NBD with what is known of each customer from the start: covariates z that do not change move the buying rate and the chance to leave.
//
//   α_i = α·e^(−γᵀ(z − z̄)),  a_i = a·e^(δᵀ(z − z̄)),  b_i = b·e^(εᵀ(z − z̄));  r is common, z̄ the mean of the fitted customers
//
// so γ > 0 buys more often (E[λ] = r/α_i), δ − ε > 0 leaves sooner (E[p] = a_i/(a_i + b_i)). Fader & Hardie, "Incorporating Time-Invariant
// Covariates into the Pareto/NBD and BG/NBD Models" (brucehardie.com, note 019), there from z = 0, here from the mean, so that parameters stay
// numbers where 0 is far away (years, incomes). At one customer's parameters every formula of bg-nbd.ts holds.

import { chiSquareTail } from '../numerics/chi-square.ts';
import { cholesky, choleskyInverse } from '../numerics/cholesky.ts';
import { type Box, type Evaluation, type Maximum, maximise } from '../numerics/newton.ts';
import { type BetaGeometricParams, betaGeometricLikelihood } from './beta-geometric-likelihood.ts';
import { fitCompressed } from './bg-nbd.ts';
import { type CompressedSummary, checkLengths, compress, gather, type SummaryColumns, uniqueRows } from './compress.ts';
import { criteria, type Diagnostic, type Fit, type FitRefused, RowError, type TimeUnit } from './fit.ts';

/** One number a customer; a category is one column of 0 and 1 for each value but one. */
export interface Covariate {
  name: string;
  values: Float64Array;
}

/** What one unit more of a covariate does, on the log scale. */
export interface CovariateEffect {
  name: string;
  /** z̄. */
  mean: number;
  /** γ, δ and ε above. */
  alpha: number;
  a: number;
  b: number;
  standardErrors: { alpha: number; a: number; b: number } | null;
}

export interface CovariateFit {
  ok: true;
  model: 'bg-nbd';
  unit: TimeUnit;
  /** Of a customer with z = z̄. */
  params: BetaGeometricParams;
  covariates: CovariateEffect[];
  logLikelihood: number;
  aic: number;
  bic: number;
  /** Against BG/NBD without covariates, χ² with three degrees of freedom each. */
  likelihoodRatio: { statistic: number; degreesOfFreedom: number; pValue: number };
  gradientNorm: number;
  iterations: number;
  n: number;
  converged: boolean;
  diagnostics: Diagnostic[];
}

/** Bounds of an effect, per standard deviation of its covariate: e^±20 is beyond any business. */
const FARTHEST = 20;
const BASE: Box = {
  lower: [1e-6, 1e-9, 1e-6, 1e-6].map(Math.log),
  upper: [1e6, 1e9, 1e6, 1e6].map(Math.log),
};

/** Parameters of one customer. @param z in the order of `covariates`. */
export function paramsFor(
  {
    params,
    covariates,
  }: Pick<CovariateFit, 'params'> & { covariates: readonly Omit<CovariateEffect, 'standardErrors'>[] },
  z: readonly number[],
): BetaGeometricParams {
  const total = (of: 'alpha' | 'a' | 'b') =>
    covariates.reduce((sum, effect, c) => sum + effect[of] * (z[c]! - effect.mean), 0);
  const { r, alpha, a, b } = params;
  return { r, alpha: alpha * Math.exp(-total('alpha')), a: a * Math.exp(total('a')), b: b * Math.exp(total('b')) };
}

/**
 * Maximum likelihood of 4 + 3k parameters by Newton's method, from the fit without covariates; covariates centred and scaled inside.
 *
 * Refused as a fit without covariates; also a covariate that does not vary. Flagged: `ill-conditioned` where covariates say the same
 * (standard errors are then null), `at-boundary`.
 *
 * @throws RowError for a history that cannot be or a covariate that is not a finite number.
 * Cost: one likelihood of each group of equal z a step: 2,000 customers with continuous covariates some 50 ms.
 */
export function fitWithCovariates(
  columns: SummaryColumns,
  covariates: readonly Covariate[],
  unit: TimeUnit = 'week',
): CovariateFit | FitRefused<'bg-nbd'> {
  const plain = fitCompressed(compress(columns), unit);
  if (!plain.ok) return plain;
  if (covariates.length === 0) throw new RangeError('give at least one covariate, or fit without');
  const scales = covariates.map((each) => scaleOf(each, columns));
  const constant = scales.findIndex(({ spread }) => !(spread > 0));
  if (constant >= 0)
    return refused(plain, `${covariates[constant]!.name} is the same for every customer: leave it out`);
  const timeScale = 1 / columns.T.reduce((longest, T) => Math.max(longest, T), 0);
  const { r, alpha, a, b } = plain.params;
  const start = [r, alpha * timeScale, a, b].map(Math.log).concat(covariates.flatMap(() => [0, 0, 0]));
  const ends = covariates.flatMap(() => [FARTHEST, FARTHEST, FARTHEST]);
  const box = { lower: [...BASE.lower, ...ends.map((end) => -end)], upper: [...BASE.upper, ...ends] };
  const best = maximise(likelihoodOf(columns, covariates, scales, timeScale), start, box);
  if (!best.converged) {
    const causes = plain.diagnostics.map(({ message }) => message).join('; ') || 'do covariates say the same?';
    return { ...refused(plain, `no maximum found: ${causes}`), reason: 'no-convergence', iterations: best.iterations };
  }
  const repeats = columns.frequency.reduce((sum, x, i) => sum + x * (columns.weight ? columns.weight[i]! : 1), 0);
  return answer(best, plain, covariates, scales, timeScale, repeats);
}

type Plain = Extract<Fit<'bg-nbd', BetaGeometricParams>, { ok: true }>;
interface Scale {
  middle: number;
  spread: number;
}

const refused = ({ n, iterations, diagnostics }: Plain, message: string): FitRefused<'bg-nbd'> => ({
  ok: false,
  model: 'bg-nbd',
  reason: 'not-identifiable',
  message,
  iterations,
  gradientNorm: null,
  n,
  diagnostics,
});

function scaleOf({ name, values }: Covariate, { frequency, weight }: SummaryColumns): Scale {
  checkLengths({ frequency, [name]: values });
  let [n, sum, squares] = [0, 0, 0];
  values.forEach((value, i) => {
    if (!Number.isFinite(value)) throw new RowError(i, name, `${value} is not a finite number`);
    const w = weight ? weight[i]! : 1;
    n += w;
    sum += w * value;
  });
  const middle = sum / n;
  values.forEach((value, i) => {
    squares += (weight ? weight[i]! : 1) * (value - middle) ** 2;
  });
  return { middle, spread: Math.sqrt(squares / n) };
}

/** Position of the effect of covariate c on α, a, b: after the four, three a covariate. */
const at = (c: number, of: 0 | 1 | 2) => 4 + 3 * c + of;

/** ln L as a sum over groups of equal z, each a plain BG/NBD at its own parameters; linear in the effects, so derivatives chain by sums. */
function likelihoodOf(
  columns: SummaryColumns,
  covariates: readonly Covariate[],
  scales: readonly Scale[],
  timeScale: number,
): (theta: readonly number[]) => Evaluation {
  const groups = groupsOf(columns, covariates).map(({ z, summary }) => ({
    z: z.map((value, c) => (value - scales[c]!.middle) / scales[c]!.spread),
    likelihood: betaGeometricLikelihood(summary, 0, timeScale),
  }));
  const size = 4 + 3 * covariates.length;
  return (theta) => {
    let value = 0;
    const gradient = new Array<number>(size).fill(0);
    const hessian = Array.from({ length: size }, () => new Array<number>(size).fill(0));
    for (const { z, likelihood } of groups) {
      // Which parameter moves which of (ln r, ln α, ln a, ln b), and by how much.
      const moves: [parameter: number, of: number, by: number][] = [0, 1, 2, 3].map((i) => [i, i, 1]);
      z.forEach((value, c) => {
        moves.push([at(c, 0), 1, -value], [at(c, 1), 2, value], [at(c, 2), 3, value]);
      });
      const own = [0, 0, 0, 0];
      for (const [parameter, of, by] of moves) own[of]! += by * theta[parameter]!;
      const found = likelihood(own);
      value += found.value;
      for (const [i, of, by] of moves) {
        gradient[i]! += by * found.gradient[of]!;
        for (const [j, other, times] of moves) hessian[i]![j]! += by * times * found.hessian[of]![other]!;
      }
    }
    return { value, gradient, hessian };
  };
}

function groupsOf({ frequency, recency, T, weight }: SummaryColumns, covariates: readonly Covariate[]) {
  const values = covariates.map((each) => each.values);
  const unique = uniqueRows([...values, frequency, T, recency], weight);
  const groups: { z: number[]; summary: CompressedSummary }[] = [];
  const same = (i: number, j: number) => values.every((column) => column[unique.rows[i]!] === column[unique.rows[j]!]);
  for (let from = 0; from < unique.rows.length; ) {
    let to = from + 1;
    while (to < unique.rows.length && same(from, to)) to++;
    const rows = unique.rows.subarray(from, to);
    groups.push({
      z: values.map((column) => column[rows[0]!]!),
      summary: {
        frequency: gather(frequency, rows),
        recency: gather(recency, rows),
        T: gather(T, rows),
        weight: unique.weight.slice(from, to),
      },
    });
    from = to;
  }
  return groups;
}

/** Back from scaled covariates to their own units, and from the time scale of the fit. */
function answer(
  best: Maximum,
  plain: Plain,
  covariates: readonly Covariate[],
  scales: readonly Scale[],
  timeScale: number,
  repeats: number,
): CovariateFit {
  const effect = (c: number, of: 0 | 1 | 2) => best.at[at(c, of)]! / scales[c]!.spread;
  const free = best.atBound.every((side) => side === 0);
  const factor = free ? cholesky(best.hessian.map((row) => row.map((value) => -value))) : undefined;
  const covariance = factor && choleskyInverse(factor);
  const error = (c: number, of: 0 | 1 | 2) => Math.sqrt(covariance![at(c, of)]![at(c, of)]!) / scales[c]!.spread;
  const logLikelihood = best.value + repeats * Math.log(timeScale);
  const statistic = Math.max(0, 2 * (logLikelihood - plain.logLikelihood));
  const degreesOfFreedom = 3 * covariates.length;
  return {
    ok: true,
    model: 'bg-nbd',
    unit: plain.unit,
    params: {
      r: Math.exp(best.at[0]!),
      alpha: Math.exp(best.at[1]!) / timeScale,
      a: Math.exp(best.at[2]!),
      b: Math.exp(best.at[3]!),
    },
    covariates: covariates.map(({ name }, c) => ({
      name,
      mean: scales[c]!.middle,
      alpha: effect(c, 0),
      a: effect(c, 1),
      b: effect(c, 2),
      standardErrors: covariance ? { alpha: error(c, 0), a: error(c, 1), b: error(c, 2) } : null,
    })),
    logLikelihood,
    ...criteria(logLikelihood, best.at.length, plain.n),
    likelihoodRatio: { statistic, degreesOfFreedom, pValue: chiSquareTail(statistic, degreesOfFreedom) },
    gradientNorm: Math.max(0, ...best.gradient.map((g, i) => (best.atBound[i] === 0 ? Math.abs(g) : 0))),
    iterations: best.iterations,
    n: plain.n,
    converged: best.converged,
    diagnostics: [...plain.diagnostics, ...warnings(best, covariates, covariance !== undefined)],
  };
}

function warnings(best: Maximum, covariates: readonly Covariate[], determined: boolean): Diagnostic[] {
  const found: Diagnostic[] = [];
  covariates.forEach(({ name }, c) => {
    if ([0, 1, 2].some((of) => best.atBound[at(c, of as 0 | 1 | 2)] !== 0))
      found.push({
        code: 'at-boundary',
        message: `an effect of ${name} stands at its bound; the data do not determine it`,
      });
  });
  if (!determined)
    found.push({
      code: 'ill-conditioned',
      message: 'the effects have no standard errors: covariates say the same, or too few customers differ in them',
    });
  return found;
}
