// What a fault is to the runner: a name, what is done, and rows of what came of it.
import type { Verdict } from './judge.ts';

export interface Settings {
  /** How often the fault strikes. */
  rounds: number;
  /** Events a second. */
  rate: number;
  /** How long the load goes on: a round, or the whole where there are no rounds. */
  seconds: number;
  seed: number;
}

export interface Outcome {
  /** The variant, when a fault has several. */
  what: string;
  rounds: number;
  sent: number;
  lost: number;
  doubled: number;
  /** Each round's time from the fault to the first acknowledgement of something sent after it, ms. */
  recoveryMs: number[];
  /** … and until fold and tables have everything that was acknowledged by then, ms. */
  lagMs: number[];
  /** Further figures, in words. */
  notes: string[];
  /** What the judge found; empty when the fault was survived. */
  disagreements: string[];
}

export type Progress = (text: string) => void;

export interface Fault {
  name: string;
  about: string;
  /** The full figure, and the small one of a pull request. */
  full: Settings;
  quick: Settings;
  run(settings: Settings, progress: Progress): Promise<Outcome[]>;
}

export const settings = (rounds: number, rate: number, seconds: number): Settings => ({
  rounds,
  rate,
  seconds,
  seed: 47,
});

export const outcome = (what: string, rounds: number, verdict: Verdict, more: Partial<Outcome> = {}): Outcome => ({
  what,
  rounds,
  sent: verdict.sent,
  lost: verdict.lost,
  doubled: verdict.doubled,
  recoveryMs: [],
  lagMs: [],
  disagreements: verdict.disagreements,
  ...more,
  notes: [
    ...(verdict.storedTwice > 0 ? [`${verdict.storedTwice} stored twice, counted once`] : []),
    ...(more.notes ?? []),
  ],
});

/** Numbers in [0, 1) that are the same for the same seed: Lehmer's generator, MINSTD. */
export function random(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
