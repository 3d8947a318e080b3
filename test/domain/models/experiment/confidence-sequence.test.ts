// Always-valid intervals: the definition they solve, the formula of the differences with its constants, and their edges. How often one of them
// ever misses the truth: confidence-sequence-coverage.test.ts.
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
import { expectClose } from '../../../support/close.ts';

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
    for (const [a, b] of [
      [2, 3],
      [0.5, 0.01],
      [7.5, 20],
    ] as const) {
      const { lower, upper } = rateSequence({ exposure: 40, events: 90 }, 0.05, [a, b]);
      for (const end of [lower, upper]) {
        const density = (shape: number, rate: number) => gammaPrefix(shape, rate * end) / end;
        expect(density(a + 90, b + 40) / density(a, b)).toBeCloseTo(0.05, 9);
      }
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

  /** The normal mixture of n₁ and n₀ with variances of one unit v₁ and v₀ (Howard et al. 2021, eq. 14), its width least at `tunedFor`. */
  function mixture(difference: number, parts: [variance: number, size: number][], tunedFor: number, alpha: number) {
    const squaredError = parts.reduce((sum, [variance, size]) => sum + variance / size, 0);
    const time = parts.reduce((sum, [variance]) => sum + variance, 0) / squaredError;
    // x = ln(1 + x) + 2·ln 20 has its root at 8.212.
    const rho = tunedFor / 8.212;
    const width = Math.sqrt(squaredError * (1 + rho / time) * Math.log((1 + time / rho) / alpha ** 2));
    const p = Math.sqrt(1 + time / rho) * Math.exp((-0.5 * difference ** 2) / squaredError / (1 + rho / time));
    return { lower: difference - width, upper: difference + width, p: Math.min(1, p) };
  }
  function expectDifference(found: { lower: number; upper: number; p: number } | null, wanted: typeof found): void {
    for (const name of ['lower', 'upper', 'p'] as const) expectClose(found?.[name], wanted![name], 1e-11, name);
  }

  test.each([0.05, 0.01])('of conversions: variances with one more success and one more failure, α = %s', (alpha) => {
    const variance = (s: number, n: number) => ((s + 1) / (n + 2)) * ((n - s + 1) / (n + 2));
    for (const [s, n, s0, n0] of [
      [138, 1000, 90, 1200],
      [0, 40, 3, 10],
      [40_000, 400_000, 39_000, 400_000],
    ] as const)
      expectDifference(
        conversionDifference({ trials: n, successes: s }, { trials: n0, successes: s0 }, alpha),
        mixture(
          s / n - s0 / n0,
          [
            [variance(s, n), n],
            [variance(s0, n0), n0],
          ],
          10_000,
          alpha,
        ),
      );
  });

  test('of rates: dispersed Poisson variances, tuned for a thousand events', () => {
    for (const [one, control] of [
      [
        { exposure: 500, events: 260, dispersion: 2.5 },
        { exposure: 400, events: 150, dispersion: 1.2 },
      ],
      [
        { exposure: 20, events: 0 },
        { exposure: 30, events: 9 },
      ],
    ] as const) {
      const part = ({ exposure, events, dispersion = 1 }: { exposure: number; events: number; dispersion?: number }) =>
        [(dispersion * (events + 1)) / exposure, exposure] as [number, number];
      const mean = (one.events + control.events + 2) / (one.exposure + control.exposure);
      expectDifference(
        rateDifference(one, control, 0.05),
        mixture(
          one.events / one.exposure - control.events / control.exposure,
          [part(one), part(control)],
          1000 / mean,
          0.05,
        ),
      );
    }
  });

  test('of money: the sample variance of all visitors, those who paid nothing among them; of one arm alone too', () => {
    const paid = (visitors: number, amounts: number[]) => ({
      visitors,
      buyers: amounts.length,
      revenueSum: amounts.reduce((sum, amount) => sum + amount, 0),
      revenueSumSquares: amounts.reduce((sum, amount) => sum + amount * amount, 0),
    });
    const sample = (visitors: number, amounts: number[]) => {
      const everybody = [...amounts, ...new Array<number>(visitors - amounts.length).fill(0)];
      const mean = everybody.reduce((sum, amount) => sum + amount, 0) / visitors;
      const variance = everybody.reduce((sum, amount) => sum + (amount - mean) ** 2, 0) / (visitors - 1);
      return { mean, part: [variance, visitors] as [number, number] };
    };
    const [a, b] = [
      [40, 10, 25, 60, 5],
      [12, 80, 33],
    ];
    const [one, other] = [sample(60, a!), sample(45, b!)];
    expectDifference(
      revenueDifference(paid(60, a!), paid(45, b!), 0.05),
      mixture(one.mean - other.mean, [one.part, other.part], 10_000, 0.05),
    );
    expectDifference(revenueDifference(paid(60, a!), null, 0.01), mixture(one.mean, [one.part], 10_000, 0.01));
    // Two visitors are the fewest with a variance.
    expect(revenueDifference(paid(2, [5]), null)).not.toBeNull();
    expect(revenueDifference(paid(60, a!), paid(1, [5]))).toBeNull();
    expect(revenueDifference(paid(1, [5]), paid(60, a!))).toBeNull();
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
    expect(() => conversionSequence({ trials: 5, successes: 1 }, 0.05, [1, Number.POSITIVE_INFINITY])).toThrow('prior');
    expect(() => conversionSequence({ trials: 5, successes: 1 }, 0.05, [1, 0.09])).toThrow('at least 0.1');
    expect(conversionSequence({ trials: 5, successes: 1 }, 0.05, [0.1, 0.1]).upper).toBeLessThan(1);
    expect(() => rateSequence({ exposure: 1, events: 1 }, 0.05, [0, 1])).toThrow('prior');
    for (const alpha of [0, 1, -1, Number.NaN]) {
      expect(() => conversionSequence({ trials: 5, successes: 1 }, alpha)).toThrow('between 0 and 1');
      expect(() => rateSequence({ exposure: 5, events: 1 }, alpha)).toThrow('between 0 and 1');
    }
    expect(() => conversionDifference({ trials: 5, successes: 6 }, { trials: 5, successes: 1 })).toThrow(RangeError);
    expect(() => rateDifference({ exposure: 5, events: 6 }, { exposure: 5, events: 1.5 })).toThrow(RangeError);
    expect(conversionDifference({ trials: 5, successes: 1 }, { trials: 0, successes: 0 })).toBeNull();
  });
});
