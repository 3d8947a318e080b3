// Calibrations by hand: Platt's score equations at his targets, isotonic blocks, what lies between them, files that are none.
import { describe, expect, test } from 'vitest';
import { calibrate, calibrateOne, calibrationFile, fitIsotonic, fitPlatt } from '#domain/models/calibration.ts';

const columns = (score: number[], label: number[], weight?: number[]) => ({
  score: Float64Array.from(score),
  label: Float64Array.from(label),
  ...(weight && { weight: Float64Array.from(weight) }),
});

describe('Platt', () => {
  test('his score equations are 0 at the smoothed targets, weights as repetitions', () => {
    const [score, label, weight] = [
      [-2, -1, 0, 1, 2],
      [0, 1, 0, 0, 1],
      [3, 1, 2, 1, 4],
    ];
    const found = fitPlatt(columns(score, label, weight));
    if (!found.ok) throw new Error(found.reason);
    // N₊ = 5, N₋ = 6.
    const [high, low] = [6 / 7, 1 / 8];
    const gaps = score.map((f, i) => weight[i]! * ((label[i] === 1 ? high : low) - calibrateOne(found.value, f)));
    expect(Math.abs(gaps.reduce((sum, gap) => sum + gap, 0))).toBeLessThan(1e-10);
    expect(Math.abs(gaps.reduce((sum, gap, i) => sum + gap * score[i]!, 0))).toBeLessThan(1e-10);
    expect(found.value.A).toBeLessThan(0);
  });

  test('one class and one score are refused, each by its name', () => {
    const said = (score: number[], label: number[]) => {
      const found = fitPlatt(columns(score, label));
      return found.ok ? 'fitted' : found.reason;
    };
    expect(said([1, 2, 3], [0, 0, 0])).toMatch(/all labels are equal/);
    expect(said([1, 2, 3], [1, 1, 1])).toMatch(/all labels are equal/);
    expect(said([2, 2, 2], [0, 1, 0])).toMatch(/all scores are equal/);
    expect(said([1, 2, 2], [0, 1, 0])).toBe('fitted');
  });
});

describe('isotonic', () => {
  const found = () => {
    // Heights 0, ½ (three rows, two of them violators), 1: the middle block from −1 to 1.
    const fitted = fitIsotonic(columns([-2, -1, 0, 1, 3, 9], [0, 1, 0, 1, 1, 0], [1, 1, 1, 0, 2, 0]));
    if (!fitted.ok) throw new Error(fitted.reason);
    return fitted.value;
  };

  test('blocks keep their ends; rows without weight are nowhere', () => {
    expect(found()).toEqual({ method: 'isotonic', x: [-2, -1, 0, 3], y: [0, 0.5, 0.5, 1] });
  });

  test('flat outside, the heights at the points, straight lines between', () => {
    const at = [-9, -2, -1.5, -1, -0.25, 0, 1, 2, 3, 100];
    const heights = [0, 0, 0.25, 0.5, 0.5, 0.5, 2 / 3, 5 / 6, 1, 1];
    calibrate(found(), Float64Array.from(at)).forEach((p, i) => {
      expect(p, `at ${at[i]}`).toBeCloseTo(heights[i]!, 15);
    });
    expect(calibrateOne({ method: 'isotonic', x: [4], y: [0.3] }, 4)).toBe(0.3);
  });

  test('nothing with weight is refused', () => {
    expect(fitIsotonic(columns([1, 2], [0, 1], [0, 0]))).toEqual({ ok: false, reason: 'no rows with weight' });
  });
});

test.each([
  ['of different lengths', { x: [1, 2], y: [0.5] }, false],
  ['not ascending in x', { x: [1, 1], y: [0.2, 0.3] }, false],
  ['descending in x', { x: [2, 1], y: [0.2, 0.3] }, false],
  ['descending in y', { x: [1, 2, 3], y: [0.2, 0.3, 0.1] }, false],
  ['flat in y', { x: [1, 2], y: [0.2, 0.2] }, true],
  ['one point', { x: [1], y: [0.2] }, true],
])('a file of points %s', (_, points, good) => {
  expect(calibrationFile.safeParse({ method: 'isotonic', ...points }).success).toBe(good);
});
