// Comparing numbers with published values: the message names both and the error found.
import { expect } from 'vitest';

export const relativeError = (actual: number, expected: number): number =>
  Object.is(actual, expected) || actual === expected ? 0 : Math.abs(actual - expected) / Math.abs(expected);

/** Within `tolerance` of `expected`, relative to it; NaN and missing values fail. */
export function expectClose(actual: number | undefined | null, expected: number, tolerance: number, what = ''): void {
  const error = actual === undefined || actual === null ? Number.NaN : relativeError(actual, expected);
  if (!(error <= tolerance))
    expect.fail(`${what} is ${actual}, expected ${expected}: relative error ${error} > ${tolerance}`);
}

/** Every named number of `expected` within `tolerance` of the same name in `actual`. */
export function expectAllClose(
  actual: Record<string, number | null>,
  expected: Record<string, number>,
  tolerance: number,
  what = '',
): void {
  for (const [name, value] of Object.entries(expected)) expectClose(actual[name], value, tolerance, `${what} ${name}`);
}

/** Each pair (ours, published) within `tolerance`, relative where the published value is above 1e-2, else absolute at that scale. @returns the worst error. */
export function worst(pairs: Iterable<readonly [number | null | undefined, number]>, tolerance: number): number {
  let largest = 0;
  for (const [actual, expected] of pairs) {
    const error = Math.abs((actual ?? Number.NaN) - expected) / Math.max(Math.abs(expected), 1e-2);
    if (!(error <= tolerance)) expect.fail(`${actual} is not ${expected}: error ${error} > ${tolerance}`);
    largest = Math.max(largest, error);
  }
  return largest;
}

/** Two columns of one length as pairs. */
export function* zip(actual: ArrayLike<number>, expected: ArrayLike<number>): Iterable<readonly [number, number]> {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < actual.length; i++) yield [actual[i]!, expected[i]!] as const;
}
