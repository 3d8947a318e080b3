// Posterior tails and laws of conversion rates where doubles get thin: far tails, priors that heap up at 0 and 1, counts that cannot be.
import { describe, expect, test } from 'vitest';
import {
  betaTails,
  compareConversions,
  conversionStandings,
  requireCounts,
} from '#domain/models/experiment/conversions.ts';
import { regularizedBeta } from '#domain/numerics/beta.ts';
import { expectClose } from '../../../support/close.ts';

describe('betaTails', () => {
  test.each([
    { a: 900, b: 100, x: 0.7 },
    { a: 900, b: 100, x: 0.985 },
    { a: 2, b: 5_000, x: 1e-9 },
    { a: 2, b: 5_000, x: 0.02 },
    { a: 7, b: 7, x: 0.5 },
  ])('the smaller tail has its own digits, and both make 1: a = $a, b = $b, x = $x', ({ a, b, x }) => {
    const { lower, upper } = betaTails(a, b, x, 1 - x);
    expect(lower + upper).toBeCloseTo(1, 15);
    const own = x < a / (a + b) ? [lower, regularizedBeta(a, b, x, 1 - x)] : [upper, regularizedBeta(b, a, 1 - x, x)];
    expectClose(own[0]!, own[1]!, 1e-13);
    expect(Math.min(lower, upper)).toBeLessThanOrEqual(0.5 + 1e-12);
    // By the sum over single trials, for whole parameters: I_x(a, b) = P(Binomial(a + b − 1, x) ≥ a).
    const n = a + b - 1;
    const log = (k: number) => {
      let sum = k * Math.log(x) + (n - k) * Math.log1p(-x);
      for (let i = 1; i <= Math.min(k, n - k); i++) sum += Math.log((n - Math.min(k, n - k) + i) / i);
      return sum;
    };
    let sum = 0;
    if (lower < upper) for (let k = a; k <= n; k++) sum += Math.exp(log(k));
    else for (let k = 0; k < a; k++) sum += Math.exp(log(k));
    expectClose(Math.min(lower, upper), sum, 1e-10);
  });
});

describe('a prior of one visitor in ten, which heaps up at 0 and 1', () => {
  const prior = [0.1, 0.1] as const;
  /** E[max(X, Y)] − E[X] = ∫ F(1 − F) dx of two arms alike, over the logit. */
  function lossOfTwins(a: number, b: number): number {
    let sum = 0;
    const h = 0.01;
    for (let t = -600; t <= 600; t += h) {
      const { lower, upper } = betaTails(a, b, 1 / (1 + Math.exp(-t)), 1 / (1 + Math.exp(t)));
      sum += ((lower * upper) / (1 + Math.exp(-t)) / (1 + Math.exp(t))) * h;
    }
    return sum;
  }
  test.each([
    { successes: 0, trials: 0 },
    { successes: 0, trials: 50 },
    { successes: 50, trials: 50 },
  ])('two arms alike, $successes of $trials: each is best half the time and loses half their distance', (arm) => {
    const [first, second] = compareConversions([arm, arm], [...prior]);
    expectClose(first!.probabilityBest!, 0.5, 1e-10);
    const loss = lossOfTwins(0.1 + arm.successes, 0.1 + arm.trials - arm.successes);
    expectClose(first!.expectedLoss!, loss, 1e-7);
    expectClose(second!.expectedLoss!, loss, 1e-7);
  });
});

test('standings alone are those of the whole verdict', () => {
  const arms = [
    { trials: 1_000, successes: 120 },
    { trials: 900, successes: 128 },
  ];
  const whole = compareConversions(arms, [2, 8]);
  const { probabilityBest, expectedLoss } = conversionStandings(arms, [2, 8]);
  expect([...probabilityBest!]).toEqual(whole.map((arm) => arm.probabilityBest));
  expect([...expectedLoss!]).toEqual(whole.map((arm) => arm.expectedLoss));
  expect([...conversionStandings(arms).probabilityBest!]).toEqual(
    compareConversions(arms).map((arm) => arm.probabilityBest),
  );
});

test.each([
  { trials: 10, successes: -1 },
  { trials: 10, successes: 0.5 },
  { trials: 10.5, successes: 1 },
  { trials: 10, successes: 11 },
  { trials: Number.NaN, successes: 0 },
  { trials: 2 ** 53, successes: 1 },
])('$successes of $trials is refused', ({ trials, successes }) => {
  expect(() => requireCounts(trials, successes)).toThrow('whole numbers with 0 ≤ successes ≤ trials');
});
