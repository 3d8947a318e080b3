import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Decimal, parseDecimal } from '#domain/decimal.ts';
import { createGrouper, type OrderDocument, type OrderLine, type RefusedOrder } from '#domain/order-lines.ts';

const amount = (text: string): Decimal => parseDecimal(text)!;
const line = (rowNumber: number, order: string, text: string, more: Partial<OrderLine> = {}): OrderLine => ({
  order,
  customer: 'c-1',
  currency: 'EUR',
  amount: amount(text),
  time: '2026-01-02T10:00:00Z',
  at: Date.UTC(2026, 0, 2, 10),
  day: 20_455,
  channel: '',
  rowNumber,
  ...more,
});
const group = (lines: OrderLine[], refundPrefix: string | null = null, refundLines = false) => {
  const grouper = createGrouper(refundPrefix, refundLines);
  for (const one of lines) grouper.add(one);
  return [...grouper.finish()];
};

describe('lines of orders', () => {
  test('are summed exactly and rounded once: three times 0.005 is 0.02, not 0.00', () => {
    const [found] = group([line(1, 'o', '0.005'), line(2, 'o', '0.005'), line(3, 'o', '0.005')]);
    expect(found).toMatchObject({ kind: 'placed', minor: 2, rounded: true, rowNumbers: [1, 2, 3] });
  });

  test('take the time of the earliest line', () => {
    const early = { time: '2026-01-01', at: Date.UTC(2026, 0, 1), day: 20_454, channel: 'web' };
    const [found] = group([line(1, 'o', '1'), line(2, 'o', '2', early), line(3, 'o', '3')]);
    expect(found).toMatchObject({ time: '2026-01-01', channel: 'web', minor: 600 });
  });

  test('with a discount among them net to the order; an order may be worth 0', () => {
    expect(group([line(1, 'o', '10'), line(2, 'o', '-3.50')])).toMatchObject([{ kind: 'placed', minor: 650 }]);
    expect(group([line(1, 'o', '10'), line(2, 'o', '-10')])).toMatchObject([{ kind: 'placed', minor: 0 }]);
  });

  test('below 0 are odd, unless the number says refund', () => {
    expect(group([line(1, 'o', '1'), line(2, 'o', '-3')])).toMatchObject([
      { kind: 'refused', reason: 'odd-order', rowNumbers: [1, 2] },
    ]);
    expect(group([line(1, 'C7', '1'), line(2, 'C7', '-3')], 'C')).toMatchObject([
      { kind: 'refunded', order: 'C7', minor: 200 },
    ]);
    expect(group([line(1, 'C7', '3')], 'C')).toMatchObject([{ kind: 'refused', reason: 'odd-order' }]);
    expect(group([line(1, 'C7', '0')], 'C')).toMatchObject([{ kind: 'refunded', minor: 0 }]);
  });

  test('below 0 on a later day are a refund document of that day, which names the order', () => {
    const on = (day: number) => ({
      day: 20_455 + day,
      at: Date.UTC(2026, 0, 2 + day, 9),
      time: `2026-01-0${2 + day}T09:00:00Z`,
    });
    const lines = [
      line(3, 'o', '-30', on(3)),
      line(1, 'o', '100'),
      line(2, 'o', '-5'),
      line(4, 'o', '10', on(3)),
      line(5, 'o', '2', on(4)),
      line(6, 'o', '-1.005', on(5)),
    ];
    expect(group(lines, null, true)).toMatchObject([
      { kind: 'placed', order: 'o', refunds: null, minor: 9700, time: '2026-01-02T10:00:00Z', rowNumbers: [1, 2, 5] },
      { kind: 'refunded', order: 'o@2026-01-05', refunds: 'o', minor: 2000, rowNumbers: [3, 4] },
      { kind: 'refunded', order: 'o@2026-01-07', refunds: 'o', minor: 100, rounded: true, rowNumbers: [6] },
    ]);
    // An export that ends before the refund has the same order.
    expect(group(lines.slice(1, 3), null, true)).toMatchObject([{ kind: 'placed', order: 'o', minor: 9500 }]);
    expect(group(lines, null, false)).toMatchObject([{ kind: 'placed', minor: 7600, rounded: true }]);
    // A refund document by its prefix is one document, whatever its days; and what is below 0 from its first day on stays odd, as a whole.
    expect(group([line(1, 'C1', '-3'), line(2, 'C1', '-4', on(1))], 'C', true)).toMatchObject([
      { kind: 'refunded', order: 'C1', refunds: null, minor: 700 },
    ]);
    expect(group([line(1, 'o', '-3'), line(2, 'o', '-4', on(1))], null, true)).toMatchObject([
      { kind: 'refused', reason: 'odd-order', rowNumbers: [1, 2] },
    ]);
  });

  test('of two customers or two currencies are refused as a whole', () => {
    for (const other of [{ customer: 'c-2' }, { currency: 'USD' }])
      expect(group([line(1, 'o', '1'), line(5, 'o', '1', other), line(9, 'p', '1')])).toMatchObject([
        { kind: 'refused', reason: 'mixed-order', rowNumbers: [1, 5] },
        { kind: 'placed', order: 'p' },
      ]);
  });

  test('one of which was refused do not pass for the whole, wherever it stood', () => {
    for (const position of [0, 1, 2]) {
      const grouper = createGrouper(null);
      for (let i = 0; i < 3; i++)
        if (i === position) grouper.spoil('o', 9, 'bad-amount');
        else grouper.add(line(i + 1, 'o', '1'));
      expect([...grouper.finish()]).toMatchObject([{ kind: 'refused', reason: 'incomplete-order' }]);
    }
    const grouper = createGrouper(null);
    grouper.spoil('o', 1, 'missing-customer');
    grouper.add(line(2, 'o', '1'));
    expect([...grouper.finish()]).toMatchObject([{ kind: 'refused', reason: 'mixed-order', rowNumbers: [2] }]);
  });

  test('too large for a safe integer are refused', () => {
    expect(group([line(1, 'o', '99999999999999'), line(2, 'o', '1')])).toMatchObject([
      { kind: 'refused', reason: 'bad-amount' },
    ]);
  });

  const lines = fc.array(
    fc.record({
      order: fc.constantFrom('1', '2', '3', 'C4', 'C5'),
      customer: fc.constantFrom('a', 'a', 'a', 'b'),
      currency: fc.constantFrom('EUR', 'EUR', 'EUR', 'JPY'),
      units: fc.integer({ min: -5000, max: 20_000 }),
      scale: fc.integer({ min: 0, max: 4 }),
      hour: fc.integer({ min: 0, max: 3 }),
      channel: fc.constantFrom('', 'web', 'shop'),
    }),
    { maxLength: 25 },
  );
  const asLines = (
    list: {
      order: string;
      customer: string;
      currency: string;
      units: number;
      scale: number;
      hour: number;
      channel: string;
    }[],
  ) =>
    list.map(
      ({ order, customer, currency, units, scale, hour, channel }, i): OrderLine => ({
        order,
        customer,
        currency,
        channel,
        amount: { units, scale },
        // Two hours of each of two days.
        time: `2026-01-0${1 + (hour >> 1)}T0${hour}:00:00Z`,
        at: Date.UTC(2026, 0, 1 + (hour >> 1), hour),
        day: 20_454 + (hour >> 1),
        rowNumber: i + 1,
      }),
    );
  /** Documents without what only says where in the file they stood. */
  const essence = (found: (OrderDocument | RefusedOrder)[]) =>
    found
      .map((one) => {
        const rows = [...one.rowNumbers].sort((a, b) => a - b);
        // Two customers make an order mixed whichever came first.
        return JSON.stringify(
          one.kind === 'refused' ? { kind: one.kind, reason: one.reason, rows } : { ...one, rowNumbers: rows },
        );
      })
      .sort();

  test('give the same documents in any order, and every row ends in exactly one of them', () => {
    fc.assert(
      fc.property(
        lines.chain((list) =>
          fc.tuple(
            fc.constant(asLines(list)),
            fc.shuffledSubarray(asLines(list), { minLength: list.length }),
            fc.boolean(),
          ),
        ),
        ([straight, shuffled, refundLines]) => {
          const found = group(straight, 'C', refundLines);
          expect(essence(group(shuffled, 'C', refundLines))).toEqual(essence(found));
          const rows = found.flatMap((one) => one.rowNumbers).sort((a, b) => a - b);
          expect(rows).toEqual(straight.map((one) => one.rowNumber));
        },
      ),
    );
  });
});
