// Which calibration? The one whose Brier score on rows it was not fitted to is clearly lower; else the simpler one.

import { ok, type Result, refuse } from '../result.ts';
import { type Calibration, calibrate, fitIsotonic, fitPlatt } from './calibration.ts';
import { type Fold, makeFolds } from './folds.ts';
import { type ScoredColumns, scoredRows } from './scored-rows.ts';

export type CalibrationMethod = Calibration['method'];

export interface CalibrationTrial {
  method: CalibrationMethod;
  /** Mean squared error on rows the trial was not fitted to; null when it could not be fitted, with why in `reason`. */
  brier: number | null;
  /** Simpler method it has to beat, its Brier minus that one's (negative is better), and the standard error of the difference. */
  against: CalibrationMethod | null;
  difference: number | null;
  standardError: number | null;
  reason: string;
}

export interface ChosenCalibration {
  /** Fitted to all rows. */
  calibration: Calibration;
  /** From the simplest to the richest. */
  trials: CalibrationTrial[];
}

const FOLDS = 5;
/** Better by this many standard errors is clearly better (one chance in forty). */
const CLEAR = 1.96;

/**
 * Identity, Platt or isotonic, by cross-fitting: each fifth of the rows is calibrated by what the other four say, and the Brier scores are compared
 * row by row. Starting from the identity, a richer method takes over only when its Brier score is lower by 1.96 standard errors of the paired
 * difference. Rows of one group are never on both sides, and count as one in the standard error.
 *
 * @param columns score: log-odds of rows the model was not fitted to; weights are repetitions.  @param group a whole number per row (folds.ts).
 * @returns refused without rows of positive weight. With too few groups for folds, or one label only, the identity.
 */
export function chooseCalibration(columns: ScoredColumns, group?: ArrayLike<number>): Result<ChosenCalibration> {
  const { label, score, weight, total } = scoredRows(columns);
  if (!(total > 0)) return refuse('no rows with weight');
  const folds = makeFolds({ rows: label.length, group }, FOLDS);
  const squares = (scores: Float64Array) => scores.map((p, i) => (p - label[i]!) ** 2);
  const meanOf = (errors: Float64Array) => errors.reduce((sum, e, i) => sum + weight[i]! * e, 0) / total;
  const raw = squares(calibrate({ method: 'identity' }, score));
  let chosen: { method: CalibrationMethod; calibration: Calibration; errors: Float64Array } = {
    method: 'identity',
    calibration: { method: 'identity' },
    errors: raw,
  };
  const trials: CalibrationTrial[] = [
    {
      method: 'identity',
      brier: meanOf(raw),
      against: null,
      difference: null,
      standardError: null,
      reason: 'the scores as they are',
    },
  ];
  for (const [method, fitTo] of [
    ['platt', fitPlatt],
    ['isotonic', fitIsotonic],
  ] as const) {
    const whole = fitTo({ label, score, weight });
    const crossed = folds.ok ? crossFit({ label, score, weight }, folds.value, fitTo) : folds;
    if (!whole.ok || !crossed.ok) {
      const reason = `cannot be fitted: ${!whole.ok ? whole.reason : !crossed.ok ? crossed.reason : ''}`;
      trials.push({ method, brier: null, against: chosen.method, difference: null, standardError: null, reason });
      continue;
    }
    const errors = squares(crossed.value);
    const gap = errors.map((e, i) => e - chosen.errors[i]!);
    const difference = meanOf(gap);
    const standardError = errorOfMean(gap, weight, difference, group);
    const better = difference < -CLEAR * standardError;
    trials.push({
      method,
      brier: meanOf(errors),
      against: chosen.method,
      difference,
      standardError,
      reason: better
        ? `clearly better than ${chosen.method}`
        : difference < 0
          ? `better than ${chosen.method}, but not clearly: the simpler one stays`
          : `no better than ${chosen.method}`,
    });
    if (better) chosen = { method, calibration: whole.value, errors };
  }
  return ok({ calibration: chosen.calibration, trials });
}

/** Each validated row's probability by a calibration fitted to the other folds. */
function crossFit(
  { label, score, weight }: ScoredColumns & { weight: Float64Array },
  folds: readonly Fold[],
  fitTo: (columns: ScoredColumns) => Result<Calibration>,
): Result<Float64Array> {
  const crossed = new Float64Array(label.length);
  const pick = (column: Float64Array, rows: Uint32Array) => Float64Array.from(rows, (row) => column[row]!);
  for (const { train, validate } of folds) {
    const fitted = fitTo({ label: pick(label, train), score: pick(score, train), weight: pick(weight, train) });
    if (!fitted.ok) return fitted;
    const found = calibrate(fitted.value, pick(score, validate));
    validate.forEach((row, at) => {
      crossed[row] = found[at]!;
    });
  }
  return ok(crossed);
}

/** Of a weighted mean: weights repeat a row; rows of one group are added up first. */
function errorOfMean(values: Float64Array, weight: Float64Array, mean: number, group?: ArrayLike<number>): number {
  const sums = new Map<number, number>();
  let [squares, total, count] = [0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const w = weight[i]!;
    const off = values[i]! - mean;
    total += w;
    if (group === undefined) {
      squares += w * off * off;
      count += w;
    } else if (w > 0) sums.set(group[i]!, (sums.get(group[i]!) ?? 0) + w * off);
  }
  for (const sum of sums.values()) squares += sum * sum;
  const units = group === undefined ? count : sums.size;
  return units > 1 ? Math.sqrt((squares * units) / (units - 1)) / total : Number.POSITIVE_INFINITY;
}
