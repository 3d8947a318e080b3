// The whole program with a shop on it: real processes, events by HTTP with an API key, judged from outside through its own engines.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import pg from 'pg';
import { SYSTEM_INBOX } from '#ops/engines/nats-external.ts';
import { connectNats, type NatsOptions } from '#streams/jetstream/connection.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { openKeyring } from '#streams/keyring/keyring.ts';
import { Connection } from '../bench/http.ts';
import type { ClvGolden } from '../domain/models/golden-suites.ts';
import { deploy } from '../e2e/model-suites.ts';
import { golden } from '../support/histories.ts';
import { freePort, type Program, serve, temporaryFolder, until } from '../support/program.ts';
import { type Installation, judge, type Verdict } from './judge.ts';
import { type Door, Producers } from './producers.ts';
import { type Shop, SOURCE, sentSale, shopOf } from './shop.ts';

const PER_REQUEST = 200;
const DOORS = 16;
const PATIENCE_MS = 180_000;
/** A prediction that takes longer counts as none. */
const PREDICT_MS = 1_000;

export interface Publisher {
  url: string;
  /** An nkey seed. */
  creds: string;
}

export interface ShopOptions {
  name: string;
  shop?: Shop;
  /** Events a request. */
  perRequest?: number;
  dataDir?: string;
  /** A model is in force, so that predictions are answered from histories. */
  model?: boolean;
}

export class ProgramShop implements AsyncDisposable {
  program: Program;
  readonly shop: Shop;
  /** Which sale is the k-th to be sent. */
  numberOf: (k: number) => number = (k) => k;
  /** Predictions that were not answered, by what came instead. */
  readonly unanswered = new Map<string, number>();
  readonly perRequest: number;
  readonly dataDir: string;
  readonly port: number;
  /** Sends events; outlives restarts. */
  readonly key: string;
  /** What a publisher of the source connects with. */
  readonly publisher: Publisher;

  private constructor(program: Program, options: ShopOptions, port: number, key: string, publisher: Publisher) {
    this.program = program;
    this.shop = options.shop ?? shopOf(5_000);
    this.perRequest = options.perRequest ?? PER_REQUEST;
    this.dataDir = program.served.dataDir;
    this.port = port;
    this.key = key;
    this.publisher = publisher;
  }

  static async open(options: ShopOptions): Promise<ProgramShop> {
    const dataDir = options.dataDir ?? join(temporaryFolder(`fault-${options.name}`), 'main');
    const port = await freePort();
    const program = await serve(['--empty', '--data-dir', dataDir, '--port', String(port)]);
    const { nats } = await program.json<{ nats: Publisher }>(['source', 'add', SOURCE]);
    const { key } = await program.json<{ key: string }>(['key', 'create', '--role', 'admin']);
    if (options.model) {
      const { bgnbd_params: bgNbd, gammagamma_params: gammaGamma } = golden<ClvGolden>('clv.json');
      await deploy(program, temporaryFolder('fault-model'), { bgNbd, gammaGamma });
    }
    return new ProgramShop(program, options, port, key, nats);
  }

  /** One prediction. @returns the log position it was answered at, null when it was not answered as it should be. */
  async predict(n: number): Promise<number | null> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.port}/api/predict/churn`, {
        method: 'POST',
        headers: { authorization: `Bearer ${this.key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ customer_id: `f-${n % this.shop.customers}` }),
        signal: AbortSignal.timeout(PREDICT_MS),
      });
      const answer = (await response.json()) as { p_churn?: number; as_of?: { seq: number }; reason?: string };
      if (response.status === 200 && typeof answer.p_churn === 'number') return answer.as_of!.seq;
      this.#unanswered(`${response.status} ${answer.reason ?? ''}`);
    } catch (error) {
      const { name, cause } = error as Error & { cause?: { code?: string } };
      this.#unanswered(cause?.code ?? name); // Nobody listens, or nobody answers in time.
    }
    return null;
  }

  #unanswered(why: string): void {
    this.unanswered.set(why, (this.unanswered.get(why) ?? 0) + 1);
  }

  /** Why predictions were not answered, in words. */
  get silence(): string[] {
    return [...this.unanswered].map(([why, times]) => `${times} predictions: ${why}`);
  }

  /** The same server again, at the same address, as its operator starts it after a crash. */
  async restart(): Promise<void> {
    this.program = await serve(['--data-dir', this.dataDir, '--port', String(this.port)]);
  }

  body(batch: number): string {
    const { shop, perRequest } = this;
    return JSON.stringify(
      Array.from({ length: perRequest }, (_, i) => sentSale(shop, this.numberOf(batch * perRequest + i))),
    );
  }

  /** @param order of sending: which batch is the k-th. */
  produce(eventsPerSecond: number, order: (k: number) => number = (k) => k): Producers {
    const open = async (): Promise<Door> => {
      const connection = await Connection.open(`http://127.0.0.1:${this.port}`, this.key);
      return {
        send: async (k) => {
          const path = `/api/events?source=${SOURCE}`;
          const answer = await connection.send({ method: 'POST', path, body: this.body(order(k)) });
          if (answer.status !== 202) throw new Error(`${answer.status} ${answer.text.slice(0, 200)}`);
          const { seq, rejected } = JSON.parse(answer.text) as { seq: number; rejected: unknown[] };
          if (rejected.length > 0) throw new Error(`refused: ${JSON.stringify(rejected[0])}`);
          return seq;
        },
        [Symbol.dispose]: () => connection[Symbol.dispose](),
      };
    };
    return new Producers({ open, perSecond: eventsPerSecond / this.perRequest, doors: DOORS });
  }

  nats(): NatsOptions {
    const seed = readFileSync(join(this.dataDir, 'secrets', 'nats-system.nk'), 'ascii').trim();
    return { servers: [this.program.served.nats], seed, inboxPrefix: SYSTEM_INBOX };
  }

  /** ms from now until fold and tables have everything up to `seq`. */
  async caughtUp(seq: number): Promise<number> {
    const begun = performance.now();
    let said = '';
    const caughtUp = async () => {
      const { text } = await this.program.request('GET', '/readyz');
      said = text;
      const { checks } = JSON.parse(text) as { checks: { name: string; ok: boolean; detail: string }[] };
      const tables = checks.find(({ name }) => name === 'tables')!;
      const stands = /^positions (\d+), (\d+)$/.exec(tables.detail);
      return tables.ok && stands !== null && Math.min(Number(stands[1]), Number(stands[2])) >= seq;
    };
    try {
      await until(`tables at ${seq}`, caughtUp, PATIENCE_MS);
    } catch (cause) {
      throw new Error(`the tables are not at ${seq} after ${PATIENCE_MS / 1_000} s; /readyz says ${said}`, { cause });
    }
    return performance.now() - begun;
  }

  /** Everything that publishers were told is in IN has gone through the gateway. */
  async inIsEmpty(): Promise<void> {
    const nc = await connectNats(this.nats(), { name: 'judge' });
    const { streams } = await jetstreamManager(nc);
    await until('IN is empty', async () => (await streams.info('IN')).state.messages === 0, PATIENCE_MS);
    await nc.close();
  }

  async installation(): Promise<Installation & AsyncDisposable> {
    const nc = await connectNats(this.nats(), { name: 'judge' });
    const store = createJetStreamStore(nc);
    const last = await store.lastSequence('EVT');
    await this.caughtUp(last);
    const kek = Buffer.from(readFileSync(join(this.dataDir, 'secrets', 'kek.key'), 'ascii').trim(), 'base64');
    const keyring = await openKeyring({ url: this.program.databaseUrl('axiom47_keyring'), kek, mayCreate: false });
    const tables = new pg.Pool({ connectionString: this.program.databaseUrl(), max: 2 });
    return {
      store,
      keyring,
      tables,
      stateDigest: async () => {
        const log = await this.program.call<{ seq: number; digests: { state: string } }>('GET', '/api/log');
        return log.digests.state;
      },
      async [Symbol.asyncDispose]() {
        await tables.end();
        await keyring[Symbol.asyncDispose]();
        await store[Symbol.asyncDispose]();
        await nc.close();
      },
    };
  }

  /** By the judge, and by the program's own comparison of its ledgers. */
  async judged(events: number): Promise<Verdict> {
    await using on = await this.installation();
    const verdict = await judge(on, this.shop, events);
    const own = await this.program.call<{ ok: boolean; mismatches_found: number; trouble: string | null }>(
      'POST',
      '/api/verify/projections',
    );
    if (!own.ok || own.mismatches_found > 0)
      verdict.disagreements.push(
        `verify --projections: ${own.mismatches_found} mismatches, ${own.trouble ?? 'no trouble'}`,
      );
    return verdict;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
  }
}

/** Waits until the producers have been told of something, so that a fault strikes a program at work. */
export const underWay = (producers: Producers): Promise<unknown> => producers.acknowledgedAgain();
export const pause = (ms: number): Promise<void> => sleep(ms).then(() => undefined);
