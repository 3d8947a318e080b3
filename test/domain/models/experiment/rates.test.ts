// Counts per exposure against closed forms: P(λ₁ > λ₀) and E[(λ₁ − λ₀)⁺] of two gamma laws are incomplete beta functions (Miller, "Formulas for
// Bayesian A/B testing", 2015, for whole shapes; the integral form holds for all).
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareConversions } from '#domain/models/experiment/conversions.ts';
import { type ArmEvents, compareRates } from '#domain/models/experiment/rates.ts';
import { regularizedBeta } from '#domain/numerics/beta.ts';
import { regularizedGamma } from '#domain/numerics/incomplete-gamma.ts';

const PRIOR = [0.5, 0.01] as const;

/** P(λ₁ > λ₀) and E[(λ₀ − λ₁)⁺] for λ ~ Gamma(s, r). */
function closedForm(control: ArmEvents, arm: ArmEvents) {
  const shapeRate = ({ exposure, events, dispersion = 1 }: ArmEvents) =>
    [PRIOR[0] + events / dispersion, PRIOR[1] + exposure / dispersion] as const;
  const [[s0, r0], [s1, r1]] = [shapeRate(control), shapeRate(arm)];
  const [x, y] = [r0 / (r0 + r1), r1 / (r0 + r1)];
  const lossOfArm = (s0 / r0) * regularizedBeta(s1, s0 + 1, y, x) - (s1 / r1) * regularizedBeta(s1 + 1, s0, y, x);
  return { beats: regularizedBeta(s0, s1, x, y), lossOfArm };
}

const arm = fc.record({
  exposure: fc.double({ min: 0.5, max: 5000, noNaN: true }),
  events: fc.nat(4000),
  dispersion: fc.constantFrom(1, 2.5),
});

describe('rates', () => {
  test('two arms agree with the closed forms to 1e-11, whatever the counts', () => {
    fc.assert(
      fc.property(arm, arm, (control, other) => {
        const [first, second] = compareRates([control, other]);
        const { beats, lossOfArm } = closedForm(control, other);
        expect(Math.abs(second!.probabilityBeatsControl! - beats)).toBeLessThan(1e-11);
        expect(Math.abs(first!.probabilityBest + second!.probabilityBest - 1)).toBeLessThan(1e-11);
        const scale = Math.max(first!.mean!, second!.mean!);
        expect(Math.abs(second!.expectedLoss! - lossOfArm) / scale).toBeLessThan(1e-11);
        expect(
          Math.abs(second!.expectedLoss! - first!.expectedLoss! - (first!.mean! - second!.mean!)) / scale,
        ).toBeLessThan(1e-11);
      }),
    );
  });

  test('median and interval are quantiles of the posterior, whose moments are the textbook ones', () => {
    for (const [exposure, events] of [
      [1000, 250],
      [3, 0],
      [2e6, 1_900_000],
    ] as const) {
      const [{ mean, sd, lower, median, upper }] = compareRates([{ exposure, events }]) as [never];
      const [shape, rate] = [events + 0.5, exposure + 0.01];
      expect(mean).toBeCloseTo(shape / rate, 14);
      expect(sd).toBeCloseTo(Math.sqrt(shape) / rate, 14);
      [lower, median, upper].forEach((value, i) => {
        const tails = regularizedGamma(shape, rate * value);
        const level = [0.025, 0.5, 0.975][i]!;
        expect(Math.abs((level > 0.5 ? 1 - tails.upper : tails.lower) - level)).toBeLessThan(1e-12);
      });
    }
  });

  test('rare events are conversions: both models agree where a visitor hardly ever comes twice', () => {
    const rare = [
      [1_000_000, 200],
      [1_000_000, 240],
      [900_000, 200],
    ] as const;
    const rates = compareRates(rare.map(([exposure, events]) => ({ exposure, events })));
    const conversions = compareConversions(
      rare.map(([trials, successes]) => ({ trials, successes })),
      [0.5, 1],
    );
    rates.forEach((verdict, i) => {
      expect(verdict.probabilityBest).toBeCloseTo(conversions[i]!.probabilityBest, 3);
      expect(verdict.upper / conversions[i]!.upper).toBeCloseTo(1, 3);
    });
  });

  test('events in bursts say less', () => {
    const arms = (dispersion: number) => [
      { exposure: 1000, events: 250, dispersion },
      { exposure: 1000, events: 290, dispersion },
    ];
    const best = (dispersion: number) => compareRates(arms(dispersion))[1]!.probabilityBest;
    expect(best(1)).toBeCloseTo(0.9574514600827557, 12);
    expect(best(4)).toBeLessThan(0.82);
    expect(compareRates(arms(4))[1]!.sd! / compareRates(arms(1))[1]!.sd!).toBeCloseTo(2, 1);
  });

  test('impossible arms and priors are refused', () => {
    expect(() => compareRates([])).toThrow(RangeError);
    for (const bad of [
      { exposure: 0, events: 1 },
      { exposure: Number.POSITIVE_INFINITY, events: 1 },
      { exposure: 1, events: 1.5 },
      { exposure: 1, events: -1 },
      { exposure: 1, events: 1, dispersion: 0 },
    ])
      expect(() => compareRates([bad])).toThrow(RangeError);
    for (const prior of [
      [0, 1],
      [1, 0],
      [Number.NaN, 1],
      [1, Number.POSITIVE_INFINITY],
    ] as const)
      expect(() => compareRates([{ exposure: 1, events: 1 }], prior)).toThrow(RangeError);
  });
});
