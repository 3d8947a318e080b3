// Who sees what: an analyst sees pseudonyms, the identified role sees customer ids, neither sees anything else.

import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Fact } from '#domain/envelope.ts';
import { openTables } from '#projections/catalogue.ts';
import { CopyBuffer } from '#projections/copy-binary.ts';
import { encodeCustomers, mergeCustomers, stageTable } from '#projections/customers.ts';
import { deployedModel } from '#projections/deployments.ts';
import { type OpenExport, openExport } from '#projections/exports.ts';
import { grantViews } from '#projections/identified-views.ts';
import { migrateTables, rebuildProjection } from '#projections/migrate.ts';
import { startProjector } from '#projections/projector.ts';
import { startTestEngines, type TestEngines } from '../support/engines.ts';
import { customerState } from './state.ts';
import { createDatabase, DAY, event, keepLog, logOf, rowsOf, sid, uuidOf, withClient } from './support.ts';

let engines: TestEngines;
let url: string;
let keyringUrl: string;
beforeAll(async () => {
  engines = await startTestEngines();
  url = await createDatabase(engines, 'views');
  keyringUrl = await createDatabase(engines, 'ring');
  await withClient(keyringUrl, (client) =>
    client.query(
      `create table identities (customer_id text collate "C", anonymous boolean, sid uuid, sid_key bigint unique, key_seed bytea);
       insert into identities values ('c-1', false, '${uuidOf(sid(1))}', ${keyOf(1)}, 'secret'), ('c-2', false, '${uuidOf(sid(2))}', ${keyOf(2)}, 'secret')`,
    ),
  );
  const log = await logOf([
    { type: 'workspace.created', workspaceId: 'w', reportingCurrency: 'EUR', zone: 'UTC', name: 'views' },
    [
      event({ sid: sid(1), id: 'a', day: 20_000, minor: 1234, channel: 'web', props: { coupon: true } }),
      event({ sid: sid(1), id: 'b', day: 20_010, minor: 500, currency: 'JPY' }),
      event({ sid: sid(2), id: 'c', day: 20_010, type: 'order.refunded', minor: 1999, currency: 'KWD' }),
      event({
        sid: sid(2),
        id: 'd',
        day: 20_010,
        type: 'activity.recorded',
        name: 'login',
        minor: null,
        currency: null,
      }),
      event({ sid: sid(2), id: 'f', day: 19_000, minor: null, currency: null }),
    ],
    [
      event({
        sid: sid(2),
        id: 'x',
        day: 20_010,
        type: 'experiment.exposed',
        name: 'B',
        props: { experiment: 'mail' },
        minor: null,
        currency: null,
      }),
      event({
        sid: sid(2),
        id: 'y',
        day: 20_010,
        type: 'observation.recorded',
        name: 'B',
        props: { experiment: 'mail', value: '0.5' },
        minor: 250,
        currency: 'EUR',
      }),
    ],
    {
      type: 'model.deployed',
      ctlSequence: 1,
      kind: 'clv',
      model: 'bg-nbd',
      version: 3,
      digest: 'ab',
      at: 20_010 * 86_400_000,
    },
  ]);
  await using projector = startProjector({ databaseUrl: url, store: log, log: keepLog().log, lingerMs: 1 });
  await projector.waitFor(4);
  await projector.writeScores({
    modelId: 'bg-nbd@3',
    horizonDays: 90,
    seq: 3,
    at: 20_010 * 86_400_000,
    clock: 'wall',
    sids: sid(1),
    pChurn: Float64Array.of(0.25),
    pAlive: Float64Array.of(0.9),
    clvMean: Float64Array.of(42.5),
    clvP05: Float64Array.of(0),
    clvP50: Float64Array.of(30),
    clvP95: Float64Array.of(120),
    expectedPurchases: Float64Array.of(Number.NaN),
  });
  await withClient(url, async (client) => {
    await client.query(stageTable);
    const rows = new CopyBuffer();
    encodeCustomers(
      rows,
      customerState([
        {
          sid: sid(1),
          firstDay: 20_000,
          lastDay: 20_010,
          orders: 2,
          frequency: 1,
          moneyDays: 1,
          moneyMinor: 500,
          netMinor: 1734,
          currency: 'EUR',
          seq: 2,
        },
        {
          sid: sid(2),
          firstDay: 19_000,
          lastDay: 19_000,
          orders: 1,
          frequency: 0,
          moneyDays: 0,
          moneyMinor: 0,
          netMinor: -1999,
          currency: 'KWD',
          seq: 2,
        },
      ]),
      0,
      2,
    );
    await client.query('begin');
    await mergeCustomers(client, rows);
    await client.query('commit');
    expect(await grantViews(client, { keyringUrl, log: keepLog().log })).toBe(true);
  });
});
afterAll(() => engines.stop());

const keyOf = (n: number) => new DataView(sid(n).buffer).getBigInt64(0);
/** Queries as somebody who was granted one role and nothing else. */
async function as<T>(role: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  return withClient(url, async (client) => {
    await client.query(`set role ${role}`);
    return work(client);
  });
}
const select = (client: pg.Client, sql: string) => client.query(sql).then((result) => result.rows);

const COLUMNS: Record<string, string[]> = {
  customers: ['customer_id', 'segment', 'created_at'],
  events: ['customer_id', 'event_ts', 'type', 'props'],
  transactions: ['customer_id', 'txn_ts', 'amount', 'channel'],
  features: ['customer_id', 'version', 'vector', 'ts'],
  scores: ['customer_id', 'model_id', 'p_churn', 'clv_mean', 'clv_p05', 'clv_p95', 'ts', 'clock'],
  models: ['model_id', 'type', 'version', 'metrics', 'created_at'],
  experiments: ['exp_id', 'name', 'variants', 'status', 'created_at'],
  observations: ['exp_id', 'variant', 'ts', 'y', 'amount'],
};

test.each(['masked', 'identified'] as const)(
  'the eight tables stand in schema %s with the columns asked for',
  async (schema) => {
    const role = schema === 'masked' ? 'axiom47_analyst' : 'axiom47_analyst_identified';
    await as(role, async (client) => {
      for (const [view, columns] of Object.entries(COLUMNS)) {
        const result = await client.query(`select * from ${schema}.${view}`);
        expect(result.fields.map((field) => field.name)).toEqual(expect.arrayContaining(columns));
        expect([view, result.rows.length > 0]).toEqual([view, view !== 'experiments']);
      }
    });
  },
);

test('the analyst sees pseudonyms and reaches neither ids nor the tables beneath', async () => {
  await as('axiom47_analyst', async (client) => {
    const ids = await select(client, 'select customer_id from masked.customers order by 1');
    expect(ids.map((row) => row.customer_id)).toEqual([uuidOf(sid(1)), uuidOf(sid(2))].sort());
    for (const forbidden of [
      'select customer_id from identified.customers',
      'select * from keyring.identities',
      'select * from rm.customers',
      'select * from rm.transactions',
      'select umoptions from pg_user_mapping',
      'create table masked.mine (a int)',
      'delete from masked.customers',
    ])
      await expect(client.query(forbidden), forbidden).rejects.toMatchObject({ code: '42501' });
    // The mapping's options (a password) are hidden from everybody but its owner.
    const mappings = await select(client, 'select umoptions from pg_user_mappings');
    expect(mappings).toEqual([{ umoptions: null }]);
  });
});

test('the identified role sees ids, and not the key seeds', async () => {
  await as('axiom47_analyst_identified', async (client) => {
    expect(
      await select(client, 'select customer_id, segment, orders, net_amount from identified.customers order by 1'),
    ).toEqual([
      { customer_id: 'c-1', segment: 'repeat', orders: 2, net_amount: '17.34' },
      { customer_id: 'c-2', segment: 'one-time', orders: 1, net_amount: '-1.999' },
    ]);
    expect(
      await select(
        client,
        `select clv_mean, expected_purchases, clock from identified.scores where customer_id = 'c-1'`,
      ),
    ).toEqual([{ clv_mean: 42.5, expected_purchases: null, clock: 'wall' }]);
    for (const forbidden of [
      'select key_seed from keyring.identities',
      'select * from rm.scores',
      'select * from masked.customers',
    ])
      await expect(client.query(forbidden), forbidden).rejects.toMatchObject({ code: '42501' });
  });
});

test('amounts have their currency’s decimals, refunds are negative, the window hides old events but no transaction', async () => {
  await as('axiom47_analyst_identified', async (client) => {
    expect(
      await select(client, 'select kind, amount, currency from identified.transactions order by txn_ts, customer_id'),
    ).toEqual([
      { kind: 'order', amount: null, currency: null },
      { kind: 'order', amount: '12.34', currency: 'EUR' },
      { kind: 'order', amount: '500', currency: 'JPY' },
      { kind: 'refund', amount: '-1.999', currency: 'KWD' },
    ]);
    expect(
      await select(client, 'select customer_id, type, props from identified.events order by event_ts, type'),
    ).toEqual([
      {
        customer_id: 'c-1',
        type: 'order.placed',
        props: { amount: 12.34, channel: 'web', coupon: true, currency: 'EUR' },
      },
      { customer_id: 'c-2', type: 'activity.recorded', props: { name: 'login' } },
      { customer_id: 'c-2', type: 'experiment.exposed', props: { experiment: 'mail', name: 'B' } },
      {
        customer_id: 'c-2',
        type: 'observation.recorded',
        props: { amount: 2.5, currency: 'EUR', experiment: 'mail', name: 'B', value: '0.5' },
      },
      { customer_id: 'c-1', type: 'order.placed', props: { amount: 500, currency: 'JPY' } },
      { customer_id: 'c-2', type: 'order.refunded', props: { amount: 1.999, currency: 'KWD' } },
    ]);
    expect(await select(client, `select vector from identified.features where customer_id = 'c-1'`)).toEqual([
      { vector: { frequency: 1, recency_days: 10, age_days: 10, orders: 2, money_days: 1, monetary_value: 5 } },
    ]);
    expect(await select(client, 'select variant, y, amount from identified.observations order by y')).toEqual([
      { variant: 'B', y: 0.5, amount: '2.50' },
      { variant: 'B', y: null, amount: null },
    ]);
  });
});

test('an export has all rows of one moment in batches, whatever comes meanwhile; one that was ended reads nothing of the next', async () => {
  await using tables = openTables(url, { connections: 1 });
  const many = {
    name: 'many',
    docs: '',
    select: `select g::text as ref, g as n, g % 2 = 0 as even, date '2026-01-01' + g as day, timestamptz '2026-01-01 00:00:00.5Z' as at,
               g * 0.01 as amount, g / 3.0::float8 as share, jsonb_build_object('g', g) as props
             from generate_series(1, 2500) g, rm.meta`,
    ofCustomers: true,
    day: { column: 'day' },
  };
  const read = async (opened: OpenExport) => {
    const rows: (string | null)[][] = [];
    for await (const batch of opened.batches()) {
      expect(batch.length).toBeLessThanOrEqual(1_000);
      rows.push(...batch);
    }
    return rows;
  };
  const opened = await openExport(tables.pool, many, null);
  expect(opened.columns.map(({ type }) => type)).toEqual([
    'text',
    'integer',
    'boolean',
    'date',
    'time',
    'decimal',
    'double',
    'json',
  ]);
  expect([opened.rows, opened.seq]).toEqual([2_500, expect.any(Number)]);
  const rows = await read(opened);
  expect(rows.map(([, n]) => Number(n)).sort((a, b) => a - b)).toEqual(Array.from({ length: 2_500 }, (_, i) => i + 1));
  expect(rows.find(([, n]) => n === '2')).toEqual([
    '2',
    '2',
    'true',
    '2026-01-03',
    '2026-01-01T00:00:00.500Z',
    '0.02',
    String(2 / 3),
    '{"g": 2}',
  ]);
  await opened[Symbol.asyncDispose]();

  const cut = await openExport(tables.pool, many, 20_454 + 1_200);
  expect(cut.rows).toBe(1_200);
  const batches = cut.batches();
  expect((await batches.next()).value).toHaveLength(1_000);
  await cut[Symbol.asyncDispose]();
  await using next = await openExport(tables.pool, many, null);
  await expect(batches.next()).rejects.toThrow('ended before it was read');
  expect(await read(next)).toHaveLength(2_500);
});

test('a keyring that cannot be reached: no identified views, a warning that says so, and the masked ones stay', async () => {
  const { log, lines } = keepLog();
  await withClient(url, async (client) => {
    const nowhere = new URL(keyringUrl);
    nowhere.pathname = '/no_such_database';
    expect(await grantViews(client, { keyringUrl: nowhere.href, log })).toBe(false);
    expect((await client.query(`select 1 from pg_namespace where nspname = 'identified'`)).rows).toEqual([]);
    // And back again, on whatever port the keyring has now.
    expect(await grantViews(client, { keyringUrl, log })).toBe(true);
  });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({
    level: 'warn',
    message: expect.stringMatching(/schema identified.*not available.*postgres_fdw/),
  });
  expect(JSON.stringify(lines)).not.toContain(decodeURIComponent(new URL(keyringUrl).password));
  expect(
    await as('axiom47_analyst', (client) => select(client, 'select count(*)::int as n from masked.customers')),
  ).toEqual([{ n: 2 }]);
});

test('a schema of a later version is refused with what to do; migrating twice changes nothing', async () => {
  await withClient(url, async (client) => {
    expect(await migrateTables(client)).toEqual({ applied: [], emptied: [] });
    await client.query(`insert into rm.migrations (number, name) values (99, '0099-later')`);
    await expect(migrateTables(client)).rejects.toMatchObject({
      code: 'schema-newer',
      message: expect.stringMatching(/version 99.*start the newer version/),
    });
    await client.query('delete from rm.migrations where number = 99');
  });
});

test('a changed definition empties the projection and starts it anew', async () => {
  const other = await createDatabase(engines, 'redefined');
  const store = await logOf([[event({ sid: sid(1) })]]);
  {
    await using projector = startProjector({ databaseUrl: other, store, log: keepLog().log, lingerMs: 1 });
    await projector.waitFor(1);
  }
  await withClient(other, (client) =>
    client.query(`update rm.checkpoints set version = 0 where projection = 'events'`),
  );
  const { log, lines } = keepLog();
  await using projector = startProjector({ databaseUrl: other, store, log, lingerMs: 1 });
  await projector.waitFor(1);
  expect(lines.map((line) => line.fields)).toContainEqual({ emptied: ['events'] });
  expect(await projector.counts()).toMatchObject({ orders: 1 });
});

test('a rebuild fences the running projector, and the next one fills the same rows again', async () => {
  const other = await createDatabase(engines, 'rebuild');
  const store = await logOf([[event({ sid: sid(1), id: 'one' }), event({ sid: sid(2), id: 'two' })]]);
  const rows = () => withClient(other, (client) => rowsOf(client, 'transactions', 'sid_key'));
  const first = startProjector({ databaseUrl: other, store, log: keepLog().log, lingerMs: 1 });
  await first.waitFor(1);
  const before = await rows();
  await withClient(other, (client) => rebuildProjection(client, 'events'));
  expect(await rows()).toEqual([]);
  await logOf([[event({ sid: sid(1), id: 'one' })]], store);
  await first.done;
  expect(first.status().failure?.code).toBe('fenced');
  await first.stop();
  await using second = startProjector({ databaseUrl: other, store, log: keepLog().log, lingerMs: 1 });
  await second.waitFor(2);
  expect(await rows()).toEqual(before);
});

test('the model in force is the last deployed of its type', async () => {
  await using tables = openTables(url);
  expect(await deployedModel(tables.db, 'clv')).toMatchObject({
    model_id: 'bg-nbd@3',
    digest: 'ab',
    ctl_sequence: '1',
  });
  expect(await deployedModel(tables.db, 'churn')).toBeNull();
});

test('a barrier that was overtaken by a later decision on its way does not win', async () => {
  const other = await createDatabase(engines, 'overtaken');
  const deployed = (ctlSequence: number, version: number): Fact => ({
    type: 'model.deployed',
    ctlSequence,
    kind: 'clv',
    model: 'clv_model',
    version,
    digest: 'ab',
    at: 20_010 * DAY,
  });
  const store = await logOf([deployed(7, 2), deployed(5, 1)]);
  await using projector = startProjector({ databaseUrl: other, store, log: keepLog().log, lingerMs: 1 });
  await projector.waitFor(2);
  await using tables = openTables(other);
  expect(await deployedModel(tables.db, 'clv')).toMatchObject({ model_id: 'clv_model@2', ctl_sequence: '7' });
});
