// The incomplete beta function where it is a fraction of whole numbers, in exact arithmetic; its domain; its ends.
import { expect, test } from 'vitest';
import { lnBeta, minusLog1p, regularizedBeta, regularizedBetaComplement } from '#domain/numerics/beta.ts';

const bits = (n: bigint): number => n.toString(16).length * 4;
/** A fraction of whole numbers, rounded once or twice in its last bit, however small. */
function toNumber(above: bigint, below: bigint): number {
  const shift = Math.max(0, bits(below) - bits(above) + 80);
  const quotient = Number((above << BigInt(shift)) / below);
  return shift < 1000 ? quotient / 2 ** shift : quotient / 2 ** 1000 / 2 ** (shift - 1000);
}

/** Σ C(n, j) xʲ(1 − x)ⁿ⁻ʲ over j ≥ a with n = a + b − 1 and x = k/2ᵐ (Abramowitz & Stegun 26.5.24), by whole numbers. */
function exact(a: number, b: number, k: number, m: number): number {
  const n = a + b - 1;
  const [x, y] = [BigInt(k), BigInt(2 ** m - k)];
  let choose = 1n;
  let sum = 0n;
  for (let j = 0; j <= n; j++) {
    if (j >= a) sum += choose * x ** BigInt(j) * y ** BigInt(n - j);
    choose = (choose * BigInt(n - j)) / BigInt(j + 1);
  }
  return toNumber(sum, 2n ** BigInt(m * n));
}

test.each([
  [1, 1],
  [2, 3],
  [9, 10],
  [10, 9],
  [10, 10],
  [11, 40],
  [3, 200],
  [200, 3],
  [120, 130],
])('I_x(%i, %i) and its complement equal the binomial sum to 2e-13, tails and middle', (a, b) => {
  for (const k of [1, 5, 17, 31, 32, 33, 50, 61, 63]) {
    const lower = exact(a, b, k, 6);
    const upper = exact(b, a, 64 - k, 6);
    for (const [found, held] of [
      [regularizedBeta(a, b, k / 64), lower],
      [regularizedBetaComplement(a, b, k / 64), upper],
    ] as const) {
      // Near 1 the difference to 1 is what the other tail answers for.
      if (held > 1e-300) expect(Math.abs(found / held - 1), `x = ${k}/64: ${found}, ${held}`).toBeLessThan(2e-13);
    }
  }
});

test('ln B of whole numbers: the logarithm of the exact fraction, small beside large, to 2e-15 of its size', () => {
  const factorial = (n: number): bigint => {
    let product = 1n;
    for (let i = 2n; i <= BigInt(n); i++) product *= i;
    return product;
  };
  for (const [a, b] of [
    [1, 1],
    [3, 4],
    [9, 9],
    [10, 10],
    [10, 11],
    [12, 1_500],
    [400, 401],
    [2, 900],
    [1, 1_700],
  ] as const) {
    const [above, below] = [factorial(a - 1) * factorial(b - 1), factorial(a + b - 1)];
    const shift = bits(below) - bits(above) + 80;
    const held = Math.log(toNumber(above << BigInt(shift), below)) - shift * Math.LN2;
    const size = Math.max(1, Math.abs(held));
    expect(Math.abs(lnBeta(a, b) - held) / size, `${a}, ${b}`).toBeLessThan(2e-15);
    expect(lnBeta(b, a)).toBe(lnBeta(a, b));
  }
  // Γ(a)/Γ(a + ½)·Γ(½) ≈ √(π/a) for large a, where three large logarithms would cancel: A&S 6.1.47.
  for (const a of [1e6, 1e9, 1e12])
    expect(Math.abs(lnBeta(a, 0.5) - 0.5 * Math.log(Math.PI / a) - 1 / (8 * a))).toBeLessThan(3e-14);
});

test('a small second shape: 1 − (1 − x)ᵇ keeps its digits on both sides of the switch', () => {
  for (const b of [1e-8, 1e-4, 0.03, 0.3])
    for (const x of [0.3, 0.6, 0.85, 0.9, 0.905, 0.99]) {
      const held = -Math.expm1(b * Math.log1p(-x));
      expect(Math.abs(regularizedBeta(1, b, x) / held - 1), `b = ${b}, x = ${x}`).toBeLessThan(x > 0.9 ? 1e-7 : 3e-13);
    }
});

test('an x that has lost its digits beside 1 is told by y', () => {
  // I_y(3, 2) = 4y³ − 3y⁴.
  expect(regularizedBetaComplement(2, 3, 1, 1e-20) / 4e-60).toBeCloseTo(1, 12);
  expect(regularizedBeta(3, 2, 1e-20) / 4e-60).toBeCloseTo(1, 12);
});

test('the ends are exact, and outside the domain is no number', () => {
  expect([regularizedBeta(2, 3, 0), regularizedBeta(2, 3, 1), regularizedBeta(0.1, 50, 0, 1)]).toEqual([0, 1, 0]);
  for (const [a, b, x] of [
    [0, 1, 0.5],
    [-1, 1, 0.5],
    [1, 0, 0.5],
    [1, -2, 0.5],
    [1, 1, -0.1],
    [1, 1, 1.1],
    [Number.NaN, 1, 0.5],
    [1, 1, Number.NaN],
  ] as const)
    expect(regularizedBeta(a, b, x), `${a}, ${b}, ${x}`).toBeNaN();
  for (const [a, b] of [
    [0, 1],
    [1, 0],
    [-1, 2],
    [2, -1],
  ] as const)
    expect(lnBeta(a, b)).toBeNaN();
});

test('e − ln(1 + e) by its series: e²/2 − e³/3 + … without cancellation', () => {
  for (const e of [1e-9, -1e-9, 1e-4, -1e-4, 0.01, -0.01]) {
    let held = 0;
    for (let k = 30; k >= 2; k--) held += ((k % 2 === 0 ? 1 : -1) * e ** k) / k;
    expect(Math.abs(minusLog1p(e) / held - 1)).toBeLessThan(1e-15 * 4);
  }
  for (const e of [-0.9, -0.36, -0.35, -0.34, 0.49, 0.5, 0.51, 7])
    expect(Math.abs(minusLog1p(e) / (e - Math.log1p(e)) - 1)).toBeLessThan(1e-14);
});
