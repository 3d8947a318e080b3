// The native event, `{"id", "type", "customer_id", "at", "data": {…}}`, from a parsed JSON or msgpack value to an InputEvent.
// Checks are written out by hand for speed; event-schemas.ts says the same in zod for the API's documents, and a property test holds them equal.
import { EVENT_TYPES, type EventType } from '../envelope.ts';
import type { InputEvent, ParseContext, ReasonCode, Rejection } from '../events.ts';
import { canonicalRow, rowKey } from '../orders.ts';
import { admitLabels, isSmall, type Sorted, sortField } from '../policy.ts';
import { ok, type Result, refuse } from '../result.ts';
import { cleanId, isCardNumber } from '../text.ts';
import { instantOf, parseTime, timeText } from '../time.ts';
import { absent, type Fields, isFields, readData, readLink } from './native-data.ts';
import { KNOWN_FIELDS, TOP_FIELDS } from './native-fields.ts';

type Parsed = Result<InputEvent, Rejection>;

/**
 * One native event. Never throws, whatever the value.
 * @param shiftMs clock correction added to `at` after the row's identity is taken from the time as written (Segment's sentAt rule).
 */
export function parseNative(value: unknown, index: number, ctx: ParseContext, shiftMs = 0): Parsed {
  if (!isFields(value)) return reject(index, null, 'not-an-object', 'an event is a JSON object');
  const id = absent(value.id) ? null : cleanId(value.id);
  if (id === null && !absent(value.id))
    return reject(index, null, 'bad-id', 'id is a text of 1 … 256 printable characters or a whole number');
  const bad = (reason: ReasonCode, detail: string): Parsed => reject(index, id, reason, detail);

  const type = value.type as EventType;
  if (typeof type !== 'string' || !TYPES.has(type))
    return bad('unknown-type', `type is one of ${EVENT_TYPES.join(', ')}`);
  const known = !absent(value.customer_id);
  if (!known && absent(value.anonymous_id)) return bad('missing-customer', 'customer_id (or anonymous_id) is missing');
  const customerId = cleanId(known ? value.customer_id : value.anonymous_id);
  if (customerId === null)
    return bad(
      'bad-customer',
      `${known ? 'customer_id' : 'anonymous_id'} is a text of 1 … 256 printable characters or a whole number`,
    );
  if (absent(value.at)) return bad('missing-time', 'at is missing');
  const written = parseTime(value.at);
  if (!written.ok) return bad('bad-time', `at ${written.reason}`);
  // A date without a time is that date, whatever the device's clock says (facts §3).
  const dateOnly = written.value.kind === 'date';
  const at = instantOf(written.value, ctx.zoneOffsets) + (dateOnly ? 0 : shiftMs);
  if (at > ctx.now + ctx.rejectAfterMs)
    return bad('future', `at is ${((at - ctx.now) / 3_600_000).toFixed(1)} hours ahead of this system's clock`);
  if (!absent(value.data) && !isFields(value.data)) return bad('not-an-object', 'data is a JSON object');
  const data: Fields = (value.data as Fields | null | undefined) ?? NO_FIELDS;

  const sorted: Sorted = { props: null, sealed: null, dropped: 0 };
  for (const field in value) if (!TOP_FIELDS.has(field)) sorted.dropped++;
  const event: InputEvent = {
    type,
    customerId,
    anonymous: !known,
    linkAnonymousId: null,
    id,
    at,
    dateOnly,
    orderId: null,
    refundedOrderId: null,
    rowKey: null,
    revision: 0,
    minor: null,
    currency: null,
    channel: null,
    name: null,
    props: null,
    sealed: null,
    dropped: 0,
    roundedFloats: 0,
    producerNumber: 0,
    lines: 1,
    traceId: traceId(value.trace_id, sorted),
    correlationId: opaqueId(value.correlation_id, sorted),
    causationId: opaqueId(value.causation_id, sorted),
  };
  const knownFields = KNOWN_FIELDS[type];
  for (const field in data)
    if (!knownFields.has(field)) {
      const kept = sortField(field, data[field], ctx.policy, sorted);
      if (!kept.ok) return bad('bad-field', `data.${field} ${kept.reason}`);
    }
  const problem = readData(event, data, ctx, sorted) ?? (known ? readLink(event, value, data, sorted) : null);
  if (problem !== null) return bad(problem.reason, problem.detail);

  const stated = absent(data.currency) ? '' : (event.currency ?? '');
  const row =
    id === null && event.orderId === null
      ? canonicalRow(event, timeText(written.value), stated, ownFields(type, data))
      : null;
  // Labels last: an event refused for something else must not use up a name.
  const label = admitLabels(event, ctx.policyState, sorted);
  if (label !== null) return bad('bad-field', label);
  if (sorted.sealed !== null && !isSmall(sorted.sealed))
    return bad('too-large', 'what is to be sealed exceeds 64 KB of text');
  // Counted only once the event is accepted: what is refused now and repaired later must not shift its twins.
  if (row !== null) event.rowKey = rowKey(row, ctx.occurrences);
  event.props = sorted.props;
  event.sealed = sorted.sealed;
  event.dropped = sorted.dropped;
  return ok(event);
}

/** Fields that tell two rows apart and do not depend on the policy in force: it may change, the row's identity may not. */
function ownFields(type: EventType, data: Fields): unknown {
  if (type === 'activity.recorded') return data.props;
  if (type === 'customer.identified' || data === NO_FIELDS) return undefined;
  return [data.experiment, data.value, data.granted];
}

const TYPES: ReadonlySet<string> = new Set(EVENT_TYPES);
const NO_FIELDS: Fields = {};
const reject = (
  index: number,
  id: string | null,
  reason: ReasonCode,
  detail: string,
): { ok: false; reason: Rejection } => refuse({ index, id, reason, detail });

/** Trace ids travel in the clear, so only what cannot spell a name passes: 32 hex digits (W3C trace context). */
function traceId(value: unknown, sorted: Sorted): string | null {
  if (absent(value)) return null;
  if (typeof value === 'string' && /^[0-9a-f]{32}$/.test(value)) return value;
  sorted.dropped++;
  return null;
}

/** A UUID or 16 … 64 hex digits; anything else, a card number among them, is dropped with a count. */
function opaqueId(value: unknown, sorted: Sorted): string | null {
  if (absent(value)) return null;
  const opaque = /^(?:[0-9a-f]{16,64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;
  if (typeof value === 'string' && opaque.test(value) && !isCardNumber(value)) return value;
  sorted.dropped++;
  return null;
}
