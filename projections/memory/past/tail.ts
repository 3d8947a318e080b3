// The youngest part of the event index: in memory as the fold said it, looked through from one end to the other; sorted when it is written.
import { type Chunk, growingDays, growingDoubles, growingWords, PLACE } from './recorder.ts';
import { lastUpTo, type Part, positionOf, type SegmentContent } from './segment.ts';

/** A step of the clock in a segment at least every so many messages, or places: whoever asks between two reads that much of the log. */
const STEP_MESSAGES = 64;
const STEP_PLACES = 2_048;
/** Above any number of a posting in a tail. */
const SHIFT = 2 ** 24;

export interface Tail extends Part {
  readonly places: number;
  /** Continues right after `to`. */
  add(chunk: Chunk): void;
  content(): SegmentContent;
}

/** @param from position of the first message it will hold. */
export function createTail(from: number): Tail {
  const starts = growingWords();
  const clockAt = growingDoubles();
  const clockDay = growingDays();
  const rows = growingWords();
  const postings = growingWords();
  const facts: Chunk['facts'] = [];
  const sources: Chunk['sources'] = [];
  let count = 0;
  return {
    from,
    facts,
    sources,
    get to() {
      return from + starts.length - 1;
    },
    get places() {
      return count;
    },
    get postings() {
      return postings.length;
    },
    add(chunk) {
      if (chunk.from !== from + starts.length)
        throw new RangeError(`event index: ${chunk.from} does not follow ${from + starts.length - 1}`);
      for (const start of chunk.starts) starts.push(start + count);
      for (const at of chunk.clockAt) clockAt.push(at);
      for (const day of chunk.clockDay) clockDay.push(day);
      for (const row of chunk.rows) rows.push(row);
      for (const place of chunk.places) postings.push(place + count);
      facts.push(...chunk.facts);
      sources.push(...chunk.sources);
      count += chunk.count;
    },
    find(row, out) {
      for (let i = rows.view.indexOf(row); i >= 0; i = rows.view.indexOf(row, i + 1)) {
        const place = postings.values[i]!;
        const number = place & PLACE.number;
        const message = lastUpTo(starts.length, (at) => starts.values[at]!, number);
        out.push(positionOf(place, from + message, number - starts.values[message]!));
      }
    },
    stepBefore(seq) {
      const at = Math.min(seq - from, starts.length - 1);
      return at < 0 ? null : { seq: from + at, clockAt: clockAt.values[at]!, clockDay: clockDay.values[at]! };
    },
    content() {
      const order = new Float64Array(postings.length);
      for (let i = 0; i < order.length; i++) order[i] = rows.values[i]! * SHIFT + i;
      order.sort();
      const steps: number[] = [];
      let message = 0;
      let place = 0;
      for (let i = 0; i < starts.length; i++) {
        const end = starts.values[i + 1] ?? count;
        const last = i === starts.length - 1;
        if (!last && i !== 0 && i - message < STEP_MESSAGES && end - place < STEP_PLACES) continue;
        steps.push(from + i, clockAt.values[i]!, clockDay.values[i]!);
        message = i;
        place = end;
      }
      return {
        meta: { from, to: from + starts.length - 1, places: count, postings: postings.length, facts, sources },
        runs: runsOf(order, postings.values),
        starts: starts.view,
        steps: Float64Array.from(steps),
      };
    },
  };
}

function* runsOf(order: Float64Array, postings: Uint32Array): Generator<{ row: number; places: Uint32Array }> {
  for (let i = 0; i < order.length; ) {
    const row = Math.floor(order[i]! / SHIFT);
    let end = i + 1;
    while (end < order.length && order[end]! < (row + 1) * SHIFT) end++;
    yield { row, places: Uint32Array.from(order.subarray(i, end), (key) => postings[key % SHIFT]!) };
    i = end;
  }
}
