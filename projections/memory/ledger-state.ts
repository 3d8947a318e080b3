// A ledger taken apart for a snapshot and put together again. No customer ids: rows are known by sid.
import type { Conflict } from './conflicts.ts';
import type { Counters } from './counters.ts';
import type { SourceCoverage } from './coverage.ts';
import type { Late } from './late.ts';
import { createLedger, type Ledger, type LedgerOptions, type Zone } from './ledger.ts';
import type { Frozen, ReadSection } from './pages.ts';
import type { Parked } from './parked.ts';
import type { Runs } from './runs.ts';
import type { Workspace } from './workspace.ts';

/** Grows when rows, records or the meaning of either change: an older snapshot is then passed over and the log replayed. */
const LEDGER_FORMAT = 11;

interface LedgerMeta extends Record<string, unknown> {
  format: number;
  /** Absent in snapshots from before a ledger could be zoned anew. */
  zone?: Zone | null;
  position: number;
  clockAt: number;
  clockDay: number;
  priorDay: number | null;
  customers: number;
  events: number;
  repeated: number;
  unknownTypes: number;
  /** Absent in snapshots from before it was kept: then nothing is known of when its events were known. */
  lastKnownAt?: number;
  counters: ReturnType<Counters['save']>;
  runs: ReturnType<Runs['save']>;
  conflicts: { total: number; list: Conflict[] };
  parked: ReturnType<Parked['save']>;
  late: ReturnType<Late['save']>;
  erased: Record<string, unknown>;
  workspace: ReturnType<Workspace['save']>;
  coverage: ReturnType<SourceCoverage['save']>;
  rows: Record<string, unknown>;
  store: Record<string, unknown>;
}

/** The ledger at its position; columns must be flushed. It may go on at once. */
export function freezeLedger(ledger: Ledger): Frozen {
  const rows = ledger.rows.freeze();
  const store = ledger.store.freeze();
  const erased = ledger.erasedTotals.freeze();
  const meta: LedgerMeta = {
    format: LEDGER_FORMAT,
    zone: ledger.options.zone ?? null,
    position: ledger.position,
    clockAt: ledger.clockAt,
    clockDay: ledger.clockDay,
    priorDay: ledger.priorDay,
    customers: ledger.customers,
    events: ledger.events,
    repeated: ledger.repeated,
    unknownTypes: ledger.unknownTypes,
    lastKnownAt: ledger.lastKnownAt,
    counters: ledger.counters.save(),
    runs: ledger.runs.save(),
    conflicts: ledger.conflicts.save(),
    parked: ledger.parked.save(),
    late: ledger.late.save(),
    erased: erased.meta,
    workspace: ledger.workspace.save(),
    coverage: ledger.coverage.save(),
    rows: rows.meta,
    store: store.meta,
  };
  return {
    meta,
    sections: [...rows.sections, ...store.sections, ...erased.sections],
    release: () => {
      rows.release();
      store.release();
      erased.release();
    },
  };
}

/** A new ledger as it was frozen; its columns are published. @throws when the snapshot is of another format or zone table. */
export function restoreLedger(
  options: LedgerOptions,
  ledgerPart: { meta: Record<string, unknown>; read: ReadSection },
  windowPart: { meta: Record<string, unknown>; read: ReadSection },
): Ledger {
  const meta = ledgerPart.meta as LedgerMeta;
  if (meta.format !== LEDGER_FORMAT)
    throw new RangeError(`ledger format ${meta.format}, this version reads ${LEDGER_FORMAT}`);
  // The zone is the snapshot's own: whether the log has asked for another one since is for whoever follows it.
  const zone = meta.zone ?? null;
  if (options.zone !== undefined && options.zone.version !== zone?.version)
    throw new RangeError('it was folded with another zone table; days have to be computed anew');
  const ledger = createLedger(zone === null ? options : { ...options, zone });
  ledger.parked.restore(meta.parked);
  ledger.late.restore(meta.late);
  ledger.position = meta.position;
  ledger.clockAt = meta.clockAt;
  ledger.clockDay = meta.clockDay;
  ledger.priorDay = meta.priorDay;
  ledger.customers = meta.customers;
  ledger.events = meta.events;
  ledger.repeated = meta.repeated;
  ledger.unknownTypes = meta.unknownTypes;
  ledger.lastKnownAt = meta.lastKnownAt ?? Number.POSITIVE_INFINITY;
  ledger.counters.restore(meta.counters);
  ledger.runs.restore(meta.runs);
  ledger.conflicts.restore(meta.conflicts);
  ledger.workspace.restore(meta.workspace);
  ledger.coverage.restore(meta.coverage);
  ledger.rows.restore(meta.rows, ledgerPart.read);
  ledger.store.restore(meta.store, ledgerPart.read);
  ledger.erasedTotals.restore(meta.erased, ledgerPart.read);
  ledger.window.restore(windowPart.meta, windowPart.read);
  ledger.locateParked();
  ledger.flushColumns();
  return ledger;
}
