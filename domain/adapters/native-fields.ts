// Field names and limits of the native event: shared by the hand-written parser and its schemas.
import type { EventType } from '../envelope.ts';

export const MAX_ID = 256;
export const MAX_NAME = 200;
export const MAX_CHANNEL = 64;

export const TOP_FIELDS: ReadonlySet<string> = new Set([
  'id',
  'type',
  'customer_id',
  'anonymous_id',
  'at',
  'data',
  'trace_id',
  'correlation_id',
  'causation_id',
]);

const money = ['amount', 'amount_minor', 'currency'];
const subscription = new Set(['subscription_id', 'plan', ...money, 'channel', 'revision']);

/** What `data` may hold by type; other fields follow the source's policy (dropped with a count unless it names them). */
export const KNOWN_FIELDS: Readonly<Record<EventType, ReadonlySet<string>>> = {
  'customer.identified': new Set(['traits', 'anonymous_id']),
  'order.placed': new Set(['order_id', ...money, 'channel', 'revision']),
  'order.refunded': new Set(['refund_id', 'order_id', ...money, 'channel', 'revision']),
  'activity.recorded': new Set(['name', 'props', 'channel', 'revision']),
  'subscription.started': subscription,
  'subscription.renewed': subscription,
  'subscription.cancelled': subscription,
  'experiment.exposed': new Set(['experiment', 'variant']),
  'observation.recorded': new Set(['experiment', 'variant', 'value', ...money]),
  'consent.changed': new Set(['purpose', 'granted']),
};
