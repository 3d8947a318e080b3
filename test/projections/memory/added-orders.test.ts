// Columns that are continued from the orders that came, against columns computed anew from all entries after every message: the same bits.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Fact, StoredEvent } from '#domain/envelope.ts';
import { createLedger, type Ledger } from '#projections/memory/ledger.ts';
import { DOCUMENT } from '#projections/memory/record-layout.ts';
import { WORD } from '#projections/memory/row-layout.ts';
import { decodeMessage } from '#streams/pack.ts';
import { activity, apply, createWriter, event, order, refund, sidOf } from './scenario.ts';

const customers = ['ann', 'bob', 'cy', 'x1', 'x2'];
const step = fc.record({
  customer: fc.constantFrom(...customers, 'ann', 'ann'),
  /** Days since the event before; sometimes it is late. */
  days: fc.constantFrom(0, 0, 1, 1, 2, 5, -1, -7),
  key: fc.option(fc.integer({ min: 0, max: 30 }), { nil: null, freq: 3 }),
  minor: fc.constantFrom(0, 1, 2, 250, null, Number.MAX_SAFE_INTEGER),
  currency: fc.constantFrom('EUR', 'EUR', 'EUR', 'EUR', 'EUR', 'EUR', 'EUR', 'USD'),
  revision: fc.constantFrom(0, 0, 0, 1),
  source: fc.constantFrom('shop', 'shop', 'till'),
});
const kind = fc.constantFrom(
  ...Array.from({ length: 40 }, () => 'order' as const),
  ...([
    'refund',
    'named refund',
    'activity',
    'subscription',
    'link',
    'erase',
    'rates',
    'currency',
    'coverage',
  ] as const),
);
type Step = (typeof step extends fc.Arbitrary<infer T> ? T : never) & { kind: string; day: number; n: number };

function eventOf({ kind, customer, key, day, minor, currency, revision, source, n }: Step): StoredEvent {
  const own = `${key ?? `own ${n}`}`;
  const money = minor === null ? {} : { currency };
  if (kind === 'refund') return { ...refund(customer, own, day, minor ?? 1), ...money };
  if (kind === 'named refund') return refund(customer, `${n}`, day, minor ?? 1, own);
  if (kind === 'activity') return activity(customer, `${n}`, day, 'login');
  if (kind === 'subscription') return event(customer, { type: 'subscription.started', day, name: 'plan' });
  return order(customer, own, day, minor, { ...money, revision, source });
}

function factOf({ kind, customer, n }: Step): Fact | null {
  switch (kind) {
    case 'link':
      return { type: 'customer.linked', anonymous: sidOf(customer), known: sidOf(customers[n % 3]!) };
    case 'erase':
      return { type: 'customer.erased', sids: [sidOf(customer)], at: 0 };
    case 'rates':
      return { type: 'fx.rates.set', day: n % 9, rates: { USD: `1.${n % 9}` } };
    case 'currency':
      return { type: 'currency.set', reportingCurrency: n % 2 === 0 ? 'USD' : 'EUR' };
    case 'coverage':
      return { type: 'source.covered', source: 'shop', coverage: n % 9, burnInDays: 1, version: n };
    default:
      return null;
  }
}

/** What the columns say of every row: all words that other threads read, but the lock and the position, and the marks. */
const columnsOf = ({ rows }: Ledger): number[][] =>
  Array.from({ length: rows.count }, (_, row) => {
    const words = Array.from({ length: WORD.seq - WORD.firstDay }, (_, i) => rows.get(row, WORD.firstDay + i));
    return [...words, rows.get(row, WORD.marks)];
  });

test('columns continued order by order have the bits of columns computed from all entries: late, amended, refunded, linked, erased, other money', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(step, kind), { minLength: 1, maxLength: 120 }),
      fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 20, maxLength: 20 }),
      fc.array(fc.boolean(), { minLength: 7, maxLength: 7 }),
      (drawn, sizes, flushes) => {
        const [continued, anew] = [createLedger({ maxCustomers: 64 }), createLedger({ maxCustomers: 64 })];
        const writer = createWriter();
        let day = 100;
        const steps = drawn.map(([one, kind], n): Step => {
          day += one.days;
          return { ...one, kind, n: n + 1, day };
        });
        let seq = 0;
        const take = (bytes: Uint8Array) => {
          seq++;
          continued.applyMessage(seq, decodeMessage(bytes));
          if (flushes[seq % flushes.length] === true) continued.flushColumns();
          // Before it is applied: some facts flush by themselves.
          for (let row = 0; row < anew.rows.count; row++) anew.columns.mark(row, seq);
          anew.applyMessage(seq, decodeMessage(bytes));
          anew.flushColumns();
          if (flushes[seq % flushes.length] === true) expect(columnsOf(continued)).toEqual(columnsOf(anew));
        };
        let pack: StoredEvent[] = [];
        const close = () => {
          if (pack.length > 0) take(writer.pack(pack));
          pack = [];
        };
        for (const one of steps) {
          const fact = factOf(one);
          if (fact !== null) {
            close();
            take(writer.fact(fact));
          } else if (pack.push(eventOf(one)) >= sizes[one.n % sizes.length]!) close();
        }
        close();
        continued.flushColumns();
        expect(columnsOf(continued)).toEqual(columnsOf(anew));
      },
    ),
    { numRuns: 400 },
  );
});

test('a later order is added to the columns without reading the earlier ones; an earlier one has all of them read', () => {
  const ledger = createLedger({ maxCustomers: 64 });
  const writer = createWriter();
  apply(ledger, [writer.pack([order('ann', '1', 10, 100), order('ann', '2', 11, 50)])]);
  const row = ledger.rows.findSid(sidOf('ann'));
  // No event does this: it shows who looks.
  ledger.store.orders.setDouble(0, DOCUMENT.minor, 7_000);
  apply(ledger, [writer.pack([order('ann', '3', 12, 5), order('ann', '4', 12, 1)])]);
  expect(ledger.rows.getDouble(row, WORD.netMinor)).toBe(156);
  apply(ledger, [writer.pack([order('ann', '5', 9, 1)])]);
  expect(ledger.rows.getDouble(row, WORD.netMinor)).toBe(7_057);
});
