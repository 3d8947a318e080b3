// What the cursor does beyond the contract: lost bells, restarts, hung servers, thinned-out streams.
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EventStore, StoreUnavailable } from '#streams/event-store.ts';
import { createDirectGet } from '#streams/jetstream/direct-get.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';

describe('cursor on JetStream', () => {
  let server: TestServer;
  let nc: NatsConnection;
  let store: EventStore;
  beforeAll(async () => {
    server = await startNatsServer();
    nc = await server.connect();
    await ensureTopology(nc);
    store = createJetStreamStore(nc);
  });
  afterAll(async () => server[Symbol.asyncDispose]());

  const bytes = new Uint8Array(100);

  test('what was stored without a bell is found by the poll', async () => {
    const js = jetstream(nc);
    const from = (await store.lastSequence('EVT')) + 1;
    const seen: number[] = [];
    for await (const batch of follow(store, from, async () => {
      await sleep(300);
      await js.publish('evt.0.main', 'silently');
    })) {
      seen.push(...batch);
      break;
    }
    expect(seen).toEqual([from]);
  });

  test('the bell alone wakes a reader: with a poll of an hour twenty messages arrive, one after the other', async () => {
    const rung = createJetStreamStore(nc, { pollMs: 3_600_000 });
    const from = (await rung.lastSequence('EVT')) + 1;
    let count = 0;
    const append = async () => {
      await sleep(20);
      await rung.append('evt.0.main', bytes);
    };
    for await (const _ of follow(rung, from, append)) {
      if (++count === 20) break;
      void append();
    }
    expect(count).toBe(20);
  });

  test('streams that lose messages by design are read across the holes; a first sequence above 1 too', async () => {
    const jsm = await jetstreamManager(nc);
    for (let i = 0; i < 6; i++) await store.append('qua.main.bad-time', bytes);
    for (const seq of [1, 2, 4]) await jsm.streams.deleteMessage('QUA', seq);
    expect((await all(store.read('QUA'))).map(({ seq }) => seq)).toEqual([3, 5, 6]);
    expect((await all(store.read('QUA', { from: 4, to: 5 }))).map(({ seq }) => seq)).toEqual([5]);
  });

  test('a thousand reads leave no subscription behind', async () => {
    const before = await subscriptions(server, nc);
    for (let i = 0; i < 1_000; i++) await all(store.read('EVT', { from: 1, to: 1 }));
    expect(await subscriptions(server, nc)).toBe(before);
  });

  test('a stream that does not exist is an error for a reader of a range', async () => {
    const get = createDirectGet(nc);
    await expect(get.page('NONE' as 'EVT', { seq: 1, batch: 1, maxBytes: 1 })).rejects.toBeInstanceOf(StoreUnavailable);
    get.close();
    await expect(store.append('nobody.takes.this', bytes)).rejects.toThrow(/no stream takes this subject/);
  });

  test('a reader of a range hears of a server that is gone; a follower waits for it', async () => {
    await using other = await startNatsServer();
    const connection = await other.connect();
    await ensureTopology(connection);
    const here = createJetStreamStore(connection);
    for (let i = 0; i < 3; i++) await here.append('evt.0.main', bytes);
    const seen: number[] = [];
    const stop = new AbortController();
    const following = (async () => {
      for await (const batch of here.follow('EVT', { from: 1, signal: stop.signal })) {
        seen.push(...batch.map(({ seq }) => seq));
        if (seen.length === 4) return;
      }
    })();
    while (seen.length < 3) await sleep(5);
    await other.kill();
    await expect(all(here.read('EVT'))).rejects.toBeInstanceOf(StoreUnavailable);
    await expect(here.append('evt.0.main', bytes)).rejects.toBeInstanceOf(StoreUnavailable);
    await other.start();
    await retried(() => here.append('evt.0.main', bytes));
    await following;
    expect(seen).toEqual([1, 2, 3, 4]);
    stop.abort();
  });

  test('a connection closed under a follower ends it with an error, not in silence', async () => {
    const connection = await server.connect();
    const here = createJetStreamStore(connection);
    const last = await here.lastSequence('EVT');
    const following = all(flat(here.follow('EVT', { from: last + 1, signal: new AbortController().signal })));
    const outcome = expect(following).rejects.toThrow(/closed/);
    await sleep(50);
    await connection.close();
    await outcome;
  });

  /** Sequences from `from` on; `meanwhile` starts with the follower. */
  async function* follow(of: EventStore, from: number, meanwhile: () => Promise<unknown>): AsyncGenerator<number[]> {
    const started = meanwhile();
    for await (const batch of of.follow('EVT', { from, signal: new AbortController().signal }))
      yield batch.map(({ seq }) => seq);
    await started;
  }
});

async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++)
    try {
      return await work();
    } catch (error) {
      if (attempt === 20) throw error;
      await sleep(100);
    }
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = [];
  for await (const value of values) seen.push(value);
  return seen;
}

async function* flat<T>(batches: AsyncIterable<T[]>): AsyncGenerator<T> {
  for await (const batch of batches) yield* batch;
}

/** Of all clients, as the server counts them. */
async function subscriptions(server: TestServer, nc: NatsConnection): Promise<number> {
  await nc.flush();
  return (await server.varz()).subscriptions;
}
