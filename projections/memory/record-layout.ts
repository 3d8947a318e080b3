// Where the fields of an entry stand in its record (words 0–3 are row, key, key, next; see record-pool.ts), and the names behind codes.
import { VERDICTS, type Verdict } from '#domain/ledger.ts';

/** Words of orders and refunds after row, key, next; a refund has the key of the order it names at the end (0 = none). */
export const DOCUMENT = { dayAndCurrency: 4, revision: 5, minor: 6, orderKey: 8 } as const;
/** An activity day: key = (day, kind). */
export const ACTIVITY = { count: 4 } as const;
export const SUBSCRIPTION = { key: 4, minor: 6, dayAndCurrency: 8, revision: 9, stepAndPlan: 10 } as const;
/** Consents, key = (purpose, 0), and attributes, key = (name, 2 day + 1), share a pool: one chain a row, told apart by the key. */
export const PROPERTY = { at: 4, value: 6, kind: 8 } as const;
/**
 * What the value of a property is, in the low byte of its kind: a text stands there as the code of a name, a number as the mantissa of an exact
 * decimal whose exponent is in the byte above.
 */
export const PROPERTY_KIND = { consent: 0, number: 1, boolean: 2, text: 3 } as const;

export const CODE = Object.fromEntries(VERDICTS.map((verdict, code) => [verdict, code])) as Record<Verdict, number>;

/** Strings that records hold as small numbers; code 0 = none. */
export class Names {
  readonly list: string[] = [''];
  readonly #codes = new Map<string, number>([['', 0]]);
  readonly #max: number;
  readonly #what: string;
  constructor(what: string, max: number) {
    this.#what = what;
    this.#max = max;
  }
  code(name: string | null): number {
    if (name === null) return 0;
    const known = this.#codes.get(name);
    if (known !== undefined) return known;
    if (this.list.length > this.#max) throw new RangeError(`ledger: more than ${this.#max} ${this.#what}`);
    this.#codes.set(name, this.list.length);
    return this.list.push(name) - 1;
  }
  restore(list: string[]): void {
    for (const name of list.slice(1)) this.code(name);
  }
}

/** Little-endian word of the log → its place in the key read as big-endian text. */
export const swap = (w: number): number =>
  (((w & 0xff) << 24) | ((w & 0xff00) << 8) | ((w >>> 8) & 0xff00) | (w >>> 24)) >>> 0;
export const keyText = (w0: number, w1: number): string =>
  swap(w0).toString(16).padStart(8, '0') + swap(w1).toString(16).padStart(8, '0');
export const orderKeyText = (w0: number, w1: number): string | null => (w0 === 0 && w1 === 0 ? null : keyText(w0, w1));
