// The reference stack's event, `{"user_id":2,"event_time":"2025-12-26 18:05:00","event_type":"purchase","session_id":"def"}`,
// as a native event: a purchase without money, id or zone. Rows without ids are told apart by their fields (facts §2).
import type { InputEvent, ParseContext, Rejection } from '../events.ts';
import { ok, type Result, refuse } from '../result.ts';
import { parseNative } from './native.ts';

type Fields = { [field: string]: unknown };

/** `purchase` is an order (with money when `amount` says so); every other event_type is an activity of that name. session_id is dropped, counted. */
export function parseReferenceStack(value: unknown, index: number, ctx: ParseContext): Result<InputEvent, Rejection> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return refuse({ index, id: null, reason: 'not-an-object', detail: 'an event is a JSON object' });
  const { user_id, event_time, event_type, event_id, ...rest } = value as Fields;
  const purchase = event_type === 'purchase';
  const data: Fields = purchase ? {} : { name: event_type };
  let dropped = 0;
  const props: Fields = {};
  for (const field in rest) {
    if (field === 'session_id') dropped++;
    else if (field === 'channel' || (purchase && ORDER_FIELDS.has(field))) data[field] = rest[field];
    else if (field !== '__proto__') props[field] = rest[field];
    else dropped++;
  }
  if (purchase) Object.assign(data, props);
  else data.props = props;
  const type = purchase ? 'order.placed' : 'activity.recorded';
  const native = { id: event_id, type, customer_id: user_id, at: event_time, data };
  const parsed = parseNative(native, index, ctx);
  if (!parsed.ok) return refuse({ ...parsed.reason, detail: inItsWords(parsed.reason.detail) });
  parsed.value.dropped += dropped;
  return ok(parsed.value);
}

/** Whether a value is shaped like this event and not like a native one (doors that take both). */
export const isReferenceStack = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'event_type' in value && 'user_id' in value && !('type' in value);

const ORDER_FIELDS: ReadonlySet<string> = new Set(['order_id', 'amount', 'amount_minor', 'currency', 'revision']);

const inItsWords = (detail: string): string =>
  detail
    .replace(/\bcustomer_id \(or anonymous_id\)|\bcustomer_id\b/, 'user_id')
    .replace(/^at\b/, 'event_time')
    .replace(/^id\b/, 'event_id')
    .replace(/\bdata\.name\b/, 'event_type')
    .replace(/\bdata\.(?:props\.)?/g, '');
