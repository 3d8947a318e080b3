// In which currencies taken events are worth something: whoever knows the rates tells the sender which of them are missing.
import type { StoredEvent } from '#domain/envelope.ts';

/** Orders and refunds of one currency whose amount is not 0. */
export interface MoneyTaken {
  currency: string;
  events: number;
  /** The earliest local day of them: a rate from that day on is one for all. */
  firstDay: number;
}

export function moneyTaken(events: Iterable<Pick<StoredEvent, 'type' | 'currency' | 'minor' | 'day'>>): MoneyTaken[] {
  const byCurrency = new Map<string, MoneyTaken>();
  for (const { type, currency, minor, day } of events) {
    // What a subscription costs is not converted: only orders and refunds are worth something to a model.
    if (type !== 'order.placed' && type !== 'order.refunded') continue;
    if (currency === null || minor === null || minor === 0) continue;
    const of = byCurrency.get(currency);
    if (of === undefined) byCurrency.set(currency, { currency, events: 1, firstDay: day });
    else {
      of.events++;
      of.firstDay = Math.min(of.firstDay, day);
    }
  }
  return [...byCurrency.values()];
}
