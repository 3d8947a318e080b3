// The paired bootstrap's summary against the same figures taken from the draws themselves, and what it draws.
import { describe, expect, test } from 'vitest';
import { forecastStatistics, scoreStatistics } from '#domain/models/compare-scores.ts';
import { type PairedStatistic, pairedBootstrap } from '#domain/models/paired-bootstrap.ts';
import { groupBy } from '#domain/models/ranking-intervals.ts';
import { createRandom } from '#domain/numerics/random.ts';

const mean = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
/** By the definition of R's default (type 7). */
function quantile(values: readonly number[], level: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = level * (sorted.length - 1);
  const low = Math.floor(at);
  return sorted[low]! + (at - low) * ((sorted[low + 1] ?? sorted[low]!) - sorted[low]!);
}

const random = createRandom(9);
const amounts = Float64Array.from({ length: 40 }, () => random.normal() + 0.15);
const ones = amounts.map(() => 1);

/** 0 against the weighted mean, and every difference that was seen, the one of the rows themselves last. */
function watched(): { statistic: PairedStatistic; seen: number[]; weights: Float64Array[] } {
  const [seen, weights]: [number[], Float64Array[]] = [[], []];
  const statistic: PairedStatistic = (weight) => {
    weights.push(weight.slice());
    const total = weight.reduce((sum, w) => sum + w, 0);
    seen.push(weight.reduce((sum, w, i) => sum + w * amounts[i]!, 0) / total);
    return [0, seen.at(-1)!];
  };
  return { statistic, seen, weights };
}

describe('the answer', () => {
  test('is what the draws say: standard error, quantiles, p by the smaller side, share above', () => {
    const { statistic, seen } = watched();
    const { value } = pairedBootstrap(ones, { it: statistic }, { seed: 4, draws: 400 }).it;
    const itself = seen.pop()!;
    expect(seen).toHaveLength(400);
    const centre = mean(seen);
    expect(value!.difference).toBe(itself);
    expect(value!.standardError).toBeCloseTo(Math.sqrt(seen.reduce((s, v) => s + (v - centre) ** 2, 0) / 399), 12);
    expect(value!.lower).toBeCloseTo(quantile(seen, 0.025), 12);
    expect(value!.upper).toBeCloseTo(quantile(seen, 0.975), 12);
    const below = seen.filter((v) => v < 0).length;
    expect(below).toBeGreaterThan(10);
    expect(below).toBeLessThan(200);
    expect(value!.p).toBeCloseTo((2 * (below + 1)) / 401, 14);
    expect(value!.probabilityAbove).toBeCloseTo(1 - below / 400, 14);
    // The mean of n independent amounts: its standard error is known.
    const deviation = Math.sqrt(mean([...amounts].map((a) => (a - mean([...amounts])) ** 2)));
    expect(Math.abs(value!.standardError / (deviation / Math.sqrt(40)) - 1)).toBeLessThan(0.15);
  });

  test('counts a draw without a difference half on either side', () => {
    let draw = 0;
    const { value } = pairedBootstrap(
      ones,
      { it: () => [0, [-1, 0, 0, 1, 1][draw++ % 5]!] },
      { seed: 1, draws: 100 },
    ).it;
    expect(value).toMatchObject({ probabilityAbove: 0.6, p: 1, draws: 100 });
  });

  test('leaves out draws in which one of the two is not defined, down to half of them', () => {
    const from = (defined: number, which: 0 | 1) => {
      let draw = 0;
      const statistic: PairedStatistic = () => {
        const gone = draw++ >= defined && draw <= 100;
        return which === 0 ? [gone ? null : 1, 3] : [1, gone ? null : 3];
      };
      return pairedBootstrap(ones, { it: statistic }, { seed: 1, draws: 100 }).it;
    };
    for (const which of [0, 1] as const) {
      expect(from(50, which).value).toMatchObject({ draws: 50, difference: 2, lower: 2, upper: 2 });
      expect(from(49, which).reason).toMatch(/only 49 of 100 draws/);
    }
  });

  test('is null where one of the two is not defined on the rows themselves', () => {
    for (const given of [
      [null, 1],
      [1, null],
    ] as const) {
      const { value, reason } = pairedBootstrap(ones, { it: () => given }, { seed: 1, draws: 100 }).it;
      expect(value).toBeNull();
      expect(reason).toMatch(/not defined on these rows/);
    }
  });
});

describe('a draw', () => {
  test('takes as many rows as there are, each anew', () => {
    const { statistic, weights } = watched();
    pairedBootstrap(ones, { it: statistic }, { seed: 2, draws: 100 });
    weights.pop();
    for (const weight of weights) expect(weight.reduce((sum, w) => sum + w, 0)).toBe(40);
    expect(new Set(weights.map(String)).size).toBe(100);
    // Of every row as often as of any other: 100 ± 5 standard errors.
    for (const i of ones.keys()) {
      const taken = weights.reduce((sum, weight) => sum + weight[i]!, 0);
      expect(Math.abs(taken - 100)).toBeLessThan(50);
    }
  });

  test('takes rows of one group together, with their weights', () => {
    const { statistic, weights } = watched();
    const grouping = groupBy(Array.from(ones.keys(), (i) => `${i % 4}`));
    pairedBootstrap(
      amounts.map((_, i) => 1 + (i % 3)),
      { it: statistic },
      { seed: 2, draws: 100, grouping },
    );
    weights.pop();
    for (const weight of weights) {
      const times = [0, 1, 2, 3].map((group) => weight[group]! / (1 + (group % 3)));
      expect(times.reduce((sum, t) => sum + t, 0)).toBe(4);
      expect([...weight]).toEqual(Array.from(weight, (_, i) => times[i % 4]! * (1 + (i % 3))));
    }
  });

  test('refuses a grouping of other rows', () => {
    const grouping = groupBy(['a', 'b']);
    expect(() => pairedBootstrap(ones, {}, { seed: 1, grouping })).toThrow('2 groups for 40 rows');
  });
});

describe('what is compared of two scores or forecasts', () => {
  const label = Float64Array.of(1, 1, 1);
  const score = Float64Array.of(0.2, 0.5, 0.9);
  test('with one class only what needs no second one has a value', () => {
    const found = scoreStatistics(label, score, score, { cost: 1, benefit: 3 });
    const values = Object.fromEntries(Object.entries(found).map(([name, of]) => [name, of(ones.slice(0, 3))[0]]));
    expect(values).toMatchObject({ auc: null, ks: null, bestProfit: 6 });
    expect(values.brier).toBeCloseTo((0.64 + 0.25 + 0.01) / 3, 14);
    expect(values.ece).toBeCloseTo((0.8 + 0.5 + 0.1) / 3, 14);
  });
  test('without any weight nothing has', () => {
    const found = scoreStatistics(label, score, score, { cost: 1, benefit: 3 });
    expect(Object.values(found).flatMap((of) => of(new Float64Array(3)))).toEqual(new Array(16).fill(null));
    const nothing = forecastStatistics(new Float64Array(3), score, score);
    expect(nothing.giniNormalised!(ones.slice(0, 3))).toEqual([null, null]);
  });
});
