// Has a feature's distribution moved since the model was trained? Bins are frozen from the reference, what arrives is counted into them as
// integers that add up across partitions, and two count vectors are compared: Jensen–Shannon as the alarm, for it is finite whatever is
// empty; PSI, KL and χ² beside it; and the floor that chance alone reaches at these sample sizes.

import { chiSquareExceeded, chiSquareUpper } from '../numerics/incomplete-gamma.ts';

/** edges.length + 1 bins, the outer ones open: (−∞, e₀), [e₀, e₁), …, [e_last, ∞). */
export interface NumericBins {
  kind: 'numeric';
  edges: number[];
}

/** One bin per level of the reference in ASCII order, and a last one for every level it did not have. */
export interface CategoricalBins {
  kind: 'categorical';
  levels: string[];
}

/** Bins frozen from the reference. Store them with the model; counts are comparable only within one value of this. */
export type Bins = NumericBins | CategoricalBins;

/** Whole numbers that merge by addition. */
export interface BinCounts {
  counts: number[];
  missing: number;
}

/**
 * Nine interior decile edges of the reference (linear interpolation between order statistics, as numpy's default); equal edges merge, and
 * a constant reference gets a bin of its own, with one below and one above.
 *
 * @param reference finite values; NaN is missing and left out.
 * @throws RangeError without a single value.
 * @example numericBins(Float64Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)) // edges 1, 2, …, 9
 */
export function numericBins(reference: Float64Array): NumericBins {
  const sorted = reference.filter((value) => !Number.isNaN(value)).sort();
  if (sorted.length === 0) throw new RangeError('a reference needs at least one value that is not missing');
  const first = sorted[0]!;
  const last = sorted[sorted.length - 1]!;
  if (first === last) return { kind: 'numeric', edges: [first, nextUp(first)] };
  const all = Array.from({ length: 11 }, (_, k) => linearQuantile(sorted, k === 10 ? 1 : k * 0.1));
  const distinct = all.filter((edge, k) => k === 0 || edge > all[k - 1]!);
  return { kind: 'numeric', edges: distinct.slice(1, -1) };
}

/** numpy's linear quantile, to the last bit: the counts at an edge that is itself a value depend on it. */
function linearQuantile(sorted: Float64Array, q: number): number {
  const position = (sorted.length - 1) * q;
  const index = Math.min(Math.floor(position), sorted.length - 1);
  const low = sorted[index]!;
  const high = sorted[Math.min(index + 1, sorted.length - 1)]!;
  const part = position - index;
  return part < 0.5 ? low + (high - low) * part : high - (high - low) * (1 - part);
}

/** The next larger double. */
function nextUp(value: number): number {
  const bits = new BigInt64Array(1);
  const view = new Float64Array(bits.buffer);
  view[0] = value + 0; // −0 becomes 0
  bits[0]! += view[0] < 0 ? -1n : 1n;
  return view[0];
}

/** The levels of the reference; null is missing. */
export function categoricalBins(reference: readonly (string | null)[]): CategoricalBins {
  const levels = new Set(reference.filter((level) => level !== null));
  return { kind: 'categorical', levels: [...levels].sort() };
}

export const binCount = (bins: Bins): number =>
  bins.kind === 'numeric' ? bins.edges.length + 1 : bins.levels.length + 1;

/** Counts numbers into frozen bins by binary search; NaN is missing. */
export function countNumbers(bins: NumericBins, values: Float64Array): BinCounts {
  const counts = new Array<number>(binCount(bins)).fill(0);
  let missing = 0;
  for (const value of values) {
    if (Number.isNaN(value)) {
      missing++;
      continue;
    }
    let low = 0;
    let high = bins.edges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (bins.edges[middle]! <= value) low = middle + 1;
      else high = middle;
    }
    counts[low]!++;
  }
  return { counts, missing };
}

/** Counts levels into frozen bins; what the reference did not have goes into the last one. */
export function countLevels(bins: CategoricalBins, values: readonly (string | null)[]): BinCounts {
  const counts = new Array<number>(binCount(bins)).fill(0);
  const indexOf = new Map(bins.levels.map((level, i) => [level, i]));
  let missing = 0;
  for (const value of values) {
    if (value === null) missing++;
    else counts[indexOf.get(value) ?? bins.levels.length]!++;
  }
  return { counts, missing };
}

/** Counts of two parts over the same bins; exact, in any order. @throws RangeError for different numbers of bins. */
export function mergeCounts(a: BinCounts, b: BinCounts): BinCounts {
  requireSameBins(a.counts, b.counts);
  return { counts: a.counts.map((count, i) => count + b.counts[i]!), missing: a.missing + b.missing };
}

export interface ChiSquareTest {
  statistic: number;
  degreesOfFreedom: number;
  p: number;
}

export interface Divergence {
  /** Σ (q − p) ln(q/p), p reference and q current, a zero proportion replaced by 1e-4 without renormalising. */
  psi: number;
  /** The same with half a count added to every bin instead. */
  psiHalfCount: number;
  /** Jensen–Shannon divergence in bits, in [0, 1], and its square root, a metric. */
  jsDivergence: number;
  jsDistance: number;
  /** Σ p ln(p/q) in nats; null where it is infinite (a bin that only one of the two has). */
  klReferenceToCurrent: number | null;
  klCurrentToReference: number | null;
  /** Both samples from one distribution? Over the bins that hold anything, without continuity correction. */
  chiSquare: ChiSquareTest;
  /** The Kolmogorov–Smirnov statistic at the bin edges, a lower bound of the one on the values; meaningless for categories. */
  ksBinned: number;
  /** What two samples of these sizes from one distribution exceed with probability `level`: of jsDistance, of psi, of ksBinned (at most). */
  noiseFloor: number;
  psiFloor: number;
  ksFloor: number;
}

/** What takes the place of a zero proportion in PSI. */
const PSI_EPSILON = 1e-4;

/**
 * Compares two count vectors over the same bins. Bins that are empty in both are left out.
 *
 * The noise floors: under one distribution 8·JS (nats) ≈ PSI ≈ (1/n + 1/m)·χ² with bins − 1 degrees of freedom, so small samples drift by chance;
 * the KS gap exceeds √((1/n + 1/m)·ln(2/level)/2) with at most `level` (Kolmogorov's limit, by its first term; fewer places to look in only help).
 *
 * @param reference whole counts ≥ 0, at least 1 in all.  @param current likewise.
 * @param level how often chance alone may pass the noise floor, in (0, 1).
 * @throws RangeError for different numbers of bins or an empty sample.
 * @example divergence([120, 240, 310, 190, 90, 40, 10], [80, 200, 330, 230, 110, 35, 15]).psi // ≈ 0.0391124796
 */
export function divergence(reference: readonly number[], current: readonly number[], level = 0.01): Divergence {
  requireSameBins(reference, current);
  const used = reference.flatMap((count, i) => (count + current[i]! > 0 ? [[count, current[i]!] as const] : []));
  const n = used.reduce((sum, [count]) => sum + count, 0);
  const m = used.reduce((sum, [, count]) => sum + count, 0);
  if (!(n > 0 && m > 0)) throw new RangeError('a comparison needs at least one value on both sides');
  const half = used.length / 2;
  let psi = 0;
  let psiHalfCount = 0;
  let js = 0;
  let forward = 0;
  let backward = 0;
  let statistic = 0;
  let gap = 0;
  let ksBinned = 0;
  for (const [a, b] of used) {
    const p = a / n;
    const q = b / m;
    psi += psiTerm(p || PSI_EPSILON, q || PSI_EPSILON);
    psiHalfCount += psiTerm((a + 0.5) / (n + half), (b + 0.5) / (m + half));
    js += jensenShannonTerm(p, q);
    // Σp = Σq = 1, so adding q − p changes nothing but keeps every term ≥ 0.
    forward += p === 0 ? q : p * Math.log(p / q) + (q - p);
    backward += q === 0 ? p : q * Math.log(q / p) + (p - q);
    statistic += (a * m - b * n) ** 2 / (n * m * (a + b));
    gap += p - q;
    ksBinned = Math.max(ksBinned, Math.abs(gap));
  }
  const degreesOfFreedom = used.length - 1;
  const floor = degreesOfFreedom === 0 ? 0 : chiSquareExceeded(level, degreesOfFreedom) * (1 / n + 1 / m);
  return {
    psi,
    psiHalfCount,
    jsDivergence: js / Math.LN2,
    jsDistance: Math.sqrt(js / Math.LN2),
    klReferenceToCurrent: Number.isFinite(forward) ? forward : null,
    klCurrentToReference: Number.isFinite(backward) ? backward : null,
    chiSquare: {
      statistic,
      degreesOfFreedom,
      p: degreesOfFreedom === 0 ? 1 : chiSquareUpper(statistic, degreesOfFreedom),
    },
    ksBinned,
    noiseFloor: Math.min(1, Math.sqrt(floor / (8 * Math.LN2))),
    psiFloor: floor,
    ksFloor: degreesOfFreedom === 0 ? 0 : Math.min(1, Math.sqrt(((1 / n + 1 / m) * Math.log(2 / level)) / 2)),
  };
}

const psiTerm = (p: number, q: number) => (q - p) * Math.log(q / p);

/** ½[p ln(p/m) + q ln(q/m)] with m = (p + q)/2, ≥ 0 term by term; p = m(1 + d), q = m(1 − d). */
function jensenShannonTerm(p: number, q: number): number {
  const m = (p + q) / 2;
  const d = (p - q) / (p + q);
  const up = d === -1 ? 0 : (1 + d) * Math.log1p(d);
  const down = d === 1 ? 0 : (1 - d) * Math.log1p(-d);
  return (m / 2) * (up + down);
}

function requireSameBins(a: readonly number[], b: readonly number[]): void {
  if (a.length !== b.length) throw new RangeError(`counts over ${a.length} and ${b.length} bins cannot be compared`);
}

/** Did the share of missing values change? χ² of the 2 × 2 table, p = 1 where nothing or everything is missing. */
export function missingRateTest(reference: BinCounts, current: BinCounts): ChiSquareTest {
  const present = (side: BinCounts) => side.counts.reduce((sum, count) => sum + count, 0);
  const a = [present(reference), reference.missing] as const;
  const b = [present(current), current.missing] as const;
  const n = a[0] + a[1];
  const m = b[0] + b[1];
  const all = [a[0] + b[0], a[1] + b[1]] as const;
  if (all[0] === 0 || all[1] === 0 || n === 0 || m === 0) return { statistic: 0, degreesOfFreedom: 1, p: 1 };
  const statistic = (n + m) * (((a[0] * b[1] - a[1] * b[0]) / n / m) * ((a[0] * b[1] - a[1] * b[0]) / all[0] / all[1]));
  return { statistic, degreesOfFreedom: 1, p: chiSquareUpper(statistic, 1) };
}
