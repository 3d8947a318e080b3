// What a design achieves, by playing it: the very arms, shares, looks and rule, many times, with a truth that is known. The same seed and
// run give the same visitors, so designs can be compared, and runs can be split over any number of calls.

import { createRandom, type Random } from '../../numerics/random.ts';
import type { Decision, Rule } from './decision.ts';
import { type Play, playerOf, requireTruth, type Truth, trueValues } from './outcomes.ts';

export interface Design {
  truth: Truth;
  /** Planned shares of the visitors, of any total. */
  shares: number[];
  /** How many times the rule is asked, evenly spaced in visitors; the first yes ends the experiment. */
  looks: number;
  rule: Rule;
}

/** Whole numbers that merge by addition. */
export interface Played {
  runs: number;
  /** Chose the arm that is truly better than all others. */
  right: number;
  /** Chose any other; where several arms are equally good, every choice counts here: a false alarm. */
  wrong: number;
  /** Visitors until the choice, or until the last look. */
  visitors: number;
}

export const mergePlayed = (a: Played, b: Played): Played => ({
  runs: a.runs + b.runs,
  right: a.right + b.right,
  wrong: a.wrong + b.wrong,
  visitors: a.visitors + b.visitors,
});

/** Two arms are equally good when their values differ by rounding alone: 0.1 × 42 and 0.12 × 35. */
const ROUNDING = 1e-12;

/** The arm that is truly better than all others; null where several are. */
export function trulyBest(truth: Truth): number | null {
  const values = trueValues(truth);
  const most = Math.max(...values);
  const best = values.flatMap((value, i) => (value >= most * (1 - ROUNDING) ? [i] : []));
  return best.length === 1 ? best[0]! : null;
}

/**
 * Plays runs `from` … `to` − 1 of a design.
 *
 * @param visitors in all arms together at the last look, whole, ≥ looks × arms.
 * @returns counts; undecided = runs − right − wrong.
 * @throws RangeError for a design that cannot be played.
 * Cost: that of the verdict at every look; for money the draws of its buyers too.
 */
export function playDesign(design: Design, visitors: number, from: number, to: number, seed: number): Played {
  requireDesign(design, visitors);
  const best = trulyBest(design.truth);
  const start = playerOf(design.truth);
  const played: Played = { runs: 0, right: 0, wrong: 0, visitors: 0 };
  for (let run = from; run < to; run++) {
    const { choose, seen } = playOnce(design, visitors, start(startOf(seed, run)));
    played.runs++;
    played.visitors += seen;
    if (choose === null) continue;
    if (choose === best) played.right++;
    else played.wrong++;
  }
  return played;
}

/** The draws of one run. */
const startOf = (seed: number, run: number): Random => createRandom(seed * 1_000_003 + run);

function requireDesign({ truth, shares, looks }: Design, visitors: number): void {
  requireTruth(truth);
  const arms = truth.rates.length;
  if (shares.length !== arms || !shares.every((share) => share > 0 && Number.isFinite(share)))
    throw new RangeError('a design needs a share above 0 for every arm');
  if (!(Number.isSafeInteger(looks) && looks >= 1)) throw new RangeError('a design is looked at once or more');
  if (!(Number.isSafeInteger(visitors) && visitors >= looks * arms))
    throw new RangeError(`${visitors} visitors are too few for ${looks} looks at ${arms} arms`);
}

/** Visitors of each arm after look k of K: the shares of all that have come, rounded. */
const visitorsAt = (share: number, total: number, visitors: number, look: number, looks: number) =>
  Math.round((share / total) * ((visitors * look) / looks));

function playOnce({ shares, looks, rule }: Design, visitors: number, play: Play) {
  const total = shares.reduce((sum, share) => sum + share, 0);
  const came = shares.map(() => 0);
  let decision: Decision = { choose: null, reason: 'not-sure-yet' };
  for (let look = 1; look <= looks && decision.choose === null; look++) {
    shares.forEach((share, i) => {
      const all = visitorsAt(share, total, visitors, look, looks);
      play.come(i, all - came[i]!);
      came[i] = all;
    });
    decision = play.ask(rule);
  }
  return { choose: decision.choose, seen: came.reduce((sum, count) => sum + count, 0) };
}
