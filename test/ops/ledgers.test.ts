// Gateway, log, fold and tables are compared: what really differs is found and named by position and customer, and nothing else is.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startLedgers } from '#ops/ledgers.ts';
import { openTables } from '#projections/catalogue.ts';
import { DirtyRows, stateOfRows } from '#projections/memory/dirty-rows.ts';
import { createLedger } from '#projections/memory/ledger.ts';
import { startProjector } from '#projections/projector.ts';
import { startChainWriter } from '#streams/chain/writer.ts';
import { silent } from '#streams/jetstream/link.ts';
import { decodeMessage } from '#streams/pack.ts';
import { createDatabase, event, keepLog, logOf, type Message, sid, withClient } from '../projections/support.ts';
import { startTestEngines, type TestEngines } from '../support/engines.ts';

let engines: TestEngines;
beforeAll(async () => {
  engines = await startTestEngines();
});
afterAll(() => engines.stop());

const PEOPLE = 40;
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** A log of 40 customers with two orders each, one of them linked, one erased; its fold, its tables and the ledgers over both. */
async function installation(more: Message[] = []) {
  const counters = new Map<number, number>();
  const count = (who: Uint8Array) => {
    const next = counters.get(who[0]! & 63) ?? 0;
    counters.set(who[0]! & 63, next + 1);
    return next;
  };
  const one = (n: number, order: string, minor = 1_000) =>
    event({ sid: sid(n), order, id: `${n} ${order}`, minor, day: 20_000 + n, counter: count(sid(n)) });
  const people = Array.from({ length: PEOPLE }, (_, n) => n);
  const messages: Message[] = [
    people.map((n) => one(n, `a${n}`)),
    { type: 'customer.linked', anonymous: sid(3), known: sid(4) },
    people.map((n) => one(n, `b${n}`, 500 + n)),
    { type: 'customer.erased', sids: [sid(5)], at: 0 },
    ...more,
  ];
  const store = await logOf(messages);
  const ledger = createLedger({ maxCustomers: 1 << 10 });
  const dirty = new DirtyRows(ledger);
  const applyAll = async () => {
    for await (const record of store.read('EVT', { from: ledger.position + 1 }))
      ledger.applyMessage(record.seq, decodeMessage(record.bytes));
    ledger.flushColumns();
  };
  await applyAll();
  const url = await createDatabase(engines, 'ledgers');
  const projector = startProjector({
    databaseUrl: url,
    store,
    fold: { dirtyRows: async (since, limit) => dirty.after(since, limit) },
    log: keepLog().log,
    lingerMs: 1,
  });
  await projector.waitFor(messages.length);
  const tables = openTables(url);
  const { log, lines } = keepLog();
  const gateway = { gateway: 'test', epoch: 1, lastSeq: messages.length, stored: 2 * PEOPLE, pending: 0 };
  const ledgers = startLedgers({
    store,
    gateway: { status: async () => gateway },
    fold: {
      position: async () => ({ seq: ledger.position }) as never,
      waitFor: async () => undefined,
      dirtyRows: async (since, limit) => dirty.after(since, limit),
      entriesOf: async (sids) => sids.map((each) => ledger.entries(each)),
      rowsOf: async (sids) => {
        await here.meanwhile();
        return stateOfRows(
          ledger,
          sids.map((each) => ledger.rows.findSid(each)),
        );
      },
      appliedBy: async () => ledger.counters.totals(),
    },
    tables: { pool: tables.pool, position: async () => projector.position() },
    log: {
      warn: (fields, message) => log('warn', { ...fields }, message),
      error: (fields, message) => log('error', { ...fields }, message),
    },
    now: () => 1_700_000_000_000,
    everyMs: 3_600_000,
  });
  const here = {
    /** What happens between the fold's two answers of a comparison. */
    meanwhile: async (): Promise<void> => undefined,
    store,
    ledger,
    ledgers,
    gateway,
    lines,
    applyAll,
    event: one,
    sql: (text: string, values: unknown[] = []) => withClient(url, (client) => client.query(text, values)),
    projector,
    async [Symbol.asyncDispose]() {
      await ledgers[Symbol.asyncDispose]();
      await projector[Symbol.asyncDispose]();
      await tables[Symbol.asyncDispose]();
    },
  };
  return here;
}
const keyOf = (who: Uint8Array) => Buffer.from(who).readBigInt64BE(0).toString();

test('a whole installation agrees, with everybody looked at: linked and erased ones too', async () => {
  await using here = await installation();
  const report = await here.ledgers.verify();
  expect(report).toMatchObject({
    ok: true,
    mismatches: [],
    gateway: { epoch: 1, acknowledged: 2 * PEOPLE, applied: 2 * PEOPLE },
    tables: { rows: PEOPLE, changed_meanwhile: 0 },
    stream: { last: 4 },
  });
  expect(here.lines).toEqual([]);
});

test('who buys while the fold is asked twice is looked at later, and no difference', async () => {
  await using here = await installation();
  here.meanwhile = async () => {
    here.meanwhile = async () => undefined;
    await logOf([[here.event(7, 'c7')]], here.store);
    await here.applyAll();
    here.gateway.lastSeq++;
    here.gateway.stored++;
  };
  const report = await here.ledgers.verify();
  expect(report.mismatches).toEqual([]);
  expect(report.tables).toMatchObject({ changed_meanwhile: 1 });
  expect(await here.ledgers.round()).toMatchObject({ ok: true, mismatches: [] });
});

const DAMAGE: [string, string, 'events' | 'customers'][] = [
  [
    'an amount that is one cent more',
    'update rm.transactions set minor = minor + 1 where sid_key = $1 and minor = 1000',
    'events',
  ],
  ['an order that is gone', 'delete from rm.transactions where sid_key = $1 and minor = 1000', 'events'],
  [
    'an order that is there twice, under another key',
    `insert into rm.transactions select sid_key, order_key + 1, event_hash, at, minor, refunded_order_key, revision, seq, day, kind, currency, channel,
       source, run, props from rm.transactions where sid_key = $1 and minor = 1000`,
    'events',
  ],
  ['a customer that is gone', 'delete from rm.customers where sid_key = $1', 'customers'],
  ['a count that is one less', 'update rm.customers set orders = orders - 1 where sid_key = $1', 'customers'],
];
describe.each(DAMAGE)('%s', (_, text, projection) => {
  test('is found, at its customer and position', async () => {
    await using here = await installation();
    await here.sql(text, [keyOf(sid(17))]);
    const { ok, mismatches } = await here.ledgers.verify();
    expect(ok).toBe(false);
    expect(mismatches).toMatchObject(
      [
        { ledger: projection, sid: hexOf(sid(17)), seq: 3 },
        ...(projection === 'events' && !text.startsWith('update') ? [{ ledger: 'events', sid: null }] : []),
      ].reverse(),
    );
    expect(here.lines[0]).toMatchObject({ level: 'error', message: 'the ledgers disagree' });
    // Told once, however often it is met.
    await here.ledgers.verify();
    expect(here.lines.length).toBe(mismatches.length);
  });
});

test('what an erased or linked customer has left behind in the tables is found', async () => {
  await using here = await installation();
  for (const [from, to] of [
    [17, 5],
    [18, 3],
  ] as const)
    await here.sql('update rm.transactions set sid_key = $2 where sid_key = $1', [keyOf(sid(from)), keyOf(sid(to))]);
  const { mismatches } = await here.ledgers.verify();
  expect(mismatches.map((one) => one.sid).sort()).toEqual([3, 5, 17, 18].map((n) => hexOf(sid(n))).sort());
});

test('rows of nobody are found by their number', async () => {
  await using here = await installation();
  await here.sql('update rm.transactions set sid_key = 12345 where sid_key = $1', [keyOf(sid(17))]);
  await here.sql(
    `insert into rm.transactions select 999, order_key, event_hash, at, minor, refunded_order_key, revision, seq, day, kind, currency,
    channel, source, run, props from rm.transactions where sid_key = $1`,
    [keyOf(sid(18))],
  );
  const { mismatches } = await here.ledgers.verify();
  expect(mismatches.map(({ sid: who }) => who)).toEqual([null, hexOf(sid(17))]);
  expect(mismatches[0]!.detail).toBe('the tables hold 80 orders and refunds, the ledgers 78');
});

test('a round looks at who has changed since the one before, and only when the tables have it', async () => {
  await using here = await installation();
  await here.sql('update rm.customers set orders = 99 where sid_key = $1', [keyOf(sid(1))]);
  // What was there at the start is for `verify`: the round begins with what comes.
  expect(await here.ledgers.round()).toMatchObject({ ok: true, tables: { rows: 0 } });
  const more = [here.event(7, 'c7'), here.event(8, 'c8')];
  here.gateway.stored += 2;
  await logOf([more], here.store);
  await here.applyAll();
  await here.projector.waitFor(5);
  await here.sql('update rm.transactions set minor = 1 where sid_key = $1', [keyOf(sid(8))]);
  expect(await here.ledgers.round()).toMatchObject({
    ok: false,
    tables: { rows: 2 },
    mismatches: [{ ledger: 'events', sid: hexOf(sid(8)), seq: 5 }],
  });
});

test('an event the gateway was acknowledged and the fold has not, or that it has beyond that, is told with the epoch', async () => {
  await using here = await installation();
  here.gateway.stored++;
  expect((await here.ledgers.round()).mismatches[0]).toMatchObject({
    ledger: 'gateway',
    detail: '81 events were acknowledged in epoch 1, 80 of that epoch are applied',
  });
  await using other = await installation();
  other.gateway.stored--;
  expect((await other.ledgers.round()).mismatches[0]).toMatchObject({ ledger: 'gateway' });
  // On its way is not too much.
  await using third = await installation();
  Object.assign(third.gateway, { stored: 79, pending: 1 });
  expect((await third.ledgers.round()).ok).toBe(true);
});

test('a log that ends before its chain is told', async () => {
  await using here = await installation();
  await using writer = await startChainWriter({ store: here.store, log: silent, sealAfterMs: 1 });
  while (writer.sealedTo < 4) await new Promise((resolve) => setTimeout(resolve, 2));
  expect(await here.ledgers.round()).toMatchObject({ ok: true, stream: { last: 4, sealed_to: 4 } });
  const { lastSequence } = here.store;
  here.store.lastSequence = async (stream, subject) => (stream === 'EVT' ? 3 : lastSequence(stream, subject));
  expect((await here.ledgers.round()).mismatches.map(({ ledger, seq }) => [ledger, seq])).toContainEqual(['log', 4]);
});

test('under traffic nothing is told: rounds while events, links and erasures come in and the tables follow', async () => {
  await using here = await installation();
  await here.ledgers.round();
  let ended = false;
  const looking = (async () => {
    while (!ended) {
      await here.ledgers.round();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  for (let n = 0; n < 120; n++) {
    const message: Message =
      n === 60
        ? { type: 'customer.linked', anonymous: sid(21), known: sid(22) }
        : n === 90
          ? { type: 'customer.erased', sids: [sid(23)], at: 0 }
          : [here.event(n % PEOPLE, `t${n}`), here.event((n * 7) % PEOPLE, `t${n >> 1}`, n)];
    // Acknowledged before it is applied, as by the gateway.
    if (Array.isArray(message)) here.gateway.pending += 2;
    await logOf([message], here.store);
    await here.applyAll();
    if (Array.isArray(message)) Object.assign(here.gateway, { stored: here.gateway.stored + 2, pending: 0 });
    if (n % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await here.projector.waitFor(here.ledger.position);
  ended = true;
  await looking;
  const { ok, mismatches, trouble } = await here.ledgers.round();
  expect([ok, mismatches, trouble]).toEqual([true, [], null]);
  expect((await here.ledgers.verify()).mismatches).toEqual([]);
  expect(here.ledgers.report().tables.rows).toBeGreaterThan(PEOPLE);
});

test('events that the tables took twice or passed over are found by their count and ids, also when no row shows it', async () => {
  await using here = await installation();
  expect((await here.ledgers.verify()).tables.counted).toBe(4);
  const more = [here.event(1, 'm1'), here.event(2, 'm2')];
  await logOf([more], here.store);
  await here.applyAll();
  await here.projector.waitFor(5);
  here.gateway.stored += 2;
  expect(await here.ledgers.round()).toMatchObject({ ok: true, tables: { counted: 5 } });
  const damage = (change: string) => here.sql(`update rm.checkpoints set ${change} where projection = 'events'`);
  await logOf([[here.event(1, 'm3')]], here.store);
  await here.applyAll();
  await here.projector.waitFor(6);
  here.gateway.stored += 1;
  // As a batch that was applied once more leaves it.
  await damage('events = events + 1');
  expect((await here.ledgers.round()).mismatches).toEqual([
    expect.objectContaining({
      ledger: 'events',
      seq: 6,
      detail: expect.stringMatching(/^after log position 5 the tables have taken 2 events, the log holds 1$/),
    }),
  ]);
  await damage('events = events - 1');
  expect(await here.ledgers.verify()).toMatchObject({ ok: true, mismatches: [] });
  // As many, but others.
  await damage('ids_a = ids_a + 1');
  expect((await here.ledgers.verify()).mismatches).toEqual([
    expect.objectContaining({ ledger: 'events', seq: 6, detail: expect.stringMatching(/of other ids$/) }),
  ]);
});
