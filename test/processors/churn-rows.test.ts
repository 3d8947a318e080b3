// Training rows are what was known at the cut-off. The leakage probe: whatever happens, is told or is taken back afterwards, not one row changes.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_CHURN, DEFAULT_CONTRACTUAL, hasChurned, isEligible } from '#domain/churn-definition.ts';
import { FEATURE_SETS, featureRow } from '#domain/churn-features.ts';
import type { StoredEvent } from '#domain/envelope.ts';
import type { CustomerLedger } from '#domain/ledger-columns.ts';
import { type ChurnRows, rowsAt, survivalRows, tableOf } from '#processors/training/churn-rows.ts';
import { ledgersOf } from '#processors/training/ledgers.ts';
import type { LedgerOptions } from '#projections/memory/ledger.ts';
import { everybodyAt } from '#projections/memory/past/everybody.ts';
import { activity, createWriter, DAY, event, hex, order, refund, sidOf } from '../projections/memory/scenario.ts';
import { type Batch, type LogInMemory, logOf } from '../support/log-store.ts';

const T0 = 100;
const END_OF_T0 = (T0 + 1) * DAY - 1;
const ids = ['ann', 'bob', 'cy', 'dee'];
const small = { maxCustomers: 1 << 10 };

const folded = (store: LogInMemory['store'], seq: number, ledger: LedgerOptions) =>
  everybodyAt(store, seq, { ledger, snapshotDir: null, log: { info() {}, warn() {} } });

async function rowsOf(batches: Batch[], definition = DEFAULT_CHURN): Promise<ChurnRows> {
  const { store, seq } = logOf(batches);
  const known = await folded(store, seq, { ...small, knownUpTo: END_OF_T0 });
  return rowsAt(definition, T0, ledgersOf(known), ledgersOf(await folded(store, seq, small)));
}
const byCustomer = ({ features, customer }: ChurnRows) =>
  Object.fromEntries(customer.map((sid, i) => [sid, features[i]]).sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)));

const happened = (until: number) =>
  fc.array(
    fc.tuple(
      fc.constantFrom('order', 'refund', 'activity', 'attribute', 'started', 'cancelled'),
      fc.constantFrom(...ids),
      fc.integer({ min: 0, max: until }),
      fc.integer({ min: 1, max: 500 }),
    ),
    { maxLength: 30 },
  );
let n = 0;
function toEvents(list: [string, string, number, number][], from = 0): StoredEvent[] {
  return list.map(([kind, id, offset, minor]) => {
    const day = from + offset;
    const key = `k${n++}`;
    if (kind === 'order') return order(id, key, day, minor, { channel: [null, 'web', 'app'][minor % 3]! });
    if (kind === 'refund') return refund(id, key, day, minor);
    if (kind === 'activity') return activity(id, key, day, 'visit');
    if (kind === 'attribute')
      return event(id, {
        type: 'customer.identified',
        day,
        at: day * DAY,
        props: { contract: minor % 2 ? 'year' : 'month' },
      });
    return event(id, {
      type: kind === 'started' ? 'subscription.started' : 'subscription.cancelled',
      day,
      at: day * DAY,
    });
  });
}

describe('leakage probe', () => {
  test.each([DEFAULT_CHURN, DEFAULT_CONTRACTUAL])(
    '$kind: events after the cut-off, late ones before it, refunds and amendments change no row',
    async (definition) => {
      await fc.assert(
        fc.asyncProperty(
          happened(T0),
          happened(60),
          happened(T0),
          fc.boolean(),
          async (before, after, late, backfill) => {
            const first: Batch = { ingestedAt: T0 * DAY, events: toEvents(before), backfill };
            const base = await rowsOf([first], definition);
            const future: Batch[] = [
              { ingestedAt: (T0 + 50) * DAY, events: toEvents(after, T0 + 1) },
              // Happened before the cut-off, was told after it.
              { ingestedAt: (T0 + 2) * DAY, events: toEvents(late) },
              // What was known is amended and refunded later.
              {
                ingestedAt: (T0 + 5) * DAY,
                events: first.events.flatMap((each) =>
                  each.type === 'order.placed'
                    ? [{ ...each, revision: 7, minor: 1, day: each.day + 1, channel: 'till' }]
                    : [],
                ),
              },
              { ingestedAt: T0 * DAY, events: toEvents(after, T0 + 1), backfill: true },
            ];
            expect(byCustomer(await rowsOf([first, ...future], definition))).toEqual(byCustomer(base));
            expect(byCustomer(await rowsOf([...future.slice(1), first, future[0]!], definition))).toEqual(
              byCustomer(base),
            );
          },
        ),
        { numRuns: 60 },
      );
    },
  );

  test('a link made after the cut-off joins nothing before it; an erased customer has no row', async () => {
    const writer = createWriter();
    writer.ingestedAt = 50 * DAY;
    const messages = [
      writer.pack([order('ann', '1', 10, 5), { ...order('x', '2', 20, 5), anonymous: true }, order('bob', '3', 30, 5)]),
    ];
    writer.ingestedAt = (T0 + 1) * DAY;
    messages.push(writer.fact({ type: 'customer.linked', anonymous: sidOf('x'), known: sidOf('ann') }));
    messages.push(writer.fact({ type: 'customer.erased', sids: [sidOf('bob')], at: 0 }));
    const store = {
      async *read() {
        for (const [i, bytes] of messages.entries()) yield { seq: i + 1, bytes };
      },
    } as unknown as LogInMemory['store'];
    const known = ledgersOf(await folded(store, 3, { ...small, knownUpTo: END_OF_T0 }));
    const rows = rowsAt(DEFAULT_CHURN, T0, known, ledgersOf(await folded(store, 3, small)));
    expect(rows.customer).toEqual([hex(sidOf('ann'))]);
    expect(rows.features[0]).toMatchObject({ frequency: 0, age_days: 90 });
  });
});

test('a customer read as columns says what their entries say: every feature set, eligibility, label', async () => {
  await fc.assert(
    fc.asyncProperty(happened(200), fc.integer({ min: 0, max: 200 }), async (list, day) => {
      const events = toEvents(list).map((each, i) => (i % 5 === 4 ? { ...each, currency: 'USD' } : each));
      const { store, seq } = logOf([{ ingestedAt: T0 * DAY, events: events.filter((_, i) => i % 2 === 0) }]);
      const ledgers = ledgersOf(await folded(store, seq, small));
      const find = ledgers.finder();
      const said = (ledger: CustomerLedger) => ({
        rows: FEATURE_SETS.map(({ version }) => featureRow(ledger, day, ledgers.context, version)),
        asked: [DEFAULT_CHURN, DEFAULT_CONTRACTUAL, { ...DEFAULT_CHURN, activeWithinDays: 30 }].map((definition) => [
          isEligible(definition, ledger, day),
          hasChurned(definition, ledger, day),
        ]),
      });
      const readable = [...ledgers.customers()].map((entries) => [entries.sid, said(entries)]);
      expect(Array.from(ledgers.columns(), (columns) => [columns.sid, said(columns)])).toEqual(readable);
      expect(readable.map(([sid]) => [sid, said(find(sid as string)!)])).toEqual(readable);
    }),
    { numRuns: 60 },
  );
});

test('labels look past the cut-off and nowhere else', async () => {
  const base = [order('ann', 'a', 90, 5), order('bob', 'b', 90, 5), order('cy', 'c', 20, 5)];
  const rows = await rowsOf([
    { ingestedAt: T0 * DAY, events: base },
    { ingestedAt: (T0 + 90) * DAY, events: [order('bob', 'b2', T0 + 90, 5), order('cy', 'c2', T0 + 91, 5)] },
  ]);
  expect(Object.fromEntries(rows.customer.map((sid, i) => [sid, rows.label[i]]))).toEqual({
    [hex(sidOf('ann'))]: 1,
    [hex(sidOf('bob'))]: 0,
    [hex(sidOf('cy'))]: 1,
  });
});

test('one row per time under contract: length, end seen or not, what was first said', async () => {
  const mark = (id: string, type: StoredEvent['type'], day: number, key = 's') => ({
    ...order(id, `${id}${key}`, day, 900),
    type,
    name: 'gold',
  });
  const { store, seq } = logOf([
    {
      ingestedAt: 0,
      events: [
        mark('ann', 'subscription.started', 10),
        mark('ann', 'subscription.cancelled', 40),
        mark('ann', 'subscription.started', 43, 'again'),
        mark('bob', 'subscription.started', 20),
        event('bob', { type: 'customer.identified', day: 30, at: 30 * DAY, props: { contract: 'month' } }),
        event('bob', { type: 'customer.identified', day: 60, at: 60 * DAY, props: { contract: 'year' } }),
        mark('cy', 'subscription.started', 5),
        mark('cy', 'subscription.cancelled', 25),
      ],
    },
  ]);
  const ledgers = ledgersOf(await folded(store, seq, small));
  const rowsOf = (graceDays: number) => {
    const { customer, entry, duration, eventObserved } = survivalRows(
      { ...DEFAULT_CONTRACTUAL, graceDays },
      100,
      ledgers,
    );
    return customer
      .map((sid, i) => [ids.find((id) => hex(sidOf(id)) === sid), entry[i], duration[i], eventObserved[i]])
      .sort();
  };
  expect(rowsOf(0)).toEqual([
    ['ann', 0, 30, 1],
    ['ann', 0, 57, 0],
    // What is known of bob was first said ten days after the start.
    ['bob', 10, 80, 0],
    ['cy', 0, 20, 1],
  ]);
  expect(rowsOf(5)).toEqual([
    ['ann', 0, 90, 0],
    ['bob', 10, 80, 0],
    ['cy', 0, 20, 1],
  ]);
  const all = survivalRows(DEFAULT_CONTRACTUAL, 100, ledgers);
  expect(all.features[all.customer.indexOf(hex(sidOf('bob')))]).toEqual({
    plan: 'gold',
    subscription_price: 9,
    'attribute:contract': 'month',
  });
});

test('rows become columns: numbers, texts; what never varies or has too many levels is left out by name', () => {
  const { table, left } = tableOf(
    Array.from({ length: 200 }, (_, i) => ({
      x: i % 3 === 0 ? null : i,
      plan: i % 2 ? 'a' : 'b',
      same: 1,
      never: null,
      note: `n${i}`,
      mixed: i % 2 ? 1 : 'one',
    })),
  );
  expect([...table.keys()]).toEqual(['x', 'plan', 'mixed']);
  expect(table.get('x')).toBeInstanceOf(Float64Array);
  expect(Number.isNaN(table.get('x')![0])).toBe(true);
  expect(table.get('mixed')!.slice(0, 2)).toEqual(['one', '1']);
  expect(left).toEqual([
    { column: 'same', why: 'never varies' },
    { column: 'never', why: 'never known' },
    { column: 'note', why: '200 different texts' },
  ]);
});
