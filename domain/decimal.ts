// Exact decimals for money: a number while it is a safe integer, a BigInt beyond. Sums and products never round; `roundHalfEven` does, once.

/** units / 10^scale. */
export interface Decimal {
  units: number | bigint;
  scale: number;
}

export const ZERO: Decimal = { units: 0, scale: 0 };

const SHAPE = /^[+-]?(?:\d+(?:\.\d+)?|\.\d+)$/;
const MAX_TEXT = 60;

/** Optional sign, digits, optional point and digits; anything else (separators, spaces, symbols, exponents) is null. */
export function parseDecimal(text: string): Decimal | null {
  const n = text.length;
  if (n === 0 || n > MAX_TEXT) return null;
  const first = text.charCodeAt(0);
  const signed = first === 45 || first === 43;
  let units = 0;
  let digits = 0;
  let point = -1;
  for (let i = signed ? 1 : 0; i < n; i++) {
    const c = text.charCodeAt(i) - 48;
    if (c >= 0 && c <= 9) {
      units = units * 10 + c;
      digits++;
    } else if (c === -2 && point < 0) point = i;
    else return null;
  }
  if (digits === 0 || point === n - 1) return null;
  const scale = point < 0 ? 0 : n - 1 - point;
  if (digits <= 15) return { units: first === 45 && units !== 0 ? -units : units, scale };
  return SHAPE.test(text) ? shrink(BigInt(text.replace('.', '').replace('+', '')), scale) : null;
}

/**
 * How a file writes decimals. plain = digits and at most a point, no thousands separators: what JSON and most programs write, and all
 * that can be taken when nothing is known. point = 1,234.50; comma = 1.234,50.
 */
export type DecimalMark = 'plain' | 'point' | 'comma';

/** Groups of exactly three digits, one and the same separator between them: the mark that is not the decimal one, an apostrophe, a (no-break) space. */
const WITH_MARK = {
  point: /^[+-]?(?:\d+|[1-9]\d{0,2}(?:([,'’ \u00a0\u202f])\d{3})(?:\1\d{3})*)?(?:\.\d+)?$/,
  comma: /^[+-]?(?:\d+|[1-9]\d{0,2}(?:([.'’ \u00a0\u202f])\d{3})(?:\1\d{3})*)?(?:,\d+)?$/,
} as const;

/** A decimal as the file writes it; null when it is not written so ('1.2345,00' and '12.50' are no decimals with a comma). */
export function parseWritten(text: string, mark: DecimalMark): Decimal | null {
  if (mark === 'plain') return parseDecimal(text);
  if (text.length > MAX_TEXT || !WITH_MARK[mark].test(text)) return null;
  const digits = text.replace(mark === 'point' ? /[^\d.+-]/g : /[^\d,+-]/g, '');
  return parseDecimal(digits.replace(',', '.'));
}

/** The decimal a JSON number was most likely written as: its shortest text that reads back as the same double. */
export function decimalOfNumber(value: number): Decimal | null {
  if (!Number.isFinite(value)) return null;
  if (Number.isSafeInteger(value)) return { units: value === 0 ? 0 : value, scale: 0 };
  const text = String(value);
  const e = text.indexOf('e');
  if (e < 0) return parseDecimal(text);
  const mantissa = parseDecimal(text.slice(0, e));
  if (mantissa === null) return null;
  const exponent = Number(text.slice(e + 1));
  if (exponent > 40) return null;
  if (exponent >= 0) return shrink(BigInt(mantissa.units) * 10n ** BigInt(exponent), mantissa.scale);
  // Below 10⁻⁴⁰ nothing is left at any currency's exponent, and no tie either.
  return exponent < -40 ? ZERO : { units: mantissa.units, scale: mantissa.scale - exponent };
}

export function multiply(a: Decimal, b: Decimal): Decimal {
  const scale = a.scale + b.scale;
  if (typeof a.units === 'number' && typeof b.units === 'number') {
    const units = a.units * b.units;
    if (Number.isSafeInteger(units)) return { units: units === 0 ? 0 : units, scale };
  }
  return shrink(BigInt(a.units) * BigInt(b.units), scale);
}

export function add(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  if (typeof a.units === 'number' && typeof b.units === 'number' && scale - Math.min(a.scale, b.scale) <= 15) {
    const left = a.units * POWERS[scale - a.scale]!;
    const right = b.units * POWERS[scale - b.scale]!;
    const units = left + right;
    if (Number.isSafeInteger(left) && Number.isSafeInteger(right) && Number.isSafeInteger(units))
      return { units: units === 0 ? 0 : units, scale };
  }
  const left = BigInt(a.units) * 10n ** BigInt(scale - a.scale);
  return shrink(left + BigInt(b.units) * 10n ** BigInt(scale - b.scale), scale);
}

/** Integer of 10^-exponent units, ties to the even neighbour; null when it is not a safe integer. `exact` = nothing was rounded away. */
export function roundHalfEven({ units, scale }: Decimal, exponent: number): { integer: number; exact: boolean } | null {
  if (typeof units === 'number') {
    if (scale <= exponent) {
      const integer = units * POWERS[exponent - scale]!;
      if (Number.isSafeInteger(integer)) return { integer, exact: true };
    } else if (scale - exponent <= 15) {
      const divisor = POWERS[scale - exponent]!;
      const rest = Math.abs(units) % divisor;
      let integer = (Math.abs(units) - rest) / divisor;
      if (rest * 2 > divisor || (rest * 2 === divisor && integer % 2 === 1)) integer++;
      return { integer: units < 0 && integer !== 0 ? -integer : integer, exact: rest === 0 };
    }
  }
  const big = BigInt(units);
  if (scale <= exponent) return safe(big * 10n ** BigInt(exponent - scale), true);
  const divisor = 10n ** BigInt(scale - exponent);
  const absolute = big < 0n ? -big : big;
  const rest = absolute % divisor;
  let integer = absolute / divisor;
  if (rest * 2n > divisor || (rest * 2n === divisor && integer % 2n === 1n)) integer += 1n;
  return safe(big < 0n ? -integer : integer, rest === 0n);
}

const POWERS = Array.from({ length: 16 }, (_, i) => 10 ** i);

const shrink = (units: bigint, scale: number): Decimal => {
  const small = Number(units);
  return Number.isSafeInteger(small) ? { units: small, scale } : { units, scale };
};

const safe = (value: bigint, exact: boolean): { integer: number; exact: boolean } | null => {
  const integer = Number(value);
  return Number.isSafeInteger(integer) ? { integer, exact } : null;
};
