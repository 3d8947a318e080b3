// Builds log messages from readable events: sids from ids, keys from text, dense counters, packs of any size.
import { createHash } from 'node:crypto';
import { type Fact, PARTITIONS, partitionOf, type StoredEvent } from '#domain/envelope.ts';
import type { Ledger } from '#projections/memory/ledger.ts';
import { decodeMessage, encodeFact, PackWriter } from '#streams/pack.ts';

const digest = (text: string, bytes: number) =>
  Uint8Array.from(createHash('sha256').update(text).digest().subarray(0, bytes));
export const sidOf = (id: string): Uint8Array => digest(`sid ${id}`, 16);
const keyOf = (key: string): Uint8Array => digest(`key ${key}`, 8);
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export const DAY = 86_400_000;
let events = 0;

/** An event with everything that a test does not care about filled in; the counter is given when it is packed. */
export function event(id: string, fields: Partial<StoredEvent>): StoredEvent {
  const day = fields.day ?? 0;
  return {
    sid: sidOf(id),
    counter: 0,
    anonymous: false,
    eventHash: digest(`event ${++events}`, 16),
    type: 'order.placed',
    schemaVersion: 1,
    at: day * DAY,
    dateOnly: true,
    day,
    zoneVersion: 0,
    source: 'shop',
    policyVersion: 1,
    run: null,
    producerNumber: 0,
    lines: 1,
    orderHash: null,
    refundedOrderHash: null,
    revision: 0,
    minor: null,
    currency: null,
    channel: null,
    name: null,
    props: null,
    traceId: null,
    correlationId: null,
    causationId: null,
    sealed: null,
    ...fields,
  };
}

export const order = (id: string, key: string, day: number, minor: number | null, more: Partial<StoredEvent> = {}) =>
  event(id, { orderHash: keyOf(`o ${key}`), day, minor, currency: minor === null ? null : 'EUR', ...more });
export const refund = (id: string, key: string, day: number, minor: number, of: string | null = null) =>
  event(id, {
    type: 'order.refunded',
    orderHash: keyOf(`r ${key}`),
    refundedOrderHash: of === null ? null : keyOf(`o ${of}`),
    day,
    minor,
    currency: 'EUR',
  });
export const activity = (id: string, hash: string, day: number, name: string, more: Partial<StoredEvent> = {}) =>
  event(id, { type: 'activity.recorded', eventHash: digest(`a ${hash}`, 16), day, name, ...more });

/** A gateway that turns events and facts into the bytes of EVT's messages. */
export function createWriter(gateway = 'g1', epoch = 1, ingestedAt = 1_800_000_000_000) {
  const counters = new Float64Array(PARTITIONS);
  const header = () => ({ tenant: 'main', gateway, epoch, ingestedAt: writer.ingestedAt });
  const writer = {
    ingestedAt,
    counters,
    pack(events: StoredEvent[]): Uint8Array {
      const pack = new PackWriter(Math.max(1, events.length));
      for (const e of events) pack.add({ ...e, counter: counters[partitionOf(e.sid)]!++ });
      return pack.encode(header());
    },
    fact: (fact: Fact): Uint8Array => encodeFact(fact, header()),
  };
  return writer;
}

/** Applies messages in order, flushing after every `flushEvery`. */
export function apply(ledger: Ledger, messages: Uint8Array[], flushEvery = 3): Ledger {
  messages.forEach((bytes, i) => {
    ledger.applyMessage(ledger.position + 1, decodeMessage(bytes));
    if (i % flushEvery === flushEvery - 1) ledger.flushColumns();
  });
  ledger.flushColumns();
  return ledger;
}
