import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseBatch } from '#domain/adapters/doors.ts';
import { parseSegment, segmentMessages } from '#domain/adapters/segment.ts';
import { DEFAULT_POLICY } from '#domain/policy.ts';
import { NOW, parseContext } from '#test/support/input.ts';

const completed = {
  type: 'track',
  messageId: 'm-1',
  userId: 'u-1',
  anonymousId: 'a-1',
  event: 'Order Completed',
  timestamp: '2026-11-20T09:00:00.000Z',
  properties: { order_id: 'o-1', revenue: 25.5, total: 30, currency: 'USD', products: [{ sku: 'x' }] },
};
const one = (message: unknown, overrides = {}) => {
  const parsed = parseSegment(message, 0, parseContext(overrides));
  if (!parsed.ok) throw new Error(`${parsed.reason.reason}: ${parsed.reason.detail}`);
  return parsed.value;
};

describe('Segment', () => {
  test('Order Completed is an order: revenue before total, messageId the event id', () => {
    expect(one(completed)).toMatchObject({
      type: 'order.placed',
      id: 'm-1',
      customerId: 'u-1',
      anonymous: false,
      orderId: 'o-1',
      minor: 2550,
      currency: 'USD',
      at: Date.UTC(2026, 10, 20, 9),
      sealed: { order_id: 'o-1' },
    });
    const { revenue: _, ...properties } = completed.properties;
    expect(one({ ...completed, properties }).minor).toBe(3000);
    expect(one({ ...completed, properties: {} }).minor).toBeNull();
  });

  test('Order Refunded names the order; its own key is the message; its money is positive either way', () => {
    for (const total of [-30, 30, '-30.00'])
      expect(one({ ...completed, event: 'Order Refunded', properties: { order_id: 'o-1', total } })).toMatchObject({
        type: 'order.refunded',
        orderId: null,
        refundedOrderId: 'o-1',
        minor: 3000,
        id: 'm-1',
      });
    const bare = parseSegment(
      { ...completed, event: 'Order Refunded', properties: { order_id: 'o-1' } },
      0,
      parseContext(),
    );
    expect(bare.ok ? '' : bare.reason.reason).toBe('missing-amount');
  });

  test('other tracks, pages, screens and groups are activities under the field policy', () => {
    const policy = { ...DEFAULT_POLICY, fields: { plan: 'keep' } as const };
    expect(
      one({ ...completed, event: 'Signed Up', properties: { plan: 'pro', email: 'x@y.zz' } }, { policy }),
    ).toMatchObject({
      type: 'activity.recorded',
      name: 'Signed Up',
      props: { plan: 'pro' },
      sealed: null,
      // The address, and the anonymous id beside a known customer.
      dropped: 2,
    });
    expect(one({ type: 'page', userId: 'u-1', name: 'Pricing', timestamp: '2026-11-20' })).toMatchObject({
      name: 'page',
      dropped: 1,
    });
    expect(one({ type: 'screen', userId: 'u-1', timestamp: '2026-11-20' }).name).toBe('screen');
    expect(one({ type: 'group', userId: 'u-1', groupId: 'g', timestamp: '2026-11-20' }).name).toBe('group');
  });

  test('identify seals traits and links the anonymous id; alias links the previous one', () => {
    expect(
      one({
        type: 'identify',
        userId: 'u-1',
        anonymousId: 'a-1',
        traits: { email: 'x@y.zz' },
        timestamp: '2026-11-20',
      }),
    ).toMatchObject({
      type: 'customer.identified',
      linkAnonymousId: 'a-1',
      sealed: { traits: { email: 'x@y.zz' } },
    });
    expect(one({ type: 'alias', userId: 'u-1', previousId: 'a-0', timestamp: '2026-11-20' })).toMatchObject({
      customerId: 'u-1',
      linkAnonymousId: 'a-0',
    });
    expect(one({ ...completed, userId: undefined })).toMatchObject({ customerId: 'a-1', anonymous: true });
  });

  test('a clock two days ahead is corrected by sentAt, and the row keeps the time as written', () => {
    const { messageId: _, ...unnamed } = completed;
    const ahead = {
      ...unnamed,
      properties: { total: 5 },
      timestamp: '2026-11-22T09:00:00Z',
      sentAt: '2026-11-22T10:00:00Z',
    };
    const event = one(ahead);
    expect(event.at).toBe(NOW - 3_600_000);
    const later = one({ ...ahead, sentAt: '2026-11-22T10:00:05Z' }, { now: NOW + 5_000 });
    expect(later.rowKey).toBe(event.rowKey);
    expect(event.rowKey).toContain(String(Date.UTC(2026, 10, 22, 9)));
    // Without sentAt nothing says that the clock is wrong.
    const { sentAt: __, ...unsent } = ahead;
    const refused = parseSegment(unsent, 0, parseContext());
    expect(refused.ok ? '' : refused.reason.reason).toBe('future');
    // Both timestamps: Segment has corrected it already.
    expect(one({ ...ahead, timestamp: '2026-11-20T08:00:00Z', originalTimestamp: ahead.timestamp }).at).toBe(
      Date.UTC(2026, 10, 20, 8),
    );
  });

  test('a date without a time is that date, whatever the clock of the device says', () => {
    const dated = { ...completed, timestamp: '2026-11-19', sentAt: '2026-11-20T18:00:00Z' };
    for (const now of [NOW, NOW + 12 * 3_600_000, NOW - 12 * 3_600_000])
      expect(one(dated, { now })).toMatchObject({ dateOnly: true, at: Date.UTC(2026, 10, 19) });
  });

  test('without a timestamp it happened when it came', () => {
    expect(one({ type: 'track', userId: 'u-1', event: 'Opened' }).at).toBe(NOW);
  });

  test('a batch hands its sentAt down and refuses message by message, in Segment’s words', () => {
    const body = {
      sentAt: '2026-11-20T12:00:00Z',
      batch: [
        completed,
        { type: 'track', userId: 'u-1', event: '' },
        5,
        { ...completed, userId: null, anonymousId: null },
        { type: 'delete' },
      ],
    };
    expect(segmentMessages(body)[0]).toMatchObject({ sentAt: '2026-11-20T12:00:00Z' });
    const results = parseBatch('segment', body, parseContext());
    expect(results.map((result) => (result.ok ? 'ok' : `${result.reason.index} ${result.reason.reason}`))).toEqual([
      'ok',
      '1 bad-name',
      '2 not-an-object',
      '3 missing-customer',
      '4 unknown-type',
    ]);
    expect(results[1]!.ok ? '' : results[1]!.reason.detail).toMatch(/^event is a text/);
    expect(results[3]!.ok ? '' : results[3]!.reason.detail).toBe('userId (or anonymousId) is missing');
  });

  test('a single call without `type` is told by its fields', () => {
    expect(one({ userId: 'u', event: 'Order Completed', properties: { total: 1 } }).type).toBe('order.placed');
    expect(one({ userId: 'u', traits: {} }).type).toBe('customer.identified');
    expect(one({ userId: 'u', name: 'Home' }).name).toBe('page');
  });

  test('never throws, whatever the body', () => {
    fc.assert(fc.property(fc.anything(), (body) => void parseBatch('segment', body, parseContext())));
    fc.assert(fc.property(fc.array(fc.anything()), (batch) => void parseBatch('segment', { batch }, parseContext())));
  });
});
