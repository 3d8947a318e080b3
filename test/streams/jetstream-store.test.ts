import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { StoreUnavailable } from '#streams/event-store.ts';
import { createLanePublisher } from '#streams/jetstream/publisher.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { eventStoreContract } from '../contracts/event-store.ts';
import { startNatsServer } from '../support/nats-server.ts';
import { storedEvent } from '../support/stored-event.ts';

eventStoreContract('JetStream', async () => {
  const server = await startNatsServer();
  const nc = await server.connect();
  await ensureTopology(nc);
  const jsm = await jetstreamManager(nc);
  return {
    store: createJetStreamStore(nc),
    lose: async (stream, seq) => void (await jsm.streams.deleteMessage(stream, seq)),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
});

test('a full store is told as such, and nothing acknowledged is lost', async () => {
  await using server = await startNatsServer({ jetstream: 'max_file_store: 8MB, sync_interval: always' });
  const nc = await server.connect();
  await ensureTopology(nc);
  await using store = createJetStreamStore(nc);
  let acknowledged = 0;
  const fill = async () => {
    for (; acknowledged < 100; acknowledged++) await store.append('evt.0.main', new Uint8Array(512 << 10));
  };
  await expect(fill()).rejects.toMatchObject({
    code: 'store-unavailable',
    message: expect.stringMatching(/evt\.0\.main.*refused.*free disk space/),
  });
  expect(acknowledged).toBeGreaterThan(5);
  expect(await store.lastSequence('EVT')).toBe(acknowledged);

  const publisher = createLanePublisher({ nc, gateway: 'g1', epoch: 1, unavailableAfterMs: 300 });
  publisher.addMany(Array.from({ length: 4_000 }, (_, i) => storedEvent(i)));
  await expect(publisher.ticket()).rejects.toBeInstanceOf(StoreUnavailable);
  expect(publisher.pending).toBeGreaterThan(0);
  const jsm = await jetstreamManager(nc);
  for (let seq = 1; seq <= 4; seq++) await jsm.streams.deleteMessage('EVT', seq); // room again
  while (!publisher.available) await sleep(20);
  await publisher.close();
  expect(publisher.stats.events).toBe(4_000);
});
