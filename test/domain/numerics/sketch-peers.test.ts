// The state sketch against DDSketch, whose guarantee it shares, and against the t-digest, which the log cannot keep as state.
import { expect, test } from 'vitest';
import { amounts, CONTESTANTS, errorsOf, LEVELS, split } from '../../support/sketches.ts';

const values = amounts(50_000, 7);
const sorted = values.toSorted();
const [ours, ddSketch, tDigest] = CONTESTANTS as [
  (typeof CONTESTANTS)[0],
  (typeof CONTESTANTS)[0],
  (typeof CONTESTANTS)[0],
];

test('quantiles are those of DDSketch 2.1.1 at the same accuracy', () => {
  const [a, b] = [ours.of(values), ddSketch.of(values)];
  for (const q of [0, ...LEVELS, 1]) {
    const [own, theirs] = [ours.quantile(a, q), ddSketch.quantile(b, q)];
    expect(Math.abs(own - theirs)).toBeLessThanOrEqual(1e-9 * Math.abs(theirs));
  }
});

test('64 parts merged are the whole, to the bit, in whatever order; a t-digest then answers differently', () => {
  const parts = split(values, 64);
  const whole = ours.of(values);
  expect(ours.merge(parts.map(ours.of))).toEqual(whole);
  expect(ours.merge(parts.toReversed().map(ours.of))).toEqual(whole);
  const digests = [parts, parts.toReversed()].map((order) => tDigest.merge(order.map(tDigest.of)));
  expect(LEVELS.some((q) => tDigest.quantile(digests[0], q) !== tDigest.quantile(digests[1], q))).toBe(true);
});

test('all three are close: 1 % of the value for the buckets, 1 % of rank for the t-digest', () => {
  expect(errorsOf(ours, ours.of(values), sorted).value).toBeLessThanOrEqual(0.01);
  expect(errorsOf(ddSketch, ddSketch.of(values), sorted).value).toBeLessThanOrEqual(0.01);
  expect(errorsOf(tDigest, tDigest.of(values), sorted).rank).toBeLessThanOrEqual(0.01);
});
