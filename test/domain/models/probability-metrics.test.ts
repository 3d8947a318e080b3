// The Brier score taken apart, calibration error by chance, the PIT, and the paired bootstrap.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { brierDecomposition, calibrationErrorByChance } from '#domain/models/brier-decomposition.ts';
import { brierScore, calibrationError, reliabilityBins } from '#domain/models/calibration-metrics.ts';
import { forecastStatistics, scoreStatistics } from '#domain/models/compare-scores.ts';
import { pairedBootstrap } from '#domain/models/paired-bootstrap.ts';
import { pitHistogram, randomisedPit, uniformity } from '#domain/models/pit.ts';
import { groupBy } from '#domain/models/ranking-intervals.ts';
import { auc, averagePrecision } from '#domain/models/ranking-metrics.ts';
import { scoredRows } from '#domain/models/scored-rows.ts';
import { createRandom } from '#domain/numerics/random.ts';

const scored = fc
  .array(
    fc.record({
      label: fc.integer({ min: 0, max: 1 }),
      score: fc.double({ min: 0, max: 1, noNaN: true }),
      weight: fc.integer({ min: 1, max: 4 }),
    }),
    { minLength: 1, maxLength: 60 },
  )
  .map((rows) =>
    scoredRows({
      label: Float64Array.from(rows, ({ label }) => label),
      score: Float64Array.from(rows, ({ score }) => score),
      weight: Float64Array.from(rows, ({ weight }) => weight),
    }),
  );

test('the five parts add up to the Brier score, whatever the scores and bins', () => {
  fc.assert(
    fc.property(scored, fc.integer({ min: 1, max: 25 }), (rows, bins) => {
      const parts = brierDecomposition(rows, bins).value!;
      const sum =
        parts.reliability - parts.resolution + parts.uncertainty + parts.withinVariance - 2 * parts.withinCovariance;
      expect(sum).toBeCloseTo(brierScore(rows).value!, 13);
      for (const name of ['reliability', 'resolution', 'uncertainty', 'withinVariance'] as const)
        expect(parts[name]).toBeGreaterThanOrEqual(0);
    }),
  );
});

test('scores of one value a bin have no terms within bins: Murphy (1973)', () => {
  const rows = scoredRows({ label: Float64Array.of(0, 1, 1, 1), score: Float64Array.of(0.25, 0.25, 0.75, 0.75) });
  const parts = brierDecomposition(rows).value!;
  expect(parts.withinVariance).toBe(0);
  expect(parts.withinCovariance).toBe(0);
  expect(parts).toMatchObject({ reliability: 0.0625, resolution: 0.0625, uncertainty: 0.1875 });
});

test('a calibrated score has the calibration error that chance gives it', () => {
  const random = createRandom(11);
  let [ours, chance] = [0, 0];
  const times = 200;
  for (let k = 0; k < times; k++) {
    const score = Float64Array.from({ length: 500 }, () => random.uniform());
    const rows = scoredRows({ label: score.map((p) => (random.uniform() < p ? 1 : 0)), score });
    const bins = reliabilityBins(rows, 'equal-width').value!;
    ours += calibrationError(bins).ece / times;
    chance += calibrationErrorByChance(bins).value! / times;
  }
  expect(Math.abs(ours / chance - 1)).toBeLessThan(0.05);
});

describe('PIT', () => {
  // A forecast with an atom: 0 with probability 0.6, else exponential.
  const cdf = (s: number) => (s < 0 ? 0 : 0.6 + 0.4 * (1 - Math.exp(-s)));
  const draw = (n: number, seed: number, rate = 1) => {
    const random = createRandom(seed);
    const actual = Float64Array.from({ length: n }, () => (random.uniform() < 0.6 ? 0 : random.exponential(rate)));
    return { below: actual.map((s) => (s === 0 ? 0 : cdf(s))), upTo: actual.map(cdf) };
  };
  test('a right forecast with an atom is uniform, a wrong one is not, an unrandomised one is not', () => {
    const { uniform } = createRandom(1);
    expect(uniformity(randomisedPit(draw(5000, 2), uniform)).value!.p).toBeGreaterThan(0.01);
    expect(uniformity(randomisedPit(draw(5000, 2, 0.7), uniform)).value!.p).toBeLessThan(1e-6);
    expect(uniformity(draw(5000, 2).upTo).value!.p).toBeLessThan(1e-6);
  });
  test('the histogram without drawing is the mean of the drawn ones and adds up to 1', () => {
    const columns = draw(400, 7);
    const { uniform } = createRandom(3);
    const mean = new Array<number>(10).fill(0);
    for (let k = 0; k < 400; k++)
      uniformity(randomisedPit(columns, uniform)).value!.counts.forEach((count, bin) => {
        mean[bin]! += count / 400 / 400;
      });
    const shares = pitHistogram(columns).value!;
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
    shares.forEach((share, bin) => {
      expect(share).toBeCloseTo(mean[bin]!, 2);
    });
    expect(pitHistogram({ below: Float64Array.of(0, 1, 0.5), upTo: Float64Array.of(0, 1, 0.5) }, 2).value).toEqual([
      1 / 3,
      2 / 3,
    ]);
  });
  test('χ² by hand: 50 values, all but one bin of ten as expected', () => {
    const values = Float64Array.from({ length: 50 }, (_, i) => (i < 5 ? 1 : (i - 5) / 45));
    const { counts, statistic, degreesOfFreedom } = uniformity(values).value!;
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(50);
    expect(counts.at(-1)).toBeGreaterThanOrEqual(9);
    expect(degreesOfFreedom).toBe(9);
    expect(statistic).toBeCloseTo(
      counts.reduce((sum, count) => sum + (count - 5) ** 2 / 5, 0),
      12,
    );
  });
  test('refuses what are no probabilities', () => {
    const of = (below: number, upTo: number) => ({ below: Float64Array.of(below), upTo: Float64Array.of(upTo) });
    expect(() => randomisedPit(of(0.5, 0.4), () => 0)).toThrow(/row 1, column below/);
    expect(() => randomisedPit(of(0.5, 1.4), () => 0)).toThrow(/row 1, column upTo/);
    expect(() => randomisedPit(of(-0.1, 1), () => 0)).toThrow(/row 1, column below/);
    expect(() => randomisedPit(of(Number.NaN, 1), () => 0)).toThrow(/row 1/);
    expect(pitHistogram({ below: new Float64Array(0), upTo: new Float64Array(0) }).value).toBeNull();
    expect(uniformity(new Float64Array(10)).value).toBeNull();
  });
});

describe('paired bootstrap', () => {
  const random = createRandom(9);
  const n = 400;
  const risk = Float64Array.from({ length: n }, () => random.normal());
  const label = risk.map((r) => (random.uniform() < 1 / (1 + Math.exp(-2 * r)) ? 1 : 0));
  const probability = (noise: number) => risk.map((r) => 1 / (1 + Math.exp(-2 * (r + noise * random.normal()))));
  const [poor, good] = [probability(1.5), probability(0.1)];
  const weight = new Float64Array(n).fill(1);

  test('a better score is found to be better by every statistic, and its value is the metric itself', () => {
    const found = pairedBootstrap(weight, scoreStatistics(label, poor, good, { cost: 1, benefit: 3 }), {
      seed: 1,
      draws: 500,
    });
    const rows = scoredRows({ label, score: good });
    expect(found.auc!.value).toMatchObject({ second: auc(rows).value, draws: 500 });
    expect(found.averagePrecision!.value!.second).toBe(averagePrecision(rows).value!.averagePrecision);
    expect(found.brier!.value!.second).toBeCloseTo(brierScore(rows).value!, 14);
    for (const name of ['auc', 'averagePrecision', 'ks', 'bestProfit']) {
      expect(found[name]!.value!.lower, name).toBeGreaterThan(0);
      expect(found[name]!.value!.p, name).toBeLessThan(0.05);
    }
    for (const name of ['brier', 'logLoss']) expect(found[name]!.value!.upper, name).toBeLessThan(0);
  });
  test('is the same for the same seed and another for another', () => {
    const run = (seed: number) => pairedBootstrap(weight, scoreStatistics(label, poor, good), { seed, draws: 200 });
    expect(run(3)).toEqual(run(3));
    expect(run(3)).not.toEqual(run(4));
  });
  test('two equal scores differ by nothing; exchanging two scores turns the sign', () => {
    const same = pairedBootstrap(weight, scoreStatistics(label, good, good), { seed: 2, draws: 200 });
    expect(same.auc!.value).toMatchObject({ difference: 0, lower: 0, upper: 0, p: 1, probabilityAbove: 0.5 });
    const [there, back] = [
      pairedBootstrap(weight, scoreStatistics(label, poor, good), { seed: 2, draws: 200 }),
      pairedBootstrap(weight, scoreStatistics(label, good, poor), { seed: 2, draws: 200 }),
    ];
    expect(back.auc!.value!.lower).toBeCloseTo(-there.auc!.value!.upper, 14);
    expect(back.auc!.value!.p).toBe(there.auc!.value!.p);
  });
  test('copies of rows within their customer add no certainty', () => {
    const names = Array.from({ length: n }, (_, i) => `c${i}`);
    const double = (values: Float64Array) => Float64Array.from([...values, ...values]);
    const once = pairedBootstrap(weight, scoreStatistics(label, poor, good), {
      seed: 5,
      draws: 300,
      grouping: groupBy(names),
    });
    const twice = pairedBootstrap(double(weight), scoreStatistics(double(label), double(poor), double(good)), {
      seed: 5,
      draws: 300,
      grouping: groupBy([...names, ...names]),
    });
    expect(twice.auc!.value!.standardError).toBeCloseTo(once.auc!.value!.standardError, 12);
  });
  test('forecasts: the smaller error is found; what cannot be drawn says so', () => {
    const actual = risk.map((r) => Math.exp(r));
    const found = pairedBootstrap(
      weight,
      forecastStatistics(
        actual,
        actual.map((a) => a * 1.5),
        actual.map((a) => a * 1.1),
      ),
      { seed: 1, draws: 200 },
    );
    for (const name of ['mae', 'rmse', 'wape']) expect(found[name]!.value!.upper, name).toBeLessThan(0);
    expect(found.giniNormalised!.value!.difference).toBeCloseTo(0, 12);
    const one = { seed: 1, draws: 200, grouping: groupBy(new Array<string>(n).fill('all')) };
    expect(pairedBootstrap(weight, scoreStatistics(label, poor, good), one).auc!.reason).toMatch(/one group/);
    expect(() => pairedBootstrap(weight, {}, { seed: 1, draws: 5 })).toThrow(/at least 100/);
  });
});
