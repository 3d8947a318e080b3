// Calibration slope and intercept by their definitions: score equations, information by differences, the sandwich written out; Wilson's interval as the
// roots of his quadratic; what has no value, each by its reason.
import { describe, expect, test } from 'vitest';
import { brierScore, logitCalibration, logitLine, logLoss, wilson } from '#domain/models/calibration-metrics.ts';
import { scoredRows } from '#domain/models/scored-rows.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { worst } from '../../support/close.ts';

const rowsOf = (score: number[], label: number[], weight?: number[]) =>
  scoredRows({
    score: Float64Array.from(score),
    label: Float64Array.from(label),
    ...(weight && { weight: Float64Array.from(weight) }),
  });
const sigmoid = (f: number) => 1 / (1 + Math.exp(-f));
const random = createRandom(11);
const LOGITS = Array.from({ length: 60 }, () => 5 * random.uniform() - 2.5);
const LABELS = LOGITS.map((f) => (random.uniform() < sigmoid(0.4 + 0.7 * f) ? 1 : 0));
const WEIGHTS = LOGITS.map((_, i) => i % 4);
const rows = rowsOf(LOGITS.map(sigmoid), LABELS, WEIGHTS);
const sum = (of: (i: number) => number) => LOGITS.reduce((all, _, i) => all + of(i), 0);

describe('slope and intercept', () => {
  const found = logitCalibration(rows).value!;
  const at = (a: number, b: number) => (i: number) => sigmoid(a + b * LOGITS[i]!);
  const p = at(found.intercept, found.slope);
  const logLikelihood = (a: number, b: number) =>
    sum((i) => WEIGHTS[i]! * Math.log(LABELS[i] === 1 ? at(a, b)(i) : 1 - at(a, b)(i)));

  test('both score equations are 0; with the slope held at 1 the one of the intercept is', () => {
    expect(Math.abs(sum((i) => WEIGHTS[i]! * (LABELS[i]! - p(i))))).toBeLessThan(1e-9);
    expect(Math.abs(sum((i) => WEIGHTS[i]! * (LABELS[i]! - p(i)) * LOGITS[i]!))).toBeLessThan(1e-9);
    expect(Math.abs(sum((i) => WEIGHTS[i]! * (LABELS[i]! - at(found.inTheLarge, 1)(i))))).toBeLessThan(1e-9);
  });

  test('standard errors are those of the information, by differences of the likelihood', () => {
    const { intercept: a, slope: b } = found;
    const h = 1e-3;
    const along = (x: number, y: number) =>
      -(logLikelihood(a + h * x, b + h * y) - 2 * logLikelihood(a, b) + logLikelihood(a - h * x, b - h * y)) / h ** 2;
    const [ha, hb, hd] = [along(1, 0), along(0, 1), along(1, 1)];
    const cross = (hd - ha - hb) / 2;
    const determinant = ha * hb - cross ** 2;
    worst(
      [
        [found.interceptSe, Math.sqrt(hb / determinant)],
        [found.slopeSe, Math.sqrt(ha / determinant)],
      ],
      1e-5,
    );
  });

  test('of groups: the sandwich, written out with matrices', () => {
    const group = LOGITS.map((_, i) => i % 7);
    const grouped = logitCalibration(rows, group).value!;
    expect([grouped.slope, grouped.intercept]).toEqual([found.slope, found.intercept]);
    const curvature = (i: number) => WEIGHTS[i]! * p(i) * (1 - p(i));
    const bread = [sum(curvature), sum((i) => curvature(i) * LOGITS[i]!), sum((i) => curvature(i) * LOGITS[i]! ** 2)];
    const determinant = bread[0]! * bread[2]! - bread[1]! ** 2;
    const inverse = [
      [bread[2]! / determinant, -bread[1]! / determinant],
      [-bread[1]! / determinant, bread[0]! / determinant],
    ];
    const meat = [
      [0, 0],
      [0, 0],
    ];
    for (let g = 0; g < 7; g++) {
      const own = (i: number) => (group[i] === g ? WEIGHTS[i]! * (LABELS[i]! - p(i)) : 0);
      const score = [sum(own), sum((i) => own(i) * LOGITS[i]!)];
      for (const r of [0, 1]) for (const c of [0, 1]) meat[r]![c]! += score[r]! * score[c]!;
    }
    const variance = (k: number) =>
      (7 / 6) *
      [0, 1].reduce(
        (all, r) => all + [0, 1].reduce((part, c) => part + inverse[k]![r]! * meat[r]![c]! * inverse[c]![k]!, 0),
        0,
      );
    worst(
      [
        [grouped.interceptSe, Math.sqrt(variance(0))],
        [grouped.slopeSe, Math.sqrt(variance(1))],
      ],
      1e-9,
    );
  });

  test('two groups are enough, one is not', () => {
    expect(
      logitCalibration(
        rows,
        LOGITS.map((_, i) => i % 2),
      ).reason,
    ).toBeUndefined();
    expect(
      logitCalibration(
        rows,
        LOGITS.map(() => 3),
      ).reason,
    ).toMatch(/one group/);
    // A row without weight makes no second group.
    expect(
      logitCalibration(
        rows,
        LOGITS.map((_, i) => (WEIGHTS[i] === 0 ? 1 : 3)),
      ).reason,
    ).toMatch(/one group/);
  });

  test('from far away Newton’s steps are halved until they help, and end at the same line', () => {
    const columns = [Float64Array.from(LOGITS), Float64Array.from(LABELS), Float64Array.from(WEIGHTS)] as const;
    for (const start of [
      { intercept: 8, slope: 9 },
      { intercept: -30, slope: -4 },
      { intercept: 3, slope: -12 },
    ]) {
      const line = logitLine(...columns, start, false)!;
      worst(
        [
          [line.slope, found.slope],
          [line.intercept, found.intercept],
          [line.slopeSe, found.slopeSe],
        ],
        1e-9,
      );
    }
    // Held: only the intercept moves.
    expect(logitLine(...columns, { intercept: 20, slope: 1 }, true)).toMatchObject({ slope: 1 });
    expect(logitLine(...columns, { intercept: 20, slope: 1 }, true)!.intercept).toBeCloseTo(found.inTheLarge, 9);
  });

  test.each([
    ['one class', [0.2, 0.4, 0.6], [1, 1, 1], undefined, /all labels are equal/],
    ['one class by weight', [0.2, 0.4, 0.6], [1, 1, 0], [1, 1, 0], /all labels are equal/],
    ['a score of 0', [0, 0.4, 0.6], [1, 0, 1], undefined, /exactly 0 or 1/],
    ['a score of 1', [0.2, 0.4, 1], [1, 0, 1], undefined, /exactly 0 or 1/],
    ['one score', [0.4, 0.4, 0.4], [1, 0, 1], undefined, /all scores are equal/],
    ['scores that separate', [0.2, 0.3, 0.6, 0.7], [0, 0, 1, 1], undefined, /separates the labels/],
    ['no probability below', [-0.1, 0.4], [0, 1], undefined, /outside \[0, 1\]/],
    ['no probability above', [0.1, 1.4], [0, 1], undefined, /outside \[0, 1\]/],
    ['no weight', [0.1, 0.4], [0, 1], [0, 0], /no rows with weight/],
  ] as const)('none for %s', (_, score, label, weight, why) => {
    const none = logitCalibration(rowsOf([...score], [...label], weight && [...weight]));
    expect([none.value, none.reason]).toEqual([null, expect.stringMatching(why)]);
  });
});

test('Brier score and log loss by hand, certain and wrong ones too', () => {
  const certain = rowsOf([0, 1, 0.25], [1, 1, 0], [1, 2, 4]);
  expect(brierScore(certain).value).toBeCloseTo((1 + 0 + 4 * 0.0625) / 7, 15);
  expect(logLoss(certain).value).toBeCloseTo((-Math.log(1e-15) - 4 * Math.log(0.75)) / 7, 12);
  expect(logLoss(rowsOf([1, 0.5], [0, 1])).value).toBeCloseTo((-Math.log(1e-15) + Math.LN2) / 2, 1);
  for (const measure of [brierScore, logLoss])
    expect(measure(rowsOf([0.1], [1], [0]))).toEqual({ value: null, reason: 'no rows with weight' });
});

test('Wilson: the ends are the shares p with |rate − p| = z·√(p(1 − p)/n); exact at 0 and 1', () => {
  const z = 1.959963984540054;
  for (const n of [1, 3, 10, 250])
    for (const rate of [0, 0.1, 1 / 3, 0.5, 0.9, 1]) {
      const { lower, upper } = wilson(rate, n);
      for (const end of [lower, upper]) {
        if (end === 0 || end === 1) continue;
        expect(Math.abs((rate - end) ** 2 - (z ** 2 * end * (1 - end)) / n)).toBeLessThan(1e-14);
      }
      expect([lower <= rate, upper >= rate, lower < upper]).toEqual([true, true, true]);
      expect([lower === 0, upper === 1]).toEqual([rate === 0, rate === 1]);
    }
  // Brown, Cai & DasGupta (2001): none of ten.
  expect(wilson(0, 10).upper).toBeCloseTo(0.2775, 4);
});
