// Tables built beside the live ones while both are written, compared, and put in their place under traffic.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTables } from '#projections/catalogue.ts';
import { compareTables } from '#projections/compare.ts';
import { DirtyRows, stateOfRows } from '#projections/memory/dirty-rows.ts';
import { createLedger } from '#projections/memory/ledger.ts';
import { startProjector } from '#projections/projector.ts';
import { createShadow, diffShadow, ShadowClient, switchToShadow } from '#projections/shadow.ts';
import { decodeMessage } from '#streams/pack.ts';
import { startTestEngines, type TestEngines } from '../support/engines.ts';
import { createDatabase, event, keepLog, logOf, type Message, rowsOf, sid, withClient } from './support.ts';

let engines: TestEngines;
beforeAll(async () => {
  engines = await startTestEngines();
});
afterAll(() => engines.stop());

test('a shadow of damaged tables differs for the damaged customers alone, equals the ledger, and takes their place while events go on', async () => {
  const counters = new Map<number, number>();
  let n = 0;
  const pack = (size = 20): Message =>
    Array.from({ length: size }, () => {
      const who = sid(n % 50);
      const counter = counters.get(who[0]! & 63) ?? 0;
      counters.set(who[0]! & 63, counter + 1);
      const plain = n % 3 === 0;
      return event({
        sid: who,
        id: `e${n}`,
        counter,
        day: 20_000 + (n % 7),
        type: plain ? 'activity.recorded' : 'order.placed',
        ...(plain ? { name: 'login', minor: null, currency: null } : { order: `o${n}`, minor: 100 + n }),
        producerNumber: n++,
      });
    });
  const store = await logOf([
    ...Array.from({ length: 10 }, () => pack()),
    { type: 'customer.erased', sids: [sid(7)], at: 0 },
  ]);
  const ledger = createLedger({ maxCustomers: 1 << 10 });
  const dirty = new DirtyRows(ledger);
  const apply = async () => {
    for await (const { seq, bytes } of store.read('EVT', { from: ledger.position + 1 }))
      ledger.applyMessage(seq, decodeMessage(bytes));
    ledger.flushColumns();
  };
  await apply();
  const fold = { dirtyRows: async (since: number, limit: number) => dirty.after(since, limit) };
  const url = await createDatabase(engines, 'shadow');
  const { log, lines } = keepLog();
  await using live = startProjector({ databaseUrl: url, store, fold, log, lingerMs: 1 });
  await live.waitFor(ledger.position);
  const damagedKeys = [sid(11), sid(12)].map((each) => Buffer.from(each).readBigInt64BE(0).toString());
  await withClient(url, async (client) => {
    await client.query('delete from rm.transactions where sid_key = $1', [damagedKeys[0]]);
    await client.query('update rm.transactions set minor = 1 where sid_key = $1', [damagedKeys[1]]);
    await client.query(
      'create role shadow_reader; grant usage on schema masked to shadow_reader; grant select on masked.transactions to shadow_reader',
    );
    await createShadow(client);
  });

  const shadow = startProjector({ databaseUrl: url, store, fold, log, lingerMs: 1, shadow: true });
  // Both go on meanwhile.
  for (let i = 0; i < 5; i++) {
    await logOf([pack()], store);
    await apply();
  }
  await shadow.waitFor(ledger.position);
  await live.waitFor(ledger.position);
  await withClient(url, async (client) => {
    const { customers, first } = await diffShadow(client, ledger.position);
    expect([customers, first.sort()]).toEqual([2, damagedKeys.sort()]);
  });

  const everybody = Array.from({ length: 50 }, (_, i) => sid(i));
  const compared = async (client?: typeof ShadowClient) => {
    await using tables = openTables(url, client ? { client } : {});
    const { compared: rows, differences } = await compareTables(
      tables.pool,
      {
        waitFor: async () => undefined,
        entriesOf: async (sids) => sids.map((each) => ledger.entries(each)),
        rowsOf: async (sids) =>
          stateOfRows(
            ledger,
            sids.map((each) => ledger.rows.findSid(each)),
          ),
      },
      everybody,
    );
    return [rows, differences.length];
  };
  expect(await compared()).toEqual([50, 2]);
  expect(await compared(ShadowClient)).toEqual([50, 0]);

  await shadow.stop();
  // The live one goes ahead of the shadow, and is set back by the switch.
  await logOf([pack(), pack()], store);
  await apply();
  await live.waitFor(ledger.position);
  const before = await withClient(url, (client) => client.query('select count(*) from masked.transactions'));
  const at = await withClient(url, switchToShadow);
  expect(at.events).toBe(ledger.position - 2);
  await logOf([pack()], store);
  await apply();
  await live.waitFor(ledger.position);
  expect(await compared()).toEqual([50, 0]);
  expect(live.status()).toMatchObject({ failure: null });
  expect(lines.some(({ message }) => message.includes('it is filled on from there'))).toBe(true);
  await withClient(url, async (client) => {
    // Views, grants, storage and the window's partitions are those of the new tables; nothing of the old ones is left.
    const view = await client.query('select count(*) from masked.transactions');
    expect(Number(view.rows[0].count)).toBeGreaterThan(Number(before.rows[0].count));
    await client.query('set role shadow_reader');
    expect((await client.query('select 1 from masked.transactions limit 1')).rowCount).toBe(1);
    await client.query('reset role');
    const schemas = await client.query(`select nspname from pg_namespace where nspname like 'rm%' order by 1`);
    expect(schemas.rows.map(({ nspname }) => nspname)).toEqual(['rm']);
    const options = await client.query(`select reloptions from pg_class where oid = 'rm.transactions'::regclass`);
    expect(options.rows[0].reloptions).toEqual(['fillfactor=70']);
    const events = await rowsOf(client, 'events', 'event_hash');
    // A third of the events are activities; those of the erased customer are gone.
    expect(events.length).toBeGreaterThan(100);
  });
});
