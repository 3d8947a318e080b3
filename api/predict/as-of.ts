// `as_of = {seq, at}` (facts §4): `seq` bounds what the log held, `at` is the moment asked about. A bare time means the latest sequence, a
// bare sequence the log then at its own now. Every answer says both, so asking again with them gives the same digits.
import { DAY_MS, dayOf, instantOf, type Offsets, parseTime } from '#domain/time.ts';
import type { ClockInfo, ServingModel } from '../deps.ts';
import { Problem } from '../problem.ts';
import type { AsOfInput } from '../schemas.ts';

export interface Moment {
  seq: number;
  /** ms; null while the log is empty. */
  at: number | null;
  atText: string | null;
  /** Local day of `at`. */
  day: number;
  clock: 'log' | 'wall';
  /** The log has grown since `seq`: the present columns may know too much. */
  past: boolean;
}

export const isoOf = (ms: number): string => new Date(ms).toISOString();
export const dayText = (day: number): string => isoOf(day * DAY_MS).slice(0, 10);

/** The present, by the workspace's clock: the largest event time, or the wall. */
export function present(state: { seq: number; clockAt: number }, clock: ClockInfo, now: number): Moment {
  const wall = clock.mode === 'wall' || state.seq === 0;
  const at = wall ? now : state.clockAt;
  return { seq: state.seq, at, atText: isoOf(at), day: dayOf(at, clock.offsets), clock: clock.mode, past: false };
}

interface Asked {
  seq: number | null;
  at: number | null;
  day: number | null;
}

/** `at` of a request as an instant and a local day; a date alone is that day, never shifted. */
export function parseInstant(value: string | number, offsets: Offsets, pointer: string): { at: number; day: number } {
  const time = parseTime(value);
  if (!time.ok) {
    const detail = time.reason;
    throw new Problem('bad-field', `${pointer} ${detail}`, { fields: [{ pointer, detail }] });
  }
  const { kind, wall } = time.value;
  if (kind === 'date') return { at: wall, day: Math.floor(wall / DAY_MS) };
  const at = instantOf(time.value, offsets);
  return { at, day: dayOf(at, offsets) };
}

export function parseAsOf(input: AsOfInput, offsets: Offsets, pointer = '/as_of'): Asked {
  if (typeof input === 'number') return { seq: input, at: null, day: null };
  if (typeof input === 'string') return { seq: null, ...parseInstant(input, offsets, pointer) };
  const seq = input.seq ?? null;
  return input.at === undefined
    ? { seq, at: null, day: null }
    : { seq, ...parseInstant(input.at, offsets, `${pointer}/at`) };
}

/**
 * The moment a request asks about. @param clockAt the log's own now at a past sequence.
 */
export async function resolveAsOf(
  input: AsOfInput,
  now: Moment,
  context: { clock: ClockInfo; wall: number; clockAtSeq: (seq: number) => Promise<number> },
): Promise<Moment> {
  const { clock, wall } = context;
  const asked = parseAsOf(input, clock.offsets);
  if (asked.seq !== null && asked.seq > now.seq)
    throw new Problem('as-of-unknown', `the log ends at sequence ${now.seq}; ${asked.seq} has not been written`, {
      fields: [{ pointer: '/as_of/seq', detail: `at most ${now.seq}` }],
    });
  const seq = asked.seq ?? now.seq;
  const past = seq < now.seq;
  if (asked.at !== null && asked.day !== null) {
    // A date means its whole day, so "today" is never in the future; the reporting day of the wall decides.
    if (asked.day > dayOf(wall, clock.offsets) && asked.at > wall)
      throw new Problem('as-of-future', `${isoOf(asked.at)} is later than now (${isoOf(wall)})`, {
        fields: [{ pointer: '/as_of/at', detail: `at most ${isoOf(wall)}` }],
      });
    return { seq, at: asked.at, atText: isoOf(asked.at), day: asked.day, clock: clock.mode, past };
  }
  if (!past) return now;
  const at = await context.clockAtSeq(seq);
  return { seq, at, atText: isoOf(at), day: dayOf(at, clock.offsets), clock: clock.mode, past };
}

/** The model in force at a position: the last deployment at or before it (facts §4). */
export function inForce(models: readonly ServingModel[], seq: number): ServingModel | null {
  let found: ServingModel | null = null;
  for (const model of models)
    if (model.deployedSeq <= seq && (!found || model.deployedSeq >= found.deployedSeq)) found = model;
  return found;
}
