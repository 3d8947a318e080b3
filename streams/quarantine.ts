// The quarantine: input that was refused, with the reason, until it is replayed or 90 days old. Stream QUA, `qua.<tenant>.<reason>`, many rows a message.
// Raw input may hold personal data: it is short-lived, encrypted at rest by JetStream, within reach of an erasure, and never logged.
import { Packr } from 'msgpackr';
import type { EventStore, Recorded } from './event-store.ts';

export interface QuarantineRow {
  /** In the file, from 1; or the position in its batch; 0 when unknown. */
  rowNumber: number;
  reason: string;
  column?: string | null;
  /** Names field and shape; never a value that could be personal. */
  detail: string;
  /** The input as it came. */
  raw: string;
  /** Input rows this entry stands for (an order of 7 lines refused as a whole: 7). */
  rows: number;
}

export interface QuarantinedRow extends Omit<QuarantineRow, 'column'> {
  /** `<QUA sequence>-<position>`. */
  id: string;
  /** When it was refused, ms. */
  at: number;
  source: string;
  run: string | null;
  column: string | null;
}

export interface QuarantineFilter {
  reason?: string | undefined;
  source?: string | undefined;
  run?: string | undefined;
}

export interface Quarantine {
  put(batch: { at: number; source: string; run: string | null; rows: readonly QuarantineRow[] }): Promise<void>;
  /** Newest first. `cursor` is the last page's `next`. */
  list(
    query: QuarantineFilter & { cursor?: string | undefined; limit: number },
  ): Promise<{ rows: QuarantinedRow[]; next: string | null }>;
  show(id: string): Promise<QuarantinedRow | null>;
  /** Input rows by reason, of what is still there. */
  counts(filter?: Pick<QuarantineFilter, 'source' | 'run'>): Promise<Record<string, number>>;
  /** Takes entries out, after their replay. */
  resolve(ids: readonly string[]): Promise<void>;
  /** Takes out every entry that matches, physically; the number of entries. */
  erase(matches: (row: QuarantinedRow) => boolean): Promise<number>;
}

const FORMAT = 1;
const MAX_ROWS = 500;
const MAX_BYTES = 256 << 10;
/** One raw input at most, so that a message fits into the server's default limit of 1 MiB. Longer ones are cut and say so. */
const MAX_RAW = 256 << 10;
const KEPT_MS = 90 * 86_400_000;
const IN_FLIGHT = 32;
const RESOLVED = 'resolved';

/** [rowNumber, column, detail, raw, rows] */
type WireRow = [number, string | null, string, string, number];
interface Wire {
  v: number;
  at: number;
  source: string;
  run: string | null;
  reason: string;
  rows: WireRow[];
  /** Written by an erasure in the place of this sequence. */
  replaces?: number;
}
interface WireResolved {
  v: number;
  resolved: string[];
}

/** What is remembered of a message: enough to count, page and find; never raw input. */
interface Entry {
  seq: number;
  storedAt: number;
  source: string;
  run: string | null;
  reason: string;
  /** By position: input rows it stands for; 0 = resolved, or the same row of the same run stored before. */
  weights: Uint32Array;
  rowNumbers: Uint32Array;
}

const packr = new Packr({ useRecords: false });

export function createQuarantine(options: {
  store: EventStore;
  /** Deletes and overwrites a message of QUA; needed by `erase`. */
  remove: (seq: number) => Promise<void>;
  tenant?: string;
  now?: () => number;
}): Quarantine {
  const { store, remove } = options;
  const tenant = options.tenant ?? 'main';
  const now = options.now ?? Date.now;
  const everything = `qua.${tenant}.>`;
  const entries = new Map<number, Entry>(); // ascending by sequence
  /** Rows already counted, by run and reason: a resumed import refuses the same rows again. */
  const known = new Map<string, Set<number>>();
  /** Erased, but perhaps not deleted yet: the process may have died in between. */
  const replaced = new Set<number>();
  let position = 0;
  let catching: Promise<void> | null = null;

  const decode = (message: Recorded): Wire | WireResolved => {
    const wire = packr.unpack(message.bytes) as Wire | WireResolved;
    if (wire?.v !== FORMAT)
      throw new RangeError(`QUA ${message.seq}: format ${String(wire?.v)} was written by another version`);
    return wire;
  };

  function take(message: Recorded): void {
    const wire = decode(message);
    if ('resolved' in wire) {
      for (const id of wire.resolved) {
        const [seq, index] = parseId(id);
        const entry = entries.get(seq);
        if (entry && index < entry.weights.length) entry.weights[index] = 0;
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
    entries.set(message.seq, {
      seq: message.seq,
      storedAt: message.storedAt,
      source,
      run,
      reason,
      weights,
      rowNumbers,
    });
  }

  function seenOf(run: string, reason: string): Set<number> {
    const key = `${run}\n${reason}`;
    let seen = known.get(key);
    if (!seen) {
      seen = new Set();
      known.set(key, seen);
    }
    return seen;
  }

  function forget(seq: number): void {
    const entry = entries.get(seq);
    if (!entry) return;
    entries.delete(seq);
    if (entry.run === null) return;
    const seen = seenOf(entry.run, entry.reason);
    entry.rowNumbers.forEach((rowNumber, index) => {
      if (entry.weights[index]! > 0) seen.delete(rowNumber);
    });
  }

  /** Brings the index to the end of the stream as it is now. Callers at once share one pass, and then see at least their own writes. */
  async function refresh(): Promise<void> {
    while (catching) await catching;
    catching = (async () => {
      for await (const message of store.read('QUA', { from: position + 1, subject: everything })) {
        take(message);
        position = message.seq;
      }
      const oldest = now() - KEPT_MS;
      for (const entry of entries.values()) {
        if (entry.storedAt >= oldest) break;
        forget(entry.seq);
      }
    })();
    try {
      await catching;
    } finally {
      catching = null;
    }
  }

  const read = async (seq: number): Promise<Wire | null> => {
    for await (const message of store.read('QUA', { from: seq, to: seq })) {
      const wire = decode(message);
      return 'resolved' in wire ? null : wire;
    }
    forget(seq); // aged out
    return null;
  };

  const rowOf = (seq: number, index: number, wire: Wire): QuarantinedRow => {
    const [rowNumber, column, detail, raw, rows] = wire.rows[index]!;
    const { at, source, run, reason } = wire;
    return { id: `${seq}-${index}`, at, source, run, reason, rowNumber, column, detail, raw, rows };
  };

  const matches = (entry: Entry, filter: QuarantineFilter) =>
    (filter.reason === undefined || entry.reason === filter.reason) &&
    (filter.source === undefined || entry.source === filter.source) &&
    (filter.run === undefined || entry.run === filter.run);

  const append = (wire: Wire) => store.append(`qua.${tenant}.${wire.reason}`, packr.pack(wire));

  async function inFlight<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
    let next = 0;
    const worker = async () => {
      while (next < items.length) await work(items[next++]!);
    };
    await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, items.length) }, worker));
  }

  return {
    async put({ at, source, run, rows }) {
      const open = new Map<string, { wire: Wire; bytes: number }>();
      const full: Wire[] = [];
      for (const row of rows) {
        if (!/^[a-z0-9-]{1,64}$/.test(row.reason) || row.reason === RESOLVED)
          throw new RangeError(`quarantine: '${row.reason}' is not a reason (kebab-case, at most 64 characters)`);
        const cut = row.raw.length > MAX_RAW;
        const raw = cut ? row.raw.slice(0, MAX_RAW) : row.raw;
        const detail = cut ? `${row.detail} (input cut at ${MAX_RAW} characters)` : row.detail;
        const size = raw.length + detail.length + 64;
        let batch = open.get(row.reason);
        if (batch && (batch.wire.rows.length >= MAX_ROWS || batch.bytes + size > MAX_BYTES)) {
          full.push(batch.wire);
          batch = undefined;
        }
        if (!batch) {
          batch = { wire: { v: FORMAT, at, source, run, reason: row.reason, rows: [] }, bytes: 0 };
          open.set(row.reason, batch);
        }
        batch.wire.rows.push([row.rowNumber, row.column ?? null, detail, raw, row.rows]);
        batch.bytes += size;
      }
      for (const { wire } of open.values()) full.push(wire);
      await inFlight(full, append);
    },

    async list({ cursor, limit, ...filter }) {
      await refresh();
      const [before, beforeIndex] = cursor === undefined ? [Number.POSITIVE_INFINITY, 0] : parseId(cursor);
      const rows: QuarantinedRow[] = [];
      for (const entry of [...entries.values()].reverse()) {
        if (entry.seq > before || !matches(entry, filter)) continue;
        const top = entry.seq === before ? beforeIndex : entry.weights.length;
        if (!entry.weights.subarray(0, top).some((weight) => weight > 0)) continue;
        // One row more than asked for tells whether there is another page.
        if (rows.length > limit) break;
        const wire = await read(entry.seq);
        if (!wire) continue;
        for (let index = top - 1; index >= 0 && rows.length <= limit; index--)
          if (entry.weights[index]! > 0) rows.push(rowOf(entry.seq, index, wire));
      }
      const more = rows.length > limit;
      const page = rows.slice(0, limit);
      return { rows: page, next: more ? page.at(-1)!.id : null };
    },

    async show(id) {
      await refresh();
      const [seq, index] = parseId(id);
      if (!entries.get(seq)?.weights[index]) return null;
      const wire = await read(seq);
      return wire ? rowOf(seq, index, wire) : null;
    },

    async counts(filter = {}) {
      await refresh();
      const counts: Record<string, number> = {};
      for (const entry of entries.values()) {
        if (!matches(entry, filter)) continue;
        let rows = 0;
        for (const weight of entry.weights) rows += weight;
        if (rows > 0) counts[entry.reason] = (counts[entry.reason] ?? 0) + rows;
      }
      return counts;
    },

    async resolve(ids) {
      for (const id of ids) parseId(id);
      for (let i = 0; i < ids.length; i += 10_000) {
        const wire: WireResolved = { v: FORMAT, resolved: ids.slice(i, i + 10_000) };
        await store.append(`qua.${tenant}.${RESOLVED}`, packr.pack(wire));
      }
    },

    async erase(wanted) {
      await refresh();
      let erased = 0;
      for await (const message of store.read('QUA', { subject: everything })) {
        const wire = decode(message);
        if ('resolved' in wire) continue;
        if (replaced.has(message.seq)) {
          await remove(message.seq);
          continue;
        }
        const kept = wire.rows.filter((_, index) => !wanted(rowOf(message.seq, index, wire)));
        if (kept.length === wire.rows.length) continue;
        // What stays is written first, without what was resolved: dying in between loses nothing, and the next erasure deletes.
        const weights = entries.get(message.seq)?.weights;
        const open = kept.filter((row) => weights?.[wire.rows.indexOf(row)] !== 0);
        await append({ ...wire, rows: open, replaces: message.seq });
        await remove(message.seq);
        erased += wire.rows.length - kept.length;
      }
      return erased;
    },
  };
}

/** Throws RangeError for what cannot be an id. */
function parseId(id: string): [seq: number, index: number] {
  const match = /^([1-9]\d{0,14})-(\d{1,6})$/.exec(id);
  if (!match) throw new RangeError(`'${id}' is not a quarantine id (<number>-<number>)`);
  return [Number(match[1]), Number(match[2])];
}
