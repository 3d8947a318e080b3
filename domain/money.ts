// Money: from whatever a publisher writes to a safe integer of minor units at the currency's ISO 4217 exponent, and back to text.
import { type Decimal, decimalOfNumber, parseDecimal, roundHalfEven } from './decimal.ts';
import { ok, type Result, refuse } from './result.ts';
import { outlineOf } from './text.ts';

/** Digits after the point, ISO 4217 list one (active codes), and codes retired since 2013 that histories still hold. */
const EXPONENT: ReadonlyMap<string, number> = new Map([
  ...codes(0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'),
  ...codes(
    2,
    `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP
     COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR
     JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN
     NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL
     THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG`,
  ),
  ...codes(3, 'BHD IQD JOD KWD LYD OMR TND'),
  ...codes(4, 'CLF UYW'),
  ...codes(0, 'BYR'),
  ...codes(2, 'ANG BGN CUC EEK HRK LTL LVL MRO SLL STD VEF ZMK ZWL'),
]);

function codes(exponent: number, list: string): [string, number][] {
  return list.split(/\s+/).map((code) => [code, exponent]);
}

export const currencies = (): string[] => [...EXPONENT.keys()].sort();

/** Digits after the point of an upper-case code; undefined for a code that is none. */
export const exponentOf = (currency: string): number | undefined => EXPONENT.get(currency);

/** 'eur' and 'EUR' are the euro; anything that is not an ISO 4217 code is null. */
export function parseCurrency(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  if (EXPONENT.has(value)) return value;
  const upper = value.trim().toUpperCase();
  return EXPONENT.has(upper) ? upper : null;
}

/** An amount read: `rounded` = the publisher wrote a float, or more decimals than the currency has. */
export interface Amount {
  minor: number;
  rounded: boolean;
}

/** '42.00' → 4200 at exponent 2; the reason says what is odd and what to write instead, without the value. */
export function amountOfText(text: string, exponent: number): Result<Amount> {
  const decimal = parseDecimal(text);
  return decimal === null ? refuse(oddAmount(text)) : toMinor(decimal, exponent, false);
}

/** A JSON number in major units; a float is rounded half-even from its shortest decimal text (1.015 is 1.015, not 1.01499…). */
export function amountOfNumber(value: number, exponent: number): Result<Amount> {
  // Hot path: at most 15 digits and as many decimals as the currency has.
  const scaled = Math.round(value * 10 ** exponent);
  if (scaled / 10 ** exponent === value && Math.abs(scaled) < 1e15)
    return ok({ minor: scaled === 0 ? 0 : scaled, rounded: !Number.isInteger(value) });
  const decimal = decimalOfNumber(value);
  return decimal === null
    ? refuse('is not a finite number below 10⁴⁰')
    : toMinor(decimal, exponent, !Number.isInteger(value));
}

function toMinor(decimal: Decimal, exponent: number, float: boolean): Result<Amount> {
  const rounded = roundHalfEven(decimal, exponent);
  if (rounded === null) return refuse('is too large: minor units must stay below 2⁵³');
  return ok({ minor: rounded.integer === 0 ? 0 : rounded.integer, rounded: float || !rounded.exact });
}

/** 4200, 'EUR' → '42.00'; 4200, 'JPY' → '4200'. Exact for every safe integer. */
export function formatMinor(minor: number | bigint, currency: string): string {
  const exponent = exponentOf(currency) ?? 2;
  const digits = String(minor)
    .replace('-', '')
    .padStart(exponent + 1, '0');
  const sign = minor < 0 ? '-' : '';
  if (exponent === 0) return sign + digits;
  return `${sign}${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
}

/** Why a text is not an amount, and what to write instead. Never the text itself: an odd amount may be a misplaced name. */
export function oddAmount(text: string): string {
  if (text === '') return 'is empty';
  if (text.trim() === '') return 'is blank';
  if (text !== text.trim()) return 'has spaces around it; write only sign, digits and a decimal point, like 1234.50';
  if (/^\(.*\)$/.test(text)) return 'is in parentheses; write a minus sign instead';
  if (/^[\u2212\u2013]/.test(text)) return "has a typographic minus; write '-'";
  if (/\p{Sc}|^[A-Za-z]{3}\s?[\d.,-]|\d\s?[A-Za-z]{3}$/u.test(text))
    return 'has a currency in it; put the currency into a column of its own or name it once for the file';
  if (/^[+-]?\d*\.?\d*[eE][+-]?\d+$/.test(text)) return 'is in scientific notation; write all digits, like 1234.50';
  if (/^[+-]?\d{1,3}(?:[,'\u00a0\u202f ]\d{3})+(?:\.\d+)?$/.test(text))
    return 'has thousands separators; write 1234.50 instead of 1,234.50';
  if (/^[+-]?[\d.]+,\d+$/.test(text)) return 'has a decimal comma; write 1234.50 instead of 1234,50';
  return `is not a plain decimal number (${outlineOf(text)})`;
}
