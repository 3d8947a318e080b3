import { describe, expect, test } from 'vitest';
import { gapWarning } from '#domain/clock.ts';
import type { Fact } from '#domain/envelope.ts';
import { features } from '#domain/features.ts';
import { createRates } from '#domain/rates.ts';
import { COLUMN_FLAG, createCustomerColumns, openColumns } from '#projections/memory/columns.ts';
import { CounterGap } from '#projections/memory/counters.ts';
import { createLedger, type Ledger } from '#projections/memory/ledger.ts';
import { StateDigest } from '#projections/memory/state-digest.ts';
import { summarize } from '#projections/memory/summary.ts';
import { SequenceGap } from '#streams/event-store.ts';
import { decodeMessage } from '#streams/pack.ts';
import { activity, apply, createWriter, DAY, event, order, refund, sidOf } from './scenario.ts';

const small = (more = {}) => createLedger({ maxCustomers: 1 << 10, ...more });
const columnsOf = (ledger: Ledger, id: string) => {
  const columns = openColumns(ledger.rows.handle);
  const out = createCustomerColumns();
  return columns.read(columns.rowOf(sidOf(id)), out) ? out : null;
};
const run = (name: string) => ({ run: name });

describe('verdicts by run', () => {
  test('accepted, amended, duplicate, superseded, conflict; in events, rows, customers and money', () => {
    const writer = createWriter();
    const ledger = apply(small(), [
      writer.pack([
        order('ann', '1', 1, 100, { ...run('a'), lines: 3 }),
        order('ann', '1', 1, 100, { ...run('a'), lines: 2 }), // the same again
        order('bob', '2', 2, 50, run('a')),
        order('bob', '2', 2, 70, { ...run('a'), lines: 4, producerNumber: 9 }), // greater content at the same revision stays
        order('bob', '2', 2, 60, run('a')), // lesser content
        order('bob', '3', 2, null, run('a')),
        { ...refund('bob', '9', 4, 30), ...run('a') },
      ]),
      writer.pack([
        order('ann', '1', 1, 90, { ...run('b'), revision: 5 }), // amended
        order('ann', '1', 1, 100, run('b')), // older revision
        order('ann', '1', 1, 90, run('b')), // equal content, older revision
      ]),
    ]);
    expect(ledger.runs.stats('a')).toMatchObject({
      acceptedEvents: 4,
      acceptedRows: 6,
      duplicateEvents: 1,
      duplicateRows: 2,
      conflictEvents: 2,
      conflictRows: 5,
      customers: 2,
      gross: { EUR: 170 },
      refunds: { EUR: 30 },
    });
    expect(ledger.runs.stats('b')).toMatchObject({
      acceptedEvents: 1,
      amendedEvents: 1,
      duplicateEvents: 2,
      supersededEvents: 1,
      customers: 1,
      gross: { EUR: -10 },
    });
    expect(ledger.conflicts.after(0).map(({ number, minor, stays }) => ({ number, minor, stays }))).toEqual([
      { number: 1, minor: 70, stays: true },
      { number: 2, minor: 60, stays: false },
    ]);
    expect(ledger.conflicts.after(0)[0]).toMatchObject({ run: 'a', producerNumber: 9, lines: 4, seq: 1, index: 3 });
    expect(ledger.runs.stats('never')).toBeNull();
  });

  test('an order is recognised whatever its event id, for ever; twins with keys of their own survive', () => {
    const writer = createWriter();
    const ledger = apply(small(), [writer.pack([order('ann', 'row#1', 1, 100), order('ann', 'row#2', 1, 100)])]);
    writer.ingestedAt += 400 * DAY;
    apply(ledger, [writer.pack([order('ann', 'row#1', 1, 100), order('ann', 'row#2', 1, 100)])]);
    expect(ledger.runs.stats(null)).toMatchObject({ acceptedEvents: 2, duplicateEvents: 2, gross: { EUR: 200 } });
    expect(columnsOf(ledger, 'ann')).toMatchObject({ orders: 2, frequency: 0, netMinor: 200, currency: 'EUR' });
  });
});

describe('exactly once', () => {
  test('a pack that was sent again is passed over; a hole in the counters stops the fold and names the place', () => {
    const writer = createWriter('gw', 7);
    const first = writer.pack([order('ann', '1', 1, 100), order('ann', '2', 2, 100)]);
    const ledger = apply(small(), [first, first]);
    expect(ledger).toMatchObject({ position: 2, events: 2, repeated: 2 });
    expect(ledger.runs.stats(null)).toMatchObject({ acceptedEvents: 2, duplicateEvents: 0 });
    writer.pack([order('ann', '3', 3, 100)]);
    const later = decodeMessage(writer.pack([order('bob', '5', 5, 1), order('ann', '4', 4, 100)]));
    expect(() => ledger.applyMessage(3, later)).toThrow(CounterGap);
    expect(() => ledger.applyMessage(3, later)).toThrow(
      /EVT 3: events 2 to 2 of gateway and epoch gw:7, partition \d+/,
    );
    expect(ledger.entries(sidOf('bob'))).toBeNull();
    expect(ledger.position).toBe(2);
  });

  test('a position applied before is passed over; a missing one stops the fold', () => {
    const writer = createWriter();
    const message = decodeMessage(writer.pack([order('ann', '1', 1, 100)]));
    const ledger = small();
    expect(ledger.applyMessage(1, message)).toBe(true);
    expect(ledger.applyMessage(1, message)).toBe(false);
    expect(() => ledger.applyMessage(3, message)).toThrow(SequenceGap);
  });

  test('a new epoch counts from 0 again', () => {
    const messages = [1, 2].map((epoch) => createWriter('g', epoch).pack([order('ann', `${epoch}`, epoch, 1)]));
    expect(apply(small(), messages).store.orders.live).toBe(2);
  });
});

describe('activities', () => {
  test('are recognised within the window of ids, and counted unverifiable beyond it', () => {
    const writer = createWriter();
    const t0 = writer.ingestedAt;
    const day0 = Math.floor(t0 / DAY);
    const login = (hash: string, day: number) => activity('ann', hash, day, 'login', { at: day * DAY, ...run('r') });
    const ledger = apply(small({ idWindow: { maxIds: 1000, maxHours: 48 } }), [
      writer.pack([login('1', day0), login('1', day0), login('2', day0)]),
    ]);
    expect(ledger.runs.stats('r')).toMatchObject({ acceptedEvents: 2, duplicateEvents: 1, unverifiableEvents: 0 });
    writer.ingestedAt = t0 + 3 * DAY;
    apply(ledger, [writer.pack([login('1', day0), login('3', day0 + 3)])]);
    expect(ledger.runs.stats('r')).toMatchObject({ acceptedEvents: 4, duplicateEvents: 1, unverifiableEvents: 1 });
    expect(ledger.entries(sidOf('ann'))!.activities).toEqual([
      { day: day0, kind: 'login', count: 3 },
      { day: day0 + 3, kind: 'login', count: 1 },
    ]);
  });

  test('an identical file is all duplicates, also when the window has forgotten its ids', () => {
    const writer = createWriter();
    const t0 = writer.ingestedAt;
    const day0 = Math.floor(t0 / DAY);
    const started = (name: string, digest: string): Fact => ({
      type: 'import.started',
      run: name,
      source: 'shop',
      digest,
      backfill: true,
      amend: false,
      startedAt: writer.ingestedAt,
      coverage: 'complete',
    });
    const finished = (name: string): Fact => ({
      type: 'import.finished',
      run: name,
      rows: 2,
      events: 2,
      quarantinedRows: 0,
    });
    const file = (name: string) =>
      ['1', '2'].map((hash) => activity('ann', hash, day0, 'login', { at: day0 * DAY, ...run(name) }));
    const ledger = apply(small({ idWindow: { maxIds: 1000, maxHours: 48 } }), [
      writer.fact(started('first', 'd1')),
      writer.pack(file('first')),
      writer.fact(finished('first')),
    ]);
    const before = new StateDigest(ledger).value();
    writer.ingestedAt = t0 + 3 * DAY;
    apply(ledger, [writer.fact(started('again', 'd1')), writer.pack(file('again')), writer.fact(finished('again'))]);
    expect(ledger.runs.stats('again')).toMatchObject({ acceptedEvents: 0, duplicateEvents: 2, unverifiableEvents: 0 });
    expect(new StateDigest(ledger).value()).toBe(before);
    // Another file with the same ids cannot be told from news any more: applied and counted.
    writer.ingestedAt = t0 + 6 * DAY;
    apply(ledger, [writer.fact(started('other', 'd2')), writer.pack(file('other'))]);
    expect(ledger.runs.stats('other')).toMatchObject({ acceptedEvents: 2, unverifiableEvents: 2 });
  });

  test('the window never holds more than its limit', () => {
    const writer = createWriter();
    const events = Array.from({ length: 200 }, (_, i) => activity('ann', `${i}`, 1, 'view'));
    const ledger = apply(small({ idWindow: { maxIds: 50, maxHours: 48 } }), [writer.pack(events)]);
    expect(ledger.window.size).toBe(50);
    apply(ledger, [writer.pack(events.slice(150))]);
    expect(ledger.runs.stats(null)).toMatchObject({ acceptedEvents: 200, duplicateEvents: 50 });
  });

  test('the same id with another instant or name is another event, so that arrival cannot decide', () => {
    const a = activity('ann', 'same', 1, 'login', { at: 1 * DAY });
    const b = activity('ann', 'same', 2, 'login', { at: 2 * DAY });
    const digests = [
      [a, b],
      [b, a],
    ].map((events) => new StateDigest(apply(small(), [createWriter().pack(events)])).value());
    expect(digests[0]).toBe(digests[1]);
  });
});

describe('subscriptions, consent, identification', () => {
  test('one event id with two contents is joined the same way, whichever came first', () => {
    const eventHash = new Uint8Array(16).fill(7);
    const renewed = (revision: number, minor: number) => ({
      ...order('ann', 'sub-1', 10, minor),
      type: 'subscription.renewed' as const,
      eventHash,
      revision,
    });
    const consent = (granted: boolean) =>
      event('ann', { type: 'consent.changed', name: 'email', at: 5, eventHash, props: { granted } });
    for (const [a, b] of [
      [renewed(0, 100), renewed(1, 200)],
      [renewed(0, 100), renewed(0, 200)],
      [consent(true), consent(false)],
    ] as const) {
      const digests = [
        [a, b],
        [b, a, b],
      ].map((events) => new StateDigest(apply(small(), [createWriter().pack([...events])])).value());
      expect(digests[0]).toBe(digests[1]);
    }
  });

  test('marks are joined by subscription, step and day; the later consent stands, a withdrawal at a tie', () => {
    const writer = createWriter();
    const mark = (type: 'subscription.started' | 'subscription.cancelled', day: number) => ({
      ...order('ann', 'sub-1', day, 999),
      type,
      name: 'gold',
    });
    const consent = (at: number, granted: boolean) =>
      event('ann', { type: 'consent.changed', name: 'email', at, props: { granted } });
    const ledger = apply(small(), [
      writer.pack([mark('subscription.cancelled', 40), mark('subscription.started', 10)]),
      writer.pack([mark('subscription.started', 10), consent(5, true), consent(5, false), consent(4, true)]),
      writer.pack([event('bob', { type: 'customer.identified' })]),
    ]);
    const entries = ledger.entries(sidOf('ann'))!;
    expect(entries.subscriptions.map(({ day, step, plan, minor }) => [day, step, plan, minor])).toEqual([
      [10, 'started', 'gold', 999],
      [40, 'cancelled', 'gold', 999],
    ]);
    expect(entries.consents).toEqual([{ purpose: 'email', granted: false, at: 5 }]);
    expect(entries.orders).toEqual([]);
    expect(ledger.entries(sidOf('bob'))).toMatchObject({ orders: [], erased: false });
    expect(ledger.customers).toBe(2);
    expect(columnsOf(ledger, 'ann')).toMatchObject({ changeDay: 40, frequency: 0 });
  });
});

test('attributes hold from their day on, on subscriptions and identifications, and only where the policy lets them through', () => {
  const writer = createWriter();
  const ledger = apply(small(), [
    writer.pack([
      event('ann', { type: 'customer.identified', day: 20, at: 20, props: { contract: 'year', seats: 3 } }),
      event('ann', { type: 'subscription.started', day: 10, at: 10, props: { contract: 'month' } }),
      event('ann', { type: 'activity.recorded', name: 'call', day: 30, at: 30, props: { contract: 'no attribute' } }),
    ]),
  ]);
  const entries = ledger.entries(sidOf('ann'))!;
  const on = (day: number) => features(entries, day, { rates: createRates('EUR') }).attributes;
  expect(on(9)).toEqual({});
  expect(on(19)).toEqual({ contract: 'month' });
  expect(on(99)).toEqual({ contract: 'year', seats: 3 });
  expect(columnsOf(ledger, 'ann')).toMatchObject({ changeDay: 30 });
});

describe('links (facts §7)', () => {
  const link = (anonymous: string, known: string) => ({
    type: 'customer.linked' as const,
    anonymous: sidOf(anonymous),
    known: sidOf(known),
  });

  test('ledgers are united at the known sid; later events of the anonymous one go there', () => {
    const writer = createWriter();
    const ledger = apply(small(), [
      writer.pack([order('anon', '1', 1, 100), order('ann', '2', 5, 100), order('anon', '2', 5, 100)]),
      writer.fact(link('anon', 'ann')),
      writer.pack([order('anon', '3', 9, 100)]),
    ]);
    expect(ledger.customers).toBe(1);
    expect(ledger.entries(sidOf('anon'))!.sid).toBe(ledger.entries(sidOf('ann'))!.sid);
    expect(ledger.entries(sidOf('ann'))!.orders.map((o) => o.day)).toEqual([1, 5, 9]);
    expect(columnsOf(ledger, 'anon')).toEqual(columnsOf(ledger, 'ann'));
    expect(columnsOf(ledger, 'ann')).toMatchObject({ firstDay: 1, lastDay: 9, frequency: 2, flags: 0 });
  });

  test('between two known sids the smaller by bytes is canonical, however the facts arrive', () => {
    const [low, high] = ['p', 'q'].sort((a, b) => Buffer.compare(sidOf(a), sidOf(b))) as [string, string];
    const facts = [link('x', high), link('y', low), link(high, low)];
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
    ]) {
      const writer = createWriter();
      const ledger = apply(
        small(),
        order.map((i) => writer.fact(facts[i]!)),
      );
      const entries = ledger.entries(sidOf('x'))!;
      expect(entries.sid).toBe(Buffer.from(sidOf(low)).toString('hex'));
      expect(entries.linked).toHaveLength(3);
      expect(ledger.customers).toBe(1);
    }
  });
});

describe('erasure (facts §8)', () => {
  const erase = (...ids: string[]) => ({ type: 'customer.erased' as const, sids: ids.map(sidOf), at: 1 });

  test('leaves {sid, erased}; counts and money move to monthly totals; a later event counts there as if it had come before', () => {
    const writer = createWriter();
    const january = 19_723; // 2024-01-01
    const login = activity('ann', 'l', january, 'login', { at: january * DAY });
    const ledger = apply(small(), [
      writer.pack([
        login,
        order('ann', '1', january, 100),
        order('ann', '2', january + 31, 50),
        refund('ann', '3', january, 9),
        order('bob', '1', 1, 1),
      ]),
      writer.fact(erase('ann')),
      writer.pack([
        login,
        activity('ann', 'm', january + 1, 'view', { at: (january + 1) * DAY }),
        ...[order('ann', '4', january + 40, 70), order('ann', '1', january, 100), order('ann', '1', january, 80)],
        order('ann', '2', january + 31, 45, { revision: 1 }),
      ]),
      writer.pack([order('ann', '4', january + 40, 70, run('late'))]),
    ]);
    expect(ledger.entries(sidOf('ann'))).toMatchObject({ erased: true, orders: [], refunds: [] });
    expect(columnsOf(ledger, 'ann')).toMatchObject({ orders: 0, netMinor: 0, flags: COLUMN_FLAG.erased });
    expect(ledger).toMatchObject({ customers: 1 });
    expect(ledger.store.orders.live).toBe(1);
    expect(ledger.erasedTotals.customers).toBe(1);
    expect(ledger.erasedTotals.list()).toEqual([
      { month: '2024-01', orders: 1, refunds: 1, activities: 2, gross: { EUR: 100 }, refunded: { EUR: 9 } },
      { month: '2024-02', orders: 2, refunds: 0, activities: 0, gross: { EUR: 115 }, refunded: {} },
    ]);
    expect(ledger.runs.stats('late')).toMatchObject({ acceptedEvents: 0, ignoredEvents: 1, ignoredRows: 1 });
  });

  test('holds before the first event too, and through a link', () => {
    const writer = createWriter();
    const ledger = apply(small(), [
      writer.fact(erase('ann')),
      writer.pack([order('ann', '1', 1, 100), order('anon', '2', 1, 100)]),
      writer.fact({ type: 'customer.linked', anonymous: sidOf('anon'), known: sidOf('ann') }),
    ]);
    expect(ledger.entries(sidOf('anon'))).toMatchObject({ erased: true, orders: [] });
    expect(ledger.customers).toBe(0);
    expect(ledger.erasedTotals.save()).toMatchObject({ customers: 1, months: [{ orders: 2, gross: { EUR: 200 } }] });
  });
});

describe('facts for all customers', () => {
  test('rates make foreign money count; a new reporting currency starts without rates', () => {
    const writer = createWriter();
    const ledger = apply(small(), [
      writer.pack([order('ann', '1', 1, 100), order('ann', '2', 5, 100, { currency: 'USD' })]),
    ]);
    expect(columnsOf(ledger, 'ann')).toMatchObject({ flags: COLUMN_FLAG.noRate, moneyMinor: 0, currency: '' });
    apply(ledger, [writer.fact({ type: 'fx.rates.set', day: 0, rates: { USD: '0.9' } })]);
    expect(columnsOf(ledger, 'ann')).toMatchObject({
      flags: 0,
      moneyMinor: 90,
      netMinor: 190,
      currency: 'EUR',
      seq: 2,
    });
    apply(ledger, [writer.fact({ type: 'currency.set', reportingCurrency: 'USD' })]);
    expect(columnsOf(ledger, 'ann')).toMatchObject({ flags: COLUMN_FLAG.noRate, seq: 3 });
    apply(ledger, [writer.fact({ type: 'fx.rates.set', day: 0, rates: { EUR: 'nonsense' } })]);
    expect(ledger.workspace.facts.problems).toEqual([
      { seq: 4, type: 'fx.rates.set', reason: expect.stringMatching(/EUR is not a positive decimal/) },
    ]);
  });

  describe('left truncation (facts §9)', () => {
    const covered = (source: string, coverage: 'complete' | number, burnInDays: number, version: number): Fact => ({
      type: 'source.covered',
      ...{ source, coverage, burnInDays, version },
    });
    const from = (source: string) => ({ source });
    const truncated = (ledger: Ledger, ...ids: string[]) =>
      ids.filter((id) => (columnsOf(ledger, id)!.flags & COLUMN_FLAG.leftTruncated) !== 0);
    const everybody = ['before', 'soon', 'later', 'other', 'both', 'again'];
    const orders = [
      order('before', '1', 90, 1, from('till')),
      order('soon', '2', 129, 1, from('till')),
      order('later', '3', 130, 1, from('till')),
      order('other', '4', 90, 1, from('shop')),
      order('both', '5', 95, 1, from('shop')),
      order('both', '6', 200, 1, from('till')),
      order('again', '7', 95, 1, from('shop')),
      order('again', '7', 95, 1, from('till')), // the same order, told by the other source too
    ];

    test('a first purchase before DATE + burn-in may not be the first, for customers of that source; the latest word counts', () => {
      const writer = createWriter();
      const ledger = apply(small(), [writer.pack(orders)]);
      expect(truncated(ledger, ...everybody)).toEqual([]);
      apply(ledger, [writer.fact(covered('till', 100, 30, 7))]);
      expect(truncated(ledger, ...everybody)).toEqual(['before', 'soon', 'both', 'again']);
      expect(columnsOf(ledger, 'both')).toMatchObject({ firstDay: 95, seq: 2 });
      apply(ledger, [writer.fact(covered('till', 'complete', 30, 6))]); // overtaken on its way
      expect(truncated(ledger, ...everybody)).toEqual(['before', 'soon', 'both', 'again']);
      apply(ledger, [writer.fact(covered('till', 90, 0, 8))]);
      expect(truncated(ledger, ...everybody)).toEqual([]);
      apply(ledger, [writer.fact(covered('shop', 96, 0, 9))]);
      expect(truncated(ledger, ...everybody)).toEqual(['other', 'both', 'again']);
      expect(columnsOf(ledger, 'before')).toMatchObject({ seq: 4 }); // nothing new about this one
      apply(ledger, [writer.fact(covered('shop', 'complete', 0, 10))]);
      expect(truncated(ledger, ...everybody)).toEqual([]);
    });

    test('refunds and activities are no orders: their source says nothing', () => {
      const writer = createWriter();
      const ledger = apply(small(), [
        writer.fact(covered('till', 100, 30, 1)),
        writer.pack([
          order('ann', '1', 90, 1, from('shop')),
          { ...refund('ann', '2', 91, 1), source: 'till' },
          activity('ann', '3', 92, 'login', from('till')),
        ]),
      ]);
      expect(truncated(ledger, 'ann')).toEqual([]);
    });

    test('what an import alone said holds for its source, without a burn-in, until the source says more', () => {
      const writer = createWriter();
      const imported = (coverage: number): Fact => ({
        type: 'import.started',
        ...{ run: `r${coverage}`, source: 'till', digest: '', backfill: true, amend: false, startedAt: 1, coverage },
      });
      const ledger = apply(small(), [writer.pack(orders), writer.fact(imported(129)), writer.fact(imported(100))]);
      expect(truncated(ledger, ...everybody)).toEqual(['before', 'both', 'again']);
      apply(ledger, [writer.fact(covered('till', 'complete', 0, 1))]);
      expect(truncated(ledger, ...everybody)).toEqual([]);
      apply(ledger, [writer.fact(imported(140))]);
      expect(truncated(ledger, ...everybody)).toEqual([]);
    });

    test('with more than 27 sources, those greatest by name are as one, whatever came first', () => {
      const names = Array.from({ length: 40 }, (_, i) => `s${String(i).padStart(2, '0')}`);
      const events = names.map((name, i) => order(name, name, i < 30 ? 95 : 300, 1, from(name)));
      const answers = [
        names,
        [...names].reverse(),
        names.toSorted((a, b) => (a.slice(2) + a < b.slice(2) + b ? -1 : 1)),
      ].map((sequence) => {
        const writer = createWriter();
        const packs = sequence.map((name) => writer.pack([events[names.indexOf(name)]!]));
        const facts = [covered('s03', 100, 0, 1), covered('s35', 90, 6, 2)].map((fact) => writer.fact(fact));
        return truncated(apply(small(), [...packs.slice(0, 20), ...facts, ...packs.slice(20)]), ...names);
      });
      // s27 to s29 have bought from one of "all others", of which one does not know the days before 96.
      expect(answers).toEqual(Array(3).fill(['s03', 's27', 's28', 's29']));
    });
  });

  test('a fact of a newer version is reported once a type, and the rest goes on', () => {
    const writer = createWriter();
    const newer = { type: 'loyalty.granted', points: 3 } as unknown as Fact;
    const ledger = apply(small(), [writer.fact(newer), writer.fact(newer), writer.pack([order('ann', '1', 1, 1)])]);
    expect(ledger.position).toBe(3);
    expect(ledger.unknownTypes).toBe(2);
    expect(ledger.workspace.facts.problems).toEqual([
      { seq: 1, type: 'loyalty.granted', reason: expect.stringContaining('newer version') },
    ]);
    expect(columnsOf(ledger, 'ann')).toMatchObject({ orders: 1, seq: 3 });
  });

  test('customers first seen before the coverage of an import are left-truncated', () => {
    const writer = createWriter();
    const started = (coverage: 'complete' | number) =>
      writer.fact({
        type: 'import.started',
        run: 'a',
        source: 'shop',
        digest: '',
        backfill: true,
        amend: false,
        startedAt: 1,
        coverage,
      });
    const ledger = apply(small(), [writer.pack([order('ann', '1', 10, 1), order('bob', '2', 20, 1)]), started(20)]);
    expect(columnsOf(ledger, 'ann')).toMatchObject({ flags: COLUMN_FLAG.leftTruncated });
    expect(columnsOf(ledger, 'bob')).toMatchObject({ flags: 0 });
  });

  test('the stamped day stands; a later zone table given at a rebuild computes it anew, except for dates without time', () => {
    const events = [
      order('ann', '1', 1, 1, { at: 1 * DAY + 23.5 * 3_600_000, dateOnly: false, zoneVersion: 1 }),
      order('ann', '2', 5, 1, { zoneVersion: 1 }),
    ];
    const days = (ledger: Ledger) => ledger.entries(sidOf('ann'))!.orders.map((o) => o.day);
    const fold = (more = {}) => apply(small(more), [createWriter().pack(events)]);
    expect(days(fold())).toEqual([1, 5]);
    expect(days(fold({ zone: { version: 2, offsets: [[0, 60]] } }))).toEqual([2, 5]);
    expect(days(fold({ zone: { version: 1, offsets: [[0, 60]] } }))).toEqual([1, 5]);
  });

  test('known_at bounds a refold: event time for backfill runs, arrival for live input', () => {
    const writer = createWriter();
    writer.ingestedAt = 100 * DAY;
    const started = {
      run: 'fill',
      source: 'shop',
      digest: '',
      amend: false,
      startedAt: 1,
      coverage: 'complete' as const,
    };
    const messages = [
      writer.fact({ type: 'import.started', backfill: true, ...started }),
      writer.pack([order('ann', '1', 10, 1, run('fill')), order('ann', '2', 60, 1, run('fill'))]),
      writer.pack([order('ann', '3', 11, 1)]),
    ];
    const ledger = apply(small({ knownUpTo: 50 * DAY }), messages);
    expect(ledger.entries(sidOf('ann'))!.orders.map((o) => o.day)).toEqual([10]);
  });
});

test('a customer with an absurd amount is left out of the statistics of spend, and nobody else is', () => {
  const ledger = apply(small(), [
    createWriter().pack([
      order('ann', '1', 10, 100),
      order('ann', '2', 20, 100),
      order('bob', '3', 10, 100),
      order('bob', '4', 20, 2 ** 47),
    ]),
  ]);
  const { histories, spend, excluded } = summarize(ledger, 30);
  expect([...histories.weight]).toEqual([2]);
  expect([[...spend.frequency], [...spend.monetaryValue], [...spend.weight]]).toEqual([[1], [1], [1]]);
  expect(excluded.noRate).toBe(1);
});

test('of two decisions on one kind of model the later stays in force, although its barrier came first', () => {
  const writer = createWriter();
  const deployed = (ctlSequence: number, kind = 'clv'): Fact => ({
    type: 'model.deployed',
    ctlSequence,
    kind,
    model: kind,
    version: ctlSequence,
    digest: String(ctlSequence),
    at: 0,
  });
  const facts = [deployed(7), deployed(6), deployed(7), deployed(5, 'churn'), deployed(8)];
  const ledger = apply(
    small(),
    facts.map((fact) => writer.fact(fact)),
  );
  expect(ledger.workspace.deployments.map(({ seq, kind, version }) => [seq, kind, version])).toEqual([
    [1, 'clv', 7],
    [4, 'churn', 5],
    [5, 'clv', 8],
  ]);
});

test('the two largest days are known, whatever the order of arrival: a wide gap before the last is told', () => {
  for (const days of [
    [100, 110, 141],
    [141, 110, 100],
    [110, 141, 100, 110],
  ]) {
    const ledger = apply(small(), [createWriter().pack(days.map((day, i) => order('ann', `${i}`, day, 1)))]);
    expect([ledger.clockDay, ledger.priorDay]).toEqual([141, 110]);
    expect(gapWarning(ledger.clockDay, ledger.priorDay)).toMatch(/1970-05-22.*31 days after.*1970-04-21/);
  }
  const one = apply(small(), [createWriter().pack([order('ann', '1', 20_000, 1)])]);
  expect(gapWarning(one.clockDay, one.priorDay)).toBeNull();
  expect(gapWarning(130, 100)).toBeNull();
});

test('columns equal features(entries) for every day from the last change on', () => {
  const writer = createWriter();
  const ledger = apply(small(), [
    writer.pack([
      ...[3, 3, 8, 12, 20].map((day, i) => order('ann', `${i}`, day, i === 2 ? null : 100 * i)),
      refund('ann', 'r', 25, 300),
    ]),
  ]);
  const f = features(ledger.entries(sidOf('ann'))!, 30, { rates: createRates('EUR') });
  const { firstDay, lastDay, frequency, moneyDays, moneyMinor, orders, netMinor, currency } = f;
  expect(columnsOf(ledger, 'ann')).toEqual({
    ...{ firstDay, lastDay, frequency, moneyDays, moneyMinor, orders, netMinor, currency },
    changeDay: 25,
    flags: 0,
    seq: 1,
  });
  expect(f).toMatchObject({ frequency: 3, moneyDays: 1, moneyMinor: 400, matchedRefunds: 1 });
});
