// The log-bucket sketch: its error bound, merging, and refusals.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addToLogBuckets, emptyLogBuckets, logBucketQuantile, mergeLogBuckets } from '#domain/numerics/log-buckets.ts';

const value = fc.oneof(
  fc.double({ min: -1e12, max: 1e12, noNaN: true }).filter((x) => x === 0 || Math.abs(x) > 1e-30),
  fc.integer({ min: -5, max: 5 }),
);
const values = fc.array(value, { minLength: 1, maxLength: 80 });
const accuracy = fc.constantFrom(0.001, 0.01, 0.1);

function sketch(alpha: number, list: number[]) {
  const buckets = emptyLogBuckets(alpha);
  for (const each of list) addToLogBuckets(buckets, each);
  return buckets;
}

test('every quantile is within the relative accuracy of the order statistic', () => {
  fc.assert(
    fc.property(accuracy, values, fc.double({ min: 0, max: 1, noNaN: true }), (alpha, list, q) => {
      const exact = list.toSorted((a, b) => a - b)[Math.floor(q * (list.length - 1))]!;
      const found = logBucketQuantile(sketch(alpha, list), q)!;
      expect(Math.abs(found - exact)).toBeLessThanOrEqual(alpha * Math.abs(exact) * (1 + 1e-9));
    }),
  );
});

test('parts merged in any order are the sketch of the whole', () => {
  fc.assert(
    fc.property(accuracy, values, values, (alpha, a, b) => {
      const whole = sketch(alpha, [...a, ...b]);
      expect(mergeLogBuckets(sketch(alpha, a), sketch(alpha, b))).toEqual(whole);
      expect(mergeLogBuckets(sketch(alpha, b), sketch(alpha, a))).toEqual(whole);
    }),
  );
});

test('the smallest and the largest double, of either sign, fit into one sketch', () => {
  const far = [5e-324, Number.MAX_VALUE, -5e-324, -Number.MAX_VALUE];
  const whole = sketch(0.5, far);
  expect(mergeLogBuckets(sketch(0.5, far.slice(1)), sketch(0.5, far.slice(0, 1)))).toEqual(whole);
  expect(logBucketQuantile(whole, 0)! / -Number.MAX_VALUE).toBeGreaterThan(0.5);
  expect(Math.abs(logBucketQuantile(whole, 0.5)!)).toBeLessThan(1e-323);
});

test('merging leaves both parts as they were', () => {
  const [a, b] = [sketch(0.01, [3, -7, 0]), sketch(0.01, [3.001, -7.001, 900])];
  mergeLogBuckets(a, b);
  mergeLogBuckets(b, a);
  expect([a, b]).toEqual([sketch(0.01, [3, -7, 0]), sketch(0.01, [3.001, -7.001, 900])]);
});

test('memory is that of the magnitudes seen, wherever they lie: one block for one value, two for its neighbours', () => {
  for (const value of [1e-9, 0.01, 1e9]) {
    const { positive, negative } = sketch(0.01, [value, value]);
    expect([positive.counts.length, negative.counts.length]).toEqual([64, 0]);
  }
  const wide = sketch(0.01, [1, Math.exp(64 * 0.0200006667)]).positive;
  expect(wide.counts.length).toBe(128);
});

test('just below 1 the bucket is 0, not −0, which would not be the same bytes', () => {
  expect(Object.is(sketch(0.1, [0.9]).positive.first, 0)).toBe(true);
  expect(mergeLogBuckets(sketch(0.1, [1]), sketch(0.1, [0.9]))).toEqual(sketch(0.1, [0.9, 1]));
});

test('a count is so many values; nothing has no quantile', () => {
  const buckets = emptyLogBuckets(0.01);
  expect(logBucketQuantile(buckets, 0.5)).toBeNull();
  addToLogBuckets(buckets, 7, 3);
  expect(buckets).toEqual(sketch(0.01, [7, 7, 7]));
  expect(logBucketQuantile(buckets, 2)).toBeNull();
});

test('the largest double stays finite', () => {
  const found = logBucketQuantile(sketch(0.1, [Number.MAX_VALUE]), 1)!;
  expect(found / Number.MAX_VALUE).toBeGreaterThan(0.9);
  expect(found).toBeLessThanOrEqual(Number.MAX_VALUE);
});

test('what cannot be counted or merged is refused', () => {
  expect(() => emptyLogBuckets(0.0009)).toThrow(RangeError);
  expect(() => emptyLogBuckets(0.51)).toThrow(RangeError);
  expect(() => addToLogBuckets(emptyLogBuckets(0.01), Number.NaN)).toThrow(RangeError);
  for (const count of [0.5, 0, -1]) expect(() => addToLogBuckets(emptyLogBuckets(0.01), 1, count)).toThrow(RangeError);
  expect(() => mergeLogBuckets(emptyLogBuckets(0.01), emptyLogBuckets(0.02))).toThrow(RangeError);
});
