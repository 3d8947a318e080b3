// The declared encoding by hand: what is a number, what fills a blank, what a level is; a row is encoded as its table is; what cannot be is named.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  encodedNames,
  encodeFeatures,
  encodeRow,
  type FeatureEncoding,
  type FeatureRow,
  featureEncoding,
  learnEncoding,
} from '#domain/models/feature-encoding.ts';

const table = new Map<string, readonly string[] | Float64Array>([
  ['spend', [' 3 ', '', '10', '4', '  ']],
  ['age', Float64Array.of(30, Number.NaN, 50, 20, 90)],
  ['plan', [' yearly', 'monthly', '', 'monthly ', 'yearly']],
  ['code', ['1', '2', 'x', '', '3']],
  ['empty', ['', ' ', '', '', '']],
]);
const columns = [...table.keys()];

describe('what is learned', () => {
  test('numbers have the median of what is known, even counts the mean of the middle two; everything else has levels in ASCII order', () => {
    expect(learnEncoding(table, columns)).toEqual([
      { column: 'spend', kind: 'numeric', blank: 4 },
      { column: 'age', kind: 'numeric', blank: 40 },
      { column: 'plan', kind: 'categorical', levels: ['missing', 'monthly', 'yearly'] },
      { column: 'code', kind: 'categorical', levels: ['1', '2', '3', 'missing', 'x'] },
      { column: 'empty', kind: 'categorical', levels: ['missing'] },
    ]);
  });

  test('medians and missingness of the rows to learn from, levels of all', () => {
    const first = { learnFrom: (row: number) => row === 0 || row === 2 };
    const late = { learnFrom: (row: number) => row > 0, missingIndicator: true };
    expect(learnEncoding(table, ['spend', 'age', 'plan'], { ...first, missingIndicator: true })).toEqual([
      { column: 'spend', kind: 'numeric', blank: 6.5 },
      { column: 'age', kind: 'numeric', blank: 40 },
      { column: 'plan', kind: 'categorical', levels: ['missing', 'monthly', 'yearly'] },
    ]);
    expect(learnEncoding(table, ['spend', 'age'], late)).toEqual([
      { column: 'spend', kind: 'numeric', blank: 7, indicator: true },
      { column: 'age', kind: 'numeric', blank: 50, indicator: true },
    ]);
    expect(learnEncoding(new Map([['full', ['1', '2']]]), ['full'], { missingIndicator: true })).toEqual([
      { column: 'full', kind: 'numeric', blank: 1.5 },
    ]);
    expect(learnEncoding(table, ['age'], { learnFrom: (row) => row === 1 })).toEqual([
      { column: 'age', kind: 'numeric', blank: null },
    ]);
  });

  test('a column that is not there is named, with some that are', () => {
    expect(() => learnEncoding(table, ['spent'])).toThrow("no column 'spent' among spend, age, plan, code, empty");
    const many = new Map(Array.from({ length: 30 }, (_, i) => [`c${i}`, ['1']] as const));
    expect(() => learnEncoding(many, ['x'])).toThrow(/among c0, .*, c19$/);
  });
});

describe('applied', () => {
  const encoding: FeatureEncoding[] = [
    { column: 'spend', kind: 'numeric', blank: 4, indicator: true },
    { column: 'age', kind: 'numeric', blank: null },
    { column: 'plan', kind: 'categorical', levels: ['missing', 'monthly', 'yearly'] },
    { column: 'code', kind: 'categorical', levels: ['1', '2', 'missing'] },
  ];

  test('to a table: blanks filled and said, one column a level but the first, levels never seen counted', () => {
    const { names, features, unknown } = encodeFeatures(table, encoding);
    expect(names).toEqual(['spend', 'spend=missing', 'age', 'plan=monthly', 'plan=yearly', 'code=2', 'code=missing']);
    expect(names).toEqual(encodedNames(encoding));
    expect(features.map((column) => [...column])).toEqual([
      [3, 4, 10, 4, 4],
      [0, 1, 0, 0, 1],
      [30, Number.NaN, 50, 20, 90],
      [0, 1, 0, 1, 0],
      [1, 0, 0, 0, 1],
      [0, 1, 0, 0, 0],
      [0, 0, 0, 1, 0],
    ]);
    expect(unknown).toEqual({ code: 2 });
  });

  test('to a row: the same values, with what was blank and what was unknown', () => {
    expect(encodeRow({ spend: '  ', age: '41', plan: ' yearly', code: 'x' }, encoding)).toEqual({
      ok: true,
      value: { values: [4, 1, 41, 0, 1, 0, 0], blank: ['spend'], unknown: ['code'] },
    });
    expect(encodeRow({ spend: 2, age: true, code: '1' }, encoding)).toEqual({
      ok: true,
      value: { values: [2, 0, 1, 0, 0, 0, 0], blank: ['plan'], unknown: [] },
    });
    expect(encodeRow({ age: 1, spend: null, plan: Number.NaN, code: undefined }, encoding)).toMatchObject({
      value: { values: [4, 1, 1, 0, 0, 0, 1], blank: ['spend', 'plan', 'code'] },
    });
  });

  test.each<[FeatureRow, string, RegExp]>([
    [{ spend: 1 }, 'age', /is missing, and the model has no median/],
    [{ spend: 1, age: Number.NaN }, 'age', /no median/],
    [{ spend: 'much', age: 1 }, 'spend', /'much' is not a finite number/],
    [{ spend: 1, age: Number.POSITIVE_INFINITY }, 'age', /'Infinity' is not a finite number/],
  ])('%j is refused at %s', (row, column, why) => {
    expect(encodeRow(row, encoding)).toEqual({ ok: false, reason: { column, message: expect.stringMatching(why) } });
  });

  test('numbers where levels are wanted are refused, as is a column that is not there', () => {
    const typed = new Map([['plan', Float64Array.of(1)]]);
    expect(() => encodeFeatures(typed, [encoding[2]!])).toThrow(/'plan' holds numbers, but its encoding has levels/);
    expect(() => encodeFeatures(new Map(), [encoding[2]!])).toThrow(/no column 'plan'/);
  });

  test('a row is encoded as its table is, whatever stands in it', () => {
    const cell = fc.constantFrom('', ' ', '1', '2.5', ' 7 ', 'a', ' b', '1e3');
    const rows = fc.array(fc.record({ n: fc.constantFrom('', '1', ' 2 ', '30'), c: cell }), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(rows, rows, (learned, asked) => {
        const of = (list: { n: string; c: string }[]) =>
          new Map([
            ['n', ['5', ...list.map(({ n }) => n)]],
            ['c', ['z', ...list.map(({ c }) => c)]],
          ]);
        const encoded = learnEncoding(of(learned), ['n', 'c'], { missingIndicator: true });
        const { features } = encodeFeatures(of(asked), encoded);
        asked.forEach((row, i) => {
          const one = encodeRow(row, encoded);
          expect(one.ok && one.value.values).toEqual(features.map((column) => column[i + 1]));
        });
      }),
    );
  });
});

test('a level that stands twice is no encoding', () => {
  const of = (levels: string[]) => featureEncoding.safeParse({ column: 'c', kind: 'categorical', levels }).success;
  expect([of(['a', 'b']), of(['a', 'b', 'a'])]).toEqual([true, false]);
});
