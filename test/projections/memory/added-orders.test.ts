// Columns that are continued from the orders that came, against columns computed anew from all entries after every message: the same bits.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Fact, StoredEvent } from '#domain/envelope.ts';
import { createLedger, type Ledger } from '#projections/memory/ledger.ts';
import { DOCUMENT } from '#projections/memory/record-layout.ts';
import { COLUMN_FLAG, WORD } from '#projections/memory/row-layout.ts';
import { decodeMessage } from '#streams/pack.ts';
import { activity, apply, createWriter, event, hex, order, refund, sidOf } from './scenario.ts';

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
  channel: fc.constantFrom(null, null, 'web', 'app'),
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
interface Step {
  customer: string;
  days: number;
  key: number | null;
  minor: number | null;
  currency: string;
  revision: number;
  source: string;
  channel: string | null;
  kind: string;
  day: number;
  n: number;
}

function eventOf({ kind, customer, key, day, minor, currency, revision, source, channel, n }: Step): StoredEvent {
  const own = `${key ?? `own ${n}`}`;
  const money = minor === null ? {} : { currency };
  if (kind === 'refund') return { ...refund(customer, own, day, minor ?? 1), ...money };
  if (kind === 'named refund') return refund(customer, `${n}`, day, minor ?? 1, own);
  if (kind === 'activity') return activity(customer, `${n}`, day, 'login');
  if (kind === 'subscription') return event(customer, { type: 'subscription.started', day, name: 'plan' });
  return order(customer, own, day, minor, { ...money, revision, source, channel });
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

/** Runs a log through two ledgers: one continues its columns, the other computes them from all entries after every message. */
function compare(
  drawn: readonly [Omit<Step, 'kind' | 'day' | 'n'>, string][],
  sizes: readonly number[],
  flushes: readonly boolean[],
): void {
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
}
const sizes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 20, maxLength: 20 });
const flushes = fc.array(fc.boolean(), { minLength: 7, maxLength: 7 });

test('columns continued order by order have the bits of columns computed from all entries: late, amended, refunded, linked, erased, other money', () => {
  const drawn = fc.array(fc.tuple(step, kind), { minLength: 1, maxLength: 120 });
  fc.assert(fc.property(drawn, sizes, flushes, compare), { numRuns: 400 });
});

test('so have those of customers with many documents, on any day, with refunds of amounts that were paid and of others', () => {
  const many = fc.record({
    customer: fc.constantFrom('ann', 'ann', 'ann', 'ann', 'ann', 'bob', 'x1'),
    days: fc.constantFrom(0, 1, 3, -1, -2, 30, -30),
    key: fc.option(fc.integer({ min: 0, max: 300 }), { nil: null, freq: 9 }),
    minor: fc.oneof(
      fc.integer({ min: 0, max: 5_000 }),
      fc.constantFrom(0, 7, 8, null, 2 ** 33 + 7),
      fc.constantFrom(1, 1, 1, 1, 2, 3, 4, 5, 6, Number.MAX_SAFE_INTEGER - 2_000_000),
    ),
    currency: fc.oneof({ arbitrary: fc.constant('EUR'), weight: 200 }, { arbitrary: fc.constant('USD'), weight: 1 }),
    revision: fc.oneof({ arbitrary: fc.constant(0), weight: 30 }, { arbitrary: fc.constant(1), weight: 1 }),
    source: fc.constant('shop'),
    channel: fc.constantFrom(null, 'web', 'app'),
  });
  const kinds = fc.oneof(
    { arbitrary: fc.constant('order'), weight: 80 },
    { arbitrary: fc.constant('refund'), weight: 14 },
    { arbitrary: fc.constant('named refund'), weight: 4 },
    { arbitrary: fc.constantFrom('activity', 'subscription', 'link', 'rates', 'currency', 'erase'), weight: 1 },
  );
  const drawn = fc.array(fc.tuple(many, kinds), { minLength: 120, maxLength: 260, size: 'max' });
  fc.assert(fc.property(drawn, sizes, flushes, compare), { numRuns: 60, endOnFailure: true });
});

test('who is anonymous is in the columns also when a link joins nobody, and when an event adds nothing but that', () => {
  const ledger = createLedger({ maxCustomers: 64 });
  const writer = createWriter();
  const [first, middle, last] = ['ann', 'bob', 'cy'].sort((a, b) => (hex(sidOf(a)) < hex(sidOf(b)) ? -1 : 1));
  const link = (anonymous: string, known: string) =>
    writer.fact({ type: 'customer.linked', anonymous: sidOf(anonymous), known: sidOf(known) });
  const flags = (name: string) => ledger.rows.get(ledger.rows.findSid(sidOf(name)), WORD.currencyAndFlags) >>> 24;
  apply(ledger, [link(middle!, first!), link(last!, first!)]);
  expect(flags(last!)).toBe(COLUMN_FLAG.linked | COLUMN_FLAG.anonymous);
  // They are one customer already, and go by the first one's id.
  apply(ledger, [link(middle!, last!)]);
  expect(flags(last!)).toBe(COLUMN_FLAG.linked);

  apply(ledger, [writer.pack([order('x1', '1', 10, 100)])]);
  expect(flags('x1')).toBe(0);
  apply(ledger, [writer.pack([order('x1', '1', 10, 100, { anonymous: true })])]);
  expect(flags('x1')).toBe(COLUMN_FLAG.anonymous);
});

test('a customer of whose orders only the channel changes has changed, as of that message, and their columns stay', () => {
  const ledger = createLedger({ maxCustomers: 64 });
  const writer = createWriter();
  const by = (channel: string | null, revision = 0) =>
    apply(ledger, [writer.pack([order('ann', '1', 10, 100, { channel, revision })])]).entries(sidOf('ann'))!;
  const said = ({ seq, orders }: ReturnType<typeof by>) => [seq, orders.map(({ channel }) => channel)];
  expect(said(by('app'))).toEqual([1, ['app']]);
  const columns = columnsOf(ledger);
  expect(said(by('web'))).toEqual([2, ['web']]);
  expect(said(by('app'))).toEqual([2, ['web']]);
  expect(said(by(null))).toEqual([2, ['web']]);
  expect(said(by(null, 1))).toEqual([5, [null]]);
  expect(columnsOf(ledger)).toEqual(columns);
  expect(ledger.runs.stats(null)).toMatchObject({ acceptedEvents: 1, duplicateEvents: 4, gross: { EUR: 100 } });
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

test('of a customer with many documents, an order of an earlier day and a refund of an amount that nobody paid are added without reading the others', () => {
  const ledger = createLedger({ maxCustomers: 64 });
  const writer = createWriter();
  apply(ledger, [writer.pack(Array.from({ length: 40 }, (_, n) => order('ann', `${n}`, 10 + 2 * n, 1_000 + n)))]);
  apply(ledger, [writer.pack([order('ann', 'late', 9, 5_000)])]);
  const row = ledger.rows.findSid(sidOf('ann'));
  const net = () => ledger.rows.getDouble(row, WORD.netMinor);
  const sum = 40 * 1_000 + (39 * 40) / 2 + 5_000;
  expect([net(), ledger.rows.get(row, WORD.firstDay), ledger.rows.get(row, WORD.frequency)]).toEqual([sum, 9, 40]);
  // No event does this: it shows who looks.
  ledger.store.orders.setDouble(3, DOCUMENT.minor, 900_000);
  apply(ledger, [
    writer.pack([order('ann', 'between', 13, 70), refund('ann', 'r1', 60, 333), order('ann', 'later', 400, 1)]),
  ]);
  expect(net()).toBe(sum + 70 - 333 + 1);
  expect(ledger.rows.get(row, WORD.frequency)).toBe(42);
  expect(ledger.rows.getDouble(row, WORD.moneyMinor)).toBe(sum - 5_000 + 71);
  // This one may belong to order 5: now all of them are read.
  apply(ledger, [writer.pack([refund('ann', 'r2', 60, 1_005)])]);
  expect(net()).toBe(sum + 70 - 333 + 1 - 1_005 + (900_000 - 1_003));
  // And so they are when an order comes that a refund has named before.
  apply(ledger, [writer.pack([refund('ann', 'r3', 500, 10, 'future')])]);
  const money = ledger.rows.getDouble(row, WORD.moneyMinor);
  apply(ledger, [writer.pack([order('ann', 'future', 450, 25)])]);
  expect(ledger.rows.getDouble(row, WORD.moneyMinor)).toBe(money + 15);
});
