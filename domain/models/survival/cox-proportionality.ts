// Do the hazards stay proportional? Grambsch & Therneau's test (1994) in its score form, as cox.zph of R survival 3.
import { cholesky, choleskySolve } from '../../numerics/cholesky.ts';
import { type CoxModel, type Test, testOf } from './cox.ts';
import type { CoxColumns, Design } from './cox-design.ts';
import { fittedTo } from './cox-fitted.ts';
import { partialLikelihood } from './cox-likelihood.ts';
import { fit as fitCurve } from './kaplan-meier.ts';

/** Of the time: 1 − S(t−) of all rows, the time itself, its logarithm, or the rank of the row among all. */
export const TRANSFORMS = ['km', 'identity', 'log', 'rank'] as const;
export type Transform = (typeof TRANSFORMS)[number];

/**
 * Would x_j·g(t) beside x_j improve the fit? One test for each coefficient and, as the last row, `GLOBAL` for all at once. A large χ² says
 * that the coefficient changes with time.
 *
 * @returns nothing for a model without coefficients, one that did not converge, or exact ties; no row for a coefficient that cannot
 * change, such as one that only separates at a single time.
 * @throws RangeError for `log` with an event at time 0.
 */
export function proportionality(
  columns: CoxColumns,
  model: CoxModel,
  transform: Transform = 'km',
): ({ name: string } & Test)[] {
  if (model.ties === 'exact' || !model.converged) return [];
  const { design, kept, beta, covariance } = fittedTo(columns, model);
  if (kept.length === 0) return [];
  const g = transformed(columns, design, transform);
  const at = partialLikelihood(design, beta, model.ties);
  const once = partialLikelihood(design, beta, model.ties, g);
  const squares = g.map((value) => value * value);
  const twice = partialLikelihood(design, beta, model.ties, squares).information;
  const cross = once.information;
  // Schur complement of the x block: information about the changes, given the coefficients.
  const solved = cross.map((row) => covariance.map((inner) => inner.reduce((sum, v, m) => sum + v * row[m]!, 0)));
  const left = twice.map((row, j) =>
    row.map((value, k) => value - cross[j]!.reduce((sum, c, m) => sum + c * solved[k]![m]!, 0)),
  );
  const score = once.gradient.map((value, j) => value - solved[j]!.reduce((sum, s, m) => sum + s * at.gradient[m]!, 0));
  const rows = kept.flatMap((index, j) => {
    const variance = left[j]![j]!;
    const { name } = model.coefficients[index]!;
    return variance > 1e-12 * twice[j]![j]! ? [{ name, ...testOf(score[j]! ** 2 / variance, 1) }] : [];
  });
  const factor = rows.length < kept.length ? undefined : cholesky(left);
  if (factor === undefined) return rows;
  const all = choleskySolve(factor, score).reduce((sum, value, j) => sum + value * score[j]!, 0);
  return [...rows, { name: 'GLOBAL', ...testOf(all, kept.length) }];
}

/** g at the time of each block, centred at its mean over the events, so that squares do not cancel. */
function transformed(columns: CoxColumns, { blockTime, deaths }: Design, transform: Transform): Float64Array {
  const value = clockOf(columns, transform);
  let mean = 0;
  let events = 0;
  deaths.forEach((d, block) => {
    if (d === 0) return;
    const g = value(blockTime[block]!);
    if (!Number.isFinite(g)) throw new RangeError('an event at time 0 has no logarithm; use the transform km');
    mean += d * g;
    events += d;
  });
  return blockTime.map((t, block) => (deaths[block] === 0 ? 0 : value(t) - mean / events));
}

function clockOf({ duration, eventObserved, entry }: CoxColumns, transform: Transform): (t: number) => number {
  if (transform === 'identity') return (t) => t;
  if (transform === 'log') return Math.log;
  const at = new Map<number, number>();
  if (transform === 'rank') {
    // The mean place of the events of a time among all rows, as R's rank.
    const sorted = Float64Array.from(duration).sort();
    for (let start = 0; start < sorted.length; ) {
      let end = start;
      while (end < sorted.length && sorted[end] === sorted[start]) end += 1;
      at.set(sorted[start]!, (start + 1 + end) / 2);
      start = end;
    }
  } else {
    const { time, survival } = fitCurve({ duration, eventObserved, entry });
    time.forEach((t, k) => {
      at.set(t, 1 - (k === 0 ? 1 : survival[k - 1]!));
    });
  }
  return (t) => at.get(t)!;
}
