// The event catalogue: what a publisher may say, and what the doors hand to the gateway after parsing any door's bytes.
// Parsers: adapters/native.ts, adapters/segment.ts, adapters/reference-stack.ts; files: import.ts. Schemas of the native wire: event-schemas.ts.
import type { EventType } from './envelope.ts';
import type { Occurrences } from './orders.ts';
import type { FieldPolicy, PolicyState } from './policy.ts';
import type { Offsets } from './time.ts';

/** Version of each type's stored meaning. Storage contract: a changed meaning is a higher number and an upcaster, never a reuse. */
export const SCHEMA_VERSION: Readonly<Record<EventType, number>> = {
  'customer.identified': 1,
  'order.placed': 1,
  'order.refunded': 1,
  'activity.recorded': 1,
  'subscription.started': 1,
  'subscription.renewed': 1,
  'subscription.cancelled': 1,
  'experiment.exposed': 1,
  'observation.recorded': 1,
  'consent.changed': 1,
};

/** One event after its door: parsed, its field policy applied, not yet hashed, sealed or given a sid. */
export interface InputEvent {
  type: EventType;
  /** Trimmed, 1 … 256 characters, no control characters. */
  customerId: string;
  /** `customerId` is an anonymous id (a device, a browser): an unscored customer of its own until it is linked. */
  anonymous: boolean;
  /** This anonymous id belongs to `customerId` (customer.identified, Segment identify and alias). */
  linkAnonymousId: string | null;
  /** The publisher's event id. */
  id: string | null;
  /** Event time, ms; a time without offset is already resolved with the source's zone; a date without time is 00:00 UTC of it. */
  at: number;
  dateOnly: boolean;
  /** order.placed: the order; order.refunded: the refund document; subscription.*: the subscription. */
  orderId: string | null;
  /** order.refunded: the order it refunds. */
  refundedOrderId: string | null;
  /** Without order id and event id: the canonical row and '#k', its k-th occurrence in the batch (facts §2). */
  rowKey: string | null;
  revision: number;
  /** Minor units, ≥ 0 (a refund's amount too); null = no money said. */
  minor: number | null;
  /** ISO 4217; null without money. */
  currency: string | null;
  channel: string | null;
  /** Activity name, plan, experiment arm, consent purpose: at most 200 values a source, further ones are 'other' with the name sealed. */
  name: string | null;
  /** What the policy keeps in the clear. */
  props: Record<string, string | number | boolean> | null;
  /** What the policy seals (traits, raw order id …). */
  sealed: Record<string, unknown> | null;
  /** Fields the policy dropped. */
  dropped: number;
  /** Amounts that came as JSON floats or with more decimals than the currency has, rounded half-even. */
  roundedFloats: number;
  /** Row number of the first line in the file, from 1; 0 when there is no file. */
  producerNumber: number;
  /** Input rows this event stands for. */
  lines: number;
  traceId: string | null;
  correlationId: string | null;
  causationId: string | null;
}

export const REASON_CODES = [
  'not-json',
  'not-an-object',
  'unknown-type',
  'missing-customer',
  'bad-customer',
  'missing-time',
  'bad-time',
  'future',
  'missing-amount',
  'bad-amount',
  'bad-currency',
  'bad-id',
  'bad-order',
  'bad-revision',
  'bad-name',
  'bad-field',
  'mixed-order',
  'odd-order',
  'incomplete-order',
  'unparsable-row',
  'too-large',
  'conflict',
  'erased',
  'link-conflict',
] as const;
export type ReasonCode = (typeof REASON_CODES)[number];

/** `index` counts from 0 within the batch; `detail` names field, row and shape of the value, never a value that could be personal. */
export interface Rejection {
  index: number;
  id: string | null;
  reason: ReasonCode;
  detail: string;
  column?: string;
}

/** What a door knows of the source it parses for. */
export interface ParseContext {
  source: string;
  /** Offset table of the source's zone, for times that come without an offset. */
  zoneOffsets: Offsets;
  defaultCurrency: string;
  policy: FieldPolicy;
  /** Names and channels this source has used so far (kept by the gateway, one a source). */
  policyState: PolicyState;
  /** `createOccurrences()` anew for each batch: one HTTP request, one NATS message, one file. */
  occurrences: Occurrences;
  /** The gateway's clock, ms. */
  now: number;
  /** Later than now plus this is 'future'. */
  rejectAfterMs: number;
}

export const REJECT_AFTER_MS = 24 * 3600 * 1000;
