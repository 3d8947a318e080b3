// Customers in the order of a column, page by page, against a sort of all of them.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sidKeyOf } from '#projections/catalogue.ts';
import { openColumns } from '#projections/memory/columns.ts';
import { createLedger, type Ledger } from '#projections/memory/ledger.ts';
import { COLUMN_SORTS, type ColumnSort, type OrderedPlace, orderedRows } from '#projections/memory/ordered-rows.ts';
import { activity, apply, createWriter, order, refund, sidOf } from './scenario.ts';

interface Person {
  /** Days of purchases; without one an activity makes the customer known. */
  days: number[];
  minor: number;
  refunded: number;
}
const nameOf = (n: number) => `person ${n}`;

function ledgerOf(people: readonly Person[]): Ledger {
  const ledger = createLedger({ maxCustomers: 1 << 10 });
  const writer = createWriter();
  const events = people.flatMap(({ days, minor, refunded }, n) => [
    activity(nameOf(n), `seen ${n}`, 50, 'login'),
    ...days.map((day, i) => order(nameOf(n), `${n}/${i}`, day, minor)),
    ...(refunded > 0 ? [refund(nameOf(n), `r${n}`, 100, refunded)] : []),
  ]);
  if (events.length > 0) apply(ledger, [writer.pack(events)]);
  return ledger;
}

async function pages(ledger: Ledger, sort: ColumnSort, limit: number): Promise<string[][]> {
  const columns = openColumns(ledger.rows.handle);
  const found: string[][] = [];
  for (let after: OrderedPlace | null = null; ; ) {
    const page: Awaited<ReturnType<typeof orderedRows>> = await orderedRows(columns, sort, limit, after);
    found.push(page.sids.map((sid) => Buffer.from(sid).toString('hex')));
    after = page.next;
    if (after === null) return found;
  }
}
const hexOf = (n: number) => Buffer.from(sidOf(nameOf(n))).toString('hex');
const key = (n: number) => sidKeyOf(sidOf(nameOf(n)));

const person = fc.record({
  days: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 3 }),
  minor: fc.constantFrom(0, 1, 2, 500),
  refunded: fc.constantFrom(0, 0, 1, 3),
});

test('pages of any size, in any order, with ties and missing values, show every customer once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(person, { maxLength: 60 }),
      fc.constantFrom(...COLUMN_SORTS),
      fc.integer({ min: 1, max: 70 }),
      async (people, sort, limit) => {
        const ledger = ledgerOf(people);
        const shownBy = (n: number): number => {
          const { days, minor, refunded } = people[n]!;
          if (sort === 'last_day') return days.length > 0 ? Math.max(...days) : Number.NEGATIVE_INFINITY;
          if (sort === 'orders') return days.length;
          return days.length * minor - refunded;
        };
        const expected = people
          .map((_, n) => n)
          .sort((a, b) => (shownBy(a) === shownBy(b) ? (key(a) < key(b) ? -1 : 1) : shownBy(a) > shownBy(b) ? -1 : 1));
        const found = await pages(ledger, sort, limit);
        expect(found.flat()).toEqual(expected.map(hexOf));
        for (const page of found.slice(0, -1)) expect(page).toHaveLength(limit);
      },
    ),
    { numRuns: 100, endOnFailure: true },
  );
});

test('neither the erased nor those who are another customer by now are shown', async () => {
  const people = Array.from({ length: 6 }, (_, n) => ({ days: [n], minor: 100 * n, refunded: 0 }));
  const ledger = ledgerOf(people);
  const writer = createWriter();
  apply(ledger, [
    writer.fact({ type: 'customer.linked', anonymous: sidOf(nameOf(1)), known: sidOf(nameOf(4)) }),
    writer.fact({ type: 'customer.erased', sids: [sidOf(nameOf(5))], at: 0 }),
  ]);
  const canonical = Buffer.from(ledger.rows.sid(ledger.canonicalRow(sidOf(nameOf(4))))).toString('hex');
  for (const sort of COLUMN_SORTS) {
    const [shown] = await pages(ledger, sort, 10);
    expect(shown?.toSorted()).toEqual([canonical, hexOf(3), hexOf(2), hexOf(0)].sort());
  }
});
