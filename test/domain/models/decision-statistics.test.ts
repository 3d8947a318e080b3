// Calibration error beyond chance and the profit of an offer, drawn again and again: by hand, and how often an interval of a difference is right where the
// truth is known.
import { expect, test } from 'vitest';
import { calibrationErrorByChance } from '#domain/models/brier-decomposition.ts';
import { calibrationError, reliabilityBins } from '#domain/models/calibration-metrics.ts';
import { scoreStatistics } from '#domain/models/compare-scores.ts';
import { calibrationErrorBeyondChance, paired, profitByOffer } from '#domain/models/decision-statistics.ts';
import { type PairedDifference, pairedBootstrap } from '#domain/models/paired-bootstrap.ts';
import { scoredRows } from '#domain/models/scored-rows.ts';
import { createRandom, type Random } from '#domain/numerics/random.ts';

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
const ones = (n: number) => new Float64Array(n).fill(1);

/**
 * Customers whose true probability is known: one of forty, each as frequent. `sharp` says it, `flat` their mean of everybody: both perfectly calibrated, in
 * ten bins and in one. `loud` says what `sharp` knows with log-odds twice as large.
 */
function customers(random: Random, n: number) {
  const truth = Float64Array.from({ length: 40 }, (_, k) => logistic((k - 25) / 8));
  const drawn = Float64Array.from({ length: n }, () => random.below(truth.length));
  const sharp = drawn.map((k) => truth[k]!);
  const mean = truth.reduce((sum, p) => sum + p, 0) / truth.length;
  return {
    label: sharp.map((p) => (random.uniform() < p ? 1 : 0)),
    sharp,
    flat: sharp.map(() => mean),
    loud: sharp.map((p) => p ** 2 / (p ** 2 + (1 - p) ** 2)),
  };
}

test('on the rows themselves it is the binned error less what chance gives in these bins; on rows twice, with twice the variance', () => {
  const { label, sharp } = customers(createRandom(1), 400);
  const bins = reliabilityBins(scoredRows({ label, score: sharp }), 'equal-width').value!;
  const chance = calibrationErrorByChance(bins).value!;
  const beyond = calibrationErrorBeyondChance(label, sharp);
  expect(beyond(ones(400))).toBeCloseTo(calibrationError(bins).ece - chance, 13);
  expect(beyond(ones(400).fill(2))).toBeCloseTo(calibrationError(bins).ece - chance, 13);
  // Half of the rows twice, the others not: the labels of half as many.
  const drawn = Float64Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? 2 : 0));
  const half = (of: Float64Array) => of.filter((_, i) => i % 2 === 0);
  expect(beyond(drawn)).toBeCloseTo(calibrationErrorBeyondChance(half(label), half(sharp))(ones(200))!, 13);
  expect(beyond(new Float64Array(400))).toBeNull();
  expect(calibrationErrorBeyondChance(Float64Array.of(1), Float64Array.of(1.5))(ones(1))).toBeNull();
});

test('profit a customer by hand: reached from cost / benefit on', () => {
  const profit = profitByOffer(Float64Array.of(1, 0, 1, 0), Float64Array.of(0.9, 0.25, 0.2, 0.1), {
    cost: 1,
    benefit: 4,
  });
  expect(profit(ones(4))).toBe((3 - 1) / 4);
  expect(profit(Float64Array.of(2, 0, 0, 1))).toBe(6 / 3);
  expect(profit(new Float64Array(4))).toBeNull();
});

test('of two perfectly calibrated scores the interval covers 0 about as often as it says, however unlike they are; of a loud one it does not', () => {
  const random = createRandom(47);
  const [rounds, n] = [200, 600];
  const found = { covered: 0, plainCovered: 0, told: 0, mean: 0, plainMean: 0 };
  for (let round = 0; round < rounds; round++) {
    const { label, sharp, flat, loud } = customers(random, n);
    const beyond = (first: Float64Array, second: Float64Array) =>
      paired(calibrationErrorBeyondChance(label, first), calibrationErrorBeyondChance(label, second));
    const { alike, unlike, plain } = pairedBootstrap(
      ones(n),
      { alike: beyond(flat, sharp), unlike: beyond(sharp, loud), plain: scoreStatistics(label, flat, sharp).ece! },
      { seed: round, draws: 150 },
    );
    const covers = ({ lower, upper }: PairedDifference) => lower <= 0 && upper >= 0;
    if (covers(alike.value!)) found.covered++;
    if (covers(plain.value!)) found.plainCovered++;
    if (unlike.value!.lower > 0) found.told++;
    found.mean += alike.value!.difference / rounds;
    found.plainMean += plain.value!.difference / rounds;
  }
  // A little more often than 95 in 100, as chance is drawn around gaps that are chance themselves; the binned error itself is seldom right.
  expect(found.covered / rounds).toBeGreaterThan(0.93);
  expect(found.plainCovered / rounds).toBeLessThan(0.7);
  expect(Math.abs(found.mean)).toBeLessThan(0.005);
  expect(found.plainMean).toBeGreaterThan(0.015);
  expect(found.told / rounds).toBeGreaterThan(0.9);
});
