// What is in the quarantine, without its raw input: enough to count, page and find. Built by reading QUA once, then kept up to its end.
import { Packr } from 'msgpackr';
import { isAcknowledgement } from './acknowledgement.ts';
import type { EventStore, Recorded } from './event-store.ts';

export const FORMAT = 1;
const KEPT_MS = 90 * 86_400_000;

/** [rowNumber, column, detail, raw, rows] */
type WireRow = [number, string | null, string, string, number];
/** Rows of one source, run and reason. */
export interface WireRows {
  v: number;
  at: number;
  source: string;
  run: string | null;
  reason: string;
  rows: WireRow[];
  /** Of an import: what its file holds and is read as, by its digest. */
  file?: string;
  /** Written by an erasure in the place of this sequence. */
  replaces?: number;
}
export interface WireResolved {
  v: number;
  resolved: string[];
}

const packr = new Packr({ useRecords: false });
export const encodeQuarantine = (wire: WireRows | WireResolved): Uint8Array => packr.pack(wire);

export function decodeQuarantine(message: Recorded): WireRows | WireResolved {
  if (isAcknowledgement(message.bytes)) return { v: FORMAT, resolved: [] };
  const wire = packr.unpack(message.bytes) as WireRows | WireResolved;
  if (wire?.v !== FORMAT)
    throw new RangeError(`QUA ${message.seq}: format ${String(wire?.v)} was written by another version`);
  return wire;
}

/** Throws RangeError for what cannot be an id. */
export function parseId(id: string): [seq: number, index: number] {
  const match = /^([1-9]\d{0,14})-(\d{1,6})$/.exec(id);
  if (!match) throw new RangeError(`'${id}' is not a quarantine id (<number>-<number>)`);
  return [Number(match[1]), Number(match[2])];
}

export interface Entry {
  seq: number;
  storedAt: number;
  /** When it was refused, ms. */
  at: number;
  source: string;
  run: string | null;
  file: string | null;
  reason: string;
  /** By position: input rows it stands for; 0 = resolved, or the same row of the same run is there already. */
  weights: Uint32Array;
  rowNumbers: Uint32Array;
}

export interface QuarantineIndex {
  /** By sequence, ascending. */
  readonly entries: ReadonlyMap<number, Entry>;
  /** Erased, but perhaps not deleted yet: the process may have died in between. */
  readonly replaced: ReadonlySet<number>;
  refresh(): Promise<void>;
  forget(seq: number): void;
}

export function createQuarantineIndex(store: EventStore, tenant: string, now: () => number): QuarantineIndex {
  const entries = new Map<number, Entry>();
  /** Rows that are there, by run and reason: an import taken up again refuses the same rows again. */
  const known = new Map<string, Set<number>>();
  const replaced = new Set<number>();
  let position = 0;
  let catching: Promise<void> | null = null;

  function seenOf(run: string, reason: string): Set<number> {
    const key = `${run}\n${reason}`;
    let seen = known.get(key);
    if (!seen) {
      seen = new Set();
      known.set(key, seen);
    }
    return seen;
  }

  function close(entry: Entry, index: number): void {
    if (!entry.weights[index]) return;
    entry.weights[index] = 0;
    if (entry.run !== null) seenOf(entry.run, entry.reason).delete(entry.rowNumbers[index]!);
  }

  function forget(seq: number): void {
    const entry = entries.get(seq);
    if (!entry) return;
    entries.delete(seq);
    for (let index = 0; index < entry.weights.length; index++) close(entry, index);
  }

  function take(message: Recorded): void {
    const wire = decodeQuarantine(message);
    if ('resolved' in wire) {
      for (const id of wire.resolved) {
        const [seq, index] = parseId(id);
        const entry = entries.get(seq);
        if (entry) close(entry, index);
      }
      return;
    }
    if (wire.replaces !== undefined) {
      replaced.add(wire.replaces);
      forget(wire.replaces);
    }
    const { source, run, reason } = wire;
    const weights = Uint32Array.from(wire.rows, (row) => row[4]);
    const rowNumbers = Uint32Array.from(wire.rows, (row) => row[0]);
    if (run !== null) {
      const seen = seenOf(run, reason);
      rowNumbers.forEach((rowNumber, index) => {
        if (rowNumber === 0) return;
        if (seen.has(rowNumber)) weights[index] = 0;
        else seen.add(rowNumber);
      });
    }
    const { seq, storedAt } = message;
    entries.set(seq, { seq, storedAt, at: wire.at, source, run, file: wire.file ?? null, reason, weights, rowNumbers });
  }

  async function catchUp(): Promise<void> {
    for await (const message of store.read('QUA', { from: position + 1, subject: `qua.${tenant}.>` })) {
      take(message);
      position = message.seq;
    }
    const oldest = now() - KEPT_MS;
    for (const entry of entries.values()) {
      if (entry.storedAt >= oldest) break;
      forget(entry.seq);
    }
  }

  return {
    entries,
    replaced,
    forget,
    /** To the end of the stream as it is now; callers wait for a pass that began after they asked. */
    async refresh() {
      while (catching) await catching;
      catching = catchUp();
      try {
        await catching;
      } finally {
        catching = null;
      }
    },
  };
}
