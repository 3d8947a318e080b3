// The fold thread, watched: one that does not come back from an event is ended and started again while the columns go on answering, and after three tries
// the event is parked without another one. The tries are noted outside of the thread, durably (ADR 0015).
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { NatsOptions } from '#streams/jetstream/connection.ts';
import { type Remote, serve, withTransfer } from '#streams/rpc.ts';
import { type Columns, openColumns } from './columns.ts';
import type { PastThread } from './past/thread.ts';
import type { FoldConfig, FoldHandlers, FoldLink, FoldMessage } from './protocol.ts';
import { type FoldLog, type FoldThread, startFoldThread } from './thread.ts';
import { AT_COLUMNS, WATCH_BYTES, watched } from './watch.ts';

export interface FoldGuard {
  /** Notes, durably, that the fold did not come back from this event; answers how often that is by now. */
  tried(place: { seq: number; index: number }): Promise<number>;
  /** What is not to be tried again, by place, with the log's end when it was last tried. */
  stuck(): ReadonlyMap<string, number>;
}

export interface GuardedFold extends AsyncDisposable {
  readonly calls: Remote<FoldHandlers>;
  /** The columns of the thread there is; during a restart those of the one before, as they stood. */
  readonly columns: Columns;
  connect(): MessagePort;
  /**
   * Stops the thread, has `install` put another one into its folder, and starts it from there. Columns answer all the while, calls
   * wait (and, as after a restart, may for a moment be answered from before what the columns show: `waitFor` says when they are there). When `install` fails, what was there goes on from its own snapshots, and the reason is thrown.
   */
  exchange(install: () => Promise<unknown>): Promise<void>;
  /** Settles when it has ended and is not started again. */
  readonly ended: Promise<Error | null>;
}

const LOOK_MS = 1_000;
/** Looks in a row at one event, which takes microseconds; a whole process that is suspended does not look either. */
const PATIENCE = 10;
/** A fact for all customers, or the columns of all of them, may take some seconds a million. */
const PATIENCE_FOR_ALL = 120;
/** A snapshot of millions of customers is written before it. */
const ENDS_MS = 60_000;

export async function startGuardedFold(
  config: FoldConfig & { nats: NatsOptions | Promise<NatsOptions> },
  options: {
    log: FoldLog;
    hear: (message: FoldMessage) => void;
    /** It, and the way to the log, may come later: the snapshot is read meanwhile. */
    guard: FoldGuard | Promise<FoldGuard>;
    /** Is told what each thread applies, and where it keeps customers. */
    past?: Pick<PastThread, 'feed' | 'open'>;
    lookMs?: number;
    patience?: number;
  },
): Promise<GuardedFold> {
  const { log, hear, past } = options;
  const { nats, ...settings } = config;
  const ended = Promise.withResolvers<Error | null>();
  let watch = new Int32Array(new SharedArrayBuffer(WATCH_BYTES));
  let stopping = false;
  /** The thread at hand is being ended on purpose. */
  let giving: (() => void) | null = null;
  /** Another one is on its way: calls wait for it. */
  let changing = false;

  async function linked(): Promise<FoldLink> {
    return { nats: await nats, stuck: (await options.guard).stuck() };
  }

  async function start(anew = false): Promise<FoldThread> {
    const memory = new SharedArrayBuffer(WATCH_BYTES);
    watch = new Int32Array(memory);
    const given = Promise.withResolvers<void>();
    giving = given.resolve;
    const feed = past && { past: past.feed() };
    const thread = await startFoldThread({ ...settings, ...feed, watch: memory, anew }, linked(), log, hear);
    past?.open(thread.columns);
    void thread.ended.then((error) => {
      if (giving === given.resolve) ended.resolve(error);
    });
    return thread;
  }

  let thread = await start();
  let view = openColumns(thread.columns);
  let whole = Promise.resolve();
  let looks = 0;
  let seen = '';

  async function restart(place: { seq: number; index: number }): Promise<void> {
    giving = null;
    const before = view.state().seq;
    log.error({ ...place }, 'the fold does not come back from an event: its thread is started again');
    changing = true;
    await thread.terminate();
    if (stopping) return ended.resolve(null);
    const tries = await (await options.guard).tried(place);
    log.warn({ ...place, tries }, 'the fold is started again');
    await follow(before);
  }

  /** Another thread in the place of the one that has ended; its columns are shown when it is where that was. */
  async function follow(before: number, anew = false): Promise<void> {
    const next = await start(anew);
    thread = next;
    changing = false;
    // It may hang again on its way; then the next one is waited for.
    await Promise.race([next.calls.waitFor(before), next.ended]).catch(() => undefined);
    if (thread === next) view = openColumns(next.columns);
  }

  async function exchange(install: () => Promise<unknown>): Promise<void> {
    if (stopping || giving === null) throw new Error('the fold is stopping');
    giving = null;
    changing = true;
    // By itself, so that no row is left half-written; one that does not come to its end is ended.
    const stopped = Promise.resolve(thread[Symbol.asyncDispose]()).catch(() => undefined);
    await Promise.race([stopped, sleep(ENDS_MS, undefined, { ref: false })]);
    await thread.terminate();
    const before = view.state().seq;
    const failed = await install().then(
      () => null,
      (error: Error) => error,
    );
    if (stopping) return ended.resolve(null);
    await follow(before, failed === null).catch((error: Error) => {
      ended.resolve(error);
      throw error;
    });
    if (failed !== null) throw failed;
  }

  const timer = setInterval(() => {
    const place = giving === null ? null : watched(watch);
    const text = place === null ? '' : `${place.seq}/${place.index}`;
    looks = text !== '' && text === seen ? looks + 1 : 0;
    seen = text;
    if (place === null) return;
    if (looks < (place.index >= 0 ? (options.patience ?? PATIENCE) : PATIENCE_FOR_ALL)) return;
    looks = 0;
    if (place.index === AT_COLUMNS) {
      giving = null;
      void thread.terminate();
      ended.resolve(
        new Error(`the fold does not come back from writing columns behind EVT ${place.seq}; please report it`),
      );
      return;
    }
    whole = Promise.all([whole, restart(place)]).then(
      () => undefined,
      (error: Error) => ended.resolve(error),
    );
  }, options.lookMs ?? LOOK_MS);
  timer.unref();

  /** Asked again of the next thread when this one was ended meanwhile: every call reads. */
  async function call(name: keyof FoldHandlers, args: unknown[]): Promise<unknown> {
    for (;;) {
      const asked = thread;
      try {
        return await (asked.calls[name] as (...all: unknown[]) => Promise<unknown>)(...args);
      } catch (error) {
        if (stopping || (asked === thread && !changing)) throw error;
        await whole;
        if (asked === thread) throw error;
      }
    }
  }
  const calls = new Proxy({} as Remote<FoldHandlers>, {
    get:
      (_, name) =>
      (...args: unknown[]) =>
        call(name as keyof FoldHandlers, args),
  });
  const columns: Columns = {
    refresh: () => view.refresh(),
    rows: () => view.rows(),
    rowOf: (sid) => view.rowOf(sid),
    ownRowOf: (sid) => view.ownRowOf(sid),
    read: (row, out) => view.read(row, out),
    sidOf: (row) => view.sidOf(row),
    word: (row, word) => view.word(row, word),
    double: (row, word) => view.double(row, word),
    state: () => view.state(),
  };

  return {
    calls,
    columns,
    ended: ended.promise,
    connect() {
      const { port1, port2 } = new MessageChannel();
      // Through here, so that whoever holds the port does not notice a restart; columns are moved, not copied.
      const moved = (state: { currencies: readonly string[] }) =>
        Object.values(state).flatMap((each) => (ArrayBuffer.isView(each) ? [each.buffer as ArrayBuffer] : []));
      serve(
        port1,
        new Proxy({} as Record<string, (...args: unknown[]) => Promise<unknown>>, {
          get:
            (_, name) =>
            async (...args: unknown[]) => {
              const answer = await call(name as keyof FoldHandlers, args);
              if (name === 'dirtyRows') {
                const { rows } = answer as Awaited<ReturnType<FoldHandlers['dirtyRows']>>;
                return withTransfer(answer, moved(rows));
              }
              return answer;
            },
        }),
      );
      port1.unref();
      return port2;
    },
    exchange(install) {
      const exchanged = whole.then(() => exchange(install));
      whole = exchanged.catch(() => undefined); // its caller has the error
      return exchanged;
    },
    async [Symbol.asyncDispose]() {
      stopping = true;
      await Promise.race([thread[Symbol.asyncDispose](), ended.promise]);
      clearInterval(timer);
    },
  };
}
