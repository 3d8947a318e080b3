// A purchase history sent along with the question, by the same rules as the log's own (facts §2, §3, §6): days are the grain, the first
// day is not a repeat, money is exact minor units until the mean.
import type { CustomerHistory } from '#domain/models/clv-model.ts';
import { amountOfNumber, amountOfText, exponentOf, parseCurrency } from '#domain/money.ts';
import type { Offsets } from '#domain/time.ts';
import { UNSEEN } from '#projections/memory/history.ts';
import { Problem } from '../problem.ts';
import { parseInstant } from './as-of.ts';

export interface Transaction {
  at: string | number;
  amount?: string | number | null | undefined;
  currency?: string | undefined;
}

const bad = (pointer: string, detail: string) =>
  new Problem('bad-field', `${pointer} ${detail}`, { fields: [{ pointer, detail }] });

export interface SentHistory {
  customer: CustomerHistory;
  /** The last transaction's day that counts; null when none does. */
  lastDay: number | null;
}

/** @param lastDay transactions after this day do not count; null = all of them do, and T ends at the later of `today` and the last one. */
export function fromTransactions(
  transactions: readonly Transaction[],
  context: { offsets: Offsets; currency: string; today: number; lastDay: number | null; pointer: string },
): SentHistory {
  const exponent = exponentOf(context.currency) ?? 2;
  const byDay = new Map<number, number>();
  for (const [index, { at, amount, currency }] of transactions.entries()) {
    const pointer = `${context.pointer}/${index}`;
    const { day } = parseInstant(at, context.offsets, `${pointer}/at`);
    if (currency !== undefined && parseCurrency(currency) !== context.currency)
      throw bad(`${pointer}/currency`, `must be the reporting currency ${context.currency}; convert the amount first`);
    let minor = 0;
    if (amount !== undefined && amount !== null) {
      const parsed = typeof amount === 'string' ? amountOfText(amount, exponent) : amountOfNumber(amount, exponent);
      if (!parsed.ok) throw bad(`${pointer}/amount`, parsed.reason);
      if (parsed.value.minor < 0) throw bad(`${pointer}/amount`, 'is negative; leave refunds out and send net amounts');
      minor = parsed.value.minor;
    }
    if (context.lastDay !== null && day > context.lastDay) continue;
    byDay.set(day, (byDay.get(day) ?? 0) + minor);
  }
  if (byDay.size === 0) return { customer: UNSEEN, lastDay: null };
  const days = [...byDay.keys()].sort((a, b) => a - b);
  const first = days[0]!;
  const last = days.at(-1)!;
  let money = 0;
  let moneyDays = 0;
  for (const day of days.slice(1)) {
    const minor = byDay.get(day)!;
    if (minor <= 0) continue;
    money += minor;
    moneyDays++;
  }
  const end = context.lastDay ?? Math.max(context.today, last);
  return {
    customer: {
      frequency: days.length - 1,
      recency: last - first,
      T: end - first,
      monetaryValue: moneyDays > 0 ? money / moneyDays / 10 ** exponent : null,
      moneyDays,
    },
    lastDay: last,
  };
}
