import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { exactValue, parseExact } from '#domain/exact-number.ts';
import { plainValue } from '#domain/policy.ts';

describe('exact decimals', () => {
  test.each([
    ['29.85', 2985, 2],
    ['29.850', 2985, 2],
    ['-0.5', -5, 1],
    ['20', 20, 0],
    ['20.0', 20, 0],
    ['0', 0, 0],
    ['-0', 0, 0],
    ['123456789.012345', 123456789012345, 6],
  ])('%s is %d · 10^−%d', (text, mantissa, exponent) => {
    expect(parseExact(text)).toEqual({ mantissa, exponent });
  });
  test.each(['', '01234', '+1', '1e5', '.5', '5.', '1 ', '1,5', 'NaN', '1234567890123456', '0.1234567890123456'])(
    '%j is a name, not a number',
    (text) => expect(parseExact(text)).toBeNull(),
  );
  test('the value is the double the text itself stands for', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -(10 ** 15) + 1, max: 10 ** 15 - 1 }),
        fc.integer({ min: 0, max: 15 }),
        (digits, places) => {
          const sign = digits < 0 ? '-' : '';
          const padded = String(Math.abs(digits)).padStart(places + 1, '0');
          const text = `${sign}${padded.slice(0, padded.length - places)}${places > 0 ? `.${padded.slice(padded.length - places)}` : ''}`;
          const exact = parseExact(text);
          fc.pre(exact !== null);
          expect(Number.isSafeInteger(exact!.mantissa)).toBe(true);
          expect(exactValue(exact!)).toBe(Number(text) === 0 ? 0 : Number(text));
        },
      ),
    );
  });
  test('the policy lets no fraction into the log as a float', () => {
    expect(plainValue(29.85)).toEqual({ ok: true, value: '29.85' });
    expect(plainValue(30)).toEqual({ ok: true, value: 30 });
    expect(plainValue(0.1 + 0.2)).toMatchObject({ ok: false });
  });
});
