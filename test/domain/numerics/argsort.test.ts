// The radix order against the comparing sort of the language.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { argsort } from '#domain/numerics/argsort.ts';
import { createRandom } from '#domain/numerics/random.ts';

function held(values: Float64Array): void {
  const expected = [...values.keys()].sort((a, b) =>
    values[a]! < values[b]! ? -1 : values[a]! > values[b]! ? 1 : a - b,
  );
  expect([...argsort(values)]).toEqual(expected);
}

test('equals a stable sort by value, −0 as 0', () => {
  const value = fc.oneof(fc.double({ noNaN: true }), fc.integer({ min: -2, max: 2 }), fc.constant(-0));
  // Both the comparing sort of few rows and the radix sort of many.
  fc.assert(fc.property(fc.array(value), (values) => held(Float64Array.from(values))));
  fc.assert(
    fc.property(fc.array(value, { minLength: 200, maxLength: 400 }), (values) => held(Float64Array.from(values))),
  );
});

const random = createRandom(1);
test.each<[string, () => number]>([
  ['shares', () => random.uniform()],
  ['both signs', () => random.uniform() - 0.5],
  ['ties', () => random.below(7) / 7],
  ['1 + tiny, told apart by the low bits only', () => 1 + random.uniform() * 1e-9],
  ['−1 − tiny', () => -1 - random.uniform() * 1e-9],
  ['milliseconds of one day', () => 1.7e12 + random.below(86_400_000)],
  ['subnormal and infinite', () => [5e-324, -5e-324, 0, -0, Infinity, -Infinity][random.below(6)]!],
])('%s', (_, draw) => held(Float64Array.from({ length: 20_000 }, draw)));
