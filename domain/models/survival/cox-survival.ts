// What a Cox model says about one customer: S(t | x) and, for one who is still there, S(t + h | active at t), with limits.
import { type CoxCurve, type CoxModel, linearPredictor } from './cox.ts';
import type { CoxColumns } from './cox-design.ts';
import { blockSums, cumulateColumns, fittedTo } from './cox-fitted.ts';
import { cumulate } from './cox-likelihood.ts';
import { type BandType, bandOf, zOf } from './kaplan-meier.ts';

/**
 * P(event after t | x, no event up to `alive`) = exp(−(H(t) − H(alive))·exp(xᵀβ)), H the baseline at the means: what the owner of a running
 * subscription asks. 1 for t ≤ alive; past the last event time the curve stays flat.
 *
 * @param x in the order of the coefficients.  @param stratum index of the baseline, 0 when there is one.
 * @throws RangeError for a stratum the model has not.
 */
export function survival(model: CoxCurve, x: ArrayLike<number>, t: number, alive = 0, stratum = 0): number {
  const curve = model.baseline[stratum];
  if (curve === undefined) throw new RangeError(`stratum ${stratum}: the model has ${model.baseline.length}`);
  const { time, cumulativeHazard } = curve;
  const upTo = (limit: number) => valueAt(time, cumulativeHazard, limit);
  const hazard = alive > 0 ? upTo(t) - upTo(alive) : upTo(t);
  return hazard > 0 ? Math.exp(-hazard * Math.exp(linearPredictor(model, x))) : 1;
}

/** A cumulative step function at `limit`: 0 before the first time. */
function valueAt(time: ArrayLike<number>, values: ArrayLike<number>, limit: number): number {
  const place = placeAt(time, limit);
  return place < 0 ? 0 : values[place]!;
}

/** Index of the last time ≤ limit; −1 before the first. */
function placeAt(time: ArrayLike<number>, limit: number): number {
  let low = 0;
  let high = time.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (time[middle]! <= limit) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Per stratum, at the times of its baseline: what limits of predictions need beside the model. Plain arrays, so it can be stored with it. */
export interface BaselineUncertainty {
  /** Σ w/S0²: variance of the cumulative hazard at the means, were the coefficients known. */
  variance: number[];
  /** ∫ (x̄ − means) dΛ by time, in the order of the coefficients. */
  drift: number[][];
}

/** @throws RangeError for exact ties or columns the model was not fitted to. */
export function baselineUncertainty(columns: CoxColumns, model: CoxModel): BaselineUncertainty[] {
  const fitted = fittedTo(columns, model);
  const { design, kept, deviation } = fitted;
  const sums = blockSums(fitted);
  const variance = cumulate(design, sums.variance);
  const mean = cumulateColumns(design, sums.mean);
  const strata: BaselineUncertainty[] = model.baseline.map(() => ({ variance: [], drift: [] }));
  for (let block = design.deaths.length - 1; block >= 0; block--) {
    if (design.deaths[block] === 0) continue;
    const stratum = strata[design.blockStratum[block]!]!;
    const drift = new Array<number>(model.means.length).fill(0);
    kept.forEach((j, k) => {
      drift[j] = mean[block * design.p + k]! * deviation[k]!;
    });
    stratum.variance.push(variance[block]!);
    stratum.drift.push(drift);
  }
  return strata;
}

export interface SurvivalEstimate {
  survival: number;
  /** Of the survival; null where it is 0. */
  standardError: number | null;
  lower: number | null;
  upper: number | null;
}

/**
 * `survival` with its limits: with ΔΛ and Δd the increments of hazard and drift from `alive` to t, r = exp(xᵀβ) at the means,
 *
 *   Var(−ln S) = r² [ΔVar + (x·ΔΛ − Δd)ᵀ V (x·ΔΛ − Δd)],   x less the means
 *
 * the uncertainty of the baseline and of the coefficients (Tsiatis 1981; Therneau & Grambsch 2000, §10.2), which for alive = 0 is that of
 * R's survfit.coxph. It holds for the future of one who was drawn from the fitted population; past the last event nothing is known.
 *
 * @throws RangeError for a stratum the model has not, or a level outside (0, 1).
 */
export function survivalWithLimits(
  model: CoxModel,
  uncertainty: readonly BaselineUncertainty[],
  x: ArrayLike<number>,
  t: number,
  { alive = 0, stratum = 0, level = 0.95, band = 'log-log' }: SurvivalQuestion = {},
): SurvivalEstimate {
  const z = zOf(level);
  const value = survival(model, x, t, alive, stratum);
  if (value === 1) return { survival: 1, standardError: 0, lower: 1, upper: 1 };
  if (value === 0) return { survival: 0, standardError: null, lower: null, upper: null };
  const { time, cumulativeHazard } = model.baseline[stratum]!;
  const { variance, drift } = uncertainty[stratum]!;
  const [from, to] = [alive > 0 ? placeAt(time, alive) : -1, placeAt(time, t)];
  const increment = (values: readonly number[]) => values[to]! - (from < 0 ? 0 : values[from]!);
  const hazard = increment(cumulativeHazard);
  const q = model.means.map(
    (mean, j) => (x[j]! - mean) * hazard - (drift[to]![j]! - (from < 0 ? 0 : drift[from]![j]!)),
  );
  const fromCoefficients = q.reduce(
    (sum, value, j) => sum + value * model.covariance[j]!.reduce((inner, v, k) => inner + v * q[k]!, 0),
    0,
  );
  const ratio = Math.exp(linearPredictor(model, x));
  const error = ratio * Math.sqrt(Math.max(0, increment(variance) + fromCoefficients));
  return { survival: value, standardError: value * error, ...bandOf(value, error, z, band) };
}

export interface SurvivalQuestion {
  /** No event up to here. */
  alive?: number;
  stratum?: number;
  /** Confidence of the limits, 0.95 when not told. */
  level?: number;
  band?: BandType;
}
