// Regularity of buying: known shapes are found again, chance is not taken for a clock, and real shops are what their peers say they are.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { calendarRhythm, estimateRegularity, type IntervalPairs, latestIntervals } from '#domain/models/regularity.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { expectClose } from '#test/support/close.ts';
import { simulateBuyers, simulateSubscribers } from '../../support/purchases.ts';

const pairsOf = (list: (readonly [number, number])[]): IntervalPairs => ({
  earlier: Float64Array.from(list, ([earlier]) => earlier),
  later: Float64Array.from(list, ([, later]) => later),
  weight: new Float64Array(list.length).fill(1),
});
const regularity = (purchaseDays: number[][]) => estimateRegularity(latestIntervals(purchaseDays))!;
const rhythm = (purchaseDays: number[][]) => calendarRhythm(latestIntervals(purchaseDays))!;

describe('Wheat & Morrison (1990): the shape of the gamma law of intervals', () => {
  test.each([1, 2, 4])(
    'k = %i is within the interval, whatever the rates; whole days pull clocks down a little',
    (shape) => {
      const { from, to, shape: found } = regularity(simulateBuyers({ customers: 6_000, seed: 7, shape }));
      expect(from).toBeLessThan(shape);
      expect(to * (shape === 1 ? 1 : 1.03)).toBeGreaterThan(shape);
      expect(Math.abs(found / shape - 1)).toBeLessThan(0.1);
    },
  );

  test('the interval covers the true shape in about 95 of 100 samples', () => {
    let covered = 0;
    for (let seed = 1; seed <= 100; seed++) {
      const random = createRandom(seed);
      const list = Array.from({ length: 300 }, () => {
        const rate = random.gamma(2, 100);
        return [Math.ceil(random.gamma(2, rate)), Math.ceil(random.gamma(2, rate))] as const;
      });
      const { from, to } = estimateRegularity(pairsOf(list))!;
      if (from <= 2 && 2 <= to) covered++;
    }
    expect(covered).toBeGreaterThanOrEqual(88);
  });

  test('agrees with k = (1 − 4v)/(8v) of BTYDplus, v = Var(M), where days are fine enough', () => {
    const random = createRandom(3);
    const list = Array.from(
      { length: 4_000 },
      () => [Math.round(random.gamma(3, 0.01)), Math.round(random.gamma(3, 0.01))] as const,
    );
    const shares = list.flatMap(([a, b]) => [a / (a + b), b / (a + b)]);
    const mean = shares.reduce((sum, m) => sum + m, 0) / shares.length;
    const v = shares.reduce((sum, m) => sum + (m - mean) ** 2, 0) / shares.length;
    expect(estimateRegularity(pairsOf(list))!.shape).toBeCloseTo((1 - 4 * v) / (8 * v), 1);
  });

  test('a Poisson buyer seen by the day: all splits of a sum equally likely, k = 1 up to 1.5/(s − 1)²', () => {
    for (const sum of [15, 16, 30, 400]) {
      const splits = Array.from({ length: sum - 1 }, (_, i) => [i + 1, sum - 1 - i] as const);
      const list = Array.from({ length: 30 }, () => splits).flat();
      const { shape } = estimateRegularity(pairsOf(list.filter(([a, b]) => a % 7 !== 0 || b % 7 !== 0)))!;
      const m = sum - 1;
      if (sum % 7 !== 0) expect(shape - 1).toBeCloseTo(1.5 / m ** 2 / (1 - 1 / m ** 2), 6);
    }
  });

  test('does not depend on which interval is called the earlier, on order, or on how equal pairs are counted', () => {
    const pair = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 }));
    fc.assert(
      fc.property(fc.array(pair, { minLength: 40, maxLength: 80 }), (list) => {
        const found = estimateRegularity(pairsOf(list));
        const swapped = estimateRegularity(pairsOf(list.map(([a, b]) => [b, a])));
        const twice = estimateRegularity({ ...pairsOf(list), weight: new Float64Array(list.length).fill(2) });
        const repeated = estimateRegularity(pairsOf([...list, ...list.toReversed()]));
        // Doubled weights may be enough where the rows alone are not.
        expect(repeated === null).toBe(twice === null);
        expect(swapped === null).toBe(found === null);
        if (found === null || swapped === null) return;
        expectClose(swapped.shape, found.shape, 1e-9);
        expectClose(twice!.shape, found.shape, 1e-9);
        expectClose(repeated!.from, twice!.from, 1e-9);
        expect(found.from).toBeLessThanOrEqual(found.shape);
        expect(found.to).toBeGreaterThanOrEqual(found.shape);
        for (const value of Object.values(found)) expect(Number.isFinite(value)).toBe(true);
      }),
    );
  });

  test('one shopping day a week is no clock: weeks are then the step', () => {
    const random = createRandom(5);
    const saturdays = Array.from({ length: 800 }, () => {
      const often = random.uniform() * 0.3;
      return Array.from({ length: 104 }, (_, week) => 7 * week).filter(() => random.uniform() < often);
    });
    const { shape, grainDays } = regularity(saturdays);
    expect(grainDays).toBe(7);
    expect(Math.abs(shape - 1)).toBeLessThan(0.25);
  });

  test('few customers say nothing; a perfect clock is the largest shape that days can tell', () => {
    const clock = Array.from({ length: 29 }, () => [30, 30] as const);
    expect(estimateRegularity(pairsOf(clock))).toBeNull();
    expect(calendarRhythm(pairsOf(clock))).toBeNull();
    expect(estimateRegularity(pairsOf([...clock, [30, 30]]))).toMatchObject({ shape: 1000, from: 1000, to: 1000 });
    expect(estimateRegularity(pairsOf([]))).toBeNull();
  });
});

describe('calendar rhythm', () => {
  test('monthly payments, two days early or late, are a month and a contract', () => {
    const found = rhythm(simulateSubscribers(600, 1));
    expect(found).toMatchObject({ period: 'month', customers: expect.any(Number) });
    expect(found.share).toBeGreaterThan(0.85);
    expect(regularity(simulateSubscribers(600, 1)).from).toBeGreaterThan(50);
  });

  test.each([
    ['week', 7],
    ['fortnight', 14],
    ['month', 31],
    ['quarter', 91],
    ['year', 365],
  ])('%s', (period, days) => {
    const found = calendarRhythm(pairsOf(Array.from({ length: 40 }, (_, i) => [days, i < 20 ? days : 200] as const)))!;
    expect(found).toMatchObject({ period, share: 0.75 });
  });

  test.each([5, 7, 14, 30, 90])('buying at random once in %i days has no contract', (every) => {
    const random = createRandom(every);
    const at = () => Math.ceil(random.exponential(1 / every));
    const found = calendarRhythm(pairsOf(Array.from({ length: 3_000 }, () => [at(), at()] as const)))!;
    expect(found.share).toBeLessThan(0.18);
  });
});

test('the latest two intervals, days in any order; fewer than three days have none', () => {
  expect(latestIntervals([[9, 1, 4], [5, 6], [3], [], [1, 2, 4, 8]])).toEqual({
    earlier: Float64Array.of(2, 3),
    later: Float64Array.of(4, 5),
    weight: Float64Array.of(1, 1),
  });
});
