// Whom the leakage probe looks at: as many different customers as asked for, everybody alike, the same for one seed.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sampleOf } from '#processors/backtest/leakage.ts';

test('different positions, ascending, as many as asked for or all there are', () => {
  fc.assert(
    fc.property(fc.nat(300), fc.integer({ min: 1, max: 60 }), fc.nat(), (n, wanted, seed) => {
      const sample = sampleOf(n, wanted, seed);
      expect(sample).toHaveLength(Math.min(n, wanted));
      expect(sample.every((at, i) => at >= 0 && at < n && (i === 0 || at > sample[i - 1]!))).toBe(true);
      expect(sampleOf(n, wanted, seed)).toEqual(sample);
    }),
  );
});

test('everybody is drawn alike: 4 of 20 in 20,000 draws, χ² below its 99.9 % quantile of 19 degrees', () => {
  const drawn = new Array<number>(20).fill(0);
  for (let seed = 0; seed < 20_000; seed++) for (const at of sampleOf(20, 4, seed)) drawn[at]! += 1;
  const statistic = drawn.reduce((sum, n) => sum + (n - 4_000) ** 2 / 4_000, 0);
  expect(statistic).toBeLessThan(43.82);
});
