// What a design achieves, by playing it: the very arms, shares, looks and rule, many times, with true rates that are known. The same seed and
// run give the same visitors, so designs can be compared, and runs can be split over any number of calls.

import { createRandom, type Random } from '../../numerics/random.ts';
import { conversionDifference } from './confidence-sequence.ts';
import { type ArmCounts, conversionStandings } from './conversions.ts';
import { type Decision, decideExperiment, type Rule } from './decision.ts';

export interface Design {
  /** The true conversion rate of each arm, in [0, 1]; the first is the control. At least two. */
  rates: number[];
  /** Planned shares of the visitors, of any total. */
  shares: number[];
  /** How many times the rule is asked, evenly spaced in visitors; the first yes ends the experiment. */
  looks: number;
  rule: Rule;
  /** Of the Beta prior. */
  prior: readonly [number, number];
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

/**
 * Plays runs `from` … `to` − 1 of a design.
 *
 * @param visitors in all arms together at the last look, whole, ≥ looks × arms.
 * @returns counts; undecided = runs − right − wrong.
 * @throws RangeError for a design that cannot be played.
 * Cost: some 50 µs per look and pair of arms.
 */
export function playDesign(design: Design, visitors: number, from: number, to: number, seed: number): Played {
  requireDesign(design, visitors);
  const most = Math.max(...design.rates);
  const best = design.rates.indexOf(most);
  const unique = design.rates.lastIndexOf(most) === best;
  const played: Played = { runs: 0, right: 0, wrong: 0, visitors: 0 };
  for (let run = from; run < to; run++) {
    const { choose, seen } = playOnce(design, visitors, createRandom(seed * 1_000_003 + run));
    played.runs++;
    played.visitors += seen;
    if (choose === null) continue;
    if (unique && choose === best) played.right++;
    else played.wrong++;
  }
  return played;
}

function requireDesign({ rates, shares, looks }: Design, visitors: number): void {
  if (rates.length < 2 || !rates.every((rate) => rate >= 0 && rate <= 1))
    throw new RangeError('a design needs two or more arms with rates between 0 and 1');
  if (shares.length !== rates.length || !shares.every((share) => share > 0 && Number.isFinite(share)))
    throw new RangeError('a design needs a share above 0 for every arm');
  if (!(Number.isSafeInteger(looks) && looks >= 1)) throw new RangeError('a design is looked at once or more');
  if (!(Number.isSafeInteger(visitors) && visitors >= looks * rates.length))
    throw new RangeError(`${visitors} visitors are too few for ${looks} looks at ${rates.length} arms`);
}

/** Visitors of each arm after look k of K: the shares of all that have come, rounded. */
const visitorsAt = (share: number, total: number, visitors: number, look: number, looks: number) =>
  Math.round((share / total) * ((visitors * look) / looks));

function playOnce(design: Design, visitors: number, random: Random) {
  const { rates, shares, looks, rule, prior } = design;
  const total = shares.reduce((sum, share) => sum + share, 0);
  const arms = rates.map((): ArmCounts => ({ trials: 0, successes: 0 }));
  let decision: Decision = { choose: null, reason: 'not-sure-yet' };
  for (let look = 1; look <= looks && decision.choose === null; look++) {
    arms.forEach((arm, i) => {
      const trials = visitorsAt(shares[i]!, total, visitors, look, looks);
      arm.successes += random.binomial(trials - arm.trials, rates[i]!);
      arm.trials = trials;
    });
    const { probabilityBest, expectedLoss } = conversionStandings(arms, prior);
    const standings = arms.map((_, i) => ({ probabilityBest: probabilityBest[i]!, expectedLoss: expectedLoss[i]! }));
    decision = decideExperiment(
      standings,
      1,
      rule,
      (i, j, alpha) => conversionDifference(arms[i]!, arms[j]!, alpha)?.lower ?? null,
    );
  }
  return { choose: decision.choose, seen: arms.reduce((sum, { trials }) => sum + trials, 0) };
}
