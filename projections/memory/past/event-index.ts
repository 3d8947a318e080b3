// customer → (seq, place) of every event of the log, whole and not windowed: the way to one customer's past without folding everybody's. Keyed by the
// fold's row number, which the log alone decides, so that no id of anybody is in it. Segments on the disk and one open tail in memory; neighbours of
// like size are merged, so that there are few. Whatever is wrong with it costs time (it is made again from the log), never an answer.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type StateFile, syncDirectory } from '../snapshot-file.ts';
import { type Chunk, type FactForAll, PLACE } from './recorder.ts';
import {
  type ClockStep,
  merged,
  openSegment,
  type Part,
  type Position,
  type Segment,
  writeSegment,
} from './segment.ts';
import { createTail, type Tail } from './tail.ts';

interface Manifest {
  format: 1;
  /** Version of the zone its clock has days of. */
  zone: number;
  to: number;
  /** SHA-256 of the message at `to`, hex. */
  messageSha256: string;
  segments: StateFile[];
}

export interface EventIndexOptions {
  dir: string;
  log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  /** SHA-256 of the log's message at a position, hex: null when it holds none. */
  messageSha256: (seq: number) => Promise<string | null>;
  /** A tail of so many postings is written. */
  tailPostings?: number;
}

export interface EventIndex extends AsyncDisposable {
  /** Everything up to here is in it. */
  readonly to: number;
  readonly zone: number;
  readonly postings: number;
  readonly segments: number;
  /** Bytes on the disk. */
  readonly bytes: number;
  /** What is known already is passed over. @throws RangeError when messages between are missing. */
  add(chunk: Chunk): void;
  /** Positions of a row, in the log's order. @throws SnapshotDamaged */
  find(row: number): Position[];
  /** A known clock at or before a position up to `to`. */
  stepBefore(seq: number): ClockStep | null;
  facts(seq: number): FactForAll[];
  sources(seq: number): { seq: number; name: string }[];
  /** Resolves when everything up to now is on the disk. */
  flush(): Promise<void>;
  /** Empty again, for days of another zone or because it was damaged. */
  reset(zone: number): Promise<void>;
}

const MANIFEST = 'MANIFEST.json';
const TAIL_POSTINGS = 1 << 18;
/** So many neighbours, each at most `LIKE` times what follows it, become one. */
const FAN = 4;
const LIKE = 4;

export async function openEventIndex(options: EventIndexOptions): Promise<EventIndex> {
  const { dir, log } = options;
  const tailPostings = options.tailPostings ?? TAIL_POSTINGS;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  let zone = 0;
  /** Oldest first; the last one is the tail that is added to. */
  let segments: Segment[] = [];
  /** Being written. */
  let closed: Tail[] = [];
  let tail = createTail(1);
  let work: Promise<void> = Promise.resolve();
  /** Grows with each reset: what was written for an earlier one is nothing any more. */
  let age = 0;

  const parts = (): Part[] => [...segments, ...closed, tail];

  async function restore(): Promise<void> {
    let manifest: Manifest;
    try {
      manifest = JSON.parse(readFileSync(join(dir, MANIFEST), 'utf8')) as Manifest;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        log.warn({ reason: (error as Error).message }, 'event index is not readable; it is made again');
      return;
    }
    const opened: Segment[] = [];
    try {
      if (manifest.format !== 1) throw new RangeError(`its format is ${manifest.format}, not 1`);
      // Emptied, and nothing written since.
      if (manifest.to === 0) {
        zone = manifest.zone;
        return;
      }
      if ((await options.messageSha256(manifest.to)) !== manifest.messageSha256)
        throw new RangeError('the log holds another message at its end');
      for (const file of manifest.segments) opened.push(openSegment(dir, file));
      const gap = opened.findIndex(({ from }, i) => from !== (i === 0 ? 1 : opened[i - 1]!.to + 1));
      if (gap >= 0 || opened.at(-1)?.to !== manifest.to) throw new RangeError('its segments do not follow each other');
      segments = opened;
      zone = manifest.zone;
      tail = createTail(manifest.to + 1);
    } catch (error) {
      for (const segment of opened) segment[Symbol.dispose]();
      log.warn({ seq: manifest.to, reason: (error as Error).message }, 'event index cannot be used; it is made again');
    }
  }

  async function writeManifest(): Promise<void> {
    const to = segments.at(-1)?.to ?? 0;
    const messageSha256 = to === 0 ? '' : ((await options.messageSha256(to)) ?? '');
    const files = segments.map(({ file }) => file);
    const manifest: Manifest = { format: 1, zone, to, messageSha256, segments: files };
    const temporary = join(dir, `.${MANIFEST}.writing`);
    {
      await using handle = await open(temporary, 'w', 0o600);
      await handle.writeFile(`${JSON.stringify(manifest, null, 2)}\n`);
      await handle.sync();
    }
    await rename(temporary, join(dir, MANIFEST));
    await syncDirectory(dir);
    const named = files.map(({ file }) => file);
    for (const file of readdirSync(dir))
      if (/\.(state|writing)$/.test(file) && !named.includes(file)) await rm(join(dir, file), { force: true });
  }

  const inTurn = (task: () => Promise<void>): Promise<void> => {
    const mine = work.then(task);
    work = mine.catch((error: Error) =>
      log.warn({ seq: tail.to, reason: error.message }, 'event index not saved; a restart makes more of it again'),
    );
    return mine;
  };

  function close(): Promise<void> {
    if (tail.to >= tail.from) {
      closed.push(tail);
      tail = createTail(tail.to + 1);
    }
    const born = age;
    return inTurn(async () => {
      // In order: what a full disk refused is tried again before what came after it.
      for (let full = closed[0]; full !== undefined && age === born; full = closed[0]) {
        const segment = openSegment(dir, await writeSegment(dir, full.content()));
        if (age !== born) return segment[Symbol.dispose]();
        closed = closed.slice(1);
        segments.push(segment);
        await mergeLast(born);
        await writeManifest();
      }
    });
  }

  async function mergeLast(born: number): Promise<void> {
    let first = segments.length - 1;
    let size = segments[first]!.places;
    for (; first > 0; first--) {
      const before = segments[first - 1]!.places;
      if (before > LIKE * size || size + before > PLACE.number) break;
      size += before;
    }
    const run = segments.slice(first);
    if (run.length < FAN) return;
    const segment = openSegment(dir, await writeSegment(dir, merged(run)));
    if (age !== born) return segment[Symbol.dispose]();
    segments = [...segments.slice(0, first), segment];
    for (const old of run) old[Symbol.dispose]();
  }

  await restore();
  return {
    get to() {
      return tail.to;
    },
    get zone() {
      return zone;
    },
    get postings() {
      return parts().reduce((sum, part) => sum + part.postings, 0);
    },
    get segments() {
      return segments.length;
    },
    get bytes() {
      return segments.reduce((sum, { file }) => sum + file.bytes, 0);
    },
    add(chunk) {
      const fresh = after(chunk, tail.to);
      if (fresh === null) return;
      tail.add(fresh);
      if (tail.postings >= tailPostings || tail.places >= 4 * tailPostings) close().catch(() => {}); // said in the log
    },
    find(row) {
      const found: Position[] = [];
      for (const part of parts()) part.find(row, found);
      return found;
    },
    stepBefore: (seq) =>
      parts()
        .findLast(({ from }) => from <= seq)
        ?.stepBefore(seq) ?? null,
    facts: (seq) => parts().flatMap(({ facts }) => facts.filter((each) => each.seq <= seq)),
    sources: (seq) => parts().flatMap(({ sources }) => sources.filter((each) => each.seq <= seq)),
    async flush() {
      await close();
      await work;
    },
    async reset(next) {
      age++;
      for (const segment of segments) segment[Symbol.dispose]();
      segments = [];
      closed = [];
      tail = createTail(1);
      zone = next;
      await inTurn(writeManifest);
    },
    async [Symbol.asyncDispose]() {
      await work;
      for (const segment of segments) segment[Symbol.dispose]();
    },
  };
}

/** What of the chunk lies after a position; null for nothing. */
function after(chunk: Chunk, seq: number): Chunk | null {
  const skip = seq - chunk.from + 1;
  if (skip <= 0) return chunk;
  if (skip >= chunk.starts.length) return null;
  const base = chunk.starts[skip]!;
  const kept = chunk.places.findIndex((place) => (place & PLACE.number) >= base);
  const from = kept < 0 ? chunk.places.length : kept;
  return {
    from: seq + 1,
    starts: chunk.starts.slice(skip).map((start) => start - base),
    count: chunk.count - base,
    clockAt: chunk.clockAt.slice(skip),
    clockDay: chunk.clockDay.slice(skip),
    rows: chunk.rows.slice(from),
    places: chunk.places.slice(from).map((place) => place - base),
    facts: chunk.facts.filter((each) => each.seq > seq),
    sources: chunk.sources.filter((each) => each.seq > seq),
  };
}
