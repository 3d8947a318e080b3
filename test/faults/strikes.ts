// The shape of most faults: a load, a fault that strikes it at random moments, how long until it is as before, and the judge at the end.
import { type Outcome, outcome, type Progress, random, type Settings } from './fault.ts';
import type { Producers } from './producers.ts';
import { type ProgramShop, pause, underWay } from './program-shop.ts';

export interface Strike {
  what?: string;
  /** Does it, at round n from 1 on; resolves when it has happened. */
  hit(round: number): Promise<void> | void;
  /** Recovery is counted from its beginning, or from its end when it takes a while by itself. */
  from?: 'beginning' | 'end';
  /** Further figures of the whole. */
  notes?: () => string[];
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`;

export async function strikes(
  shop: ProgramShop,
  { rounds, rate, seconds: most, seed }: Settings,
  progress: Progress,
  { what = '', hit, from = 'beginning', notes = () => [] }: Strike,
): Promise<Outcome> {
  const next = random(seed);
  const begun = performance.now();
  const producers: Producers = shop.produce(rate);
  const recoveryMs: number[] = [];
  const lagMs: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    await underWay(producers);
    await pause(most * 1_000 * next());
    let struck = performance.now();
    let again = producers.acknowledgedAgain();
    await hit(round);
    if (from === 'end') {
      struck = performance.now();
      again = producers.acknowledgedAgain();
    }
    await again;
    recoveryMs.push(performance.now() - struck);
    await shop.caughtUp(producers.lastSeq);
    lagMs.push(performance.now() - struck);
    progress(
      `${what} round ${round} of ${rounds}: ${seconds(recoveryMs.at(-1)!)} to the next acknowledgement, ${seconds(lagMs.at(-1)!)} to no lag, ` +
        `${producers.acknowledged * shop.perRequest} events so far`,
    );
  }
  await producers.finish();
  const took = (performance.now() - begun) / 1_000;
  const events = producers.handed * shop.perRequest;
  progress(`judging ${events} events`);
  const verdict = await shop.judged(events);
  return outcome(what, rounds, verdict, {
    recoveryMs,
    lagMs,
    notes: [
      `${Math.round(events / took)} events/s acknowledged, outages included`,
      `${producers.unanswered} requests sent again`,
      ...notes(),
    ],
  });
}
