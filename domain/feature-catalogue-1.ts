// The features models have been trained on from the beginning. Their meaning stays; see feature-definition.ts.
import {
  BEFORE_FIRST,
  BEFORE_SECOND,
  bought,
  definer,
  type FeatureDefinition,
  NO_SUBSCRIPTION,
  since,
  subscribed,
} from './feature-definition.ts';
import type { CustomerFeatures } from './features.ts';
import { exponentOf } from './money.ts';

const buying = definer('buying', { nulls: BEFORE_FIRST });
const activity = definer('activity');
const subscription = definer('subscription', { nulls: NO_SUBSCRIPTION });
const latest = (
  of: (interval: NonNullable<CustomerFeatures['subscription']>['intervals'][number]) => string | number | null,
) => subscribed(({ intervals }) => of(intervals.at(-1)!));
const sum = (f: CustomerFeatures, of: (activity: CustomerFeatures['activities'][number]) => number): number =>
  f.activities.reduce((total, each) => total + of(each), 0);

export const FIRST_FEATURES: readonly FeatureDefinition[] = [
  buying(
    'frequency',
    'Repeat purchase days so far (x)',
    bought(({ features: f }) => f.frequency),
  ),
  buying(
    'recency_days',
    'Days since the last purchase',
    bought(({ day, features: f }) => day - f.lastDay!),
    { unit: 'days' },
  ),
  buying(
    'age_days',
    'Days since the first purchase (T)',
    bought(({ features: f }) => f.ageDays),
    { unit: 'days' },
  ),
  buying(
    'mean_gap_days',
    'Mean days between purchases; unknown before the second',
    ({ features: f }) => (f.frequency === 0 ? null : f.recencyDays / f.frequency),
    { unit: 'days', nulls: BEFORE_SECOND },
  ),
  buying(
    'gap_ratio',
    'Days since the last purchase over the customer’s own mean gap; above 1 = overdue',
    ({ day, features: f }) => (f.frequency === 0 ? null : (day - f.lastDay!) / (f.recencyDays / f.frequency)),
    { unit: 'ratio', nulls: BEFORE_SECOND },
  ),
  buying(
    'purchases_30d',
    'Purchase days in the last 30 days',
    bought((known) => since(known, 30)),
  ),
  buying(
    'purchases_90d',
    'Purchase days in the last 90 days',
    bought((known) => since(known, 90)),
  ),
  buying(
    'purchases_365d',
    'Purchase days in the last 365 days',
    bought((known) => since(known, 365)),
  ),
  definer('trend')(
    'purchase_trend',
    'ln((purchase days of the last 90 days + 1) / (of the 90 before + 1)): below 0 = fewer',
    bought((known) => Math.log((since(known, 90) + 1) / (since(known, 180, 90) + 1))),
    { unit: 'log ratio', range: [null, null], nulls: BEFORE_FIRST },
  ),
  definer('money')(
    'spend_per_purchase',
    'Mean net money of the repeat days with money',
    ({ features: f, scale }) => (f.noRate || f.moneyDays === 0 ? null : (f.moneyMinor / f.moneyDays) * scale),
    { unit: 'reporting currency', nulls: 'no repeat day with money, or money without a rate' },
  ),
  definer('billing')(
    'refunds',
    'Refund documents so far',
    bought(({ features: f }) => f.refunds),
    { nulls: BEFORE_FIRST },
  ),
  activity('activities_30d', 'Recorded activities of the last 30 days', ({ features: f }) =>
    sum(f, ({ count30 }) => count30),
  ),
  activity('activities_90d', 'Recorded activities of the last 90 days', ({ features: f }) =>
    sum(f, ({ count90 }) => count90),
  ),
  activity(
    'days_since_activity',
    'Days since the last recorded activity',
    ({ day, features: f }) =>
      f.activities.length === 0 ? null : day - Math.max(...f.activities.map(({ lastDay }) => lastDay)),
    { unit: 'days', nulls: 'no activity on record' },
  ),
  subscription(
    'subscription_tenure_days',
    'Age of the latest subscription',
    subscribed(({ tenureDays }) => tenureDays),
    { unit: 'days' },
  ),
  subscription(
    'subscriptions',
    'Subscriptions so far',
    subscribed(({ intervals }) => intervals.length),
  ),
  subscription(
    'renewals',
    'Renewals of the latest subscription',
    latest(({ renewals }) => renewals),
  ),
  subscription(
    'subscription_price',
    'What the latest subscription costs',
    latest(({ minor, currency }) => (minor === null ? null : minor / 10 ** (exponentOf(currency ?? 'EUR') ?? 2))),
    { unit: 'major units of its own currency', nulls: 'no subscription, or its price was not told' },
  ),
  subscription(
    'plan',
    'Plan of the latest subscription',
    latest(({ plan }) => plan),
    {
      dtype: 'text',
      unit: 'name',
      range: [null, null],
      nulls: 'no subscription, or its plan was not told',
    },
  ),
];
