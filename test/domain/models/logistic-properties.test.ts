// What must hold of any logistic fit: units, order and repetition of rows do not matter; a stronger penalty pulls in; edge cases are defined.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  fitLogistic,
  type LogisticColumns,
  type LogisticModel,
  type LogisticOptions,
  predictLogOdds,
} from '#domain/models/logistic.ts';
import { worst, zip } from '../../support/close.ts';

const fitted = (data: LogisticColumns, options: LogisticOptions): LogisticModel => {
  const answer = fitLogistic(data, options);
  if (!answer.ok) throw new Error(answer.message);
  return answer;
};
const standardised = ({ coefficients }: LogisticModel) => coefficients.map((each) => each.standardised);
const options = fc.oneof(
  fc.record({ penalty: fc.constant('l2' as const), lambda: fc.constantFrom(1e-3, 0.03, 1) }),
  fc.record({ penalty: fc.constant('l1' as const), lambda: fc.constantFrom(1e-3, 0.03, 0.2) }),
  fc.record({
    penalty: fc.constant('elastic-net' as const),
    lambda: fc.constantFrom(1e-3, 0.03, 0.2),
    alpha: fc.constantFrom(0.2, 0.9),
  }),
);
interface Row {
  a: number;
  b: number;
  y: number;
  w: number;
}
const value = fc.integer({ min: -40, max: 40 }).map((v) => v / 8);
/** Both labels stand in the first two rows. */
const rows = fc
  .array(fc.record({ a: value, b: value, y: fc.integer({ min: 0, max: 1 }), w: fc.integer({ min: 1, max: 3 }) }), {
    minLength: 6,
    maxLength: 40,
  })
  .map((made) => made.map((row, i) => (i < 2 ? { ...row, y: i } : row)));
const columns = (made: readonly Row[]): LogisticColumns => ({
  names: ['a', 'b'],
  features: [Float64Array.from(made, ({ a }) => a), Float64Array.from(made, ({ b }) => b)],
  label: Float64Array.from(made, ({ y }) => y),
  weight: Float64Array.from(made, ({ w }) => w),
});
/** Predictions are compared absolutely: near 0 they are what they are. */
const same = (ours: Float64Array, theirs: Float64Array) => {
  for (const [a, b] of zip(ours, theirs)) expect(Math.abs(a - b)).toBeLessThan(1e-7 * Math.max(1, Math.abs(b)));
};

test('units and origins of features leave the predictions', () => {
  fc.assert(
    fc.property(rows, options, fc.double({ min: 1e-4, max: 1e4, noNaN: true }), value, (made, how, scale, shift) => {
      const data = columns(made);
      const [a, b] = data.features;
      const moved = { ...data, features: [a!.map((v) => scale * (v + shift)), b!.map((v) => shift - v)] };
      same(predictLogOdds(fitted(moved, how), moved.features), predictLogOdds(fitted(data, how), data.features));
    }),
  );
});

test('a weight is a repetition; weight 0 is absence', () => {
  fc.assert(
    fc.property(rows, options, (made, how) => {
      const repeated = made.flatMap((row) => new Array<Row>(row.w).fill({ ...row, w: 1 }));
      const withAbsent = [...made, { a: 99, b: -99, y: 1, w: 0 }];
      const expected = fitted(columns(repeated), how);
      for (const same of [columns(made), columns(withAbsent)]) {
        const ours = fitted(same, how);
        worst(zip(standardised(ours), standardised(expected)), 1e-7);
        worst([[ours.objective, expected.objective]], 1e-12);
      }
    }),
  );
});

test('the order of the rows does not matter', () => {
  fc.assert(
    fc.property(rows, options, fc.infiniteStream(fc.nat()), (made, how, keys) => {
      const shuffled = made
        .map((row) => ({ row, key: keys.next().value }))
        .sort((p, q) => p.key - q.key)
        .map(({ row }) => row);
      worst(zip(standardised(fitted(columns(shuffled), how)), standardised(fitted(columns(made), how))), 1e-7);
    }),
  );
});

test('a stronger penalty never fits better and never has a larger penalty', () => {
  fc.assert(
    fc.property(rows, options, (made, how) => {
      const alpha = how.penalty === 'l1' ? 1 : how.penalty === 'l2' ? 0 : how.alpha;
      const size = (model: LogisticModel) =>
        standardised(model).reduce((sum, b) => sum + alpha * Math.abs(b) + ((1 - alpha) / 2) * b * b, 0);
      const [weak, strong] = [1, 3].map((times) => fitted(columns(made), { ...how, lambda: times * how.lambda }));
      expect(size(strong!)).toBeLessThanOrEqual(size(weak!) + 1e-9);
      const loss = (model: LogisticModel) => model.objective - model.lambda * size(model);
      expect(loss(strong!)).toBeGreaterThanOrEqual(loss(weak!) - 1e-9);
    }),
  );
});

test('the mean prediction is the event rate: the intercept is free', () => {
  fc.assert(
    fc.property(rows, options, (made, how) => {
      const data = columns(made);
      const model = fitted(data, how);
      const eta = predictLogOdds(model, data.features);
      const total = made.reduce((sum, { w }) => sum + w, 0);
      const mean = made.reduce((sum, { w }, i) => sum + w / (1 + Math.exp(-eta[i]!)), 0) / total;
      expect(Math.abs(mean - model.events / total)).toBeLessThan(1e-10);
    }),
  );
});

describe('edge cases are defined', () => {
  const one = (x: number[], y: number[], names = ['x']): LogisticColumns => ({
    names,
    features: names.map(() => Float64Array.from(x)),
    label: Float64Array.from(y),
  });
  const penalties: LogisticOptions[] = [
    { penalty: 'none' },
    { penalty: 'l2', lambda: 0.1 },
    { penalty: 'l1', lambda: 0.1 },
    { penalty: 'elastic-net', lambda: 0.1 },
  ];
  test.each(penalties)('one row, or one label, has nothing to learn: $penalty', (how) => {
    expect(fitLogistic(one([3], [1]), how)).toMatchObject({ ok: false, reason: 'one-class' });
    expect(fitLogistic(one([1, 2, 3], [0, 0, 0]), how)).toMatchObject({ ok: false, reason: 'one-class' });
    const outweighed = { ...one([1, 2], [0, 1]), weight: Float64Array.of(1, 0) };
    expect(fitLogistic(outweighed, how)).toMatchObject({ ok: false, reason: 'one-class' });
  });
  test.each(penalties)('only constants, or no features: the event rate: $penalty', (how) => {
    for (const data of [one([7, 7, 7, 7], [0, 1, 1, 1]), one([], [0, 1, 1, 1], [])]) {
      const model = fitted(data, how);
      worst([[model.intercept, Math.log(3)]], 1e-12);
      expect(model.coefficients.every(({ coef }) => coef === 0)).toBe(true);
    }
  });
  test.each(penalties.slice(1))('a column twice: finite, certified: $penalty', (how) => {
    const x = [1, 2, 3, 4, 5, 6];
    const model = fitted(one(x, [0, 1, 0, 1, 0, 1], ['x', 'again']), how);
    expect(model.kkt).toBeLessThan(1e-12);
    if (how.penalty === 'l2') expect(standardised(model)[0]).toBeCloseTo(standardised(model)[1]!, 10);
  });
  test.each(penalties.slice(1))('perfect separation has a finite answer that says so: $penalty', (how) => {
    const model = fitted(one([1, 2, 3, 4, 5, 6], [0, 0, 0, 1, 1, 1]), how);
    expect(Number.isFinite(model.intercept)).toBe(true);
    expect(model.diagnostics.map(({ code }) => code)).toEqual(['separation']);
    const mixed = fitted(one([1, 2, 3, 4, 5, 6], [0, 0, 1, 0, 1, 1]), how);
    expect(mixed.diagnostics).toEqual([]);
  });
  test('values of 1e150 and 1e-150', () => {
    for (const scale of [1e150, 1e-150]) {
      const model = fitted(
        one(
          [1, 2, 3, 4, 5, 6].map((v) => v * scale),
          [0, 1, 0, 1, 0, 1],
        ),
        { penalty: 'l2', lambda: 0.1 },
      );
      const plain = fitted(one([1, 2, 3, 4, 5, 6], [0, 1, 0, 1, 0, 1]), { penalty: 'l2', lambda: 0.1 });
      worst(zip(standardised(model), standardised(plain)), 1e-9);
    }
  });
  test('values too large to add up are refused by name, not answered with NaN', () => {
    expect(() => fitLogistic(one([1e308, 1.5e308, -1e308, 2], [0, 1, 0, 1]), { penalty: 'l2', lambda: 1 })).toThrow(
      'too large to add up',
    );
  });
});
