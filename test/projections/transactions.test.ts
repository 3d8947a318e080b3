// The tables' orders and refunds against a naive fold of the same set of events: sort and scan, a few lines, no SQL.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Fact, StoredEvent } from '#domain/envelope.ts';
import { startProjector } from '#projections/projector.ts';
import { digestOfLedgers } from '#projections/transactions-digest.ts';
import { startTestEngines, type TestEngines } from '../support/engines.ts';
import { createDatabase, event, keepLog, logOf, type Message, rowsOf, sid, uuidOf, withClient } from './support.ts';

let engines: TestEngines;
beforeAll(async () => {
  engines = await startTestEngines();
});
afterAll(() => engines.stop());

const hex = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString('hex'));
/** Facts §2 as a sort key: revision, day, money (none lowest), currency, order named; of an order then its channel, by its bytes. */
const content = (e: StoredEvent): [number, number, number, string, string, string] => [
  e.revision,
  e.day,
  e.minor ?? -1,
  e.currency ?? '',
  hex(e.refundedOrderHash) ?? '',
  e.type === 'order.placed' ? Buffer.from(e.channel ?? '').toString('hex') : '',
];
const compare = (a: StoredEvent, b: StoredEvent): number => {
  const [x, y] = [content(a), content(b)];
  const at = x.findIndex((value, i) => value !== y[i]);
  return at < 0 ? 0 : x[at]! < y[at]! ? -1 : 1;
};

/** What must stand in the table, whatever the order of the log. `owner`: sid → canonical sid after all links. */
function naiveFold(events: readonly StoredEvent[], owner: (sid: string) => string) {
  const best = new Map<string, StoredEvent>();
  for (const e of events) {
    const key = `${owner(hex(e.sid)!)} ${e.type} ${hex(e.orderHash)}`;
    const rival = best.get(key);
    if (!rival || compare(e, rival) > 0) best.set(key, e);
  }
  return [...best]
    .map(
      ([key, e]) =>
        `${key} ${e.day} ${e.minor} ${e.currency} ${e.revision} ${hex(e.refundedOrderHash)} ${e.type === 'order.placed' ? e.channel : '-'}`,
    )
    .sort();
}

async function tableRows(url: string): Promise<string[]> {
  return withClient(url, async (client) => {
    const rows = await rowsOf(
      client,
      'transactions',
      '1',
      `to_hex(sid_key) as sid, kind, order_key, day, minor, currency, revision, refunded_order_key, channel`,
    );
    const key = (int8: string | null) =>
      int8 === null ? null : BigInt.asUintN(64, BigInt(int8)).toString(16).padStart(16, '0');
    return rows
      .map(
        (r) =>
          `${r.sid.padStart(16, '0')} ${r.kind === 0 ? 'order.placed' : 'order.refunded'} ${key(r.order_key)} ${r.day} ${r.minor} ${r.currency} ${r.revision} ${key(r.refunded_order_key)} ${r.kind === 0 ? r.channel : '-'}`,
      )
      .sort();
  });
}

async function project(url: string, messages: readonly Message[], batchEvents: number): Promise<void> {
  await using projector = startProjector({
    databaseUrl: url,
    store: await logOf(messages),
    log: keepLog().log,
    batchEvents,
    lingerMs: 5,
  });
  await projector.waitFor(messages.length);
}

const arbitraryEvent = fc.record({
  customer: fc.integer({ min: 0, max: 3 }),
  refund: fc.boolean(),
  order: fc.integer({ min: 0, max: 2 }),
  refunds: fc.option(fc.integer({ min: 0, max: 9 }), { nil: null }),
  day: fc.integer({ min: 20_000, max: 20_001 }),
  minor: fc.option(fc.integer({ min: 0, max: 3 }), { nil: null }),
  currency: fc.constantFrom('EUR', 'EUR', 'EUR', 'USD'),
  revision: fc.constantFrom(0, 0, 0, 1, 4_294_967_295),
  channel: fc.constantFrom(null, 'app', 'Web', 'web', '\uFF57', '\u{1F6D2}'),
});
/** Customers 0 and 1 are anonymous and become 2 and 3. */
const links: [number, number][] = [
  [0, 2],
  [1, 3],
];
const key16 = (n: number): string => hex(sid(n))!.slice(0, 16);
const canonicalKey = new Map(links.map(([from, to]) => [key16(from), key16(to)]));
const ownerOf = (customerSid: string): string => canonicalKey.get(customerSid.slice(0, 16)) ?? customerSid.slice(0, 16);

test('any order, batching and repetition of events and links gives the rows of a naive fold', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(arbitraryEvent, { minLength: 40, maxLength: 80 }),
      fc.integer({ min: 1, max: 2 ** 31 - 1 }),
      fc.integer({ min: 1, max: 9 }),
      async (given, seed, packSize) => {
        const events = given.map((g, i) =>
          event({
            sid: sid(g.customer),
            id: `e${i}`,
            order: `o${g.order}`,
            type: g.refund ? 'order.refunded' : 'order.placed',
            ...(g.refund && g.refunds !== null ? { refunds: `o${g.refunds}` } : {}),
            day: g.day,
            minor: g.minor,
            currency: g.minor === null ? null : g.currency,
            revision: g.revision,
            channel: g.channel,
          }),
        );
        const facts: Fact[] = links.map(([a, b]) => ({ type: 'customer.linked', anonymous: sid(a), known: sid(b) }));
        const expected = naiveFold(events, ownerOf);
        const states: unknown[] = [];
        for (const round of [0, 1]) {
          // Another permutation, other packs, some events twice.
          const random = mulberry(seed + round);
          const twice = [...events, ...events.filter(() => random() < 0.3)];
          const packs = chunks(shuffled(twice, random), packSize + round * 7);
          const url = await createDatabase(engines, 'lattice');
          await project(url, shuffled<Message>([...packs, ...facts], random), round === 0 ? 10_000 : 5);
          expect(await tableRows(url)).toEqual(expected);
          states.push(await withClient(url, (client) => rowsOf(client, 'links', 'sid_key', 'sid, known, canonical')));
        }
        expect(states[1]).toEqual(states[0]);
      },
    ),
    { numRuns: 8, endOnFailure: true },
  );
});

test('the first of equal events in the log stays, in whichever batch it comes and through a link; of an order told by several channels the greatest', async () => {
  const messages: Message[] = [
    [event({ sid: sid(1), id: 'first', order: 'o', channel: 'app' })],
    [event({ sid: sid(2), id: 'second', order: 'o', channel: 'web' })],
    { type: 'customer.linked', anonymous: sid(2), known: sid(1) },
    [event({ sid: sid(2), id: 'third', order: 'o', channel: 'web' }), event({ sid: sid(2), order: 'o' })],
  ];
  for (const batchEvents of [1, 10_000]) {
    const url = await createDatabase(engines, 'first');
    await project(url, messages, batchEvents);
    await withClient(url, async (client) => {
      const rows = await rowsOf(client, 'transactions', '1', 'channel, seq, sid_key');
      expect(rows).toHaveLength(1);
      expect(rows[0]).toMatchObject({ channel: 'web', seq: '2' });
      expect(await rowsOf(client, 'links', 'known', 'sid, known, canonical')).toEqual([
        { sid: uuidOf(sid(2)), known: false, canonical: uuidOf(sid(1)) },
        { sid: uuidOf(sid(1)), known: true, canonical: uuidOf(sid(1)) },
      ]);
    });
  }
});

test('the same packs once more touch no row, and the digest equals that of ledgers', async () => {
  const url = await createDatabase(engines, 'replay');
  const events = Array.from({ length: 300 }, (_, i) =>
    event({
      sid: sid(i % 40),
      id: `e${i}`,
      order: `o${i % 120}`,
      minor: i % 9 === 0 ? null : i,
      channel: i % 7 === 0 ? null : i % 2 === 0 ? 'web' : 'app',
      day: 20_000 + (i % 5),
    }),
  ).map((e) => (e.minor === null ? { ...e, currency: null } : e));
  const packs = chunks(events, 25);
  const store = await logOf(packs);
  const physical = () =>
    withClient(url, (client) => rowsOf(client, 'transactions', 'sid_key, order_key', 'ctid, xmin, *'));
  await using projector = startProjector({ databaseUrl: url, store, log: keepLog().log, lingerMs: 5 });
  await projector.waitFor(packs.length);
  const before = await physical();
  expect(before.length).toBeGreaterThan(100);
  await logOf(packs, store);
  await projector.waitFor(2 * packs.length);
  expect(await physical()).toEqual(before);

  const winners = naiveFold(events, (customer) => customer.slice(0, 16));
  const ledgers = Map.groupBy(winners, (line) => line.slice(0, 16));
  const expected = digestOfLedgers(
    [...ledgers].map(([customer, lines]) => ({
      sid: customer.padEnd(32, '0'),
      linked: [],
      erased: false,
      anonymous: false,
      seq: 0,
      orders: lines
        .map((line) => {
          const [, , key, day, minor, currency, revision, , channel] = line.split(' ');
          return {
            key: key!,
            day: Number(day),
            minor: minor === 'null' ? null : Number(minor),
            currency: currency === 'null' ? null : currency!,
            channel: channel === 'null' ? null : channel!,
            revision: Number(revision),
          };
        })
        .sort((a, b) => a.day - b.day || (a.key < b.key ? -1 : 1)),
      refunds: [],
      activities: [],
      subscriptions: [],
      consents: [],
      attributes: [],
    })),
  );
  expect(await projector.digest()).toEqual({ transactions: expected, rows: winners.length, seq: 2 * packs.length });
});

function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}
const chunks = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
