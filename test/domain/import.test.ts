import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { guessMapping, type Wish } from '#domain/columns-guess.ts';
import type { ParseContext } from '#domain/events.ts';
import { createImporter } from '#domain/import.ts';
import type { Imported } from '#domain/import-cells.ts';
import { mappingText } from '#domain/import-mapping.ts';
import { orderKeyMaterial } from '#domain/orders.ts';
import { dateOrderOf, isoText } from '#domain/written-dates.ts';
import { parseContext } from '#test/support/input.ts';

/** A table as text, its columns guessed, imported. */
function run(table: string, wish: Wish = {}, context: Partial<ParseContext> = {}) {
  const [header, ...rows] = table
    .trim()
    .split('\n')
    .map((row) => row.trim().split('|'));
  const guess = guessMapping(header!, rows, wish, 'EUR');
  if (!guess.ok) throw new Error(guess.reason.message);
  const importer = createImporter(guess.value.mapping, header!, parseContext(context));
  const into: Imported = { events: [], refused: [] };
  rows.forEach((cells, i) => void importer.row(cells, i + 1, into));
  for (const piece of importer.finish()) {
    into.events.push(...piece.events);
    into.refused.push(...piece.refused);
  }
  // Every row ends in exactly one place.
  const lines = into.events.reduce((sum, event) => sum + event.lines, 0);
  expect(lines + into.refused.reduce((sum, one) => sum + one.rows, 0)).toBe(rows.length);
  return { ...into, guess: guess.value };
}

describe('a table of orders', () => {
  test('row by row: money, dates, twins', () => {
    const { events, refused } = run(`
      customer_id|date|amount
      1|1997-01-01|11.77
      2|1997-01-12|12.00
      2|1997-01-12|12.00`);
    expect(refused).toEqual([]);
    expect(
      events.map((event) => [event.customerId, event.minor, event.dateOnly, event.producerNumber, event.lines]),
    ).toEqual([
      ['1', 1177, true, 1, 1],
      ['2', 1200, true, 2, 1],
      ['2', 1200, true, 3, 1],
    ]);
    expect(new Set(events.map((event) => event.rowKey)).size).toBe(3);
  });

  test('odd rows are refused with row, column and reason, the rest goes on', () => {
    const { events, refused } = run(`
      customer|date|amount|currency
      1|2026-01-01|10.00|EUR
      |2026-01-01|10.00|EUR
      2|01/02/2026|10.00|EUR
      2|2026-01-01|10,00|EUR
      2|2026-01-01||EUR
      2|2026-01-01|-5|EUR
      2|2026-01-01|5|Euro
      2|2027-01-01|5|EUR
      2||5|EUR
      3|2026-01-03|5|JPY`);
    expect(events.map((event) => [event.minor, event.currency])).toEqual([
      [1000, 'EUR'],
      [5, 'JPY'],
    ]);
    expect(refused.map((row) => [row.rowNumber, row.reason, row.column])).toEqual([
      [2, 'missing-customer', 'customer'],
      [3, 'bad-time', 'date'],
      [4, 'bad-amount', 'amount'],
      [5, 'missing-amount', 'amount'],
      [6, 'bad-amount', 'amount'],
      [7, 'bad-currency', 'currency'],
      [8, 'future', 'date'],
      [9, 'missing-time', 'date'],
    ]);
    expect(refused[2]!.detail).toBe(
      'row 4, column amount: has a decimal comma; write 1234.50 instead of 1234,50; if the whole file is written so, say --decimal comma',
    );
    expect(refused[1]!.detail).toMatch(/; dates written like 02\/03\/2026 are read with --date-order dmy or mdy$/);
    expect(JSON.parse(refused[2]!.raw!)).toEqual({
      customer: '2',
      date: '2026-01-01',
      amount: '10,00',
      currency: 'EUR',
    });
  });

  test('read again in another default currency, the rows are the same rows; a currency of their own tells them apart', () => {
    const table = `
      customer|date|amount
      1|2026-01-01|10.00`;
    const [euro, dollar] = [run(table), run(table, { currency: 'USD' })].map(({ events }) => events[0]!);
    expect([euro!.currency, dollar!.currency]).toEqual(['EUR', 'USD']);
    expect(dollar!.rowKey).toBe(euro!.rowKey);
    const own = run(`
      customer|date|amount|currency
      1|2026-01-01|10.00|EUR
      1|2026-01-01|10.00|USD`).events.map((event) => event.rowKey);
    expect(own.map((key) => key?.slice(-2))).toEqual(['#1', '#1']);
    expect(new Set([...own, euro!.rowKey]).size).toBe(3);
  });

  test('decimal commas are read when the file has only them; a row written the other way says so', () => {
    const table = `
      Kunden-Nr.|Bestelldatum|Gesamtbetrag
      1|2026-01-01|1.234,50
      2|2026-01-02|12,5
      3|2026-01-03|1.234
      4|2026-01-04|-0
      5|2026-01-05|7,005`;
    const { events, refused, guess } = run(table);
    expect(events.map((event) => event.minor)).toEqual([123_450, 1250, 123_400, 0, 700]);
    expect(refused).toEqual([]);
    expect(guess.mapping).toMatchObject({ customer: 'Kunden-Nr.', time: 'Bestelldatum', amount: 'Gesamtbetrag' });
    expect(guess.explanation.join('\n')).toMatch(/decimal {3}comma: .* \(5 of 5 sampled values\)/);
    expect(mappingText(guess.mapping)).not.toBe(mappingText({ ...guess.mapping, decimal: 'plain' }));
    const mixed = run(`${table}\n6|2026-01-06|12.50`, { decimal: 'comma' });
    expect(mixed.refused.map((row) => row.detail)).toEqual([
      'row 6, column Gesamtbetrag: has a decimal point where the file has decimal commas (--decimal comma); write all amounts one way',
    ]);
  });

  test('a JSON number keeps its point beside texts with commas', () => {
    const header = ['customer', 'at', 'amount'];
    const guess = guessMapping(header, [], { decimal: 'comma' }, 'EUR');
    const importer = createImporter(guess.ok ? guess.value.mapping : expect.fail(), header, parseContext({}));
    const into: Imported = { events: [], refused: [] };
    for (const amount of [1.234, '1.234', '1,5'])
      importer.row(['a', '2026-01-01', String(amount)], 1, into, { customer: 'a', at: '2026-01-01', amount });
    expect(into.events.map((event) => event.minor)).toEqual([123, 123_400, 150]);
  });

  test('an event id makes the row that event', () => {
    const { events } = run(`
      event_id|customer|date|amount
      a|1|2026-01-01|1
      b|1|2026-01-01|1`);
    expect(events.map((event) => [event.id, event.rowKey])).toEqual([
      ['a', null],
      ['b', null],
    ]);
  });

  test('ids that repeat are not taken for ids', () => {
    const { guess } = run(`
      customer|date|amount|id
      1|2026-01-01|1|x
      1|2026-01-02|1|x`);
    expect(guess.mapping.id).toBeNull();
  });

  test('an amendment raises the revision and is not another file', () => {
    const table = `
      customer|date|amount
      1|2026-01-01|1`;
    const { events, guess } = run(table, { revision: 1_795_168_800 });
    expect(events[0]!.revision).toBe(1_795_168_800);
    expect(mappingText(guess.mapping)).toBe(mappingText(run(table).guess.mapping));
    expect(mappingText(run(table, { currency: 'USD' }).guess.mapping)).not.toBe(mappingText(guess.mapping));
  });
});

describe('a table of order lines', () => {
  const table = `
    InvoiceNo|Quantity|InvoiceDate|UnitPrice|CustomerID|Country
    1|6|2010-12-01 08:26:00|2.55|17850|UK
    1|-1|2010-12-01 08:20:00|0.005|17850|UK
    2|1|2010-12-01 09:00:00|3|13047|UK
    2|1|2010-12-01 09:00:00|3||UK
    3|1|2010-12-01 09:00:00|odd|13047|UK
    3|1|2010-12-01 09:00:00|3|13047|UK
    C4|-2|2010-12-02 09:00:00|2.55|17850|UK
    C4|-1|2010-12-02 09:00:00|1|17850|UK
    5|-9|2010-12-02 09:00:00|1|17850|UK
    |1|2010-12-02 09:00:00|1|17850|UK
    6|2|2010-12-02|1|13047|UK`;

  test('is grouped, rounded once, refunds by their prefix, spoilt orders as a whole', () => {
    const { events, refused } = run(table, { refundPrefix: 'C' });
    // 6 × 2.55 − 0.005 = 15.295, half to even: 15.30.
    expect(
      events.map((event) => [
        event.type,
        event.orderId,
        event.minor,
        event.lines,
        event.producerNumber,
        event.roundedFloats,
      ]),
    ).toEqual([
      ['order.placed', '1', 1530, 2, 1, 1],
      ['order.refunded', 'C4', 610, 2, 7, 0],
      ['order.placed', '6', 200, 1, 11, 0],
    ]);
    expect(events[0]!.at).toBe(Date.UTC(2010, 11, 1, 8, 20));
    expect(events[0]!.sealed).toEqual({ order_id: '1' });
    expect(refused.map((row) => [row.rowNumber, row.reason, row.raw === null])).toEqual([
      [4, 'missing-customer', false],
      [5, 'bad-amount', false],
      [10, 'bad-order', false],
      [3, 'mixed-order', true],
      [6, 'incomplete-order', true],
      [9, 'odd-order', true],
    ]);
  });

  test('what a later day gave back is a document of that day, in the zone’s own days, naming its order', () => {
    const later = `
      order_id|customer|date|amount
      7|a|2026-01-01 22:30|100
      7|a|2026-01-01 23:30|-10
      7|a|2026-01-02 09:00|-40`;
    const shape = (event: {
      type: string;
      orderId: string | null;
      refundedOrderId: string | null;
      minor: number | null;
    }) => [event.type, event.orderId, event.refundedOrderId, event.minor];
    const { events, guess } = run(later);
    expect(events.map(shape)).toEqual([
      ['order.placed', '7', null, 9000],
      ['order.refunded', '7@2026-01-02', '7', 4000],
    ]);
    expect(events[1]!.at).toBe(Date.UTC(2026, 0, 2, 9));
    expect(orderKeyMaterial(events[1]!, 'shop')).not.toBe(orderKeyMaterial(events[0]!, 'shop'));
    expect(guess.explanation.join('\n')).toMatch(/refunds {3}lines of a later day/);
    const netted = run(later, { refundLines: false });
    expect(netted.events.map(shape)).toEqual([['order.placed', '7', null, 5000]]);
    expect(netted.guess.explanation.join('\n')).toMatch(/--refund-lines off/);
    expect(mappingText(guess.mapping)).not.toBe(mappingText(netted.guess.mapping));
  });

  test('has local times of the source’s zone', () => {
    const { events } = run(table, {}, { zoneOffsets: [[0, 60]] });
    expect(events[0]!.at).toBe(Date.UTC(2010, 11, 1, 7, 20));
    expect([events.at(-1)!.at, events.at(-1)!.dateOnly]).toEqual([Date.UTC(2010, 11, 2), true]);
  });

  test('without the prefix, documents below 0 are refused, and the guess says how many lines are negative', () => {
    const { refused, guess } = run(table);
    expect(refused.filter((row) => row.reason === 'odd-order').map((row) => row.rowNumber)).toEqual([7, 8, 9]);
    expect(guess.warnings.join()).toMatch(/4 of 9 sampled lines are negative/);
  });

  test('shuffled, gives the same documents', () => {
    const [header, ...rows] = table.trim().split('\n');
    const essence = (list: string[]) =>
      run([header, ...list].join('\n'), { refundPrefix: 'C' })
        .events.map((event) => JSON.stringify({ ...event, producerNumber: 0 }))
        .sort();
    const straight = essence(rows);
    fc.assert(
      fc.property(fc.shuffledSubarray(rows, { minLength: rows.length }), (shuffled) => {
        expect(essence(shuffled)).toEqual(straight);
      }),
      { numRuns: 30 },
    );
  });
});

describe('other kinds of tables', () => {
  test('activities, by a column or by one name', () => {
    const table = `
      user_id|time|event
      1|2026-01-01 10:00|login
      1|2026-01-01 10:00|login
      2|2026-01-01 10:00|`;
    const { events, refused } = run(table, { kind: 'activity' });
    expect(events.map((event) => [event.type, event.name, event.rowKey!.slice(-2)])).toEqual([
      ['activity.recorded', 'login', '#1'],
      ['activity.recorded', 'login', '#2'],
    ]);
    expect(refused).toMatchObject([{ rowNumber: 3, reason: 'bad-name', column: 'event' }]);
    expect(run(table, { kind: 'activity', name: 'none' }).events[2]!.name).toBe('activity');
  });

  test('subscriptions: a start and, when there is one, an end; the row counts once', () => {
    const { events, refused } = run(
      `
      customer|subscription_id|start|end|plan|amount
      1|s1|2026-01-01|2026-03-01|pro|9.90
      2|s2|2026-01-01||basic|4.90
      3|s3|2026-01-01|soon|basic|4.90`,
      { kind: 'subscription' },
    );
    expect(events.map((event) => [event.type, event.orderId, event.name, event.minor, event.lines])).toEqual([
      ['subscription.started', 's1', 'pro', 990, 1],
      ['subscription.cancelled', 's1', 'pro', 990, 0],
      ['subscription.started', 's2', 'basic', 490, 1],
    ]);
    expect(new Set(events.map((event) => orderKeyMaterial(event, 'shop'))).size).toBe(2);
    expect(refused).toMatchObject([{ rowNumber: 3, reason: 'bad-time' }]);
  });

  test('identities: every other column is a trait, sealed', () => {
    const { events } = run(
      `
      customer_id|created_at|email|city
      1|2026-01-01|erika@example.org|Köln`,
      { kind: 'identified' },
    );
    expect(events[0]).toMatchObject({
      type: 'customer.identified',
      sealed: { traits: { email: 'erika@example.org', city: 'Köln' } },
      props: null,
    });
  });

  test('rows that are events already', () => {
    const { events } = run(`
      user_id|event_time|event_type|session_id
      2|2025-12-26 18:00:00|login|abc
      2|2025-12-26 18:05:00|purchase|def`);
    expect(events.map((event) => [event.type, event.name, event.minor])).toEqual([
      ['activity.recorded', 'login', null],
      ['order.placed', null, null],
    ]);
  });
});

describe('dates as spreadsheets write them', () => {
  test.each([
    ['13/04/2011 9:05', 'dmy', '2011-04-13T09:05'],
    ['4/13/2011 9:05:30 PM', 'mdy', '2011-04-13T21:05:30'],
    ['4/13/2011 12:05 am', 'mdy', '2011-04-13T00:05'],
    ['01.02.2026', 'dmy', '2026-02-01'],
    ['2026-02-01', 'dmy', '2026-02-01'],
    ['13/04/2011 13:05 PM', 'dmy', '13/04/2011 13:05 PM'],
    ['01/02-2026', 'dmy', '01/02-2026'],
  ] as const)('%s read %s is %s', (text, order, iso) => expect(isoText(text, order)).toBe(iso));

  test('their order is told by a number above 12, and only by that', () => {
    expect(dateOrderOf(['01/02/2026', '13/02/2026'])).toBe('dmy');
    expect(dateOrderOf(['01/02/2026', '02/13/2026'])).toBe('mdy');
    expect(dateOrderOf(['01/02/2026', '02/03/2026'])).toBe('either');
    expect(dateOrderOf(['13/02/2026', '02/13/2026'])).toBeNull();
    // One broken cell of many tells nothing; several leave nothing to go by.
    const days = Array.from({ length: 28 }, (_, i) => `${i + 1}.02.2026`);
    expect(dateOrderOf([...days, '32.13.2026'])).toBe('dmy');
    expect(dateOrderOf([...days, 'unknown'])).toBe('dmy');
    expect(dateOrderOf([...days, '02.29.2026'])).toBeNull();
    expect(dateOrderOf([...days, ...days, '02.29.2026'])).toBe('dmy');
    expect(dateOrderOf([...days, 'a', 'b', 'c'])).toBeNull();
    expect(dateOrderOf(['32.13.2026'])).toBeNull();
    expect(dateOrderOf([])).toBeNull();
    const { events } = run('customer|date|amount\n1|12/1/2010 8:26|1\n1|12/31/2010 8:26|1');
    expect(events[0]!.at).toBe(Date.UTC(2010, 11, 1, 8, 26));
    expect(() => run('customer|date|amount\n1|12/1/2010|1')).toThrow(/--date-order/);
    expect(() => run('customer|date|amount\n1|12/31/2010|1\n2|31/12/2010|1')).toThrow(/some dates have the day first/);
  });
});
