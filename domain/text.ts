// Texts from outside: which may be ids, labels and enums, which look personal, and how to speak of one without repeating it.

/** Trimmed, 1 … `max` characters, no control characters, no broken surrogates; else null. */
export function cleanText(value: unknown, max: number): string | null {
  if (typeof value !== 'string') return null;
  const text = value.trim();
  return text.length > 0 && text.length <= max && !CONTROL.test(text) && text.isWellFormed() ? text : null;
}

/** An id: a clean text, or a safe integer ≥ 0 written in digits (the reference stack's `"user_id": 2`). */
export function cleanId(value: unknown, max = 256): string | null {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? String(value) : null;
  if (typeof value === 'bigint') return value >= 0n && value < 1n << 64n ? String(value) : null;
  return cleanText(value, max);
}

// U+FFFD stands where bytes were not UTF-8: two different names would become one.
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is the purpose.
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffd]/;

/** The outline of a value for messages: letters become a, digits 9; at most 24 characters. Shows what is wrong, hides whose it is. */
export function shapeOf(value: string): string {
  const head = value
    .slice(0, 24)
    .replace(/\p{N}/gu, '9')
    .replace(/\p{L}/gu, 'a')
    .replace(/[^a9 .,:;/+_()'$€£-]/gu, '?');
  return `'${head}'${value.length > 24 ? ` and ${value.length - 24} more` : ''}`;
}

/** The same in a sentence: without the key an outline of a date reads as a date that nobody wrote. */
export function outlineOf(value: string): string {
  const shape = shapeOf(value);
  const key = [
    ...(/\p{N}/u.test(value.slice(0, 24)) ? ['9 for any digit'] : []),
    ...(/\p{L}/u.test(value.slice(0, 24)) ? ['a for any letter'] : []),
  ];
  return `it looks like ${shape}${key.length === 0 ? '' : `, with ${key.join(' and ')}`}`;
}

const EMAIL = /[^\s@]+@[^\s@]+\.[^\s@]+/;
const CARD = /(?<!\d)(?:\d[ -]?){12,18}\d(?!\d)/;

/**
 * What kind of personal data a value declared harmless looks like: e-mail addresses anywhere in it, international or separated phone
 * numbers, payment-card numbers (issuer digit and Luhn check). A detector, not a proof: the policy's author stays responsible.
 */
export function looksPersonal(value: string | number): 'an e-mail address' | 'a phone number' | 'a card number' | null {
  const text = String(value);
  if (text.length < 6) return null;
  if (EMAIL.test(text)) return 'an e-mail address';
  const card = CARD.exec(text)?.[0].replace(/[ -]/g, '');
  if (card !== undefined && /^(?:3[0-9]|4|5[1-5]|6[0-9]|2[2-7])/.test(card) && luhn(card)) return 'a card number';
  if (typeof value === 'string' && isPhone(text)) return 'a phone number';
  return null;
}

/** Nothing but digits, and a payment card's: hexadecimal ids are let through, and such a number is one too. */
export const isCardNumber = (text: string): boolean => /^\d+$/.test(text) && looksPersonal(text) === 'a card number';

/** '+49 30 901820', '(030) 901-820', '030 901820'; not plain digits without a plus, not dates, not decimals. */
function isPhone(text: string): boolean {
  if (!/^[+(]?\d[\d\s()./-]{6,}\d$/.test(text) || /^\d{4}-\d\d-\d\d/.test(text) || /^\d+\.\d+$/.test(text))
    return false;
  const count = text.replace(/\D/g, '').length;
  return (
    count >= 7 &&
    count <= 15 &&
    (text.startsWith('+') || (/[\s()/-]/.test(text) && /^\(?0|^\(|^1?[ -]?\d{3}[ -]/.test(text)))
  );
}

/** Luhn, US patent 2,950,048: every second digit from the right doubled, digit sum divisible by 10. */
function luhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    let digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    if (i % 2 === 1) digit = digit > 4 ? digit * 2 - 9 : digit * 2;
    sum += digit;
  }
  return sum % 10 === 0;
}
