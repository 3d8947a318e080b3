// Segments are kept with results and shown: a level that few customers have is not named.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { segmentsBy } from '#processors/evaluation/segments.ts';

const rows = (levels: readonly (string | null)[]) => levels.map((level) => ({ 'attribute:city': level }));
const of = (levels: readonly (string | null)[]) => segmentsBy('attribute:city', rows(levels));
const times = (n: number, level: string | null) => Array.from({ length: n }, () => level);

test('a level of fewer than ten customers is among the others, whoever has it', () => {
  const found = of([...times(12, 'Sofia'), ...times(10, 'Varna'), ...times(9, 'Ruse'), 'ann@example.org', null])!;
  const counts: Record<string, number> = {};
  for (const each of found) counts[each] = (counts[each] ?? 0) + 1;
  expect(counts).toEqual({ Sofia: 12, Varna: 10, other: 10, unknown: 1 });
});

test('what everybody has for himself is no segment', () => {
  expect(of(Array.from({ length: 40 }, (_, i) => `customer ${i}`))).toBeNull();
});

describe('numbers', () => {
  const numbered = (values: readonly (number | null)[]) =>
    segmentsBy(
      'attribute:spend',
      values.map((value) => ({ 'attribute:spend': value })),
    );
  const sizes = (found: readonly string[]) => {
    const counts: Record<string, number> = {};
    for (const each of found) counts[each] = (counts[each] ?? 0) + 1;
    return counts;
  };

  test('quarters in names that sort, without an end, rounded between; values of many as they are', () => {
    const spend = Array.from({ length: 80 }, (_, i) => 1_000.37 + 7.13 * i);
    expect(sizes(numbered([...spend, null])!)).toEqual({
      '1: up to 1140': 20,
      '2: over 1140 up to 1280': 20,
      '3: over 1280 up to 1430': 21,
      '4: over 1430': 19,
      unknown: 1,
    });
    const counts = [...Array.from({ length: 60 }, () => 0), ...Array.from({ length: 30 }, () => 1), 2, 2, 2, 3, 4, 9];
    expect(sizes(numbered(counts)!)).toEqual({ '1: 0': 60, '2: over 0': 36 });
  });

  test('whoever has the most and the least: their values change no name, and no segment is of few', () => {
    const value = fc.oneof(fc.integer({ min: -50, max: 50 }), fc.double({ min: -1e6, max: 1e6, noNaN: true }));
    fc.assert(
      fc.property(fc.array(value, { minLength: 2, maxLength: 120 }), (values) => {
        const found = numbered(values);
        if (found === null) return;
        for (const n of Object.values(sizes(found))) expect(n).toBeGreaterThanOrEqual(10);
        // Not of a segment that many share one value of.
        const [least, most] = [Math.min(...values), Math.max(...values)];
        const count = (of: number) => values.filter((each) => each === of).length;
        if (count(least) > 1 || count(most) > 1) return;
        const moved = values.map((each) => (each === least ? least - 12_345 : each === most ? most + 12_345 : each));
        expect(new Set(numbered(moved))).toEqual(new Set(found));
      }),
    );
  });

  test('too few for two segments of ten: none', () => {
    expect(numbered(Array.from({ length: 19 }, (_, i) => i))).toBeNull();
  });
});
