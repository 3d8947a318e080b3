// What a feature is: a named, versioned, typed pure function of the ledger up to a day (facts §5). Definitions never change: another meaning is another
// version beside the old one, so that whoever pins a version reads what it learned from for ever.
import { type CustomerFeatures, type FeatureContext, features, moneyByDay } from './features.ts';
import { type CustomerColumns, type CustomerLedger, columnsOf, purchaseDaysOf } from './ledger-columns.ts';
import { exponentOf } from './money.ts';

/** null = not known of this customer. */
export type FeatureValue = number | string | null;
export type FeatureRow = Readonly<Record<string, FeatureValue>>;

export const FEATURE_GROUPS = [
  'buying',
  'lags',
  'trend',
  'season',
  'money',
  'channel',
  'activity',
  'support',
  'billing',
  'subscription',
] as const;

export interface FeatureDefinition {
  name: string;
  version: number;
  group: (typeof FEATURE_GROUPS)[number];
  /** Who answers for it. */
  owner: string;
  dtype: 'number' | 'text';
  unit: string;
  /** Smallest and largest value that can be; null = unbounded on that side. */
  range: readonly [number | null, number | null];
  /** When it is not known; null: it always is. */
  nulls: string | null;
  docs: string;
  of(known: Known): FeatureValue;
}

/** A customer on a day; what costs more than a glance is worked out when first asked for. */
export interface Known {
  ledger: CustomerColumns;
  day: number;
  features: CustomerFeatures;
  /** Distinct purchase days, ascending, none after `day`. */
  purchaseDays: readonly number[];
  /** Days between one purchase and the next, in their order. */
  gaps: readonly number[];
  /** Net money by purchase day, as it stood on `day`, minor units of the reporting currency; null when some has no rate. */
  money(): ReadonlyMap<number, number> | null;
  /** The orders up to `day` that name a channel, in any order. */
  channels(): readonly { day: number; channel: string }[];
  /** Major units of the reporting currency in one minor unit. */
  scale: number;
}

export function knownOf(customer: CustomerLedger, day: number, context: FeatureContext): Known {
  const ledger = columnsOf(customer);
  const purchaseDays = purchaseDaysOf(ledger, day);
  let money: ReadonlyMap<number, number> | null | undefined;
  let gaps: number[] | undefined;
  let channels: { day: number; channel: string }[] | undefined;
  return {
    ledger,
    day,
    features: features(ledger, day, context),
    purchaseDays,
    get gaps() {
      gaps ??= purchaseDays.slice(1).map((each, i) => each - purchaseDays[i]!);
      return gaps;
    },
    money() {
      if (money === undefined) money = moneyByDay(ledger, day, context);
      return money;
    },
    channels() {
      channels ??= channelsUpTo(ledger, day);
      return channels;
    },
    scale: 10 ** -(exponentOf(context.rates.reportingCurrency) ?? 2),
  };
}

function channelsUpTo({ orders, channels }: CustomerColumns, until: number): { day: number; channel: string }[] {
  const found: { day: number; channel: string }[] = [];
  for (let i = 0; i < orders.count; i++) {
    const [day, code] = [orders.day[i]!, orders.channel[i]!];
    if (code !== 0 && day <= until) found.push({ day, channel: channels[code]! });
  }
  return found;
}

type Told = Partial<Pick<FeatureDefinition, 'version' | 'unit' | 'range' | 'nulls' | 'dtype'>>;

/** Definitions of one group; a count from 0 up that is always known, unless told otherwise. */
export const definer =
  (group: FeatureDefinition['group'], usual: Told = {}) =>
  (name: string, docs: string, of: FeatureDefinition['of'], told: Told = {}): FeatureDefinition => ({
    name,
    version: 1,
    group,
    owner: 'axiom47',
    dtype: 'number',
    unit: 'count',
    range: [0, null],
    nulls: null,
    docs,
    ...usual,
    ...told,
    of,
  });

export const BEFORE_FIRST = 'before the first purchase';
export const BEFORE_SECOND = 'before the second purchase';
export const NO_SUBSCRIPTION = 'never had a subscription';

/** Null before the first purchase. */
export const bought =
  (of: (known: Known) => FeatureValue): FeatureDefinition['of'] =>
  (known) =>
    known.purchaseDays.length === 0 ? null : of(known);

/** Purchase days in (day − from, day − to]. */
export const since = ({ purchaseDays, day }: Known, from: number, to = 0): number =>
  purchaseDays.filter((each) => each > day - from && each <= day - to).length;

/** Of the subscriptions; null without one. */
export const subscribed =
  (
    of: (subscription: NonNullable<CustomerFeatures['subscription']>, known: Known) => FeatureValue,
  ): FeatureDefinition['of'] =>
  (known) =>
    known.features.subscription ? of(known.features.subscription, known) : null;
