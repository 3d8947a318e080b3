// A parked customer in the tables: what the ledger has not applied is not in them either, and comes in when the ledger has applied it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { compareTables } from '#projections/compare.ts';
import { EntryStore } from '#projections/memory/entry-store.ts';
import { startFold } from '#projections/memory/fold.ts';
import { createLedger } from '#projections/memory/ledger.ts';
import { applyRead, readRecorded } from '#projections/memory/replay-parked.ts';
import { startProjector } from '#projections/projector.ts';
import { digestOfLedgers } from '#projections/transactions-digest.ts';
import type { Recorded } from '#streams/event-store.ts';
import { createMemoryStore } from '#streams/memory/store.ts';
import { startTestEngines, type TestEngines } from '../support/engines.ts';
import { createWriter, order, sidOf } from './memory/scenario.ts';
import { createDatabase, keepLog, rowsOf, withClient } from './support.ts';

let engines: TestEngines;
beforeAll(async () => {
  engines = await startTestEngines();
});
afterAll(() => engines.stop());
afterEach(() => vi.restoreAllMocks());

/** Minor units of the order nobody can apply. */
const POISON = 66_600;
const people = ['ann', 'bob', 'cy'];

function log() {
  const writer = createWriter();
  return [
    writer.pack([order('ann', '1', 1, 100), order('bob', '2', 1, 200)]),
    writer.pack([order('ann', '3', 2, POISON), order('bob', '4', 2, 400)]),
    writer.pack([order('ann', '5', 3, 500), order('cy', '6', 3, 600)]),
  ];
}

function breakAtPoison() {
  const put = EntryStore.prototype.putDocument;
  return vi.spyOn(EntryStore.prototype, 'putDocument').mockImplementation(function (this: EntryStore, ...args) {
    const code = put.apply(this, args);
    if (args[6] === POISON) throw new TypeError('a mistake of this program');
    return code;
  });
}

test('leaves no row in the tables, agrees with the ledger all the time, and after the fix and a replay holds what it always should have', async () => {
  const broken = breakAtPoison();
  const dir = mkdtempSync(join(tmpdir(), 'axiom47-parked-tables-'));
  const store = createMemoryStore();
  const append = async (bytes: Uint8Array, subject = 'evt.0.main') => (await store.append(subject, bytes)).seq;
  for (const bytes of log()) await append(bytes);
  const { handlers } = await startFold({
    store,
    snapshotDir: dir,
    ledger: { maxCustomers: 1 << 10 },
    log: { info: () => undefined, warn: () => undefined },
    say: () => undefined,
  });
  const url = await createDatabase(engines, 'parked');
  const tables = () =>
    startProjector({
      databaseUrl: url,
      store,
      fold: { dirtyRows: async (since, limit) => handlers.dirtyRows(since, limit) },
      parked: handlers,
      log: keepLog().log,
      lingerMs: 1,
    });
  const pool = new pg.Pool({ connectionString: url });
  const fold = {
    waitFor: async (seq: number) => handlers.waitFor(seq),
    entriesOf: async (sids: Uint8Array[]) => handlers.entriesOf(sids),
    rowsOf: async (sids: Uint8Array[]) => handlers.rowsOf(sids),
  };
  const compared = async () => {
    const { compared, differences, documents } = await compareTables(pool, fold, people.map(sidOf));
    return { compared, differences, documents };
  };
  const stored = () => withClient(url, (client) => rowsOf(client, 'transactions', 'minor', 'minor, seq'));
  const places = () => withClient(url, (client) => rowsOf(client, 'parked', 'seq', 'seq, index'));
  try {
    {
      await using projector = tables();
      await projector.waitFor(3);
      expect(await stored()).toEqual([
        { minor: '100', seq: '1' },
        { minor: '200', seq: '1' },
        { minor: '400', seq: '2' },
        { minor: '600', seq: '3' },
      ]);
      expect(await places()).toEqual([
        { seq: '2', index: 0 },
        { seq: '3', index: 0 },
      ]);
      expect(await compared()).toEqual({ compared: 3, differences: [], documents: 4 });

      broken.mockRestore();
      const seq = await append(createWriter().fact({ type: 'dead-letters.replayed', by: 'request' }), 'evt.all.main');
      await projector.waitFor(seq);
      expect(await places()).toEqual([]);
      expect(await compared()).toEqual({ compared: 3, differences: [], documents: 6 });

      const clean = createLedger({ maxCustomers: 1 << 10 });
      for await (const record of store.read('EVT')) applyRead(clean, record, await readRecorded(store, record));
      clean.flushColumns();
      expect((await projector.digest()).transactions).toBe(
        digestOfLedgers(people.map((id) => clean.entries(sidOf(id))!)),
      );
    }
    // Left out by a program before this one, and nothing in the log asks for it: the start of a newer one finds it.
    await withClient(url, async (client) => {
      await client.query('delete from rm.transactions where minor = $1', [POISON]);
      await client.query('insert into rm.parked values (2, 0)');
      await client.query(`update rm.customers set orders = 0`);
    });
    await using projector = tables();
    await projector.waitFor(4);
    expect(await places()).toEqual([]);
    const rows = await withClient(url, (client) => rowsOf(client, 'customers', 'orders', 'orders'));
    expect(rows.map(({ orders }) => orders)).toEqual([0, 0, 3]);
    expect((await stored()).map(({ minor }) => minor)).toContain(String(POISON));
  } finally {
    await pool.end();
    await handlers.stop();
    rmSync(dir, { recursive: true, force: true });
  }
});

test('of a message that can be read at last, an event the ledger still refuses is noted by its own place, and comes in when that is mended', async () => {
  const broken = breakAtPoison();
  const dir = mkdtempSync(join(tmpdir(), 'axiom47-parked-rest-'));
  const kept = createMemoryStore();
  let readable = false;
  const seen = (record: Recorded): Recorded =>
    readable || record.seq !== 2 ? record : { ...record, bytes: Uint8Array.of(0xc1) };
  const store: typeof kept = {
    ...kept,
    async *read(...args) {
      for await (const record of kept.read(...args)) yield seen(record);
    },
    async *follow(...args) {
      for await (const batch of kept.follow(...args)) yield batch.map(seen);
    },
  };
  for (const bytes of log()) await store.append('evt.0.main', bytes);
  const { handlers } = await startFold({
    store,
    snapshotDir: dir,
    ledger: { maxCustomers: 1 << 10 },
    log: { info: () => undefined, warn: () => undefined },
    say: () => undefined,
  });
  const url = await createDatabase(engines, 'parked_rest');
  const minors = async () =>
    (await withClient(url, (client) => rowsOf(client, 'transactions', 'minor', 'minor'))).map(({ minor }) => minor);
  const places = () => withClient(url, (client) => rowsOf(client, 'parked', 'seq', 'seq, index'));
  const replay = async () =>
    (await store.append('evt.all.main', createWriter().fact({ type: 'dead-letters.replayed', by: 'request' }))).seq;
  try {
    await using projector = startProjector({
      databaseUrl: url,
      store,
      fold: { dirtyRows: async (since, limit) => handlers.dirtyRows(since, limit) },
      parked: handlers,
      log: keepLog().log,
      lingerMs: 1,
    });
    await projector.waitFor(3);
    expect(await places()).toEqual([{ seq: '2', index: -1 }]);

    readable = true;
    await projector.waitFor(await replay());
    expect(await minors()).toEqual(['100', '200', '400', '500', '600']);
    expect(await places()).toEqual([{ seq: '2', index: 0 }]);

    broken.mockRestore();
    await projector.waitFor(await replay());
    expect(await minors()).toEqual(['100', '200', '400', '500', '600', String(POISON)]);
    expect(await places()).toEqual([]);
    expect((await projector.digest()).transactions).toBe(
      digestOfLedgers(people.map((id) => handlers.entries(sidOf(id))!)),
    );
  } finally {
    await handlers.stop();
    rmSync(dir, { recursive: true, force: true });
  }
});

test('a fold that was started again is asked about the tables when it has read as far as they have', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'axiom47-parked-behind-'));
  const store = createMemoryStore();
  for (const bytes of log()) await store.append('evt.0.main', bytes);
  const { handlers } = await startFold({
    store,
    snapshotDir: dir,
    ledger: { maxCustomers: 1 << 10 },
    log: { info: () => undefined, warn: () => undefined },
    say: () => undefined,
  });
  try {
    await handlers.waitFor(3);
    const answered: string[] = [];
    const asked = [
      handlers.stillParked([[2, 0]], 4).then((places) => answered.push(`${places.length} parked`)),
      handlers.canonicalRowsOf([sidOf('ann')], 4).then(({ orders }) => answered.push(`${orders[0]} orders`)),
    ];
    await handlers.waitFor(3);
    expect(answered).toEqual([]);
    await store.append('evt.0.main', createWriter('g2').pack([order('ann', '7', 4, 700)]));
    await Promise.all(asked);
    expect(answered.sort()).toEqual(['0 parked', '4 orders']);
  } finally {
    await handlers.stop();
    rmSync(dir, { recursive: true, force: true });
  }
});
