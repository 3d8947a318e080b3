// What the log carries: packs and events a second, the time to an acknowledgement, and how fast it is read again.
// Figures, never assertions: run by `axiom47 bench log`.
import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/nats-core';
import type { StoredEvent } from '#domain/envelope.ts';
import { sealedStore } from '#streams/chain/sealed.ts';
import { verifyChain } from '#streams/chain/verify.ts';
import { startChainWriter } from '#streams/chain/writer.ts';
import { silent } from '#streams/jetstream/link.ts';
import { createLanePublisher, type LanePublisher } from '#streams/jetstream/publisher.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { decodeMessage } from '#streams/pack.ts';
import { startNatsServer } from '../support/nats-server.ts';
import { storedEvent } from '../support/stored-event.ts';
import { atLeast, atMost, type Benchmark, quantile } from './benchmark.ts';

const EVENTS: StoredEvent[] = Array.from({ length: 65_536 }, (_, i) => storedEvent(i));

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

const acknowledgement = (name: string, perSecond: number, size: number): Benchmark => {
  const what = `log: acknowledgement at ${perSecond / 1_000}k events/s, ${size} a request`;
  return {
    name,
    about: `${perSecond / 1_000}k events/s in requests of ${size}: from the request to its place on the disk`,
    run: () =>
      withLog(async (_nc, publisher) => {
        await steady(publisher, perSecond, size, 1); // warm
        const before = { ...publisher.stats };
        const waits = await steady(publisher, perSecond, size, 4);
        const packs = publisher.stats.packs - before.packs;
        const p99 = quantile(waits, 0.99);
        return [
          { name: `${what}, p50`, value: quantile(waits, 0.5), unit: 'ms' },
          perSecond === 20_000
            ? atMost(`${what}, p99`, p99, 'ms', 50)
            : { name: `${what}, p99`, value: p99, unit: 'ms' },
          { name: `${what}, packs`, value: packs / 4, unit: 'packs/s' },
          { name: `${what}, a pack`, value: (publisher.stats.events - before.events) / packs, unit: 'events' },
        ];
      }),
  };
};

export const benchmarks: Benchmark[] = [
  {
    name: 'log-throughput',
    about: 'events stored in packs, as fast as they go',
    run: () =>
      withLog(async (_nc, publisher) => {
        await fill(publisher, 131_072);
        const packs = publisher.stats.packs;
        const begun = performance.now();
        await fill(publisher, 1 << 20);
        const seconds = (performance.now() - begun) / 1_000;
        return [
          atLeast('log: stored and acknowledged, as fast as it goes', (1 << 20) / seconds, 'events/s', 100_000),
          { name: 'log: packs of that', value: (publisher.stats.packs - packs) / seconds, unit: 'packs/s' },
        ];
      }),
  },
  {
    name: 'log-packs-of-100',
    about: 'requests of 100 events, each waiting for its own acknowledgement, 16 at once',
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
        const what = 'log: 100 events a request, 16 waiting at once';
        return [
          { name: what, value: publisher.stats.events / seconds, unit: 'events/s' },
          { name: `${what}, packs`, value: (publisher.stats.packs - packs) / seconds, unit: 'packs/s' },
        ];
      }),
  },
  acknowledgement('log-ack-20k', 20_000, 100),
  acknowledgement('log-ack-20k-single', 20_000, 1),
  acknowledgement('log-ack-100k', 100_000, 100),
  {
    name: 'log-single',
    about: 'one event a message, 256 at once: bound by fsync',
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
        const rate = count / ((performance.now() - begun) / 1_000);
        return [{ name: 'log: one event a message, fsync each', value: rate, unit: 'events/s' }];
      }),
  },
  {
    name: 'log-read',
    about: 'the log read again and decoded, every row touched',
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
        return [atLeast('log: read again and decoded', events / seconds, 'events/s', 300_000)];
      }),
  },
  {
    name: 'log-chain',
    about: 'the log sealed by its hash chain, read again with every message checked, and verified as a whole',
    run: () =>
      withLog(async (nc, publisher) => {
        await fill(publisher, 1 << 20);
        await using store = createJetStreamStore(nc);
        const last = await store.lastSequence('EVT');
        const begun = performance.now();
        {
          await using writer = await startChainWriter({ store, log: silent, sealAfterMs: 1 });
          while (writer.sealedTo < last) await sleep(1);
        }
        const sealed = performance.now();
        let messages = 0;
        for await (const _ of store.read('EVT')) messages++;
        const read = performance.now();
        for await (const _ of sealedStore(store, silent).read('EVT')) messages--;
        const checked = performance.now();
        const { ok } = await verifyChain(store);
        const verified = performance.now();
        if (!ok || messages !== 0) throw new Error('the chain does not hold');
        const rate = (ms: number) => (1 << 20) / (ms / 1_000);
        return [
          { name: 'log: sealed by the hash chain', value: rate(sealed - begun), unit: 'events/s' },
          { name: 'log: read again, unchecked', value: rate(read - sealed), unit: 'events/s' },
          { name: 'log: read again, each message checked', value: rate(checked - read), unit: 'events/s' },
          { name: 'log: verified against the whole chain', value: rate(verified - checked), unit: 'events/s' },
        ];
      }),
  },
  {
    name: 'log-follow',
    about: '2k events/s: from added to seen by a follower',
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
        // A follower that missed one would never get there.
        for (const until = performance.now() + 30_000; waits.length < addedAt.length; await sleep(5))
          if (performance.now() > until)
            throw new Error(`the follower saw ${waits.length} of ${addedAt.length} events`);
        stop.abort();
        await following;
        const what = 'log: from added to seen by a follower at 2k events/s';
        return [
          { name: `${what}, p50`, value: quantile(waits, 0.5), unit: 'ms' },
          atMost(`${what}, p99`, quantile(waits, 0.99), 'ms', 50),
        ];
      }),
  },
];
