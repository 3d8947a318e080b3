// Segment's calls (track, identify, page, screen, group, alias) as native events. The shapes are the public "Segment Spec":
// common fields, Track, Identify, and the e-commerce events Order Completed and Order Refunded.
import type { InputEvent, ParseContext, Rejection } from '../events.ts';
import { ok, type Result, refuse } from '../result.ts';
import { parseTime } from '../time.ts';
import { parseNative } from './native.ts';

type Fields = { [field: string]: unknown };

const SEGMENT_CALLS = ['identify', 'track', 'page', 'screen', 'group', 'alias'] as const;
type SegmentCall = (typeof SEGMENT_CALLS)[number];

/** The messages of a body: one call, or `{batch: […], sentAt}` whose sentAt (and context's absence) the messages inherit. */
export function segmentMessages(body: unknown): unknown[] {
  if (!isFields(body) || !Array.isArray(body.batch)) return [body];
  return body.batch.map((message: unknown) =>
    isFields(message) && message.sentAt === undefined ? { ...message, sentAt: body.sentAt } : message,
  );
}

/**
 * One message. `messageId` is the event id. Clock correction is Segment's: at = received − (sentAt − timestamp), so a device whose
 * clock is off lands in the right place; the row's identity is the time as written. Without a timestamp it happened now.
 */
export function parseSegment(message: unknown, index: number, ctx: ParseContext): Result<InputEvent, Rejection> {
  if (!isFields(message))
    return refuse({ index, id: null, reason: 'not-an-object', detail: 'a message is a JSON object' });
  const call = callOf(message);
  if (call === null) {
    const detail = `type is one of ${SEGMENT_CALLS.join(', ')}`;
    return refuse({ index, id: null, reason: 'unknown-type', detail });
  }
  const { type, data } = translate(call, message);
  const time = writtenTime(message, ctx);
  const native: Fields = {
    id: message.messageId,
    type,
    customer_id: message.userId,
    anonymous_id: call === 'alias' ? message.previousId : message.anonymousId,
    at: time.at,
    data,
  };
  let dropped = 0;
  for (const field in message) if (!READ.has(field)) dropped++;
  const parsed = parseNative(native, index, ctx, time.shiftMs);
  if (!parsed.ok) return refuse({ ...parsed.reason, detail: inSegmentWords(parsed.reason.detail) });
  parsed.value.dropped += dropped;
  return ok(parsed.value);
}

function translate(call: SegmentCall, message: Fields): { type: string; data: Fields } {
  const properties = isFields(message.properties) ? message.properties : {};
  switch (call) {
    case 'identify':
    case 'alias':
      return { type: 'customer.identified', data: { traits: message.traits } };
    case 'track':
      if (message.event === 'Order Completed') return { type: 'order.placed', data: order(properties, message) };
      if (message.event === 'Order Refunded') return { type: 'order.refunded', data: refund(properties, message) };
      return activity(message.event, message.properties, message);
    case 'page':
    case 'screen':
      return activity(call, { ...properties, name: message.name ?? properties.name }, message);
    case 'group':
      return activity(
        'group',
        { group_id: message.groupId, ...(isFields(message.traits) ? message.traits : {}) },
        message,
      );
  }
}

const activity = (name: unknown, props: unknown, message: Fields) => ({
  type: 'activity.recorded',
  data: { name, props, channel: message.channel },
});

/** Money of an order: `revenue` (what the shop earns, the spec's own measure), else `total`, else `value`. */
function order({ revenue, total, value, ...rest }: Fields, message: Fields): Fields {
  return { ...rest, amount: revenue ?? total ?? value, channel: rest.channel ?? message.channel };
}

/** Some publishers write a refund's money negative, some positive: here it can only mean one thing. */
function refund(properties: Fields, message: Fields): Fields {
  const data = order(properties, message);
  if (typeof data.amount === 'number') data.amount = Math.abs(data.amount);
  else if (typeof data.amount === 'string') data.amount = data.amount.replace(/^-(?=[\d.])/, '');
  return data;
}

/** The time as written, and what to add to it. `originalTimestamp` beside `timestamp` means Segment has corrected it already. */
function writtenTime(message: Fields, ctx: ParseContext): { at: unknown; shiftMs: number } {
  const timestamp = message.timestamp ?? message.originalTimestamp;
  if (timestamp === undefined || timestamp === null) return { at: ctx.now, shiftMs: 0 };
  const corrected = message.timestamp != null && message.originalTimestamp != null;
  const sentAt = message.sentAt == null ? null : parseTime(message.sentAt);
  if (corrected || sentAt === null || !sentAt.ok || sentAt.value.kind !== 'instant')
    return { at: timestamp, shiftMs: 0 };
  return { at: timestamp, shiftMs: ctx.now - sentAt.value.wall };
}

/** A call that says no `type` (the single-call endpoints allow it) is told by its fields. */
function callOf(message: Fields): SegmentCall | null {
  if (message.type !== undefined) return SEGMENT_CALLS.find((call) => call === message.type) ?? null;
  if (message.event !== undefined) return 'track';
  if (message.previousId !== undefined) return 'alias';
  if (message.groupId !== undefined) return 'group';
  if (message.traits !== undefined) return 'identify';
  return message.name !== undefined || message.properties !== undefined ? 'page' : null;
}

const READ: ReadonlySet<string> = new Set(
  'type event messageId userId anonymousId previousId groupId traits properties name channel timestamp originalTimestamp sentAt'.split(
    ' ',
  ),
);
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const WORDS: [RegExp, string][] = [
  [/\bcustomer_id\b/g, 'userId'],
  [/\banonymous_id\b/g, 'anonymousId'],
  [/^at\b/, 'timestamp'],
  [/^id\b/, 'messageId'],
  [/\bdata\.name\b/g, 'event'],
  [/\bdata\.amount\b/g, 'properties.revenue (or total, value)'],
  [/\bdata\.(?:props\.)?/g, 'properties.'],
];
const inSegmentWords = (detail: string): string => WORDS.reduce((text, [from, to]) => text.replace(from, to), detail);
