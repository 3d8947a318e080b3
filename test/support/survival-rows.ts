// Survival rows made by chance, as properties and naive second computations want them: few distinct times, so ties are everywhere.
import fc from 'fast-check';

export interface Row {
  time: number;
  event: 0 | 1;
  group: number;
  x: number;
  z: number;
  weight: number;
}

const row = fc.record({
  time: fc.integer({ min: 1, max: 8 }),
  event: fc.constantFrom<0 | 1>(0, 1, 1),
  group: fc.integer({ min: 0, max: 2 }),
  x: fc.integer({ min: -3, max: 3 }),
  z: fc.integer({ min: 0, max: 2 }),
  weight: fc.integer({ min: 1, max: 3 }),
});

export const someRows = (minLength = 1, maxLength = 30) => fc.array(row, { minLength, maxLength });

export const columnsOf = (rows: readonly Row[]) => ({
  duration: Float64Array.from(rows, ({ time }) => time),
  eventObserved: rows.map(({ event }) => event),
});

export const weightsOf = (rows: readonly Row[]) => Float64Array.from(rows, ({ weight }) => weight);

/** Every row as often as its weight says. */
export const repeated = (rows: readonly Row[]): Row[] =>
  rows.flatMap((each) => Array.from({ length: each.weight }, () => each));

export const covariatesOf = (rows: readonly Row[]) => [
  { name: 'x', values: Float64Array.from(rows, ({ x }) => x) },
  { name: 'z', values: Float64Array.from(rows, ({ z }) => z) },
];

/** Same numbers but for rounding. */
export function closeTo(
  actual: ArrayLike<number | null>,
  expected: ArrayLike<number | null>,
  tolerance = 1e-9,
): boolean {
  if (actual.length !== expected.length) return false;
  for (let i = 0; i < expected.length; i++) {
    const [have, want] = [actual[i]!, expected[i]!];
    if (have === null || want === null) {
      if (have !== want) return false;
    } else if (!(Math.abs(have - want) <= tolerance * Math.max(1, Math.abs(want)))) return false;
  }
  return true;
}
