// What is known of a customer's subscription on a day: lists and pages say the same of it.
import { type ChurnDefinition, spells } from '#domain/churn-definition.ts';
import { formatMinor } from '#domain/money.ts';
import { subscriptionIntervals } from '#domain/subscriptions.ts';
import type { LedgerView } from '../read-deps.ts';
import { dayText } from './as-of.ts';

/** The latest subscription, and since when there has been one without a break; null without any. */
export function subscriptionOf({ entries }: Pick<LedgerView, 'entries'>, { graceDays }: ChurnDefinition, day: number) {
  const spell = spells(entries, day, graceDays).at(-1);
  const latest = subscriptionIntervals(entries.subscriptions, day).at(-1);
  if (!spell || !latest) return null;
  const { plan, minor, currency } = latest;
  return {
    plan,
    price: minor === null || currency === null ? null : formatMinor(minor, currency),
    currency,
    since: dayText(spell.startDay),
    days: (spell.endDay ?? day) - spell.startDay,
    ended: spell.endDay === null ? null : dayText(spell.endDay),
  };
}
