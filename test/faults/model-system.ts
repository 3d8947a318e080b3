// What the model-based tests drive: a gateway that packs and sends, the real fold with its snapshots, and, where there is a database, the real
// tables. Any of them can be made to crash: what it had begun never ends, and another one takes its place.
import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Fact, StoredEvent } from '#domain/envelope.ts';
import { type Fold, startFold } from '#projections/memory/fold.ts';
import { createLedger, type Ledger } from '#projections/memory/ledger.ts';
import { type Projector, startProjector } from '#projections/projector.ts';
import { type EventStore, StoreUnavailable } from '#streams/event-store.ts';
import { silent } from '#streams/jetstream/link.ts';
import { decodeMessage } from '#streams/pack.ts';
import { createWriter } from '../projections/memory/scenario.ts';
import { type FilePoint, watchFiles } from './crash-points.ts';

export type CrashPoint = FilePoint | 'before a batch is folded' | 'after a batch is folded';

const forEver = (): Promise<never> => new Promise(() => undefined);

/** Again until the server is back, as publishers and readers do it. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
    }
  }
}

/** One life of the fold; when it is over, nothing that it began goes on. */
class Life {
  point: CrashPoint | null = null;
  over = false;
  readonly #end = Promise.withResolvers<void>();
  readonly ended = this.#end.promise;
  readonly stop = new AbortController();

  async at(point: CrashPoint): Promise<void> {
    if (this.point === point) this.die();
    if (this.over) await forEver();
  }
  die(): void {
    this.over = true;
    this.stop.abort();
    this.#end.resolve();
  }
}

/** Whose work is being done: also what a dead one began finds its way here. */
const living = new AsyncLocalStorage<Life>();
const LEDGER = { maxCustomers: 1 << 10 };

export interface SystemOptions {
  store: EventStore;
  /** Later than the store's memory of message ids. */
  forgetIds?: () => void;
  /** kill -9 of the store's server; resolves when it is killed, and it comes back by itself. */
  killServer?: () => void;
  /** For the tables; absent: there are none. */
  databaseUrl?: string;
}

export class System implements AsyncDisposable {
  readonly #options: SystemOptions;
  readonly #snapshotDir = mkdtempSync(join(tmpdir(), 'axiom47-model-'));
  readonly #unwatch: () => Promise<void>;
  readonly #sent: { subject: string; bytes: Uint8Array; id: string }[] = [];
  readonly #fenced: Projector[] = [];
  #epoch = 1;
  #writer = createWriter('g1', 1);
  #number = 0;
  #life = new Life();
  #fold!: Fold;
  #projector: Projector | null = null;

  private constructor(options: SystemOptions) {
    this.#options = options;
    const at = async (point: FilePoint) => living.getStore()?.at(point);
    this.#unwatch = watchFiles(at, (point) => void at(point));
  }

  static async open(options: SystemOptions): Promise<System> {
    const system = new System(options);
    await system.#live();
    system.#openTables();
    return system;
  }

  async #live(): Promise<void> {
    const life = new Life();
    const { store } = this.#options;
    this.#life = life;
    const watched: Pick<EventStore, 'read' | 'lastSequence' | 'follow'> = {
      read: store.read,
      lastSequence: store.lastSequence,
      async *follow(stream, options) {
        const signal = AbortSignal.any([options.signal, life.stop.signal]);
        for await (const batch of store.follow(stream, { ...options, signal })) {
          await life.at('before a batch is folded');
          yield batch;
          await life.at('after a batch is folded');
        }
        if (life.over) await forEver();
      },
    };
    const snapshotDir = this.#snapshotDir;
    this.#fold = await patiently(() =>
      living.run(life, () =>
        startFold({ store: watched, snapshotDir, ledger: LEDGER, log: silent, say: () => undefined }),
      ),
    );
  }

  #openTables(): void {
    const { databaseUrl, store } = this.#options;
    if (databaseUrl === undefined) return;
    this.#projector = startProjector({
      databaseUrl,
      store,
      // Whichever fold lives now, as the thread's port would be of the new server.
      fold: { dirtyRows: async (since, limit) => this.#fold.handlers.dirtyRows(since, limit) },
      log: () => undefined,
      lingerMs: 1,
      batchEvents: 20,
    });
  }

  get sent(): number {
    return this.#sent.length;
  }

  async pack(events: StoredEvent[]): Promise<void> {
    const message = {
      subject: 'evt.0.main',
      bytes: this.#writer.pack(events),
      id: `g1:${this.#epoch}:0:${this.#number++}`,
    };
    this.#sent.push(message);
    await this.#append(message);
  }
  async fact(fact: Fact): Promise<void> {
    await this.#append({ subject: 'evt.all.main', bytes: this.#writer.fact(fact), id: `fact:${this.#number++}` });
  }
  /** The very bytes of an earlier pack. @param forgotten the store no longer knows its id. */
  async again(index: number, forgotten: boolean): Promise<void> {
    if (forgotten) this.#options.forgetIds?.();
    await this.#append(this.#sent[index % this.#sent.length]!);
  }
  async #append({ subject, bytes, id }: { subject: string; bytes: Uint8Array; id: string }): Promise<void> {
    await patiently(() => this.#options.store.append(subject, bytes, { messageId: id }));
  }

  /** The gateway starts again: another epoch, its numbers from 0. */
  restartGateway(): void {
    this.#writer = createWriter('g1', ++this.#epoch);
  }

  snapshot = async (): Promise<unknown> => living.run(this.#life, () => this.#fold.handlers.snapshot());

  /** @param provoke makes the fold pass the point. @returns whether it was passed. */
  async crashFold(point: CrashPoint, provoke: () => Promise<unknown>): Promise<boolean> {
    const life = this.#life;
    life.point = point;
    await Promise.race([life.ended, provoke()]);
    const passed = life.over;
    if (!passed) life.die();
    await this.#live();
    return passed;
  }

  async restartFold(): Promise<void> {
    await this.#fold.handlers.stop();
    await this.#live();
  }

  /** The newest snapshot loses its end; then a crash, so that none replaces it. */
  async damageSnapshot(): Promise<void> {
    const states = readdirSync(this.#snapshotDir)
      .filter((file) => file.startsWith('ledger-'))
      .sort((a, b) => Number(a.split('-')[1]) - Number(b.split('-')[1]));
    const newest = states.at(-1);
    if (newest === undefined) return;
    const path = join(this.#snapshotDir, newest);
    truncateSync(path, Math.floor(statSync(path).size / 2));
    this.#life.die();
    await this.#live();
  }

  /** Another writer takes the tables over; the one before is left where it is, in the middle of whatever it does. */
  async crashTables(): Promise<void> {
    if (this.#projector === null) return;
    // Not before it has taken them: the dead take nothing over.
    await this.#projector.waitFor(0);
    this.#fenced.push(this.#projector);
    this.#openTables();
  }

  killServer(): void {
    this.#options.killServer?.();
  }

  /** Fold and tables have everything. */
  async settled(): Promise<{ fold: Fold; projector: Projector | null }> {
    const last = await patiently(() => this.#options.store.lastSequence('EVT'));
    await this.#fold.handlers.waitFor(last);
    await this.#projector?.waitFor(last);
    return { fold: this.#fold, projector: this.#projector };
  }

  /** The same log through a fold that nothing ever happened to. */
  async uninterrupted(): Promise<Ledger> {
    const ledger = createLedger(LEDGER);
    await patiently(async () => {
      for await (const { seq, bytes } of this.#options.store.read('EVT', { from: ledger.position + 1 }))
        ledger.applyMessage(seq, decodeMessage(bytes));
    });
    ledger.flushColumns();
    return ledger;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const projector of [...this.#fenced, this.#projector]) await projector?.stop();
    await this.#fold.handlers.stop();
    await this.#unwatch();
    rmSync(this.#snapshotDir, { recursive: true, force: true });
  }
}
