// Newton's method for a partial likelihood: concave, yet its maximum may lie at infinity (separation), which has to be told from slowness.
import { cholesky, choleskySolve } from '../../numerics/cholesky.ts';
import type { PartialLikelihood } from './cox-likelihood.ts';

export const MAX_ITERATIONS = 40;

export interface Top {
  at: PartialLikelihood;
  beta: number[];
  iterations: number;
  converged: boolean;
  /** Coefficients along which the likelihood rises without end. */
  drifting: number[];
}

/** From `start`, at β = 0, with step halving; undefined when the information is singular at once. */
export function climb(evaluate: (beta: number[]) => PartialLikelihood, start: PartialLikelihood): Top | undefined {
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
    let evaluation = evaluate(next);
    const good = () => evaluation.value >= at.value - 1e-10 * Math.abs(at.value);
    while (!good() && size > 1e-8) {
      size /= 2;
      next = beta.map((value, j) => value + size * step[j]!);
      evaluation = evaluate(next);
    }
    if (!good()) return { at, beta, iterations, converged: settled, drifting: [] };
    at = evaluation;
    beta = next;
    if (settled) return { at, beta, iterations: iterations + 1, converged: true, drifting: [] };
  }
  return { at, beta, iterations: MAX_ITERATIONS, converged: false, drifting: [] };
}

/** The columns whose Cholesky pivot is not lost in rounding, taken in order. */
export function independent(information: number[][], events: number): number[] {
  const kept: number[] = [];
  for (let j = 0; j < information.length; j++) {
    const tried = [...kept, j];
    const factor = cholesky(tried.map((a) => tried.map((b) => information[a]![b]!)));
    const pivot = factor === undefined ? 0 : factor[kept.length]![kept.length]! ** 2;
    if (pivot > 1e-11 * information[j]![j]! && pivot > 1e-12 * events) kept.push(j);
  }
  return kept;
}
