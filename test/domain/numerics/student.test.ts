// Student's t law, tabulated: against the incomplete beta function (DLMF 8.17) and closed forms.
import { expect, test } from 'vitest';
import { regularizedBeta } from '#domain/numerics/beta.ts';
import { studentDensity, studentLaw } from '#domain/numerics/student.ts';

const reachOf: Record<number, number> = { 1: 1e16, 2: 1e8, 3: 1e6, 9: 1e3, 30: 40, 5000: 10 };

test.each([1, 2, 3, 9, 30, 5000])('%s degrees of freedom: the tails are the incomplete beta function', (df) => {
  const { tails } = studentLaw(df, reachOf[df]!);
  for (let z = 0.0137; z < 8; z += 0.0137) {
    const square = z * z;
    const exact = 0.5 * regularizedBeta(df / 2, 0.5, df / (df + square), square / (df + square));
    expect(Math.abs(tails(-z).lower - exact)).toBeLessThan(1e-13);
    expect(tails(z).upper).toBe(tails(-z).lower);
    expect(tails(z).lower).toBe(1 - tails(z).upper);
    expect(tails(-z).upper).toBe(1 - tails(-z).lower);
    // The small tail keeps seven digits of its own as far as it matters.
    if (exact > 1e-10) expect(Math.abs(tails(-z).lower / exact - 1)).toBeLessThan(1e-7);
  }
});

test('closed forms: 1 degree is Cauchy, 2 is algebraic', () => {
  const cauchy = studentLaw(1, 1e16);
  const two = studentLaw(2, 1e8);
  for (const z of [0.3, 2, 40, 1e4]) {
    expect(cauchy.tails(z).upper / (Math.atan(1 / z) / Math.PI)).toBeCloseTo(1, 11);
    expect(two.tails(z).upper / (1 / (2 + z * z) / (1 + z / Math.sqrt(2 + z * z)))).toBeCloseTo(1, 7);
    expect(cauchy.density(z)).toBeCloseTo(1 / (Math.PI * (1 + z * z)), 14);
  }
  expect(studentDensity(2)(1)).toBeCloseTo(3 ** -1.5, 14);
});

test('beyond the reach the tail is 0, and the middle is the middle', () => {
  const { tails } = studentLaw(30, 20);
  expect(tails(25)).toEqual({ lower: 1, upper: 0 });
  expect(tails(-25)).toEqual({ lower: 0, upper: 1 });
  expect(tails(0).upper).toBeCloseTo(0.5, 14);
});
