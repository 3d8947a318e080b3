// The native event in zod: the storage and wire contract as the API's documents show it (OpenAPI 3.1 through z.toJSONSchema).
// adapters/native.ts checks the same by hand on the hot path; test/domain/adapters/native.test.ts holds the two equal.
// Fields a schema does not name are allowed: the source's policy keeps, seals or drops them, with a count.
import { z } from 'zod';
import { MAX_CHANNEL, MAX_ID, MAX_NAME } from './adapters/native-fields.ts';
import { amountOfNumber, amountOfText, parseCurrency } from './money.ts';
import { cleanId, cleanText } from './text.ts';
import { parseTime } from './time.ts';

const text = (max: number, description: string) =>
  z
    .string()
    .refine((value) => cleanText(value, max) !== null, `1 … ${max} printable characters`)
    .meta({ description, minLength: 1, maxLength: max });

const Id = z
  .union([z.string(), z.int().nonnegative()])
  .refine((value) => cleanId(value, MAX_ID) !== null, `1 … ${MAX_ID} printable characters, or a whole number`);

/** Read only when it stands for the customer or is linked to one; beside a customer's id elsewhere it is dropped, whatever it is. */
const AnonymousId = z
  .unknown()
  .optional()
  .meta({ description: 'A device or browser: 1 … 256 printable characters, or a whole number' });

/** Null and the empty text say "absent" wherever a field may be absent. */
const optional = <T extends z.ZodType>(schema: T) => z.union([schema, z.null(), z.literal('')]).optional();

const Time = z
  .union([z.string(), z.number()])
  .refine((value) => parseTime(value).ok, 'ISO 8601, or an epoch in seconds or milliseconds')
  .meta({
    description:
      'When it happened: ISO 8601 with offset; without one it is local to the source; a date alone is that day. Or an epoch.',
    examples: ['2026-11-20T10:00:00Z', '2026-11-20', 1795168800000],
  });

const Currency = z
  .string()
  .refine((value) => parseCurrency(value) !== null, 'an ISO 4217 code')
  .meta({ description: "ISO 4217 code; the source's default when absent", examples: ['EUR'] });

const Amount = z
  .union([
    z.string().refine((value) => isAmount(amountOfText(value, 2)), 'a decimal string'),
    z.number().refine((value) => isAmount(amountOfNumber(value, 2)), 'a number'),
  ])
  .meta({
    description:
      "Major units: a decimal string, or a number (rounded half-even at the currency's exponent and counted)",
    examples: ['42.00'],
  });

const isAmount = (amount: { ok: true; value: { minor: number } } | { ok: false }): boolean =>
  amount.ok && amount.value.minor >= 0;

const money = {
  amount: optional(Amount),
  amount_minor: optional(
    z
      .int()
      .nonnegative()
      .meta({ description: 'Minor units (cents)', examples: [4200] }),
  ),
  currency: optional(Currency),
};

const Revision = z.int().min(0).max(0xffff_ffff).meta({ description: 'The highest revision of an order wins' });
const channel = { channel: optional(text(MAX_CHANNEL, 'Sales channel, an enum')), revision: optional(Revision) };
const Label = z.union([text(MAX_CHANNEL, 'an enum'), z.number(), z.boolean()]);
const subscription = z.looseObject({
  subscription_id: optional(Id),
  plan: optional(text(MAX_NAME, 'Plan, an enum')),
  ...money,
  ...channel,
});

/** `data` by event type, schema version 1 each (SCHEMA_VERSION). Storage contract: change it through an upcaster. */
export const dataSchemas = {
  /** Who a customer is: traits are sealed under the customer's key; an anonymous id beside the customer's links the two. */
  'customer.identified': z.looseObject({ traits: optional(z.looseObject({})), anonymous_id: AnonymousId }),
  /** One whole order, never a line. An order worth 0, or without money, is a purchase and makes a purchase day. */
  'order.placed': z.looseObject({ order_id: optional(Id), ...money, ...channel }),
  /** One refund document, its amount positive; `order_id` names the order it refunds, when known. */
  'order.refunded': z
    .looseObject({ refund_id: optional(Id), order_id: optional(Id), ...money, ...channel })
    .refine((data) => present(data.amount) || present(data.amount_minor), 'a refund says how much'),
  /** Something a customer did that is not a purchase. */
  'activity.recorded': z.looseObject({
    name: text(MAX_NAME, 'What was done; at most 200 names a source travel in the clear'),
    props: optional(z.looseObject({})),
    ...channel,
  }),
  'subscription.started': subscription,
  'subscription.renewed': subscription,
  'subscription.cancelled': subscription,
  'experiment.exposed': z.looseObject({ experiment: Label, variant: text(MAX_NAME, 'The arm shown') }),
  'observation.recorded': z.looseObject({
    experiment: Label,
    variant: optional(text(MAX_NAME, 'The arm')),
    value: z.number().nullable().optional(),
    ...money,
  }),
  'consent.changed': z.looseObject({ purpose: text(MAX_NAME, 'What is consented to'), granted: z.boolean() }),
} as const;

const present = (value: unknown): boolean => value !== undefined && value !== null && value !== '';

const envelope = {
  id: optional(Id).meta({ description: "The publisher's event id: the same id again is a duplicate" }),
  customer_id: optional(Id),
  anonymous_id: AnonymousId,
  at: Time,
  trace_id: z.unknown().optional(),
  correlation_id: z.unknown().optional(),
  causation_id: z.unknown().optional(),
};

type Types = keyof typeof dataSchemas;
const eventSchema = <T extends Types>(type: T) =>
  z.looseObject({ type: z.literal(type), ...envelope, data: dataSchemas[type] }).refine(
    ({ customer_id: known, anonymous_id: anonymous, data }) => {
      if (!present(known)) return cleanId(anonymous, MAX_ID) !== null;
      if (type !== 'customer.identified') return true;
      const linked = anonymous ?? (data as { anonymous_id?: unknown }).anonymous_id;
      return !present(linked) || cleanId(linked, MAX_ID) !== null;
    },
    { message: 'customer_id or anonymous_id: 1 … 256 printable characters, or a whole number' },
  );

/** The whole native event, by type. */
export const NativeEvent = z.discriminatedUnion('type', [
  eventSchema('customer.identified'),
  eventSchema('order.placed'),
  eventSchema('order.refunded'),
  eventSchema('activity.recorded'),
  eventSchema('subscription.started'),
  eventSchema('subscription.renewed'),
  eventSchema('subscription.cancelled'),
  eventSchema('experiment.exposed'),
  eventSchema('observation.recorded'),
  eventSchema('consent.changed'),
]);
