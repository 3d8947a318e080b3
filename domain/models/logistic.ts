// Logistic regression with an L2, L1, elastic-net or no penalty: features standardised inside, a certificate of optimality in the answer.
// Newton and proximal Newton (Lee, Sun & Saunders 2014; coordinate descent inside as in Friedman, Hastie & Tibshirani 2010, "glmnet").
import { cholesky, choleskySolve } from '../numerics/cholesky.ts';
import { type Diagnostic, RowError } from './fit.ts';
import { type Design, derivatives, logOdds, meanLoss } from './logistic-kernel.ts';

export type Penalty = 'l2' | 'l1' | 'elastic-net' | 'none';

/** One row per case; columns of one length. */
export interface LogisticColumns {
  names: readonly string[];
  features: readonly Float64Array[];
  /** 1 for the event, 0 for none. */
  label: Float64Array;
  /** How many times the row counts, ≥ 0; 1 when absent. */
  weight?: Float64Array | undefined;
}

export interface LogisticOptions {
  penalty: Penalty;
  /** λ ≥ 0; sklearn's C is 1/(nλ). Not read when the penalty is none. */
  lambda?: number;
  /** Share of L1 in an elastic net, in [0, 1]; ½ when absent. */
  alpha?: number;
}

export interface LogisticCoefficient {
  name: string;
  /** Change of the log-odds per unit of the feature. */
  coef: number;
  /** Change of the log-odds per standard deviation. */
  standardised: number;
  /** Mean and population standard deviation of the feature in the fitted rows. */
  mean: number;
  sd: number;
}

export interface LogisticModel {
  ok: true;
  model: 'logistic';
  penalty: Penalty;
  lambda: number;
  alpha: number;
  /** Log-odds when every feature is 0. */
  intercept: number;
  /** Log-odds when every feature is at its mean. */
  standardisedIntercept: number;
  coefficients: LogisticCoefficient[];
  /** Mean log loss + λ(α‖b‖₁ + (1 − α)/2 ‖b‖²) in standardised coefficients. */
  objective: number;
  /** Largest violation of the optimality conditions; 0 at the exact minimum. */
  kkt: number;
  iterations: number;
  /** Rows with weight. */
  n: number;
  events: number;
  converged: true;
  diagnostics: Diagnostic[];
}

export interface LogisticRefused {
  ok: false;
  model: 'logistic';
  reason: 'one-class' | 'separation' | 'no-convergence';
  message: string;
  kkt: number | null;
  iterations: number;
  converged: false;
  diagnostics: Diagnostic[];
}

/** Optimality is called at this violation; steps go on while they still improve it. */
const TOLERANCE = 1e-12;
const MAX_ITERATIONS = 100;

/**
 * Minimises mean log loss + λ(α‖b‖₁ + (1 − α)/2 ‖b‖²); the intercept is free. Weights are repetitions.
 *
 * Constant columns, and without an L2 part columns that others already determine, get coefficient 0 and a diagnostic. Separation (an unpenalised
 * coefficient without bound) is refused with the columns that drive it. Cost O(n k²) per step, 5 to 10 steps.
 * @throws RangeError or RowError on misuse: columns of several lengths, a label other than 0 or 1, a feature that is not finite, λ < 0.
 * @example fitLogistic({ names: ['x'], features: [x], label: y }, { penalty: 'l2', lambda: 0.01 })
 */
export function fitLogistic(data: LogisticColumns, options: LogisticOptions): LogisticModel | LogisticRefused {
  const penalty = weights(options);
  const { design, means, sds, kept, n, events, diagnostics } = prepare(data);
  if (!(events > 0 && events < design.total))
    return refused('one-class', 'all labels are equal: there is nothing to learn', null, 0, diagnostics);
  const free = penalty.l2 > 0 || penalty.l1 > 0 ? undefined : independent(design, data.names, kept, diagnostics);
  const columns = free ?? kept;
  const active: Design = { ...design, columns: columns.map((j) => design.columns[j]!) };
  const found = minimise(active, penalty, Math.log(events / (design.total - events)));
  if (found.separatedBy !== undefined) {
    const worst = found.separatedBy.map((at) => data.names[columns[at]!]).join(', ');
    return refused(
      'separation',
      `the labels are separated, wholly or in part, by ${worst}: without a penalty the coefficients have no finite value; use --penalty l2`,
      found.kkt,
      found.iterations,
      diagnostics,
    );
  }
  if (!(found.kkt <= TOLERANCE * 10))
    return refused(
      'no-convergence',
      `the optimality conditions are still violated by ${found.kkt.toExponential(1)}`,
      found.kkt,
      found.iterations,
      diagnostics,
    );
  const standardised = new Float64Array(data.names.length);
  columns.forEach((j, at) => {
    standardised[j] = found.beta[at + 1]!;
  });
  const coefficients = data.names.map((name, j) => ({
    name,
    coef: standardised[j]! === 0 ? 0 : standardised[j]! / sds[j]!,
    standardised: standardised[j]!,
    mean: means[j]!,
    sd: sds[j]!,
  }));
  return {
    ok: true,
    model: 'logistic',
    penalty: options.penalty,
    lambda: penalty.lambda,
    alpha: penalty.alpha,
    intercept: coefficients.reduce((sum, { coef, mean }) => sum - coef * mean, found.beta[0]!),
    standardisedIntercept: found.beta[0]!,
    coefficients,
    objective: found.objective,
    kkt: found.kkt,
    iterations: found.iterations,
    n,
    events,
    converged: true,
    diagnostics,
  };
}

/** Log-odds of each row; features in the order of the coefficients. `rows` matters only when there are no features. */
export function predictLogOdds(
  { intercept, coefficients }: { intercept: number; coefficients: readonly { coef: number }[] },
  features: readonly Float64Array[],
  rows = features[0]?.length ?? 0,
): Float64Array {
  if (features.length !== coefficients.length)
    throw new RangeError(`${features.length} columns for ${coefficients.length} coefficients`);
  return logOdds(features, rows, [intercept, ...coefficients.map(({ coef }) => coef)]);
}

/** Probability from log-odds: 1 / (1 + e^−η). */
export const probability = (eta: Float64Array): Float64Array => eta.map((e) => 1 / (1 + Math.exp(-e)));

interface PenaltyWeights {
  lambda: number;
  alpha: number;
  /** λα and λ(1 − α). */
  l1: number;
  l2: number;
}

function weights({ penalty, lambda = 0, alpha = 0.5 }: LogisticOptions): PenaltyWeights {
  const strength = penalty === 'none' ? 0 : lambda;
  if (!(strength >= 0 && strength < Number.POSITIVE_INFINITY)) throw new RangeError(`lambda ${lambda} is not ≥ 0`);
  const share = penalty === 'l1' ? 1 : penalty === 'elastic-net' ? alpha : 0;
  if (!(share >= 0 && share <= 1)) throw new RangeError(`alpha ${alpha} is not between 0 and 1`);
  return { lambda: strength, alpha: share, l1: strength * share, l2: strength * (1 - share) };
}

/** Checks the columns once, centres and scales them; `kept` are those that vary. */
function prepare({ names, features, label, weight }: LogisticColumns) {
  const rows = label.length;
  if (names.length !== features.length || [...features, weight ?? label].some(({ length }) => length !== rows))
    throw new RangeError('names, features, label and weight must be of one length');
  const counts = weight ?? new Float64Array(rows).fill(1);
  let [total, events, n] = [0, 0, 0];
  for (let i = 0; i < rows; i++) {
    const w = counts[i]!;
    if (!(w >= 0 && w < Number.POSITIVE_INFINITY)) throw new RowError(i, 'weight', `${w} is not a finite number ≥ 0`);
    if (label[i] !== 0 && label[i] !== 1) throw new RowError(i, 'label', `${label[i]} is not 0 or 1`);
    total += w;
    events += w * label[i]!;
    if (w > 0) n++;
  }
  const diagnostics: Diagnostic[] = [];
  const [means, sds, kept]: [number[], number[], number[]] = [[], [], []];
  const columns = features.map((feature, j) => {
    let sum = 0;
    for (let i = 0; i < rows; i++) {
      if (!Number.isFinite(feature[i]!)) throw new RowError(i, names[j]!, `${feature[i]} is not a finite number`);
      sum += counts[i]! * feature[i]!;
    }
    const mean = total > 0 ? sum / total : 0;
    let squares = 0;
    for (let i = 0; i < rows; i++) squares += counts[i]! * (feature[i]! - mean) ** 2;
    const sd = total > 0 ? Math.sqrt(squares / total) : 0;
    means.push(mean);
    sds.push(sd);
    if (sd > 1e-12 * Math.abs(mean)) kept.push(j);
    else diagnostics.push({ code: 'constant-column', message: `${names[j]} never varies: its coefficient is 0` });
    return sd > 0 ? feature.map((value) => (value - mean) / sd) : new Float64Array(rows);
  });
  return { design: { columns, label, weight: counts, total }, means, sds, kept, n, events, diagnostics };
}

/** Columns that the ones before them do not determine, by pivots of the correlation matrix; the others are named in a diagnostic. */
function independent(design: Design, names: readonly string[], kept: number[], diagnostics: Diagnostic[]): number[] {
  const flat = { ...design, columns: kept.map((j) => design.columns[j]!) };
  const { hessian } = derivatives(flat, new Float64Array(design.label.length));
  const chosen: number[] = [];
  kept.forEach((j, at) => {
    const tried = [...chosen, at];
    const corner = tried.map((a) => tried.map((b) => 4 * hessian[a + 1]![b + 1]!));
    const pivot = cholesky(corner)?.at(-1)?.at(-1) ?? 0;
    if (pivot > 1e-6) chosen.push(at);
    else
      diagnostics.push({
        code: 'collinear-column',
        message: `${names[j]} is determined by other columns: its coefficient is 0`,
      });
  });
  return chosen.map((at) => kept[at]!);
}

interface Minimum {
  beta: number[];
  objective: number;
  kkt: number;
  iterations: number;
  separatedBy?: number[];
}

/** Damped (proximal) Newton steps until the optimality conditions hold and no step improves them. */
function minimise(design: Design, { l1, l2 }: PenaltyWeights, prior: number): Minimum {
  const n = design.label.length;
  const value = (beta: readonly number[], eta: Float64Array) =>
    beta.reduce((sum, b, j) => (j === 0 ? sum : sum + l1 * Math.abs(b) + (l2 / 2) * b * b), meanLoss(design, eta));
  let beta = [prior, ...design.columns.map(() => 0)];
  let eta = logOdds(design.columns, n, beta);
  let objective = value(beta, eta);
  let best: Minimum = { beta, objective, kkt: Number.POSITIVE_INFINITY, iterations: 0 };
  for (let iteration = 0; iteration < MAX_ITERATIONS; iteration++) {
    const { gradient, hessian } = derivatives(design, eta);
    for (let j = 1; j < beta.length; j++) {
      gradient[j]! += l2 * beta[j]!;
      hessian[j]![j]! += l2;
    }
    const kkt = violation(beta, gradient, l1);
    const stalled = kkt <= TOLERANCE && kkt >= best.kkt / 2;
    if (kkt < best.kkt) best = { beta, objective, kkt, iterations: iteration };
    if (stalled || best.kkt === 0) return best;
    const step = l1 > 0 ? proximalStep(beta, gradient, hessian, l1) : newtonStep(gradient, hessian);
    const change = logOdds(design.columns, n, step);
    if (l1 === 0 && l2 === 0 && kkt < 1e-6 && (step.some(Number.isNaN) || largest(change) > 0.5))
      return { ...best, separatedBy: drivers(step, beta) };
    let scale = 1;
    let next = move(beta, step, 1);
    let nextEta = eta.map((e, i) => e + change[i]!);
    let nextObjective = value(next, nextEta);
    while (!(nextObjective <= objective * (1 + 1e-13)) && scale > 1e-9) {
      scale /= 2;
      next = move(beta, step, scale);
      nextEta = eta.map((e, i) => e + scale * change[i]!);
      nextObjective = value(next, nextEta);
    }
    beta = next;
    // Afresh, so that rounding does not add up.
    eta = logOdds(design.columns, n, beta);
    objective = nextObjective;
  }
  return best;
}

const move = (beta: readonly number[], step: readonly number[], scale: number) =>
  beta.map((b, j) => (scale === 1 && b === -step[j]! ? 0 : b + scale * step[j]!));

const largest = (values: Float64Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** Largest distance of 0 from the subdifferential. */
function violation(beta: readonly number[], gradient: readonly number[], l1: number): number {
  return gradient.reduce((most, g, j) => {
    const b = beta[j]!;
    const off = j === 0 ? Math.abs(g) : b === 0 ? Math.max(0, Math.abs(g) - l1) : Math.abs(g + l1 * Math.sign(b));
    return Math.max(most, off);
  }, 0);
}

/** −H⁻¹g; a trace of ridge when H is singular to working precision. NaN when it has no inverse at all. */
function newtonStep(gradient: readonly number[], hessian: number[][]): number[] {
  const factor =
    cholesky(hessian) ?? cholesky(hessian.map((row, i) => row.map((h, j) => (i === j ? h * (1 + 1e-12) : h))));
  return factor === undefined ? gradient.map(() => Number.NaN) : choleskySolve(factor, gradient).map((d) => -d);
}

/** Minimiser of the quadratic model plus λα‖b + d‖₁ by cyclic coordinate descent; zeros come out exact. */
function proximalStep(beta: readonly number[], gradient: readonly number[], hessian: number[][], l1: number): number[] {
  const k = beta.length;
  const target = beta.slice();
  const slope = gradient.slice();
  for (let sweep = 0; sweep < 20_000; sweep++) {
    let change = 0;
    for (let j = 0; j < k; j++) {
      const h = hessian[j]![j]!;
      if (!(h > 0)) continue;
      const pull = h * target[j]! - slope[j]!;
      const wanted = j === 0 ? pull / h : (Math.sign(pull) * Math.max(0, Math.abs(pull) - l1)) / h;
      const delta = wanted - target[j]!;
      if (delta === 0) continue;
      target[j] = wanted;
      for (let i = 0; i < k; i++) slope[i]! += delta * hessian[i]![j]!;
      change = Math.max(change, Math.abs(delta) * Math.sqrt(h));
    }
    if (change <= 1e-16) break;
  }
  return target.map((b, j) => b - beta[j]!);
}

/** Positions of the coefficients that still move, most first; of the largest ones when the step is unknown. */
function drivers(step: readonly number[], beta: readonly number[]): number[] {
  const moving = (step.some(Number.isNaN) ? beta : step).slice(1).map((size, at) => ({ at, size: Math.abs(size) }));
  const most = moving.reduce((max, { size }) => Math.max(max, size), 0);
  return moving
    .filter(({ size }) => size > most / 4)
    .sort((a, b) => b.size - a.size)
    .slice(0, 3)
    .map(({ at }) => at);
}

const refused = (
  reason: LogisticRefused['reason'],
  message: string,
  kkt: number | null,
  iterations: number,
  diagnostics: Diagnostic[],
): LogisticRefused => ({
  ok: false,
  model: 'logistic',
  reason,
  message,
  kkt,
  iterations,
  converged: false,
  diagnostics,
});
