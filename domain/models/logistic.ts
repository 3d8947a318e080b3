// Logistic regression with an L2, L1, elastic-net or no penalty: features standardised inside, a certificate of optimality in the answer.
import type { Diagnostic } from './fit.ts';
import {
  design,
  drive,
  driveBy,
  independent,
  type LogisticColumns,
  type LogisticDesign,
  rowsOf,
  start,
} from './logistic-design.ts';
import { type LogisticRows, logOdds, type Pass } from './logistic-kernel.ts';
import { type Minimum, minimise, type Passes, type PenaltyWeights } from './logistic-newton.ts';

export type { LogisticColumns };
export type Penalty = 'l2' | 'l1' | 'elastic-net' | 'none';

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

/** A fit is handed over with at most this violation of the optimality conditions. */
const TOLERANCE = 1e-11;

/**
 * Minimises mean log loss + λ(α‖b‖₁ + (1 − α)/2 ‖b‖²); the intercept is free. Weights are repetitions.
 *
 * Constant columns, and without an L2 part columns that others already determine, get coefficient 0 and a diagnostic. Separation (an unpenalised
 * coefficient without bound) is refused with the columns that drive it. Cost O(n k²) a step, two or three steps of all rows after a sample's.
 * @throws RangeError or RowError on misuse: columns of several lengths, a label other than 0 or 1, a feature that is not finite, λ < 0.
 * @example fitLogistic({ names: ['x'], features: [x], label: y }, { penalty: 'l2', lambda: 0.01 })
 */
export function fitLogistic(data: LogisticColumns, options: LogisticOptions): LogisticModel | LogisticRefused {
  const rows = rowsOf(data);
  return drive(rows, fitting(rows, data.names, options));
}

/**
 * The same fit, to the last bit, with the passes over the rows made elsewhere.
 *
 * @param sums answers a pass over `rows` with `addChunks` of every chunk's sums, in their order.
 */
export function fitLogisticBy(
  rows: LogisticRows,
  names: readonly string[],
  options: LogisticOptions,
  sums: (pass: Pass) => Promise<Float64Array>,
): Promise<LogisticModel | LogisticRefused> {
  return driveBy(sums, fitting(rows, names, options));
}

function* fitting(
  rows: LogisticRows,
  names: readonly string[],
  options: LogisticOptions,
): Passes<LogisticModel | LogisticRefused> {
  const penalty = penaltyWeights(options);
  const whole = yield* design(rows, names);
  const { diagnostics } = whole;
  if (!hasBothLabels(whole)) return refused('one-class', ONE_LABEL, null, 0, diagnostics);
  const used = penalty.l1 === 0 && penalty.l2 === 0 ? yield* independent(whole) : whole;
  const point = yield* start(used, penalty);
  return answer(used, options, yield* minimise(used.scale, penalty, point, used.total));
}

export const ONE_LABEL = 'all labels are equal: there is nothing to learn';

export const hasBothLabels = ({ events, total }: LogisticDesign): boolean => events > 0 && events < total;

/** A minimum in the words of the design. */
export function answer(
  { names, mean, sd, scale, n, events, diagnostics }: LogisticDesign,
  options: LogisticOptions,
  found: Minimum,
): LogisticModel | LogisticRefused {
  const { lambda, alpha } = penaltyWeights(options);
  const { beta } = found.point;
  if (found.separatedBy !== undefined) {
    const worst = found.separatedBy.map((at) => names[scale.columns[at]!]!).join(', ');
    return refused(
      'separation',
      `the labels are separated, wholly or in part, by ${worst}: without a penalty the coefficients have no finite value; use --penalty l2`,
      found.kkt,
      found.iterations,
      diagnostics,
    );
  }
  if (!(found.kkt <= TOLERANCE))
    return refused(
      'no-convergence',
      `the optimality conditions are still violated by ${found.kkt.toExponential(1)}`,
      found.kkt,
      found.iterations,
      diagnostics,
    );
  const standardised = new Float64Array(names.length);
  scale.columns.forEach((j, at) => {
    standardised[j] = beta[at + 1]!;
  });
  const coefficients = names.map((name, j) => ({
    name,
    coef: standardised[j]! === 0 ? 0 : standardised[j]! / sd[j]!,
    standardised: standardised[j]!,
    mean: mean[j]!,
    sd: sd[j]!,
  }));
  return {
    ok: true,
    model: 'logistic',
    penalty: options.penalty,
    lambda,
    alpha,
    intercept: coefficients.reduce((sum, { coef, mean }) => sum - coef * mean, beta[0]!),
    standardisedIntercept: beta[0]!,
    coefficients,
    objective: found.objective,
    kkt: found.kkt,
    iterations: found.iterations,
    n,
    events,
    converged: true,
    diagnostics: found.point.separated
      ? [
          ...diagnostics,
          {
            code: 'separation',
            message:
              'the features tell the labels of these rows apart completely: how far the probabilities lie apart is the doing of the penalty, not of the data',
          },
        ]
      : diagnostics,
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

/** @throws RangeError when λ or α is outside its domain. */
export function penaltyWeights({ penalty, lambda = 0, alpha = 0.5 }: LogisticOptions): PenaltyWeights & {
  lambda: number;
  alpha: number;
} {
  const strength = penalty === 'none' ? 0 : lambda;
  if (!(strength >= 0 && strength < Number.POSITIVE_INFINITY)) throw new RangeError(`lambda ${lambda} is not ≥ 0`);
  const share = penalty === 'l1' ? 1 : penalty === 'elastic-net' ? alpha : 0;
  if (!(share >= 0 && share <= 1)) throw new RangeError(`alpha ${alpha} is not between 0 and 1`);
  return { lambda: strength, alpha: share, l1: strength * share, l2: strength * (1 - share) };
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
