// What the log carries: packs and events a second, the time to an acknowledgement, and how fast it is read again.
// Figures, never assertions: run by `axiom47 bench log`.
import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/nats-core';
import type { StoredEvent } from '#domain/envelope.ts';
import { createLanePublisher, type LanePublisher } from '#streams/jetstream/publisher.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { decodeMessage } from '#streams/pack.ts';
import { startNatsServer } from '../support/nats-server.ts';
import { storedEvent } from '../support/stored-event.ts';

export interface Benchmark {
  name: string;
  /** What is asked of it, in words, or null when it is only reported. */
  target: string | null;
  run(): Promise<Record<string, number>>;
}

const EVENTS: StoredEvent[] = Array.from({ length: 65_536 }, (_, i) => storedEvent(i));
const round = (value: number, digits = 0) => Number(value.toFixed(digits));
const quantile = (values: number[], q: number) => values.sort((a, b) => a - b)[Math.floor(values.length * q)] ?? 0;

/** A server that fsyncs each message, as the embedded one. */
async function withLog<T>(use: (nc: NatsConnection, publisher: LanePublisher) => Promise<T>): Promise<T> {
  await using server = await startNatsServer({ jetstream: 'sync_interval: always' });
  const nc = await server.connect('bench');
  await ensureTopology(nc);
  const publisher = createLanePublisher({ nc, gateway: 'bench', epoch: 1 });
  const result = await use(nc, publisher);
  await publisher.close();
  return result;
}

async function fill(publisher: LanePublisher, total: number): Promise<void> {
  for (let i = 0; i < total; i += 1_024) {
    publisher.addMany(EVENTS.slice(i % 65_536, (i % 65_536) + 1_024));
    await publisher.room();
  }
  await publisher.ticket();
}

/** `perSecond` events in requests of `size`, each waiting for its own ticket; ms from the request to the acknowledgement. */
async function steady(publisher: LanePublisher, perSecond: number, size: number, seconds: number): Promise<number[]> {
  const waits: number[] = [];
  const open: Promise<void>[] = [];
  const begun = performance.now();
  let sent = 0;
  for (let elapsed = 0; elapsed < seconds * 1_000; elapsed = performance.now() - begun) {
    for (; sent < (perSecond * elapsed) / 1_000; sent += size) {
      const at = performance.now();
      publisher.addMany(EVENTS.slice(sent % 65_000, (sent % 65_000) + size));
      open.push(publisher.ticket().then(() => void waits.push(performance.now() - at)));
    }
    await sleep(1);
  }
  await Promise.all(open);
  return waits;
}

const acknowledgement = (perSecond: number, size: number): Benchmark => ({
  name: `log: acknowledgement at ${perSecond / 1_000}k events/s, ${size} a request`,
  target: perSecond === 20_000 ? 'p99 < 50 ms' : null,
  run: () =>
    withLog(async (_nc, publisher) => {
      await steady(publisher, perSecond, size, 1); // warm
      const before = { ...publisher.stats };
      const waits = await steady(publisher, perSecond, size, 4);
      const packs = publisher.stats.packs - before.packs;
      return {
        'p50 ms': round(quantile(waits, 0.5), 2),
        'p99 ms': round(quantile(waits, 0.99), 2),
        'packs/s': round(packs / 4),
        'events a pack': round((publisher.stats.events - before.events) / packs, 1),
      };
    }),
});

export const benchmarks: Benchmark[] = [
  {
    name: 'log: events stored in packs, as fast as they go',
    target: '>= 100k events/s acknowledged',
    run: () =>
      withLog(async (_nc, publisher) => {
        await fill(publisher, 131_072);
        const packs = publisher.stats.packs;
        const begun = performance.now();
        await fill(publisher, 1 << 20);
        const seconds = (performance.now() - begun) / 1_000;
        return { 'events/s': round((1 << 20) / seconds), 'packs/s': round((publisher.stats.packs - packs) / seconds) };
      }),
  },
  {
    name: 'log: packs of 100 events, one lane after the other',
    target: null,
    run: () =>
      withLog(async (_nc, publisher) => {
        const packs = publisher.stats.packs;
        const begun = performance.now();
        const writers = Array.from({ length: 16 }, async (_, writer) => {
          while (performance.now() - begun < 3_000) {
            publisher.addMany(EVENTS.slice(writer * 100, writer * 100 + 100));
            await publisher.ticket();
          }
        });
        await Promise.all(writers);
        const seconds = (performance.now() - begun) / 1_000;
        return {
          'events/s': round(publisher.stats.events / seconds),
          'packs/s': round((publisher.stats.packs - packs) / seconds),
        };
      }),
  },
  acknowledgement(20_000, 100),
  acknowledgement(20_000, 1),
  acknowledgement(100_000, 100),
  {
    name: 'log: one event a message (fsync-bound)',
    target: null,
    run: () =>
      withLog(async (nc) => {
        await using store = createJetStreamStore(nc);
        const bytes = new Uint8Array(200);
        const count = 10_000;
        let sent = 0;
        const begun = performance.now();
        const writers = Array.from({ length: 256 }, async () => {
          while (sent++ < count) await store.append('evt.0.main', bytes);
        });
        await Promise.all(writers);
        return { 'events/s': round(count / ((performance.now() - begun) / 1_000)) };
      }),
  },
  {
    name: 'log: read again and decoded, every row touched',
    target: '>= 300k events/s',
    run: () =>
      withLog(async (nc, publisher) => {
        await fill(publisher, 1 << 20);
        await using store = createJetStreamStore(nc);
        let events = 0;
        let minor = 0;
        const begun = performance.now();
        for await (const { bytes } of store.read('EVT')) {
          const message = decodeMessage(bytes);
          if (message.kind === 'fact') continue;
          for (let row = 0; row < message.pack.count; row++) minor += message.pack.minor(row);
          events += message.pack.count;
        }
        const seconds = (performance.now() - begun) / 1_000;
        if (events !== 1 << 20 || minor === 0) throw new Error(`read ${events} of ${1 << 20} events`);
        return { 'events/s': round(events / seconds) };
      }),
  },
  {
    name: 'log: from added to seen by a follower, 2k events/s',
    target: 'part of: changed answer p99 < 50 ms',
    run: () =>
      withLog(async (nc, publisher) => {
        await using store = createJetStreamStore(nc);
        const stop = new AbortController();
        const addedAt: number[] = [];
        const waits: number[] = [];
        const following = (async () => {
          for await (const batch of store.follow('EVT', { from: 1, signal: stop.signal })) {
            const now = performance.now();
            for (const { bytes } of batch) {
              const message = decodeMessage(bytes);
              if (message.kind === 'fact') continue;
              for (let row = 0; row < message.pack.count; row++) waits.push(now - addedAt[message.pack.at(row)]!);
            }
          }
        })();
        const begun = performance.now();
        for (let elapsed = 0; elapsed < 3_000; elapsed = performance.now() - begun) {
          for (let i = addedAt.length; i < elapsed * 2; i++) {
            addedAt.push(performance.now());
            publisher.add(EVENTS[i]!);
          }
          publisher.ticket().catch(() => {});
          await sleep(1);
        }
        await publisher.ticket();
        while (waits.length < addedAt.length) await sleep(5);
        stop.abort();
        await following;
        return { 'p50 ms': round(quantile(waits, 0.5), 2), 'p99 ms': round(quantile(waits, 0.99), 2) };
      }),
  },
];
