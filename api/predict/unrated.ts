// Why a customer has no value for want of a rate: in which currency their money is, how much of it, and the command that gives the rate.
import { rateCommand } from '#domain/rates.ts';
import type { Deps } from '../deps.ts';
import { Problem } from '../problem.ts';
import type { LedgerView } from '../read-deps.ts';
import type { Moment } from './as-of.ts';
import type { Subject } from './subjects.ts';

/** Ledgers read from the fold at once: some tens of µs each, and the fold waits meanwhile. */
const LEDGERS_AT_ONCE = 250;

const lacksRate = (answer: unknown): answer is Problem =>
  answer instanceof Problem && answer.extra.applicable === 'without-rate';

/** The same refusal with the currencies named; as it is where every order has its rate (sums beyond the exact integers). */
export function namingCurrencies(problem: Problem, { entries, rates }: LedgerView, day: number): Problem {
  const without = new Map<string, { orders: number; refunds: number; from: number }>();
  const look = (what: 'orders' | 'refunds'): void => {
    for (const { minor, currency, day: own } of entries[what]) {
      if (own > day || minor === null || minor === 0 || currency === null) continue;
      if (rates.convert([{ currency, minor: 1 }], own) !== null) continue;
      const of = without.get(currency) ?? { orders: 0, refunds: 0, from: own };
      without.set(currency, { ...of, [what]: of[what] + 1, from: Math.min(of.from, own) });
    }
  };
  look('orders');
  look('refunds');
  if (without.size === 0) return problem;
  const known = entries.orders.filter((order) => order.day <= day).length;
  const told = [...without].map(([currency, { orders, refunds, from }]) => {
    const money = [
      ...(orders > 0 ? [`${orders} of ${known} orders`] : []),
      ...(refunds > 0 ? [`${refunds} refund${refunds === 1 ? '' : 's'}`] : []),
    ].join(' and ');
    return `money of this customer in ${currency} (${money}) has no rate into ${rates.reportingCurrency}: ${rateCommand(currency, from)} gives one`;
  });
  return new Problem(problem.reason, told.join('; '), {
    fields: [...problem.fields],
    extra: { ...problem.extra, currencies: [...without.keys()] },
  });
}

/** In answers about many: each refusal for want of a rate says which. */
export async function nameCurrencies<Answer extends object>(
  ledgers: Deps['ledgers'],
  moment: Moment,
  subjects: readonly (Subject | Problem)[],
  answers: readonly (Answer | Problem)[],
): Promise<(Answer | Problem)[]> {
  const told = [...answers];
  const open = answers.flatMap((answer, i) => {
    const subject = subjects[i]!;
    return lacksRate(answer) && !(subject instanceof Problem) && subject.sid !== null ? [{ i, sid: subject.sid }] : [];
  });
  for (let from = 0; from < open.length; from += LEDGERS_AT_ONCE) {
    const page = open.slice(from, from + LEDGERS_AT_ONCE);
    const sids = page.map(({ sid }) => sid);
    const views = moment.past ? await ledgers.past(sids, moment.seq) : await ledgers.present(sids);
    for (const [k, { i }] of page.entries()) {
      const view = views[k];
      if (view) told[i] = namingCurrencies(answers[i] as Problem, view, moment.day);
    }
  }
  return told;
}
