import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rankCorrelation, ranks } from '#domain/numerics/rank-correlation.ts';

test('ties share the mean of their ranks', () => {
  expect([...ranks(Float64Array.of(10, 20, 20, 5))]).toEqual([2, 3.5, 3.5, 1]);
});
test('Spearman’s ρ of ten pairs, by the formula for ranks without ties', () => {
  const x = Float64Array.of(106, 86, 100, 101, 99, 103, 97, 113, 112, 110);
  const y = Float64Array.of(7, 0, 27, 50, 28, 29, 20, 12, 6, 17);
  // Σd² = 194: 1 − 6 · 194/(10 · 99).
  expect(rankCorrelation(x, y)).toBeCloseTo(1 - (6 * 194) / 990, 12);
});
test('is the same under any increasing change of scale, and turns with a decreasing one', () => {
  const column = fc.uniqueArray(fc.integer({ min: -1_000, max: 1_000 }), { minLength: 3, maxLength: 40 });
  fc.assert(
    fc.property(column, (values) => {
      const x = Float64Array.from(values);
      expect(
        rankCorrelation(
          x,
          x.map((v) => v ** 3 + v),
        ),
      ).toBeCloseTo(1, 10);
      expect(
        rankCorrelation(
          x,
          x.map((v) => -Math.atan(v)),
        ),
      ).toBeCloseTo(-1, 10);
    }),
  );
});
test('says nothing where one side does not vary', () => {
  expect(rankCorrelation(Float64Array.of(1, 1, 1), Float64Array.of(1, 2, 3))).toBeNull();
  expect(rankCorrelation(new Float64Array(0), new Float64Array(0))).toBeNull();
});
