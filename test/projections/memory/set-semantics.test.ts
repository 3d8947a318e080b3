// The state is a function of the SET of events: whatever the order, repetition, split or delay, the same digests, equal to
// those of the fold in test/support/independent-fold.ts, which shares no code with the ledger.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Fact, StoredEvent } from '#domain/envelope.ts';
import { createLedger, type Ledger } from '#projections/memory/ledger.ts';
import { portableDigest, StateDigest } from '#projections/memory/state-digest.ts';
import {
  independentFold,
  independentlyTruncated,
  type PlainCoverage,
  type PlainEvent,
  type PlainLink,
} from '../../support/independent-fold.ts';
import { activity, apply, createWriter, hex, order, refund, sidOf } from './scenario.ts';

const known = ['ann', 'bob', 'cy', 'dee'];
const anonymous = ['x1', 'x2', 'x3'];
const links: PlainLink[] = [
  { anonymous: 'x1', known: 'ann' },
  { anonymous: 'x2', known: 'ann' },
  { anonymous: 'x3', known: 'bob' },
];
const idOf = new Map([...known, ...anonymous].map((id) => [hex(sidOf(id)), id]));
const resolve = (sid: Uint8Array) => idOf.get(hex(sid)) ?? null;

const plain = fc.record({
  kind: fc.constantFrom('order', 'order', 'order', 'refund'),
  customer: fc.constantFrom(...known, ...anonymous),
  key: fc.integer({ min: 0, max: 12 }).map(String),
  day: fc.integer({ min: 0, max: 9 }),
  minor: fc.option(fc.integer({ min: 0, max: 3 }), { nil: null, freq: 8 }),
  currency: fc.constantFrom('EUR', 'EUR', 'USD'),
  revision: fc.constantFrom(0, 0, 0, 1, 2, 4_000_000_000),
  source: fc.constantFrom('shop', 'shop', 'till', 'web'),
  // The last two stand the other way round in UTF-16.
  channel: fc.constantFrom(null, null, 'app', 'web', 'web', '\uFF57', '\u{1F6D2}'),
});
type Plain = (typeof plain extends fc.Arbitrary<infer T> ? T : never) & { kind: 'order' | 'refund' };

const toPlain = (e: Plain): PlainEvent => ({ ...e, currency: e.minor === null ? null : e.currency });
const toStored = (e: PlainEvent): StoredEvent => {
  const { day, minor, currency, revision, source = 'shop', channel = null } = e;
  const base = e.kind === 'order' ? order(e.customer, e.key, day, minor) : refund(e.customer, e.key, day, 0);
  return { ...base, minor, currency, revision, source, channel };
};
const linkFact = (link: PlainLink): Fact => ({
  type: 'customer.linked',
  anonymous: sidOf(link.anonymous),
  known: sidOf(link.known),
});

/** Shuffles events and facts together, repeats some, and cuts them into packs: one possible history of the same set. */
function history(events: StoredEvent[], facts: Fact[], seed: number): Uint8Array[] {
  let state = seed | 0;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 8) / 2 ** 24;
  };
  type Item = { event: StoredEvent } | { fact: Fact };
  const items: Item[] = [...events.map((e) => ({ event: e })), ...facts.map((fact) => ({ fact }))];
  const repeats = items.filter(() => random() < 0.3);
  const shuffled = [...items, ...repeats].map((item) => ({ item, at: random() })).sort((a, b) => a.at - b.at);
  const writer = createWriter('g1', seed & 7);
  const messages: Uint8Array[] = [];
  let pack: StoredEvent[] = [];
  const close = () => {
    if (pack.length === 0) return;
    const bytes = writer.pack(pack);
    messages.push(bytes);
    if (random() < 0.2) messages.push(bytes);
    pack = [];
  };
  for (const { item } of shuffled) {
    if ('event' in item) pack.push(item.event);
    else {
      close();
      messages.push(writer.fact(item.fact));
    }
    if (random() < 0.3) close();
  }
  close();
  return messages;
}

const small = () => createLedger({ maxCustomers: 1 << 10 });
/** Orders that name a channel, by customer: [day, minor, currency, channel]. */
const namedOf = (ledger: Ledger) =>
  new Map(
    [...ledger.canonicalRows()].flatMap((row) => {
      const { sid, orders } = ledger.entries(ledger.rows.sid(row))!;
      const named = orders.filter(({ channel }) => channel !== null);
      const rows = named.map((o) => JSON.stringify([o.day, o.minor, o.currency, o.channel])).sort();
      return rows.length === 0 ? [] : [[idOf.get(sid)!, rows] as const];
    }),
  );
const grossOf = (ledger: Ledger) =>
  known
    .concat(anonymous)
    .map((id) => ledger.entries(sidOf(id)))
    .filter((e, i, all) => e !== null && all.findIndex((other) => other?.sid === e.sid) === i)
    .reduce((sum, e) => sum + e!.orders.reduce((s, o) => s + (o.minor ?? 0), 0), 0);

describe('set semantics', () => {
  test('two histories of one set of events, links and erasures agree with each other and with the independent fold', () => {
    const inputs = fc.tuple(
      fc.array(plain, { maxLength: 60 }),
      fc.subarray(links),
      fc.subarray(known, { maxLength: 2 }),
      fc.integer(),
      fc.integer(),
    );
    fc.assert(
      fc.property(inputs, ([raw, linked, erasedIds, seed, otherSeed]) => {
        const events = (raw as Plain[]).map(toPlain);
        const stored = events.map(toStored);
        // Activities inside the window: unique by their id, whatever their number.
        for (const e of events.slice(0, 12))
          stored.push(activity(e.customer, `${e.key}:${e.day}`, e.day, e.kind, { at: e.day * 86_400_000 }));
        const facts = linked.map(linkFact);
        const component = (id: string) => [id, ...linked.filter((l) => l.known === id).map((l) => l.anonymous)];
        for (const id of erasedIds) facts.push({ type: 'customer.erased', sids: component(id).map(sidOf), at: 1 });
        const a = apply(small(), history(stored, facts, seed));
        const b = apply(small(), history(stored, facts, otherSeed));
        expect(new StateDigest(a).value()).toBe(new StateDigest(b).value());
        expect(portableDigest(a, resolve)).toBe(portableDigest(b, resolve));
        expect(a.customers).toBe(b.customers);
        expect(a.store.orders.live).toBe(b.store.orders.live);

        const oracle = independentFold(events, linked, erasedIds);
        expect(namedOf(a)).toEqual(oracle.named);
        expect(namedOf(b)).toEqual(oracle.named);
        expect(grossOf(a)).toBe(oracle.gross);
        expect(a.store.orders.live).toBe(oracle.orders);
        for (const ledger of [a, b]) {
          const { customers, months } = ledger.erasedTotals.save();
          // Activities are not of the independent fold; whether they count the same is the second history's to say.
          const documents = months.filter((month) => month.orders + month.refunds > 0);
          expect(Object.fromEntries(documents.map(({ month, activities: _, ...rest }) => [month, rest]))).toEqual(
            oracle.erasedMonths,
          );
          expect(customers).toBe(oracle.erasedCustomers);
        }
        expect(a.erasedTotals.list()).toEqual(b.erasedTotals.list());
        const columns = a.rows;
        let frequency = 0;
        for (let row = 0; row < columns.count; row++) frequency += columns.get(row, 4);
        expect(frequency).toBe(oracle.frequency);
      }),
      { numRuns: 150 },
    );
  });

  test('who is left-truncated follows from the set of orders, links and declarations of sources', () => {
    const said = fc.record({
      source: fc.constantFrom('shop', 'till', 'web', 'nowhere'),
      fromDay: fc.option(fc.integer({ min: 0, max: 6 }), { nil: null }),
      burnInDays: fc.integer({ min: 0, max: 4 }),
    });
    const inputs = fc.tuple(
      fc.array(plain, { maxLength: 30 }),
      fc.subarray(links),
      fc.array(said, { maxLength: 5 }),
      fc.integer(),
      fc.integer(),
      fc.boolean(),
    );
    let some = 0;
    fc.assert(
      fc.property(inputs, ([raw, linked, declared, seed, otherSeed, crowd]) => {
        const events = (raw as Plain[]).map(toPlain);
        const versions: PlainCoverage[] = declared.map((each, i) => ({ ...each, version: i + 1 }));
        const facts: Fact[] = versions.map(({ fromDay, ...each }) => ({
          type: 'source.covered',
          ...each,
          coverage: fromDay ?? 'complete',
        }));
        const stored = events.map(toStored);
        // Others, whose names leave our three bits of their own (smaller, 22) and a crowd of which some share the last bit (greater).
        if (crowd)
          for (let i = 0; i < 30; i++)
            stored.push(order('crowd', `c${i}`, 9, 1, { source: i < 22 ? `a${i}` : `z${i}` }));
        const shared = [seed, otherSeed].map((each) => {
          const ledger = apply(small(), history(stored, [...linked.map(linkFact), ...facts], each));
          const names = known.concat(anonymous).filter((id) => {
            const at = ledger.rows.findSid(sidOf(id));
            return at >= 0 && ledger.rows.canonical(at) === at && (ledger.flags(sidOf(id)) & 8) !== 0;
          });
          // Flags are a cache of the same rule, whatever page of the past they were computed in.
          ledger.columns.stale('all', ledger.position);
          ledger.flushColumns();
          expect(names.filter((id) => (ledger.flags(sidOf(id)) & 8) === 0)).toEqual([]);
          return names.sort();
        });
        expect(shared[0]).toEqual(shared[1]);
        const expected = independentlyTruncated(events, linked, versions);
        expect(shared[0]).toEqual(expected);
        if (expected.length > 0) some++;
      }),
      { numRuns: 200 },
    );
    expect(some).toBeGreaterThan(50);
  });

  test('the portable digest of orders and refunds is the independent fold’s, byte for byte', () => {
    fc.assert(
      fc.property(fc.array(plain, { maxLength: 60 }), fc.subarray(links), fc.integer(), (raw, linked, seed) => {
        const events = (raw as Plain[]).map(toPlain);
        const ledger = apply(small(), history(events.map(toStored), linked.map(linkFact), seed));
        expect(portableDigest(ledger, resolve)).toBe(independentFold(events, linked).digest);
      }),
      { numRuns: 150 },
    );
  });

  test('the incremental state digest equals the one computed at the end', () => {
    fc.assert(
      fc.property(fc.array(plain, { maxLength: 40 }), fc.integer(), (raw, seed) => {
        const messages = history((raw as Plain[]).map(toPlain).map(toStored), links.map(linkFact), seed);
        const ledger = small();
        const running = new StateDigest(ledger);
        for (const bytes of messages) {
          apply(ledger, [bytes]);
          running.value();
        }
        expect(running.value()).toBe(new StateDigest(ledger).value());
      }),
      { numRuns: 40 },
    );
  });
});

describe('attributes', () => {
  const said = fc.record({
    customer: fc.constantFrom('ann', 'x1', 'x2'),
    name: fc.constantFrom('contract', 'seats'),
    day: fc.integer({ min: 0, max: 2 }),
    hour: fc.integer({ min: 0, max: 2 }),
    value: fc.constantFrom<string | number | boolean>('month', 'year', 1, 2.5, true, false),
    step: fc.boolean(),
  });
  const rank = { number: 0, boolean: 1, string: 2 } as Record<string, number>;

  test('the last word of a day stands in whatever order it came, links included; at one instant the greater', () => {
    fc.assert(
      fc.property(fc.array(said, { maxLength: 40 }), fc.boolean(), fc.integer(), (words, linked, seed) => {
        const at = (w: (typeof words)[number]) => w.day * 86_400_000 + w.hour * 3_600_000;
        const stored = words.map((w, i) => ({
          ...activity(w.customer, `a${i}`, w.day, 'none', { at: at(w), props: { [w.name]: w.value } }),
          type: w.step ? ('subscription.started' as const) : ('customer.identified' as const),
        }));
        const facts = linked ? [linkFact(links[0]!), linkFact(links[1]!)] : [];
        const ledger = apply(small(), history(stored, facts, seed));
        const expected = words
          .filter((w) => linked || w.customer === 'ann')
          .sort(
            (a, b) =>
              at(a) - at(b) ||
              rank[typeof a.value]! - rank[typeof b.value]! ||
              (a.value < b.value ? -1 : a.value > b.value ? 1 : 0),
          );
        const byKey = new Map(
          expected.map((w) => [`${w.name} ${w.day}`, { name: w.name, day: w.day, at: at(w), value: w.value }]),
        );
        expect(ledger.entries(sidOf('ann'))?.attributes ?? []).toEqual(
          [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry),
        );
      }),
      { numRuns: 150 },
    );
  });
});
