import { describe, expect, test } from 'vitest';
import { parseNative } from '#domain/adapters/native.ts';
import type { InputEvent } from '#domain/events.ts';
import {
  createOccurrences,
  eventKeyMaterial,
  orderKeyMaterial,
  refundedOrderKeyMaterial,
  rowKey,
} from '#domain/orders.ts';
import { parseContext } from '#test/support/input.ts';

const event = (fields: object, ctx = parseContext()): InputEvent => {
  const parsed = parseNative({ type: 'order.placed', customer_id: 'c-1', at: '2026-01-01', ...fields }, 0, ctx);
  if (!parsed.ok) throw new Error(parsed.reason.detail);
  return parsed.value;
};

describe('order keys', () => {
  test('the order id decides, whatever the event id', () => {
    const a = event({ id: 'e-1', data: { order_id: 'o-1', amount: '1' } });
    const b = event({ id: 'e-2', data: { order_id: 'o-1', amount: '2' } });
    expect(orderKeyMaterial(a, 'shop')).toBe(orderKeyMaterial(b, 'shop'));
    expect(eventKeyMaterial(a, 'shop')).not.toBe(eventKeyMaterial(b, 'shop'));
  });

  test('without an order id the event id decides, without that the row and its occurrence', () => {
    const ctx = parseContext();
    const named = event({ id: 'e-1', data: { amount: '1' } }, ctx);
    expect(orderKeyMaterial(named, 'shop')).toBe('e\0shop\0e-1');
    const twins = [0, 1, 2].map(() => orderKeyMaterial(event({ data: { amount: '1' } }, ctx), 'shop'));
    expect(new Set(twins).size).toBe(3);
    const again = orderKeyMaterial(event({ data: { amount: 1 } }, parseContext()), 'shop');
    expect(again).toBe(twins[0]);
  });

  test('namespaces, kinds of document and kinds of id never meet', () => {
    const order = event({ data: { order_id: '7' } });
    const refund = event({ type: 'order.refunded', data: { refund_id: '7', order_id: '7', amount: '1' } });
    const subscription = event({ type: 'subscription.started', data: { subscription_id: '7' } });
    const byEvent = event({ id: '7' });
    const keys = [order, refund, subscription, byEvent].map((one) => orderKeyMaterial(one, 'shop'));
    expect(new Set([...keys, orderKeyMaterial(order, 'other')]).size).toBe(5);
    expect(refundedOrderKeyMaterial(refund.refundedOrderId!, 'shop')).toBe(orderKeyMaterial(order, 'shop'));
  });

  test('a row is the same row under another policy, another zone and with its fields in another order', () => {
    const activity = (props: object, overrides = {}) =>
      event(
        { type: 'activity.recorded', at: '2026-01-01 10:00:00', data: { name: 'view', props } },
        parseContext(overrides),
      ).rowKey;
    const key = activity({ a: 1, b: { c: 2, d: 3 } });
    expect(activity({ b: { d: 3, c: 2 }, a: 1 })).toBe(key);
    expect(activity({ a: 1, b: { c: 2, d: 3 } }, { zoneOffsets: [[0, 120]] })).toBe(key);
    const policy = { version: 2, fields: { a: 'keep' }, otherwise: 'seal', traits: 'drop', orderIds: 'drop' } as const;
    expect(activity({ a: 1, b: { c: 2, d: 3 } }, { policy })).toBe(key);
    expect(activity({ a: 2, b: { c: 2, d: 3 } })).not.toBe(key);
  });

  test('what was refused does not shift its twins', () => {
    const ctx = parseContext();
    const far = parseNative({ type: 'order.placed', customer_id: 'c-1', at: '2030-01-01' }, 0, ctx);
    expect(far.ok).toBe(false);
    expect(event({ at: '2026-01-01' }, ctx).rowKey).toMatch(/#1$/);
  });

  test('occurrences count from 1, each row by itself', () => {
    const seen = createOccurrences();
    expect(['a', 'b', 'a', 'a', 'b'].map((row) => rowKey(row, seen))).toEqual(['a#1', 'b#1', 'a#2', 'a#3', 'b#2']);
  });
});
