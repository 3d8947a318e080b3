// Segments are kept with results and shown: a level that few customers have is not named.
import { expect, test } from 'vitest';
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
