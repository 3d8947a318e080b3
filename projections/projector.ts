// The projector: follows the log into the tables, batch by batch, each batch and its checkpoint in one transaction; and keeps rm.customers
// equal to the fold's state. Runs in its own thread (worker.ts); tests run it in-process.
import { setTimeout as sleep } from 'node:timers/promises';
import { type EventStore, type Recorded, StoreUnavailable } from '#streams/event-store.ts';
import { decodeMessage } from '#streams/pack.ts';
import { Batch, stagingTables } from './batch.ts';
import { openTables, type ProjectionName } from './catalogue.ts';
import { CopyBuffer } from './copy-binary.ts';
import * as customers from './customers.ts';
import { finishFilling, isFilling } from './filling.ts';
import { grantViews } from './identified-views.ts';
import type { Zone } from './memory/ledger.ts';
import { WHOLE_MESSAGE } from './memory/parked.ts';
import type { Place } from './memory/parked-lists.ts';
import { refuseForAll, replayOf } from './memory/replay-parked.ts';
import { rezonedAfter } from './memory/rezoned.ts';
import { emptyForZone } from './migrate.ts';
import { mergeReleased, type ParkedState } from './parked.ts';
import type { Position, ProjectorHandlers, ProjectorStatus } from './protocol.ts';
import { createWriter, isFinal, type LogLine, Rewound, WriterStopped } from './runner.ts';
import * as scores from './scores.ts';
import { ShadowClient } from './shadow.ts';
import { tableCounts } from './stats.ts';
import { digestOfTable } from './transactions-digest.ts';
import { DEFAULT_WINDOW_DAYS, EventWindow } from './window.ts';
import { checkWorkspace } from './workspace.ts';

export interface ProjectorOptions {
  databaseUrl: string;
  store: EventStore;
  /** Absent: rm.customers is not kept (tests of the log's side alone). */
  fold?: customers.FoldState;
  /** What the ledger has parked is left out of the tables; without it everything that can be read is in them. */
  parked?: ParkedState;
  log: LogLine;
  /** With it the views that name customers are made (identified-views.ts). */
  keyringUrl?: string;
  windowDays?: number;
  /** Fills the tables of these projections beside the live ones (shadow.ts), and no others. */
  shadow?: readonly ProjectionName[];
  /** A transaction takes at least this many events when they are there … */
  batchEvents?: number;
  /** … and those that are there after this long, as soon as the one before is committed: the further behind, the bigger. */
  lingerMs?: number;
  now?: () => number;
  onProgress?: (position: Position) => void;
  onFailure?: (failure: NonNullable<ProjectorStatus['failure']>) => void;
}

export interface Projector extends ProjectorHandlers, AsyncDisposable {
  /** Ends when the projector has stopped or failed. */
  readonly done: Promise<void>;
}

const SYNC_ROWS = 10_000;
const SYNC_PAUSE_MS = 250;
/** Forty transactions a second at most: what a transaction costs beside its rows is then a few per cent of a core. */
const LINGER_MS = 25;
/** Expired partitions are dropped when this many have come together, or when there is nothing else to do. */
const DROP_WHEN = 32;

export function startProjector(options: ProjectorOptions): Projector {
  const { store, log } = options;
  const keeps = (name: ProjectionName) => options.shadow?.includes(name) ?? true;
  const fold = keeps('customers') ? options.fold : undefined;
  const batchEvents = options.batchEvents ?? 10_000;
  const lingerMs = options.lingerMs ?? LINGER_MS;
  const now = options.now ?? Date.now;
  const window = new EventWindow(options.windowDays ?? DEFAULT_WINDOW_DAYS);
  const stopping = new AbortController();
  const writer = createWriter({
    databaseUrl: options.databaseUrl,
    shadow: options.shadow !== undefined,
    log,
    session: [...stagingTables, customers.stageTable, scores.stageTable],
    onConnect: (client) => window.load(client),
  });
  const reader = openTables(options.databaseUrl, {
    name: 'axiom47 projector reads',
    connections: 2,
    ...(options.shadow ? { client: ShadowClient } : {}),
  });
  /** One is filled while another is staged and a third is committed. */
  let batch = new Batch();
  let free = [new Batch(), new Batch()];
  /** The last batch handed to the writer, and the one before it. */
  let committed: Promise<void> = Promise.resolve();
  let earlier: Promise<void> = Promise.resolve();
  let onTheirWay = 0;
  /** Position of the last one handed over. */
  let handedOver = 0;
  let deadline = 0;
  /** First day of the window, as committed. */
  let windowStart = Number.NEGATIVE_INFINITY;
  let filling = false;
  let applied = 0;
  const position: Position = { events: 0, customers: 0 };
  let failure: ProjectorStatus['failure'] = null;
  let opened = false;
  let waiting: { seq: number; resolve: (position: Position) => void; reject: (error: Error) => void }[] = [];
  const aborted = new Promise<never>((_, reject) => {
    stopping.signal.addEventListener('abort', () => reject(new WriterStopped()), { once: true });
  });
  aborted.catch(() => undefined); // whoever waits for the ledger meanwhile has it
  let hurry: () => void = () => undefined;
  let wakeSync: () => void = () => undefined;
  /** Set when there may be changed customers, also while others are being written. */
  let changedSince = false;
  const wake = () => {
    changedSince = true;
    wakeSync();
  };

  function moved(): void {
    if (!opened) return;
    options.onProgress?.({ ...position });
    if (filling) return;
    const complete = Math.min(
      keeps('events') ? position.events : Number.POSITIVE_INFINITY,
      fold ? position.customers : Number.POSITIVE_INFINITY,
    );
    for (const one of waiting) if (one.seq <= complete) one.resolve({ ...position });
    waiting = waiting.filter((one) => one.seq > complete);
  }

  /** Where the tables will stand when what is on its way is committed. */
  const reached = () => (onTheirWay > 0 ? handedOver : position.events);
  /** Hands the batch to the writer and goes on with another one. Throws what an earlier batch ended with. */
  async function flush(): Promise<void> {
    if (batch.empty) return;
    await earlier;
    if (onTheirWay === 0) await committed;
    const full = batch;
    const from = reached();
    handedOver = full.seq;
    batch = free.pop()!;
    batch.zone = full.zone;
    batch.windowStart = windowStart;
    onTheirWay++;
    earlier = committed;
    committed = commit(full, from).finally(() => {
      onTheirWay--;
      hurry();
    });
    committed.catch(() => undefined); // whoever flushes or waits next has it
  }
  async function commit(full: Batch, from: number): Promise<void> {
    let start = windowStart;
    await writer.commit(
      'events',
      { from, to: full.seq },
      async (client) => {
        start = await full.write(client, window, now(), filling);
      },
      (client) => full.stage(client, filling),
    );
    position.events = full.seq;
    applied += full.count;
    windowStart = start;
    full.clear();
    free.push(full);
    moved();
    wake();
    if (window.expired(windowStart) >= (batch.empty ? 1 : DROP_WHEN)) await dropExpired();
  }
  /** Everything taken so far is in the tables. */
  async function drain(): Promise<void> {
    await flush();
    await Promise.all([earlier, committed]);
  }
  async function forgetBatches(): Promise<void> {
    await Promise.allSettled([earlier, committed]);
    const { zone } = batch;
    batch = new Batch();
    batch.zone = zone;
    free = [new Batch(), new Batch()];
    earlier = Promise.resolve();
    committed = Promise.resolve();
  }
  const dropExpired = () => writer.read((client) => window.dropExpired(client, windowStart, log));

  async function take(record: Recorded, parked: readonly Place[]): Promise<void> {
    const { seq } = record;
    const places = parked.length === 0 ? parked : parked.filter(([at]) => at === seq);
    if (places.some(([, index]) => index === WHOLE_MESSAGE)) {
      refuseForAll(record);
      batch.park(seq, places);
    } else {
      const message = decodeMessage(record.bytes);
      // Before its position is committed: rows the replay has changed count as changed there.
      if (replayOf(message) !== null) await release(seq);
      if (places.length > 0) {
        const left = new Set(places.map(([, index]) => index));
        batch.park(seq, places);
        batch.add(seq, message, (index) => !left.has(index));
      } else batch.add(seq, message);
    }
    if (batch.count >= batchEvents) await flush();
  }

  /** As soon as the ledger has read these messages too; it may stand still while this stops. */
  async function parkedIn(from: number, to: number): Promise<Place[]> {
    return options.parked ? unlessAborted(options.parked.parkedIn(from, to)) : [];
  }
  const unlessAborted = <T>(answer: Promise<T>): Promise<T> => Promise.race([answer, aborted]);

  /** What was left out and is applied now; the ledger has read at least as far as the tables. */
  async function release(seq: number): Promise<void> {
    // Heaps without keys take nothing twice: when they are made whole.
    const { parked } = options;
    if (!parked || filling || !keeps('events')) return;
    await drain();
    const live = batch;
    const merged = await mergeReleased({
      ...{ writer, store, window, now, live, seq },
      state: {
        stillParked: (places, at) => unlessAborted(parked.stillParked(places, at)),
        canonicalRowsOf: (sids, at) => unlessAborted(parked.canonicalRowsOf(sids, at)),
      },
      position: () => position.events,
    });
    if (merged > 0) log('info', { events: merged }, 'events that were parked are in the tables now');
  }

  /** Position of the last message taken from the log. */
  const taken = () => Math.max(reached(), batch.seq);
  /** How long those at hand may still wait for company, ms; none while others are being committed: they are handed over after those. */
  function patience(): number | null {
    if (batch.empty || onTheirWay > 0) return null;
    return waiting.length > 0 ? 0 : Math.max(0, deadline - performance.now());
  }
  /** The next messages, or undefined when it is to be looked again whether those at hand have waited long enough. */
  async function nextOrLinger<T>(next: Promise<T>): Promise<T | undefined> {
    const ms = patience();
    let timer: NodeJS.Timeout | undefined;
    const lingered = new Promise<undefined>((resolve) => {
      hurry = () => resolve(undefined);
      if (ms !== null) timer = setTimeout(hurry, ms);
    });
    try {
      return await Promise.race([next, lingered]);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * The tables' days are all of one zone: which one is committed with them, and when the log asks for a later one they are emptied, in one
   * transaction, and filled again from the start.
   */
  async function alignZone(): Promise<void> {
    const [meta] = await writer.read(async (client) => {
      const { rows } = await client.query<{ zone: Zone | null }>('select zone from rm.meta');
      return rows;
    });
    const known = meta?.zone ?? null;
    const zone = await rezonedAfter(store, position.events, known);
    if (zone !== null && zone.version !== known?.version) {
      await writer.commit('events', { from: position.events, to: 0 }, (client) => emptyForZone(client, zone));
      log('info', { zone: zone.version }, 'days are computed anew: the tables are filled again in another zone');
      position.events = 0;
      windowStart = Number.NEGATIVE_INFINITY;
      batch.windowStart = windowStart;
    }
    batch.zone = zone;
  }

  /** @param until returns when everything up to there is committed; without it only when the projector stops. */
  async function followLog(until = Number.POSITIVE_INFINITY): Promise<void> {
    while (!stopping.signal.aborted && position.events < until) {
      const from = taken() + 1;
      const following = new AbortController();
      const signal = AbortSignal.any([stopping.signal, following.signal]);
      const messages = store.follow('EVT', { from, signal })[Symbol.asyncIterator]();
      /** Whoever awaits it has its end; it may come while a commit is waited for, and then nobody does yet. */
      const ask = () => {
        const asked = messages.next();
        asked.catch(() => undefined);
        return asked;
      };
      let next = ask();
      try {
        for (;;) {
          if (taken() >= until) {
            await drain();
            return;
          }
          // Before more is taken: also when there is always more.
          if (patience() === 0) await flush();
          if (onTheirWay === 0) await Promise.all([earlier, committed]); // throws what they ended with
          const result = await nextOrLinger(next);
          if (result === undefined) continue;
          if (result.done) break;
          if (batch.empty) deadline = performance.now() + lingerMs;
          const [first, last] = [result.value[0], result.value.at(-1)];
          const parked = first && last ? await parkedIn(first.seq, last.seq) : [];
          for (const record of result.value) await take(record, parked);
          next = ask();
        }
      } catch (error) {
        if (error instanceof Rewound) {
          log('warn', { events: error.found }, error.message);
          await forgetBatches();
          position.events = error.found;
          await alignZone();
          continue;
        }
        // Anything else (a hole in the log, bytes of a newer version, fenced) does not get better by trying again.
        if (!(error instanceof StoreUnavailable)) throw error;
        log('warn', { error: error.message }, 'log unavailable, trying again');
        await sleep(SYNC_PAUSE_MS);
      } finally {
        following.abort();
        // Whether it ends or fails now: the reason to leave is already known, and what it held is read again.
        await next.catch(() => undefined);
      }
    }
  }

  /** @param until as of `followLog`. */
  async function syncCustomers(fold: customers.FoldState, until = Number.POSITIVE_INFINITY): Promise<void> {
    const rows = new CopyBuffer();
    let committed = position.customers;
    while (!stopping.signal.aborted && position.customers < until) {
      let count = 0;
      changedSince = false;
      try {
        const answer = await fold.dirtyRows(position.customers, SYNC_ROWS);
        count = answer.rows.sids.length / 16;
        // A fact that concerns everybody (rates, a currency) comes in one piece; the position moves with its last slice.
        for (let from = 0; from < count; from += SYNC_ROWS) {
          const to = Math.min(count, from + SYNC_ROWS);
          customers.encodeCustomers(rows, answer.rows, from, to);
          const step = { from: committed, to: to === count ? answer.seq : committed };
          await writer.commit('customers', step, (client) => customers.mergeCustomers(client, rows));
          committed = step.to;
          applied += to - from;
        }
        if (answer.seq > position.customers) {
          position.customers = answer.seq;
          moved();
        }
      } catch (error) {
        if (error instanceof Rewound) {
          log('warn', { customers: error.found }, error.message);
          committed = error.found;
          position.customers = error.found;
          continue;
        }
        if (stopping.signal.aborted || isFinal(error)) throw error;
        log('warn', { error: (error as Error).message }, 'state of the fold thread not read, trying again');
      }
      if (count < SYNC_ROWS && !changedSince) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, SYNC_PAUSE_MS);
          wakeSync = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    }
  }

  /** Tables that gave up because the log was away at their start would stand still until the next one. */
  async function onceTheLogAnswers(work: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof StoreUnavailable) || stopping.signal.aborted) throw error;
        log('warn', { error: error.message }, 'log unavailable, trying again');
        await sleep(SYNC_PAUSE_MS);
      }
    }
  }

  async function run(): Promise<void> {
    const at = await writer.open();
    Object.assign(position, { events: at.events, customers: at.customers });
    await writer.read((client) => checkWorkspace(client, store));
    if (keeps('events')) await onceTheLogAnswers(alignZone);
    const { keyringUrl } = options;
    if (keyringUrl !== undefined) await writer.read((client) => grantViews(client, { keyringUrl, log }));
    filling = options.shadow !== undefined && (await writer.read(isFilling));
    // What the ledger of another program has applied meanwhile.
    if (options.parked && keeps('events')) await parkedIn(1, position.events);
    await release(position.events);
    opened = true;
    moved();
    if (!keeps('events') && !keeps('customers')) return;
    if (filling) {
      await fill();
      await release(position.events);
    }
    await Promise.all([keeps('events') ? followLog() : undefined, fold ? syncCustomers(fold) : undefined]);
  }

  /** Tables without indexes, up to the end that the log has now; then they are made whole. */
  async function fill(): Promise<void> {
    const end = await store.lastSequence('EVT');
    while (filling) {
      await Promise.all([keeps('events') ? followLog(end) : undefined, fold ? syncCustomers(fold, end) : undefined]);
      if (stopping.signal.aborted) return;
      try {
        await finish();
      } catch (error) {
        if (!(error instanceof Rewound)) throw error;
        position.events = error.found;
      }
    }
    moved();
  }
  async function finish(): Promise<void> {
    await writer.commit('events', { from: position.events, to: position.events, durable: true }, finishFilling);
    filling = false;
  }

  const done = run().catch((error: Error & { code?: string }) => {
    if (error instanceof WriterStopped || stopping.signal.aborted) return;
    failure = { code: error.code ?? 'error', message: error.message };
    log(failure.code === 'zone-changed' ? 'info' : 'error', failure, 'the projector has ended');
    stopping.abort();
    for (const one of waiting) one.reject(Object.assign(new Error(error.message), { code: failure.code }));
    waiting = [];
    options.onFailure?.(failure);
  });

  async function stop(): Promise<void> {
    stopping.abort();
    wakeSync();
    hurry();
    await writer[Symbol.asyncDispose]();
    await done;
    for (const one of waiting) one.reject(new WriterStopped());
    waiting = [];
    await reader[Symbol.asyncDispose]();
  }

  return {
    done,
    position: () => ({ ...position }),
    status: () => ({ ...position, filling, applied, trouble: writer.trouble, failure }),
    waitFor: (seq) =>
      new Promise((resolve, reject) => {
        if (failure) return reject(Object.assign(new Error(failure.message), { code: failure.code }));
        if (stopping.signal.aborted) return reject(new WriterStopped());
        waiting.push({ seq, resolve, reject });
        hurry();
        wake();
        moved();
      }),
    finish,
    counts: () => tableCounts(reader.db),
    async writeScores(given) {
      const count = scores.scoreCount(given);
      const rows = new CopyBuffer();
      for (let from = 0; from < count; from += SYNC_ROWS)
        await writer.commit('scores', { from: null, to: given.seq }, (client) =>
          scores.mergeScores(client, rows, given, from, Math.min(count, from + SYNC_ROWS)),
        );
      return count;
    },
    async digest() {
      const client = await reader.pool.connect();
      try {
        await client.query('begin isolation level repeatable read read only');
        const { rows } = await client.query<{ seq: string }>(
          `select seq from rm.checkpoints where projection = 'events'`,
        );
        const digest = await digestOfTable(client);
        await client.query('commit');
        client.release();
        return { ...digest, seq: Number(rows[0]!.seq) };
      } catch (error) {
        client.release(true);
        throw error;
      }
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
