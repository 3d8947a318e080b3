// Events a client has prepared itself (an import's batches arrive as InputEvents): checked again before they may reach the log,
// which cannot be repaired, and put under the source's own policy and labels, which only the gateway knows.
import { EVENT_TYPES } from './envelope.ts';
import type { InputEvent, ParseContext, ReasonCode, Rejection } from './events.ts';
import { exponentOf } from './money.ts';
import { admitLabels, type FieldPolicy, isSmall, plainValue, type Sorted, sortField } from './policy.ts';
import { ok, type Result, refuse } from './result.ts';
import { cleanText, isCardNumber } from './text.ts';
import { DAY_MS, EARLIEST } from './time.ts';

type Fields = { [field: string]: unknown };
type Check = [reason: ReasonCode, field: string, holds: boolean];

const MAX_ROW_KEY = 8192;

/** One prepared event as it may be stored; never throws, whatever the value. Twins were counted where the file was read. */
export function parsePrepared(
  value: unknown,
  index: number,
  ctx: Pick<ParseContext, 'policy' | 'policyState' | 'now' | 'rejectAfterMs'>,
): Result<InputEvent, Rejection> {
  const bad = (reason: ReasonCode, detail: string) => refuse<Rejection>({ index, id: null, reason, detail });
  if (!isFields(value)) return bad('not-an-object', 'a prepared event is a map');
  const event = value as unknown as InputEvent;
  const failed = checksOf(event).find(([, , holds]) => !holds);
  if (failed !== undefined) return bad(failed[0], `${failed[1]} of the prepared event is not what an event may hold`);
  if (event.at > ctx.now + ctx.rejectAfterMs)
    return bad('future', `at is ${((event.at - ctx.now) / 3_600_000).toFixed(1)} hours ahead of this system's clock`);

  const sorted: Sorted = { props: null, sealed: null, dropped: event.dropped };
  for (const field in event.props ?? {}) {
    const plain = plainValue(event.props![field]);
    if (!plain.ok) return bad('bad-field', `props.${field} ${plain.reason}`);
    if (OWN_PROPS.has(field) || ruleOf(field, ctx.policy) === 'keep') {
      sorted.props ??= {};
      sorted.props[field] = plain.value;
    } else sorted.dropped++;
  }
  const problem = sortSealed(event.sealed, ctx.policy, sorted);
  if (problem !== null) return bad('bad-field', problem);
  const labels = { channel: event.channel, name: event.name };
  const label = admitLabels(labels, ctx.policyState, sorted);
  if (label !== null) return bad('bad-field', label);
  if (sorted.sealed !== null && !isSmall(sorted.sealed))
    return bad('too-large', 'what is to be sealed exceeds 64 KB of text');
  return ok({ ...event, ...labels, ...sorted });
}

/** Traits, order ids and overflowing labels, each by the policy of the source. */
function sortSealed(sealed: Fields | null, policy: FieldPolicy, into: Sorted): string | null {
  for (const field in sealed ?? {}) {
    const value = sealed![field];
    if (field === 'traits' && isFields(value)) {
      const traits: Sorted = { props: into.props, sealed: null, dropped: 0 };
      for (const trait in value) {
        const kept = sortField(trait, value[trait], { ...policy, otherwise: policy.traits }, traits);
        if (!kept.ok) return `traits.${trait} ${kept.reason}`;
      }
      into.props = traits.props;
      into.dropped += traits.dropped;
      if (traits.sealed !== null) into.sealed = { ...into.sealed, traits: traits.sealed };
    } else {
      const rule = ORDER_IDS.has(field) ? policy.orderIds : LABELS.has(field) ? 'seal' : ruleOf(field, policy);
      if (rule === 'seal' && field !== '__proto__') into.sealed = { ...into.sealed, [field]: value };
      else into.dropped++;
    }
  }
  return null;
}

const ruleOf = (field: string, policy: FieldPolicy) =>
  Object.hasOwn(policy.fields, field) ? policy.fields[field]! : policy.otherwise;

function checksOf(event: InputEvent): Check[] {
  const { type, minor, currency, orderId, refundedOrderId, id, rowKey } = event;
  const money = typeof minor === 'number';
  // Every check is evaluated, so none may compute with what is not a number: an object's own toString can throw.
  const dated = Number.isSafeInteger(event.at);
  return [
    ['unknown-type', 'type', (EVENT_TYPES as readonly unknown[]).includes(type)],
    ['bad-customer', 'customerId', isId(event.customerId) && typeof event.anonymous === 'boolean'],
    [
      'bad-customer',
      'linkAnonymousId',
      event.linkAnonymousId === null || (type === 'customer.identified' && isId(event.linkAnonymousId)),
    ],
    ['bad-id', 'id', id === null || isId(id)],
    ['bad-time', 'at', dated && event.at >= EARLIEST],
    [
      'bad-time',
      'dateOnly',
      typeof event.dateOnly === 'boolean' && (!event.dateOnly || (dated && event.at % DAY_MS === 0)),
    ],
    ['bad-order', 'orderId', orderId === null || isId(orderId)],
    ['bad-order', 'refundedOrderId', refundedOrderId === null || (type === 'order.refunded' && isId(refundedOrderId))],
    ['bad-id', 'rowKey', id !== null || orderId !== null || (typeof rowKey === 'string' && rowKey !== '')],
    ['bad-id', 'rowKey', rowKey === null || (typeof rowKey === 'string' && rowKey.length <= MAX_ROW_KEY)],
    ['bad-revision', 'revision', isUint32(event.revision)],
    ['bad-amount', 'minor', minor === null || (Number.isSafeInteger(minor) && minor >= 0)],
    ['missing-amount', 'minor', type !== 'order.refunded' || money],
    [
      'bad-currency',
      'currency',
      money ? typeof currency === 'string' && exponentOf(currency) !== undefined : currency === null,
    ],
    ['bad-field', 'channel', event.channel === null || cleanText(event.channel, 64) === event.channel],
    ['bad-name', 'name', event.name === null || cleanText(event.name, 200) === event.name],
    ['bad-field', 'props', event.props === null || isFields(event.props)],
    ['bad-field', 'sealed', event.sealed === null || isFields(event.sealed)],
    ['bad-field', 'counts', [event.dropped, event.roundedFloats, event.producerNumber, event.lines].every(isUint32)],
    ['bad-field', 'traceId', [event.traceId, event.correlationId, event.causationId].every(isOpaque)],
  ];
}

/** What experiments, observations and consent carry in the clear by their own schema. */
const OWN_PROPS: ReadonlySet<string> = new Set(['experiment', 'value', 'granted']);
const ORDER_IDS: ReadonlySet<string> = new Set(['order_id', 'refund_id', 'subscription_id']);
const LABELS: ReadonlySet<string> = new Set(['name', 'channel']);
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isId = (value: unknown): boolean => cleanText(value, 256) === value;
const isUint32 = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffff_ffff;
const isOpaque = (value: unknown): boolean =>
  value === null || (typeof value === 'string' && /^[0-9a-fA-F-]{16,64}$/.test(value) && !isCardNumber(value));
