import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Fact, PARTITIONS, partitionOf } from '#domain/envelope.ts';
import { type EventStore, StoreUnavailable } from '#streams/event-store.ts';
import { takeEpoch } from '#streams/jetstream/epoch.ts';
import { createLanePublisher } from '#streams/jetstream/publisher.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { decodeMessage } from '#streams/pack.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { storedEvent } from '../support/stored-event.ts';

interface Seen {
  seq: number;
  lane: string;
  epoch: number;
  /** (partition, counter, at) of every event, or the fact. */
  events: { partition: number; counter: number; at: number }[];
  fact: Fact | null;
}

async function readLog(store: EventStore, from = 1): Promise<Seen[]> {
  const seen: Seen[] = [];
  for await (const { seq, subject, bytes } of store.read('EVT', { from })) {
    const message = decodeMessage(bytes);
    const lane = subject.split('.')[1]!;
    if (message.kind === 'fact') seen.push({ seq, lane, epoch: message.header.epoch, events: [], fact: message.fact });
    else {
      const { pack } = message;
      const events = Array.from({ length: pack.count }, (_, row) => ({
        partition: partitionOf(pack.sid(row)),
        counter: pack.counter(row),
        at: pack.at(row),
      }));
      seen.push({ seq, lane, epoch: pack.header.epoch, events, fact: null });
    }
  }
  return seen;
}

/** What a fold keeps: an event whose counter is not the next of its partition's is a repetition, or proof of a loss. */
function foldByCounters(log: Seen[], epoch: number): { kept: number[]; repeated: number } {
  const next = new Uint32Array(PARTITIONS);
  const kept: number[] = [];
  let repeated = 0;
  for (const message of log)
    if (message.epoch === epoch)
      for (const { partition, counter, at } of message.events) {
        if (counter > next[partition]!) throw new Error(`partition ${partition}: ${next[partition]} is missing`);
        if (counter < next[partition]!) repeated++;
        else {
          next[partition]!++;
          kept.push(at);
        }
      }
  return { kept, repeated };
}

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);
const ascending = (values: number[]) => [...values].sort((a, b) => a - b);

describe('lane publisher', () => {
  let server: TestServer;
  let nc: NatsConnection;
  let store: EventStore;
  const start = async () => {
    const epoch = await takeEpoch(nc, 'g1');
    return { epoch, publisher: createLanePublisher({ nc, gateway: 'g1', epoch }) };
  };
  beforeAll(async () => {
    server = await startNatsServer();
    nc = await server.connect();
    await ensureTopology(nc);
    store = createJetStreamStore(nc);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test('every event is stored once, on its partition’s lane, with dense counters', async () => {
    const { epoch, publisher } = await start();
    const from = (await store.lastSequence('EVT')) + 1;
    publisher.addMany(numbers(0, 20_000).map((i) => storedEvent(i)));
    const last = await publisher.ticket();
    const log = await readLog(store, from);
    expect(last).toBe(log.at(-1)!.seq);
    expect(publisher.pending).toBe(0);
    for (const { lane, events } of log) for (const { partition } of events) expect(String(partition % 4)).toBe(lane);
    const { kept, repeated } = foldByCounters(log, epoch);
    expect(repeated).toBe(0);
    expect(ascending(kept)).toEqual(numbers(0, 20_000));
    expect(Math.max(...log.map(({ events }) => events.length))).toBeLessThanOrEqual(4_096);
    await publisher.close();
  });

  test('single events under load share packs, and each ticket is kept', async () => {
    const { epoch, publisher } = await start();
    const from = (await store.lastSequence('EVT')) + 1;
    await Promise.all(
      numbers(0, 50).map(async (client) => {
        for (let i = 0; i < 20; i++) {
          publisher.add(storedEvent(client * 20 + i));
          const seq = await publisher.ticket();
          expect(seq).toBeLessThanOrEqual(await store.lastSequence('EVT'));
          expect(seq).toBeGreaterThanOrEqual(from);
        }
      }),
    );
    const log = await readLog(store, from);
    expect(ascending(foldByCounters(log, epoch).kept)).toEqual(numbers(0, 1_000));
    expect(log.length).toBeLessThan(700);
    await publisher.close();
  });

  test('while a lane waits for its acknowledgement, its next pack goes on filling', async () => {
    const { epoch, publisher } = await start();
    const from = (await store.lastSequence('EVT')) + 1;
    server.signal('SIGSTOP');
    for (let round = 0; round < 10; round++) {
      publisher.addMany(numbers(round * 100, 100).map((i) => storedEvent(i)));
      await sleep(10);
    }
    server.signal('SIGCONT');
    await publisher.ticket();
    // Four lanes: one on its way, one filling, and perhaps one that was stored before the server stood still. Sent at once they were 40.
    expect(publisher.stats.packs).toBeLessThanOrEqual(12);
    expect(ascending(foldByCounters(await readLog(store, from), epoch).kept)).toEqual(numbers(0, 1_000));
    await publisher.close();
  });

  test('an event without a ticket is stored after the linger', async () => {
    const { publisher } = await start();
    const before = await store.lastSequence('EVT');
    publisher.add(storedEvent(1));
    await sleep(200);
    expect(await store.lastSequence('EVT')).toBe(before + 1);
    expect(await publisher.ticket()).toBe(0);
    await publisher.close();
  });

  test('a fact stands after everything added before it and before everything added after', async () => {
    const { publisher } = await start();
    const from = (await store.lastSequence('EVT')) + 1;
    const facts: Promise<number>[] = [];
    const many = 30_000; // several packs a lane, so that some wait when the fact is added
    for (let round = 0; round < 5; round++) {
      publisher.addMany(numbers(round * many, many).map((i) => storedEvent(i)));
      facts.push(publisher.fact({ type: 'clock.set', mode: round % 2 ? 'wall' : 'log' }));
      if (round === 2) facts.push(publisher.fact({ type: 'currency.set', reportingCurrency: 'EUR' }));
    }
    await publisher.close();
    const log = await readLog(store, from);
    let largest = -1;
    const order: string[] = [];
    for (const { fact, lane, events } of log) {
      if (fact) {
        expect(lane).toBe('all');
        order.push(`${fact.type} after ${largest}`);
      } else {
        // nothing of an earlier round comes after a later round has begun
        const rounds = new Set(events.map(({ at }) => Math.floor(at / many)));
        expect(rounds.size).toBe(1);
        expect(Math.min(...rounds)).toBeGreaterThanOrEqual(Math.floor(largest / many));
        largest = Math.max(largest, ...events.map(({ at }) => at));
      }
    }
    expect(order).toEqual([
      'clock.set after 29999',
      'clock.set after 59999',
      'clock.set after 89999',
      'currency.set after 89999',
      'clock.set after 119999',
      'clock.set after 149999',
    ]);
    expect(await Promise.all(facts)).toEqual(log.filter(({ fact }) => fact).map(({ seq }) => seq));
  });

  test('packs of long texts are cut to what the server takes', async () => {
    const { epoch, publisher } = await start();
    const from = (await store.lastSequence('EVT')) + 1;
    const wide = '€'.repeat(30_000); // 90 kB of UTF-8 that PackWriter.size counts as one value
    publisher.addMany(numbers(0, 400).map((i) => storedEvent(i, { props: { note: wide } })));
    await publisher.ticket();
    const log = await readLog(store, from);
    expect(ascending(foldByCounters(log, epoch).kept)).toEqual(numbers(0, 400));
    expect(() => publisher.add(storedEvent(1, { sealed: new Uint8Array(9 << 20) }))).toThrow(/more than one message/);
    publisher.add(storedEvent(400)); // the refused one took no counter
    await publisher.ticket();
    expect(foldByCounters(await readLog(store, from), epoch).kept).toHaveLength(401);
    await publisher.close();
  });

  test('a pack stored twice (a retry after the duplicate window) is folded once', async () => {
    const { epoch, publisher } = await start();
    const from = (await store.lastSequence('EVT')) + 1;
    publisher.addMany(numbers(0, 500).map((i) => storedEvent(i)));
    await publisher.close();
    for await (const { subject, bytes } of store.read('EVT', { from })) await store.append(subject, bytes);
    const folded = foldByCounters(await readLog(store, from), epoch);
    expect(ascending(folded.kept)).toEqual(numbers(0, 500));
    expect(folded.repeated).toBe(500);
  });

  test('epochs only grow: for one gateway, for two that start at once, and after the bucket was lost', async () => {
    const taken = [await takeEpoch(nc, 'g1'), ...(await Promise.all(numbers(0, 5).map(() => takeEpoch(nc, 'g1'))))];
    expect(new Set(taken).size).toBe(6);
    expect(Math.min(...taken.slice(1))).toBeGreaterThan(taken[0]!);
    const { epoch, publisher } = await start();
    publisher.add(storedEvent(1));
    await publisher.close();
    const jsm = await jetstreamManager(nc);
    await jsm.streams.delete('KV_lease');
    await ensureTopology(nc);
    expect(await takeEpoch(nc, 'g1')).toBeGreaterThan(epoch);
    // An acknowledgement that somebody had written over it hides what was held.
    const leases = await new Kvm(nc).open('lease');
    const held = await takeEpoch(nc, 'g1');
    await leases.put('gateway.g1', '{"stream":"IN","seq":5}');
    const beyond = await takeEpoch(nc, 'g1');
    expect(beyond).toBeGreaterThan(held);
    expect(await takeEpoch(nc, 'g1')).toBe(beyond + 1);
    await expect(takeEpoch(nc, 'a.b')).rejects.toThrow(RangeError);
  });
});

describe('lane publisher and a server that dies', () => {
  test('kill -9 in the middle: nothing acknowledged is lost, nothing counts twice, readers go on', async () => {
    await using server = await startNatsServer();
    const nc = await server.connect('publisher');
    await ensureTopology(nc);
    await using store = createJetStreamStore(await server.connect('reader'));
    const epoch = await takeEpoch(nc, 'g1');
    const publisher = createLanePublisher({ nc, gateway: 'g1', epoch, unavailableAfterMs: 30_000 });

    const stop = new AbortController();
    const followed: number[] = [];
    const following = (async () => {
      for await (const batch of store.follow('EVT', { from: 1, signal: stop.signal }))
        for (const { seq } of batch) followed.push(seq);
    })();

    const acked: number[] = [];
    let running = true;
    let next = 0;
    const writers = numbers(0, 8).map(async () => {
      while (running) {
        const mine = numbers(next, 25);
        next += 25;
        publisher.addMany(mine.map((i) => storedEvent(i)));
        await publisher.ticket();
        acked.push(...mine);
      }
    });
    for (let round = 0; round < 3; round++) {
      await sleep(400);
      await server.kill();
      await sleep(100);
      await server.start();
    }
    await sleep(400);
    running = false;
    await Promise.all(writers);
    await publisher.close();

    const log = await readLog(store);
    const { kept } = foldByCounters(log, epoch);
    expect(acked.length).toBe(next);
    expect(ascending(kept)).toEqual(numbers(0, next));
    expect(publisher.stats.resent).toBeGreaterThan(0);
    const last = log.at(-1)!.seq;
    while (followed.at(-1) !== last) await sleep(20);
    stop.abort();
    await following;
    expect(followed).toEqual(numbers(1, last));
  });

  test('callers hear store-unavailable while it is away; what they added is stored when it is back', async () => {
    await using server = await startNatsServer();
    const nc = await server.connect();
    await ensureTopology(nc);
    await using store = createJetStreamStore(nc);
    const publisher = createLanePublisher({ nc, gateway: 'g1', epoch: 1, unavailableAfterMs: 300 });
    publisher.add(storedEvent(0));
    await publisher.ticket();
    await server.kill();
    publisher.add(storedEvent(1));
    await expect(publisher.ticket()).rejects.toBeInstanceOf(StoreUnavailable);
    expect(publisher.available).toBe(false);
    await expect(publisher.room()).rejects.toBeInstanceOf(StoreUnavailable);
    publisher.add(storedEvent(2));
    await expect(publisher.ticket()).rejects.toMatchObject({ code: 'store-unavailable' });
    const fact = publisher.fact({ type: 'clock.set', mode: 'log' });
    await server.start();
    expect(await fact).toBeGreaterThan(0);
    expect(publisher.available).toBe(true);
    publisher.add(storedEvent(3));
    await publisher.close();
    const { kept } = foldByCounters(await readLog(store), 1);
    expect(ascending(kept)).toEqual([0, 1, 2, 3]);
  });

  test('a server that hangs (stopped, not dead) costs time, not events', async () => {
    await using server = await startNatsServer();
    const nc = await server.connect();
    await ensureTopology(nc);
    await using store = createJetStreamStore(await server.connect());
    const publisher = createLanePublisher({ nc, gateway: 'g1', epoch: 1, unavailableAfterMs: 60_000 });
    const stop = new AbortController();
    const following = (async () => {
      let events = 0;
      for await (const batch of store.follow('EVT', { from: 1, signal: stop.signal }))
        for (const { bytes } of batch) {
          const message = decodeMessage(bytes);
          events += message.kind === 'pack' ? message.pack.count : 0;
          if (events >= 200) return events;
        }
      return events;
    })();
    publisher.addMany(numbers(0, 100).map((i) => storedEvent(i)));
    await publisher.ticket();
    server.signal('SIGSTOP');
    publisher.addMany(numbers(100, 100).map((i) => storedEvent(i)));
    await sleep(3_500); // longer than an acknowledgement is waited for
    server.signal('SIGCONT');
    await publisher.close();
    expect(await following).toBe(200);
    expect(ascending(foldByCounters(await readLog(store), 1).kept)).toEqual(numbers(0, 200));
    stop.abort();
  });
});
