// What single rows say about a fitted Cox model: residuals by their usual names (Therneau & Grambsch 2000, ch. 4), as R's residuals.coxph.
import type { CoxModel } from './cox.ts';
import type { CoxColumns } from './cox-design.ts';
import { blockSums, cumulateColumns, type Fitted, fittedTo } from './cox-fitted.ts';
import { cumulate, passed } from './cox-likelihood.ts';

export interface CoxResiduals {
  /** Observed less expected events of each row, δ − r·Λ: in (−∞, 1], summing to 0 with the weights. */
  martingale: Float64Array;
  /** The same made symmetric: sign(M)·√(−2(M + δ ln(δ − M))). */
  deviance: Float64Array;
  /** Row by coefficient: the row's part of the gradient, in the order of the coefficients; 0 for a column left out. */
  score: Float64Array[];
  /** Row by coefficient: about how much the coefficient is larger for the row's being there. */
  dfbeta: Float64Array[];
}

/**
 * Residuals of the rows, in their order and without their weights. O(n p).
 *
 * @throws RangeError for exact ties or columns the model was not fitted to.
 */
export function residuals(columns: CoxColumns, model: CoxModel): CoxResiduals {
  const fitted = fittedTo(columns, model);
  const { design } = fitted;
  const { n, event, source, entryBlock, blockOf, p, x } = design;
  const sums = blockSums(fitted);
  const hazard = cumulate(design, sums.hazard);
  const mean = cumulateColumns(design, sums.mean);
  const count = model.coefficients.length;
  const martingale = new Float64Array(n);
  const deviance = new Float64Array(n);
  const score = Array.from({ length: n }, () => new Float64Array(count));
  const dfbeta = Array.from({ length: n }, () => new Float64Array(count));
  const own = new Float64Array(p);
  for (let i = 0; i < n; i++) {
    const row = source[i]!;
    const observed = event[i]!;
    const lambda = passed(design, i, hazard, sums.unseenHazard);
    const expected = fitted.risk[i]! * lambda;
    const m = observed - expected;
    martingale[row] = m;
    deviance[row] =
      Math.sign(m) *
      Math.sqrt(Math.max(0, -2 * (m + (observed === 1 ? Math.log(Math.max(expected, Number.MIN_VALUE)) : 0))));
    const block = blockOf[i]! * p;
    const start = entryBlock === undefined || entryBlock[i]! < 0 ? -1 : entryBlock[i]! * p;
    for (let j = 0; j < p; j++) {
      const through = mean[block + j]! - (start < 0 ? 0 : mean[start + j]!) - observed * sums.unseenMean[block + j]!;
      const z = x[i * p + j]!;
      own[j] = observed * (z - sums.atEvents[block + j]!) - fitted.risk[i]! * (z * lambda - through);
    }
    spread(fitted, own, score[row]!, dfbeta[row]!);
  }
  return { martingale, deviance, score, dfbeta };
}

/** From the scaled columns back to those of the model. */
function spread({ kept, deviation, covariance }: Fitted, own: Float64Array, score: Float64Array, dfbeta: Float64Array) {
  kept.forEach((j, k) => {
    score[j] = own[k]! * deviation[k]!;
    let shift = 0;
    for (let l = 0; l < own.length; l++) shift += covariance[k]![l]! * own[l]!;
    dfbeta[j] = shift / deviation[k]!;
  });
}

export interface SchoenfeldResiduals {
  /** Of each event, by stratum and time. */
  row: Uint32Array;
  time: Float64Array;
  stratum: Uint32Array;
  /** Event by coefficient: the event's covariates less their mean in its risk set, by risk; tied events share the mean of their steps. */
  residual: Float64Array[];
  /** coef + events·covariance·residual: about the coefficient at that time (Grambsch & Therneau 1994). */
  scaled: Float64Array[];
}

/** @throws RangeError for exact ties or columns the model was not fitted to. */
export function schoenfeldResiduals(columns: CoxColumns, model: CoxModel): SchoenfeldResiduals {
  const fitted = fittedTo(columns, model);
  const { design, kept, deviation, covariance } = fitted;
  const { n, p, x, event, blockOf, blockTime, blockStratum, source } = design;
  const { atEvents } = blockSums(fitted);
  const places: number[] = [];
  for (let i = 0; i < n; i++) if (event[i] === 1) places.push(i);
  // Rows of a design go from the last time to the first.
  places.sort((a, b) => blockStratum[blockOf[a]!]! - blockStratum[blockOf[b]!]! || blockOf[b]! - blockOf[a]! || a - b);
  const residual: Float64Array[] = [];
  const scaled: Float64Array[] = [];
  for (const i of places) {
    const [plain, about] = [new Float64Array(model.means.length), new Float64Array(model.means.length)];
    const own = kept.map((_, k) => x[i * p + k]! - atEvents[blockOf[i]! * p + k]!);
    kept.forEach((j, k) => {
      plain[j] = own[k]! * deviation[k]!;
      const shift = own.reduce((sum, value, l) => sum + covariance[k]![l]! * value, 0);
      about[j] = model.coefficients[j]!.coef! + (model.events * shift) / deviation[k]!;
    });
    residual.push(plain);
    scaled.push(about);
  }
  return {
    row: Uint32Array.from(places, (i) => source[i]!),
    time: Float64Array.from(places, (i) => blockTime[blockOf[i]!]!),
    stratum: Uint32Array.from(places, (i) => blockStratum[blockOf[i]!]!),
    residual,
    scaled,
  };
}

/**
 * The sandwich of Lin & Wei (1989): Σ over the clusters of d·dᵀ, d the sum of the cluster's weighted dfbeta. Right for several rows of a
 * customer, for weights that are not counts, and for hazards that are not quite proportional.
 *
 * @param cluster one code per row, rows of one customer alike; without it each row is its own.
 * @returns covariance of the coefficients, in their order; 0 for a column left out.
 * @throws RangeError for exact ties, columns the model was not fitted to, or fewer than two clusters.
 */
export function robustCovariance(columns: CoxColumns, model: CoxModel, cluster?: ArrayLike<number>): number[][] {
  const { dfbeta } = residuals(columns, model);
  if (cluster !== undefined && cluster.length !== dfbeta.length) throw new RangeError('columns differ in length');
  const sums = new Map<number, Float64Array>();
  dfbeta.forEach((own, i) => {
    const key = cluster === undefined ? i : cluster[i]!;
    const w = columns.weight === undefined ? 1 : columns.weight[i]!;
    const sum = sums.get(key);
    if (sum === undefined)
      sums.set(
        key,
        own.map((value) => w * value),
      );
    else for (let j = 0; j < own.length; j++) sum[j]! += w * own[j]!;
  });
  if (sums.size < 2) throw new RangeError('a robust covariance needs at least two clusters');
  const covariance = model.means.map(() => model.means.map(() => 0));
  for (const d of sums.values())
    for (let j = 0; j < d.length; j++) for (let k = 0; k < d.length; k++) covariance[j]![k]! += d[j]! * d[k]!;
  return covariance;
}
