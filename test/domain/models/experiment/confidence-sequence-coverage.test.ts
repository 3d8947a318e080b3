// How often an always-valid interval ever misses the truth, by simulation with fixed seeds: at most α of the experiments, however many looks.
import { describe, expect, test } from 'vitest';
import {
  conversionDifference,
  conversionSequence,
  rateDifference,
  rateSequence,
  revenueDifference,
} from '#domain/models/experiment/confidence-sequence.ts';
import { compareConversions } from '#domain/models/experiment/conversions.ts';
import { createRandom, type Random } from '#domain/numerics/random.ts';

/** Looks at 10, 12, 15, … visitors per arm: every 20 % more. */
const LOOKS = Array.from({ length: 42 }, (_, k) => Math.round(10 * 1.2 ** k));

/** How many of the experiments are wrong at one look or more. */
function everWrong(seed: number, experiments: number, play: (random: Random) => (visitors: number) => boolean): number {
  let wrong = 0;
  for (let k = 0; k < experiments; k++) {
    const wrongAt = play(createRandom(seed + k));
    if (LOOKS.some((visitors) => wrongAt(visitors))) wrong++;
  }
  return wrong;
}

/** An arm that grows to a number of visitors. */
function conversions(random: Random, rate: number) {
  const arm = { trials: 0, successes: 0 };
  return (visitors: number) => {
    arm.successes += random.binomial(visitors - arm.trials, rate);
    arm.trials = visitors;
    return { ...arm };
  };
}

const excludes = (interval: { lower: number; upper: number }, truth: number) =>
  interval.lower > truth || interval.upper < truth;

const EXPERIMENTS = 1000;
/** 5 % of the experiments and three standard errors more. */
const ALLOWED = 0.05 * EXPERIMENTS + 3 * Math.sqrt(EXPERIMENTS * 0.05 * 0.95);

describe('looking 42 times at up to 17,644 visitors per arm', () => {
  test.each([0.001, 0.03, 0.4])(
    'the exact interval of a rate of %s ever misses it in at most 5 % of 1,000 experiments',
    (rate) => {
      const misses = everWrong(11, EXPERIMENTS, (random) => {
        const arm = conversions(random, rate);
        return (visitors) => excludes(conversionSequence(arm(visitors)), rate);
      });
      expect(misses).toBeLessThanOrEqual(ALLOWED);
    },
  );

  test.each([
    [0.001, 0.001],
    [0.01, 0.01],
    [0.1, 0.12],
    [0.5, 0.5],
  ])('the asymptotic interval of the difference of %s and %s likewise', (control, treatment) => {
    const misses = everWrong(23, EXPERIMENTS, (random) => {
      const [one, other] = [conversions(random, treatment), conversions(random, control)];
      return (visitors) => excludes(conversionDifference(one(visitors), other(visitors))!, treatment - control);
    });
    expect(misses).toBeLessThanOrEqual(ALLOWED);
  });

  test('and so does P(best) ≥ 95 % not: of equal arms it chooses one in more than a quarter of the experiments', () => {
    const chosen = everWrong(37, 300, (random) => {
      const [one, other] = [conversions(random, 0.1), conversions(random, 0.1)];
      return (visitors) =>
        compareConversions([one(visitors), other(visitors)]).some((arm) => arm.probabilityBest >= 0.95);
    });
    expect(chosen).toBeGreaterThan(75);
  });

  test('the difference of two rates of events, and a rate itself', () => {
    const events = (random: Random, rate: number) => {
      const arm = { exposure: 0, events: 0 };
      return (exposure: number) => {
        arm.events += random.poisson((exposure - arm.exposure) * rate);
        arm.exposure = exposure;
        return { ...arm };
      };
    };
    const misses = everWrong(41, EXPERIMENTS, (random) => {
      const [one, other] = [events(random, 0.3), events(random, 0.2)];
      return (visitors) => excludes(rateDifference(one(visitors), other(visitors)), 0.3 - 0.2);
    });
    const alone = everWrong(43, EXPERIMENTS, (random) => {
      const arm = events(random, 2);
      return (visitors) => excludes(rateSequence(arm(visitors)), 2);
    });
    expect(misses).toBeLessThanOrEqual(ALLOWED);
    expect(alone).toBeLessThanOrEqual(ALLOWED);
  });

  test('the difference of skewed money per visitor', () => {
    const money = (random: Random) => {
      const arm = { visitors: 0, buyers: 0, revenueSum: 0, revenueSumSquares: 0 };
      return (visitors: number) => {
        const buyers = random.binomial(visitors - arm.visitors, 0.1);
        for (let k = 0; k < buyers; k++) {
          const paid = Math.exp(3 + 0.8 * random.normal());
          arm.revenueSum += paid;
          arm.revenueSumSquares += paid * paid;
        }
        arm.buyers += buyers;
        arm.visitors = visitors;
        return { ...arm };
      };
    };
    const misses = everWrong(47, 500, (random) => {
      const [one, other] = [money(random), money(random)];
      return (visitors) => {
        const found = revenueDifference(one(visitors), other(visitors));
        return found !== null && excludes(found, 0);
      };
    });
    expect(misses).toBeLessThanOrEqual(0.05 * 500 + 3 * Math.sqrt(500 * 0.05 * 0.95));
  });
});
