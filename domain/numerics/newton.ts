// Newton's method for maximum likelihood in a handful of parameters inside a box: exact Hessian, ridge when the curvature is wrong,
// step halving, and bounds that hold a parameter which the data push to infinity (Nocedal & Wright, Numerical Optimization, ch. 3, 16.7).

import { cholesky, choleskySolve } from './cholesky.ts';

export interface Evaluation {
  value: number;
  gradient: number[];
  hessian: number[][];
}

export interface Maximum extends Evaluation {
  at: number[];
  iterations: number;
  /** Newton decrement and gradient say this is a maximum inside the box, or on the faces named in `atBound`. */
  converged: boolean;
  /** −1 at the lower bound, 1 at the upper, 0 inside. */
  atBound: number[];
}

export interface Box {
  lower: number[];
  upper: number[];
}

const MAX_STEP = 3;

/**
 * The maximiser of f from `start`, kept inside `box`.
 *
 * Converged: the predicted gain ½·gᵀ(−H)⁻¹g is below 1e-11 of |f| (at least 1e-11); the last steps then polish the gradient down to rounding.
 * Cost: one evaluation per iteration, about 5–12 of them; more only when a step has to be halved.
 */
export function maximise(
  f: (at: readonly number[]) => Evaluation,
  start: readonly number[],
  box: Box,
  maxIterations = 200,
): Maximum {
  let at = start.map((value, i) => Math.min(Math.max(value, box.lower[i]!), box.upper[i]!));
  let current = f(at);
  let iterations = 0;
  let converged = false;
  const atBound = () =>
    at.map((value, i) => {
      if (value <= box.lower[i]! && current.gradient[i]! < 0) return -1;
      return value >= box.upper[i]! && current.gradient[i]! > 0 ? 1 : 0;
    });
  while (iterations < maxIterations && Number.isFinite(current.value)) {
    const open = freeOf(atBound());
    let free = open;
    let { step, gain, ridged } = ascent(current, free);
    // A coordinate on a face whose gradient points inwards may still be sent outwards by the others: hold it for this step.
    const blocked = (i: number) =>
      (at[i]! <= box.lower[i]! && step[i]! < 0) || (at[i]! >= box.upper[i]! && step[i]! > 0);
    while (free.some(blocked)) {
      free = free.filter((i) => !blocked(i));
      ({ step, gain, ridged } = ascent(current, free));
    }
    if (free.length === 0) {
      converged = true;
      break;
    }
    const tolerance = 1e-11 * Math.max(1, Math.abs(current.value));
    // Where the curvature is lost in rounding (a plateau towards a bound), a gradient of nothing has to do.
    const level = !ridged || Math.max(...free.map((i) => Math.abs(current.gradient[i]!))) <= 1e3 * tolerance;
    const settled = level && gain <= tolerance && free.length === open.length;
    iterations += 1;
    const next = settled ? polish(f, at, current, step, box, free) : climb(f, at, current, step, box);
    if (next === undefined) {
      converged = settled;
      break;
    }
    at = next.at;
    current = next.evaluation;
    if (settled) converged = true;
  }
  return { ...current, at, iterations, converged, atBound: atBound() };
}

const freeOf = (held: number[]) => held.flatMap((side, i) => (side === 0 ? [i] : []));

/** The ascent step on the free coordinates; the diagonal of −H grows until that is positive definite. */
function ascent(current: Evaluation, free: number[]) {
  const gradient = free.map((i) => current.gradient[i]!);
  const negative = free.map((i) => free.map((j) => -current.hessian[i]![j]!));
  // Marquardt's scaling: each diagonal grows by a share of itself, so a flat direction is damped on its own scale.
  const largest = Math.max(...negative.map((row, i) => Math.abs(row[i]!)));
  const scales = negative.map((row, i) => Math.max(Math.abs(row[i]!), 1e-15 * largest, 1e-300));
  let ridge = 0;
  let lower = cholesky(negative);
  while (lower === undefined && ridge < 1e20) {
    ridge = ridge === 0 ? 1e-6 : ridge * 10;
    lower = cholesky(negative.map((row, i) => row.map((value, j) => (i === j ? value + ridge * scales[i]! : value))));
  }
  const solved = lower === undefined ? gradient.map(() => 0) : choleskySolve(lower, gradient);
  const gain = 0.5 * solved.reduce((sum, value, i) => sum + value * gradient[i]!, 0);
  const longest = Math.max(...solved.map(Math.abs));
  const shrink = longest > MAX_STEP ? MAX_STEP / longest : 1;
  const step = current.gradient.map(() => 0);
  free.forEach((i, k) => {
    step[i] = solved[k]! * shrink;
  });
  return { step, gain, ridged: ridge > 0 };
}

/** at + size·step, shortened so that the first coordinate to meet a bound lands on it: coupled coordinates keep their direction. */
function moved(at: readonly number[], step: readonly number[], size: number, box: Box): number[] {
  let reach = size;
  let stop = -1;
  at.forEach((value, i) => {
    const room = step[i]! > 0 ? box.upper[i]! - value : step[i]! < 0 ? box.lower[i]! - value : 0;
    if (step[i] !== 0 && room / step[i]! < reach) {
      reach = room / step[i]!;
      stop = i;
    }
  });
  return at.map((value, i) => {
    if (i === stop) return step[i]! > 0 ? box.upper[i]! : box.lower[i]!;
    return Math.min(Math.max(value + reach * step[i]!, box.lower[i]!), box.upper[i]!);
  });
}

/** Halve until the value rises. */
function climb(f: (at: readonly number[]) => Evaluation, at: number[], from: Evaluation, step: number[], box: Box) {
  for (let size = 1; size > 1e-10; size /= 2) {
    const next = moved(at, step, size, box);
    const evaluation = f(next);
    if (evaluation.value > from.value) return { at: next, evaluation };
  }
  return undefined;
}

/** Near the top the value no longer tells better from worse: keep the full step as long as it shrinks the gradient. */
function polish(
  f: (at: readonly number[]) => Evaluation,
  at: number[],
  from: Evaluation,
  step: number[],
  box: Box,
  free: number[],
) {
  const next = moved(at, step, 1, box);
  const evaluation = f(next);
  const size = (e: Evaluation) => Math.max(...free.map((i) => Math.abs(e.gradient[i]!)));
  return size(evaluation) < 0.5 * size(from) ? { at: next, evaluation } : undefined;
}
