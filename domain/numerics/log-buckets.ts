// Quantiles of a stream with a bounded relative error from whole-number counts in logarithmic buckets. Counts add up, so parts merged in any
// order are the very same sketch as the whole. After Masson, Rim & Lee, "DDSketch" (PVLDB 12, 2019), without collapsing buckets.

export interface LogBuckets {
  /** Relative accuracy α in (0, 1) of every quantile. */
  readonly accuracy: number;
  /** Bucket i holds (γ^(i−1), γ^i] with γ = (1 + α)/(1 − α); values above 0, and below 0 by their magnitude. */
  positive: Map<number, number>;
  negative: Map<number, number>;
  zero: number;
}

/** @throws RangeError for an accuracy outside [1e-6, 0.5]. */
export function emptyLogBuckets(accuracy: number): LogBuckets {
  if (!(accuracy >= 1e-6 && accuracy <= 0.5)) throw new RangeError('the accuracy must be between 1e-6 and 0.5');
  return { accuracy, positive: new Map(), negative: new Map(), zero: 0 };
}

const lnGrowth = (accuracy: number) => Math.log1p(accuracy) - Math.log1p(-accuracy);

/**
 * Counts a value in place; one logarithm and one map access.
 *
 * @param value finite.  @param count whole, > 0.
 * @throws RangeError for anything else.
 */
export function addToLogBuckets(buckets: LogBuckets, value: number, count = 1): void {
  if (!(Number.isFinite(value) && Number.isSafeInteger(count) && count > 0))
    throw new RangeError('a sketch counts finite values a whole number of times');
  if (value === 0) {
    buckets.zero += count;
    return;
  }
  const index = Math.ceil(Math.log(Math.abs(value)) / lnGrowth(buckets.accuracy));
  const side = value > 0 ? buckets.positive : buckets.negative;
  side.set(index, (side.get(index) ?? 0) + count);
}

/** The sketch of both parts; exact, commutative, associative. @throws RangeError for different accuracies. */
export function mergeLogBuckets(a: LogBuckets, b: LogBuckets): LogBuckets {
  if (a.accuracy !== b.accuracy) throw new RangeError('sketches of different accuracy cannot be merged');
  return {
    accuracy: a.accuracy,
    positive: sumOf(a.positive, b.positive),
    negative: sumOf(a.negative, b.negative),
    zero: a.zero + b.zero,
  };
}

function sumOf(a: Map<number, number>, b: Map<number, number>): Map<number, number> {
  const sum = new Map(a);
  for (const [index, count] of b) sum.set(index, (sum.get(index) ?? 0) + count);
  return sum;
}

/**
 * The value of rank ⌊q·(n − 1)⌋ (from 0) within a relative error of α.
 *
 * @param q in [0, 1].
 * @returns null for an empty sketch or q outside its domain.  Cost: sorting the buckets that hold anything.
 * @example // 1, 2, …, 100 at 1 %: logBucketQuantile(sketch, 0.5) is within 1 % of 50
 */
export function logBucketQuantile({ accuracy, positive, negative, zero }: LogBuckets, q: number): number | null {
  const ascending = (side: Map<number, number>) => [...side].sort(([a], [b]) => a - b);
  // γ^i (1 − α) is within α of both ends of its bucket; next to the largest double it would overflow.
  const middle = (index: number) =>
    Math.min(Number.MAX_VALUE, Math.exp(index * lnGrowth(accuracy) + Math.log1p(-accuracy)));
  const line = [
    ...ascending(negative)
      .reverse()
      .map(([index, count]) => [-middle(index), count] as const),
    [0, zero] as const,
    ...ascending(positive).map(([index, count]) => [middle(index), count] as const),
  ];
  const total = line.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0 || !(q >= 0 && q <= 1)) return null;
  let left = Math.floor(q * (total - 1));
  for (const [value, count] of line) {
    if (left < count) return value;
    left -= count;
  }
  return null;
}
