// Always-valid intervals: the definition they solve, their edges, and how often one of them ever misses the truth, by simulation with fixed seeds.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  conversionDifference,
  conversionSequence,
  rateDifference,
  rateSequence,
  revenueDifference,
} from '#domain/models/experiment/confidence-sequence.ts';
import { compareConversions } from '#domain/models/experiment/conversions.ts';
import { lnBeta } from '#domain/numerics/beta.ts';
import { gammaPrefix } from '#domain/numerics/incomplete-gamma.ts';
import { createRandom, type Random } from '#domain/numerics/random.ts';

const lnBetaDensity = (a: number, b: number, p: number) =>
  (a - 1) * Math.log(p) + (b - 1) * Math.log1p(-p) - lnBeta(a, b);

describe('one arm, exact', () => {
  test('at both ends the posterior density is α times the prior density', () => {
    const counts = fc.tuple(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 5000 }));
    fc.assert(
      fc.property(
        counts,
        fc.constantFrom([1, 1], [0.5, 0.5], [12, 88]),
        fc.constantFrom(0.05, 0.01),
        ([s, f], prior, alpha) => {
          const [a, b] = prior as [number, number];
          const { lower, upper } = conversionSequence({ trials: s + f, successes: s }, alpha, [a, b]);
          expect(lower).toBeLessThan(s / (s + f));
          expect(upper).toBeGreaterThan(s / (s + f));
          for (const end of [lower, upper]) {
            // A prior this far off leaves an end that rounds to 1, or next to it, where 1 − p has lost its digits.
            if (end === 1) continue;
            const rounding = 1e-15 * ((a + s) / end + (b + f) / (1 - end));
            const ratio = lnBetaDensity(a + s, b + f, end) - lnBetaDensity(a, b, end);
            expect(Math.abs(ratio - Math.log(alpha))).toBeLessThan(1e-7 + rounding);
          }
        },
      ),
      { numRuns: 300 },
    );
    const { lower, upper } = rateSequence({ exposure: 40, events: 90 }, 0.05, [2, 3]);
    for (const end of [lower, upper]) {
      const density = (shape: number, rate: number) => gammaPrefix(shape, rate * end) / end;
      expect(density(92, 43) / density(2, 3)).toBeCloseTo(0.05, 9);
    }
  });

  test('nothing seen, nobody or everybody converted: the ends stay where they belong', () => {
    expect(conversionSequence({ trials: 0, successes: 0 })).toEqual({ lower: 0, upper: 1 });
    // M(p) = (n + 1)⁻¹ (1 − p)⁻ⁿ for s = 0 and a uniform prior.
    const none = conversionSequence({ trials: 50, successes: 0 });
    expect(none.lower).toBe(0);
    expect(none.upper).toBeCloseTo(1 - (0.05 / 51) ** (1 / 50), 12);
    const all = conversionSequence({ trials: 50, successes: 50 });
    expect(all.upper).toBe(1);
    expect(all.lower).toBeCloseTo((0.05 / 51) ** (1 / 50), 12);
    // M(λ) = (b/(b + E))^a e^(λE) without events.
    const quiet = rateSequence({ exposure: 10, events: 0 }, 0.05, [1, 1]);
    expect(quiet.lower).toBe(0);
    expect(quiet.upper).toBeCloseTo((Math.log(1 / 0.05) + Math.log(11)) / 10, 8);
  });

  test('dividing both counts by a dispersion is that many fewer events', () => {
    expect(rateSequence({ exposure: 100, events: 40, dispersion: 2 })).toEqual(
      rateSequence({ exposure: 50, events: 20 }),
    );
  });

  test('always valid costs width, and never more than the credible interval by chance', () => {
    const { lower, upper } = conversionSequence({ trials: 1000, successes: 120 });
    const [credible] = compareConversions([{ trials: 1000, successes: 120 }]);
    expect(lower).toBeCloseTo(0.0859139051, 9);
    expect(upper).toBeCloseTo(0.1607975487, 9);
    expect(lower).toBeLessThan(credible!.lower);
    expect(upper).toBeGreaterThan(credible!.upper);
  });
});

describe('differences', () => {
  test('p and the interval say the same: 0 is outside the interval at α exactly when p < α', () => {
    const arm = fc
      .integer({ min: 1, max: 3000 })
      .chain((trials) => fc.record({ trials: fc.constant(trials), successes: fc.nat(trials) }));
    fc.assert(
      fc.property(arm, arm, (one, other) => {
        const { p } = conversionDifference(one, other)!;
        if (p === 1) return;
        for (const [alpha, excluded] of [
          [p * 1.001, true],
          [p * 0.999, false],
        ] as const) {
          if (alpha >= 1 || alpha < 1e-300) continue;
          const { lower, upper } = conversionDifference(one, other, alpha)!;
          expect(lower > 0 || upper < 0).toBe(excluded);
        }
      }),
    );
  });

  test('swapping the arms mirrors the interval, and rates of ten visitors each rescale it', () => {
    const [a, b] = [
      { trials: 700, successes: 90 },
      { trials: 900, successes: 80 },
    ];
    const [one, other] = [conversionDifference(a, b)!, conversionDifference(b, a)!];
    expect(one.lower).toBeCloseTo(-other.upper, 14);
    expect(one.p).toBeCloseTo(other.p, 14);
    const rate = (exposure: number, events: number) => ({ exposure, events });
    const small = rateDifference(rate(10, 50), rate(12, 40));
    const large = rateDifference(rate(100, 50), rate(120, 40));
    expect(small.lower / large.lower).toBeCloseTo(10, 10);
    expect(small.p).toBeCloseTo(large.p, 12);
    const squares = { visitors: 1000, buyers: 100, revenueSum: 2000, revenueSumSquares: 60_000 };
    const doubled = { ...squares, revenueSum: 4000, revenueSumSquares: 240_000 };
    expect(revenueDifference(doubled, null)!.upper / revenueDifference(squares, null)!.upper).toBeCloseTo(2, 12);
  });

  test('where there is no variance to estimate there is no interval', () => {
    expect(conversionDifference({ trials: 0, successes: 0 }, { trials: 5, successes: 1 })).toBeNull();
    expect(conversionDifference({ trials: 5, successes: 0 }, { trials: 5, successes: 0 })).toMatchObject({ p: 1 });
    const nobody = { visitors: 10, buyers: 0, revenueSum: 0, revenueSumSquares: 0 };
    expect(revenueDifference(nobody, null)).toBeNull();
    expect(
      revenueDifference({ ...nobody, visitors: 1, buyers: 1, revenueSum: 3, revenueSumSquares: 9 }, null),
    ).toBeNull();
    expect(revenueDifference({ ...nobody, revenueSum: 9, revenueSumSquares: 81 }, nobody)).toBeNull();
    expect(() => conversionDifference({ trials: 5, successes: 1 }, { trials: 5, successes: 1 }, 0)).toThrow(RangeError);
    expect(() => conversionSequence({ trials: 5, successes: 6 })).toThrow(RangeError);
    expect(() => conversionSequence({ trials: 5, successes: 1 }, 0.05, [0, 1])).toThrow(RangeError);
    expect(() => rateSequence({ exposure: 0, events: 1 })).toThrow(RangeError);
  });
});

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
