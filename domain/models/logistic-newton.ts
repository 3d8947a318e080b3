// The minimum of a penalised logistic loss by damped Newton and proximal Newton steps (Lee, Sun & Saunders 2014; coordinate descent inside as in
// Friedman, Hastie & Tibshirani 2010, "glmnet"). A generator: it asks for a pass over the rows and is handed the sums, wherever they were made.
import { cholesky, choleskySolve } from '../numerics/cholesky.ts';
import { MARGINS, type Pass, type Scale } from './logistic-kernel.ts';

/** λα and λ(1 − α). */
export interface PenaltyWeights {
  l1: number;
  l2: number;
}

/** A computation that reads the rows only through passes. */
export type Passes<Answer> = Generator<Pass, Answer, Float64Array>;

/** Mean loss, its gradient and the last Hessian known, at `beta`; where a later minimisation under another penalty can go on from. */
export interface Point {
  beta: number[];
  loss: number;
  gradient: number[];
  hessian: number[][];
  /** Every event has a higher log-odds than every other row. */
  separated: boolean;
  /** Is the Hessian of this very point? Else of one near it. */
  exact: boolean;
}

export interface Minimum {
  point: Point;
  objective: number;
  /** Largest violation of the optimality conditions, of the same point. */
  kkt: number;
  /** Steps taken. */
  iterations: number;
  /** Positions of the coefficients that grow without bound. */
  separatedBy?: number[];
}

/** Optimality is called at this violation; steps go on while they still improve it … */
const TOLERANCE = 1e-12;
/** … down to here, where only rounding is left. */
const ENOUGH = 1e-13;
const MAX_ITERATIONS = 100;

/** The point at `beta`: one pass, with curvature unless a Hessian is told that is near enough for a first step. */
export function* pointAt(scale: Scale, beta: readonly number[], total: number, hessian?: number[][]): Passes<Point> {
  const point = read(beta, yield { kind: 'derivatives', scale, beta, curvature: hessian === undefined }, total);
  return { ...point, hessian: point.hessian ?? hessian!, exact: hessian === undefined };
}

/**
 * Minimises mean loss + λ(α‖b‖₁ + (1 − α)/2 ‖b‖²) from a point, the intercept free.
 *
 * The Hessian is read again only while it moves: after a step that cut the violation fifty-fold it is kept, and the next passes cost a third.
 * @param total weight of all rows.  @param enough a violation to stop at, for a rough answer.
 */
export function* minimise(
  scale: Scale,
  { l1, l2 }: PenaltyWeights,
  from: Point,
  total: number,
  enough = 0,
): Passes<Minimum> {
  const valued = (point: Point) => ({ objective: objectiveOf(point, l1, l2), kkt: violation(point, l1, l2) });
  let best: Minimum = { point: from, ...valued(from), iterations: 0 };
  let here = best;
  let keep = false;
  for (let iteration = 1; ; iteration++) {
    if (here.kkt <= Math.max(ENOUGH, enough) || iteration > MAX_ITERATIONS) return best;
    const { point } = here;
    const step = l1 > 0 ? proximalStep(point, l1, l2, 1e-6 * here.kkt) : newtonStep(point, l2);
    if (l1 === 0 && l2 === 0 && here.kkt < 1e-6 && (yield* unbounded(scale, step)))
      return { ...best, separatedBy: drivers(step, point.beta) };
    if (step.some(Number.isNaN)) return best;
    let next: Minimum;
    for (let share = 1; ; share /= 2) {
      const beta = point.beta.map((b, j) => (share === 1 && b === -step[j]! ? 0 : b + share * step[j]!));
      const found = read(beta, yield { kind: 'derivatives', scale, beta, curvature: !keep }, total);
      const there = { ...found, hessian: found.hessian ?? point.hessian, exact: found.hessian !== undefined };
      next = { point: there, ...valued(there), iterations: iteration };
      if (next.objective <= here.objective * (1 + 1e-13) || share < 1e-9) break;
    }
    const stalled = !(next.kkt < best.kkt / 2);
    if (next.kkt < best.kkt) best = next;
    if (stalled && best.kkt <= TOLERANCE) return best;
    if (keep && next.kkt > here.kkt / 5) next = { ...next, point: yield* pointAt(scale, next.point.beta, total) };
    // A step by an exact Hessian squares the error, so the next one would cut by the square; by another one the cut stays as it is.
    const cut = next.kkt / here.kkt;
    keep = (point.exact ? cut * cut : cut) <= 1 / 50;
    here = next;
  }
}

/** Sums of a derivatives pass → means, the Hessian as rows. */
function read(
  beta: readonly number[],
  sums: Float64Array,
  total: number,
): Omit<Point, 'hessian' | 'exact'> & { hessian?: number[][] } {
  const k = beta.length;
  const first = MARGINS + 1;
  const gradient = Array.from(sums.subarray(first, first + k), (g) => g / total);
  const separated = sums[0]! + sums[1]! < 0;
  const point = { beta: beta.slice(), loss: sums[MARGINS]! / total, gradient, separated };
  if (sums.length === first + k) return point;
  const hessian = Array.from({ length: k }, () => new Array<number>(k).fill(0));
  for (let a = 0, at = first + k; a < k; a++)
    for (let b = 0; b <= a; b++, at++) hessian[b]![a] = hessian[a]![b] = sums[at]! / total;
  return { ...point, hessian };
}

const objectiveOf = ({ beta, loss }: Point, l1: number, l2: number): number =>
  beta.reduce((sum, b, j) => (j === 0 ? sum : sum + l1 * Math.abs(b) + (l2 / 2) * b * b), loss);

/** Largest distance of 0 from the subdifferential. */
function violation({ beta, gradient }: Point, l1: number, l2: number): number {
  return gradient.reduce((most, slope, j) => {
    const b = beta[j]!;
    const g = j === 0 ? slope : slope + l2 * b;
    const off = j === 0 ? Math.abs(g) : b === 0 ? Math.max(0, Math.abs(g) - l1) : Math.abs(g + l1 * Math.sign(b));
    return Math.max(most, off);
  }, 0);
}

const penalised = ({ beta, gradient, hessian }: Point, l2: number) => ({
  slope: gradient.map((g, j) => (j === 0 ? g : g + l2 * beta[j]!)),
  bend: hessian.map((row, i) => row.map((h, j) => (i === j && i > 0 ? h + l2 : h))),
});

/** −H⁻¹g; a trace of ridge when H is singular to working precision. NaN when it has no inverse at all. */
function newtonStep(point: Point, l2: number): number[] {
  const { slope, bend } = penalised(point, l2);
  const factor = cholesky(bend) ?? cholesky(bend.map((row, i) => row.map((h, j) => (i === j ? h * (1 + 1e-12) : h))));
  return factor === undefined ? slope.map(() => Number.NaN) : choleskySolve(factor, slope).map((d) => -d);
}

/**
 * Minimiser of the quadratic model plus λα‖b + d‖₁ by cyclic coordinate descent; zeros come out exact. Sweeps over the coefficients that are
 * not 0 in between sweeps over all.
 */
function proximalStep(point: Point, l1: number, l2: number, tolerance: number): number[] {
  const { slope, bend } = penalised(point, l2);
  const k = slope.length;
  const target = point.beta.slice();
  const sweep = (activeOnly: boolean): number => {
    let change = 0;
    for (let j = 0; j < k; j++) {
      const row = bend[j]!;
      const h = row[j]!;
      if (!(h > 0) || (activeOnly && target[j] === 0)) continue;
      const pull = h * target[j]! - slope[j]!;
      const wanted = j === 0 ? pull / h : (Math.sign(pull) * Math.max(0, Math.abs(pull) - l1)) / h;
      const delta = wanted - target[j]!;
      if (delta === 0) continue;
      target[j] = wanted;
      for (let i = 0; i < k; i++) slope[i]! += delta * row[i]!;
      change = Math.max(change, Math.abs(delta) * Math.sqrt(h));
    }
    return change;
  };
  const settled = Math.max(1e-17, tolerance);
  for (let sweeps = 0; sweeps < 20_000 && sweep(false) > settled; sweeps++)
    while (sweeps++ < 20_000 && sweep(true) > settled);
  return target.map((b, j) => b - point.beta[j]!);
}

/** Does a step at a violation this small still move some row's log-odds by a half? Then nothing bounds it. */
function* unbounded(scale: Scale, step: readonly number[]): Passes<boolean> {
  if (step.some(Number.isNaN)) return true;
  const [largest] = yield { kind: 'reach', scale, direction: step };
  return largest! > 0.5;
}

/** Positions of the coefficients that still move, most first; of the largest ones when the step is unknown. */
function drivers(step: readonly number[], beta: readonly number[]): number[] {
  const moving = (step.some(Number.isNaN) ? beta : step).slice(1).map((size, at) => ({ at, size: Math.abs(size) }));
  const most = moving.reduce((max, { size }) => Math.max(max, size), 0);
  return moving
    .filter(({ size }) => size > most / 4)
    .sort((a, b) => b.size - a.size)
    .slice(0, 3)
    .map(({ at }) => at);
}
