import { describe, expect, test } from 'vitest';
import { lnBeta, minusLog1p, regularizedBeta, regularizedBetaComplement } from '#domain/numerics/beta.ts';
import { digamma, digammaRise, lnGamma, lnRising, trigamma, trigammaRise } from '#domain/numerics/gamma.ts';
import { expectClose, relativeError } from '../../support/close.ts';
import { golden } from '../../support/histories.ts';

interface Table {
  rows: number[][];
}
const reference = golden<{ gamma: Table; rising: Table; beta: Table }>('special_functions.json');
/** Relative to the value, or to 1 where the value passes through zero. */
const mixedError = (actual: number, expected: number) => Math.abs(actual - expected) / Math.max(1, Math.abs(expected));

describe('gamma functions', () => {
  test('ln Γ, ψ and ψ′ agree with 50-digit mpmath from 1e-6 to 1e6', () => {
    for (const [x, ln, psi, psi1] of reference.gamma.rows as [number, number, number, number][]) {
      expect(mixedError(lnGamma(x), ln), `lnGamma(${x})`).toBeLessThan(1e-14);
      expect(mixedError(digamma(x), psi), `digamma(${x})`).toBeLessThan(2e-15);
      expectClose(trigamma(x), psi1, 3e-15, `trigamma(${x})`);
    }
  });

  test('rising factorials keep their digits where Γ(z + k) and Γ(z) nearly cancel', () => {
    for (const [z, k, ln, psi, psi1] of reference.rising.rows as [number, number, number, number, number][]) {
      expect(mixedError(lnRising(z, k), ln), `lnRising(${z}, ${k})`).toBeLessThan(5e-14);
      expectClose(digammaRise(z, k), psi, 1e-10, `digammaRise(${z}, ${k})`);
      expectClose(trigammaRise(z, k), psi1, 1e-9, `trigammaRise(${z}, ${k})`);
    }
  });

  test('edges: Γ(1) = Γ(2) = 1 exactly, poles at 0, nothing below', () => {
    expect([lnGamma(1), lnGamma(2)]).toEqual([0, 0]);
    expectClose(lnGamma(0.5), Math.log(Math.PI) / 2, 5e-15);
    expect([lnGamma(0), digamma(0), trigamma(0)]).toEqual([Infinity, -Infinity, Infinity]);
    expect([lnGamma(-1), digamma(-1), trigamma(-1), lnGamma(Number.NaN)]).toEqual([NaN, NaN, NaN, NaN]);
    expect(lnRising(3, 0)).toBe(0);
  });
});

describe('incomplete beta', () => {
  test('both tails agree with 50-digit mpmath to 1e-12 relative, down to 1e-250', () => {
    const worst = { lower: 0, upper: 0 };
    for (const [a, b, x, y, ln, lower, upper] of reference.beta.rows as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ][]) {
      expect(mixedError(lnBeta(a, b), ln), `lnBeta(${a}, ${b})`).toBeLessThan(2e-14);
      if (lower > 1e-250) worst.lower = Math.max(worst.lower, relativeError(regularizedBeta(a, b, x, y), lower));
      if (upper > 1e-250)
        worst.upper = Math.max(worst.upper, relativeError(regularizedBetaComplement(a, b, x, y), upper));
    }
    expect(worst.lower).toBeLessThan(1e-12);
    expect(worst.upper).toBeLessThan(1e-12);
  });

  test('I_0.25(2, 3) = 67/256, the ends are exact, outside the domain is NaN', () => {
    expectClose(regularizedBeta(2, 3, 0.25), 67 / 256, 1e-15);
    expect([regularizedBeta(2, 3, 0), regularizedBeta(2, 3, 1)]).toEqual([0, 1]);
    expect([regularizedBeta(0, 3, 0.5), regularizedBeta(2, -1, 0.5), regularizedBeta(2, 3, 1.5), lnBeta(0, 1)]).toEqual(
      [NaN, NaN, NaN, NaN],
    );
  });

  test('e − ln(1 + e) keeps its digits near 0: e²/2 − e³/3 + …', () => {
    for (const e of [1e-9, -1e-9, 1e-4, -1e-4])
      expectClose(minusLog1p(e), e * e * (0.5 - e / 3 + (e * e) / 4), 1e-12, `e = ${e}`);
    expectClose(minusLog1p(3), 3 - Math.log(4), 1e-15);
  });
});
