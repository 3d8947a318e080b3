// Three quantile sketches behind one interface: the state sketch of this project, DDSketch and the t-digest, as their packages have them.
import { DDSketch } from '@datadog/sketches-js';
import { pack } from 'msgpackr';
import { TDigest } from 'tdigest';
import {
  addToLogBuckets,
  emptyLogBuckets,
  type LogBuckets,
  logBucketQuantile,
  mergeLogBuckets,
} from '#domain/numerics/log-buckets.ts';
import { createRandom } from '#domain/numerics/random.ts';

export interface Contestant<Sketch> {
  name: string;
  of(values: Float64Array): Sketch;
  merge(parts: Sketch[]): Sketch;
  quantile(sketch: Sketch, q: number): number;
  /** As it would be stored: ours and the centroids by msgpack, DDSketch in its own protobuf. */
  bytes(sketch: Sketch): number;
}

const logBuckets: Contestant<LogBuckets> = {
  name: 'log buckets, α = 1 %',
  of(values) {
    const sketch = emptyLogBuckets(0.01);
    for (const value of values) addToLogBuckets(sketch, value);
    return sketch;
  },
  merge: (parts) => parts.reduce(mergeLogBuckets),
  quantile: (sketch, q) => logBucketQuantile(sketch, q)!,
  bytes({ accuracy, positive, negative, zero }) {
    const side = ({ first, counts }: LogBuckets['positive']) => {
      // Steps between the buckets that hold anything, and their counts: small whole numbers, one byte most of them.
      let last = 0;
      return [...counts].flatMap((count, k) => {
        if (count === 0) return [];
        const step = first + k - last;
        last = first + k;
        return [step, count];
      });
    };
    return pack([accuracy, zero, side(positive), side(negative)]).length;
  },
};

const ddSketch: Contestant<DDSketch> = {
  name: 'DDSketch 2.1.1, α = 1 %',
  of(values) {
    const sketch = new DDSketch({ relativeAccuracy: 0.01 });
    for (const value of values) sketch.accept(value);
    return sketch;
  },
  merge(parts) {
    const whole = new DDSketch({ relativeAccuracy: 0.01 });
    for (const part of parts) whole.merge(part);
    return whole;
  },
  quantile: (sketch, q) => sketch.getValueAtQuantile(q),
  bytes: (sketch) => sketch.toProto().length,
};

const tDigest: Contestant<TDigest> = {
  name: 't-digest 0.1.3, δ = 0.01',
  of(values) {
    const sketch = new TDigest(0.01);
    for (const value of values) sketch.push(value);
    return sketch;
  },
  merge(parts) {
    const whole = new TDigest(0.01);
    for (const part of parts) whole.push_centroid(part.toArray());
    return whole;
  },
  quantile: (sketch, q) => sketch.percentile(q)!,
  bytes(sketch) {
    const centroids = sketch.toArray();
    return pack([centroids.map(({ mean }) => mean), centroids.map(({ n }) => n)]).length;
  },
};

// biome-ignore lint/suspicious/noExplicitAny: each contestant is only ever given its own sketches.
export const CONTESTANTS: readonly Contestant<any>[] = [logBuckets, ddSketch, tDigest];

/** Amounts of orders in cents: log-normal around 20, σ = 1.5, one in a hundred 0. */
export function amounts(n: number, seed: number): Float64Array {
  const random = createRandom(seed);
  return Float64Array.from({ length: n }, () =>
    random.uniform() < 0.01 ? 0 : Math.max(0.01, Math.round(100 * Math.exp(3 + 1.5 * random.normal())) / 100),
  );
}

/** Equal parts in the order of arrival. */
export const split = (values: Float64Array, parts: number): Float64Array[] =>
  Array.from({ length: parts }, (_, k) =>
    values.subarray(Math.floor((k * values.length) / parts), Math.floor(((k + 1) * values.length) / parts)),
  );

export const LEVELS = [0.02, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999] as const;

/** Largest relative error of the quantiles, and the largest error in rank (as a share of all values). */
export function errorsOf<Sketch>({ quantile }: Contestant<Sketch>, sketch: Sketch, sorted: Float64Array) {
  let value = 0;
  let rank = 0;
  for (const level of LEVELS) {
    const at = Math.floor(level * (sorted.length - 1));
    const found = quantile(sketch, level);
    value = Math.max(value, Math.abs(found / sorted[at]! - 1));
    rank = Math.max(rank, Math.abs(rankOf(sorted, found) - level));
  }
  return { value, rank };
}

/** Share of the values below or equal: the middle of their ranks where several are equal. */
function rankOf(sorted: Float64Array, value: number): number {
  const below = sorted.findIndex((each) => each >= value);
  const above = sorted.findIndex((each) => each > value);
  const end = (index: number) => (index < 0 ? sorted.length : index);
  return (end(below) + end(above)) / 2 / sorted.length;
}
