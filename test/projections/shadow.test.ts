// Tables built beside the live ones while both are written, compared, and put in their place under traffic.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTables } from '#projections/catalogue.ts';
import { compareTables } from '#projections/compare.ts';
import { DirtyRows, stateOfRows } from '#projections/memory/dirty-rows.ts';
import { createLedger } from '#projections/memory/ledger.ts';
import { startProjector } from '#projections/projector.ts';
import type { ScoreBatch } from '#projections/scores.ts';
import { createShadow, diffScores, diffShadow, ShadowClient, switchToShadow } from '#projections/shadow.ts';
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

  const shadow = startProjector({ databaseUrl: url, store, fold, log, lingerMs: 1, shadow: ['events', 'customers'] });
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
    expect(options.rows[0].reloptions).toEqual(['fillfactor=50']);
    const events = await rowsOf(client, 'events', 'event_hash');
    // A third of the events are activities; those of the erased customer are gone.
    expect(events.length).toBeGreaterThan(100);
  });
});

const scoresOf = (people: readonly number[], seq: number, salt = 0): ScoreBatch => {
  const column = (value: number) => Float64Array.from(people, (n) => value + n / 100 + salt);
  return {
    modelId: 'bg-nbd@1',
    horizonDays: 90,
    seq,
    at: 1_700_000_000_000 + seq,
    clock: 'log',
    sids: Uint8Array.from(people.flatMap((n) => [...sid(n)])),
    pChurn: column(0),
    pAlive: column(0.1),
    clvMean: column(10),
    clvP05: column(1),
    clvP50: column(5),
    clvP95: column(20),
    expectedPurchases: column(2),
  };
};

test('scores made again beside the live ones: what was damaged is named, and what came meanwhile or belongs to another model stays', async () => {
  const store = await logOf([[1, 2, 3, 4].map((n) => event({ sid: sid(n), id: `s${n}`, order: `s${n}` }))]);
  const url = await createDatabase(engines, 'scores');
  const { log } = keepLog();
  await using live = startProjector({ databaseUrl: url, store, log, lingerMs: 1 });
  await live.waitFor(1);
  await live.writeScores(scoresOf([1, 2, 3, 4], 1));
  await live.writeScores({ ...scoresOf([1], 1), modelId: 'earlier@1' });
  const key = (n: number) => Buffer.from(sid(n)).readBigInt64BE(0).toString();
  await withClient(url, async (client) => {
    await client.query('update rm.scores set p_churn = 0.99 where sid_key = $1', [key(2)]);
    await createShadow(client, ['scores']);
  });
  const shadow = startProjector({ databaseUrl: url, store, log, lingerMs: 1, shadow: ['scores'] });
  expect(await shadow.writeScores(scoresOf([1, 2, 3, 4], 1))).toBe(4);
  // A later one of the live scorer, and somebody who is erased before the switch.
  await live.writeScores(scoresOf([3], 2, 0.5));
  await logOf([{ type: 'customer.erased', sids: [sid(4)], at: 0 }], store);
  await live.waitFor(2);
  await withClient(url, async (client) => {
    await expect(switchToShadow(client, ['scores'])).rejects.toThrow('not filled yet');
    await shadow.finish();
    await shadow.stop();
    expect(await diffScores(client)).toEqual({ customers: 1, first: [key(2)] });
    await switchToShadow(client, ['scores']);
    const rows = await rowsOf(client, 'scores', 'model_id, p_churn', 'sid_key, model_id, p_churn, seq');
    expect(rows).toEqual([
      { sid_key: key(1), model_id: 'bg-nbd@1', p_churn: 0.01, seq: '1' },
      { sid_key: key(2), model_id: 'bg-nbd@1', p_churn: 0.02, seq: '1' },
      { sid_key: key(3), model_id: 'bg-nbd@1', p_churn: 0.53, seq: '2' },
      { sid_key: key(1), model_id: 'earlier@1', p_churn: 0.01, seq: '1' },
    ]);
  });
  // The live projector writes into the new table as if nothing had been.
  await live.writeScores(scoresOf([1], 3, 0.25));
  expect((await live.counts()).scores).toBe(4);
});

test('customers alone, beside live orders: the fold says them again, who is erased stays away, and the log is not read', async () => {
  const people = [1, 2, 3, 4, 5];
  const store = await logOf([
    people.map((n) => event({ sid: sid(n), id: `c${n}`, order: `c${n}` })),
    { type: 'customer.erased', sids: [sid(5)], at: 0 },
  ]);
  const ledger = createLedger({ maxCustomers: 1 << 10 });
  const dirty = new DirtyRows(ledger);
  for await (const { seq, bytes } of store.read('EVT')) ledger.applyMessage(seq, decodeMessage(bytes));
  ledger.flushColumns();
  const fold = { dirtyRows: async (since: number, limit: number) => dirty.after(since, limit) };
  const url = await createDatabase(engines, 'state');
  const { log } = keepLog();
  await using live = startProjector({ databaseUrl: url, store, fold, log, lingerMs: 1 });
  await live.waitFor(2);
  await withClient(url, async (client) => {
    const sound = await rowsOf(client, 'customers', 'sid_key');
    expect(sound).toHaveLength(4);
    await client.query('update rm.customers set orders = 9 where sid_key = (select min(sid_key) from rm.customers)');
    await createShadow(client, ['customers']);
    const shadow = startProjector({ databaseUrl: url, store, fold, log, lingerMs: 1, shadow: ['customers'] });
    await shadow.waitFor(2);
    expect(shadow.status()).toMatchObject({ events: 0, filling: false, failure: null });
    await shadow.stop();
    expect(await diffShadow(client, 2, ['customers'])).toMatchObject({ customers: 1 });
    expect(await switchToShadow(client, ['customers'])).toEqual({ customers: 2 });
    expect(await rowsOf(client, 'customers', 'sid_key')).toEqual(sound);
    expect(await rowsOf(client, 'transactions', 'sid_key')).toHaveLength(4);
  });
});
