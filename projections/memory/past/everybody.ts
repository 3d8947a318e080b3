// Everybody as the log stood at a position: from the nearest snapshot before it, and the messages between. Exact for a bound of position: a snapshot at
// p holds all of the log up to p and nothing else. A bound of `known_at` leaves events out, which nothing can take out of a snapshot again: then only
// one whose last event was known by that instant will do, else the log's beginning.
import { hash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EventStore } from '#streams/event-store.ts';
import { createLedger, type Ledger, type LedgerOptions } from '../ledger.ts';
import { applyRead, readRecorded } from '../replay-parked.ts';
import { rezonedAfter } from '../rezoned.ts';
import { ledgerOf, type SnapshotLog, snapshotsWithin } from '../snapshot.ts';
import { erasedSince } from './erased-since.ts';
import { type Chunk, Recorder } from './recorder.ts';

export interface EverybodyOptions {
  ledger: LedgerOptions;
  /** Folder of the fold's snapshots, with its ladder; null: from the log's beginning. */
  snapshotDir: string | null;
  log: SnapshotLog;
  /** Only snapshots up to here, when earlier than the position asked for. */
  startBy?: number;
  /** Told of where everything is applied. */
  record?: (chunk: Chunk) => void;
  /** Told of the snapshot's position before the log is read; 0 = its beginning. */
  began?: (from: number) => void;
  /** After every few milliseconds: where the fold is, and where it began. */
  progress?: (position: number, from: number) => void;
}

const TURN_MS = 5;

export async function everybodyAt(
  store: Pick<EventStore, 'read' | 'lastSequence'>,
  seq: number,
  options: EverybodyOptions,
): Promise<Ledger> {
  const zone = options.ledger.zone ?? (seq > 0 ? await rezonedAfter(store, 0, null, seq) : null);
  const wanted = zone === null ? options.ledger : { ...options.ledger, zone };
  const ledger = (await fromSnapshot(store, seq, wanted, options)) ?? createLedger(wanted);
  const began = ledger.position;
  options.began?.(began);
  if (options.record) ledger.recorder = new Recorder();
  const hand = () => {
    const chunk = ledger.recorder?.take();
    if (chunk) options.record?.(chunk);
  };
  let turn = performance.now();
  if (seq > began)
    for await (const record of store.read('EVT', { from: began + 1, to: seq })) {
      const read = readRecorded(store, record, wanted);
      applyRead(ledger, record, read instanceof Promise ? await read : read);
      if ((ledger.recorder?.size ?? 0) > 1 << 14) hand();
      // Whoever else works on this thread goes on being answered.
      if (performance.now() - turn > TURN_MS) {
        options.progress?.(record.seq, began);
        await nextTurn();
        turn = performance.now();
      }
    }
  hand();
  ledger.recorder = null;
  ledger.flushColumns();
  return ledger;
}

/** A snapshot that cannot be used costs time only, and whoever keeps it says so. */
const silent = { info: () => undefined, warn: () => undefined };

/**
 * Everybody as the log stood at a position but whoever was erased since: they have no past either (facts §8), so whatever is learned, judged or
 * written from it leaves them out.
 */
export async function everybodyLeft(
  store: Pick<EventStore, 'read' | 'lastSequence'>,
  seq: number,
  options: Pick<EverybodyOptions, 'ledger' | 'snapshotDir' | 'progress'>,
): Promise<Ledger> {
  return forgetErased(store, seq, await everybodyAt(store, seq, { ...options, log: silent }));
}

/** Takes those out who were erased after `seq`, up to which the ledger is. */
export async function forgetErased(
  store: Pick<EventStore, 'read' | 'lastSequence'>,
  seq: number,
  ledger: Ledger,
): Promise<Ledger> {
  ledger.forget(await erasedSince(store, seq, await store.lastSequence('EVT')));
  ledger.flushColumns();
  return ledger;
}

async function fromSnapshot(
  store: Pick<EventStore, 'read'>,
  seq: number,
  ledger: LedgerOptions,
  { snapshotDir, log, startBy }: EverybodyOptions,
): Promise<Ledger | null> {
  if (snapshotDir === null || seq === 0) return null;
  const bounds = {
    seq: Math.min(seq, startBy ?? seq),
    zone: ledger.zone?.version ?? 0,
    knownUpTo: ledger.knownUpTo,
  };
  for (const entry of snapshotsWithin(snapshotDir, bounds))
    try {
      let sha256 = '';
      for await (const { bytes } of store.read('EVT', { from: entry.seq, to: entry.seq }))
        sha256 = hash('sha256', bytes, 'hex');
      if (sha256 !== entry.messageSha256) throw new RangeError('the log holds another message at its position');
      const restored = ledgerOf(snapshotDir, entry, ledger);
      // The manifest, which chose it, is under no hash; the file is.
      if (bounds.knownUpTo !== undefined && !(restored.lastKnownAt <= bounds.knownUpTo))
        throw new RangeError('it holds what was known later than its manifest says');
      if ((restored.options.zone?.version ?? 0) !== bounds.zone)
        throw new RangeError('its days are of another zone than its manifest says');
      if (restored.parked.total > 0) continue; // folded in its place, what is parked may be applied today
      return restored;
    } catch (error) {
      log.warn(
        { seq: entry.seq, reason: (error as Error).message },
        'snapshot of the past cannot be used; an earlier one',
      );
    }
  return null;
}
