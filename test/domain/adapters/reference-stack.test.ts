import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseBatch } from '#domain/adapters/doors.ts';
import { isReferenceStack, parseReferenceStack } from '#domain/adapters/reference-stack.ts';
import { offsetsOf } from '#domain/time.ts';
import { parseContext } from '#test/support/input.ts';

const login = { user_id: 2, event_time: '2025-12-26 18:00:00', event_type: 'login', session_id: 'abc' };
const purchase = { user_id: 2, event_time: '2025-12-26 18:05:00', event_type: 'purchase', session_id: 'def' };
const one = (value: unknown, overrides = {}) => {
  const parsed = parseReferenceStack(value, 0, parseContext(overrides));
  if (!parsed.ok) throw new Error(`${parsed.reason.reason}: ${parsed.reason.detail}`);
  return parsed.value;
};

describe('the reference stack’s events', () => {
  test('a purchase without money is an order without money; the session is dropped and counted', () => {
    expect(one(purchase)).toMatchObject({
      type: 'order.placed',
      customerId: '2',
      at: Date.UTC(2025, 11, 26, 18, 5),
      minor: null,
      currency: null,
      dropped: 1,
      sealed: null,
      orderId: null,
    });
    expect(one(login)).toMatchObject({ type: 'activity.recorded', name: 'login', dropped: 1 });
  });

  test('its times are local to the source', () => {
    const zoneOffsets = offsetsOf('Europe/Berlin', Date.UTC(2020, 0, 1), Date.UTC(2027, 0, 1));
    expect(one(purchase, { zoneOffsets }).at).toBe(Date.UTC(2025, 11, 26, 17, 5));
  });

  test('rows are told apart by their fields, twins by their number in the batch', () => {
    const keys = parseBatch('reference', [login, purchase, login], parseContext()).map((result) =>
      result.ok ? result.value.rowKey : null,
    );
    expect(new Set(keys).size).toBe(3);
    expect(keys[2]).toBe(keys[0]!.replace('#1', '#2'));
    const other = parseBatch('reference', [{ ...login, session_id: 'other' }], parseContext());
    expect(other[0]!.ok && other[0]!.value.rowKey).toBe(keys[0]);
  });

  test('money, order and currency are taken when they are there', () => {
    expect(one({ ...purchase, amount: '9.99', order_id: 5, currency: 'USD' })).toMatchObject({
      minor: 999,
      orderId: '5',
      currency: 'USD',
    });
  });

  test.each([
    [{ ...purchase, user_id: null }, 'missing-customer', /^user_id is missing/],
    [{ ...purchase, event_time: '26.12.2025' }, 'bad-time', /^event_time /],
    [{ ...login, event_type: '' }, 'bad-name', /^event_type /],
    [{ ...purchase, amount: '9,99' }, 'bad-amount', /^amount has a decimal comma/],
    [[], 'not-an-object', /object/],
  ])('%j is refused', (value, reason, detail) => {
    const parsed = parseReferenceStack(value, 0, parseContext());
    expect(parsed.ok ? null : parsed.reason.reason).toBe(reason);
    expect(parsed.ok ? null : parsed.reason.detail).toMatch(detail);
  });

  test('is told from a native event by its fields', () => {
    expect([
      isReferenceStack(login),
      isReferenceStack({ ...login, type: 'x' }),
      isReferenceStack(null),
      isReferenceStack('x'),
    ]).toEqual([true, false, false, false]);
    fc.assert(fc.property(fc.anything(), (value) => void parseReferenceStack(value, 0, parseContext())));
  });
});
