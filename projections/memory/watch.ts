// Where the fold thread is, in memory that its starter reads too: a thread that never comes back from an event cannot say so itself.

/** Words of the shared buffer. Plain stores: a look that comes a moment late sees it the next time. */
export const WATCH = {
  /** 1 while a message is worked at; 0: waiting for the next, or answering. */
  busy: 0,
  /** Of the message: low and high half of its sequence. */
  seq: 1,
  seqHigh: 2,
  /** Place in its pack; READING the message; or writing the columns of a batch. */
  index: 3,
} as const;
export const WATCH_BYTES = 16;
export const READING = -1;
export const AT_COLUMNS = -2;
const HALF = 2 ** 31;

export function watchMessage(watch: Int32Array, seq: number): void {
  watch[WATCH.seq] = seq % HALF;
  watch[WATCH.seqHigh] = Math.floor(seq / HALF);
  watch[WATCH.index] = READING;
  watch[WATCH.busy] = 1;
}

export function watchNothing(watch: Int32Array): void {
  watch[WATCH.busy] = 0;
}

/** The event the fold is at; null while it is at none. */
export function watched(watch: Int32Array): { seq: number; index: number } | null {
  if (Atomics.load(watch, WATCH.busy) === 0) return null;
  const seq = Atomics.load(watch, WATCH.seq) + Atomics.load(watch, WATCH.seqHigh) * HALF;
  return { seq, index: Atomics.load(watch, WATCH.index) };
}
