import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { parseBatch } from '#domain/adapters/doors.ts';
import { parseNative } from '#domain/adapters/native.ts';
import { EVENT_TYPES } from '#domain/envelope.ts';
import { dataSchemas, NativeEvent } from '#domain/event-schemas.ts';
import { REASON_CODES } from '#domain/events.ts';
import { DEFAULT_POLICY } from '#domain/policy.ts';
import { offsetsOf } from '#domain/time.ts';
import { NOW, parseContext } from '#test/support/input.ts';

const order = {
  id: 'e-1',
  type: 'order.placed',
  customer_id: 'c-1',
  at: '2026-11-20T10:00:00Z',
  data: { order_id: 'o-1', amount: '42.00', currency: 'EUR', channel: 'web' },
};
const parse = (value: unknown, overrides = {}) => parseNative(value, 3, parseContext(overrides));
const accepted = (value: unknown, overrides = {}) => {
  const parsed = parse(value, overrides);
  if (!parsed.ok) throw new Error(`${parsed.reason.reason}: ${parsed.reason.detail}`);
  return parsed.value;
};
const refused = (value: unknown, overrides = {}) => {
  const parsed = parse(value, overrides);
  if (parsed.ok) throw new Error('accepted');
  return parsed.reason;
};

describe('the native event', () => {
  test('the example of the interface', () => {
    expect(accepted(order)).toEqual({
      type: 'order.placed',
      customerId: 'c-1',
      anonymous: false,
      linkAnonymousId: null,
      id: 'e-1',
      at: Date.UTC(2026, 10, 20, 10),
      dateOnly: false,
      orderId: 'o-1',
      refundedOrderId: null,
      rowKey: null,
      revision: 0,
      minor: 4200,
      currency: 'EUR',
      channel: 'web',
      name: null,
      props: null,
      sealed: { order_id: 'o-1' },
      dropped: 0,
      roundedFloats: 0,
      producerNumber: 0,
      lines: 1,
      traceId: null,
      correlationId: null,
      causationId: null,
    });
  });

  const without = ({ [name]: _, ...rest }: Record<string, unknown>) => rest;
  const name = 'customer_id';
  test.each([
    ['not-an-object', 7],
    ['not-an-object', null],
    ['not-an-object', [order]],
    ['not-an-object', { ...order, data: 'x' }],
    ['unknown-type', { ...order, type: 'order.lost' }],
    ['unknown-type', { ...order, type: 'toString' }],
    ['missing-customer', without(order)],
    ['missing-customer', { ...order, customer_id: '' }],
    ['bad-customer', { ...order, customer_id: '  ' }],
    ['bad-customer', { ...order, customer_id: 'a\u0007b' }],
    ['bad-customer', { ...order, customer_id: 1.5 }],
    ['bad-customer', { ...order, customer_id: { id: 1 } }],
    ['bad-id', { ...order, id: {} }],
    ['missing-time', { ...order, at: null }],
    ['bad-time', { ...order, at: '20.11.2026' }],
    ['future', { ...order, at: new Date(NOW + 86_400_001).toISOString() }],
    ['bad-amount', { ...order, data: { amount: '42,00' } }],
    ['bad-amount', { ...order, data: { amount: -1 } }],
    ['bad-amount', { ...order, data: { amount: '-0.01' } }],
    ['bad-amount', { ...order, data: { amount: true } }],
    ['bad-amount', { ...order, data: { amount_minor: 1.5 } }],
    ['bad-amount', { ...order, data: { amount: '1.00', amount_minor: 101 } }],
    ['bad-currency', { ...order, data: { amount: 1, currency: 'EURO' } }],
    ['bad-currency', { ...order, data: { currency: 978 } }],
    ['bad-order', { ...order, data: { order_id: [] } }],
    ['bad-revision', { ...order, data: { revision: -1 } }],
    ['bad-revision', { ...order, data: { revision: 2 ** 32 } }],
    ['bad-field', { ...order, data: { channel: 'erika@example.org' } }],
    ['bad-field', { ...order, data: { channel: 7 } }],
    ['missing-amount', { ...order, type: 'order.refunded', data: { order_id: 'o-1' } }],
    ['bad-amount', { ...order, type: 'order.refunded', data: { amount: '-5' } }],
    ['bad-name', { ...order, type: 'activity.recorded', data: {} }],
    ['bad-name', { ...order, type: 'activity.recorded' }],
    ['bad-field', { ...order, type: 'activity.recorded', data: { name: 'view', props: [] } }],
    ['bad-field', { ...order, type: 'activity.recorded', data: { name: 'erika@example.org' } }],
    ['bad-field', { ...order, type: 'consent.changed', data: { purpose: 'mail', granted: 'yes' } }],
    ['bad-field', { ...order, type: 'experiment.exposed', data: { variant: 'A' } }],
    ['too-large', { ...order, type: 'customer.identified', data: { traits: { about: 'x'.repeat(70_000) } } }],
  ] as const)('%s: %j', (reason, value) => {
    const rejection = refused(value);
    expect(rejection.reason).toBe(reason);
    expect(REASON_CODES).toContain(rejection.reason);
    expect(rejection.index).toBe(3);
    expect(rejection.detail).not.toMatch(/erika/i);
  });

  test('24 hours ahead is not yet the future', () => {
    expect(accepted({ ...order, at: new Date(NOW + 86_400_000).toISOString() }).at).toBe(NOW + 86_400_000);
  });

  test('numbers are ids too; a purchase may be worth 0, or without money', () => {
    const event = accepted({
      type: 'order.placed',
      customer_id: 2,
      at: '2026-01-01',
      data: { order_id: 17, amount: '0.00' },
    });
    expect([event.customerId, event.orderId, event.minor, event.currency, event.dateOnly]).toEqual([
      '2',
      '17',
      0,
      'EUR',
      true,
    ]);
    const bare = accepted({ type: 'order.placed', customer_id: 2, at: '2026-01-01' });
    expect([bare.minor, bare.currency]).toEqual([null, null]);
  });

  test('money by the exponent of its currency; floats are rounded and counted', () => {
    const money = (data: object) => {
      const event = accepted({ ...order, data });
      return [event.minor, event.currency, event.roundedFloats];
    };
    expect(money({ amount: '1000', currency: 'JPY' })).toEqual([1000, 'JPY', 0]);
    expect(money({ amount: 1.2345, currency: 'kwd' })).toEqual([1234, 'KWD', 1]);
    expect(money({ amount: 19.99 })).toEqual([1999, 'EUR', 1]);
    expect(money({ amount: 20 })).toEqual([2000, 'EUR', 0]);
    expect(money({ amount_minor: 1999 })).toEqual([1999, 'EUR', 0]);
    expect(money({ amount: '19.99', amount_minor: 1999 })).toEqual([1999, 'EUR', 0]);
    expect(accepted({ ...order, data: { amount: 5 } }, { defaultCurrency: 'JPY' }).minor).toBe(5);
  });

  test('a local time is the source’s, a date is nobody’s', () => {
    const zoneOffsets = offsetsOf('America/New_York', Date.UTC(2020, 0, 1), Date.UTC(2027, 0, 1));
    expect(accepted({ ...order, at: '2026-07-01 20:00:00' }, { zoneOffsets }).at).toBe(Date.UTC(2026, 6, 2));
    expect(accepted({ ...order, at: '2026-07-01' }, { zoneOffsets }).at).toBe(Date.UTC(2026, 6, 1));
  });

  test('identification: traits are sealed, the policy’s exceptions apply, the anonymous id is linked', () => {
    const policy = { ...DEFAULT_POLICY, fields: { tier: 'keep', tracker: 'drop' } as const };
    const identified = { type: 'customer.identified', customer_id: 'c-1', anonymous_id: 'a-1', at: '2026-01-01' };
    const event = accepted(
      { ...identified, data: { traits: { email: 'erika@example.org', tier: 2, tracker: 'x' } } },
      { policy },
    );
    expect([event.linkAnonymousId, event.anonymous, event.props, event.sealed, event.dropped]).toEqual([
      'a-1',
      false,
      { tier: 2 },
      { traits: { email: 'erika@example.org' } },
      1,
    ]);
    const onlyAnonymous = accepted({ ...identified, customer_id: null });
    expect([onlyAnonymous.customerId, onlyAnonymous.anonymous, onlyAnonymous.linkAnonymousId]).toEqual([
      'a-1',
      true,
      null,
    ]);
    const elsewhere = accepted({ ...order, anonymous_id: 'a-1' });
    expect([elsewhere.linkAnonymousId, elsewhere.dropped]).toEqual([null, 1]);
  });

  test('refunds, subscriptions, experiments, observations, consent', () => {
    const of = (type: string, data: object) => accepted({ type, customer_id: 'c-1', at: '2026-01-01', data });
    expect(of('order.refunded', { refund_id: 'r-1', order_id: 'o-1', amount: '5.00' })).toMatchObject({
      orderId: 'r-1',
      refundedOrderId: 'o-1',
      minor: 500,
    });
    expect(of('subscription.started', { subscription_id: 's-1', plan: 'pro', amount: '9.90' })).toMatchObject({
      orderId: 's-1',
      name: 'pro',
      minor: 990,
    });
    expect(of('experiment.exposed', { experiment: 'x', variant: 'B' })).toMatchObject({
      name: 'B',
      props: { experiment: 'x' },
    });
    expect(of('observation.recorded', { experiment: 'x', variant: 'B', value: 1.5, amount: '3' })).toMatchObject({
      name: 'B',
      props: { experiment: 'x', value: '1.5' },
      minor: 300,
    });
    expect(of('consent.changed', { purpose: 'mail', granted: false })).toMatchObject({
      name: 'mail',
      props: { granted: false },
    });
  });

  test('what nobody named is dropped and counted; ids of traces only when they cannot spell a name', () => {
    const event = accepted({
      ...order,
      session_id: 's',
      trace_id: '0af7651916cd43dd8448eb211c80319c',
      correlation_id: '0b6e3f0e-6a55-4a1f-9d3e-0f6f6a0a9b11',
      causation_id: 'erika',
      data: { ...order.data, note: 'x', coupon: 'y' },
    });
    // A test card number of 16 digits is hexadecimal too.
    for (const field of ['correlation_id', 'causation_id'])
      expect(accepted({ ...order, [field]: '4111111111111111' })).toMatchObject({
        dropped: 1,
        correlationId: null,
        causationId: null,
      });
    expect([event.dropped, event.traceId, event.correlationId, event.causationId]).toEqual([
      4,
      '0af7651916cd43dd8448eb211c80319c',
      '0b6e3f0e-6a55-4a1f-9d3e-0f6f6a0a9b11',
      null,
    ]);
  });

  test('the 201st name is `other` with the name sealed, and its row is still told by its own name', () => {
    const ctx = parseContext();
    const activity = (label: string) =>
      parseNative({ type: 'activity.recorded', customer_id: 'c', at: '2026-01-01', data: { name: label } }, 0, ctx);
    for (let i = 0; i < 200; i++) expect(activity(`n${i}`).ok).toBe(true);
    const [a, b] = [activity('new one'), activity('another')];
    if (!a.ok || !b.ok) throw new Error('refused');
    expect([a.value.name, a.value.sealed]).toEqual(['other', { name: 'new one' }]);
    expect(a.value.rowKey).not.toBe(b.value.rowKey);
  });

  test('a batch counts its twins, and takes the reference stack’s events among native ones', () => {
    const row = { type: 'order.placed', customer_id: 'c-1', at: '2026-01-01', data: { amount: '5' } };
    const results = parseBatch(
      'http',
      [row, { user_id: 2, event_time: '2025-12-26 18:05:00', event_type: 'purchase' }, row, 1],
      parseContext(),
    );
    expect(results.map((result) => (result.ok ? result.value.rowKey?.slice(-2) : result.reason.reason))).toEqual([
      '#1',
      '#1',
      '#2',
      'not-an-object',
    ]);
    expect(parseBatch('http', row, parseContext()).map((result) => result.ok)).toEqual([true]);
  });
});

describe('the hand-written parser and the schemas', () => {
  const id = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.constantFrom('c-1', '', ' ', 'x'.repeat(257), null, undefined, {}, true, 'a\u0000'),
  );
  const time = fc.oneof(
    fc.constantFrom(
      '2026-01-01',
      '2026-01-01T10:00:00Z',
      '2026-01-01 10:00',
      'soon',
      '',
      null,
      undefined,
      0,
      1795168800,
      1795168800000,
      {},
    ),
    fc.string({ maxLength: 12 }),
  );
  const amount = fc.oneof(
    fc.constantFrom(
      '1.00',
      '1,00',
      '-1',
      '',
      null,
      undefined,
      5,
      -5,
      1.005,
      1e300,
      Number.NaN,
      true,
      '99999999999999999999',
    ),
    fc.double(),
  );
  const fields = {
    order_id: id,
    refund_id: id,
    subscription_id: id,
    anonymous_id: id,
    amount,
    currency: fc.constantFrom('EUR', 'eur', 'XXX', '', null, undefined, 7),
    amount_minor: fc.constantFrom(100, 0, -1, 1.5, '100', '', null, undefined, undefined, undefined),
    channel: fc.constantFrom('web', '', null, undefined, 7, 'x'.repeat(65)),
    revision: fc.constantFrom(0, 7, -1, 1.5, 2 ** 32, '1', '', null, undefined),
    name: fc.constantFrom('view', '', ' ', null, undefined, 7, 'x'.repeat(201)),
    plan: fc.constantFrom('pro', '', null, undefined, 7),
    variant: fc.constantFrom('A', '', null, undefined, 7),
    experiment: fc.constantFrom('x', 7, true, '', null, undefined, {}),
    purpose: fc.constantFrom('mail', '', null, undefined, 7),
    granted: fc.constantFrom(true, false, 'yes', null, undefined),
    value: fc.constantFrom(1, 1.5, null, undefined, '1', true),
    props: fc.constantFrom({ a: 1 }, {}, [], 'x', '', null, undefined),
    traits: fc.constantFrom({ a: 1 }, [], 'x', '', null, undefined),
  };
  const event = fc.record(
    {
      id,
      type: fc.oneof(
        { weight: 20, arbitrary: fc.constantFrom(...EVENT_TYPES) },
        { weight: 1, arbitrary: fc.constantFrom('x', undefined, 7) },
      ),
      customer_id: fc.oneof({ weight: 3, arbitrary: fc.constant('c-1') }, { weight: 1, arbitrary: id }),
      anonymous_id: id,
      at: fc.oneof({ weight: 3, arbitrary: fc.constant('2026-01-01') }, { weight: 1, arbitrary: time }),
      data: fc.record(fields, { requiredKeys: [] }),
    },
    { requiredKeys: ['type', 'customer_id', 'at', 'data'] },
  );

  // What only the parser knows: the currency's exponent decides what fits, `amount_minor` must agree, ids may not look personal.
  const beyondSchemas = new Set(['future', 'too-large']);

  test('accept and refuse the same events', () => {
    let both = 0;
    fc.assert(
      fc.property(event, (value) => {
        const { amount: major, amount_minor: minor } = value.data;
        fc.pre(typeof major !== 'number' || Math.abs(major) < 1e13);
        fc.pre(
          major === undefined ||
            major === null ||
            major === '' ||
            minor === undefined ||
            minor === null ||
            minor === '',
        );
        const parsed = parse(value);
        const schema = NativeEvent.safeParse(value);
        if (!parsed.ok && beyondSchemas.has(parsed.reason.reason)) return;
        if (parsed.ok !== schema.success)
          throw new Error(
            `${JSON.stringify(value)}\n${parsed.ok ? 'parser accepts' : parsed.reason.detail}\n${schema.error?.message ?? 'schema accepts'}`,
          );
        if (parsed.ok) both++;
      }),
      { numRuns: 5000 },
    );
    expect(both).toBeGreaterThan(300);
  });

  test('every type has a schema that becomes JSON Schema for the documents', () => {
    expect(Object.keys(dataSchemas)).toEqual([...EVENT_TYPES]);
    const document = z.toJSONSchema(NativeEvent, { io: 'input' }) as unknown as {
      oneOf: { properties: { type: { const: string } } }[];
    };
    expect(document.oneOf.map((one) => one.properties.type.const)).toEqual([...EVENT_TYPES]);
  });

  test('never throw, whatever the value', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => void parse(value)),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.constantFrom(...EVENT_TYPES),
        (data, type) => void parse({ type, customer_id: 'c', at: '2026-01-01', data }),
      ),
    );
  });
});
