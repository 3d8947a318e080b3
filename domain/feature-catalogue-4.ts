// Features that came with the fourth set: the mix of channels a customer orders by. Only orders that name a channel are counted; of a workspace whose
// sources name none nothing is known, and a training leaves these columns out.
import { definer, type FeatureDefinition, type Known } from './feature-definition.ts';
import { compareChannel } from './ledger.ts';

const NO_CHANNEL = 'no order names a channel';
const channel = definer('channel', { nulls: NO_CHANNEL });

type Named = ReturnType<Known['channels']>;

function countsOf(orders: Named): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { channel } of orders) counts.set(channel, (counts.get(channel) ?? 0) + 1);
  return counts;
}
const most = (counts: ReadonlyMap<string, number>): number => Math.max(0, ...counts.values());

const lastDayOf = (orders: Named): number =>
  orders.reduce((last, { day }) => Math.max(last, day), Number.NEGATIVE_INFINITY);

/** Of the last day with an order that names one: the commonest channel of that day, of several the greatest by name, so that arrival decides nothing. */
function lastChannel(orders: Named): string | null {
  const last = lastDayOf(orders);
  let [found, times]: [string | null, number] = [null, 0];
  for (const [name, count] of countsOf(orders.filter(({ day }) => day === last)))
    if (count > times || (count === times && compareChannel(name, found) > 0)) [found, times] = [name, count];
  return found;
}

export const FOURTH_FEATURES: readonly FeatureDefinition[] = [
  channel(
    'channels_365d',
    'Different channels among the orders of the last 365 days',
    (known) => countsOf(known.channels().filter(({ day }) => day > known.day - 365)).size || null,
    { range: [1, null], nulls: 'no order of the last 365 days names a channel' },
  ),
  channel(
    'top_channel_share',
    'Share of the commonest channel among all orders that name one: 1 = always the same',
    (known) => {
      const orders = known.channels();
      return orders.length === 0 ? null : most(countsOf(orders)) / orders.length;
    },
    { unit: 'share', range: [0, 1] },
  ),
  channel(
    'channel_changed',
    '1 when the last purchase came by another channel than was commonest before its day, 0 when by the commonest or one as common',
    (known) => {
      const orders = known.channels();
      const last = lastDayOf(orders);
      const before = countsOf(orders.filter(({ day }) => day < last));
      return before.size === 0 ? null : (before.get(lastChannel(orders)!) ?? 0) < most(before) ? 1 : 0;
    },
    { unit: 'flag', range: [0, 1], nulls: 'orders of fewer than two days name a channel' },
  ),
  channel(
    'last_channel',
    'Channel of the last purchase that names one; of several on its day the commonest, then the greatest by name',
    (known) => lastChannel(known.channels()),
    { dtype: 'text', unit: 'name', range: [null, null] },
  ),
];
