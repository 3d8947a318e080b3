import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { StreamName } from '#streams/event-store.ts';
import { checkServerVersion, ensureTopology, STREAMS, TopologyError } from '#streams/jetstream/topology.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';

const DAY_NS = 86_400_000 * 1e6;

describe('topology', () => {
  let server: TestServer;
  let nc: NatsConnection;
  beforeAll(async () => {
    server = await startNatsServer();
    nc = await server.connect();
  });
  afterAll(async () => server[Symbol.asyncDispose]());
  beforeEach(async () => {
    const jsm = await jetstreamManager(nc);
    for await (const name of jsm.streams.names()) await jsm.streams.delete(name);
  });
  const configs = async () => {
    const jsm = await jetstreamManager(nc);
    return new Map(
      await Promise.all(
        [...Object.keys(STREAMS), 'KV_lease'].map(
          async (name) => [name, (await jsm.streams.info(name)).config] as const,
        ),
      ),
    );
  };

  test('creates every stream as the rules say, and again changes nothing', async () => {
    await ensureTopology(nc);
    const made = await configs();
    expect(made.get('EVT')).toMatchObject({ subjects: ['evt.>'], retention: 'limits', discard: 'new', max_age: 0 });
    expect(made.get('EVT')).toMatchObject({ deny_delete: false, deny_purge: false, allow_direct: true });
    expect(made.get('EVT')!.duplicate_window).toBe(120e9);
    for (const name of ['CTL', 'AUD']) expect(made.get(name)).toMatchObject({ deny_delete: true, deny_purge: true });
    expect(made.get('IN')).toMatchObject({ retention: 'workqueue', max_age: DAY_NS, deny_delete: false });
    expect(made.get('QUA')).toMatchObject({ max_age: 90 * DAY_NS, deny_delete: false, deny_purge: false });
    expect(made.get('DLQ')).toMatchObject({ max_age: 90 * DAY_NS, deny_delete: false, deny_purge: false });
    for (const name of Object.keys(STREAMS)) expect(made.get(name)).toMatchObject({ storage: 'file' });
    await ensureTopology(nc);
    expect(await configs()).toEqual(made);
  });

  test('the server refuses to take a control fact away', async () => {
    await ensureTopology(nc);
    const jsm = await jetstreamManager(nc);
    await jsm.jetstream().publish('ctl.main.model.clv', '[]');
    await expect(jsm.streams.deleteMessage('CTL', 1)).rejects.toThrow(/not permitted/);
    await expect(jsm.streams.purge('CTL')).rejects.toThrow(/not permitted/);
  });

  test('settings that drifted are brought back, the operator’s sizing and the messages stay', async () => {
    await ensureTopology(nc);
    const jsm = await jetstreamManager(nc);
    await jsm.jetstream().publish('evt.0.main', 'kept');
    const { config } = await jsm.streams.info('EVT');
    await jsm.streams.update('EVT', { ...config, max_age: DAY_NS, discard: 'old', max_bytes: 1 << 30 });
    await ensureTopology(nc);
    const { config: after, state } = await jsm.streams.info('EVT');
    expect(after).toMatchObject({ max_age: 0, discard: 'new', max_bytes: 1 << 30 });
    expect(state.messages).toBe(1);
  });

  test.each<[StreamName, object, RegExp]>([
    ['EVT', { deny_delete: true }, /EVT .*deny_delete is true, needed false.*another server/],
    ['CTL', { storage: 'memory' }, /CTL .*storage is "memory", needed "file"/],
    ['IN', { retention: 'limits' }, /IN .*retention is "limits", needed "workqueue"/],
  ])('a stream %s with %j, which cannot be changed, is told with the way out', async (name, other, message) => {
    const jsm = await jetstreamManager(nc);
    await jsm.streams.add({ ...STREAMS[name], ...other, name });
    await expect(ensureTopology(nc)).rejects.toThrow(message);
    await expect(ensureTopology(nc)).rejects.toBeInstanceOf(TopologyError);
  });

  test('a stream of somebody else on our subjects is told', async () => {
    const jsm = await jetstreamManager(nc);
    await jsm.streams.add({ name: 'FOREIGN', subjects: ['evt.0.*'] });
    await expect(ensureTopology(nc)).rejects.toThrow(/stream EVT cannot be created: .*overlap/);
  });

  test('versions: too old is refused', () => {
    for (const version of ['2.9.25', '2.13.9', '1.99.99', '0'])
      expect(() => checkServerVersion(version)).toThrow(/too old: 2\.14\.0/);
    for (const version of ['2.14.0', '2.14.10', '2.15.0-RC.1', '3.0.0'])
      expect(() => checkServerVersion(version)).not.toThrow();
  });
});

test('a server without JetStream is told', async () => {
  await using server = await startNatsServer({ jetstream: null });
  await expect(ensureTopology(await server.connect())).rejects.toThrow(/without JetStream/);
});
