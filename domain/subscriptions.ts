// Subscription intervals from the marks a ledger holds: started and renewed open or continue one, cancelled ends it.
import { SUBSCRIPTION_STEPS, type SubscriptionEntry } from './ledger.ts';

export interface SubscriptionInterval {
  key: string;
  plan: string | null;
  startDay: number;
  /** First day without it; null = still open. */
  endDay: number | null;
  renewals: number;
  minor: number | null;
  currency: string | null;
}

export interface SubscriptionFeatures {
  /** Any interval open on the day asked about. */
  active: boolean;
  firstDay: number;
  /** Age of the latest interval on that day, or its length when it has ended, days. */
  tenureDays: number;
  intervals: SubscriptionInterval[];
}

/** On one day the steps count in the order started, renewed, cancelled; a renewal without a start opens an interval. */
export function subscriptionIntervals(entries: readonly SubscriptionEntry[], day: number): SubscriptionInterval[] {
  const rank = (entry: SubscriptionEntry) => SUBSCRIPTION_STEPS.indexOf(entry.step);
  const marks = entries.filter((entry) => entry.day <= day);
  marks.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.day - b.day || rank(a) - rank(b)));
  const intervals: SubscriptionInterval[] = [];
  let open: SubscriptionInterval | null = null;
  for (const mark of marks) {
    if (open && open.key !== mark.key) open = null;
    if (mark.step === 'cancelled') {
      if (open) open.endDay = mark.day;
      open = null;
    } else if (open) {
      if (mark.step === 'renewed') open.renewals++;
      open.plan = mark.plan ?? open.plan;
      open.minor = mark.minor ?? open.minor;
      open.currency = mark.currency ?? open.currency;
    } else {
      const { key, plan, minor, currency } = mark;
      open = { key, plan, startDay: mark.day, endDay: null, renewals: 0, minor, currency };
      intervals.push(open);
    }
  }
  return intervals.sort((a, b) => a.startDay - b.startDay || (a.key < b.key ? -1 : 1));
}

export function subscriptionFeatures(entries: readonly SubscriptionEntry[], day: number): SubscriptionFeatures | null {
  const intervals = subscriptionIntervals(entries, day);
  const latest = intervals.at(-1);
  if (!latest) return null;
  return {
    active: intervals.some((interval) => interval.endDay === null),
    firstDay: intervals[0]!.startDay,
    tenureDays: (latest.endDay ?? day) - latest.startDay,
    intervals,
  };
}
