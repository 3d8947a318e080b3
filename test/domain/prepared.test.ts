import fc from 'fast-check';
import { pack, unpack } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { parseNative } from '#domain/adapters/native.ts';
import type { InputEvent } from '#domain/events.ts';
import { createPolicyState, DEFAULT_POLICY } from '#domain/policy.ts';
import { parsePrepared } from '#domain/prepared.ts';
import { NOW, parseContext } from '#test/support/input.ts';

const native = (value: object, overrides = {}): InputEvent => {
  const parsed = parseNative(
    { type: 'order.placed', customer_id: 'c-1', at: '2026-01-01', ...value },
    0,
    parseContext(overrides),
  );
  if (!parsed.ok) throw new Error(parsed.reason.detail);
  return parsed.value;
};
const order = native({ data: { order_id: 'o-1', amount: '5', channel: 'web' } });

describe('prepared events', () => {
  test.each([
    ['an order', {}],
    ['an order without ids', { data: { amount: '5' } }],
    ['a refund', { type: 'order.refunded', data: { refund_id: 'r', order_id: 'o', amount: '5' } }],
    ['an activity', { type: 'activity.recorded', at: '2026-01-01T10:00:00Z', data: { name: 'view' } }],
    ['an identity', { type: 'customer.identified', anonymous_id: 'a', data: { traits: { city: 'Köln' } } }],
    ['an observation', { type: 'observation.recorded', id: 'x', data: { experiment: 'e', variant: 'A', value: 2 } }],
    ['consent', { type: 'consent.changed', data: { purpose: 'mail', granted: true } }],
  ])('%s passes unchanged, over msgpack too', (_, value) => {
    const event = native(value);
    expect(parsePrepared(unpack(pack(event)), 0, parseContext())).toEqual({ ok: true, value: event });
  });

  test.each([
    ['not-an-object', null],
    ['not-an-object', []],
    ['unknown-type', { ...order, type: 'order.lost' }],
    ['bad-customer', { ...order, customerId: '' }],
    ['bad-customer', { ...order, customerId: ' c' }],
    ['bad-customer', { ...order, customerId: 7 }],
    ['bad-customer', { ...order, linkAnonymousId: 'a' }],
    ['bad-id', { ...order, id: 5 }],
    ['bad-id', { ...order, orderId: null }],
    ['bad-id', { ...order, rowKey: 'x'.repeat(9000) }],
    ['bad-time', { ...order, at: 1.5 }],
    ['bad-time', { ...order, at: Number.NaN }],
    ['bad-time', { ...order, at: order.at + 1 }],
    ['bad-time', { ...order, at: -1e15 }],
    ['future', { ...order, at: NOW + 86_400_001, dateOnly: false }],
    ['bad-order', { ...order, refundedOrderId: 'o' }],
    ['bad-revision', { ...order, revision: 2 ** 32 }],
    ['bad-amount', { ...order, minor: -1 }],
    ['bad-amount', { ...order, minor: 1.5 }],
    ['bad-amount', { ...order, minor: undefined }],
    ['missing-amount', { ...order, type: 'order.refunded', minor: null, currency: null }],
    ['bad-currency', { ...order, currency: 'XXX' }],
    ['bad-currency', { ...order, minor: null }],
    ['bad-field', { ...order, correlationId: '4111111111111111' }],
    ['bad-field', { ...order, channel: 'a\nb' }],
    ['bad-field', { ...order, channel: 'erika@example.org' }],
    ['bad-field', { ...order, props: { experiment: 'erika@example.org' } }],
    ['bad-field', { ...order, lines: -1 }],
    ['bad-field', { ...order, traceId: 'erika' }],
    ['too-large', { ...order, sealed: { traits: { about: 'x'.repeat(70_000) } } }],
  ])('%s: %j', (reason, value) => {
    const parsed = parsePrepared(value, 4, parseContext());
    expect(parsed.ok ? 'accepted' : parsed.reason).toMatchObject({ reason, index: 4 });
  });

  test('come under the source’s own policy and labels', () => {
    const policy = {
      version: 3,
      fields: { tier: 'keep', email: 'drop' },
      otherwise: 'drop',
      traits: 'seal',
      orderIds: 'drop',
    } as const;
    const event = {
      ...order,
      props: { tier: 1, other: 2 },
      sealed: { order_id: 'o-1', note: 'x', traits: { tier: 'gold', email: 'x@y.zz', city: 'Köln' } },
    };
    const parsed = parsePrepared(event, 0, parseContext({ policy }));
    expect(parsed.ok && [parsed.value.props, parsed.value.sealed, parsed.value.dropped]).toEqual([
      { tier: 'gold' },
      { traits: { city: 'Köln' } },
      4,
    ]);
    const full = createPolicyState(
      [],
      Array.from({ length: 200 }, (_, i) => `channel ${i}`),
    );
    const overflow = parsePrepared(order, 0, parseContext({ policyState: full }));
    expect(overflow.ok && [overflow.value.channel, overflow.value.sealed]).toEqual([
      'other',
      { order_id: 'o-1', channel: 'web' },
    ]);
  });

  test('never throws, and what passes is whole', () => {
    fc.assert(fc.property(fc.anything(), (value) => void parsePrepared(value, 0, parseContext())));
    const keys = Object.keys(order) as (keyof InputEvent)[];
    // Found by the property below: an object that cannot become a number.
    for (const key of keys)
      for (const value of [{ toString: {} }, { valueOf: {} }, Symbol.iterator])
        expect(() => parsePrepared({ ...order, [key]: value }, 0, parseContext()), key).not.toThrow();
    fc.assert(
      fc.property(
        fc.constantFrom(...keys),
        fc.oneof(fc.anything(), fc.constantFrom(null, undefined, '', 0, -1, 'x')),
        (key, value) => {
          const parsed = parsePrepared({ ...order, [key]: value }, 0, parseContext());
          if (parsed.ok) for (const field of keys) expect(parsed.value[field], field).not.toBeUndefined();
        },
      ),
      { numRuns: 3000 },
    );
    expect(parsePrepared(order, 0, parseContext({ policy: DEFAULT_POLICY }))).toEqual({ ok: true, value: order });
  });
});
