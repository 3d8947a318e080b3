// The radix order against the comparing sort of the language.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stableOrder } from '#domain/numerics/stable-order.ts';

test('equals a stable sort by value, −0 as 0', () => {
  const value = fc.oneof(fc.double({ noNaN: true }), fc.integer({ min: -2, max: 2 }), fc.constant(-0));
  fc.assert(
    fc.property(fc.array(value), (values) => {
      const expected = [...values.keys()].sort((a, b) =>
        values[a]! < values[b]! ? -1 : values[a]! > values[b]! ? 1 : a - b,
      );
      expect([...stableOrder(Float64Array.from(values))]).toEqual(expected);
    }),
  );
});
