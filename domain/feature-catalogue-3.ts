// Features that came with the third set: what a purchase is worth of late, activity of late in decayed windows too, and whether a subscription runs.
import { definer, type FeatureDefinition, type Known, NO_SUBSCRIPTION, subscribed } from './feature-definition.ts';

const trend = definer('trend', { range: [null, null] });

/** Weight of what happened on a day: half as much `halfLife` days later. */
const weightOf = (age: number, halfLife: number): number => 2 ** (-age / halfLife);

/** Mean net money of a purchase day, each counting half as much `halfLife` days later. @param money by purchase day. */
function meanMoney(money: ReadonlyMap<number, number>, today: number, halfLife: number): number {
  let [sum, weights] = [0, 0];
  for (const [day, minor] of money) {
    const weight = weightOf(today - day, halfLife);
    sum += weight * minor;
    weights += weight;
  }
  return sum / weights;
}

/** Activities a day, which a steady customer of rate λ has at λ. */
const activityRate = ({ ledger, day }: Known, halfLife: number): number =>
  (Math.LN2 / halfLife) *
  ledger.activities.reduce(
    (sum, each) => sum + (each.day <= day ? each.count * weightOf(day - each.day, halfLife) : 0),
    0,
  );
/** One activity a month: what keeps a ratio of rates finite. */
const ONE_A_MONTH = 12 / 365;

export const THIRD_FEATURES: readonly FeatureDefinition[] = [
  trend(
    'spend_per_purchase_trend',
    'Net money of a purchase day of late (half-life 60 days) over the long run’s (360 days): below 1 = smaller baskets than before',
    (known) => {
      const money = known.money();
      if (money === null || money.size === 0) return null;
      const usual = meanMoney(money, known.day, 360);
      return usual > 0 ? meanMoney(money, known.day, 60) / usual : null;
    },
    { unit: 'ratio', nulls: 'no money above 0 in the long run, or money without a rate' },
  ),
  trend(
    'activity_trend',
    'ln of the activity of late (half-life 14 days) over the long run’s (90 days), one a month added to both: below 0 = quieter than before',
    (known) => Math.log((activityRate(known, 14) + ONE_A_MONTH) / (activityRate(known, 90) + ONE_A_MONTH)),
    { version: 2, unit: 'log ratio' },
  ),
  definer('subscription', { nulls: NO_SUBSCRIPTION })(
    'subscription_active',
    '1 while a subscription runs, 0 after the last one ended',
    subscribed(({ active }) => (active ? 1 : 0)),
    { unit: 'flag', range: [0, 1] },
  ),
];
