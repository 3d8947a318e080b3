// Two folds of one log, written apart (SQL and memory), must agree: orders and refunds by digest, customers row by row, erased totals.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Fact, StoredEvent } from '#domain/envelope.ts';
import type { FoldState } from '#projections/customers.ts';
import { DirtyRows } from '#projections/memory/dirty-rows.ts';
import { entriesOfRow } from '#projections/memory/entries.ts';
import { createLedger, type Ledger } from '#projections/memory/ledger.ts';
import { startProjector } from '#projections/projector.ts';
import { createShadow, ShadowClient } from '#projections/shadow.ts';
import { digestOfLedgers } from '#projections/transactions-digest.ts';
import { decodeMessage } from '#streams/pack.ts';
import { startTestEngines, type TestEngines } from '../support/engines.ts';
import { createDatabase, event, keepLog, logOf, type Message, rowsOf, sid, uuidOf, withClient } from './support.ts';

let engines: TestEngines;
beforeAll(async () => {
  engines = await startTestEngines();
});
afterAll(() => engines.stop());

const PEOPLE = 8;
const person = fc.integer({ min: 0, max: PEOPLE - 1 });
const anEvent = fc.record({
  kind: fc.constantFrom('order.placed', 'order.placed', 'order.placed', 'order.refunded', 'activity.recorded'),
  person,
  order: fc.integer({ min: 0, max: 5 }),
  refunds: fc.option(fc.integer({ min: 0, max: 5 }), { nil: null }),
  day: fc.integer({ min: 20_000, max: 20_006 }),
  minor: fc.option(fc.integer({ min: 0, max: 4 }), { nil: null }),
  currency: fc.constantFrom('EUR', 'EUR', 'USD'),
  revision: fc.constantFrom(0, 0, 1),
});
const aLink = fc.tuple(person, person).filter(([a, b]) => a !== b);

async function foldOf(
  messages: readonly Message[],
): Promise<{ ledger: Ledger; fold: FoldState; store: Awaited<ReturnType<typeof logOf>> }> {
  const store = await logOf(messages);
  const ledger = createLedger({ maxCustomers: 1 << 12 });
  for await (const record of store.read('EVT')) ledger.applyMessage(record.seq, decodeMessage(record.bytes));
  ledger.flushColumns();
  const dirty = new DirtyRows(ledger);
  return { ledger, store, fold: { dirtyRows: async (since, limit) => dirty.after(since, limit) } };
}

function ledgerCustomers(ledger: Ledger) {
  const dirty = new DirtyRows(ledger).after(0, 1 << 20).rows;
  return Array.from({ length: dirty.seqs.length }, (_, i) => i)
    .filter((i) => (dirty.flags[i]! & 0b10001) === 0) // neither erased nor linked
    .map((i) => ({
      sid: uuidOf(dirty.sids.subarray(i * 16, i * 16 + 16)),
      orders: dirty.orders[i],
      frequency: dirty.frequency[i],
      money_days: dirty.moneyDays[i],
      money_minor: String(dirty.moneyMinor[i]),
      net_minor: String(dirty.netMinor[i]),
      currency: dirty.currencies[dirty.currency[i]!] || null,
      first_day: dirty.orders[i] ? dirty.firstDay[i] : null,
      seq: String(dirty.seqs[i]),
    }))
    .sort((a, b) => (a.sid < b.sid ? -1 : 1));
}

/** Everything the tables say of customers, in an order that says nothing of how they were filled. */
async function contents(client: import('pg').ClientBase): Promise<unknown> {
  const all = async (table: string, order: string) =>
    (await client.query({ text: `select * from rm.${table} order by ${order}`, rowMode: 'array' })).rows;
  return {
    transactions: await all('transactions', 'sid_key, order_key, kind'),
    events: await all('events', 'day, event_hash, sid_key'),
    customers: await all('customers', 'sid_key'),
    links: await all('links', 'sid_key'),
    erasures: await all('erasures', 'sid_key'),
    erased: await all('erased_documents', 'order_key, kind'),
    applied: (
      await client.query(
        `select counted_from, seq, events, ids_a, ids_b from rm.checkpoints where projection = 'events'`,
      )
    ).rows,
  };
}
const definitionsIn = async (client: import('pg').ClientBase, schema: string) =>
  (
    await client.query<{ definition: string }>(
      `select replace(pg_get_indexdef(i.indexrelid), '${schema}.', '') as definition from pg_index i join pg_class c on c.oid = i.indrelid
       where c.relnamespace = '${schema}'::regnamespace and not c.relispartition and c.relname <> 'deferred' and c.relname <> 'migrations'
         and c.relname <> 'experiments' order by 1`,
    )
  ).rows.map(({ definition }) => definition);

test('tables equal the ledger for any events, links (chains and rings) and erasures, in any order', async () => {
  let linkedRuns = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(anEvent, { minLength: 30, maxLength: 70 }),
      fc.array(aLink, { minLength: 0, maxLength: 5, size: 'max' }),
      fc.array(person, { minLength: 0, maxLength: 2 }),
      fc.integer({ min: 1, max: 12 }),
      fc.array(fc.nat(1000), { minLength: 8, maxLength: 8 }),
      fc.constantFrom(1, 10_000),
      async (events, links, erased, packSize, places, batchEvents) => {
        const counters = new Map<number, number>();
        const packs: Message[] = [];
        for (let from = 0; from < events.length; from += packSize)
          packs.push(
            events.slice(from, from + packSize).map((e, i): StoredEvent => {
              const customer = sid(e.person);
              const partition = customer[0]! & 63;
              const counter = counters.get(partition) ?? 0;
              counters.set(partition, counter + 1);
              const plain = e.kind === 'activity.recorded';
              return event({
                sid: customer,
                id: `e${from + i}`,
                counter,
                type: e.kind as StoredEvent['type'],
                day: e.day,
                revision: plain ? 0 : e.revision,
                minor: plain ? null : e.minor,
                currency: plain || e.minor === null ? null : e.currency,
                name: plain ? 'login' : null,
                order: `o${e.order}`,
                ...(e.kind === 'order.refunded' && e.refunds !== null ? { refunds: `o${e.refunds}` } : {}),
              });
            }),
          );
        const messages: Message[] = [...packs];
        const place = (fact: Fact, n: number): void => {
          messages.splice(places[n]! % (messages.length + 1), 0, fact);
        };
        for (const [n, [a, b]] of links.entries())
          place({ type: 'customer.linked', anonymous: sid(a), known: sid(b) }, n);
        erased.forEach((who, n) => {
          place({ type: 'customer.erased', sids: [sid(who)], at: 0 }, 5 + n);
        });
        if (links.length > 1) linkedRuns++;

        const { ledger, fold, store } = await foldOf(messages);
        const url = await createDatabase(engines, 'parity');
        await using projector = startProjector({
          databaseUrl: url,
          store,
          fold,
          log: keepLog().log,
          batchEvents,
          lingerMs: 1,
        });
        await projector.waitFor(messages.length);

        // Filled as heaps and joined at the end: the same rows, keys and indexes.
        await withClient(url, createShadow);
        await using shadow = startProjector({
          databaseUrl: url,
          store,
          fold,
          log: keepLog().log,
          batchEvents,
          lingerMs: 1,
          shadow: ['events', 'customers'],
        });
        await shadow.waitFor(messages.length);
        const beside = new ShadowClient(url);
        await beside.connect();
        try {
          expect(await contents(beside)).toEqual(await withClient(url, contents));
          expect(await definitionsIn(beside, 'rm_next')).toEqual(
            await withClient(url, (client) => definitionsIn(client, 'rm')),
          );
        } finally {
          await beside.end();
        }

        const entries = [...ledger.canonicalRows()].map((row) => entriesOfRow(ledger.store, row));
        expect((await projector.digest()).transactions).toBe(digestOfLedgers(entries));
        await withClient(url, async (client) => {
          expect(
            await rowsOf(
              client,
              'customers',
              'sid',
              'sid, orders, frequency, money_days, money_minor, net_minor, currency, first_day, seq',
            ),
          ).toEqual(ledgerCustomers(ledger));
          const totals = await rowsOf(
            client,
            'erased_totals',
            '1',
            `to_char(month, 'YYYY-MM') as month, kind, currency, rows, minor`,
          );
          type Month = { month: string; orders: number; refunds: number } & Record<
            'gross' | 'refunded',
            Record<string, number>
          >;
          const months = new Map<string, Month>();
          for (const { month: name, kind, currency, rows, minor } of totals) {
            const month = months.get(`${name}`) ?? { month: `${name}`, orders: 0, refunds: 0, gross: {}, refunded: {} };
            months.set(`${name}`, month);
            month[kind === 0 ? 'orders' : 'refunds'] += Number(rows);
            if (currency !== '') month[kind === 0 ? 'gross' : 'refunded'][`${currency}`] = Number(minor);
          }
          // Activities are counted in memory only.
          const inMemory = ledger.erasedTotals.list().map(({ activities: _, ...month }) => month);
          const documents = inMemory.filter(({ orders, refunds }) => orders + refunds > 0);
          expect([...months.values()].sort((a, b) => (a.month < b.month ? -1 : 1))).toEqual(documents);
        });
      },
    ),
    { numRuns: 12, endOnFailure: true },
  );
  expect(linkedRuns).toBeGreaterThan(2);
});
