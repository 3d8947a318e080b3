// The projector as it runs: a thread with its own connections, following JetStream, called over ports, stopped cleanly.
import { MessageChannel } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ProjectorConfig, ProjectorHandlers } from '#projections/protocol.ts';
import { type ProjectorThread, startProjectorThread } from '#projections/thread.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { remote, serve } from '#streams/rpc.ts';
import { startTestEngines, type TestEngines } from '../support/engines.ts';
import { customerState } from './state.ts';
import { createDatabase, event, factBytes, packOf, sid, withClient } from './support.ts';

let engines: TestEngines;
beforeAll(async () => {
  engines = await startTestEngines();
});
afterAll(() => engines.stop());

function logKept() {
  const lines: { message: string; fields: object }[] = [];
  const keep = (fields: object, message: string) => void lines.push({ message, fields });
  return { lines, log: { info: keep, warn: keep, error: keep } };
}
/** A fold thread that knows one customer. */
function fold(seq: () => number): ProjectorConfig['fold'] {
  const { port1, port2 } = new MessageChannel();
  const one = {
    sid: sid(1),
    firstDay: 20_000,
    lastDay: 20_000,
    orders: 1,
    frequency: 0,
    moneyDays: 0,
    moneyMinor: 0,
    netMinor: 1000,
    currency: 'EUR',
  };
  serve(port1, {
    dirtyRows: (since: number) => ({ rows: customerState(since < seq() ? [{ ...one, seq: seq() }] : []), seq: seq() }),
    parkedIn: () => [],
    stillParked: () => [],
  });
  port1.unref();
  return port2;
}

test('events acknowledged by JetStream are in the tables, scores too, and a later thread goes on from there', async () => {
  const url = await createDatabase(engines, 'thread');
  const nc = await engines.nats.connect('test');
  await ensureTopology(nc);
  const store = createJetStreamStore(nc);
  await store.append(
    'evt.all.main',
    factBytes({ type: 'workspace.created', workspaceId: 'w', reportingCurrency: 'EUR', zone: 'UTC', name: 't' }),
  );
  await store.append(
    'evt.0.main',
    packOf([event({ sid: sid(1) }), event({ sid: sid(2), minor: null, currency: null })]),
  );
  let seq = 2;
  const { log, lines } = logKept();
  const positions: unknown[] = [];
  const start = () =>
    startProjectorThread(
      { nats: engines.nats.options, databaseUrl: url, fold: fold(() => seq), keyringUrl: engines.postgres.keyringUrl },
      log,
      {
        onProgress: (position) => positions.push(position),
      },
    );
  {
    await using thread: ProjectorThread = await start();
    expect(await thread.calls.waitFor(2)).toEqual({ events: 2, customers: 2 });
    expect(await thread.calls.counts()).toMatchObject({ orders: 2, customers: 1 });
    const columns = () => Float64Array.of(0.5);
    const written = await thread.calls.writeScores({
      modelId: 'm@1',
      horizonDays: 90,
      seq: 2,
      at: 0,
      clock: 'log',
      sids: sid(1),
      pChurn: columns(),
      pAlive: columns(),
      clvMean: columns(),
      clvP05: columns(),
      clvP50: columns(),
      clvP95: columns(),
      expectedPurchases: columns(),
    });
    expect(written).toBe(1);
    const other = remote<ProjectorHandlers>(thread.connect());
    expect(await other.status()).toEqual({
      events: 2,
      customers: 2,
      filling: false,
      applied: 3,
      trouble: null,
      failure: null,
    });
    expect(await other.digest()).toMatchObject({ rows: 2, seq: 2 });
    await store.append('evt.1.main', packOf([event({ sid: sid(3) })]));
    seq = 3;
    await other.waitFor(3);
    expect(positions).toContainEqual({ events: 2, customers: 2 });
    // Nobody has made the keyring's tables in this test, and the log says what that means.
    expect(lines.map((line) => line.message).join()).toMatch(/schema identified\) are not available/);
  }
  await using again = await start();
  expect(await again.calls.waitFor(3)).toEqual({ events: 3, customers: 3 });
  expect(await again.calls.counts()).toMatchObject({ orders: 3, customers: 1, scores: 1 });
  await withClient(url, async (client) => {
    const { rows } = await client.query(`select projection, seq, epoch from rm.checkpoints order by 1`);
    expect(rows).toEqual([
      { projection: 'customers', seq: '3', epoch: '2' },
      { projection: 'events', seq: '3', epoch: '2' },
      { projection: 'scores', seq: '2', epoch: '2' },
    ]);
  });
  await nc.close();
});

test('a thread that is fenced says so to who started it, and its callers learn why', async () => {
  const url = await createDatabase(engines, 'thread');
  const nc = await engines.nats.connect('test');
  await ensureTopology(nc);
  const store = createJetStreamStore(nc);
  const last = await store.lastSequence('EVT');
  const { log } = logKept();
  const failures: { code: string; message: string }[] = [];
  await using thread = await startProjectorThread(
    { nats: engines.nats.options, databaseUrl: url, fold: fold(() => 0) },
    log,
    {
      onFailure: (failure) => failures.push(failure),
    },
  );
  await expect.poll(async () => (await thread.calls.position()).events, { timeout: 20_000 }).toBe(last);
  await withClient(url, (client) => client.query('update rm.checkpoints set epoch = epoch + 1'));
  await store.append('evt.0.main', packOf([event({ sid: sid(1) })]));
  await expect.poll(() => failures, { timeout: 20_000 }).toHaveLength(1);
  expect(failures[0]).toMatchObject({ code: 'fenced', message: expect.stringMatching(/Run one projector/) });
  await expect(thread.calls.waitFor(last + 1)).rejects.toMatchObject({ code: 'fenced' });
  expect(await thread.calls.status()).toMatchObject({ failure: { code: 'fenced' } });
  await nc.close();
});
