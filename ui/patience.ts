// What may heal by itself is asked again: a server that is starting, busy or unreachable. Everything else is an answer, and stays the same however
// often it is asked for.
import type { Mutation, Query } from '@tanstack/react-query';
import { Refused } from './client.ts';

const FIRST_PAUSE_MS = 400;
const LONGEST_PAUSE_MS = 15_000;
/** A command is asked again this often, ≈ 12 s: whoever has left the page by then shall not start something. */
const COMMAND_TRIES = 5;

/** 0: no answer at all. 502 and 504: a proxy before a server that is not there. 429 only where it says until when. */
export const heals = (error: unknown): error is Refused =>
  error instanceof Refused &&
  ([0, 502, 503, 504].includes(error.status) || (error.status === 429 && error.retryAfter !== null));

/** Twice as long each time, up to 15 s; never sooner than the server asks for, in ms. @param failures so far, ≥ 0, this one not counted. */
export const pauseMs = (failures: number, error: Error): number =>
  Math.max(
    Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures),
    error instanceof Refused ? 1000 * (error.retryAfter ?? 0) : 0,
  );

/** Reading changes nothing: asked again for as long as somebody looks. */
export const reading = { retry: (_: number, error: Error) => heals(error), retryDelay: pauseMs };
/** For what carries a key or writes nothing, so that asked twice it is done once. */
export const commanding = {
  retry: (failures: number, error: Error) => failures < COMMAND_TRIES && heals(error),
  retryDelay: pauseMs,
};

export interface Waiting {
  /** What the server said last. */
  said: Refused;
  /** Of the question asked most often. */
  tries: number;
}
type Asked = Pick<Query['state'], 'fetchFailureReason' | 'fetchFailureCount' | 'fetchStatus'>;
type Commanded = Pick<Mutation['state'], 'failureReason' | 'failureCount' | 'status'>;

/** What is being waited for, of all that is asked and commanded; null when nothing is. */
export function waitingOf(asked: Iterable<Asked>, commanded: Iterable<Commanded>): Waiting | null {
  let longest: Waiting | null = null;
  const see = (said: unknown, tries: number) => {
    if (heals(said) && tries > (longest?.tries ?? 0)) longest = { said, tries };
  };
  for (const { fetchStatus, fetchFailureReason, fetchFailureCount } of asked)
    if (fetchStatus !== 'idle') see(fetchFailureReason, fetchFailureCount);
  for (const { status, failureReason, failureCount } of commanded)
    if (status === 'pending') see(failureReason, failureCount);
  return longest;
}
