// Three kinds of outcome that an experiment can be played with: visitors drawn from a truth that is known, and the question that `ab` puts to what
// they did. Nothing here approximates either: the sums are those of single visitors, the verdict is the one of a real experiment.

import type { Random } from '../../numerics/random.ts';
import { conversionDifference, rateDifference, revenueDifference } from './confidence-sequence.ts';
import { type ArmCounts, conversionStandings } from './conversions.ts';
import { type Decision, decideExperiment, type Rule } from './decision.ts';
import { type EventCounts, eventCounts } from './event-counts.ts';
import { type ArmEvents, dispersionOf, rateStandings } from './rates.ts';
import { type ArmRevenue, revenueIsDefined, revenueStandings } from './revenue.ts';
import { standingsOf } from './verdict.ts';

/** What is true of each arm, the control first. */
export type Truth =
  /** Share of the visitors that converts, in [0, 1]; [a, b] of the Beta prior that the analysis takes. */
  | { outcome: 'conversions'; rates: readonly number[]; prior: readonly [number, number] }
  /**
   * Events per visitor, > 0 and ≤ 1000. `dispersion` null: Poisson, and the analysis knows it. A number in [1, 100]: each visitor has a Gamma
   * rate of their own, the variance of the events is that many times their mean, and the analysis measures it. [shape, rate] of the Gamma prior.
   */
  | { outcome: 'events'; rates: readonly number[]; dispersion: number | null; prior: readonly [number, number] }
  /** Share of the visitors that buys, in [0, 1], and mean and deviation, both > 0, of what a buyer pays: log-normal, skewed as money is. */
  | { outcome: 'revenue'; rates: readonly number[]; spend: readonly Spend[] };

export interface Spend {
  mean: number;
  sd: number;
}

/** One experiment that is running. */
export interface Play<Arm = unknown> {
  /** What `ab` would be told so far. */
  arms: Arm[];
  /** So many more visitors come to an arm. */
  come(arm: number, visitors: number): void;
  ask(rule: Rule): Decision;
}

/** What a visitor of each arm is worth, in the unit in which the arms are compared. */
export function trueValues(truth: Truth): number[] {
  return truth.outcome === 'revenue' ? truth.rates.map((rate, i) => rate * truth.spend[i]!.mean) : [...truth.rates];
}

/** Every arm as the control is. */
export function allAsControl(truth: Truth): Truth {
  const rates = truth.rates.map(() => truth.rates[0]!);
  return truth.outcome === 'revenue'
    ? { ...truth, rates, spend: rates.map(() => truth.spend[0]!) }
    : { ...truth, rates };
}

/** @throws RangeError for a truth that no visitors can have. */
export function requireTruth(truth: Truth): void {
  const { outcome, rates } = truth;
  const most = outcome === 'events' ? 1000 : 1;
  const least = outcome === 'events' ? Number.MIN_VALUE : 0;
  if (rates.length < 2 || !rates.every((rate) => rate >= least && rate <= most))
    throw new RangeError(
      outcome === 'events'
        ? 'a design needs two or more arms with more than 0 and at most 1000 events per visitor'
        : 'a design needs two or more arms with rates between 0 and 1',
    );
  if (outcome === 'events' && !(truth.dispersion === null || (truth.dispersion >= 1 && truth.dispersion <= 100)))
    throw new RangeError('the dispersion of events is a number from 1 to 100');
  if (outcome !== 'revenue') return;
  const { spend } = truth;
  const sound = ({ mean, sd }: Spend) => mean > 0 && sd > 0 && Number.isFinite(mean * mean) && Number.isFinite(sd * sd);
  if (spend.length !== rates.length || !spend.every(sound))
    throw new RangeError('a design for money needs a mean spend and its deviation, both above 0, for every arm');
}

/** Prepares a truth once; each call of the answer starts an experiment on its own draws. */
export function playerOf(truth: Truth): (random: Random) => Play {
  switch (truth.outcome) {
    case 'conversions':
      return (random) => playConversions(truth, random);
    case 'events': {
      const laws = truth.rates.map((rate) => eventCounts(rate, truth.dispersion ?? 1));
      return (random) => playEvents(truth, laws, random);
    }
    case 'revenue':
      return (random) => playRevenue(truth, random);
  }
}

type TruthOf<Outcome> = Extract<Truth, { outcome: Outcome }>;

function playConversions({ rates, prior }: TruthOf<'conversions'>, random: Random): Play<ArmCounts> {
  const arms = rates.map((): ArmCounts => ({ trials: 0, successes: 0 }));
  return {
    arms,
    come(i, visitors) {
      const arm = arms[i]!;
      arm.successes += random.binomial(visitors, rates[i]!);
      arm.trials += visitors;
    },
    ask: (rule) =>
      decideExperiment(
        arms.length,
        () => standingsOf(conversionStandings(arms, prior)),
        1,
        rule,
        (i, j, alpha) => conversionDifference(arms[i]!, arms[j]!, alpha)?.lower ?? null,
      ),
  };
}

function playEvents(
  { rates, dispersion, prior }: TruthOf<'events'>,
  laws: readonly EventCounts[],
  random: Random,
): Play<ArmEvents & { sumOfSquares: number }> {
  const arms = rates.map(() => ({ exposure: 0, events: 0, sumOfSquares: 0, dispersion: 1 }));
  return {
    arms,
    come(i, visitors) {
      const arm = arms[i]!;
      const { events, sumOfSquares } = laws[i]!.draw(visitors, random);
      arm.exposure += visitors;
      arm.events += events;
      arm.sumOfSquares += sumOfSquares;
      if (dispersion !== null) arm.dispersion = dispersionOf(arm, arm.sumOfSquares);
    },
    ask: (rule) =>
      decideExperiment(
        arms.length,
        () => standingsOf(rateStandings(arms, prior)),
        1,
        rule,
        (i, j, alpha) => rateDifference(arms[i]!, arms[j]!, alpha).lower,
      ),
  };
}

function playRevenue({ rates, spend }: TruthOf<'revenue'>, random: Random): Play<ArmRevenue> {
  const arms = rates.map((): ArmRevenue => ({ visitors: 0, buyers: 0, revenueSum: 0, revenueSumSquares: 0 }));
  const logs = spend.map(({ mean, sd }) => {
    const variance = Math.log1p((sd / mean) ** 2);
    return { middle: Math.log(mean) - variance / 2, deviation: Math.sqrt(variance) };
  });
  return {
    arms,
    come(i, visitors) {
      const arm = arms[i]!;
      const { middle, deviation } = logs[i]!;
      const buyers = random.binomial(visitors, rates[i]!);
      arm.visitors += visitors;
      arm.buyers += buyers;
      for (let buyer = 0; buyer < buyers; buyer++) {
        const paid = Math.exp(middle + deviation * random.normal());
        arm.revenueSum += paid;
        arm.revenueSumSquares += paid * paid;
      }
    },
    ask: (rule) =>
      decideExperiment(
        revenueIsDefined(arms) ? arms.length : 0,
        () => revenueStandings(arms),
        1,
        rule,
        (i, j, alpha) => revenueDifference(arms[i]!, arms[j]!, alpha)?.lower ?? null,
      ),
  };
}
