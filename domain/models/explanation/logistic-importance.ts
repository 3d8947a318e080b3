// Permutation importance of a logistic model in O(n) per feature, still over all n² pairs: log-odds add up, so only one sum is dealt out.
import { type Calibration, calibrateOne } from '../calibration.ts';
import { encodedNames, encodeFeatures, type FeatureTable } from '../feature-encoding.ts';
import { type LogisticArtefact, scoreColumns } from '../logistic-model.ts';
import { type Importance, type Loss, losses, permutationImportance } from './permutation-importance.ts';
import { checkRows } from './predict.ts';

/** Pairs of rows that an isotonic calibration is asked for one by one, at most. */
const MOST_PAIRS = 20_000_000;
/** Panels this wide, in log-odds, and polynomials of this many nodes: 1/(1 + e⁻ᵇ) has its poles at ±iπ, so errors fall as 2.06⁻ⁿ, below 1e-14. */
const PANEL = 8;
const NODES = 48;

/**
 * Exact permutation importance of each source column, by Brier score or log loss of the calibrated probabilities.
 *
 * A row's log-odds are bᵢ + gₖ, bᵢ those of its other columns and gₖ the dealt column's part of row k. The mean over k is a smooth function of b
 * alone, M(b) = meanₖ f(b + gₖ): it is interpolated by Chebyshev polynomials on panels of b and read at each bᵢ. Isotonic calibration is not smooth:
 * it goes by pairs of rows and distinct values, sampled where they are too many.
 * @throws RangeError for a row that cannot be scored, or labels and weights as `permutationImportance`.
 */
export function logisticImportance(
  artefact: LogisticArtefact,
  table: FeatureTable,
  label: Float64Array,
  { loss, weight }: { loss: Loss; weight?: Float64Array | undefined },
): { loss: number; importances: Importance[] } {
  const scored = scoreColumns(artefact, table);
  if (!scored.ok)
    throw new RangeError(`row ${scored.reason.row + 1}, column ${scored.reason.column}: ${scored.reason.message}`);
  const { calibration } = artefact;
  const columns = artefact.encoding.map(({ column }) => column);
  if (calibration.method === 'isotonic' && label.length ** 2 > MOST_PAIRS) {
    const predict = (changed: FeatureTable) => {
      const answer = scoreColumns(artefact, changed);
      if (!answer.ok) throw new RangeError(answer.reason.message);
      return answer.value.probability;
    };
    return permutationImportance(predict, table, columns, label, { loss, weight });
  }
  const weights = checkRows(label, weight);
  const total = weights.reduce((sum, w) => sum + w, 0);
  const isotonic = calibration.method === 'isotonic';
  const [scale, shift] = calibration.method === 'platt' ? [-calibration.A, -calibration.B] : [1, 0];
  const eta = scored.value.logOdds.map((f) => scale * f + shift);
  const now = isotonic
    ? pairsLoss(loss, calibration, eta, new Float64Array(eta.length), label, weights, total)
    : averageLoss(loss, eta, label, weights, total);
  const { features } = encodeFeatures(table, artefact.encoding);
  let first = 0;
  const importances = artefact.encoding.map((feature): Importance => {
    const part = new Float64Array(label.length);
    for (const _ of encodedNames([feature])) {
      const { coef } = artefact.coefficients[first]!;
      features[first]!.forEach((x, i) => {
        part[i]! += scale * coef * x;
      });
      first++;
    }
    const rest = eta.map((e, i) => e - part[i]!);
    const permuted = isotonic
      ? pairsLoss(loss, calibration, rest, part, label, weights, total)
      : dealtLoss(loss, rest, part, label, weights, total);
    return { feature: feature.column, loss: permuted, importance: permuted - now, exact: true };
  });
  return { loss: now, importances };
}

/** Mean over all pairs (i, k) of the loss of the calibrated bᵢ + gₖ, pair by pair. */
function pairsLoss(
  loss: Loss,
  calibration: Calibration,
  b: Float64Array,
  g: Float64Array,
  label: Float64Array,
  weight: Float64Array,
  total: number,
): number {
  const shares = new Map<number, number>();
  for (let k = 0; k < g.length; k++)
    if (weight[k]! > 0) shares.set(g[k]!, (shares.get(g[k]!) ?? 0) + weight[k]! / total);
  const dealt = [...shares];
  const lossOf = losses[loss];
  let sum = 0;
  for (let i = 0; i < b.length; i++) {
    if (!(weight[i]! > 0)) continue;
    let mean = 0;
    for (const [value, share] of dealt) mean += share * lossOf(calibrateOne(calibration, b[i]! + value), label[i]!);
    sum += weight[i]! * mean;
  }
  return sum / total;
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
/** ln(1 + eˣ). */
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

function averageLoss(loss: Loss, eta: Float64Array, label: Float64Array, weight: Float64Array, total: number): number {
  let sum = 0;
  for (let i = 0; i < eta.length; i++)
    sum +=
      weight[i]! * (loss === 'brier' ? (sigmoid(eta[i]!) - label[i]!) ** 2 : softplus(eta[i]!) - label[i]! * eta[i]!);
  return sum / total;
}

/** Mean over all pairs (i, k) of the loss at bᵢ + gₖ. Brier: E σ² − 2y E σ + y; log loss: E softplus − y (b + ḡ). */
function dealtLoss(
  loss: Loss,
  b: Float64Array,
  g: Float64Array,
  label: Float64Array,
  weight: Float64Array,
  total: number,
): number {
  const shares = new Map<number, number>();
  for (let k = 0; k < g.length; k++)
    if (weight[k]! > 0) shares.set(g[k]!, (shares.get(g[k]!) ?? 0) + weight[k]! / total);
  const dealt = [...shares];
  const meanDealt = dealt.reduce((sum, [value, share]) => sum + share * value, 0);
  const over = (f: (x: number) => number) => (x: number) =>
    dealt.reduce((sum, [v, share]) => sum + share * f(x + v), 0);
  // Few distinct values are summed as they are.
  const read =
    dealt.length <= NODES ? (f: (x: number) => number) => over(f) : (f: (x: number) => number) => panels(over(f), b);
  let sum = 0;
  if (loss === 'brier') {
    const [first, second] = [read(sigmoid), read((x) => sigmoid(x) ** 2)];
    for (let i = 0; i < b.length; i++) sum += weight[i]! * (second(b[i]!) - 2 * label[i]! * first(b[i]!) + label[i]!);
  } else {
    const mean = read(softplus);
    for (let i = 0; i < b.length; i++) sum += weight[i]! * (mean(b[i]!) - label[i]! * (b[i]! + meanDealt));
  }
  return sum / total;
}

/** A smooth function as Chebyshev series on panels, made when first read. */
function panels(f: (x: number) => number, arguments_: Float64Array): (x: number) => number {
  const low = arguments_.reduce((least, x) => Math.min(least, x), Number.POSITIVE_INFINITY);
  const made = new Map<number, Float64Array>();
  return (x) => {
    const panel = Math.floor((x - low) / PANEL);
    const middle = low + (panel + 0.5) * PANEL;
    let series = made.get(panel);
    if (series === undefined) {
      series = chebyshev((u) => f(middle + (u * PANEL) / 2));
      made.set(panel, series);
    }
    // Clenshaw's recurrence.
    const u = ((x - middle) * 2) / PANEL;
    let [next, after] = [0, 0];
    for (let j = NODES - 1; j > 0; j--) [next, after] = [2 * u * next - after + series[j]!, next];
    return u * next - after + series[0]! / 2;
  };
}

/** Coefficients of the interpolant of f on [−1, 1] at the Chebyshev nodes. */
function chebyshev(f: (u: number) => number): Float64Array {
  const values = Float64Array.from({ length: NODES }, (_, k) => f(Math.cos((Math.PI * (k + 0.5)) / NODES)));
  return Float64Array.from({ length: NODES }, (_, j) =>
    values.reduce((sum, value, k) => sum + (2 / NODES) * value * Math.cos((Math.PI * j * (k + 0.5)) / NODES), 0),
  );
}
