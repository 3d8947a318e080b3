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
