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

test('leaves no row in the tables, agrees with the ledger all the time, and after the fix and a replay holds what it always should have', async () => {
  const put = EntryStore.prototype.putDocument;
  const broken = vi.spyOn(EntryStore.prototype, 'putDocument').mockImplementation(function (this: EntryStore, ...args) {
    const code = put.apply(this, args);
    if (args[6] === POISON) throw new TypeError('a mistake of this program');
    return code;
  });
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
