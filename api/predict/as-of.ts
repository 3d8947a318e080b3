// `as_of = {seq, at}` (facts §4): `seq` bounds what the log held, `at` is the moment asked about. A bare time means the latest sequence, a
// bare sequence the log then at its own now. Every answer says both, so asking again with them gives the same digits.
import { inCanary } from '#domain/canary.ts';
import { DAY_MS, dayOf, instantOf, type Offsets, parseTime, resolveLocal } from '#domain/time.ts';
import { Problem } from '../problem.ts';
import type { ClockInfo } from '../read-deps.ts';
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
const dayTexts = new Map<number, string>();
/** YYYY-MM-DD. A workspace has some thousands of days, and each is asked for often. */
export function dayText(day: number): string {
  let text = dayTexts.get(day);
  if (text === undefined) {
    if (dayTexts.size > 50_000) dayTexts.clear();
    text = isoOf(day * DAY_MS).slice(0, 10);
    dayTexts.set(day, text);
  }
  return text;
}

/** The present, by the workspace's clock: the largest event time, or the wall. */
export function present(
  state: { seq: number; clockAt: number; clockDay: number; events: number },
  clock: ClockInfo,
  now: number,
): Moment {
  const wall = clock.mode === 'wall' || state.events === 0;
  if (wall)
    return {
      seq: state.seq,
      at: now,
      atText: isoOf(now),
      day: dayOf(now, clock.offsets),
      clock: clock.mode,
      past: false,
    };
  const { at, day } = logNow(state, clock.offsets);
  return { seq: state.seq, at, atText: isoOf(at), day, clock: clock.mode, past: false };
}

/** The log's own now. A date without time may name a later local day than its instant (00:00 UTC) falls on: then that day's beginning. */
export function logNow(
  { clockAt, clockDay }: { clockAt: number; clockDay: number },
  offsets: Offsets,
): { at: number; day: number } {
  const at = dayOf(clockAt, offsets) >= clockDay ? clockAt : resolveLocal(clockDay * DAY_MS, offsets);
  return { at, day: dayOf(at, offsets) };
}

interface Asked {
  seq: number | null;
  at: number | null;
  day: number | null;
}

/**
 * `at` of a request as an instant and a local day; a date alone is that day, never shifted.
 *
 * @param tell how a refusal speaks of it; a customer's date by its outline only.
 */
export function parseInstant(
  value: string | number,
  offsets: Offsets,
  pointer: string,
  tell?: (text: string) => string,
): { at: number; day: number } {
  const time = parseTime(value, tell);
  if (!time.ok) {
    const detail = time.reason;
    throw new Problem('bad-field', `${pointer} ${detail}`, { fields: [{ pointer, detail }] });
  }
  const { kind, wall } = time.value;
  // The day's own beginning: answers say `at`, and asking again with it must name the same day in every zone.
  if (kind === 'date') return { at: resolveLocal(wall, offsets), day: Math.floor(wall / DAY_MS) };
  const at = instantOf(time.value, offsets);
  return { at, day: dayOf(at, offsets) };
}

/** The moment asked about is nobody's personal data: a refusal repeats it. */
const asTyped = (text: string): string => `'${text}'`;

export function parseAsOf(input: AsOfInput, offsets: Offsets, pointer = '/as_of'): Asked {
  if (typeof input === 'number') return { seq: input, at: null, day: null };
  if (typeof input === 'string') return { seq: null, ...parseInstant(input, offsets, pointer, asTyped) };
  const seq = input.seq ?? null;
  return input.at === undefined
    ? { seq, at: null, day: null }
    : { seq, ...parseInstant(input.at, offsets, `${pointer}/at`, asTyped) };
}

/**
 * The moment a request asks about. A past sequence without a time: the log's own now at that position, even under the wall clock.
 */
export async function resolveAsOf(
  input: AsOfInput,
  now: Moment,
  context: {
    clock: ClockInfo;
    wall: number;
    clockAtSeq: (seq: number) => Promise<{ clockAt: number; clockDay: number }>;
  },
): Promise<Moment> {
  const { clock, wall } = context;
  const seqAsked = typeof input === 'number' ? input : typeof input === 'string' ? undefined : input.seq;
  // A past position's days are those of the zone that was in force there.
  const offsets = seqAsked === undefined ? clock.offsets : clock.offsetsAt(seqAsked);
  const asked = parseAsOf(input, offsets);
  if (asked.seq !== null && asked.seq > now.seq)
    throw new Problem('as-of-unknown', `the log ends at sequence ${now.seq}; ${asked.seq} has not been written`, {
      fields: [{ pointer: '/as_of/seq', detail: `at most ${now.seq}` }],
    });
  const seq = asked.seq ?? now.seq;
  const past = seq < now.seq;
  if (asked.at !== null && asked.day !== null) {
    // A date means its whole day, so "today" is never in the future; the reporting day of the wall decides.
    if (asked.day > dayOf(wall, offsets) && asked.at > wall)
      throw new Problem('as-of-future', `${isoOf(asked.at)} is later than now (${isoOf(wall)})`, {
        fields: [{ pointer: '/as_of/at', detail: `at most ${isoOf(wall)}` }],
      });
    return { seq, at: asked.at, atText: isoOf(asked.at), day: asked.day, clock: clock.mode, past };
  }
  if (!past) return now;
  const { at, day } = logNow(await context.clockAtSeq(seq), offsets);
  return { seq, at, atText: isoOf(at), day, clock: clock.mode, past };
}

/** What every deployment says, whatever its model. */
export interface Served {
  name: string;
  deployedSeq: number;
  percent: number;
}
/** Who answers from a position on: the active version, and a canary for its share of the customers. */
export interface Answering<Serving extends Served> {
  active: Serving;
  canary: Serving | null;
}

/** The model in force at a position: the last deployment to everybody at or before it (facts §4). */
export function inForceOf<Serving extends Served>(models: readonly Serving[], seq: number): Serving | null {
  let found: Serving | null = null;
  for (const model of models)
    if (model.percent === 100 && model.deployedSeq <= seq && (!found || model.deployedSeq >= found.deployedSeq))
      found = model;
  return found;
}

/** With the canary: a barrier of the same model, between the deployment in force and the position, that no other one has ended. */
export function answeringOf<Serving extends Served>(
  models: readonly Serving[],
  seq: number,
): Answering<Serving> | null {
  const active = inForceOf(models, seq);
  if (!active) return null;
  let last = active;
  for (const model of models)
    if (model.name === active.name && model.deployedSeq <= seq && model.deployedSeq > last.deployedSeq) last = model;
  return { active, canary: last.percent > 0 && last.percent < 100 ? last : null };
}

/** @param sid of the customer, links followed; null: of nobody we know, whom the active version answers. */
export const answererOf = <Serving extends Served>(
  { active, canary }: Answering<Serving>,
  sid: Uint8Array | null,
): Serving => (canary !== null && sid !== null && inCanary(sid, canary.name, canary.percent) ? canary : active);
