// Quantiles of a stream with a bounded relative error from whole-number counts in logarithmic buckets. Counts add up, so parts merged in any
// order are the very same sketch as the whole. After Masson, Rim & Lee, "DDSketch" (PVLDB 12, 2019), without collapsing buckets.

export interface LogBuckets {
  /** Relative accuracy α of every quantile. */
  readonly accuracy: number;
  /** 1 / ln γ with γ = (1 + α)/(1 − α): bucket i holds (γ^(i−1), γ^i]. */
  readonly perLn: number;
  /** Values above 0, and below 0 by their magnitude. */
  positive: Buckets;
  negative: Buckets;
  zero: number;
}

/** counts[k] values in bucket first + k; whole numbers. `first` and the length are multiples of 64, so equal sketches are equal arrays. */
interface Buckets {
  first: number;
  counts: Float64Array;
}

const BLOCK = 64;
const nothing = (): Buckets => ({ first: 0, counts: new Float64Array(0) });

/**
 * @param accuracy α in [0.001, 0.5]. Memory is 8 bytes per bucket between the smallest and the largest magnitude: at 1 % some 115 buckets
 * per power of ten, so 9 kB from a cent to ten million.
 * @throws RangeError for an accuracy outside.
 */
export function emptyLogBuckets(accuracy: number): LogBuckets {
  if (!(accuracy >= 0.001 && accuracy <= 0.5)) throw new RangeError('the accuracy must be between 0.001 and 0.5');
  const perLn = 1 / (Math.log1p(accuracy) - Math.log1p(-accuracy));
  return { accuracy, perLn, positive: nothing(), negative: nothing(), zero: 0 };
}

/**
 * Counts a value in place; one logarithm and one array access.
 *
 * @param value finite.  @param count whole, > 0.
 * @throws RangeError for anything else.
 */
export function addToLogBuckets(sketch: LogBuckets, value: number, count = 1): void {
  if (!(Number.isFinite(value) && Number.isSafeInteger(count) && count > 0))
    throw new RangeError('a sketch counts finite values a whole number of times');
  if (value === 0) {
    sketch.zero += count;
    return;
  }
  const side = value > 0 ? sketch.positive : sketch.negative;
  const index = Math.ceil(Math.log(Math.abs(value)) * sketch.perLn) + 0; // −0 becomes 0: equal sketches, equal bytes
  if (!(index >= side.first && index < side.first + side.counts.length)) widen(side, index, index);
  side.counts[index - side.first]! += count;
}

/** Makes room for the buckets `low` … `high`, in whole blocks. */
function widen(side: Buckets, low: number, high: number): void {
  const { first, counts } = side;
  const end = first + counts.length;
  const from = Math.floor((counts.length > 0 ? Math.min(low, first) : low) / BLOCK) * BLOCK;
  const to = Math.ceil((counts.length > 0 ? Math.max(high + 1, end) : high + 1) / BLOCK) * BLOCK;
  const wider = new Float64Array(to - from);
  if (counts.length > 0) wider.set(counts, first - from);
  side.first = from;
  side.counts = wider;
}

/** The sketch of both parts; exact, commutative, associative. @throws RangeError for different accuracies. */
export function mergeLogBuckets(a: LogBuckets, b: LogBuckets): LogBuckets {
  if (a.accuracy !== b.accuracy) throw new RangeError('sketches of different accuracy cannot be merged');
  return {
    accuracy: a.accuracy,
    perLn: a.perLn,
    positive: sumOf(a.positive, b.positive),
    negative: sumOf(a.negative, b.negative),
    zero: a.zero + b.zero,
  };
}

function sumOf(a: Buckets, b: Buckets): Buckets {
  const sum: Buckets = { first: a.first, counts: a.counts.slice() };
  if (b.counts.length === 0) return sum;
  const last = b.first + b.counts.length - 1;
  if (a.counts.length === 0 || b.first < a.first || last >= a.first + a.counts.length) widen(sum, b.first, last);
  const shift = b.first - sum.first;
  for (let k = 0; k < b.counts.length; k++) sum.counts[k + shift]! += b.counts[k]!;
  return sum;
}

/**
 * The value of rank ⌊q·(n − 1)⌋ (from 0) within a relative error of α.
 *
 * @param q in [0, 1].
 * @returns null for an empty sketch or q outside its domain.  Cost: a pass over the buckets.
 * @example // 1, 2, …, 100 at 1 %: logBucketQuantile(sketch, 0.5) is within 1 % of 50
 */
export function logBucketQuantile({ accuracy, perLn, positive, negative, zero }: LogBuckets, q: number): number | null {
  const below = total(negative);
  const n = below + zero + total(positive);
  if (n === 0 || !(q >= 0 && q <= 1)) return null;
  const rank = Math.floor(q * (n - 1));
  // γ^i (1 − α) is within α of both ends of its bucket; next to the largest double it would overflow.
  const middle = (index: number) => Math.min(Number.MAX_VALUE, Math.exp(index / perLn + Math.log1p(-accuracy)));
  if (rank < below) return -middle(bucketOf(negative, below - 1 - rank));
  if (rank < below + zero) return 0;
  return middle(bucketOf(positive, rank - below - zero));
}

function total({ counts }: Buckets): number {
  let sum = 0;
  for (let k = 0; k < counts.length; k++) sum += counts[k]!;
  return sum;
}

/** The bucket of the value of that rank, from the smallest magnitude. */
function bucketOf({ first, counts }: Buckets, rank: number): number {
  let k = 0;
  for (let left = rank; left >= counts[k]!; k++) left -= counts[k]!;
  return first + k;
}
