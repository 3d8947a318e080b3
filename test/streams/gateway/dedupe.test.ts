import { hash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StoredEvent } from '#domain/envelope.ts';
import { createDedupe, warmDedupe } from '#streams/gateway/dedupe.ts';
import { createMemoryStore } from '#streams/memory/store.ts';
import { PackWriter } from '#streams/pack.ts';
import { storedEvent } from '#test/support/stored-event.ts';

const base = (): StoredEvent => ({
  ...storedEvent(1),
  orderHash: new Uint8Array(8).fill(1),
  minor: 100,
  currency: 'EUR',
});

/** Everything a fold reads of an event: a change of any of it must reach the fold. */
const changes: [string, Partial<StoredEvent>][] = [
  ['event hash', { eventHash: new Uint8Array(16).fill(9) }],
  ['sid', { sid: new Uint8Array(16).fill(9) }],
  ['type', { type: 'order.refunded' }],
  ['at', { at: 7 }],
  ['day', { day: 12 }],
  ['date only', { dateOnly: true }],
  ['amount', { minor: 101 }],
  ['no amount', { minor: null }],
  ['a large amount', { minor: 100 + 2 ** 32 }],
  ['currency', { currency: 'USD' }],
  ['revision', { revision: 3 }],
  ['order', { orderHash: new Uint8Array(8).fill(2) }],
  ['no order', { orderHash: null }],
  ['refunded order', { refundedOrderHash: new Uint8Array(8).fill(3) }],
  ['channel', { channel: 'elsewhere' }],
  ['name', { name: 'another' }],
  ['props', { props: { granted: false } }],
];

test('the same event again is seen', () => {
  const dedupe = createDedupe();
  expect(dedupe.seen(base())).toBe(false);
  expect(dedupe.has(base())).toBe(true);
  expect(dedupe.seen({ ...base(), counter: 99, traceId: 'x', sealed: new Uint8Array(3), run: 'r' })).toBe(true);
});

test.each(changes)('another %s is not the same event', (_, change) => {
  const dedupe = createDedupe();
  dedupe.seen(base());
  expect(dedupe.seen({ ...base(), ...change })).toBe(false);
});

test('what is forgotten can come again', () => {
  const dedupe = createDedupe();
  dedupe.seen(base());
  dedupe.forget(base());
  expect(dedupe.seen(base())).toBe(false);
});

test('the newest are remembered, the number is bounded', () => {
  const dedupe = createDedupe(1_024);
  const events = Array.from({ length: 5_000 }, (_, i) => ({
    ...storedEvent(i),
    eventHash: hash('sha256', `event ${i}`, 'buffer').subarray(0, 16),
  }));
  for (const event of events) dedupe.seen(event);
  const known = events.map((event) => dedupe.has(event));
  expect(known.filter(Boolean).length).toBeLessThanOrEqual(1_024);
  expect(known.slice(-200).filter(Boolean).length).toBeGreaterThan(190);
});

test('never calls two different events the same', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ id: fc.nat(20), minor: fc.nat(3), day: fc.nat(2) }), { maxLength: 60 }),
      (rows) => {
        const dedupe = createDedupe();
        const model = new Set<string>();
        for (const { id, minor, day } of rows) {
          const key = `${id} ${minor} ${day}`;
          const event = { ...storedEvent(0), eventHash: new Uint8Array(16).fill(id + 1), minor, day };
          expect(dedupe.seen(event)).toBe(model.has(key));
          model.add(key);
        }
      },
    ),
  );
});

test('after a start the last messages are remembered; events of a newer version’s types are skipped and counted', async () => {
  await using store = createMemoryStore();
  const header = { tenant: 'main', gateway: 'g', epoch: 1, ingestedAt: 0 };
  const append = async (events: StoredEvent[]) => {
    const pack = new PackWriter();
    for (const event of events) pack.add(event);
    await store.append('evt.0.main', pack.encode(header));
  };
  // A type this version has no code for is written as 0, as a newer version's code would read here.
  const newer = { ...storedEvent(3), type: 'order.returned-in-store' } as unknown as StoredEvent;
  await append([storedEvent(1)]);
  await append([storedEvent(2), newer, storedEvent(4)]);
  const dedupe = createDedupe();
  expect(await warmDedupe(dedupe, store, 1)).toEqual({ remembered: 2, unknownTypes: 1 });
  expect([1, 2, 4].map((i) => dedupe.has(storedEvent(i)))).toEqual([false, true, true]);
});
