// Numbers that are neither money nor counts (a price per seat, a share): exact decimals as two integers, so that the ledger stays a function of
// integers (facts §5). In the log they travel as the text they were written as.

/** mantissa · 10^−exponent, without trailing zeros: one value has one form. Both are safe integers; 0 ≤ exponent ≤ 15. */
export interface ExactNumber {
  mantissa: number;
  exponent: number;
}

const DECIMAL = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?$/;
const MAX_DIGITS = 15;

/** A plain decimal of at most 15 digits; null for any other text (leading zeros, signs, exponents, spaces: these are names, not numbers). */
export function parseExact(text: string): ExactNumber | null {
  const found = DECIMAL.exec(text);
  if (found === null) return null;
  const fraction = (found[3] ?? '').replace(/0+$/, '');
  const digits = `${found[2]}${fraction}`;
  if (digits.length > MAX_DIGITS || fraction.length > MAX_DIGITS) return null;
  const mantissa = Number(digits) * (found[1] === '-' ? -1 : 1);
  return { mantissa: mantissa === 0 ? 0 : mantissa, exponent: mantissa === 0 ? 0 : fraction.length };
}

/** The nearest double: one correctly rounded division of two exact integers. */
export const exactValue = ({ mantissa, exponent }: ExactNumber): number => mantissa / 10 ** exponent;
