// How the values of a feature lie, as it is shown: nobody can be told from it.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FEATURES } from '#domain/churn-features.ts';
import { statisticsOf } from '#processors/evaluation/feature-report.ts';

const number = FEATURES.find(({ dtype }) => dtype === 'number')!;
const text = FEATURES.find(({ dtype }) => dtype === 'text')!;

test('levels of fewer than ten customers are under other', () => {
  const plans = [
    ...Array.from({ length: 12 }, () => 'basic'),
    ...Array.from({ length: 9 }, () => 'gold'),
    'of ann',
    null,
  ];
  expect(statisticsOf(text, plans)).toMatchObject({
    n: 23,
    nulls: 1,
    levels: [
      { level: 'basic', count: 12 },
      { level: 'other', count: 10 },
    ],
  });
});

test('the least and the most are those of ten customers; all are counted, and no bin of few', () => {
  const value = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30 }), fc.double({ min: 0, max: 1e6, noNaN: true }));
  fc.assert(
    fc.property(fc.array(value, { minLength: 20, maxLength: 150 }), (values) => {
      const { min, max, histogram } = statisticsOf(number, values);
      expect(values.filter((each) => each <= min!).length).toBeGreaterThanOrEqual(10);
      expect(values.filter((each) => each >= max!).length).toBeGreaterThanOrEqual(10);
      expect(histogram!.reduce((sum, { count }) => sum + count, 0)).toBe(values.length);
      for (const { from, to, count } of histogram!) {
        expect(count).toBeGreaterThanOrEqual(10);
        expect(from).toBeGreaterThanOrEqual(min!);
        expect(to).toBeLessThanOrEqual(max! * (1 + 1e-12));
      }
    }),
  );
});

test('of too few nothing is said but how many', () => {
  const bare = { min: null, max: null, histogram: [] };
  expect(statisticsOf(number, [3, 4, 5, null])).toMatchObject({ n: 4, nulls: 1, mean: null, ...bare });
  expect(
    statisticsOf(
      number,
      Array.from({ length: 19 }, (_, i) => i),
    ),
  ).toMatchObject({ mean: 9, ...bare });
});
