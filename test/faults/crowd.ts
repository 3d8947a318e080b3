// Many and slow: five hundred publishers who all lose their connection at once, and readers who do not keep up.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { connectNats } from '#streams/jetstream/connection.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { quantile } from '../bench/benchmark.ts';
import { processesBelow } from '../support/program.ts';
import { type Fault, outcome, settings } from './fault.ts';
import { Producers } from './producers.ts';
import { ProgramShop, pause, underWay } from './program-shop.ts';
import { SOURCE, sentSale } from './shop.ts';
import { strikes } from './strikes.ts';

const CLIENTS = 500;

export const reconnects: Fault = {
  name: 'reconnects',
  about: '500 publishers with connections of their own when nats-server is killed',
  full: settings(5, 500, 2),
  quick: settings(1, 200, 1),
  async run({ rounds, rate }, progress) {
    await using shop = await ProgramShop.open({ name: 'reconnects', perRequest: 1 });
    const { nats } = await shop.program.json<{ nats: { url: string; creds: string } }>(['source', 'add', SOURCE]);
    const clients: NatsConnection[] = [];
    for (let i = 0; i < CLIENTS; i += 25)
      clients.push(
        ...(await Promise.all(
          Array.from({ length: 25 }, () =>
            connectNats({ servers: [nats.url], seed: nats.creds }, { timeoutMs: 20_000 }),
          ),
        )),
      );
    progress(`${clients.length} connected`);
    let next = 0;
    const back = new Map<number, number>();
    const producers = new Producers({
      doors: CLIENTS,
      perSecond: rate,
      open: async () => {
        const client = next++ % CLIENTS;
        const js = jetstream(clients[client]!, { timeout: 2_000 });
        return {
          send: async (n) => {
            const { seq } = await js.publish(`in.${SOURCE}`, JSON.stringify(sentSale(shop.shop, n)), {
              msgID: `n-${n}`,
            });
            back.set(client, performance.now());
            return seq;
          },
          [Symbol.dispose]: () => undefined,
        };
      },
    });
    const recoveryMs: number[] = [];
    const all: number[] = [];
    for (let round = 1; round <= rounds; round++) {
      await underWay(producers);
      await sleep(2_000);
      const struck = performance.now();
      process.kill(shop.program.enginePid('nats'), 'SIGKILL');
      recoveryMs.push(await producers.acknowledgedAgain());
      while (clients.some((_, i) => (back.get(i) ?? 0) < struck)) {
        if (performance.now() - struck > 120_000) throw new Error('some publishers never came back');
        await pause(20);
      }
      all.push(performance.now() - struck);
      progress(
        `round ${round} of ${rounds}: the first after ${Math.round(recoveryMs.at(-1)!)} ms, all ${CLIENTS} after ${Math.round(all.at(-1)!)} ms`,
      );
    }
    await producers.finish();
    for (const client of clients) await client.close();
    await shop.inIsEmpty();
    const verdict = await shop.judged(producers.handed);
    const notes = [
      `all ${CLIENTS} had published again after p50 ${(quantile(all, 0.5) / 1_000).toFixed(1)} s, max ${(Math.max(...all) / 1_000).toFixed(1)} s`,
    ];
    return [outcome('', rounds, verdict, { recoveryMs, notes })];
  },
};

const residentMb = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1_024;

export const slowReaders: Fault = {
  name: 'slow-readers',
  about:
    'a reader that takes 50 ms a batch, consoles that do not read, and PostgreSQL stopped for a while, all at once',
  full: settings(3, 3_000, 20),
  quick: settings(1, 1_000, 3),
  async run(given, progress) {
    await using shop = await ProgramShop.open({ name: 'slow-readers', model: true });
    const stop = new AbortController();
    const nc = await connectNats(shop.nats(), { name: 'slow reader' });
    const store = createJetStreamStore(nc);
    let read = 0;
    const reading = (async () => {
      for await (const batch of store.follow('EVT', { from: 1, signal: stop.signal, maxBytes: 64 << 10 })) {
        read = batch.at(-1)!.seq;
        await sleep(50);
      }
    })();
    // Consoles in background tabs: connected, and never read from.
    const consoles = await Promise.all(
      Array.from({ length: 50 }, () =>
        fetch(`http://127.0.0.1:${shop.port}/api/stream`, {
          headers: { authorization: `Bearer ${shop.key}` },
          signal: stop.signal,
        }),
      ),
    );
    const server = shop.program.child.pid!;
    const growth: number[] = [];
    let asked = 0;
    let answered = 0;
    const hit = async () => {
      const before = residentMb(server);
      const stopped = processesBelow(`${shop.dataDir}/postgres`);
      for (const pid of stopped) process.kill(pid, 'SIGSTOP');
      try {
        for (const end = performance.now() + given.seconds * 1_000; performance.now() < end; await pause(100)) {
          asked++;
          if ((await shop.predict(asked)) !== null) answered++;
        }
      } finally {
        for (const pid of stopped) process.kill(pid, 'SIGCONT');
      }
      growth.push(residentMb(server) - before);
    };
    const notes = () => [
      `${answered} of ${asked} predictions answered while PostgreSQL stood still`,
      `server grew by at most ${Math.round(Math.max(...growth))} MB meanwhile`,
      `the slow reader is at ${read}`,
      ...shop.silence,
    ];
    const result = await strikes(shop, given, progress, { hit, notes });
    stop.abort();
    await reading;
    await Promise.allSettled(consoles.map((each) => each.body?.cancel()));
    await nc.close();
    return [result];
  },
};
