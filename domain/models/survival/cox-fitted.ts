// A fitted Cox model beside its rows again: what residuals, tests and limits are computed from.
import type { CoxModel } from './cox.ts';
import { type CoxColumns, checkCox, createDesign, type Design, scaleOf } from './cox-design.ts';
import { risks, type Ties, walkRiskSets } from './cox-likelihood.ts';

export interface Fitted {
  design: Design;
  ties: Ties;
  /** Indices of the coefficients that were estimated, the order of the columns of `design`; their scale and coefficient per deviation. */
  kept: number[];
  deviation: number[];
  beta: number[];
  /** Of `beta`. */
  covariance: number[][];
  /** exp(x_iᵀβ) at the means, without weights, by row of the design. */
  risk: Float64Array;
}

/**
 * @param columns those the model was fitted to.
 * @throws RangeError for another number of covariates, or for exact ties: their risk sets have no hazard of single rows.
 */
export function fittedTo(columns: CoxColumns, model: CoxModel): Fitted {
  checkCox(columns);
  if (model.ties === 'exact') throw new RangeError('exact ties have no residuals; fit with efron');
  const { coefficients, covariance } = model;
  if (columns.covariates.length !== coefficients.length || columns.duration.length !== model.n)
    throw new RangeError('the model was fitted to other columns');
  const kept = coefficients.flatMap(({ coef }, j) => (coef === null ? [] : [j]));
  const scales = kept.map((j) => scaleOf(columns.covariates[j]!.values));
  const deviation = scales.map((scale) => scale.deviation);
  const beta = kept.map((j, k) => coefficients[j]!.coef! * deviation[k]!);
  const design = createDesign(columns, scales);
  return {
    design,
    ties: model.ties,
    kept,
    deviation,
    beta,
    covariance: kept.map((j, k) => kept.map((m, l) => covariance[j]![m]! * deviation[k]! * deviation[l]!)),
    risk: risks(design, beta).risk.map((r, i) => r / design.weight[i]!),
  };
}

/** By block, and where they have p values by block·p: what the risk sets of the fitted model say. */
export interface BlockSums {
  /** Increments of the cumulative hazard, of its variance Σ w/S0², and of ∫ x̄ dΛ. */
  hazard: Float64Array;
  variance: Float64Array;
  mean: Float64Array;
  /** The parts of hazard and ∫ x̄ dΛ that the tied events themselves do not see (Efron). */
  unseenHazard: Float64Array;
  unseenMean: Float64Array;
  /** Mean of x where the events happen, over the steps of the tie. */
  atEvents: Float64Array;
}

export function blockSums({ design, ties, risk }: Fitted): BlockSums {
  const { p, weight, deaths } = design;
  const blocks = deaths.length;
  const [hazard, variance, unseenHazard] = [0, 1, 2].map(() => new Float64Array(blocks)) as Triple;
  const [mean, unseenMean, atEvents] = [0, 1, 2].map(() => new Float64Array(blocks * p)) as Triple;
  const weighted = risk.map((r, i) => r * weight[i]!);
  walkRiskSets(design, weighted, ties, (block, part, share, total, means) => {
    const jump = share / total;
    const steps = ties === 'efron' ? deaths[block]! : 1;
    hazard[block]! += jump;
    variance[block]! += jump / total;
    unseenHazard[block]! += part * jump;
    for (let j = 0, at = block * p; j < p; j++, at++) {
      mean[at]! += jump * means[j]!;
      unseenMean[at]! += part * jump * means[j]!;
      atEvents[at]! += means[j]! / steps;
    }
  });
  return { hazard, variance, mean, unseenHazard, unseenMean, atEvents };
}

type Triple = [Float64Array, Float64Array, Float64Array];

/** As `cumulate`, for p values by block. */
export function cumulateColumns({ p, blockStratum }: Design, jumps: Float64Array): Float64Array {
  const sums = new Float64Array(jumps.length);
  for (let block = blockStratum.length - 1; block >= 0; block--) {
    const fresh = block === blockStratum.length - 1 || blockStratum[block] !== blockStratum[block + 1];
    for (let j = 0; j < p; j++) sums[block * p + j] = (fresh ? 0 : sums[(block + 1) * p + j]!) + jumps[block * p + j]!;
  }
  return sums;
}
