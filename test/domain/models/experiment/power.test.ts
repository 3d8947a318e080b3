// Playing a design: against the normal theory of one look, its laws, and the draws it is made of.
import { describe, expect, test } from 'vitest';
import type { Truth } from '#domain/models/experiment/outcomes.ts';
import { type Design, mergePlayed, playDesign } from '#domain/models/experiment/power.ts';
import { chiSquareUpper } from '#domain/numerics/incomplete-gamma.ts';
import { createRandom } from '#domain/numerics/random.ts';

const conversions = (...rates: number[]): Truth => ({ outcome: 'conversions', rates, prior: [1, 1] });
const design: Design = {
  truth: conversions(0.1, 0.12),
  shares: [1, 1],
  looks: 1,
  rule: { kind: 'best', sure: 0.95 },
};

describe('a design', () => {
  test('one look: the power is Φ(z − 1.645) of the normal theory', () => {
    const n = 3000;
    const z = 0.02 / Math.sqrt((0.1 * 0.9 + 0.12 * 0.88) / n);
    const tail = 0.5 * chiSquareUpper((z - 1.6449) ** 2, 1);
    const expected = z > 1.6449 ? 1 - tail : tail;
    const { right, wrong, runs, visitors } = playDesign(design, 2 * n, 0, 2000, 1);
    expect(Math.abs(right / runs - expected)).toBeLessThan(4 * Math.sqrt((expected * (1 - expected)) / runs));
    expect(wrong / runs).toBeLessThan(0.005);
    expect(visitors).toBe(runs * 2 * n);
  });

  test('one look at equal arms: a false alarm in 10 %, 5 % for each arm', () => {
    const { right, wrong, runs } = playDesign({ ...design, truth: conversions(0.2, 0.2) }, 4000, 0, 2000, 3);
    expect(right).toBe(0);
    expect(Math.abs(wrong / runs - 0.1)).toBeLessThan(4 * Math.sqrt(0.09 / runs));
  });

  test('ten looks: P(best) raises false alarms well above one look, the always-valid rule keeps its 5 %', () => {
    const two = { ...design, truth: conversions(0.1, 0.1), looks: 10 };
    const three = { ...design, truth: conversions(0.1, 0.1, 0.1), shares: [2, 1, 1], looks: 10 };
    const alarms = (design: Design) => playDesign(design, 6000, 0, 400, 5).wrong / 400;
    const rule = { kind: 'always-valid', alpha: 0.05 } as const;
    const allowed = 0.05 + 3 * Math.sqrt(0.0475 / 400);
    expect(alarms(two)).toBeGreaterThan(0.2);
    expect(alarms({ ...two, rule })).toBeLessThanOrEqual(allowed);
    expect(alarms({ ...three, rule })).toBeLessThanOrEqual(allowed);
  });

  test('an early choice ends the experiment', () => {
    const clear = { ...design, truth: conversions(0.05, 0.3), looks: 5 };
    const { right, runs, visitors } = playDesign(clear, 5000, 0, 50, 7);
    expect(right).toBe(runs);
    expect(visitors).toBe(runs * 1000);
    const loss = playDesign({ ...clear, rule: { kind: 'loss', tolerable: 0.001 } }, 5000, 0, 50, 7);
    expect(loss.right).toBe(50);
  });

  test('runs split over two calls are the runs of one', () => {
    const whole = playDesign(design, 1000, 0, 60, 9);
    expect(mergePlayed(playDesign(design, 1000, 0, 25, 9), playDesign(design, 1000, 25, 60, 9))).toEqual(whole);
    expect(playDesign(design, 1000, 0, 60, 10)).not.toEqual(whole);
  });

  test('what cannot be played is refused', () => {
    const play =
      (change: Partial<Design>, visitors = 1000) =>
      () =>
        playDesign({ ...design, ...change }, visitors, 0, 1, 1);
    expect(play({ truth: conversions(0.1) })).toThrow(RangeError);
    expect(play({ truth: conversions(0.1, 1.2) })).toThrow(RangeError);
    expect(play({ shares: [1] })).toThrow(RangeError);
    expect(play({ shares: [1, 0] })).toThrow(RangeError);
    expect(play({ looks: 0 })).toThrow(RangeError);
    expect(play({}, 1)).toThrow('1 visitors are too few for 1 looks at 2 arms');
    expect(play({}, 10.5)).toThrow(RangeError);
  });
});

describe('the draws', () => {
  /** χ² of counts against expected ones, tails pooled below 5. */
  function fitP(draws: number[], probability: (k: number) => number): number {
    const n = draws.length;
    const most = Math.max(...draws);
    const seen = new Float64Array(most + 1);
    for (const k of draws) seen[k]!++;
    let [statistic, cells, restSeen, restExpected] = [0, 0, n, n];
    for (let k = 0; k <= most; k++) {
      const expected = n * probability(k);
      if (expected < 5) continue;
      statistic += (seen[k]! - expected) ** 2 / expected;
      restSeen -= seen[k]!;
      restExpected -= expected;
      cells++;
    }
    return chiSquareUpper(statistic + (restSeen - restExpected) ** 2 / Math.max(restExpected, 1), cells);
  }
  const lnFactorial = Array.from({ length: 400 }, () => 0);
  for (let k = 2; k < 400; k++) lnFactorial[k] = lnFactorial[k - 1]! + Math.log(k);

  test.each([
    [10, 0.3],
    [26, 0.9],
    [300, 0.02],
    [399, 0.5],
  ])('binomial(%s, %s) has its probabilities', (n, p) => {
    const random = createRandom(n);
    const draws = Array.from({ length: 20_000 }, () => random.binomial(n, p));
    const ln = (k: number) =>
      lnFactorial[n]! - lnFactorial[k]! - lnFactorial[n - k]! + k * Math.log(p) + (n - k) * Math.log(1 - p);
    expect(fitP(draws, (k) => Math.exp(ln(k)))).toBeGreaterThan(0.001);
  });

  test.each([0.2, 24, 26, 150])('poisson(%s) has its probabilities', (mean) => {
    const random = createRandom(Math.round(mean * 10));
    const draws = Array.from({ length: 20_000 }, () => random.poisson(mean));
    expect(fitP(draws, (k) => Math.exp(k * Math.log(mean) - mean - lnFactorial[k]!))).toBeGreaterThan(0.001);
  });

  test('edges: never, always, nobody', () => {
    const random = createRandom(1);
    expect([random.binomial(1000, 0), random.binomial(1000, 1), random.binomial(0, 0.5), random.poisson(0)]).toEqual([
      0, 1000, 0, 0,
    ]);
  });
});
