// The loop of the fold thread, without the thread: restore, follow the log, flush, tell who waits, save. worker.ts gives it its connections.
import { hash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EventStore } from '#streams/event-store.ts';
import { decodeMessage } from '#streams/pack.ts';
import { DirtyRows, stateOfRows } from './dirty-rows.ts';
import { createLedger, type Ledger, type LedgerOptions } from './ledger.ts';
import type { ParkedEvent } from './parked.ts';
import type { PastFeed } from './past/feed.ts';
import { Recorder } from './past/recorder.ts';
import type { FoldHandlers, FoldMessage, FoldPosition } from './protocol.ts';
import { rezonedAfter } from './rezoned.ts';
import { openSnapshots, type SnapshotEntry, type SnapshotLog } from './snapshot.ts';
import { portableDigest, StateDigest } from './state-digest.ts';
import { trainingStatistics } from './training-statistics.ts';

export interface FoldDeps {
  store: Pick<EventStore, 'follow' | 'read' | 'lastSequence'>;
  snapshotDir: string;
  ledger: LedgerOptions;
  snapshotAfterMs?: number;
  log: SnapshotLog;
  say: (message: FoldMessage) => void;
  /** Is told of where everything was applied. */
  past?: Omit<PastFeed, 'close'> | null;
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
  const { store, log, say } = deps;
  const snapshots = openSnapshots(deps.snapshotDir, log);
  const restored = await snapshots.restore(deps.ledger, (entry) => holds(store, entry));
  const { zone: known } = restored.options;
  const zone = await rezonedAfter(store, restored.position, known ?? null);
  const started = zone !== null && zone.version !== known?.version;
  if (started) log.info({ zone: zone.version }, 'days are computed anew: the whole log is folded in another zone');
  const ledger = started ? createLedger({ ...deps.ledger, zone }) : restored;
  const retried = !started && (await retryParked(store, ledger, log));
  const past = deps.past ?? null;
  if (past !== null) {
    ledger.recorder = new Recorder();
    past.begin({ seq: ledger.position, zone: ledger.options.zone?.version ?? 0, retried });
  }
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
    failure,
  });

  const notWritten = (error: Error) =>
    log.warn({ reason: error.message }, 'event index not written; a restart makes more of it again');
  const save = (): Promise<SnapshotEntry | null> => {
    workedMs = 0;
    // The index is on the disk before the snapshot is named, so that a start finds in it what it will not fold again.
    const attempt = saving.then(() => snapshots.save(ledger, lastMessage, past?.flush().catch(notWritten)));
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
      for (const { seq, bytes } of batch) {
        const message = decodeMessage(bytes);
        ledger.applyMessage(seq, message);
        lastMessage = bytes;
        facts ||=
          message.kind === 'fact' && /^(workspace|currency|clock|zone|ledger|fx|churn)\./.test(message.fact.type);
      }
      ledger.flushColumns();
      const chunk = ledger.recorder?.take() ?? null;
      if (chunk !== null) past?.add(chunk);
      const now = performance.now();
      workedMs += now - start;
      // Before whoever waits for the position hears of it.
      if (facts) say({ event: 'clock', facts: ledger.workspace.facts });
      for (const deployment of ledger.workspace.deployments.slice(deployed))
        say({ event: 'model.deployed', deployment });
      if (ledger.parked.total > parked) {
        const { seq, reason, detail } = ledger.parked.list().at(-1)!;
        log.warn({ parked: ledger.parked.total, seq, reason, detail }, 'events could not be applied and are parked');
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
    dirtyRows: (sinceSeq, limit) => dirty.after(sinceSeq, limit),
    rowsOf(sids) {
      const rows = sids.map((sid) => ledger.rows.findSid(sid));
      if (rows.includes(-1)) throw new RangeError('rowsOf: a sid that the log does not hold');
      return stateOfRows(ledger, rows);
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
async function holds(store: FoldDeps['store'], entry: SnapshotEntry): Promise<boolean> {
  if ((await store.lastSequence('EVT')) < entry.seq) return false;
  for await (const { bytes } of store.read('EVT', { from: entry.seq, to: entry.seq }))
    return hash('sha256', bytes, 'hex') === entry.messageSha256;
  return false;
}

/** What an older program could not read is read again, from its place in the log. True when some of it was applied. */
async function retryParked(store: FoldDeps['store'], ledger: Ledger, log: SnapshotLog): Promise<boolean> {
  const waiting = ledger.parked.list();
  if (waiting.length === 0) return false;
  const applied = new Set<ParkedEvent>();
  for (const [seq, events] of Map.groupBy(waiting, (event) => event.seq))
    for await (const { bytes } of store.read('EVT', { from: seq, to: seq })) {
      const message = decodeMessage(bytes);
      for (const event of events) if (ledger.retry(event, message)) applied.add(event);
    }
  ledger.parked.remove(applied);
  ledger.flushColumns();
  log.info({ applied: applied.size, parked: ledger.parked.total }, 'events that were parked are tried again');
  return applied.size > 0;
}
