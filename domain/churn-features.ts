// What a churn classifier may know of a customer on a day: typed features with names, units and ranges, each a pure function of the ledger up to
// that day (facts §5). A feature that changes its meaning gets a new name; the set's version is stored with every model trained on it.
import { type CustomerFeatures, type FeatureContext, features } from './features.ts';
import type { CustomerEntries } from './ledger.ts';
import { exponentOf } from './money.ts';

export const FEATURE_SET = { name: 'customer', version: 1 } as const;

/** null = not known of this customer. */
export type FeatureValue = number | string | null;
export type FeatureRow = Readonly<Record<string, FeatureValue>>;

export interface FeatureDefinition {
  name: string;
  dtype: 'number' | 'text';
  unit: string;
  /** Smallest and largest value that can be; null = unbounded on that side. */
  range: readonly [number | null, number | null];
  docs: string;
  of(known: Known): FeatureValue;
}

interface Known {
  entries: CustomerEntries;
  day: number;
  features: CustomerFeatures;
  /** Distinct purchase days, ascending, none after `day`. */
  purchaseDays: readonly number[];
  /** Major units of the reporting currency in one minor unit. */
  scale: number;
}

const bought = (of: (known: Known) => number) => (known: Known) => (known.purchaseDays.length === 0 ? null : of(known));
const since = ({ purchaseDays, day }: Known, from: number, to = 0): number =>
  purchaseDays.filter((each) => each > day - from && each <= day - to).length;
const subscription =
  (of: (intervals: NonNullable<CustomerFeatures['subscription']>, day: number) => FeatureValue) => (known: Known) =>
    known.features.subscription ? of(known.features.subscription, known.day) : null;
const latest = (of: (interval: NonNullable<CustomerFeatures['subscription']>['intervals'][number]) => FeatureValue) =>
  subscription(({ intervals }) => of(intervals.at(-1)!));
const count = (name: string, docs: string, of: (known: Known) => FeatureValue): FeatureDefinition => ({
  name,
  dtype: 'number',
  unit: 'count',
  range: [0, null],
  docs,
  of,
});
const days = (name: string, docs: string, of: (known: Known) => FeatureValue): FeatureDefinition => ({
  ...count(name, docs, of),
  unit: 'days',
});

/** In the order they stand in a model. Attributes follow as `attribute:NAME`. */
export const FEATURES: readonly FeatureDefinition[] = [
  count(
    'frequency',
    'Repeat purchase days so far (x)',
    bought(({ features: f }) => f.frequency),
  ),
  days(
    'recency_days',
    'Days since the last purchase',
    bought(({ day, features: f }) => day - f.lastDay!),
  ),
  days(
    'age_days',
    'Days since the first purchase (T)',
    bought(({ features: f }) => f.ageDays),
  ),
  days('mean_gap_days', 'Mean days between purchases; unknown before the second', ({ features: f }) =>
    f.frequency === 0 ? null : f.recencyDays / f.frequency,
  ),
  {
    name: 'gap_ratio',
    dtype: 'number',
    unit: 'ratio',
    range: [0, null],
    docs: 'Days since the last purchase over the customer’s own mean gap; above 1 = overdue',
    of: ({ day, features: f }) => (f.frequency === 0 ? null : (day - f.lastDay!) / (f.recencyDays / f.frequency)),
  },
  count(
    'purchases_30d',
    'Purchase days in the last 30 days',
    bought((known) => since(known, 30)),
  ),
  count(
    'purchases_90d',
    'Purchase days in the last 90 days',
    bought((known) => since(known, 90)),
  ),
  count(
    'purchases_365d',
    'Purchase days in the last 365 days',
    bought((known) => since(known, 365)),
  ),
  {
    name: 'purchase_trend',
    dtype: 'number',
    unit: 'log ratio',
    range: [null, null],
    docs: 'ln((purchase days of the last 90 days + 1) / (of the 90 before + 1)): below 0 = fewer',
    of: bought((known) => Math.log((since(known, 90) + 1) / (since(known, 180, 90) + 1))),
  },
  {
    name: 'spend_per_purchase',
    dtype: 'number',
    unit: 'reporting currency',
    range: [0, null],
    docs: 'Mean net money of the repeat days with money',
    of: ({ features: f, scale }) => (f.noRate || f.moneyDays === 0 ? null : (f.moneyMinor / f.moneyDays) * scale),
  },
  count(
    'refunds',
    'Refund documents so far',
    bought(({ features: f }) => f.refunds),
  ),
  count('activities_30d', 'Recorded activities of the last 30 days', ({ features: f }) =>
    sum(f, ({ count30 }) => count30),
  ),
  count('activities_90d', 'Recorded activities of the last 90 days', ({ features: f }) =>
    sum(f, ({ count90 }) => count90),
  ),
  days('days_since_activity', 'Days since the last recorded activity', ({ day, features: f }) =>
    f.activities.length === 0 ? null : day - Math.max(...f.activities.map(({ lastDay }) => lastDay)),
  ),
  days(
    'subscription_tenure_days',
    'Age of the latest subscription',
    subscription(({ tenureDays }) => tenureDays),
  ),
  count(
    'subscriptions',
    'Subscriptions so far',
    subscription(({ intervals }) => intervals.length),
  ),
  count(
    'renewals',
    'Renewals of the latest subscription',
    latest(({ renewals }) => renewals),
  ),
  {
    name: 'subscription_price',
    dtype: 'number',
    unit: 'major units of its own currency',
    range: [0, null],
    docs: 'What the latest subscription costs',
    of: latest(({ minor, currency }) => (minor === null ? null : minor / 10 ** (exponentOf(currency ?? 'EUR') ?? 2))),
  },
  {
    name: 'plan',
    dtype: 'text',
    unit: 'name',
    range: [null, null],
    docs: 'Plan of the latest subscription',
    of: latest(({ plan }) => plan),
  },
];

const sum = (f: CustomerFeatures, of: (activity: CustomerFeatures['activities'][number]) => number): number =>
  f.activities.reduce((total, activity) => total + of(activity), 0);

export const ATTRIBUTE = 'attribute:';

/** Everything known on `day`, by name: the catalogue, then the attributes. A boolean attribute is 'true' or 'false'. */
export function featureRow(entries: CustomerEntries, day: number, context: FeatureContext): FeatureRow {
  const known: Known = {
    entries,
    day,
    features: features(entries, day, context),
    purchaseDays: [...new Set(entries.orders.filter((order) => order.day <= day).map((order) => order.day))],
    scale: 10 ** -(exponentOf(context.rates.reportingCurrency) ?? 2),
  };
  const row: Record<string, FeatureValue> = {};
  for (const feature of FEATURES) row[feature.name] = feature.of(known);
  for (const [name, value] of Object.entries(known.features.attributes))
    row[ATTRIBUTE + name] = typeof value === 'boolean' ? String(value) : value;
  return row;
}
