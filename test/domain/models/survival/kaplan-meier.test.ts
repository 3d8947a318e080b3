// Kaplan–Meier and log-rank against R survival 3.5-3: the self-made fixture anywhere, the real files where they are.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  type BandType,
  fit as fitCurve,
  fitGroups,
  quantile,
  type SurvivalCurve,
  survivalAt,
} from '#domain/models/survival/kaplan-meier.ts';
import { logRank } from '#domain/models/survival/log-rank.ts';
import { restrictedMean } from '#domain/models/survival/restricted-mean.ts';
import { argsort } from '#domain/numerics/argsort.ts';
import { describeShared, sharedJson } from '#test/support/shared.ts';
import { codes, fixturePath, flags, numbers, readRows, sharedRows, worst } from '#test/support/survival.ts';

type Column = (number | null)[];
type GoldenCurve = Record<string, Column> & { strata: unknown };
// biome-ignore lint/suspicious/noExplicitAny: golden files are read by their own layout
type Golden = any;

const TOLERANCE = 1e-10;

/** Worst error over all columns of a golden curve; curves of several groups stand one below the other. */
function curveError(curves: SurvivalCurve[], golden: GoldenCurve): number {
  const all = (pick: (curve: SurvivalCurve) => ArrayLike<number>) =>
    curves.flatMap((curve) => Array.from(curve.time, (_, i) => pick(curve)[i] ?? null));
  const pairs: [keyof SurvivalCurve, string][] = [
    ['time', 'time'],
    ['atRisk', 'n_risk'],
    ['events', 'n_event'],
    ['censored', 'n_censor'],
    ['survival', 'surv'],
    ['standardError', 'std_err_S'],
    ['lower', 'lower'],
    ['upper', 'upper'],
    ['cumulativeHazard', 'nelson_aalen'],
    ['cumulativeHazardError', 'nelson_aalen_se'],
  ];
  return Math.max(
    ...pairs.map(([ours, theirs]) => {
      const actual = all((curve) => curve[ours] as Float64Array);
      const expected = golden[theirs]!.map((value) => (typeof value === 'number' ? value : null));
      expect(actual.length, theirs).toBe(expected.length);
      return worst(actual, expected, 1e-12);
    }),
  );
}

const bands: [string, BandType][] = [
  ['log', 'log'],
  ['loglog', 'log-log'],
  ['plain', 'plain'],
];

function expectQuantiles(curves: SurvivalCurve[], golden: Golden): void {
  const rows = (value: unknown) => (Array.isArray((value as unknown[])[0]) ? value : [value]) as Column[];
  const defined = (values: Column) => values.map((value) => (typeof value === 'number' ? value : null));
  curves.forEach((curve, g) => {
    const ours = [0.25, 0.5, 0.75].map((p) => quantile(curve, p));
    expect(ours.map(({ value }) => value)).toEqual(defined(rows(golden.quantile)[g]!));
    expect(ours.map(({ lower }) => lower)).toEqual(defined(rows(golden.lower)[g]!));
    expect(ours.map(({ upper }) => upper)).toEqual(defined(rows(golden.upper)[g]!));
  });
}

describe('the curve of the self-made fixture is that of R survival 3.5-3', () => {
  const golden: Golden = JSON.parse(readFileSync(fixturePath('golden/kaplan_meier.json'), 'utf8'));
  const rows = readRows(fixturePath('fixtures/survival.csv'));
  const columns = { duration: numbers(rows, 'time'), eventObserved: numbers(rows, 'event') };
  const plan = codes(rows, 'plan');
  const promo = codes(rows, 'promo');
  const stratum = codes(rows, 'stratum');

  test.each(bands)('%s bands, overall and by plan', (name, band) => {
    expect(curveError([fitCurve(columns, { band })], golden.overall.curves[name])).toBeLessThan(TOLERANCE);
    const groups = fitGroups(columns, plan.group, 3, { band });
    expect(curveError(groups, golden.by_plan.curves[name])).toBeLessThan(TOLERANCE);
  });

  test('left-truncated and weighted', () => {
    const entry = numbers(rows, 'start');
    expect(curveError([fitCurve({ ...columns, entry })], golden.left_truncated.curve)).toBeLessThan(TOLERANCE);
    const weight = numbers(rows, 'weight');
    expect(curveError([fitCurve({ ...columns, weight })], golden.weighted.curve)).toBeLessThan(TOLERANCE);
  });

  test('quantiles with their limits', () => {
    expectQuantiles([fitCurve(columns, { band: 'log' })], golden.overall.quantiles);
    expectQuantiles(fitGroups(columns, plan.group, 3, { band: 'log' }), golden.by_plan.quantiles);
  });

  test('log-rank and Peto–Peto, plain and stratified', () => {
    for (const [name, { group, names }] of Object.entries({ promo, plan })) {
      const want = golden[`logrank_${name}`];
      const ours = logRank(columns, group, names.length)!;
      expect(worst([ours.chiSquare, ours.p], [want.logrank_chisq, want.p])).toBeLessThan(TOLERANCE);
      expect(ours.degreesOfFreedom).toBe(want.df);
      expect(ours.observed).toEqual(want.obs);
      expect(worst(ours.expected, want.exp)).toBeLessThan(TOLERANCE);
      const peto = logRank(columns, group, names.length, { weights: { rho: 1 } })!;
      expect(worst([peto.chiSquare], [want.peto_peto_chisq])).toBeLessThan(TOLERANCE);
      const within = logRank(columns, group, names.length, { strata: stratum.group })!;
      const stratified = golden[`logrank_${name}_stratified`];
      expect(worst([within.chiSquare, within.p], [stratified.chisq, stratified.p])).toBeLessThan(TOLERANCE);
    }
  });

  test('restricted mean with its standard error', () => {
    const { tau, value, se } = golden.rmst_overall;
    const ours = restrictedMean(fitCurve(columns), tau);
    expect(worst([ours.value, ours.standardError], [value, se])).toBeLessThan(TOLERANCE);
    const groups = fitGroups(columns, plan.group, 3).map((curve) => restrictedMean(curve, golden.rmst_by_plan.tau));
    expect(groups.map((group) => group.value)).toEqual(
      golden.rmst_by_plan.value.map((mean: number) => expect.closeTo(mean, 10)),
    );
    expect(
      worst(
        groups.map((group) => group.standardError),
        golden.rmst_by_plan.se,
      ),
    ).toBeLessThan(TOLERANCE);
  });

  test('a weight is as many rows', () => {
    const weight = Float64Array.from(rows, (_, i) => (i % 3) + 1);
    const repeated = rows.flatMap((row, i) => new Array(weight[i]!).fill(row));
    const long = fitCurve({ duration: numbers(repeated, 'time'), eventObserved: numbers(repeated, 'event') });
    expect(worst(fitCurve({ ...columns, weight }).upper, Array.from(long.upper))).toBeLessThan(1e-12);
  });
});

describeShared(
  'real files as in R survival 3.5-3',
  ['golden/kaplan_meier.json', 'data/lung.csv', 'data/waltons.csv'],
  () => {
    const golden: Golden = sharedJson('golden', 'kaplan_meier.json');
    const lung = sharedRows('lung.csv');
    const waltons = sharedRows('waltons.csv');
    const lungColumns = {
      duration: numbers(lung, 'time'),
      eventObserved: flags(lung, (row) => row.status === '2'),
    };
    const waltonsColumns = { duration: numbers(waltons, 'T'), eventObserved: numbers(waltons, 'E') };
    const sex = codes(lung, 'sex');
    const group = codes(waltons, 'group');

    test.each(bands)('lung and waltons with %s bands', (name, band) => {
      const error = Math.max(
        curveError([fitCurve(lungColumns, { band })], golden.lung_overall.curves[name]),
        curveError(fitGroups(lungColumns, sex.group, 2, { band }), golden.lung_by_sex.curves[name]),
        curveError([fitCurve(waltonsColumns, { band })], golden.waltons_overall.curves[name]),
        curveError(fitGroups(waltonsColumns, group.group, 2, { band }), golden.waltons_by_group.curves[name]),
      );
      expect(error).toBeLessThan(TOLERANCE);
    });

    test('quantiles, log-rank and restricted mean', () => {
      expectQuantiles([fitCurve(lungColumns, { band: 'log' })], golden.lung_overall.quantiles);
      expectQuantiles(fitGroups(lungColumns, sex.group, 2, { band: 'log' }), golden.lung_by_sex.quantiles);
      expectQuantiles([fitCurve(waltonsColumns, { band: 'log' })], golden.waltons_overall.quantiles);
      expectQuantiles(fitGroups(waltonsColumns, group.group, 2, { band: 'log' }), golden.waltons_by_group.quantiles);
      const bySex = logRank(lungColumns, sex.group, 2)!;
      const byGroup = logRank(waltonsColumns, group.group, 2)!;
      for (const [ours, want] of [
        [bySex, golden.logrank_lung_sex],
        [byGroup, golden.logrank_waltons],
      ] as const)
        expect(worst([ours.chiSquare, ours.p], [want.logrank_chisq, want.p])).toBeLessThan(TOLERANCE);
      const { tau, value, se } = golden.rmst_lung;
      const ours = restrictedMean(fitCurve(lungColumns), tau);
      expect(worst([ours.value, ours.standardError], [value, se])).toBeLessThan(TOLERANCE);
    });
  },
);

describe('edges', () => {
  const of = (duration: number[], eventObserved: number[]) => ({
    duration: Float64Array.from(duration),
    eventObserved,
  });

  test('where S is 0 the band is undefined, not NaN', () => {
    const curve = fitCurve(of([1, 2, 2, 3], [1, 1, 1, 1]), { band: 'log' });
    expect(worst(curve.survival, [0.75, 0.25, 0])).toBe(0);
    expect(worst(curve.lower, [0.425932268497982, 0.0457907596660182, null])).toBeLessThan(1e-12);
    expect(Array.from(curve.upper)).toEqual([1, 1]);
  });

  test('all censored: S stays 1 and no quantile exists; nothing to compare', () => {
    const curve = fitCurve(of([1, 2, 3], [0, 0, 0]));
    expect(Array.from(curve.lower)).toEqual([1, 1, 1]);
    expect(quantile(curve, 0.5)).toEqual({ value: null, lower: null, upper: null });
    expect(logRank(of([1, 2, 3], [0, 0, 0]), [0, 1, 0], 2)).toBeUndefined();
  });

  test('an event at time 0, a single row, the value between times', () => {
    const curve = fitCurve(of([0, 1, 2], [1, 1, 0]));
    expect(worst(curve.survival, [2 / 3, 1 / 3, 1 / 3])).toBeLessThan(1e-15);
    expect([survivalAt(curve, -1), survivalAt(curve, 1.5)]).toEqual([1, curve.survival[1]]);
    expect(fitCurve(of([5], [1])).lower).toHaveLength(0);
  });

  test('bad rows are named', () => {
    expect(() => fitCurve(of([1, -2], [1, 1]))).toThrow('row 2, column duration');
    expect(() => fitCurve(of([1, 2], [1, 2]))).toThrow('row 2, column eventObserved');
    expect(() => fitCurve({ ...of([1], [1]), entry: Float64Array.of(1) })).toThrow('row 1, column entry');
  });

  test('the radix order of many rows is the order of their values', () => {
    const values = Float64Array.from({ length: 10_000 }, (_, i) => Math.sin(i * i) * 10 ** (i % 7));
    const sorted = Array.from(argsort(values), (i) => values[i]!);
    expect(sorted).toEqual(Array.from(values).sort((a, b) => a - b));
  });
});
