// How strong a penalty? The path of solutions from the strongest to a weak one (Friedman, Hastie & Tibshirani 2010, "glmnet"), each with its
// certificate of optimality, and the choice among them by cross-validation.
import { ok, type Result, refuse } from '../result.ts';
import type { Diagnostic } from './fit.ts';
import type { Fold } from './folds.ts';
import {
  answer,
  hasBothLabels,
  type LogisticColumns,
  type LogisticModel,
  ONE_LABEL,
  type Penalty,
  penaltyWeights,
  predictLogOdds,
} from './logistic.ts';
import { design, drive, nullCoefficients, rowsOf } from './logistic-design.ts';
import { minimise, type Passes, pointAt } from './logistic-newton.ts';

export interface PathOptions {
  penalty: Exclude<Penalty, 'none'>;
  /** Share of L1 in an elastic net. */
  alpha?: number;
  /** The λs to solve for, descending; a geometric sequence from λmax when absent. */
  lambdas?: readonly number[];
  /** Length of that sequence, and its last over its first. */
  count?: number;
  ratio?: number;
}

const COUNT = 50;
const RATIO = 1e-4;
/** As glmnet: a ridge has no λ that silences all coefficients; it begins where this share of L1 would. */
const LEAST_ALPHA = 1e-3;

/**
 * Solutions from strong to weak penalty, each started from the one before.
 *
 * λmax is the least λ at which the L1 part silences every coefficient: max |∂loss/∂b| / α at the event rate alone.
 * @returns a model per λ, each with `kkt` ≤ 1e-11; refused with one class, or where a λ does not converge.
 * @throws as `fitLogistic`.
 */
export function fitPath(data: LogisticColumns, options: PathOptions): Result<LogisticModel[]> {
  const rows = rowsOf(data);
  return drive(rows, path());

  function* path(): Passes<Result<LogisticModel[]>> {
    const whole = yield* design(rows, data.names);
    if (!hasBothLabels(whole)) return refuse(ONE_LABEL);
    let point = yield* pointAt(whole.scale, nullCoefficients(whole), whole.total);
    const models: LogisticModel[] = [];
    for (const lambda of options.lambdas ?? sequence(point.gradient, options)) {
      const at = { penalty: options.penalty, lambda, ...(options.alpha === undefined ? {} : { alpha: options.alpha }) };
      const found = yield* minimise(whole.scale, penaltyWeights(at), point, whole.total);
      const model = answer(whole, at, found);
      if (!model.ok) return refuse(`at λ = ${lambda.toPrecision(6)}: ${model.message}`);
      models.push(model);
      point = found.point;
    }
    return ok(models);
  }
}

function sequence(
  gradient: readonly number[],
  { penalty, alpha, count = COUNT, ratio = RATIO }: PathOptions,
): number[] {
  const share = penaltyWeights({ penalty, lambda: 1, ...(alpha === undefined ? {} : { alpha }) }).l1;
  const steepest = gradient.slice(1).reduce((most, g) => Math.max(most, Math.abs(g)), 0);
  // Nothing varies: any λ gives the event rate.
  const most = steepest > 0 ? steepest / Math.max(share, LEAST_ALPHA) : 1;
  return Array.from({ length: count }, (_, i) => most * ratio ** (count > 1 ? i / (count - 1) : 0));
}

export interface ValidatedLambda {
  lambda: number;
  /** Mean log loss on rows not trained on, over the folds by their weight. */
  loss: number;
  /** Standard error of that mean from the spread of the folds. */
  standardError: number;
  /** Coefficients other than 0 in the fit to all rows. */
  nonzero: number;
  /** Violation of the optimality conditions in the fit to all rows, and the worst of the folds'. */
  kkt: number;
  worstKkt: number;
}

export interface CrossValidation {
  /** From the strongest penalty to the weakest. */
  path: ValidatedLambda[];
  /** λ of the least loss. */
  best: number;
  /** The strongest penalty whose loss is within one standard error of the least: the simplest model that is not clearly worse. */
  oneStandardError: number;
  folds: { train: number; validate: number; from: number | null; until: number | null; loss: number }[];
  diagnostics: Diagnostic[];
}

/**
 * Chooses λ on the given folds. λs are those of the path over all rows; each fold solves for them on its own training rows, standardised by
 * themselves. As in glmnet's cv.glmnet: the loss is the folds' mean by validated weight, its standard error √(Σ w (lossₖ − loss)²/Σ w/(K − 1)).
 *
 * @returns refused when fewer than two folds have both labels among their training rows, or where a fit is.
 */
export function crossValidate(
  data: LogisticColumns,
  options: PathOptions,
  folds: readonly Fold[],
): Result<CrossValidation> {
  const whole = fitPath(data, options);
  if (!whole.ok) return whole;
  const lambdas = whole.value.map(({ lambda }) => lambda);
  const diagnostics: Diagnostic[] = [];
  const checked: { fold: Fold; weight: number; losses: number[]; kkt: number[] }[] = [];
  for (const [k, fold] of folds.entries()) {
    const validate = pick(data, fold.validate);
    const weight = validate.weight?.reduce((sum, w) => sum + w, 0) ?? fold.validate.length;
    const models = fitPath(pick(data, fold.train), { ...options, lambdas });
    if (models.ok && weight > 0)
      checked.push({
        fold,
        weight,
        losses: models.value.map((model) =>
          logLoss(validate, predictLogOdds(model, validate.features, validate.label.length)),
        ),
        kkt: models.value.map(({ kkt }) => kkt),
      });
    else
      diagnostics.push({
        code: 'fold-left-out',
        message: `fold ${k + 1} of ${folds.length} is left out: ${models.ok ? 'its validation rows have no weight' : models.reason}`,
      });
  }
  if (checked.length < 2)
    return refuse(`only ${checked.length} of ${folds.length} folds could be used; two are needed`);
  const total = checked.reduce((sum, { weight }) => sum + weight, 0);
  const mean = (value: (fold: (typeof checked)[number]) => number) =>
    checked.reduce((sum, fold) => sum + fold.weight * value(fold), 0) / total;
  const validated = whole.value.map(({ lambda, coefficients, kkt }, i): ValidatedLambda => {
    const loss = mean(({ losses }) => losses[i]!);
    return {
      lambda,
      loss,
      standardError: Math.sqrt(mean(({ losses }) => (losses[i]! - loss) ** 2) / (checked.length - 1)),
      nonzero: coefficients.filter(({ coef }) => coef !== 0).length,
      kkt,
      worstKkt: Math.max(...checked.map((fold) => fold.kkt[i]!)),
    };
  });
  const least = validated.reduce((a, b) => (b.loss < a.loss ? b : a));
  const within = validated.find(({ loss }) => loss <= least.loss + least.standardError)!;
  return ok({
    path: validated,
    best: least.lambda,
    oneStandardError: within.lambda,
    folds: checked.map(({ fold, losses }) => ({
      train: fold.train.length,
      validate: fold.validate.length,
      from: fold.from,
      until: fold.until,
      loss: losses[validated.indexOf(least)]!,
    })),
    diagnostics,
  });
}

function pick({ names, features, label, weight }: LogisticColumns, rows: Uint32Array): LogisticColumns {
  const column = (values: Float64Array) => {
    const picked = new Float64Array(rows.length);
    for (let i = 0; i < rows.length; i++) picked[i] = values[rows[i]!]!;
    return picked;
  };
  return { names, features: features.map(column), label: column(label), weight: weight && column(weight) };
}

function logLoss({ label, weight }: LogisticColumns, eta: Float64Array): number {
  let [sum, total] = [0, 0];
  for (let i = 0; i < eta.length; i++) {
    const [e, w] = [eta[i]!, weight?.[i] ?? 1];
    sum += w * (Math.max(e, 0) - label[i]! * e + Math.log1p(Math.exp(-Math.abs(e))));
    total += w;
  }
  return sum / total;
}
