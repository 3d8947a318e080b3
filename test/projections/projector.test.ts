// The projector among failures: nothing is lost, nothing is counted twice, and only one writes.
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Fact, StoredEvent } from '#domain/envelope.ts';
import { openTables } from '#projections/catalogue.ts';
import { type ProjectorOptions, startProjector } from '#projections/projector.ts';
import { erasedTotals } from '#projections/stats.ts';
import { StoreUnavailable } from '#streams/event-store.ts';
import { createMemoryStore } from '#streams/memory/store.ts';
import { startTestEngines, type TestEngines } from '../support/engines.ts';
import { createDatabase, DAY, event, keepLog, logOf, type Message, rowsOf, sid, withClient } from './support.ts';

let engines: TestEngines;
beforeAll(async () => {
  engines = await startTestEngines();
});
afterAll(() => engines.stop());

const start = (url: string, options: Partial<ProjectorOptions> & Pick<ProjectorOptions, 'store'>) =>
  startProjector({ databaseUrl: url, log: keepLog().log, lingerMs: 5, ...options });
const dump = (url: string) =>
  withClient(url, async (client) => ({
    transactions: await rowsOf(client, 'transactions', 'sid_key, order_key, kind'),
    events: await rowsOf(client, 'events', 'day, event_hash'),
    totals: await rowsOf(client, 'erased_totals', 'month, kind, currency'),
    links: await rowsOf(client, 'links', 'sid_key'),
    erasures: await rowsOf(client, 'erasures', 'sid_key'),
    meta: await rowsOf(client, 'meta', '1'),
  }));

/** 40 packs of orders, refunds and activities of 50 customers, with links and erasures between. */
function history(): Message[] {
  const messages: Message[] = [
    { type: 'workspace.created', workspaceId: 'w-1', reportingCurrency: 'EUR', zone: 'UTC', name: 'test' },
  ];
  for (let p = 0; p < 40; p++) {
    messages.push(
      Array.from({ length: 25 }, (_, i): StoredEvent => {
        const n = p * 25 + i;
        const common = { sid: sid(n % 50), id: `e${n}`, day: 20_000 + (n % 30), minor: n };
        if (n % 5 === 0)
          return event({ ...common, type: 'activity.recorded', name: 'login', minor: null, currency: null });
        if (n % 11 === 0) return event({ ...common, type: 'order.refunded', refunds: `o${n - 1}` });
        return event({ ...common, order: `o${n % 700}`, revision: n % 2 });
      }),
    );
    if (p % 8 === 3) messages.push({ type: 'customer.linked', anonymous: sid(p), known: sid(p + 1) });
    if (p % 10 === 7) messages.push({ type: 'customer.erased', sids: [sid(p)], at: 20_000 * DAY });
  }
  return messages;
}

test('connections killed at random moments: the same tables as without, erased totals included', async () => {
  const messages = history();
  const calm = await createDatabase(engines, 'calm');
  {
    await using projector = start(calm, { store: await logOf(messages), batchEvents: 60 });
    await projector.waitFor(messages.length);
  }
  const expected = await dump(calm);
  expect(expected.transactions.length).toBeGreaterThan(400);
  expect(expected.totals.length).toBeGreaterThan(1);

  const url = await createDatabase(engines, 'storm');
  const { log, lines } = keepLog();
  const store = createMemoryStore();
  let kills = 0;
  await using projector = start(url, { store, batchEvents: 60, log });
  await withClient(url, async (client) => {
    const kill = async () => {
      const { rowCount } = await client.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'axiom47 projector' and datname = current_database()`,
      );
      return rowCount ?? 0;
    };
    for (const [n, message] of messages.entries()) {
      await logOf([message], store);
      // Whatever it is doing: connecting, copying, merging, committing. However slow the machine, every fourth time there is one to kill.
      await sleep(Math.random() * 30);
      if (n % 4 !== 3) continue;
      await expect.poll(kill, { timeout: 20_000, interval: 7 }).toBeGreaterThan(0);
      kills++;
    }
  });
  await projector.waitFor(messages.length);
  expect(kills).toBeGreaterThan(5);
  expect(lines.some((line) => line.message === 'read models cannot be written, trying again')).toBe(true);
  expect(await dump(url)).toEqual(expected);
  expect(projector.status()).toMatchObject({ events: messages.length, trouble: null, failure: null });
});

test('PostgreSQL away: it waits, says why, and loses nothing', async () => {
  const own = await startTestEngines();
  try {
    const url = await createDatabase(own, 'away');
    const store = await logOf([[event({ sid: sid(1) })]]);
    await using projector = start(url, { store });
    await projector.waitFor(1);
    const pid = own.postgres.pid();
    expect(pid).toBeDefined();
    process.kill(pid!, 'SIGKILL');
    await logOf([[event({ sid: sid(2) })], [event({ sid: sid(3) })]], store);
    await expect.poll(() => projector.status().trouble, { timeout: 10_000 }).not.toBeNull();
    expect(projector.position().events).toBe(1);
    await projector.waitFor(3); // the supervisor has started it again
    expect(projector.status().trouble).toBeNull();
    expect(await projector.counts()).toMatchObject({ orders: 3 });
  } finally {
    await own.stop();
  }
});

test('a log that goes away while a commit waits for PostgreSQL ends nothing: it is followed again', async () => {
  const url = await createDatabase(engines, 'both_away');
  const store = await logOf([[event({ sid: sid(1) })]]);
  const locked = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const away = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  let follows = 0;
  /** The first time, one batch and then, when it is told to, no connection. */
  async function* follow(...[stream, options]: Parameters<typeof store.follow>) {
    if (follows++ > 0) return yield* store.follow(stream, options);
    await locked.promise;
    for await (const batch of store.follow(stream, options)) {
      yield batch;
      break;
    }
    asked.resolve();
    await away.promise;
    ended.resolve();
    throw new StoreUnavailable('no connection');
  }
  const unheard: unknown[] = [];
  const note = (reason: unknown) => void unheard.push(reason);
  process.on('unhandledRejection', note);
  try {
    const { log, lines } = keepLog();
    await using projector = start(url, { store: { ...store, follow }, batchEvents: 1, log });
    await projector.waitFor(0);
    await withClient(url, async (client) => {
      await client.query('begin; lock table rm.transactions in share row exclusive mode');
      locked.resolve();
      await asked.promise;
      away.resolve();
      await ended.promise;
      // Rejections that nobody handles are told after the turn they come in.
      for (let turn = 0; turn < 3; turn++) await nextTurn();
      expect(projector.position().events).toBe(0);
      await client.query('rollback');
    });
    await logOf([[event({ sid: sid(2) })]], store);
    await projector.waitFor(2);
    expect(await projector.counts()).toMatchObject({ orders: 2 });
    expect(follows).toBe(2);
    expect(lines.map(({ message }) => message)).toContain('log unavailable, trying again');
    expect(unheard).toEqual([]);
  } finally {
    process.off('unhandledRejection', note);
  }
});

test('a connection lost between two statements of a reader’s transaction ends that transaction and nothing else', async () => {
  const url = await createDatabase(engines, 'reader');
  await using tables = openTables(url);
  const client = await tables.pool.connect();
  await client.query('begin');
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const lost = new Promise((resolve) => client.once('end', resolve));
  await withClient(url, (other) => other.query('select pg_terminate_backend($1)', [rows[0]!.pid]));
  await lost; // Unheard, its error would end the process, and with it this run.
  await expect(client.query('select 1')).rejects.toThrow();
  client.release(true);
  expect((await tables.pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
});

test('a log that is away while the projector starts is waited for', async () => {
  const url = await createDatabase(engines, 'start');
  const store = await logOf([[event({ sid: sid(1) })]]);
  let asked = 0;
  const lastSequence: typeof store.lastSequence = async (...args) => {
    if (++asked <= 2) throw new StoreUnavailable('EVT: not connected to nats-server');
    return store.lastSequence(...args);
  };
  await using projector = start(url, { store: { ...store, lastSequence } });
  await projector.waitFor(1);
  expect(asked).toBe(3);
  expect(projector.status()).toMatchObject({ events: 1, failure: null });
});

test('tables that come back older (a crash before the disk, a failover) are filled on from where they stand', async () => {
  const url = await createDatabase(engines, 'rewound');
  const store = await logOf([[event({ sid: sid(1) })], [event({ sid: sid(2) })]]);
  const { log, lines } = keepLog();
  await using projector = start(url, { store, log });
  await projector.waitFor(2);
  await withClient(url, (client) =>
    client.query(
      `begin; update rm.checkpoints set seq = 1 where projection = 'events'; delete from rm.transactions where seq = 2; commit`,
    ),
  );
  await logOf([[event({ sid: sid(3) })]], store);
  await projector.waitFor(3);
  expect(await projector.counts()).toMatchObject({ orders: 3 });
  expect(lines.filter((line) => line.level === 'warn')).toEqual([
    expect.objectContaining({ fields: { events: 1 }, message: expect.stringMatching(/stands at 1 again/) }),
  ]);
});

test('a second projector takes over: the first stops with a clear message and writes no more', async () => {
  const url = await createDatabase(engines, 'fence');
  const store = await logOf([[event({ sid: sid(1) })]]);
  const failures: { code: string; message: string }[] = [];
  await using first = start(url, { store, onFailure: (failure) => failures.push(failure) });
  await first.waitFor(1);
  const other = await logOf([[event({ sid: sid(1) })]]);
  await using second = start(url, { store: other });
  await second.waitFor(1);
  await logOf([[event({ sid: sid(9) })]], store);
  await first.done;
  expect(failures).toEqual([
    expect.objectContaining({ code: 'fenced', message: expect.stringMatching(/another writer.*epoch 2, ours 1/) }),
  ]);
  await expect(first.waitFor(2)).rejects.toMatchObject({ code: 'fenced' });
  expect(first.status().failure?.code).toBe('fenced');
  expect(await second.counts()).toMatchObject({ orders: 1 });
  await logOf([[event({ sid: sid(2) })]], other);
  await second.waitFor(2);
  expect(await second.counts()).toMatchObject({ orders: 2 });
});

test('a log with a hole, a shorter log and another workspace are refused, each with what to do', async () => {
  const url = await createDatabase(engines, 'refuse');
  const created = (workspaceId: string): Fact => ({
    type: 'workspace.created',
    workspaceId,
    reportingCurrency: 'EUR',
    zone: 'UTC',
    name: 'x',
  });
  const store = await logOf([created('w-1'), [event({ sid: sid(1) })], [event({ sid: sid(2) })]]);
  {
    await using projector = start(url, { store });
    await projector.waitFor(3);
  }
  const outcome = async (other: typeof store) => {
    await using projector = start(url, { store: other });
    await projector.done;
    return projector.status().failure;
  };
  expect(await outcome(await logOf([created('w-1'), [event({ sid: sid(1) })]]))).toMatchObject({
    code: 'sequence-gap',
    message: expect.stringMatching(/rebuild|restore/),
  });
  expect(await outcome(await logOf([created('w-2'), [], [], []]))).toMatchObject({
    code: 'foreign-tables',
    message: expect.stringMatching(/workspace w-1.*workspace w-2/),
  });
  await logOf([[], [], []], store);
  store.lose('EVT', 5);
  expect(await outcome(store)).toMatchObject({ code: 'sequence-gap', message: expect.stringMatching(/5 is missing/) });
});

test('an erased customer leaves every table; what it counted for stays by month', async () => {
  const url = await createDatabase(engines, 'erase');
  const june = 20_240; // 2025-06-02
  const messages: Message[] = [
    [
      event({ sid: sid(1), day: june, minor: 1000 }),
      event({ sid: sid(2), day: june + 1, minor: 500 }), // anonymous, linked to 1
      event({ sid: sid(1), day: june + 62, minor: 700, currency: 'USD' }),
      event({ sid: sid(1), day: june + 62, type: 'order.refunded', minor: 200 }),
      event({ sid: sid(1), day: june + 62, type: 'activity.recorded', name: 'login', minor: null, currency: null }),
      event({ sid: sid(3), day: june, minor: 1 }),
      event({ sid: sid(1), type: 'experiment.exposed', name: 'B', props: { experiment: 'x' }, day: june + 62 }),
    ],
    { type: 'customer.linked', anonymous: sid(2), known: sid(1) },
    { type: 'customer.erased', sids: [sid(1), sid(2)], at: june * DAY },
    // In flight when the erasure was decided: it must not open the ledger again, and counts as if it had come before.
    [
      event({ sid: sid(2), day: june + 2 }),
      event({ sid: sid(1), type: 'activity.recorded', name: 'login', day: june + 62 }),
    ],
  ];
  for (const batchEvents of [1, 10_000]) {
    const database = batchEvents === 1 ? url : await createDatabase(engines, 'erase');
    await using projector = start(database, { store: await logOf(messages), batchEvents });
    await projector.waitFor(messages.length);
    const tables = await dump(database);
    expect(tables.transactions).toHaveLength(1);
    expect(tables.events).toHaveLength(0);
    await using readers = openTables(database);
    expect(await erasedTotals(readers.db)).toEqual([
      { month: '2025-06', kind: 'order', currency: 'EUR', rows: 3, minor: '2500' },
      { month: '2025-08', kind: 'order', currency: 'USD', rows: 1, minor: '700' },
      { month: '2025-08', kind: 'refund', currency: 'EUR', rows: 1, minor: '200' },
    ]);
    expect(await projector.counts()).toMatchObject({ orders: 1, refunds: 0, events: 0, erased: 2 });
    expect(await withClient(database, (client) => rowsOf(client, 'observations', '1'))).toEqual([]);
  }
});

test('the window of events moves with the clock: no partition is made for days that fall out, and old ones are dropped', async () => {
  const url = await createDatabase(engines, 'window');
  const visit = (day: number, id = `v${day}`) =>
    event({ sid: sid(1), id, type: 'activity.recorded', name: 'visit', day, minor: null, currency: null });
  const partitions = () =>
    withClient(url, async (client) =>
      (
        await client.query(
          `select relname from pg_inherits join pg_class on oid = inhrelid where inhparent = 'rm.events'::regclass order by 1`,
        )
      ).rows.map((row) => row.relname as string),
    );
  const store = await logOf([Array.from({ length: 400 }, (_, i) => visit(19_000 + i))]);
  await using projector = start(url, { store, windowDays: 10 });
  await projector.waitFor(1);
  expect(await partitions()).toEqual(Array.from({ length: 10 }, (_, i) => `events_d${19_390 + i}`));
  await logOf(
    [
      [visit(18_000), visit(19_395, 'late')],
      [visit(19_399), visit(19_404)],
    ],
    store,
  );
  await projector.waitFor(3);
  const days = await withClient(url, (client) => rowsOf(client, 'events', 'day, event_hash', 'day'));
  expect(days.map((row) => row.day).filter((day) => day >= 19_395)).toEqual([
    19_395, 19_395, 19_396, 19_397, 19_398, 19_399, 19_404,
  ]);
  await expect
    .poll(partitions)
    .toEqual(['events_d19395', 'events_d19396', 'events_d19397', 'events_d19398', 'events_d19399', 'events_d19404']);
  // A reader in the middle of the old days is not waited for longer than a second, and nothing breaks.
  await withClient(url, async (client) => {
    await client.query('begin');
    await client.query('select count(*) from rm.events');
    await logOf([[visit(19_500)]], store);
    await projector.waitFor(4);
    await client.query('commit');
  });
  await logOf([[visit(19_501)]], store);
  await projector.waitFor(5);
  await expect.poll(partitions, { timeout: 5000 }).toEqual(['events_d19500', 'events_d19501']);
});

test('days of another zone: the tables are emptied and filled again in one zone, also when that is interrupted; the same as from nothing', async () => {
  const offsets: [number, number][] = [[0, 120]];
  const at = 20_000 * DAY + 23 * 3_600_000;
  const orders = Array.from({ length: 30 }, (_, n) =>
    event({ sid: sid(n % 7), id: `z${n}`, order: `z${n}`, day: 20_000 + n, at: at + n * DAY, dateOnly: n % 5 === 0 }),
  );
  const store = await logOf([orders.slice(0, 20), { type: 'zone.set', version: 2, zone: 'Z', offsets }]);
  const url = await createDatabase(engines, 'zone');
  const days = (from: string) =>
    withClient(from, async (client) =>
      (await rowsOf(client, 'transactions', 'sid_key, order_key', 'day, sid_key, order_key')).map(({ day }) => day),
    );
  {
    await using first = start(url, { store });
    await first.waitFor(2);
    await logOf([{ type: 'ledger.rezoned', version: 2, zone: 'Z', offsets }, orders.slice(20)], store);
    await first.done;
    expect(first.status().failure).toMatchObject({ code: 'zone-changed' });
  }
  const stamped = await days(url);
  expect(stamped).toHaveLength(20);
  {
    // Interrupted while the tables are filled again: after the first message of the log.
    const partly = Promise.withResolvers<void>();
    const onProgress = ({ events }: { events: number }) => events === 1 && partly.resolve();
    await using second = start(url, { store, batchEvents: 1, onProgress });
    await partly.promise;
    await second.stop();
  }
  await using third = start(url, { store });
  await third.waitFor(4);
  const fresh = await createDatabase(engines, 'zonefresh');
  await using other = start(fresh, { store });
  await other.waitFor(4);
  const rebuilt = await days(url);
  expect(rebuilt).toEqual(await days(fresh));
  expect((await third.digest()).transactions).toBe((await other.digest()).transactions);
  expect(new Set(rebuilt)).toEqual(new Set(orders.map(({ day, dateOnly }) => (dateOnly ? day : day + 1))));
  expect(rebuilt).not.toEqual(stamped);
});
