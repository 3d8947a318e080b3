// Features that came with the second set: lags, decayed trends, seasons, money of late, mixes of activity, support and billing signals, and what
// becomes of subscriptions. The mix of channels came with the fourth.
import {
  BEFORE_FIRST,
  BEFORE_SECOND,
  bought,
  definer,
  type FeatureDefinition,
  type Known,
  NO_SUBSCRIPTION,
  since,
  subscribed,
} from './feature-definition.ts';
import { compareText } from './ledger.ts';
import { DAY_MS } from './time.ts';

const lag = definer('lags', { unit: 'days', nulls: BEFORE_SECOND });
const season = definer('season', { unit: 'share', range: [0, 1], nulls: BEFORE_FIRST });
const money = definer('money', {
  unit: 'reporting currency',
  nulls: 'before the first purchase, or money without a rate',
});
const activity = definer('activity');
const subscription = definer('subscription', { nulls: NO_SUBSCRIPTION });

const longest = ({ gaps }: Known): number => gaps.reduce((most, gap) => Math.max(most, gap), 0);

/** Purchases a day, each counting half as much `halfLife` days later: Σ 2^(−age/h)·ln 2/h, which a steady buyer of rate λ has at λ. */
const decayedRate = ({ purchaseDays, day }: Known, halfLife: number): number =>
  (Math.LN2 / halfLife) * purchaseDays.reduce((sum, each) => sum + 2 ** (-(day - each) / halfLife), 0);
/** One purchase a year: what keeps a ratio of rates finite. */
const ONE_A_YEAR = 1 / 365;

/** Net money of the last `days`, major units; null without a rate. */
function spent(known: Known, days: number): number | null {
  const byDay = known.money();
  if (byDay === null) return null;
  let minor = 0;
  for (const [day, each] of byDay) if (day > known.day - days) minor += each;
  return minor * known.scale;
}

/** Monday 0 … Sunday 6; day 0 was a Thursday. */
const weekday = (day: number): number => (((day + 3) % 7) + 7) % 7;
const quarter = (day: number): number => Math.floor(new Date(day * DAY_MS).getUTCMonth() / 3);
const share = (days: readonly number[], of: (day: number) => boolean): number => days.filter(of).length / days.length;

const recent = ({ ledger, day }: Known, days: number) =>
  ledger.activities.filter((each) => each.day > day - days && each.day <= day);
const matching = (known: Known, pattern: RegExp): number =>
  recent(known, 90).reduce((sum, { kind, count }) => sum + (pattern.test(kind) ? count : 0), 0);
/** Names of activities as publishers give them. */
const SUPPORT = /support|ticket|complain|helpdesk/i;
const FAILED_PAYMENT = /pay(ment)?[ _.-]?(fail|declin|reject)|charge[ _.-]?back|dunning|card[ _.-]?(declin|expired)/i;

function countByKind(known: Known): number[] {
  const counts = new Map<string, number>();
  for (const { kind, count } of recent(known, 90)) counts.set(kind, (counts.get(kind) ?? 0) + count);
  return [...counts.values()];
}

/** Changes of the plan's name from one mark to the next that tells one, over all subscriptions in the order of their days. */
function planChanges({ ledger, day }: Known): number {
  const marks = ledger.subscriptions.filter((mark) => mark.day <= day && mark.plan !== null);
  marks.sort((a, b) => a.day - b.day || compareText(a.key, b.key));
  return marks.filter((mark, i) => i > 0 && mark.plan !== marks[i - 1]!.plan).length;
}

/** What the latest subscription costs now over what it cost at first. */
const priceRatio = subscribed(({ intervals }, { ledger, day }) => {
  const { key, minor, currency, startDay } = intervals.at(-1)!;
  const first = ledger.subscriptions.find(
    (mark) => mark.key === key && mark.day >= startDay && mark.day <= day && mark.minor !== null,
  );
  if (minor === null || !first?.minor || first.currency !== currency) return null;
  return minor / first.minor;
});

export const SECOND_FEATURES: readonly FeatureDefinition[] = [
  lag('last_gap_days', 'Days between the last two purchases', ({ gaps }) => gaps.at(-1) ?? null),
  lag('longest_gap_days', 'The longest silence between two purchases', (known) =>
    known.gaps.length === 0 ? null : longest(known),
  ),
  lag(
    'silence_over_longest_gap',
    'Days since the last purchase over the longest silence so far; above 1 = never silent for so long',
    (known) => (known.gaps.length === 0 ? null : (known.day - known.purchaseDays.at(-1)!) / longest(known)),
    { unit: 'ratio' },
  ),
  lag(
    'gap_variation',
    'Standard deviation of the days between purchases over their mean: 0 = like a clock, about 1 = by chance',
    ({ gaps }) => {
      if (gaps.length < 2) return null;
      const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
      return Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length) / mean;
    },
    { unit: 'ratio', nulls: 'before the third purchase' },
  ),
  definer('trend')(
    'purchase_trend',
    'ln of the purchase rate of late (half-life 30 days) over the long run’s (180 days), one a year added to both: below 0 = slower than before',
    bought((known) => Math.log((decayedRate(known, 30) + ONE_A_YEAR) / (decayedRate(known, 180) + ONE_A_YEAR))),
    { version: 2, unit: 'log ratio', range: [null, null], nulls: BEFORE_FIRST },
  ),
  money(
    'spend_90d',
    'Net money of the last 90 days',
    bought((known) => spent(known, 90)),
  ),
  money(
    'spend_365d',
    'Net money of the last 365 days',
    bought((known) => spent(known, 365)),
  ),
  money(
    'spend_share_90d',
    'Share of the last year’s net money that came in its last 90 days',
    bought((known) => {
      const [late, year] = [spent(known, 90), spent(known, 365)];
      return late === null || year === null || year === 0 ? null : late / year;
    }),
    { unit: 'share', range: [0, 1], nulls: 'no money in the last year, or money without a rate' },
  ),
  season(
    'purchases_year_ago_90d',
    'Purchase days in the 90 days after this day a year ago',
    bought((known) => (known.features.ageDays < 365 ? null : since(known, 365, 275))),
    { unit: 'count', range: [0, 90], nulls: 'younger than a year' },
  ),
  season(
    'same_quarter_share',
    'Share of purchase days in this quarter of the year',
    bought(({ purchaseDays, day }) => share(purchaseDays, (each) => quarter(each) === quarter(day))),
  ),
  season(
    'weekend_share',
    'Share of purchase days on a Saturday or Sunday',
    bought(({ purchaseDays }) => share(purchaseDays, (each) => weekday(each) > 4)),
  ),
  activity(
    'active_days_90d',
    'Days with an activity among the last 90',
    (known) => new Set(recent(known, 90).map(({ day }) => day)).size,
    {
      unit: 'days',
      range: [0, 90],
    },
  ),
  activity('activity_kinds_90d', 'Different activities in the last 90 days', (known) => countByKind(known).length),
  activity(
    'top_activity_share_90d',
    'Share of the commonest activity among those of the last 90 days',
    (known) => {
      const counts = countByKind(known);
      return counts.length === 0 ? null : Math.max(...counts) / counts.reduce((sum, each) => sum + each, 0);
    },
    { unit: 'share', range: [0, 1], nulls: 'no activity in the last 90 days' },
  ),
  activity(
    'activity_trend',
    'ln((activities of the last 30 days + 1) / (of the 60 before, halved, + 1)): below 0 = fewer',
    ({ features: { activities } }) => {
      const [late, all] = activities.reduce(([a, b], each) => [a + each.count30, b + each.count90], [0, 0]);
      return Math.log((late + 1) / ((all - late) / 2 + 1));
    },
    { unit: 'log ratio', range: [null, null] },
  ),
  definer('support')(
    'support_contacts_90d',
    'Activities named like support, ticket or complaint in the last 90 days',
    (known) => matching(known, SUPPORT),
  ),
  definer('billing')(
    'failed_payments_90d',
    'Activities named like a failed payment, chargeback or dunning in the last 90 days',
    (known) => matching(known, FAILED_PAYMENT),
  ),
  definer('billing')(
    'refunds_90d',
    'Refund documents of the last 90 days',
    ({ ledger: { refunds }, day }) =>
      refunds.day.subarray(0, refunds.count).filter((each) => each > day - 90 && each <= day).length,
  ),
  definer('billing')(
    'refunded_share',
    'Money refunded over money taken',
    ({ features: { totals } }) =>
      totals.length === 1 && totals[0]!.gross > 0 ? totals[0]!.refunds / totals[0]!.gross : null,
    { unit: 'share', nulls: 'no money, or money of several currencies' },
  ),
  subscription(
    'ended_subscriptions',
    'Subscriptions that have ended',
    subscribed(({ intervals }) => intervals.filter(({ endDay }) => endDay !== null).length),
  ),
  subscription(
    'subscription_price_ratio',
    'Price of the latest subscription over its first price; above 1 = dearer',
    priceRatio,
    {
      unit: 'ratio',
      nulls: 'no subscription, or a price that was not told',
    },
  ),
  subscription(
    'plan_changes',
    'Changes of plan so far',
    subscribed((_, known) => planChanges(known)),
  ),
];
