// What several parts of the customer page read out of one answer.
import { dayOfMs } from './charts/axes.ts';
import type { Customer } from './queries.ts';

/** The local day an answer was read at: where its curve ends. */
export const dayOf = (customer: Customer): string =>
  customer.p_alive_series.at(-1)?.day ?? customer.as_of.at?.slice(0, 10) ?? dayOfMs(Date.now());

export function ordersOf(customer: Customer) {
  return customer.timeline
    .filter((entry) => entry.type === 'order')
    .map((entry) => ({ day: entry.day, amount: entry.amount === null ? null : Number(entry.amount) }));
}
