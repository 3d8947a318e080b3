// The loop of the fold thread, without the thread: restore, follow the log, flush, tell who waits, save. worker.ts gives it its connections.
import { hash, randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EventStore } from '#streams/event-store.ts';
import type { LogMessage } from '#streams/pack.ts';
import { DirtyRows, stateOfRows } from './dirty-rows.ts';
import { createLedger, type Ledger, type LedgerOptions } from './ledger.ts';
import { parkedCustomers, placesIn, placesOf } from './parked-lists.ts';
import type { PastFeed } from './past/feed.ts';
import { Recorder } from './past/recorder.ts';
import type { FoldHandlers, FoldMessage, FoldPosition } from './protocol.ts';
import { applyRead, readRecorded, replayOf, replayParked } from './replay-parked.ts';
import { rezonedAfter } from './rezoned.ts';
import { openSnapshots, type SnapshotEntry, type SnapshotLog } from './snapshot.ts';
import { portableDigest, StateDigest } from './state-digest.ts';
import { trainingStatistics } from './training-statistics.ts';
import { AT_COLUMNS, WATCH, WATCH_BYTES, watchMessage, watchNothing } from './watch.ts';

type Log = Pick<EventStore, 'follow' | 'read' | 'lastSequence'>;

export interface FoldDeps {
  /** May come later: the snapshot is read meanwhile, and used when the log has been asked whether it is of this log. */
  store: Log | Promise<Log>;
  snapshotDir: string;
  ledger: LedgerOptions;
  snapshotAfterMs?: number;
  log: SnapshotLog;
  /** Where it is, for whoever watches from outside (watch.ts). */
  watch?: SharedArrayBuffer;
  say: (message: FoldMessage) => void;
  /** Is told of where everything was applied. */
  past?: Omit<PastFeed, 'close'> | null;
  /** As of FoldConfig. */
  anew?: boolean;
}

export interface Fold {
  ledger: Ledger;
  handlers: FoldHandlers;
  /** Resolved when the fold has stopped; rejects with what ended it. */
  done: Promise<void>;
}

const SNAPSHOT_AFTER_MS = 5_000;
/** Small enough that a batch stops neither questions nor the columns for long; about 2,500 events. */
const BATCH_BYTES = 256 << 10;
const PROGRESS_EVERY_MS = 250;

export async function startFold(deps: FoldDeps): Promise<Fold> {
  const { log, say } = deps;
  const watch = new Int32Array(deps.watch ?? new SharedArrayBuffer(WATCH_BYTES));
  const stuck = new Map<string, number>();
  const options: LedgerOptions = { ...deps.ledger, watch, stuck };
  const snapshots = openSnapshots(deps.snapshotDir, log);
  const restored = await snapshots.restore(options, async (entry) => holds(await deps.store, entry));
  const store = await deps.store;
  for (const [place, end] of deps.ledger.stuck ?? []) stuck.set(place, end);
  const { zone: known } = restored.options;
  const zone = await rezonedAfter(store, restored.position, known ?? null);
  const started = zone !== null && zone.version !== known?.version;
  if (started) log.info({ zone: zone.version }, 'days are computed anew: the whole log is folded in another zone');
  const ledger = started ? createLedger({ ...options, zone }) : restored;
  const past = deps.past ?? null;
  const recorder = past === null ? null : new Recorder();
  ledger.recorder = recorder;
  const tellWhereItBegins = (replayed: boolean) =>
    past?.begin({ seq: ledger.position, zone: ledger.options.zone?.version ?? 0, replayed, stuck });
  tellWhereItBegins(deps.anew === true);
  const digest = new StateDigest(ledger);
  const dirty = new DirtyRows(ledger);
  const stopping = new AbortController();
  let failure: FoldPosition['failure'] = null;
  let waiting: { seq: number; resolve: () => void; reject: (error: Error) => void }[] = [];
  let lastMessage: Uint8Array = new Uint8Array(0);
  /** Time the fold has worked since the last snapshot: what its replay would take. */
  let workedMs = 0;
  let saidAt = 0;
  let parked = ledger.parked.total;
  let saving: Promise<SnapshotEntry | null> = Promise.resolve(null);
  /** What is parked is being applied; until it is taken out of the list, a snapshot would hold it twice. */
  let replaying = false;
  const life = randomUUID();

  const position = (): FoldPosition => ({
    seq: ledger.position,
    snapshotSeq: snapshots.seq,
    clockAt: ledger.clockAt,
    clockDay: ledger.clockDay,
    priorDay: ledger.priorDay,
    customers: ledger.customers,
    orders: ledger.store.orders.live,
    events: ledger.events,
    repeated: ledger.repeated,
    unknownTypes: ledger.unknownTypes,
    conflicts: ledger.conflicts.total,
    parked: ledger.parked.total,
    parkedCustomers: ledger.parked.customers,
    late: ledger.late.total,
    failure,
  });

  /** Before anybody is answered: columns are of everything up to the position. */
  function writeColumns(): void {
    watch[WATCH.index] = AT_COLUMNS;
    ledger.flushColumns();
    watchNothing(watch);
  }

  /** A message that has to be fetched again: others are answered meanwhile. */
  async function whenRead(seq: number, read: Promise<LogMessage | null>): Promise<LogMessage | null> {
    writeColumns();
    const message = await read;
    watchMessage(watch, seq);
    return message;
  }

  /** Before the fact that asks for it is applied: rows count as changed at its position. */
  async function replay(seq: number, onRequest: boolean): Promise<void> {
    // What the fold did not come back from is tried once more when somebody asks for it after that.
    for (const [place, end] of stuck) if (onRequest && end < seq) stuck.delete(place);
    writeColumns();
    replaying = true;
    // These are of earlier places, which have been told of already; when that holds no more, it is all told again.
    ledger.recorder = null;
    const replayed = await replayParked(
      store,
      ledger,
      (at) => (at === null ? watchNothing(watch) : watchMessage(watch, at)),
      stopping.signal,
    );
    replaying = false;
    ledger.recorder = recorder;
    if (replayed > 0) {
      recorder?.take();
      tellWhereItBegins(true);
    }
    watchMessage(watch, seq);
    parked = ledger.parked.total;
    log.info({ seq, replayed, parked }, 'events that were parked are tried again');
  }

  const notWritten = (error: Error) =>
    log.warn({ reason: error.message }, 'event index not written; a restart makes more of it again');
  const save = (): Promise<SnapshotEntry | null> => {
    workedMs = 0;
    // The index is on the disk before the snapshot is named, so that a start finds in it what it will not fold again.
    const attempt = saving.then(() =>
      replaying ? null : snapshots.save(ledger, lastMessage, past?.flush().catch(notWritten)),
    );
    saving = attempt.catch((error: Error) => {
      log.warn(
        { seq: ledger.position, reason: error.message },
        'snapshot not saved; a restart replays more of the log',
      );
      return null;
    });
    return attempt;
  };

  const settle = () => {
    const ready = waiting.filter((entry) => entry.seq <= ledger.position);
    if (ready.length === 0) return;
    waiting = waiting.filter((entry) => entry.seq > ledger.position);
    for (const entry of ready) entry.resolve();
  };

  async function run(): Promise<void> {
    const { signal } = stopping;
    for await (const batch of store.follow('EVT', { from: ledger.position + 1, signal, maxBytes: BATCH_BYTES })) {
      const start = performance.now();
      const deployed = ledger.workspace.deployments.length;
      let facts = false;
      for (const record of batch) {
        watchMessage(watch, record.seq);
        const read = readRecorded(store, record, { stuck, signal });
        const message = read instanceof Promise ? await whenRead(record.seq, read) : read;
        const asked = replayOf(message);
        if (asked !== null) await replay(record.seq, asked.by === 'request');
        applyRead(ledger, record, message);
        lastMessage = record.bytes;
        facts ||=
          message?.kind === 'fact' && /^(workspace|currency|clock|zone|ledger|fx|churn)\./.test(message.fact.type);
      }
      writeColumns();
      const chunk = recorder?.take() ?? null;
      if (chunk !== null) past?.add(chunk);
      const now = performance.now();
      workedMs += now - start;
      // Before whoever waits for the position hears of it.
      if (facts) say({ event: 'clock', facts: ledger.workspace.facts });
      for (const deployment of ledger.workspace.deployments.slice(deployed))
        say({ event: 'model.deployed', deployment });
      if (ledger.parked.total > parked) {
        const { seq, reason, detail, tries } = ledger.parked.list()[parked] ?? ledger.parked.list().at(-1)!;
        log.warn(
          { parked: ledger.parked.total, customers: ledger.parked.customers, seq, reason, detail, tries },
          'events could not be applied and are parked',
        );
        parked = ledger.parked.total;
      }
      settle();
      if (now - saidAt > PROGRESS_EVERY_MS) {
        saidAt = now;
        say({ event: 'progress', position: position() });
      }
      if (workedMs > (deps.snapshotAfterMs ?? SNAPSHOT_AFTER_MS)) save().catch(() => {}); // `saving` has logged it
      // Questions are answered between batches.
      await nextTurn();
    }
  }

  const ended = (error: Error & { code?: string }) => {
    for (const entry of waiting) entry.reject(error);
    waiting = [];
  };
  const done = run().then(
    () => ended(new Error('the fold has stopped')),
    (error: Error & { code?: string }) => {
      // Stopped while it waited for a server that is away.
      if (stopping.signal.aborted && error.name === 'AbortError') return ended(new Error('the fold has stopped'));
      failure = { code: error.code ?? 'fold-failed', message: error.message };
      ended(error);
      say({ event: 'failed', ...failure });
      throw error;
    },
  );
  done.catch(() => {}); // `failed` has been said; whoever awaits `done` sees it too

  const handlers: FoldHandlers = {
    columns: () => ledger.rows.handle,
    position,
    waitFor: (seq) =>
      new Promise((resolve, reject) => {
        if (seq <= ledger.position) resolve();
        else if (failure) reject(Object.assign(new Error(failure.message), { code: failure.code }));
        else if (stopping.signal.aborted) reject(new Error('the fold has stopped'));
        else waiting.push({ seq, resolve, reject });
      }),
    entries: (sid) => ledger.entries(sid),
    entriesOf: (sids) => sids.map((sid) => ledger.entries(sid)),
    runStats: (run) => ledger.runs.stats(run),
    runs: () => ledger.runs.list(),
    conflicts: (after, limit) => ledger.conflicts.after(after, limit),
    late: (limit, before) => ({ events: ledger.late.list(ledger.rows, limit, before), total: ledger.late.total }),
    parkedVersion: () => `${life}/${ledger.parked.changes}`,
    parkedCustomers: (limit, after) => {
      const all = parkedCustomers(ledger);
      const customers = all.slice(after, after + limit);
      return { customers, total: all.length, events: ledger.parked.total, dropped: ledger.parked.dropped };
    },
    async parkedIn(from, to) {
      await handlers.waitFor(to);
      return placesIn(ledger, from, to);
    },
    async stillParked(places, seq) {
      await handlers.waitFor(seq);
      const parkedNow = new Set(placesOf(ledger.parked.list()).map(String));
      return places.filter((place) => parkedNow.has(String(place)));
    },
    dirtyRows: (sinceSeq, limit) => dirty.after(sinceSeq, limit),
    rowsOf(sids) {
      const rows = sids.map((sid) => ledger.rows.findSid(sid));
      if (rows.includes(-1)) throw new RangeError('rowsOf: a sid that the log does not hold');
      return stateOfRows(ledger, rows);
    },
    async canonicalRowsOf(sids, seq) {
      await handlers.waitFor(seq);
      const rows = sids.flatMap((sid) => [ledger.rows.findSid(sid), ledger.canonicalRow(sid)]);
      return stateOfRows(ledger, [...new Set(rows)]);
    },
    appliedBy: () => ledger.counters.totals(),
    digest: () => ({ state: digest.value(), seq: ledger.position }),
    portableDigest: (customerIds) => ({
      portable: portableDigest(ledger, (sid) => customerIds.get(Buffer.from(sid).toString('hex')) ?? null),
      seq: ledger.position,
    }),
    trainingStatistics: (day) => trainingStatistics(ledger, day),
    deployments: () => ledger.workspace.deployments,
    facts: () => ledger.workspace.facts,
    coverage: () => ledger.coverage.declared(),
    erasedTotals: () => ledger.erasedTotals.save(),
    snapshot: save,
    async stop() {
      stopping.abort();
      await done.catch(() => {}); // said already
      // Also after a failure: everything up to the position is right.
      await save().catch(() => {});
    },
  };
  return { ledger, handlers, done };
}

/** Does the log hold the very message at which the snapshot was taken? A log restored from an older backup does not. */
async function holds(store: Log, entry: SnapshotEntry): Promise<boolean> {
  if ((await store.lastSequence('EVT')) < entry.seq) return false;
  for await (const { bytes } of store.read('EVT', { from: entry.seq, to: entry.seq }))
    return hash('sha256', bytes, 'hex') === entry.messageSha256;
  return false;
}
