// Playing a design: against the normal theory of one look, and its laws.
import { describe, expect, test } from 'vitest';
import type { Truth } from '#domain/models/experiment/outcomes.ts';
import { type Design, mergePlayed, playDesign } from '#domain/models/experiment/power.ts';
import { chiSquareUpper } from '#domain/numerics/incomplete-gamma.ts';

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
