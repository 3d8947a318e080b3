import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { roundHalfEven } from '#domain/decimal.ts';
import { amountOfNumber, amountOfText, currencies, exponentOf, formatMinor, parseCurrency } from '#domain/money.ts';

describe('currencies', () => {
  test.each([
    ['EUR', 2],
    ['JPY', 0],
    ['KWD', 3],
    ['CLF', 4],
    ['ISK', 0],
    ['TND', 3],
    ['HUF', 2],
    ['XCG', 2],
  ])('%s has %i digits', (code, exponent) => expect(exponentOf(code)).toBe(exponent));

  test('the money people pay in is all there, metals and test codes are not', () => {
    const current =
      'AED AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF IDR ILS INR JPY KRW MXN MYR NOK NZD PHP PLN RON SEK SGD THB TRY TWD USD VND ZAR';
    for (const code of current.split(' ')) expect(exponentOf(code), code).toBeDefined();
    for (const code of ['XAU', 'XXX', 'XTS', 'XDR']) expect(exponentOf(code), code).toBeUndefined();
    for (const code of currencies()) expect(code).toMatch(/^[A-Z]{3}$/);
    expect(currencies().length).toBeGreaterThan(165);
  });

  test('case and blanks around a code are forgiven, other texts are not codes', () => {
    expect(parseCurrency(' eur ')).toBe('EUR');
    for (const odd of ['', 'EURO', '€', 'XXX', 'XAU', 'constructor', 978, null]) expect(parseCurrency(odd)).toBeNull();
  });
});

describe('amounts', () => {
  test.each([
    ['42.00', 2, 4200, false],
    ['42', 0, 42, false],
    ['1.0005', 3, 1000, true],
    ['1.0015', 3, 1002, true],
    ['.5', 2, 50, false],
    ['+7', 2, 700, false],
    ['-7.10', 2, -710, false],
    ['0.004999999999999999999999', 2, 0, true],
  ])('text %s at exponent %i is %i', (text, exponent, minor, rounded) => {
    expect(amountOfText(text, exponent)).toEqual({ ok: true, value: { minor, rounded } });
  });

  test.each([
    ['1,234.5', /thousands separators/],
    ['1 234.50', /thousands separators/],
    ["1'234", /thousands separators/],
    ['12,50', /decimal comma/],
    ['1.234,50', /decimal comma/],
    ['$12', /currency in it/],
    ['12 €', /currency in it/],
    ['EUR 12', /currency in it/],
    [' 12', /spaces around/],
    ['12\t', /spaces around/],
    ['(12.00)', /parentheses/],
    ['−12', /typographic minus/],
    ['1e3', /scientific/],
    ['', /empty/],
    ['twelve', /'aaaaaa'/],
    ['99999999999999999999', /too large/],
  ])('%j is refused with a hint', (text, hint) => {
    const amount = amountOfText(text, 2);
    expect(amount.ok ? 'accepted' : amount.reason).toMatch(hint);
  });

  test('a refusal never repeats the text', () => {
    const amount = amountOfText('Erika Mustermann', 2);
    expect(amount.ok ? '' : amount.reason).not.toMatch(/Erika|Mustermann/);
  });

  test('floats are rounded half-even from the text they were written as', () => {
    expect(amountOfNumber(1.015, 2)).toEqual({ ok: true, value: { minor: 102, rounded: true } });
    expect(amountOfNumber(1.005, 2)).toEqual({ ok: true, value: { minor: 100, rounded: true } });
    expect(amountOfNumber(0.1 + 0.2, 2)).toEqual({ ok: true, value: { minor: 30, rounded: true } });
    expect(amountOfNumber(42, 2)).toEqual({ ok: true, value: { minor: 4200, rounded: false } });
    expect(amountOfNumber(-0, 2)).toEqual({ ok: true, value: { minor: 0, rounded: false } });
    expect(amountOfNumber(1e-9, 2)).toEqual({ ok: true, value: { minor: 0, rounded: true } });
    for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, 1e22]) expect(amountOfNumber(odd, 2).ok).toBe(false);
  });

  test('a float is what its decimal text is, at every exponent', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -1e10, max: 1e10 }),
        fc.integer({ min: 0, max: 6 }),
        fc.constantFrom(0, 2, 3, 4),
        (units, scale, exponent) => {
          const text = `${units}e-${scale}`;
          const amount = amountOfNumber(Number(text), exponent);
          expect(amount.ok && amount.value.minor).toBe(roundHalfEven({ units, scale }, exponent)!.integer);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('written and read again, minor units are the same', () => {
    expect(formatMinor(4200, 'EUR')).toBe('42.00');
    expect(formatMinor(-5, 'EUR')).toBe('-0.05');
    expect(formatMinor(4200, 'JPY')).toBe('4200');
    expect(formatMinor(1, 'KWD')).toBe('0.001');
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.constantFrom('EUR', 'JPY', 'KWD', 'CLF'), (minor, currency) => {
        const read = amountOfText(formatMinor(minor, currency), exponentOf(currency)!);
        expect(read).toEqual({ ok: true, value: { minor: minor === 0 ? 0 : minor, rounded: false } });
      }),
    );
  });
});
