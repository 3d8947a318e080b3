import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { add, type Decimal, decimalOfNumber, multiply, parseDecimal, roundHalfEven, ZERO } from '#domain/decimal.ts';

// The oracle: everything at scale 60 in BigInt, rounded by comparing twice the rest with the divisor.
const big = ({ units, scale }: Decimal): bigint => BigInt(units) * 10n ** BigInt(60 - scale);
function oracleRound(value: bigint, exponent: number): bigint {
  const divisor = 10n ** BigInt(60 - exponent);
  const floor = value >= 0n ? value / divisor : -((-value + divisor - 1n) / divisor);
  const twice = (value - floor * divisor) * 2n;
  return twice > divisor || (twice === divisor && floor % 2n !== 0n) ? floor + 1n : floor;
}
const digits = (max: number) => fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: max });
const decimalText = fc
  .tuple(fc.constantFrom('', '-', '+'), digits(20), fc.option(digits(12), { nil: null }))
  .map(([sign, whole, fraction]) => `${sign}${whole}${fraction === null ? '' : `.${fraction}`}`);
const decimal = decimalText.map((text) => parseDecimal(text)!);

describe('exact decimals', () => {
  test.each([
    ['2.5', 0, 2, false],
    ['3.5', 0, 4, false],
    ['-2.5', 0, -2, false],
    ['-3.5', 0, -4, false],
    ['0.005', 2, 0, false],
    ['0.015', 2, 2, false],
    ['0.0150000000000000000000000001', 2, 2, false],
    ['0.0050000000000000000000000001', 2, 1, false],
    ['42.500', 2, 4250, true],
    ['-0.00', 2, 0, true],
    ['90071992547409.91', 2, 9007199254740991, true],
  ])('%s at exponent %i is %i', (text, exponent, integer, exact) => {
    expect(roundHalfEven(parseDecimal(text)!, exponent)).toEqual({ integer, exact });
  });

  test('what does not fit into a safe integer is null, not a rounded neighbour', () => {
    expect(roundHalfEven(parseDecimal('90071992547409.92')!, 2)).toBeNull();
    expect(roundHalfEven(parseDecimal('123456789012345678901234567890')!, 0)).toBeNull();
  });

  test.each(['', '-', '.', '1.', '1,5', ' 1', '1 ', '1e3', '0x10', '--1', '1.2.3', '١', 'NaN', '9'.repeat(61)])(
    '%j is not a decimal',
    (text) => expect(parseDecimal(text)).toBeNull(),
  );

  test('rounding agrees with a BigInt oracle', () => {
    fc.assert(
      fc.property(decimal, fc.integer({ min: 0, max: 4 }), (value, exponent) => {
        const expected = Number(oracleRound(big(value), exponent));
        const rounded = roundHalfEven(value, exponent);
        if (Number.isSafeInteger(expected)) expect(rounded?.integer).toBe(expected === 0 ? 0 : expected);
        else expect(rounded).toBeNull();
      }),
      { numRuns: 2000 },
    );
  });

  test('ties go to the even neighbour, by the oracle', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e9, max: 1e9 }), fc.integer({ min: 0, max: 3 }), (whole, exponent) => {
        const tie: Decimal = { units: whole * 10 + 5, scale: exponent + 1 };
        const { integer, exact } = roundHalfEven(tie, exponent)!;
        expect(integer % 2 === 0).toBe(true);
        expect(exact).toBe(false);
        expect(BigInt(integer)).toBe(oracleRound(big(tie), exponent));
      }),
    );
  });

  test('sums and products are exact in any order', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(decimal, decimal), { maxLength: 30 }), (lines) => {
        const sum = (list: [Decimal, Decimal][]) => list.map(([a, b]) => multiply(a, b)).reduce(add, ZERO);
        const expected = lines.reduce(
          (total, [a, b]) => total + BigInt(a.units) * BigInt(b.units) * 10n ** BigInt(60 - a.scale - b.scale),
          0n,
        );
        expect(big(sum(lines))).toBe(expected);
        expect(big(sum([...lines].reverse()))).toBe(expected);
      }),
    );
  });

  test('a double is the decimal it was written as', () => {
    expect(decimalOfNumber(1.015)).toEqual({ units: 1015, scale: 3 });
    expect(decimalOfNumber(1e-7)).toEqual({ units: 1, scale: 7 });
    expect(decimalOfNumber(1.5e-300)).toEqual(ZERO);
    expect(roundHalfEven(decimalOfNumber(1.5e21)!, 0)).toBeNull();
    expect(decimalOfNumber(Number.POSITIVE_INFINITY)).toBeNull();
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e15, max: 1e15 }), (value) => {
        fc.pre(Math.abs(value) > 1e-30);
        const { units, scale } = decimalOfNumber(value)!;
        expect(Number(`${units}e${-scale}`)).toBe(value);
      }),
    );
  });
});
