// Folds: nobody on both sides, nothing from the future, and the same rows whatever order they stand in.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Fold, groupCode, makeFolds } from '#domain/models/folds.ts';

const value = (answer: ReturnType<typeof makeFolds>): Fold[] => {
  if (!answer.ok) throw new Error(answer.reason);
  return answer.value;
};
const history = fc.array(
  fc.record({ customer: fc.integer({ min: 0, max: 30 }), day: fc.integer({ min: 0, max: 60 }) }),
  {
    minLength: 60,
    maxLength: 200,
  },
);
const columns = (rows: { customer: number; day: number }[]) => ({
  rows: rows.length,
  group: rows.map(({ customer }) => customer),
  time: Float64Array.from(rows, ({ day }) => day),
});

test('no customer on both sides; every trained row is older than the validated block by the gap', () => {
  fc.assert(
    fc.property(history, fc.integer({ min: 2, max: 6 }), fc.integer({ min: 0, max: 10 }), (rows, k, gap) => {
      const answer = makeFolds(columns(rows), k, gap);
      if (!answer.ok) return;
      let before = Number.NEGATIVE_INFINITY;
      for (const { train, validate, from, until } of answer.value) {
        expect(from!).toBeGreaterThan(before);
        before = from!;
        const trained = new Set(Array.from(train, (row) => rows[row]!.customer));
        for (const row of validate) {
          expect(trained.has(rows[row]!.customer)).toBe(false);
          expect(rows[row]!.day).toBeGreaterThanOrEqual(from!);
          if (until !== null) expect(rows[row]!.day).toBeLessThan(until);
        }
        for (const row of train) {
          expect(rows[row]!.day).toBeLessThan(from!);
          expect(rows[row]!.day).toBeLessThanOrEqual(from! - gap);
        }
      }
    }),
  );
});

test('the order of the rows does not matter', () => {
  fc.assert(
    fc.property(history, (rows) => {
      const members = (all: typeof rows) => {
        const answer = makeFolds(columns(all), 3);
        return answer.ok
          ? answer.value.map(({ train, validate }) =>
              [train, validate].map((part) =>
                Array.from(part, (row) => `${all[row]!.customer} ${all[row]!.day}`).sort(),
              ),
            )
          : answer;
      };
      expect(members(rows.toReversed())).toEqual(members(rows));
    }),
  );
});

test('customers with one row each are all validated after the first block, trained on all before', () => {
  const time = Float64Array.from({ length: 12 }, (_, day) => day);
  const folds = value(makeFolds({ rows: 12, group: [...time], time }, 3));
  expect(folds.map(({ train, validate }) => [[...train], [...validate]])).toEqual([
    [
      [0, 1, 2],
      [3, 4, 5],
    ],
    [
      [0, 1, 2, 3, 4, 5],
      [6, 7, 8],
    ],
    [
      [0, 1, 2, 3, 4, 5, 6, 7, 8],
      [9, 10, 11],
    ],
  ]);
  expect(folds.map(({ from, until }) => [from, until])).toEqual([
    [3, 6],
    [6, 9],
    [9, null],
  ]);
});

describe('without time', () => {
  test('every group is validated once and trained on in all other folds', () => {
    const group = Array.from({ length: 300 }, (_, i) => groupCode(`customer ${i % 70}`));
    const folds = value(makeFolds({ rows: 300, group }, 5));
    expect(folds).toHaveLength(5);
    const times = new Uint8Array(300);
    for (const { train, validate } of folds) {
      expect(train.length + validate.length).toBe(300);
      expect(validate.length).toBeGreaterThan(20);
      const trained = new Set(Array.from(train, (row) => group[row]!));
      for (const row of validate) {
        times[row]!++;
        expect(trained.has(group[row]!)).toBe(false);
      }
    }
    expect(times.every((count) => count === 1)).toBe(true);
  });
});

describe('refused', () => {
  test('one moment, one customer, a gap longer than the history', () => {
    const time = new Float64Array(10).fill(3);
    expect(makeFolds({ rows: 10, time }, 2)).toMatchObject({ ok: false, reason: expect.stringContaining('too few') });
    expect(makeFolds({ rows: 10, group: time }, 2)).toMatchObject({ ok: false });
    const days = Float64Array.from({ length: 10 }, (_, i) => i);
    expect(makeFolds({ rows: 10, time: days }, 3, 20)).toMatchObject({
      ok: false,
      reason: expect.stringContaining('for this gap'),
    });
  });
  test('misuse', () => {
    expect(() => makeFolds({ rows: 3 }, 1)).toThrow(RangeError);
    expect(() => makeFolds({ rows: 3 }, 2, -1)).toThrow(RangeError);
    expect(() => makeFolds({ rows: 3, group: [1] }, 2)).toThrow(RangeError);
  });
});
