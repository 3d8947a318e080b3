// Many and slow: five hundred publishers who all lose their connection at once, and readers who do not keep up.

import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream } from '@nats-io/jetstream';
import { fromSeed, type KeyPair } from '@nats-io/nkeys';
import { type Authenticator, connect, type NatsConnection } from '@nats-io/transport-node';
import { connectNats } from '#streams/jetstream/connection.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { quantile } from '../bench/benchmark.ts';
import { processesBelow } from '../support/program.ts';
import { type Fault, outcome, settings } from './fault.ts';
import { ProgramShop, pause } from './program-shop.ts';
import { type Shop, SOURCE, sentSale } from './shop.ts';
import { strikes } from './strikes.ts';

const CLIENTS = 500;
const PATIENCE_MS = 120_000;
/** As a publisher's client is set up who is one of many: it comes back within a few seconds, but not with all the others at once. */
const PUBLISHER = {
  timeout: 20_000,
  maxReconnectAttempts: -1,
  ignoreAuthErrorAbort: true,
  reconnectTimeWait: 250,
  reconnectJitter: 5_000,
  noAsyncTraces: true,
} as const;

/** The client's own signs in JavaScript, 25 ms each: 500 clients in one process would keep it busy longer than the server waits. */
function quickAuthenticator(seed: string): Authenticator {
  const user = fromSeed(new TextEncoder().encode(seed)) as KeyPair & { getRawSeed(): Uint8Array };
  const nkey = user.getPublicKey();
  // RFC 8410: the 32 bytes of an Ed25519 key as PKCS #8.
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), user.getRawSeed()]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return (nonce) => ({ nkey, sig: sign(null, Buffer.from(nonce ?? ''), key).toString('base64url') });
}

/** Publishers that send a sale of their own every second or so, each again and again until it is stored. */
class Fleet {
  /** Sales of each that are stored; client c's i-th is number i · clients + c. */
  readonly #stored: number[];
  /** Of each: when the first sale that was sent after a moment was stored is told by the times kept since. */
  #times: { client: number; sentAt: number; storedAt: number }[] = [];
  readonly #work: Promise<void>[];
  #last = Number.POSITIVE_INFINITY;

  constructor(clients: readonly NatsConnection[], shop: Shop) {
    this.#stored = clients.map(() => 0);
    this.#work = clients.map(async (client, c) => {
      const js = jetstream(client, { timeout: 2_000 });
      for (; this.#stored[c]! < this.#last; this.#stored[c]!++) {
        const n = this.#stored[c]! * clients.length + c;
        for (let sentAt = performance.now(); ; sentAt = performance.now()) {
          try {
            await js.publish(`in.${SOURCE}`, JSON.stringify(sentSale(shop, n)), { msgID: `n-${n}` });
            this.#times.push({ client: c, sentAt, storedAt: performance.now() });
            break;
          } catch {
            await sleep(50 + Math.random() * 100); // Not told that it is stored: again.
          }
        }
        if (this.#last === Number.POSITIVE_INFINITY) await sleep(500 + Math.random() * 1_000);
      }
    });
  }

  /** ms from `since` until each who sent something after it was told that it is stored. */
  backAfter(since: number): number[] {
    const first = new Map<number, number>();
    for (const { client, sentAt, storedAt } of this.#times)
      if (sentAt >= since && !first.has(client)) first.set(client, storedAt - since);
    return [...first.values()];
  }

  async allSince(since: number): Promise<void> {
    while (this.backAfter(since).length < this.#stored.length) {
      if (performance.now() > since + PATIENCE_MS)
        throw new Error(`${this.#stored.length - this.backAfter(since).length} publishers never came back`);
      await pause(100);
    }
    this.#times = this.#times.filter(({ sentAt }) => sentAt >= since);
  }

  /** Everybody sends as many as the one who has sent most. @returns how many sales that is. */
  async finish(): Promise<number> {
    this.#last = Math.max(...this.#stored) + 1;
    await Promise.all(this.#work);
    return this.#last * this.#stored.length;
  }
}

export const reconnects: Fault = {
  name: 'reconnects',
  about: '500 publishers with connections of their own when nats-server is killed',
  full: settings(5, 0, 0),
  quick: settings(1, 0, 0),
  async run({ rounds }, progress) {
    await using shop = await ProgramShop.open({ name: 'reconnects', perRequest: 1 });
    const nats = shop.publisher;
    const clients: NatsConnection[] = [];
    for (let i = 0; i < CLIENTS; i += 25)
      clients.push(
        ...(await Promise.all(
          Array.from({ length: 25 }, () =>
            connect({ ...PUBLISHER, servers: nats.url, authenticator: quickAuthenticator(nats.creds) }),
          ),
        )),
      );
    progress(`${clients.length} connected`);
    const fleet = new Fleet(clients, shop.shop);
    const recoveryMs: number[] = [];
    const all: number[] = [];
    for (let round = 1; round <= rounds; round++) {
      await fleet.allSince(performance.now());
      const struck = performance.now();
      process.kill(shop.program.enginePid('nats'), 'SIGKILL');
      await fleet.allSince(struck);
      recoveryMs.push(Math.min(...fleet.backAfter(struck)));
      all.push(Math.max(...fleet.backAfter(struck)));
      progress(
        `round ${round} of ${rounds}: the first after ${Math.round(recoveryMs.at(-1)!)} ms, all ${CLIENTS} after ${Math.round(all.at(-1)!)} ms`,
      );
    }
    const sent = await fleet.finish();
    for (const client of clients) await client.close();
    await shop.inIsEmpty();
    const verdict = await shop.judged(sent);
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
