// The `data` of a native event by its type: each reader fills the event and says what is wrong, or null.
import type { InputEvent, ParseContext, ReasonCode } from '../events.ts';
import { type Amount, amountOfNumber, amountOfText, exponentOf, parseCurrency } from '../money.ts';
import { plainValue, type Sorted, seal, sortField } from '../policy.ts';
import { ok, type Result } from '../result.ts';
import { cleanId, cleanText } from '../text.ts';
import { MAX_CHANNEL, MAX_NAME } from './native-fields.ts';

export type Fields = { [field: string]: unknown };

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Null and the empty text say "absent". */
export const absent = (value: unknown): boolean => value === undefined || value === null || value === '';

export type Problem = { reason: ReasonCode; detail: string } | null;
const problem = (reason: ReasonCode, detail: string): Problem => ({ reason, detail });

export function readData(event: InputEvent, data: Fields, ctx: ParseContext, sorted: Sorted): Problem {
  switch (event.type) {
    case 'order.placed':
      return (
        readId(event, data, 'order_id', 'orderId', ctx, sorted) ??
        readMoney(event, data, ctx) ??
        readCommon(event, data)
      );
    case 'order.refunded':
      return (
        readId(event, data, 'refund_id', 'orderId', ctx, sorted) ??
        readId(event, data, 'order_id', 'refundedOrderId', ctx, sorted) ??
        readMoney(event, data, ctx) ??
        (event.minor === null
          ? problem('missing-amount', 'a refund says how much: data.amount or data.amount_minor')
          : null) ??
        readCommon(event, data)
      );
    case 'subscription.started':
    case 'subscription.renewed':
    case 'subscription.cancelled':
      return (
        readId(event, data, 'subscription_id', 'orderId', ctx, sorted) ??
        readMoney(event, data, ctx) ??
        readCommon(event, data) ??
        (absent(data.plan) ? null : readName(event, data, 'plan'))
      );
    case 'activity.recorded':
      return readName(event, data, 'name') ?? readCommon(event, data) ?? readProps(data, ctx, sorted);
    case 'customer.identified':
      return readTraits(data, ctx, sorted);
    case 'experiment.exposed':
      return readName(event, data, 'variant') ?? readPlain(data, 'experiment', sorted, true);
    case 'observation.recorded':
      return (
        readPlain(data, 'experiment', sorted, true) ??
        (absent(data.variant) ? null : readName(event, data, 'variant')) ??
        (typeof (data.value ?? 0) === 'number' ? null : problem('bad-field', 'data.value is a number')) ??
        readPlain(data, 'value', sorted, false) ??
        readMoney(event, data, ctx)
      );
    case 'consent.changed':
      if (typeof data.granted !== 'boolean') return problem('bad-field', 'data.granted is true or false');
      return readName(event, data, 'purpose') ?? readPlain(data, 'granted', sorted, true);
  }
}

function readId(
  event: InputEvent,
  data: Fields,
  field: string,
  into: 'orderId' | 'refundedOrderId',
  ctx: ParseContext,
  sorted: Sorted,
): Problem {
  if (absent(data[field])) return null;
  const id = cleanId(data[field]);
  if (id === null)
    return problem('bad-order', `data.${field} is a text of 1 … 256 printable characters or a whole number`);
  event[into] = id;
  if (ctx.policy.orderIds === 'seal') seal(field, id, sorted);
  else sorted.dropped++;
  return null;
}

function readMoney(event: InputEvent, data: Fields, ctx: ParseContext): Problem {
  const { amount, amount_minor: minor } = data;
  let currency: string | null = ctx.defaultCurrency;
  if (!absent(data.currency)) {
    currency = parseCurrency(data.currency);
    if (currency === null) return problem('bad-currency', 'data.currency is an ISO 4217 code, like EUR');
  }
  if (absent(amount) && absent(minor)) return null;
  let read: Result<Amount> | null = null;
  if (absent(amount)) read = null;
  else if (typeof amount === 'string') read = amountOfText(amount, exponentOf(currency) ?? 2);
  else if (typeof amount === 'number') read = amountOfNumber(amount, exponentOf(currency) ?? 2);
  else return problem('bad-amount', "data.amount is a decimal string, like '42.00', or a number");
  if (read !== null && !read.ok) return problem('bad-amount', `data.amount ${read.reason}`);
  if (!absent(minor)) {
    const integer = typeof minor === 'bigint' ? Number(minor) : minor;
    if (!Number.isSafeInteger(integer))
      return problem('bad-amount', 'data.amount_minor is a whole number of minor units');
    if (read !== null && read.value.minor !== integer)
      return problem('bad-amount', 'data.amount and data.amount_minor say different things');
    read ??= ok({ minor: (integer as number) + 0, rounded: false });
  }
  if (read === null) return null;
  if (read.value.minor < 0)
    return problem(
      'bad-amount',
      event.type === 'order.refunded'
        ? "data.amount is negative; a refund's amount is positive"
        : 'data.amount is negative; money given back is an order.refunded event with a positive amount',
    );
  event.minor = read.value.minor;
  event.currency = currency;
  event.roundedFloats = read.value.rounded ? 1 : 0;
  return null;
}

function readCommon(event: InputEvent, data: Fields): Problem {
  if (!absent(data.channel)) {
    event.channel = cleanText(data.channel, MAX_CHANNEL);
    if (event.channel === null)
      return problem('bad-field', `data.channel is a text of 1 … ${MAX_CHANNEL} printable characters`);
  }
  if (absent(data.revision)) return null;
  const revision = data.revision as number;
  if (!Number.isInteger(revision) || revision < 0 || revision > 0xffff_ffff)
    return problem('bad-revision', 'data.revision is a whole number from 0 to 4294967295');
  event.revision = revision;
  return null;
}

function readName(event: InputEvent, data: Fields, field: string): Problem {
  event.name = cleanText(data[field], MAX_NAME);
  return event.name === null
    ? problem('bad-name', `data.${field} is a text of 1 … ${MAX_NAME} printable characters`)
    : null;
}

function readProps(data: Fields, ctx: ParseContext, sorted: Sorted): Problem {
  if (absent(data.props)) return null;
  if (!isFields(data.props)) return problem('bad-field', 'data.props is a JSON object');
  for (const field in data.props) {
    const kept = sortField(field, data.props[field], ctx.policy, sorted);
    if (!kept.ok) return problem('bad-field', `data.props.${field} ${kept.reason}`);
  }
  return null;
}

function readTraits(data: Fields, ctx: ParseContext, sorted: Sorted): Problem {
  if (absent(data.traits)) return null;
  if (!isFields(data.traits)) return problem('bad-field', 'data.traits is a JSON object');
  const traits: Sorted = { props: sorted.props, sealed: null, dropped: 0 };
  const policy = { ...ctx.policy, otherwise: ctx.policy.traits };
  for (const field in data.traits) {
    const kept = sortField(field, data.traits[field], policy, traits);
    if (!kept.ok) return problem('bad-field', `data.traits.${field} ${kept.reason}`);
  }
  sorted.props = traits.props;
  sorted.dropped += traits.dropped;
  if (traits.sealed !== null) seal('traits', traits.sealed, sorted);
  return null;
}

function readPlain(data: Fields, field: string, sorted: Sorted, required: boolean): Problem {
  if (absent(data[field])) return required ? problem('bad-field', `data.${field} is missing`) : null;
  const plain = plainValue(data[field]);
  if (!plain.ok) return problem('bad-field', `data.${field} ${plain.reason}`);
  sorted.props ??= {};
  sorted.props[field] = plain.value;
  return null;
}

/** Only an identification links; elsewhere an anonymous id beside a known one is dropped with a count. */
export function readLink(event: InputEvent, value: Fields, data: Fields, sorted: Sorted): Problem {
  const written = value.anonymous_id ?? (event.type === 'customer.identified' ? data.anonymous_id : undefined);
  if (absent(written)) return null;
  if (event.type !== 'customer.identified') {
    sorted.dropped++;
    return null;
  }
  event.linkAnonymousId = cleanId(written);
  if (event.linkAnonymousId !== null) return null;
  return problem('bad-customer', 'anonymous_id is a text of 1 … 256 printable characters or a whole number');
}
