// A stored event with everything filled in, for tests of the log: number i of a stream of orders.
import { createHash } from 'node:crypto';
import type { StoredEvent } from '#domain/envelope.ts';

const sids = Array.from({ length: 1_000 }, (_, i) => createHash('sha256').update(`sid ${i}`).digest().subarray(0, 16));

/** `at` is `i`, so that a test can tell events apart; the customer is one of 1,000. */
export function storedEvent(i: number, changes: Partial<StoredEvent> = {}): StoredEvent {
  const eventHash = new Uint8Array(16);
  new DataView(eventHash.buffer).setUint32(0, i);
  return {
    sid: sids[i % sids.length]!,
    anonymous: false,
    counter: 0,
    eventHash,
    type: 'order.placed',
    schemaVersion: 1,
    at: i,
    dateOnly: false,
    day: 20_000 + (i % 400),
    zoneVersion: 1,
    source: 'shop',
    policyVersion: 1,
    run: null,
    producerNumber: i,
    lines: 1,
    orderHash: eventHash.subarray(0, 8),
    refundedOrderHash: null,
    revision: 0,
    minor: 1_000 + (i % 9_000),
    currency: 'EUR',
    channel: 'web',
    name: null,
    props: null,
    traceId: null,
    correlationId: null,
    causationId: null,
    sealed: null,
    ...changes,
  };
}
