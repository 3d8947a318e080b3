// Several independent continuous laws on one coordinate, integrated together: who is largest, and by how much. The panels follow the
// narrowest law at each place, so laws of very different width share one pass of Gauss–Legendre nodes.

import { gaussLegendre10 } from './quadrature.ts';

/** A law of one quantity on a coordinate t. Both tails carry their own digits. */
export interface LineLaw {
  center: number;
  /** Standard deviation or a like width on the coordinate, > 0. */
  spread: number;
  /** Outside [low, high] the law has no mass that matters. */
  low: number;
  high: number;
  density(t: number): number;
  tails(t: number): { lower: number; upper: number };
}

/** Widest panel in units of the spread: at 10 points a bell of this width is integrated to rounding. */
const PANEL_SPREADS = 1.25;
/** Away from the centre panels widen in proportion to the distance, so power-law tails cost only a logarithm. */
const WIDENING = 0.3;

/** The panel edges that resolve all laws; `widest` bounds a panel where the caller's own weight function varies. */
function panelEdges(laws: readonly LineLaw[], widest: (t: number) => number): number[] {
  const end = Math.max(...laws.map((law) => law.high));
  let t = Math.min(...laws.map((law) => law.low));
  const edges = [t];
  while (t < end) {
    let next = Math.min(end, t + widest(t));
    for (const { center, spread, low, high } of laws) {
      if (t >= high) continue;
      if (t < low) next = Math.min(next, low);
      else next = Math.min(next, high, t + Math.max(PANEL_SPREADS * spread, WIDENING * Math.abs(t - center)));
    }
    t = next > t ? next : end;
    edges.push(t);
  }
  return edges;
}

/** Calls `visit(t, weight)` at every Gauss–Legendre node of the panels, left to right by panel. */
export function visitNodes(
  laws: readonly LineLaw[],
  visit: (t: number, weight: number) => void,
  widest: (t: number) => number = () => Number.POSITIVE_INFINITY,
): void {
  const edges = panelEdges(laws, widest);
  for (let panel = 1; panel < edges.length; panel++) {
    const half = (edges[panel]! - edges[panel - 1]!) / 2;
    const middle = edges[panel - 1]! + half;
    gaussLegendre10.nodes.forEach((node, k) => {
      const weight = half * gaussLegendre10.weights[k]!;
      visit(middle - half * node, weight);
      visit(middle + half * node, weight);
    });
  }
}

export interface Comparison {
  /** P(X_i is the largest); sums to 1. */
  probabilityBest: Float64Array;
  /** P(X_i > X_0), NaN for i = 0. */
  probabilityBeatsFirst: Float64Array;
  /** E[max_j X_j − X_i] ≥ 0, in the unit of the value whose slope was given. */
  expectedLoss: Float64Array;
}

/**
 * Compares n independent laws by one-dimensional quadrature:
 *
 *   P(i best) = ∫ f_i ∏_{j≠i} F_j dt,   E[loss_i] = ∫ F_i (1 − ∏_{j≠i} F_j) (dv/dt) dt,
 *
 * the second without the cancellation of E[max] − E[X_i] (1 − ∏F is built up from upper tails).
 *
 * @param laws one or more.  @param slope dv/dt, where the coordinate t is not the value v itself.
 * @param widest bound on a panel's width where the slope varies.
 * @returns absolute error about 1e-13 for bell-shaped laws; some 20 panels × 10 nodes × n tail probabilities.
 */
export function compareLaws(
  laws: readonly LineLaw[],
  slope: (t: number) => number = () => 1,
  widest?: (t: number) => number,
): Comparison {
  const n = laws.length;
  const probabilityBest = new Float64Array(n);
  const probabilityBeatsFirst = new Float64Array(n);
  const expectedLoss = new Float64Array(n);
  const lower = new Float64Array(n);
  const before = new Float64Array(n + 1).fill(1); // ∏_{j<i} F_j
  const beforeRest = new Float64Array(n + 1); // 1 − ∏_{j<i} F_j
  const upper = new Float64Array(n);
  const visit = (t: number, weight: number) => {
    for (let i = 0; i < n; i++) {
      const tails = laws[i]!.tails(t);
      lower[i] = tails.lower;
      upper[i] = tails.upper;
      before[i + 1] = before[i]! * tails.lower;
      beforeRest[i + 1] = beforeRest[i]! + before[i]! * tails.upper;
    }
    const scale = weight * slope(t);
    let after = 1;
    let afterRest = 0;
    for (let i = n - 1; i >= 0; i--) {
      const law = laws[i]!;
      const density = t < law.low || t > law.high ? 0 : weight * law.density(t);
      probabilityBest[i]! += density * before[i]! * after;
      probabilityBeatsFirst[i]! += density * lower[0]!;
      expectedLoss[i]! += scale * lower[i]! * (beforeRest[i]! + before[i]! * afterRest);
      afterRest += after * upper[i]!;
      after *= lower[i]!;
    }
  };
  visitNodes(laws, visit, widest);
  probabilityBeatsFirst[0] = Number.NaN;
  return { probabilityBest, probabilityBeatsFirst, expectedLoss };
}

/**
 * The t with P(T ≤ t) = p, by Newton's method inside a shrinking bracket.
 *
 * @param p in (0, 1).
 * @returns t to about 1e-15 of the bracket's scale; `low` or `high` where p is beyond them.
 */
export function lawQuantile(law: LineLaw, p: number): number {
  let { low, high } = law;
  let t = law.center;
  for (let step = 0; step < 200; step++) {
    const { lower, upper } = law.tails(t);
    const excess = p < 0.5 ? lower - p : 1 - p - upper;
    if (excess > 0) high = t;
    else low = t;
    const newton = t - excess / law.density(t);
    const next = newton > low && newton < high ? newton : (low + high) / 2;
    if (Math.abs(next - t) <= 1e-15 * Math.max(Math.abs(t), law.spread)) return next;
    t = next;
  }
  return t;
}

/** Walks from the centre of a falling function until it is below `floor`, then halves back: where a law's window ends. */
export function windowEnd(center: number, step: number, floor: number, f: (t: number) => number): number {
  let inside = center;
  let reach = step;
  while (f(center + reach) > floor) {
    inside = center + reach;
    reach *= 2;
    if (!Number.isFinite(reach)) return inside;
  }
  let outside = center + reach;
  for (let k = 0; k < 6; k++) {
    const middle = (inside + outside) / 2;
    if (f(middle) > floor) inside = middle;
    else outside = middle;
  }
  return outside;
}
