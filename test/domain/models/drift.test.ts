// Drift measures against published values, their identities, and their refusals.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type BinCounts,
  categoricalBins,
  countLevels,
  countNumbers,
  divergence,
  mergeCounts,
  missingRateTest,
  numericBins,
} from '#domain/models/drift.ts';
import { compareSamples } from '#domain/models/two-samples.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { describeShared, hasShared, sharedJson } from '../../support/shared.ts';

interface GoldenTest {
  stat: number;
  p: number;
  dof: number;
}
interface GoldenCounts {
  counts_reference: number[];
  counts_current: number[];
  psi_eps_1e4: number;
  psi_laplace_half: number;
  js_divergence_nats: number;
  js_divergence_bits: number;
  js_distance_base2: number;
  chi2_homogeneity: GoldenTest;
  kl_reference_to_current: number;
  kl_current_to_reference: number | 'Infinity';
}
interface GoldenFeature extends GoldenCounts {
  feature: string;
  kind: 'numeric' | 'categorical';
  missing_reference: number;
  missing_current: number;
  edges_from_reference_deciles: number[];
  levels_sorted_ascii: string[];
  ks_stat: number;
  ks_p: number;
  wasserstein: number;
  with_missing_as_last_bin?: GoldenCounts;
  missing_rate_test?: GoldenTest;
}

const golden = JSON.parse(readFileSync(new URL('../../golden/drift.json', import.meta.url), 'utf8')) as {
  features: GoldenFeature[];
  drifted: string[];
};
const [header, ...rows] = readFileSync(new URL('../../fixtures/drift.csv', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => line.split(','));
const cells = (sample: string, column: string) =>
  rows.filter(([name]) => name === sample).map((row) => row[header!.indexOf(column)] ?? '');
const numbers = (sample: string, column: string) =>
  Float64Array.from(cells(sample, column), (cell) => (cell === '' ? Number.NaN : Number(cell)));
const levels = (sample: string, column: string) => cells(sample, column).map((cell) => (cell === '' ? null : cell));

/** Relative difference. */
const off = (value: number, expected: number) => Math.abs(value - expected) / Math.abs(expected);

function expectDivergence(reference: number[], current: number[], expected: GoldenCounts): void {
  const found = divergence(reference, current);
  const errors = [
    off(found.psi, expected.psi_eps_1e4),
    off(found.psiHalfCount, expected.psi_laplace_half),
    off(found.jsDivergence, expected.js_divergence_bits),
    off(found.jsDivergence * Math.LN2, expected.js_divergence_nats),
    off(found.jsDistance, expected.js_distance_base2),
    off(found.klReferenceToCurrent!, expected.kl_reference_to_current),
    off(found.chiSquare.statistic, expected.chi2_homogeneity.stat),
  ];
  if (expected.kl_current_to_reference === 'Infinity') expect(found.klCurrentToReference).toBeNull();
  else errors.push(off(found.klCurrentToReference!, expected.kl_current_to_reference));
  expect(Math.max(...errors)).toBeLessThan(1e-12);
  expect(found.chiSquare.degreesOfFreedom).toBe(expected.chi2_homogeneity.dof);
  expect(off(found.chiSquare.p, expected.chi2_homogeneity.p)).toBeLessThan(1e-10);
}

function counted(feature: GoldenFeature): [BinCounts, BinCounts] {
  if (feature.kind === 'numeric') {
    const bins = numericBins(numbers('reference', feature.feature));
    const interior = feature.edges_from_reference_deciles.slice(1, -1);
    expect(bins.edges).toHaveLength(interior.length);
    for (const [i, edge] of bins.edges.entries()) expect(off(edge, interior[i]!)).toBeLessThan(1e-12);
    return [
      countNumbers(bins, numbers('reference', feature.feature)),
      countNumbers(bins, numbers('current', feature.feature)),
    ];
  }
  const bins = categoricalBins(levels('reference', feature.feature));
  return [
    countLevels(bins, levels('reference', feature.feature)),
    countLevels(bins, levels('current', feature.feature)),
  ];
}

describe('the self-made drift samples', () => {
  test.each(golden.features.map((feature) => [feature.feature, feature] as const))(
    '%s: counts exact, measures to 1e-12',
    (_, feature) => {
      const [reference, current] = counted(feature);
      const width = feature.counts_reference.length;
      expect(reference.counts.slice(0, width)).toEqual(feature.counts_reference);
      expect(current.counts.slice(0, width)).toEqual(feature.counts_current);
      expectDivergence(reference.counts, current.counts, feature);
      const found = divergence(reference.counts, current.counts);
      expect(found.jsDistance > Math.max(0.1, found.noiseFloor)).toBe(golden.drifted.includes(feature.feature));
      if (feature.with_missing_as_last_bin)
        expectDivergence(
          [...reference.counts, reference.missing],
          [...current.counts, current.missing],
          feature.with_missing_as_last_bin,
        );
      if (feature.missing_rate_test) {
        const missing = missingRateTest(reference, current);
        expect(off(missing.statistic, feature.missing_rate_test.stat)).toBeLessThan(1e-12);
        expect(off(missing.p, feature.missing_rate_test.p)).toBeLessThan(1e-10);
        expect([reference.missing, current.missing]).toEqual([feature.missing_reference, feature.missing_current]);
      }
      if (feature.kind === 'numeric') {
        const samples = compareSamples(numbers('reference', feature.feature), numbers('current', feature.feature))!;
        expect(off(samples.ks, feature.ks_stat)).toBeLessThan(1e-12);
        expect(off(samples.ksP, feature.ks_p)).toBeLessThan(1e-8);
        expect(off(samples.wasserstein, feature.wasserstein)).toBeLessThan(1e-12);
      }
    },
  );
});

const shared = 'golden/drift.json';
describeShared('the published drift values', [shared], () => {
  // biome-ignore lint/suspicious/noExplicitAny: a golden file read field by field.
  const values: any = hasShared(shared) ? sharedJson(shared) : {};

  test('seven bins agree to 1e-12', () => {
    const found = divergence(values.expected, values.actual);
    expect(off(found.psi, values.psi)).toBeLessThan(1e-12);
    expect(off(found.jsDivergence, values.js_divergence_bits)).toBeLessThan(1e-12);
    expect(off(found.jsDistance, values.js_distance_base2)).toBeLessThan(1e-12);
    expect(off(found.klReferenceToCurrent!, values.kl_expected_to_actual)).toBeLessThan(1e-12);
    expect(off(found.chiSquare.statistic, values.chi2_homogeneity.stat)).toBeLessThan(1e-12);
    expect(off(found.chiSquare.p, values.chi2_homogeneity.p)).toBeLessThan(1e-12);
  });

  test('zero bins stay finite under both rules', () => {
    const found = divergence(values.zero_bins.expected, values.zero_bins.actual);
    expect(off(found.psi, values.zero_bins.psi_eps_1e4)).toBeLessThan(1e-12);
    expect(off(found.psiHalfCount, values.zero_bins.psi_laplace_half)).toBeLessThan(1e-12);
    expect(off(found.jsDivergence * Math.LN2, values.zero_bins.js_divergence_nats)).toBeLessThan(1e-12);
    expect(found.klReferenceToCurrent).toBeNull();
  });

  test('continuous values: deciles, counts, KS and Wasserstein', () => {
    const { continuous } = values;
    const reference = Float64Array.from(continuous.reference);
    const current = Float64Array.from(continuous.current);
    const bins = numericBins(reference);
    const counts = countNumbers(bins, current).counts;
    expect(counts).toEqual(continuous.counts_current);
    const found = divergence(countNumbers(bins, reference).counts, counts);
    expect(off(found.psi, continuous.psi_eps_1e4)).toBeLessThan(1e-12);
    expect(off(found.jsDivergence * Math.LN2, continuous.js_divergence_nats)).toBeLessThan(1e-12);
    const samples = compareSamples(reference, current)!;
    expect(samples.ks).toBeCloseTo(continuous.ks_stat, 13);
    expect(off(samples.ksP, continuous.ks_p_exact_or_asymp)).toBeLessThan(1e-8);
    expect(off(samples.wasserstein, continuous.wasserstein)).toBeLessThan(1e-12);
  });
});

describe('identities', () => {
  const value = fc.oneof(
    fc.double({ min: -1e3, max: 1e3, noNaN: true }),
    fc.constant(Number.NaN),
    fc.integer({ min: 0, max: 3 }),
  );
  const sample = fc.array(value, { minLength: 1, maxLength: 60 }).map((list) => Float64Array.from([0.5, ...list]));

  test('counts of the parts add up to the counts of the whole', () => {
    fc.assert(
      fc.property(sample, sample, sample, (reference, a, b) => {
        const bins = numericBins(reference);
        const whole = countNumbers(bins, Float64Array.from([...a, ...b]));
        expect(mergeCounts(countNumbers(bins, a), countNumbers(bins, b))).toEqual(whole);
      }),
    );
  });

  test('levels too, new ones included, in any order and any split', () => {
    const cell = fc.constantFrom('a', 'b', 'c', 'new', 'newer', null);
    const cells = fc.array(cell, { maxLength: 40 });
    fc.assert(
      fc.property(cells, cells, cells, (a, b, c) => {
        const bins = categoricalBins(['b', 'a', 'c', 'b', null]);
        const count = (values: (string | null)[]) => countLevels(bins, values);
        const whole = count([...a, ...b, ...c]);
        expect(mergeCounts(mergeCounts(count(a), count(b)), count(c))).toEqual(whole);
        expect(mergeCounts(count(c), mergeCounts(count(b), count(a)))).toEqual(whole);
        expect(count([...a, ...b, ...c].toReversed())).toEqual(whole);
        const news = [...a, ...b, ...c].filter((level) => level?.startsWith('new')).length;
        expect(whole.counts.at(-1)).toBe(news);
        expect(whole.counts.reduce((sum, each) => sum + each, whole.missing)).toBe(a.length + b.length + c.length);
      }),
    );
  });

  test('chance alone passes the floors about as often as they say, and hardly ever the KS one', () => {
    const random = createRandom(13);
    const draw = (n: number) => Float64Array.from({ length: n }, () => random.normal());
    const bins = numericBins(draw(5000));
    const runs = 2000;
    const passed = { js: 0, psi: 0, ks: 0 };
    for (let k = 0; k < runs; k++) {
      const found = divergence(countNumbers(bins, draw(600)).counts, countNumbers(bins, draw(200)).counts, 0.05);
      if (found.jsDistance > found.noiseFloor) passed.js++;
      if (found.psi > found.psiFloor) passed.psi++;
      if (found.ksBinned > found.ksFloor) passed.ks++;
    }
    // Four standard errors of 5 %, and the second order of the approximation at 20 a bin.
    const slack = 4 * Math.sqrt((0.05 * 0.95) / runs) + 0.005;
    expect(Math.abs(passed.js / runs - 0.05)).toBeLessThan(slack);
    expect(Math.abs(passed.psi / runs - 0.05)).toBeLessThan(slack);
    expect(passed.ks / runs).toBeLessThan(0.05);
    expect(passed.ks).toBeGreaterThan(10);
  });

  test('JS is symmetric, in [0, 1], and zero for a sample against itself', () => {
    const counts = fc
      .array(fc.nat(500), { minLength: 6, maxLength: 6 })
      .map(([first, ...rest]) => [first! + 1, ...rest]);
    fc.assert(
      fc.property(counts, counts, (a, b) => {
        const one = divergence(a, b);
        expect(one.jsDivergence).toBeCloseTo(divergence(b, a).jsDivergence, 13);
        expect(one.jsDivergence).toBeGreaterThanOrEqual(0);
        expect(one.jsDivergence).toBeLessThanOrEqual(1 + 1e-12);
        expect(Object.values(one).every((each) => typeof each !== 'number' || Number.isFinite(each))).toBe(true);
        expect(divergence(a, a)).toMatchObject({ psi: 0, jsDivergence: 0, chiSquare: { statistic: 0 } });
      }),
    );
  });
});

describe('edges', () => {
  test('a constant reference still sees what leaves it', () => {
    const bins = numericBins(Float64Array.of(5, 5, 5));
    expect(countNumbers(bins, Float64Array.of(4, 5, 5, 6, Number.NaN))).toEqual({ counts: [1, 2, 1], missing: 1 });
    const zero = numericBins(Float64Array.of(-0, 0));
    expect(countNumbers(zero, Float64Array.of(-1, 0, -0, 1)).counts).toEqual([1, 2, 1]);
    const below = numericBins(Float64Array.of(-2));
    expect(countNumbers(below, Float64Array.of(-3, -2, -1)).counts).toEqual([1, 1, 1]);
  });

  test('nothing to compare is refused', () => {
    expect(() => numericBins(Float64Array.of(Number.NaN))).toThrow(RangeError);
    expect(() => divergence([1, 2], [1])).toThrow(RangeError);
    expect(() => divergence([1, 2], [0, 0])).toThrow(RangeError);
    expect(() => divergence([0, 0], [1, 2])).toThrow(RangeError);
    expect(() => mergeCounts({ counts: [1, 2], missing: 0 }, { counts: [1], missing: 0 })).toThrow('2 and 1 bins');
    expect(compareSamples(Float64Array.of(1), new Float64Array(0))).toBeNull();
    expect(compareSamples(Float64Array.of(Number.NaN), Float64Array.of(1))).toBeNull();
  });

  test('one bin: nothing can drift', () => {
    expect(divergence([4], [7])).toMatchObject({
      psi: 0,
      jsDistance: 0,
      noiseFloor: 0,
      psiFloor: 0,
      ksFloor: 0,
      chiSquare: { p: 1 },
    });
  });

  test('large samples take the limit law', () => {
    const line = (n: number, shift: number) => Float64Array.from({ length: n }, (_, i) => i / n + shift);
    const { ks, ksP } = compareSamples(line(4000, 0), line(4000, 0.02))!;
    expect(ks).toBeCloseTo(0.02, 3);
    expect(ksP).toBeGreaterThan(0.3);
    expect(ksP).toBeLessThan(0.5);
    expect(compareSamples(line(4000, 0), line(4000, 0))!.ksP).toBe(1);
  });

  test('the limit law is Kolmogorov’s: Q(1) and Q(1/2) as tabulated', () => {
    const steps = (shift: number) => Float64Array.from({ length: 5000 }, (_, i) => i + shift);
    const [one, half] = [100, 50].map((shift) => compareSamples(steps(0), steps(shift))!);
    expect([one!.ks, half!.ks]).toEqual([0.02, 0.01]);
    expect(one!.ksP).toBeCloseTo(0.26999967167735456, 12);
    expect(half!.ksP).toBeCloseTo(0.9639452436648751, 12);
  });

  test('a missing level is no level', () => {
    expect(categoricalBins(['b', null, 'a', 'b'])).toEqual({ kind: 'categorical', levels: ['a', 'b'] });
  });

  test('no missing values, nothing but missing values, or nothing at all on a side: p = 1', () => {
    const side = (present: number, missing: number) => ({ counts: [present], missing });
    for (const [reference, current] of [
      [side(3, 0), side(4, 0)],
      [side(0, 3), side(0, 4)],
      [side(0, 0), side(2, 4)],
      [side(2, 4), side(0, 0)],
    ] as const)
      expect(missingRateTest(reference, current)).toEqual({ statistic: 0, degreesOfFreedom: 1, p: 1 });
  });
});
