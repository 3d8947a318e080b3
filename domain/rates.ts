// Dated rates to the reporting currency, applied exactly: amounts and rates stay decimals until one rounding a day-sum.
// Rates come from `fx.rates.set` facts, "valid from that day on" (facts §6).
import { add, type Decimal, multiply, parseDecimal, roundHalfEven, ZERO } from './decimal.ts';
import { exponentOf } from './money.ts';
import { DAY_MS } from './time.ts';

/** Sum of one currency, in its minor units. */
export interface CurrencySum {
  currency: string;
  minor: number;
}

export interface Rates {
  readonly reportingCurrency: string;
  /** Adds or replaces the rates that hold from `day` on. @throws RangeError when a rate is not a positive decimal. */
  set(day: number, rates: Readonly<Record<string, string>>): void;
  /**
   * The sums of one day in minor units of the reporting currency, rounded half-even once;
   * null when a non-zero sum has no rate, or the result exceeds 2^53 − 1: one absurd amount must not stop a fold.
   */
  convert(sums: readonly CurrencySum[], day: number): number | null;
  list(): [number, Record<string, string>][];
}

const ONE: Decimal = { units: 1, scale: 0 };

export function createRates(reportingCurrency: string): Rates {
  const byCurrency = new Map<string, { day: number; rate: Decimal }[]>();
  const facts = new Map<number, Record<string, string>>();
  const rateOf = (currency: string, day: number): Decimal | undefined =>
    currency === reportingCurrency ? ONE : byCurrency.get(currency)?.findLast((entry) => entry.day <= day)?.rate;
  return {
    reportingCurrency,
    set(day, rates) {
      const parsed = Object.entries(rates).map(([currency, text]): [string, Decimal] => {
        const rate = parseDecimal(text);
        if (rate === null || !(rate.units > 0))
          throw new RangeError(`fx rate of ${currency} is not a positive decimal; write it as in "1.0832"`);
        return [currency, rate];
      });
      for (const [currency, rate] of parsed) {
        const list = (byCurrency.get(currency) ?? []).filter((entry) => entry.day !== day);
        byCurrency.set(
          currency,
          [...list, { day, rate }].sort((a, b) => a.day - b.day),
        );
      }
      facts.set(day, { ...facts.get(day), ...rates });
    },
    convert(sums, day) {
      let total = ZERO;
      for (const { currency, minor } of sums) {
        if (minor === 0) continue;
        const rate = rateOf(currency, day);
        if (!rate) return null;
        total = add(total, multiply({ units: minor, scale: exponentOf(currency) ?? 2 }, rate));
      }
      return roundHalfEven(total, exponentOf(reportingCurrency) ?? 2)?.integer ?? null;
    },
    list: () => [...facts].sort(([a], [b]) => a - b),
  };
}

/** What `Rates` was made of: the reporting currency, and `list()`. */
interface RatesFacts {
  reportingCurrency: string;
  rates: readonly (readonly [number, Readonly<Record<string, string>>])[];
}

/** Of money in several currencies, what has no rate on its first day. */
export const withoutRate = <Money extends { currency: string; firstDay: number }>(
  money: readonly Money[],
  { reportingCurrency, rates }: RatesFacts,
): Money[] =>
  money.filter(
    ({ currency, firstDay }) =>
      currency !== reportingCurrency && !rates.some(([day, of]) => day <= firstDay && of[currency] !== undefined),
  );

/** The command that gives the rate. @param from local day from which it is needed; null where that is not known. */
export const rateCommand = (currency: string, from: number | null): string =>
  `\`axiom47 workspace rates ${from === null ? 'DATE' : new Date(from * DAY_MS).toISOString().slice(0, 10)} ${currency}=RATE\``;

/** Rates as they cross a thread: the reporting currency, and `list()`. */
export function ratesOf(
  reportingCurrency: string,
  list: readonly (readonly [number, Readonly<Record<string, string>>])[],
): Rates {
  const rates = createRates(reportingCurrency);
  for (const [day, values] of list) rates.set(day, values);
  return rates;
}
