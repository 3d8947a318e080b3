// The choice of a calibration where the truth is known, and calibration by segment.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { calibrate, fitIsotonic, fitPlatt } from '#domain/models/calibration.ts';
import { chooseCalibration } from '#domain/models/calibration-choice.ts';
import { calibrationBySegment } from '#domain/models/calibration-segments.ts';
import { makeFolds } from '#domain/models/folds.ts';
import { scoreMetrics } from '#domain/models/metrics.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { worst } from '../../support/close.ts';

const sigmoid = (f: number) => 1 / (1 + Math.exp(-f));
const value = <T>(answer: { ok: true; value: T } | { ok: false; reason: string }): T => {
  if (!answer.ok) throw new Error(answer.reason);
  return answer.value;
};

/** Log-odds told between −3 and 3, and labels drawn from what they truly mean. */
function drawn(n: number, truth: (f: number) => number, seed = 5) {
  const random = createRandom(seed);
  const score = Float64Array.from({ length: n }, () => 6 * random.uniform() - 3);
  return { score, label: score.map((f) => (random.uniform() < truth(f) ? 1 : 0)) };
}

describe('the method that the truth asks for', () => {
  test.each([
    ['identity', 'log-odds that are right', sigmoid],
    ['platt', 'log-odds twice too large, and shifted', (f: number) => sigmoid(f / 2 - 1)],
    ['isotonic', 'a step that no sigmoid follows', (f: number) => (f < 1 ? 0.1 : 0.9)],
  ] as const)('%s for %s', (method, _, truth) => {
    const found = value(chooseCalibration(drawn(4_000, truth)));
    expect(found.calibration.method).toBe(method);
    expect(found.trials.map((trial) => trial.method)).toEqual(['identity', 'platt', 'isotonic']);
  });
  test('few rows: the simpler one, though a richer one looks better', () => {
    const found = value(chooseCalibration(drawn(60, (f) => sigmoid(0.8 * f))));
    expect(found.calibration).toEqual({ method: 'identity' });
  });
});

test('each trial is the Brier score of rows calibrated by the others, compared row by row', () => {
  const columns = drawn(500, (f) => sigmoid(f / 2 - 1));
  const { trials } = value(chooseCalibration(columns));
  const folds = value(makeFolds({ rows: 500 }, 5));
  const out = (method: typeof fitPlatt | typeof fitIsotonic) => {
    const p = new Float64Array(500);
    for (const { train, validate } of folds) {
      const take = (column: Float64Array) => Float64Array.from(train, (row) => column[row]!);
      const fitted = value<Parameters<typeof calibrate>[0]>(
        method({ label: take(columns.label), score: take(columns.score) }),
      );
      for (const row of validate) p[row] = calibrate(fitted, columns.score.subarray(row, row + 1))[0]!;
    }
    return p;
  };
  const [platt, isotonic, raw] = [out(fitPlatt), out(fitIsotonic), columns.score.map(sigmoid)];
  const brier = (score: Float64Array) => scoreMetrics({ label: columns.label, score }).brier!;
  worst(
    [
      [trials[0]!.brier, brier(raw)],
      [trials[1]!.brier, brier(platt)],
      [trials[2]!.brier, brier(isotonic)],
      [trials[1]!.difference, brier(platt) - brier(raw)],
      [trials[2]!.difference, brier(isotonic) - brier(platt)],
    ],
    1e-10,
  );
  const gaps = platt.map((p, i) => (p - columns.label[i]!) ** 2 - (raw[i]! - columns.label[i]!) ** 2);
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / 500;
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / 499;
  worst([[trials[1]!.standardError, Math.sqrt(variance / 500)]], 1e-10);
});

test('rows of one customer count as one: four copies of each row do not make it surer', () => {
  const columns = drawn(300, (f) => sigmoid(f / 2 - 1));
  const customer = Uint32Array.from({ length: 300 }, (_, i) => i * 977);
  const four = (column: Float64Array) => Float64Array.from({ length: 1200 }, (_, i) => column[i % 300]!);
  const copies = { label: four(columns.label), score: four(columns.score) };
  const group = Uint32Array.from({ length: 1200 }, (_, i) => customer[i % 300]!);
  const [once, often] = [value(chooseCalibration(columns, customer)), value(chooseCalibration(copies, group))];
  // Platt's targets know the number of rows, so the fits differ a little.
  worst([[often.trials[1]!.standardError! / once.trials[1]!.standardError!, 1]], 0.05);
  const alone = value(chooseCalibration(copies));
  expect(alone.trials[1]!.standardError!).toBeLessThan(0.6 * once.trials[1]!.standardError!);
});

describe('where nothing can be chosen', () => {
  test('one label, one row, one score: the identity, with why', () => {
    for (const [label, score] of [
      [
        [1, 1, 1, 1, 1, 1],
        [0, 1, 2, 3, 4, 5],
      ],
      [[1], [0.3]],
      [
        [0, 1, 0, 1, 0, 1, 0, 1],
        [2, 2, 2, 2, 2, 2, 2, 2],
      ],
    ] as const) {
      const found = value(chooseCalibration({ label: Float64Array.from(label), score: Float64Array.from(score) }));
      expect(found.calibration).toEqual({ method: 'identity' });
      expect(found.trials[1]).toMatchObject({ brier: null, reason: expect.stringMatching(/^cannot be fitted: ./) });
    }
  });
  test('no rows with weight', () => {
    const none = new Float64Array(2);
    expect(chooseCalibration({ label: none, score: none, weight: none })).toMatchObject({ ok: false });
  });
});

describe('by segment', () => {
  const { score: f, label } = drawn(3_000, sigmoid);
  const segment = Array.from(f, (_, i) => ['north', 'south', 'east'][i % 3]!);
  // South's scores are told too high.
  const score = f.map((logOdds, i) => sigmoid(segment[i] === 'south' ? logOdds + 1 : logOdds));

  test('the segment whose scores are wrong is named, though the whole may look fair', () => {
    const found = calibrationBySegment({ label, score }, segment);
    expect(found.map((each) => [each.segment, each.off])).toEqual([
      ['east', false],
      ['north', false],
      ['south', true],
    ]);
    const south = found[2]!;
    expect(south.expected).toBeGreaterThan(south.upper);
    expect(Math.abs(south.line!.intercept + south.line!.slope)).toBeLessThan(4 * south.line!.interceptSe);
  });
  test('a segment alone is measured as by itself', () => {
    const rows = segment.flatMap((name, i) => (name === 'north' ? [i] : []));
    const alone = scoreMetrics({
      label: Float64Array.from(rows, (i) => label[i]!),
      score: Float64Array.from(rows, (i) => score[i]!),
    });
    const north = calibrationBySegment({ label, score }, segment)[1]!;
    worst(
      [
        [north.n, alone.n],
        [north.brier, alone.brier!],
        [north.observed, alone.prevalence!],
        [north.observed / north.expected, alone.observedOverExpected!],
        [north.line!.slope, alone.calibrationSlope!],
        [north.line!.slopeSe, alone.calibrationSlopeSe!],
      ],
      1e-12,
    );
  });
  test('segments add up to the whole', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            y: fc.integer({ min: 0, max: 1 }),
            p: fc.double({ min: 0, max: 1, noNaN: true }),
            s: fc.constantFrom('a', 'b'),
          }),
          { minLength: 1 },
        ),
        (rows) => {
          const found = calibrationBySegment(
            { label: Float64Array.from(rows, ({ y }) => y), score: Float64Array.from(rows, ({ p }) => p) },
            rows.map(({ s }) => s),
          );
          const sum = (pick: (each: (typeof found)[number]) => number) =>
            found.reduce((all, each) => all + each.n * pick(each), 0);
          worst(
            [
              [sum(() => 1), rows.length],
              [sum((each) => each.observed), rows.filter(({ y }) => y === 1).length],
              [sum((each) => each.brier), rows.reduce((all, { y, p }) => all + (p - y) ** 2, 0)],
            ],
            1e-9,
          );
          for (const each of found) {
            expect(each.pValue === null || (each.pValue >= 0 && each.pValue <= 1)).toBe(true);
            expect(each.line === null).toBe(each.reason !== null);
          }
        },
      ),
    );
  });
  test('four rows of each customer are no surer than one', () => {
    const four = (column: Float64Array) => Float64Array.from({ length: 12_000 }, (_, i) => column[i % 3_000]!);
    const names = Array.from({ length: 12_000 }, (_, i) => segment[i % 3_000]!);
    const customers = Uint32Array.from({ length: 12_000 }, (_, i) => i % 3_000);
    const copies = { label: four(label), score: four(score) };
    const once = calibrationBySegment({ label, score }, segment, customers.subarray(0, 3_000));
    const often = calibrationBySegment(copies, names, customers);
    const plain = calibrationBySegment({ label, score }, segment);
    for (const [i, each] of often.entries()) {
      worst([[each.pValue, once[i]!.pValue!]], 1e-9);
      worst([[each.line!.slopeSe, once[i]!.line!.slopeSe]], 1e-9);
      worst([[each.line!.interceptSe, once[i]!.line!.interceptSe]], 1e-9);
    }
    // Scores that are right: the sandwich of rows of their own is near the Fisher information.
    worst([[once[0]!.line!.slopeSe / plain[0]!.line!.slopeSe, 1]], 0.1);
    expect(calibrationBySegment({ label, score }, segment, new Uint8Array(3_000))[0]).toMatchObject({
      pValue: null,
      line: null,
      reason: expect.stringContaining('one group'),
    });
  });
  test('a score outside [0, 1] is refused', () => {
    expect(() => calibrationBySegment({ label: Float64Array.of(1), score: Float64Array.of(2) }, ['a'])).toThrow(
      'segment a',
    );
    expect(() => calibrationBySegment({ label: Float64Array.of(1), score: Float64Array.of(1) }, [])).toThrow(
      RangeError,
    );
  });
});
