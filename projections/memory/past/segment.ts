// A run of the log in the event index, as an immutable file: for each row that something happened to, the places where. Sorted by row, read from
// the disk by pages of 4 KiB, each under a CRC-32 that is under the file's digest: a damaged page is found when it is read, and not before.
// 4 bytes an event, 8 a customer that occurs, 4 a message.
import { crc32 } from 'node:zlib';
import { bytesOf, type Frozen } from '../pages.ts';
import {
  type OpenStateFile,
  openStateFile,
  SnapshotDamaged,
  type StateFile,
  writeStateFile,
} from '../snapshot-file.ts';
import { type FactForAll, growingDoubles, growingWords, PLACE } from './recorder.ts';

/** Where something happened to a row. */
export interface Position {
  seq: number;
  /** Place in its pack, from 0. */
  index: number;
  repeat: boolean;
  /** The message is a fact about this customer. */
  fact: boolean;
}

/** Clock of the log after a message. */
export interface ClockStep {
  seq: number;
  clockAt: number;
  clockDay: number;
}

export interface SegmentMeta extends Record<string, unknown> {
  /** First and last message. */
  from: number;
  to: number;
  places: number;
  postings: number;
  facts: FactForAll[];
  sources: { seq: number; name: string }[];
}

/** A part of the index that can be asked; open ones are in memory (tail.ts). */
export interface Part extends Pick<SegmentMeta, 'from' | 'to' | 'postings' | 'facts' | 'sources'> {
  /** Appends the row's positions to `out`, ascending. */
  find(row: number, out: Position[]): void;
  /** The last known step at or before `seq`; null when the first one is later. */
  stepBefore(seq: number): ClockStep | null;
}

const PAGE = 4_096;
const WORDS = PAGE / 4;
/** Rows a page of `pairs`: (row, end of its postings). */
const PAIRS = WORDS / 2;
/** Steps of the clock are this many doubles. */
const STEP = 3;
const PAGED = ['postings', 'pairs', 'starts'] as const;
type Paged = (typeof PAGED)[number];

export interface Segment extends Part, Disposable {
  readonly file: StateFile;
  /** A whole section, page by page. */
  words(section: Paged, from: number, count: number): Uint32Array;
  readonly pairs: number;
  readonly messages: number;
  readonly steps: Float64Array;
  readonly places: number;
}

/** @throws SnapshotDamaged when the file's index is not what it should be. */
export function openSegment(dir: string, file: StateFile): Segment {
  const state: OpenStateFile = openStateFile(dir, file);
  try {
    const { from, to, places, postings, facts, sources } = state.meta as SegmentMeta;
    const whole = <T extends Uint32Array | Float64Array>(name: string, make: (bytes: number) => T): T => {
      const target = make(state.length(name));
      state.read(name, [bytesOf(target)]);
      return target;
    };
    const sums = Object.fromEntries(
      PAGED.map((name) => [name, whole(`${name}-crc`, (bytes) => new Uint32Array(bytes / 4))]),
    ) as Record<Paged, Uint32Array>;
    const fence = whole('fence', (bytes) => new Uint32Array(bytes / 4));
    const steps = whole('steps', (bytes) => new Float64Array(bytes / 8));
    const pairs = state.length('pairs') / 8;
    const messages = to - from + 1;
    /** The last page of each section: neighbours are asked for one after the other. */
    const last = new Map<Paged, { page: number; words: Uint32Array }>();

    const page = (name: Paged, number: number): Uint32Array => {
      const known = last.get(name);
      if (known?.page === number) return known.words;
      const length = Math.min(PAGE, state.length(name) - number * PAGE);
      const bytes = state.bytesAt(name, number * PAGE, length);
      if (crc32(bytes) !== sums[name][number])
        throw new SnapshotDamaged(file.file, `page ${number} of '${name}' does not have its checksum`);
      const words = new Uint32Array(bytes.buffer, bytes.byteOffset, length / 4);
      last.set(name, { page: number, words });
      return words;
    };
    const wordAt = (name: Paged, at: number): number => page(name, Math.floor(at / WORDS))[at % WORDS]!;
    const words = (name: Paged, first: number, count: number): Uint32Array => {
      const out = new Uint32Array(count);
      for (let done = 0; done < count; ) {
        const content = page(name, Math.floor((first + done) / WORDS));
        const at = (first + done) % WORDS;
        const some = content.subarray(at, Math.min(content.length, at + count - done));
        out.set(some, done);
        done += some.length;
      }
      return out;
    };
    const messageOf = (place: number): number => lastUpTo(messages, (i) => wordAt('starts', i), place);

    return {
      from,
      to,
      places,
      postings,
      facts,
      sources,
      file,
      pairs,
      messages,
      steps,
      words,
      find(row, out) {
        if (pairs === 0 || row < fence[0]!) return;
        const content = page(
          'pairs',
          lastUpTo(fence.length, (i) => fence[i]!, row),
        );
        const at = lastUpTo(content.length / 2, (i) => content[i * 2]!, row);
        if (content[at * 2] !== row) return;
        const pair = lastUpTo(fence.length, (i) => fence[i]!, row) * PAIRS + at;
        const start = pair === 0 ? 0 : wordAt('pairs', (pair - 1) * 2 + 1);
        const end = wordAt('pairs', pair * 2 + 1);
        for (const place of words('postings', start, end - start)) {
          const number = place & PLACE.number;
          const message = messageOf(number);
          out.push(positionOf(place, from + message, number - wordAt('starts', message)));
        }
      },
      stepBefore(seq) {
        const at = lastUpTo(steps.length / STEP, (i) => steps[i * STEP]!, seq);
        if (at < 0) return null;
        return { seq: steps[at * STEP]!, clockAt: steps[at * STEP + 1]!, clockDay: steps[at * STEP + 2]! };
      },
      [Symbol.dispose]: () => state[Symbol.dispose](),
    };
  } catch (error) {
    state[Symbol.dispose]();
    throw error;
  }
}

export const positionOf = (place: number, seq: number, index: number): Position => ({
  seq,
  index,
  repeat: (place & PLACE.repeat) !== 0,
  fact: (place & PLACE.fact) !== 0,
});

/** Number of the last of `count` ascending values that is ≤ `value`; −1 when none is. */
export function lastUpTo(count: number, at: (i: number) => number, value: number): number {
  let low = -1;
  let high = count - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (at(middle) <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** What a segment is written from: postings in the order of their rows, `ends` of each row among them. */
export interface SegmentContent {
  meta: SegmentMeta;
  /** Runs of (row, its places); rows ascending. A row may come again right away. */
  runs: Iterable<{ row: number; places: Uint32Array }>;
  starts: Uint32Array;
  /** seq, clockAt, clockDay, and so on. */
  steps: Float64Array;
}

/** Writes it under the name of its digest: other name, fsync, rename. The thread goes on between pages. */
export function writeSegment(dir: string, { meta, runs, starts, steps }: SegmentContent): Promise<StateFile> {
  const sums = Object.fromEntries(PAGED.map((name) => [name, growingWords()])) as Record<
    Paged,
    ReturnType<typeof growingWords>
  >;
  const pairs = growingWords();
  const fence = growingWords();
  const iterator = runs[Symbol.iterator]();
  let run: { row: number; places: Uint32Array } | null = null;
  let used = 0;
  let written = 0;
  const postingsPage = (bytes: number): Uint8Array => {
    const out = new Uint32Array(bytes / 4);
    for (let done = 0; done < out.length; ) {
      if (run === null || used === run.places.length) {
        run = iterator.next().value as { row: number; places: Uint32Array };
        used = 0;
        continue;
      }
      const some = run.places.subarray(used, used + out.length - done);
      out.set(some, done);
      done += some.length;
      used += some.length;
      written += some.length;
      const last = pairs.length - 2;
      if (last >= 0 && pairs.values[last] === run.row) pairs.values[last + 1] = written;
      else {
        if (pairs.length % WORDS === 0) fence.push(run.row);
        pairs.push(run.row);
        pairs.push(written);
      }
    }
    return bytesOf(out);
  };
  /** Lengths are asked for when the sections before have been taken. */
  const paged = (name: Paged, bytes: () => number, take: (page: number, length: number) => Uint8Array) => ({
    name,
    get lengths() {
      return pagesOf(bytes());
    },
    take(page: number): Uint8Array {
      const content = take(page, Math.min(PAGE, bytes() - page * PAGE));
      sums[name].push(crc32(content));
      return content;
    },
  });
  const whole = (name: string, content: () => Uint8Array) => ({
    name,
    get lengths() {
      return [content().length];
    },
    take: () => content().slice(),
  });
  const part = (of: () => Uint32Array) => (page: number, length: number) =>
    bytesOf(of().slice(page * WORDS, page * WORDS + length / 4));
  const frozen: Frozen = {
    meta,
    sections: [
      paged(
        'postings',
        () => meta.postings * 4,
        (_, length) => postingsPage(length),
      ),
      paged(
        'pairs',
        () => pairs.length * 4,
        part(() => pairs.view),
      ),
      paged(
        'starts',
        () => starts.length * 4,
        part(() => starts),
      ),
      ...PAGED.map((name) => whole(`${name}-crc`, () => bytesOf(sums[name].view))),
      whole('fence', () => bytesOf(fence.view)),
      whole('steps', () => bytesOf(steps)),
    ],
    release: () => {},
  };
  return writeStateFile(dir, `events-${meta.from}-${meta.to}`, frozen);
}

const pagesOf = (bytes: number): number[] =>
  Array.from({ length: Math.ceil(bytes / PAGE) }, (_, page) => Math.min(PAGE, bytes - page * PAGE));

/** Neighbours, oldest first, as one. Reads them page by page. */
export function merged(segments: readonly Segment[]): SegmentContent {
  const [first] = segments;
  const starts = growingWords();
  const steps = growingDoubles();
  let base = 0;
  const bases = segments.map((segment) => {
    const mine = base;
    for (const start of segment.words('starts', 0, segment.messages)) starts.push(start + mine);
    for (const value of segment.steps) steps.push(value);
    base += segment.places;
    return mine;
  });
  const sum = (of: (segment: Segment) => number) => segments.reduce((total, segment) => total + of(segment), 0);
  return {
    meta: {
      from: first!.from,
      to: segments.at(-1)!.to,
      places: base,
      postings: sum((segment) => segment.postings),
      facts: segments.flatMap(({ facts }) => facts),
      sources: segments.flatMap(({ sources }) => sources),
    },
    runs: mergedRuns(segments, bases),
    starts: starts.view,
    steps: steps.view,
  };
}

function* mergedRuns(
  segments: readonly Segment[],
  bases: readonly number[],
): Generator<{ row: number; places: Uint32Array }> {
  const cursors = segments.map((segment, i) => cursorOf(segment, bases[i]!));
  for (;;) {
    let row = Number.POSITIVE_INFINITY;
    for (const cursor of cursors) row = Math.min(row, cursor.row());
    if (row === Number.POSITIVE_INFINITY) return;
    for (const cursor of cursors) if (cursor.row() === row) yield { row, places: cursor.take() };
  }
}

/** A walk over a segment's rows with their places moved by `base`. */
function cursorOf(segment: Segment, base: number) {
  let pair = 0;
  let page = new Uint32Array(0);
  let first = 0;
  let start = 0;
  let postings = new Uint32Array(0);
  let postingsFrom = 0;
  const load = () => {
    if (pair - first < page.length / 2 || pair >= segment.pairs) return;
    first = pair;
    page = segment.words('pairs', pair * 2, Math.min(PAIRS, segment.pairs - pair) * 2) as typeof page;
  };
  load();
  const row = (): number => (pair >= segment.pairs ? Number.POSITIVE_INFINITY : page[(pair - first) * 2]!);
  return {
    row,
    take(): Uint32Array {
      const end = page[(pair - first) * 2 + 1]!;
      if (end > postingsFrom + postings.length) {
        postingsFrom = start;
        const count = Math.min(Math.max(end - start, 16 * WORDS), segment.postings - start);
        postings = segment.words('postings', start, count) as typeof postings;
      }
      const places = postings.slice(start - postingsFrom, end - postingsFrom);
      for (let i = 0; i < places.length; i++) places[i]! += base; // below PLACE.fact, as the index sees to
      start = end;
      pair++;
      load();
      return places;
    },
  };
}
