// Cox's proportional hazards model (1972): hazard(t | x) = h0(t)·exp(xᵀβ), with the conventions of R's coxph.
import { chiSquareTail, normalQuantile } from '../../numerics/chi-square.ts';
import { cholesky, choleskyInverse, choleskySolve } from '../../numerics/cholesky.ts';
import { type Diagnostic, RowError } from '../fit.ts';
import { concordance } from './concordance.ts';
import { checkExact, exactLikelihood } from './cox-exact.ts';
import {
  createDesign,
  type Design,
  type PartialLikelihood,
  partialLikelihood,
  type Ties as SharedTies,
} from './cox-likelihood.ts';
import { fit as fitCurve } from './kaplan-meier.ts';
import { checkSurvival, type SurvivalColumns } from './survival-columns.ts';

/** `exact`: the discrete likelihood, for small data without weights; its baseline has Breslow's increments, and it has no test of proportionality. */
export type Ties = SharedTies | 'exact';

export interface CoxColumns extends SurvivalColumns {
  covariates: { name: string; values: Float64Array }[];
  /** 0 …: each stratum has its own baseline hazard. */
  strata?: ArrayLike<number> | undefined;
}

export interface CoxCoefficient {
  name: string;
  /** All null for a column that says nothing beside the others (constant or collinear): see diagnostics. */
  coef: number | null;
  se: number | null;
  z: number | null;
  p: number | null;
  hazardRatio: number | null;
  lower: number | null;
  upper: number | null;
}

interface Test {
  chiSquare: number;
  degreesOfFreedom: number;
  p: number;
}

export interface CoxModel {
  ok: true;
  model: 'cox';
  ties: Ties;
  coefficients: CoxCoefficient[];
  /** Of the coefficients, in their order; 0 for a column left out. */
  covariance: number[][];
  means: number[];
  logLikelihood: number;
  nullLogLikelihood: number;
  tests: { likelihoodRatio: Test; wald: Test; score: Test } | null;
  /** Per stratum: cumulative hazard at the means of the covariates, at the times of events. */
  baseline: { time: number[]; cumulativeHazard: number[] }[];
  concordance: number | null;
  /** Score tests of constant coefficients against coefficients that change with 1 − S(t−); the last row is `GLOBAL`. */
  proportionality: ({ name: string } & Test)[];
  n: number;
  events: number;
  iterations: number;
  converged: boolean;
  diagnostics: Diagnostic[];
}

export type CoxFit =
  | CoxModel
  | { ok: false; model: 'cox'; reason: 'no-events' | 'no-convergence'; message: string; iterations: number; n: number };

const MAX_ITERATIONS = 40;

/**
 * Maximum partial likelihood: Newton from β = 0 on centred and scaled columns, with step halving.
 *
 * A column that is constant or a combination of earlier ones (within the risk sets) is left out and named in `diagnostics`. When the
 * likelihood only rises towards infinity (separation), the fit ends with `converged: false` and names the columns.
 *
 * @throws RowError for a row that cannot be.
 */
export function fit(columns: CoxColumns, ties: Ties = 'efron'): CoxFit {
  checkCovariates(columns);
  const n = columns.duration.length;
  let events = 0;
  for (let i = 0; i < n; i++) events += columns.eventObserved[i]!;
  if (events === 0) return refused('no-events', 'no event was observed: nothing can be said about hazards', 0, n);
  const { covariates } = columns;
  const scaled = covariates.map(({ values }) => standardise(values));
  const varying = covariates.flatMap((_, j) => (scaled[j]!.scale > 0 ? [j] : []));
  const all = createDesign(columns, pick(scaled, varying), columns.strata);
  if (ties === 'exact') checkExact(all);
  const atNull = likelihood(all, new Array(varying.length).fill(0), ties);
  const pivots = independent(atNull.information, events);
  const kept = pivots.map((k) => varying[k]!);
  const design = kept.length === varying.length ? all : createDesign(columns, pick(scaled, kept), columns.strata);
  const start = kept.length === varying.length ? atNull : likelihood(design, new Array(kept.length).fill(0), ties);
  const top = climb(design, start, ties);
  const factor = top === undefined ? undefined : cholesky(top.at.information);
  if (top === undefined || factor === undefined)
    return refused('no-convergence', 'the partial likelihood has no finite maximum that could be reached', 0, n);
  const diagnostics: Diagnostic[] = covariates.flatMap(({ name }, j) =>
    kept.includes(j)
      ? []
      : [{ code: varying.includes(j) ? 'collinear' : 'constant', message: `${name} ${leftOut(varying.includes(j))}` }],
  );
  if (top.drifting.length > 0)
    diagnostics.push({
      code: 'monotone-likelihood',
      message: `the likelihood rises without end in ${top.drifting.map((k) => covariates[kept[k]!]!.name).join(', ')}: the covariate separates those with an event from the rest; its coefficient has no finite estimate`,
    });
  else if (!top.converged)
    diagnostics.push({ code: 'no-convergence', message: `not settled in ${MAX_ITERATIONS} steps` });
  const inverse = choleskyInverse(factor);
  const beta = covariates.map(() => 0);
  const covariance = covariates.map(() => covariates.map(() => 0));
  kept.forEach((j, k) => {
    beta[j] = top.beta[k]! / scaled[j]!.scale;
    kept.forEach((m, l) => {
      covariance[j]![m] = inverse[k]![l]! / (scaled[j]!.scale * scaled[m]!.scale);
    });
  });
  return {
    ok: true,
    model: 'cox',
    ties,
    coefficients: covariates.map(({ name }, j) => coefficient(name, kept.includes(j), beta[j]!, covariance[j]![j]!)),
    covariance,
    means: scaled.map(({ mean }) => mean),
    logLikelihood: top.at.value,
    nullLogLikelihood: atNull.value,
    tests: kept.length === 0 ? null : threeTests(start, top),
    baseline: baselines(design, ties === 'exact' ? partialLikelihood(design, top.beta, 'breslow').jumps : top.at.jumps),
    concordance: concordanceOf(columns, scaled, kept, top.beta),
    proportionality:
      kept.length === 0 || top.drifting.length > 0 || ties === 'exact'
        ? []
        : proportionality(
            columns,
            design,
            top,
            ties,
            factor,
            kept.map((j) => covariates[j]!.name),
          ),
    n,
    events,
    iterations: top.iterations,
    converged: top.converged,
    diagnostics,
  };
}

const refused = (reason: 'no-events' | 'no-convergence', message: string, iterations: number, n: number): CoxFit => ({
  ok: false,
  model: 'cox',
  reason,
  message,
  iterations,
  n,
});

const leftOut = (varies: boolean) =>
  varies ? 'is a combination of the columns before it: left out' : 'is constant: left out';

function checkCovariates(columns: CoxColumns): void {
  checkSurvival(columns);
  for (const { name, values } of columns.covariates) {
    if (values.length !== columns.duration.length) throw new RangeError(`column ${name} differs in length`);
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) throw new RowError(bad, name, 'must be a finite number');
  }
}

interface Scaled {
  mean: number;
  scale: number;
  values: Float64Array;
}

function standardise(raw: Float64Array): Scaled {
  const n = raw.length;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += raw[i]! / n;
  const values = new Float64Array(n);
  let square = 0;
  let largest = 0;
  for (let i = 0; i < n; i++) {
    values[i] = raw[i]! - mean;
    square += (values[i]! * values[i]!) / n;
    largest = Math.max(largest, Math.abs(raw[i]!));
  }
  const deviation = Math.sqrt(square);
  const scale = deviation > 1e-13 * largest && Number.isFinite(deviation) ? deviation : 0;
  for (let i = 0; scale > 0 && i < n; i++) values[i]! /= scale;
  return { mean, scale, values };
}

const pick = (scaled: Scaled[], columns: number[]) => columns.map((j) => scaled[j]!.values);

/** The columns whose Cholesky pivot is not lost in rounding, taken in order. */
function independent(information: number[][], events: number): number[] {
  const kept: number[] = [];
  for (let j = 0; j < information.length; j++) {
    const tried = [...kept, j];
    const factor = cholesky(tried.map((a) => tried.map((b) => information[a]![b]!)));
    const pivot = factor === undefined ? 0 : factor[kept.length]![kept.length]! ** 2;
    if (pivot > 1e-11 * information[j]![j]! && pivot > 1e-12 * events) kept.push(j);
  }
  return kept;
}

interface Top {
  at: PartialLikelihood;
  beta: number[];
  iterations: number;
  converged: boolean;
  drifting: number[];
}

const likelihood = (design: Design, beta: readonly number[], ties: Ties) =>
  ties === 'exact' ? exactLikelihood(design, beta) : partialLikelihood(design, beta, ties);

function climb(design: Design, start: PartialLikelihood, ties: Ties): Top | undefined {
  let at = start;
  let beta = start.gradient.map(() => 0);
  let previous: Top | undefined;
  for (let iterations = 0; iterations < MAX_ITERATIONS; iterations++) {
    const factor = cholesky(at.information);
    // The information was lost on the way: the last step led out where the likelihood is flat.
    if (factor === undefined) return previous;
    const step = choleskySolve(factor, at.gradient);
    const gain = 0.5 * step.reduce((sum, value, j) => sum + value * at.gradient[j]!, 0);
    // On a plateau nothing is gained by steps that stay long: the maximum lies at infinity.
    const drifting = step.flatMap((value, j) => (gain < 1e-6 && Math.abs(value) > 0.1 ? [j] : []));
    if (drifting.length > 0) return { at, beta, iterations, converged: false, drifting };
    const settled = gain <= 1e-11;
    const longest = Math.max(...step.map(Math.abs));
    const leading = step.flatMap((value, j) => (Math.abs(value) > 0.5 * longest ? [j] : []));
    previous = { at, beta, iterations, converged: false, drifting: leading };
    let size = 1;
    let next = beta.map((value, j) => value + step[j]!);
    let evaluation = likelihood(design, next, ties);
    const good = () => evaluation.value >= at.value - 1e-10 * Math.abs(at.value);
    while (!good() && size > 1e-8) {
      size /= 2;
      next = beta.map((value, j) => value + size * step[j]!);
      evaluation = likelihood(design, next, ties);
    }
    if (!good()) return { at, beta, iterations, converged: settled, drifting: [] };
    at = evaluation;
    beta = next;
    if (settled) return { at, beta, iterations: iterations + 1, converged: true, drifting: [] };
  }
  return { at, beta, iterations: MAX_ITERATIONS, converged: false, drifting: [] };
}

const finite = (value: number) => (Number.isFinite(value) ? value : null);

function coefficient(name: string, known: boolean, coef: number, variance: number): CoxCoefficient {
  if (!known) return { name, coef: null, se: null, z: null, p: null, hazardRatio: null, lower: null, upper: null };
  const se = Math.sqrt(variance);
  const z = coef / se;
  const reach = normalQuantile(0.95) * se;
  return {
    name,
    coef,
    se,
    z,
    p: chiSquareTail(z * z, 1),
    hazardRatio: finite(Math.exp(coef)),
    lower: finite(Math.exp(coef - reach)),
    upper: finite(Math.exp(coef + reach)),
  };
}

const test = (chiSquare: number, degreesOfFreedom: number): Test => ({
  chiSquare,
  degreesOfFreedom,
  p: chiSquareTail(Math.max(0, chiSquare), degreesOfFreedom),
});

/** gᵀ A⁻¹ g. */
const quadratic = (matrix: number[][], g: readonly number[]) =>
  choleskySolve(cholesky(matrix)!, g).reduce((sum, value, j) => sum + value * g[j]!, 0);

function threeTests(start: PartialLikelihood, { at, beta }: Top) {
  const df = beta.length;
  const wald = beta.reduce(
    (sum, b, j) => sum + b * at.information[j]!.reduce((inner, value, k) => inner + value * beta[k]!, 0),
    0,
  );
  return {
    likelihoodRatio: test(2 * (at.value - start.value), df),
    wald: test(wald, df),
    score: test(quadratic(start.information, start.gradient), df),
  };
}

function baselines({ strata, blockStratum, blockTime, deaths }: Design, jumps: Float64Array): CoxModel['baseline'] {
  const curves: CoxModel['baseline'] = Array.from({ length: strata }, () => ({ time: [], cumulativeHazard: [] }));
  for (let block = jumps.length - 1; block >= 0; block--) {
    if (deaths[block] === 0) continue;
    const { time, cumulativeHazard } = curves[blockStratum[block]!]!;
    time.push(blockTime[block]!);
    cumulativeHazard.push((cumulativeHazard.at(-1) ?? 0) + jumps[block]!);
  }
  return curves;
}

function concordanceOf(columns: CoxColumns, scaled: Scaled[], kept: number[], beta: number[]): number | null {
  const score = new Float64Array(columns.duration.length);
  kept.forEach((j, k) => {
    const { values } = scaled[j]!;
    for (let i = 0; i < score.length; i++) score[i]! += values[i]! * beta[k]!;
  });
  return concordance(columns, score, columns.strata).value;
}

/**
 * Grambsch & Therneau's test (1994) in its score form, as cox.zph of R survival 3: would x_j·g(t) beside x improve the fit? With
 * g(t) = 1 − S(t−), S the Kaplan–Meier curve of all rows, unweighted.
 */
function proportionality(
  { duration, eventObserved, entry }: CoxColumns,
  design: Design,
  { at, beta }: Top,
  ties: SharedTies,
  factor: number[][],
  names: string[],
) {
  const { time, survival } = fitCurve({ duration, eventObserved, entry });
  const before = new Map<number, number>();
  time.forEach((t, k) => {
    before.set(t, 1 - (k === 0 ? 1 : survival[k - 1]!));
  });
  // Centred at its mean over the events, so that squares do not cancel.
  let mean = 0;
  let deaths = 0;
  design.blockTime.forEach((t, block) => {
    mean += design.deaths[block]! * before.get(t)!;
    deaths += design.deaths[block]!;
  });
  const g = design.blockTime.map((t) => before.get(t)! - mean / deaths);
  const once = partialLikelihood(design, beta, ties, g);
  const twice = partialLikelihood(
    design,
    beta,
    ties,
    g.map((value) => value * value),
  ).information;
  const cross = once.information;
  // Schur complement of the x block: information about the changes, given the coefficients.
  const solved = cross.map((row) => choleskySolve(factor, row));
  const left = twice.map((row, j) =>
    row.map((value, k) => value - cross[j]!.reduce((sum, c, m) => sum + c * solved[k]![m]!, 0)),
  );
  const score = once.gradient.map((value, j) => value - solved[j]!.reduce((sum, s, m) => sum + s * at.gradient[m]!, 0));
  const rows = names.flatMap((name, j) => {
    const variance = left[j]![j]!;
    return variance > 1e-12 * twice[j]![j]! ? [{ name, ...test(score[j]! ** 2 / variance, 1) }] : [];
  });
  if (rows.length < names.length || cholesky(left) === undefined) return rows;
  return [...rows, { name: 'GLOBAL', ...test(quadratic(left, score), names.length) }];
}

/** ln of the hazard ratio of `x` (in the order of the coefficients) against the means. */
export function linearPredictor({ coefficients, means }: CoxModel, x: readonly number[]): number {
  return coefficients.reduce((sum, { coef }, j) => sum + (coef ?? 0) * (x[j]! - means[j]!), 0);
}

/**
 * P(event after t | x, no event up to `alive`) = exp(−(H(t) − H(alive))·exp(xᵀβ)), H the baseline at the means: what the owner of a running
 * subscription asks. 1 for t ≤ alive; past the last event time the curve stays flat.
 *
 * @param stratum index of the baseline, 0 when there is one.
 */
export function survival(model: CoxModel, x: readonly number[], t: number, alive = 0, stratum = 0): number {
  const { time, cumulativeHazard } = model.baseline[stratum]!;
  const upTo = (limit: number) => {
    const after = time.findIndex((value) => value > limit);
    const index = after < 0 ? time.length : after;
    return index === 0 ? 0 : cumulativeHazard[index - 1]!;
  };
  const hazard = alive > 0 ? upTo(t) - upTo(alive) : upTo(t);
  return hazard > 0 ? Math.exp(-hazard * Math.exp(linearPredictor(model, x))) : 1;
}
