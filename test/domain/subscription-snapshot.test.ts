import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { guessMapping, type Wish } from '#domain/columns-guess.ts';
import { createImporter } from '#domain/import.ts';
import type { Imported } from '#domain/import-cells.ts';
import { spanOf } from '#domain/subscription-snapshot.ts';
import { parseContext } from '#test/support/input.ts';

const header = ['customerID', 'gender', 'tenure', 'Contract', 'MonthlyCharges', 'TotalCharges', 'Churn'];
const rows = [
  ['a', 'Female', '1', 'Month-to-month', '29.85', '29.85', 'No'],
  ['b', 'Male', '34', 'One year', '56.95', '1889.5', 'Yes'],
  ['c', 'Male', '0', 'Two year', '20', '', 'No'],
];
const wish: Wish = {
  kind: 'subscription',
  snapshot: { day: '2024-01-01', today: '2024-01-31' },
  amount: 'MonthlyCharges',
  name: 'Contract',
  attributes: 'all',
};

const read = (more: Partial<Wish> = {}, table = rows): Imported => {
  const guess = guessMapping(header, table, { ...wish, ...more }, 'USD');
  if (!guess.ok) throw new Error(guess.reason.message);
  const into: Imported = { events: [], refused: [] };
  const importer = createImporter(guess.value.mapping, header, parseContext());
  for (const [i, row] of table.entries()) importer.row(row, i + 1, into);
  return into;
};
const day = (at: number) => new Date(at).toISOString().slice(0, 10);

describe('a table of subscribers on one day', () => {
  test('each began its tenure before it, whoever left did so within the days after it, attributes are as of that day', () => {
    const { events, refused } = read();
    expect(refused).toEqual([]);
    expect(
      events.map(({ type, customerId, at, name, minor, lines }) => [type, customerId, day(at), name, minor, lines]),
    ).toEqual([
      ['subscription.started', 'a', '2023-12-02', 'Month-to-month', 2985, 1],
      ['customer.identified', 'a', '2024-01-01', null, null, 0],
      ['subscription.started', 'b', '2021-03-02', 'One year', 5695, 1],
      ['subscription.cancelled', 'b', '2024-01-31', 'One year', 5695, 0],
      ['customer.identified', 'b', '2024-01-01', null, null, 0],
      ['subscription.started', 'c', '2024-01-01', 'Two year', 2000, 1],
      ['customer.identified', 'c', '2024-01-01', null, null, 0],
    ]);
    // Sealed here: the source's policy decides what of it travels in the clear.
    expect(events[1]!.sealed).toEqual({ traits: { gender: 'Female', TotalCharges: '29.85' } });
    expect(events[6]!.sealed).toEqual({ traits: { gender: 'Male' } });
  });

  test('a tenure that is no number is refused with row and column; nothing of the row is taken', () => {
    const { events, refused } = read({}, [['a', 'Female', 'long', 'x', '1', '1', 'Yes']]);
    expect(events).toEqual([]);
    expect(refused).toMatchObject([
      {
        rowNumber: 1,
        reason: 'bad-field',
        column: 'tenure',
        detail: 'row 1, column tenure: is not a number of months ≥ 0',
      },
    ]);
  });

  test.each([
    [
      { snapshot: { day: '2024-01-01', today: '2026-01-01', ended: 'gender' } },
      /Which value of gender says that a subscriber left/,
    ],
    [{ snapshot: { day: '2024-01-01', today: '2026-01-01', tenure: 'age' } }, /no column 'age'/],
    [{ snapshot: { day: '2024-01-01', today: '2026-01-01', tenure: 'tenure:weeks' } }, /days, months or years/],
    [
      { snapshot: { day: '2024-01-02', today: '2024-01-31' } },
      /would end on 2024-02-01, which is still to come.*\(2024-01-01 at the latest\)/,
    ],
    [{ snapshot: { day: '2024-13-99', today: '2026-01-01' } }, /2024-13-99 is no date/],
    [{ snapshot: { day: '2023-02-29', today: '2026-01-01' } }, /2023-02-29 is no date/],
    [{ attributes: ['colour'] }, /no column 'colour' \(--attributes\)/],
  ] satisfies [Partial<Wish>, RegExp][])('what cannot be read is said: %j', (more, message) => {
    const guess = guessMapping(header, rows, { ...wish, ...more }, 'USD');
    expect(guess.ok ? '' : guess.reason.message).toMatch(message);
  });

  test('a table of today is read when nobody has left, or within no days', () => {
    const today = '2024-01-01';
    const ends = (more: object) =>
      read({ snapshot: { day: today, today, ...more } }).events.filter(({ type }) => type === 'subscription.cancelled');
    expect(ends({ ended: 'none' })).toEqual([]);
    expect(ends({ withinDays: 0 }).map(({ at }) => day(at))).toEqual([today]);
  });

  test('a longer tenure never begins later', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 600 }), fc.integer({ min: 0, max: 600 }), (a, b) => {
        const snapshot = { day: '2024-02-29', tenure: 't', tenureUnit: 'months' as const, ended: null, withinDays: 30 };
        const start = (tenure: number) => spanOf(snapshot, String(tenure), '')!.start;
        expect(Math.sign(a - b)).toBe(Math.sign(start(b) < start(a) ? -1 : start(b) > start(a) ? 1 : 0));
      }),
    );
  });
});
