// Events and money played: the draws against visitors taken one by one, the power against the normal theory of one look.
import { describe, expect, test } from 'vitest';
import { eventCounts } from '#domain/models/experiment/event-counts.ts';
import { allAsControl, playerOf, type Truth, trueValues } from '#domain/models/experiment/outcomes.ts';
import { type Design, type Played, playDesign, trulyBest } from '#domain/models/experiment/power.ts';
import { dispersionOf } from '#domain/models/experiment/rates.ts';
import { chiSquareUpper } from '#domain/numerics/incomplete-gamma.ts';
import { createRandom } from '#domain/numerics/random.ts';

const events = (rates: number[], dispersion: number | null = null): Truth => ({
  outcome: 'events',
  rates,
  dispersion,
  prior: [0.5, 0.01],
});
const revenue = (rates: number[], means: number[], sd = 35): Truth => ({
  outcome: 'revenue',
  rates,
  spend: means.map((mean) => ({ mean, sd })),
});
const oneLook = (truth: Truth): Design => ({
  truth,
  shares: truth.rates.map(() => 1),
  looks: 1,
  rule: { kind: 'best', sure: 0.95 },
});

/** Φ(z − 1.645): one look, one side, the normal theory. */
function normalPower(difference: number, squaredError: number): number {
  const z = difference / Math.sqrt(squaredError) - 1.6449;
  const tail = 0.5 * chiSquareUpper(z * z, 1);
  return z > 0 ? 1 - tail : tail;
}

function expectShare(count: number, runs: number, expected: number, slack = 0): void {
  expect(Math.abs(count / runs - expected)).toBeLessThan(4 * Math.sqrt((expected * (1 - expected)) / runs) + slack);
}

describe('events of many visitors at once', () => {
  test.each([
    [0.4, 1],
    [60, 1],
    [0.4, 3],
    [30, 20],
    [0.02, 100],
  ])('one visitor, mean %s and dispersion %s: a Poisson count whose mean is Gamma distributed', (rate, dispersion) => {
    const [ours, naive] = [createRandom(1), createRandom(2)];
    const law = eventCounts(rate, dispersion);
    const lambda = () => (dispersion === 1 ? rate : naive.gamma(rate / (dispersion - 1), 1 / (dispersion - 1)));
    // Two samples of the same law, in bins of about equal expectation; χ² of their contingency table.
    const n = 20_000;
    const drawn = Array.from({ length: n }, () => law.draw(1, ours).events);
    const taken = Array.from({ length: n }, () => naive.poisson(lambda()));
    const edges = [...new Set([...taken].sort((a, b) => a - b).filter((_, i) => i % (n / 12) === 0))];
    const bin = (k: number) => edges.findLastIndex((edge) => k >= edge);
    let statistic = 0;
    const bins = [-1, ...edges.keys()];
    for (const at of bins) {
      const [a, b] = [drawn, taken].map((each) => each.filter((k) => bin(k) === at).length);
      if (a! + b! > 0) statistic += (a! - b!) ** 2 / (a! + b!);
    }
    expect(chiSquareUpper(statistic, Math.max(1, edges.length - 1))).toBeGreaterThan(0.001);
    const variance = drawn.reduce((sum, k) => sum + (k - rate) ** 2, 0) / n;
    const wide = Math.sqrt((2 + (6 * dispersion) / rate) / n);
    expect(Math.abs(variance / (rate * dispersion) - 1)).toBeLessThan(6 * wide);
  });

  test('nobody has none; the squares are those of single visitors', () => {
    const random = createRandom(3);
    const law = eventCounts(2, 1);
    expect(law.draw(0, random)).toEqual({ events: 0, sumOfSquares: 0 });
    for (let i = 0; i < 50; i++) {
      const { events: count, sumOfSquares } = law.draw(1, random);
      expect(sumOfSquares).toBe(count * count);
    }
    // E[k²] = λφ + λ² = 2·5 + 4 for each.
    const many = eventCounts(2, 5).draw(1_000_000, random);
    expect(many.events / 1e6).toBeCloseTo(2, 1);
    expect(many.sumOfSquares / 1e6 / 14).toBeCloseTo(1, 1);
  });

  test('the dispersion of a sample, by hand', () => {
    // Visitors with 0, 0, 2 and 6 events: mean 2, variance (4 + 4 + 0 + 16)/3 = 8.
    expect(dispersionOf({ exposure: 4, events: 8 }, 40)).toBe(4);
    expect(dispersionOf({ exposure: 4, events: 8 }, 16)).toBe(1);
    expect(dispersionOf({ exposure: 4, events: 0 }, 0)).toBe(1);
    expect(dispersionOf({ exposure: 1, events: 5 }, 25)).toBe(1);
  });
});

describe('one look at events', () => {
  test.each([null, 3])('the power is that of the normal theory, dispersion %s', (dispersion) => {
    const n = 4000;
    const { right, wrong, runs } = playDesign(oneLook(events([0.5, 0.54], dispersion)), 2 * n, 0, 800, 1);
    expectShare(right, runs, normalPower(0.04, ((dispersion ?? 1) * 1.04) / n), 0.01);
    expect(wrong / runs).toBeLessThan(0.05);
  });

  test.each([null, 4])('equal arms: a false alarm in 10 %, 5 % for each, dispersion %s', (dispersion) => {
    const { right, wrong, runs } = playDesign(oneLook(events([0.3, 0.3], dispersion)), 4000, 0, 1000, 3);
    expect(right).toBe(0);
    expectShare(wrong, runs, 0.1, 0.005);
  });
});

describe('one look at money', () => {
  test('the power is that of the normal theory, from the variance of money per visitor', () => {
    const n = 8000;
    const perVisitor = (rate: number, mean: number) => rate * (35 ** 2 + mean ** 2) - (rate * mean) ** 2;
    const expected = normalPower(0.05 * 10, (perVisitor(0.05, 40) + perVisitor(0.05, 50)) / n);
    expect(expected).toBeGreaterThan(0.6);
    const { right, wrong, runs } = playDesign(oneLook(revenue([0.05, 0.05], [40, 50])), 2 * n, 0, 300, 1);
    expectShare(right, runs, expected, 0.02);
    expect(wrong / runs).toBeLessThan(0.02);
  });

  test('equal arms: a false alarm in 10 %', () => {
    const { wrong, runs } = playDesign(oneLook(revenue([0.1, 0.1], [40, 40])), 6000, 0, 300, 5);
    expectShare(wrong, runs, 0.1, 0.01);
  });

  test('more who buy for less may be worth more: the best is the one with the most money per visitor', () => {
    expect(trueValues(revenue([0.1, 0.08], [40, 60]))).toEqual([4, 4.8]);
    const { right, wrong, runs } = playDesign(oneLook(revenue([0.1, 0.08], [40, 90])), 20_000, 0, 40, 1);
    expect([right, wrong]).toEqual([runs, 0]);
    expect(trulyBest(revenue([0.1, 0.12], [42, 35]))).toBeNull();
  });

  test('without buyers there is nothing to choose', () => {
    expect(playDesign(oneLook(revenue([0, 0.1], [40, 40])), 200, 0, 20, 1)).toMatchObject({ right: 0, wrong: 0 });
  });
});

describe.each([
  ['events', events([0.5, 0.6], 2)],
  ['revenue', revenue([0.05, 0.07], [40, 40])],
])('%s', (_, truth) => {
  const play = (design: Partial<Design>, visitors: number, to = 60): Played =>
    playDesign({ ...oneLook(truth), ...design }, visitors, 0, to, 9);

  test('more visitors find the best arm more often', () => {
    const found = [500, 2000, 8000].map((visitors) => play({}, visitors).right);
    expect(found[1]).toBeGreaterThan(found[0]!);
    expect(found[2]).toBeGreaterThan(found[1]!);
  });

  test('ten looks at equal arms: the always-valid rule keeps its 5 %', () => {
    const rule = { kind: 'always-valid', alpha: 0.05 } as const;
    const equal = { truth: allAsControl(truth), looks: 10 };
    const runs = 100;
    expect(play({ ...equal, rule }, 4000, runs).wrong / runs).toBeLessThan(0.05 + 3 * Math.sqrt(0.0475 / runs));
    expect(play(equal, 4000, runs).wrong / runs).toBeGreaterThan(0.15);
  });

  test('the same seed gives the same experiment, and every visitor is counted', () => {
    const run = (seed: number) => {
      const play = playerOf(truth)(createRandom(seed));
      play.come(0, 300);
      play.come(1, 400);
      play.come(0, 50);
      return play;
    };
    expect(run(4).arms).toEqual(run(4).arms);
    expect(run(4).arms).not.toEqual(run(5).arms);
    const size = truth.outcome === 'events' ? 'exposure' : 'visitors';
    expect(run(4).arms).toMatchObject([{ [size]: 350 }, { [size]: 400 }]);
  });
});

test('a truth that visitors cannot have is refused', () => {
  const play = (truth: Truth) => () => playDesign(oneLook(truth), 1000, 0, 1, 1);
  expect(play(events([0.5, 0]))).toThrow('more than 0');
  expect(play(events([0.5, 1001]))).toThrow('at most 1000');
  expect(play(events([0.5, 0.6], 0.9))).toThrow('from 1 to 100');
  expect(play(events([0.5, 0.6], 101))).toThrow('from 1 to 100');
  expect(play(revenue([0.5, 1.1], [40, 40]))).toThrow('between 0 and 1');
  expect(play(revenue([0.5, 0.6], [40]))).toThrow('a mean spend');
  expect(play(revenue([0.5, 0.6], [40, 0]))).toThrow('a mean spend');
  expect(play(revenue([0.5, 0.6], [40, 40], 0))).toThrow('above 0');
  expect(play(revenue([0.5, 0.6], [40, Number.POSITIVE_INFINITY]))).toThrow('a mean spend');
});
