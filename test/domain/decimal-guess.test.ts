import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseDecimal, parseWritten } from '#domain/decimal.ts';
import { guessDecimal } from '#domain/decimal-guess.ts';

describe('decimals as files write them', () => {
  test.each([
    ['1234,50', null, null, '1234.50'],
    ['1.234,50', null, null, '1234.50'],
    ['-1.234.567,5', null, null, '-1234567.5'],
    ['1\u00a0234,50', null, null, '1234.50'],
    ['1,234.50', null, '1234.50', null],
    ['1,234,567', null, '1234567', null],
    ["1'234.50", null, '1234.50', null],
    ['1,234', null, '1234', '1.234'],
    ['1.234', '1.234', '1.234', '1234'],
    ['0,123', null, null, '0.123'],
    ['0.123', '0.123', '0.123', null],
    ['12,34', null, null, '12.34'],
    ['1.2345,00', null, null, null],
    ['1,23.5', null, null, null],
    ['1.234 567,5', null, null, null],
    ['1,234,56', null, null, null],
    ['12,', null, null, null],
    [',5', null, null, '.5'],
    ['42', '42', '42', '42'],
    ['', null, null, null],
    ['-', null, null, null],
    [' 1,5', null, null, null],
    ['1,5 €', null, null, null],
  ])('%j is %j plain, %j with a point, %j with a comma', (text, plain, point, comma) => {
    const value = (decimal: string | null) => (decimal === null ? null : parseDecimal(decimal));
    expect(parseWritten(text, 'plain')).toEqual(value(plain));
    expect(parseWritten(text, 'point')).toEqual(value(point));
    expect(parseWritten(text, 'comma')).toEqual(value(comma));
  });

  test('an amount written in a country’s way is read back exactly', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.boolean(), (minor, grouped) => {
        const [whole, cents] = [Math.trunc(Math.abs(minor) / 100), Math.abs(minor) % 100];
        const digits = grouped ? String(whole).replace(/\B(?=(\d{3})+$)/g, '.') : String(whole);
        const text = `${minor < 0 ? '-' : ''}${digits},${String(cents).padStart(2, '0')}`;
        const read = parseWritten(text, 'comma');
        expect(read).toEqual(parseDecimal(`${minor < 0 ? '-' : ''}${whole}.${String(cents).padStart(2, '0')}`));
        expect(read).not.toBeNull();
      }),
    );
  });
});

describe('which way a file writes them', () => {
  const mark = (texts: string[]) => {
    const found = guessDecimal(texts, undefined);
    return found.ok ? found.value.mark : found.reason;
  };
  test.each([
    [['1234,50', '3', '12,00'], 'comma'],
    [['1,234', '12,5'], 'comma'],
    [['1.234', '12,5'], 'comma'],
    [['1,234.50', '12.5', '8'], 'point'],
    [['1,234', '12.50'], 'point'],
    [['1,234,567', '8'], 'point'],
    [['12.50', '8'], 'plain'],
    [['1', '2'], 'plain'],
    [[], 'plain'],
    // Both ways in one file: nothing is guessed, odd rows are refused one by one.
    [['12.50', '12,50'], 'plain'],
    // Not consistently: three of eleven are nothing at all.
    [['12,50', 'ten', 'x', 'y', '1', '1', '1', '1', '1', '1', '1'], 'plain'],
  ])('%j: %s', (texts, expected) => expect(mark(texts)).toBe(expected));

  test('1,234 alone is not guessed: the refusal names the option, which settles it', () => {
    expect(mark(['1,234', '5'])).toMatch(/could be 1234 or 1\.234.*--decimal point.*--decimal comma/);
    expect(guessDecimal(['1,234'], 'comma')).toMatchObject({ ok: true, value: { mark: 'comma' } });
  });

  test('1.234 alone is read with its point, and said to be doubtful', () => {
    expect(guessDecimal(['1.234', '5'], undefined)).toMatchObject({
      ok: true,
      value: { mark: 'plain', warning: expect.stringMatching(/--decimal comma/) },
    });
    expect(guessDecimal(['1.234', '5.50'], undefined)).toMatchObject({ ok: true, value: { warning: null } });
  });
});
