// The quarantine: input that was refused, with the reason, until it is replayed or 90 days old. Stream QUA, `qua.<tenant>.<reason>`, many rows a message.
// Raw input may hold personal data: it is short-lived, encrypted at rest by JetStream, within reach of an erasure, and never logged.
import type { EventStore } from './event-store.ts';
import {
  createQuarantineIndex,
  decodeQuarantine,
  type Entry,
  encodeQuarantine,
  FORMAT,
  parseId,
  type WireResolved,
  type WireRows,
} from './quarantine-index.ts';

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

export interface QuarantineBatch {
  at: number;
  source: string;
  run: string | null;
  /** Of an import: digest of what its file holds and is read as. */
  file?: string | undefined;
  rows: readonly QuarantineRow[];
}

export interface Quarantine {
  put(batch: QuarantineBatch): Promise<void>;
  /**
   * As `put`, of one reason that has one writer, in this order, behind `after`: the last sequence of the reason as the writer knows it (`lastOf`).
   * @returns its last sequence now. Throws VersionConflict when somebody else has written the reason meanwhile: what came before that is put.
   */
  putNext(batch: QuarantineBatch, after: number): Promise<number>;
  lastOf(reason: string): Promise<number>;
  /** Newest first. `cursor` is the last page's `next`. */
  list(
    query: QuarantineFilter & { cursor?: string | undefined; limit: number },
  ): Promise<{ rows: QuarantinedRow[]; next: string | null }>;
  show(id: string): Promise<QuarantinedRow | null>;
  /** Input rows by reason, of what is still there. */
  counts(filter?: Pick<QuarantineFilter, 'source' | 'run'>): Promise<Record<string, number>>;
  /**
   * Takes entries out, after their replay. What a replay refuses again is put anew: after this call, or under another run (the same row of
   * the same run and reason that is still there counts as a repetition).
   */
  resolve(ids: readonly string[]): Promise<void>;
  /**
   * An import has come to its end: what earlier attempts at the same file of the source have left is taken out, for each of its rows is now in the log or
   * refused anew by this run. Runs that began later keep theirs. Twice is as good as once.
   * @param attempt.since ms, when the run began. @returns input rows that were taken out.
   */
  settle(attempt: { source: string; file: string; run: string; since: number }): Promise<number>;
  /** Takes out every entry that matches, physically; the number of entries. */
  erase(matches: (row: QuarantinedRow) => boolean): Promise<number>;
}

const MAX_ROWS = 500;
const MAX_BYTES = 256 << 10;
/** One raw input at most, so that a message fits into the server's default limit of 1 MiB. Longer ones are cut and say so. */
const MAX_RAW = 256 << 10;
const IN_FLIGHT = 32;
const RESOLVED = 'resolved';

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
  const index = createQuarantineIndex(store, tenant, now);
  const { entries } = index;

  const read = async (seq: number): Promise<WireRows | null> => {
    for await (const message of store.read('QUA', { from: seq, to: seq })) {
      const wire = decodeQuarantine(message);
      return 'resolved' in wire ? null : wire;
    }
    index.forget(seq); // aged out
    return null;
  };

  const rowOf = (seq: number, at: number, wire: WireRows): QuarantinedRow => {
    const [rowNumber, column, detail, raw, rows] = wire.rows[at]!;
    const { source, run, reason } = wire;
    return { id: `${seq}-${at}`, at: wire.at, source, run, reason, rowNumber, column, detail, raw, rows };
  };

  const matches = (entry: Entry, filter: QuarantineFilter) =>
    (filter.reason === undefined || entry.reason === filter.reason) &&
    (filter.source === undefined || entry.source === filter.source) &&
    (filter.run === undefined || entry.run === filter.run);

  const subjectOf = (reason: string) => `qua.${tenant}.${reason}`;
  const append = (wire: WireRows, expected?: { expectedLastSequence: number }) =>
    store.append(subjectOf(wire.reason), encodeQuarantine(wire), expected);

  async function inFlight<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
    let next = 0;
    const worker = async () => {
      while (next < items.length) await work(items[next++]!);
    };
    await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, items.length) }, worker));
  }

  /** Messages that hold these rows, those of one reason in their order. */
  function messagesOf({ at, source, run, file, rows }: QuarantineBatch): WireRows[] {
    const open = new Map<string, { wire: WireRows; bytes: number }>();
    const full: WireRows[] = [];
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
        const of = file === undefined ? {} : { file };
        batch = { wire: { v: FORMAT, at, source, run, reason: row.reason, rows: [], ...of }, bytes: 0 };
        open.set(row.reason, batch);
      }
      batch.wire.rows.push([row.rowNumber, row.column ?? null, detail, raw, row.rows]);
      batch.bytes += size;
    }
    for (const { wire } of open.values()) full.push(wire);
    return full;
  }

  async function resolve(ids: readonly string[]): Promise<void> {
    for (const id of ids) parseId(id);
    for (let i = 0; i < ids.length; i += 10_000) {
      const wire: WireResolved = { v: FORMAT, resolved: ids.slice(i, i + 10_000) };
      await store.append(`qua.${tenant}.${RESOLVED}`, encodeQuarantine(wire));
    }
  }

  return {
    put: (batch) => inFlight(messagesOf(batch), (wire) => append(wire)),
    async putNext(batch, after) {
      let last = after;
      for (const wire of messagesOf(batch)) last = (await append(wire, { expectedLastSequence: last })).seq;
      return last;
    },
    lastOf: (reason) => store.lastSequence('QUA', subjectOf(reason)),

    async list({ cursor, limit, ...filter }) {
      await index.refresh();
      const [before, beforeAt] = cursor === undefined ? [Number.POSITIVE_INFINITY, 0] : parseId(cursor);
      const rows: QuarantinedRow[] = [];
      for (const entry of [...entries.values()].reverse()) {
        if (entry.seq > before || !matches(entry, filter)) continue;
        const top = entry.seq === before ? beforeAt : entry.weights.length;
        if (!entry.weights.subarray(0, top).some((weight) => weight > 0)) continue;
        // One row more than asked for tells whether there is another page.
        if (rows.length > limit) break;
        const wire = await read(entry.seq);
        if (!wire) continue;
        for (let at = top - 1; at >= 0 && rows.length <= limit; at--)
          if (entry.weights[at]! > 0) rows.push(rowOf(entry.seq, at, wire));
      }
      const more = rows.length > limit;
      const page = rows.slice(0, limit);
      return { rows: page, next: more ? page.at(-1)!.id : null };
    },

    async show(id) {
      await index.refresh();
      const [seq, at] = parseId(id);
      if (!entries.get(seq)?.weights[at]) return null;
      const wire = await read(seq);
      return wire ? rowOf(seq, at, wire) : null;
    },

    async counts(filter = {}) {
      await index.refresh();
      const counts: Record<string, number> = {};
      for (const entry of entries.values()) {
        if (!matches(entry, filter)) continue;
        let rows = 0;
        for (const weight of entry.weights) rows += weight;
        if (rows > 0) counts[entry.reason] = (counts[entry.reason] ?? 0) + rows;
      }
      return counts;
    },

    resolve,

    async settle({ source, file, run, since }) {
      await index.refresh();
      const ids: string[] = [];
      let rows = 0;
      for (const entry of entries.values()) {
        if (entry.file !== file || entry.source !== source || entry.run === run || entry.at >= since) continue;
        entry.weights.forEach((weight, at) => {
          if (weight === 0) return;
          ids.push(`${entry.seq}-${at}`);
          rows += weight;
        });
      }
      await resolve(ids);
      return rows;
    },

    async erase(wanted) {
      await index.refresh();
      let erased = 0;
      for await (const message of store.read('QUA', { subject: `qua.${tenant}.>` })) {
        const wire = decodeQuarantine(message);
        if ('resolved' in wire) continue;
        if (index.replaced.has(message.seq)) {
          await remove(message.seq);
          continue;
        }
        const kept = wire.rows.filter((_, at) => !wanted(rowOf(message.seq, at, wire)));
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
