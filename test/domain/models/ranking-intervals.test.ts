// Intervals of AUC and average precision against their definitions computed naively, against each other, and against repeated sampling.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { averagePrecisionInterval, clusteredAucInterval, groupBy } from '#domain/models/ranking-intervals.ts';
import { aucInterval, averagePrecision } from '#domain/models/ranking-metrics.ts';
import { type ScoredRows, scoredRows } from '#domain/models/scored-rows.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { expectClose, relativeError } from '../../support/close.ts';
import { column, csvRows, fixture } from '../../support/histories.ts';

interface Row {
  label: number;
  score: number;
  weight: number;
  group: number;
}

const rowsOf = (list: readonly Row[]) =>
  scoredRows({
    label: Float64Array.from(list, ({ label }) => label),
    score: Float64Array.from(list, ({ score }) => score),
    weight: Float64Array.from(list, ({ weight }) => weight),
  });
const groupsOf = (list: readonly Row[]) => groupBy(list.map(({ group }) => `g${group}`));

const samples = fc.array(
  fc.record({
    label: fc.integer({ min: 0, max: 1 }),
    score: fc.integer({ min: 1, max: 9 }).map((k) => k / 10),
    weight: fc.integer({ min: 0, max: 3 }),
    group: fc.integer({ min: 0, max: 7 }),
  }),
  { minLength: 6, maxLength: 40 },
);

/** Obuchowski (1997) as written: every pair of an event and an other, sums by group. */
function naiveVariance(list: readonly Row[]): number {
  const unit = list.flatMap((row) => Array.from({ length: row.weight }, () => row));
  const [events, others] = [unit.filter((row) => row.label === 1), unit.filter((row) => row.label === 0)];
  const psi = (x: Row, y: Row) => (x.score > y.score ? 1 : x.score === y.score ? 0.5 : 0);
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const theta = mean(events.flatMap((x) => others.map((y) => psi(x, y))));
  const groups = [...new Set(unit.map(({ group }) => group))];
  const v10 = (g: number) =>
    events.filter((x) => x.group === g).reduce((sum, x) => sum + mean(others.map((y) => psi(x, y))) - theta, 0);
  const v01 = (g: number) =>
    others.filter((y) => y.group === g).reduce((sum, y) => sum + mean(events.map((x) => psi(x, y))) - theta, 0);
  const [m, n] = [events.length, others.length];
  const [i10, i01] = [events, others].map((rows) => new Set(rows.map(({ group }) => group)).size) as [number, number];
  const total = (term: (g: number) => number) => groups.reduce((sum, g) => sum + term(g), 0);
  const s10 = (i10 / ((i10 - 1) * m)) * total((g) => v10(g) ** 2);
  const s01 = (i01 / ((i01 - 1) * n)) * total((g) => v01(g) ** 2);
  const s11 = (groups.length / (groups.length - 1)) * total((g) => v10(g) * v01(g));
  return s10 / m + s01 / n + (2 * s11) / (m * n);
}

test('the clustered interval is Obuchowski (1997) computed pair by pair, weights being repetitions within a group', () => {
  let compared = 0;
  fc.assert(
    fc.property(samples, (list) => {
      const found = clusteredAucInterval(rowsOf(list), groupsOf(list));
      if (found.value === null) return;
      compared += 1;
      expectClose(found.value.standardError ** 2, naiveVariance(list), 1e-9, 'variance');
      expect(found.value.lower).toBeGreaterThanOrEqual(0);
      expect(found.value.upper).toBeLessThanOrEqual(1);
    }),
  );
  expect(compared).toBeGreaterThan(50);
});

test('with one row a group it is DeLong', () => {
  const table = csvRows(fixture('scores.csv'));
  const rows = scoredRows({ label: column(table, 'label'), score: column(table, 'score') });
  const alone = groupBy(Array.from(rows.label, (_, i) => String(i)));
  const [clustered, delong] = [clusteredAucInterval(rows, alone).value!, aucInterval(rows).value!];
  for (const name of ['standardError', 'lower', 'upper'] as const)
    expectClose(clustered[name], delong[name], 1e-12, name);
});

test('copying every row k times within its customer changes the clustered interval not at all; DeLong shrinks by √k', () => {
  const table = csvRows(fixture('scores.csv'));
  const list = Array.from({ length: 300 }, (_, i) => ({
    label: column(table, 'label')[i]!,
    score: column(table, 'score')[i]!,
    weight: 1,
    group: i,
  }));
  const thrice = [...list, ...list, ...list];
  const once = clusteredAucInterval(rowsOf(list), groupsOf(list)).value!;
  const again = clusteredAucInterval(rowsOf(thrice), groupsOf(thrice)).value!;
  expectClose(again.standardError, once.standardError, 1e-12, 'clustered');
  expect(
    relativeError(aucInterval(rowsOf(thrice)).value!.standardError * Math.sqrt(3), once.standardError),
  ).toBeLessThan(0.01);
  const precision = [list, thrice].map((rows) => averagePrecisionInterval(rowsOf(rows), groupsOf(rows)).value!);
  expectClose(precision[1]!.standardError, precision[0]!.standardError, 1e-12, 'average precision');
});

test('several rows a customer: the clustered interval covers the truth in 95 % of samples, one that takes rows as independent does not', () => {
  const random = createRandom(47);
  // A customer has a risk of its own, seen in all of its five rows by score and by label.
  const draw = (customers: number) => {
    const list: Row[] = [];
    for (let group = 0; group < customers; group++) {
      const risk = random.normal();
      const label = random.uniform() < 1 / (1 + Math.exp(-1.5 * risk)) ? 1 : 0;
      for (let k = 0; k < 5; k++) list.push({ label, score: risk + 0.4 * random.normal(), weight: 1, group });
    }
    return list;
  };
  const value = (list: Row[]) => {
    const rows = rowsOf(list);
    const found = clusteredAucInterval(rows, groupsOf(list)).value!;
    return { rows, found, centre: (found.lower + found.upper) / 2 };
  };
  const truth = value(draw(20_000)).centre;
  let [clustered, independent] = [0, 0];
  const times = 300;
  for (let i = 0; i < times; i++) {
    const { rows, found } = value(draw(150));
    const naive = aucInterval(rows).value!;
    if (found.lower <= truth && truth <= found.upper) clustered++;
    if (naive.lower <= truth && truth <= naive.upper) independent++;
  }
  // Three binomial standard errors about 95 % at 300 draws.
  expect(clustered / times).toBeGreaterThan(0.95 - 0.038);
  expect(clustered / times).toBeLessThanOrEqual(0.95 + 0.038);
  expect(independent / times).toBeLessThan(0.75);
});

/** dθ/dw of a row, by a central difference: what the influence function must be. */
function influence(rows: ScoredRows, row: number): number {
  const at = (step: number) => {
    const weight = rows.weight.map((w, i) => (i === row ? w + step : w));
    return averagePrecision(scoredRows({ ...rows, weight })).value!.averagePrecision;
  };
  return (at(1e-5) - at(-1e-5)) / 2e-5;
}

test('the variance of average precision is the sum of squared influences found by moving each weight', () => {
  let compared = 0;
  fc.assert(
    fc.property(samples, (list) => {
      const positive = list.map((row) => ({ ...row, weight: row.weight + 1 }));
      const rows = rowsOf(positive);
      const grouping = groupsOf(positive);
      const [alone, grouped] = [averagePrecisionInterval(rows), averagePrecisionInterval(rows, grouping)];
      if (alone.value === null || grouped.value === null) return;
      compared += 1;
      const each = positive.map((_, i) => influence(rows, i));
      const ofRows =
        each.reduce((sum, value, i) => sum + rows.weight[i]! * value ** 2, 0) * (rows.total / (rows.total - 1));
      expectClose(alone.value.standardError ** 2, ofRows, 1e-4, 'rows');
      const byGroup = new Float64Array(grouping.groups);
      each.forEach((value, i) => {
        byGroup[grouping.group[i]!]! += rows.weight[i]! * value;
      });
      const ofGroups =
        byGroup.reduce((sum, value) => sum + value * value, 0) * (grouping.groups / (grouping.groups - 1));
      expect(grouped.value.standardError ** 2).toBeCloseTo(ofGroups, 6);
    }),
    { numRuns: 60 },
  );
  expect(compared).toBeGreaterThan(30);
});

test('the standard error of average precision is near that of 2,000 bootstrap samples', () => {
  const table = csvRows(fixture('scores.csv'));
  const rows = scoredRows({ label: column(table, 'label'), score: column(table, 'score') });
  const { below } = createRandom(1);
  const values = Array.from({ length: 2000 }, () => {
    const weight = new Float64Array(300);
    for (let i = 0; i < 300; i++) weight[below(300)]! += 1;
    return averagePrecision(scoredRows({ ...rows, weight })).value!.averagePrecision;
  });
  const mean = values.reduce((sum, v) => sum + v, 0) / 2000;
  const se = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 1999);
  const found = averagePrecisionInterval(rows).value!;
  expect(relativeError(found.standardError, se)).toBeLessThan(0.06);
  expect(found.lower).toBeGreaterThan(0);
  expect(found.upper).toBeLessThan(1);
});

test('what has no width or too few groups is null with the reason', () => {
  const perfect = [0, 0, 1, 1].map((label, i) => ({ label, score: i, weight: 1, group: i }));
  expect(clusteredAucInterval(rowsOf(perfect), groupsOf(perfect)).reason).toMatch(/no width/);
  expect(averagePrecisionInterval(rowsOf(perfect)).value).toBeNull();
  const one = perfect.map((row) => ({ ...row, group: 0 }));
  expect(clusteredAucInterval(rowsOf(one), groupsOf(one)).reason).toMatch(/more than one group/);
  expect(averagePrecisionInterval(rowsOf(one), groupsOf(one)).reason).toMatch(/more than one/);
  expect(() => clusteredAucInterval(rowsOf(perfect), groupBy(['a']))).toThrow(/1 groups for 4 rows/);
});

describe('where an interval has no width, or no ground', () => {
  const label = Float64Array.of(0, 1, 0, 1, 1, 0, 1, 0);
  const score = Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const group = Uint32Array.of(0, 0, 1, 1, 2, 2, 3, 3);
  const rows = scoredRows({ label, score });

  test('the ends of average precision are those of its log-odds', () => {
    const { standardError, lower, upper } = averagePrecisionInterval(rows).value!;
    const theta = averagePrecision(rows).value!.averagePrecision;
    const logit = (p: number) => Math.log(p / (1 - p));
    const reach = (1.959963984540054 * standardError) / (theta * (1 - theta));
    expect(logit(lower)).toBeCloseTo(logit(theta) - reach, 12);
    expect(logit(upper)).toBeCloseTo(logit(theta) + reach, 12);
  });

  test('rows that count nothing change nothing, wherever they stand and whoever they belong to', () => {
    const withNothing = scoredRows({
      label: Float64Array.of(...label, 1, 0, 1),
      score: Float64Array.of(...score, 9, 0, 4.5),
      weight: Float64Array.of(...label.map(() => 1), 0, 0, 0),
    });
    const grouping = { group, groups: 4 };
    const more = { group: Uint32Array.of(...group, 4, 5, 6), groups: 7 };
    expect(averagePrecisionInterval(withNothing)).toEqual(averagePrecisionInterval(rows));
    expect(averagePrecisionInterval(withNothing, more)).toEqual(averagePrecisionInterval(rows, grouping));
    expect(clusteredAucInterval(withNothing, more)).toEqual(clusteredAucInterval(rows, grouping));
  });

  test.each([
    { what: 'one class', label: [1, 1, 1], score: [1, 2, 3], group: [0, 1, 2] },
    { what: 'one group with an event', label: [1, 1, 0, 0], score: [1, 3, 2, 4], group: [0, 0, 1, 2] },
    { what: 'one group with an other', label: [1, 1, 0, 0], score: [1, 3, 2, 4], group: [0, 1, 2, 2] },
    { what: 'perfect separation', label: [0, 0, 1, 1], score: [1, 2, 3, 4], group: [0, 1, 2, 3] },
  ])('AUC: $what', ({ label, score, group }) => {
    const given = scoredRows({ label: Float64Array.from(label), score: Float64Array.from(score) });
    const found = clusteredAucInterval(given, { group: Uint32Array.from(group), groups: 4 });
    expect(found.value).toBeNull();
    expect(found.reason).not.toBe('');
  });

  test.each([
    { what: 'no events', label: [0, 0], score: [1, 2], group: [0, 1], reason: /event/ },
    {
      what: 'every event before every other',
      label: [0, 0, 1, 1],
      score: [1, 2, 3, 4],
      group: [0, 1, 2, 3],
      reason: /no width/,
    },
    { what: 'one group', label: [0, 1, 0, 1], score: [1, 2, 3, 4], group: [0, 0, 0, 0], reason: /more than one/ },
  ])('average precision: $what', ({ label, score, group, reason }) => {
    const given = scoredRows({ label: Float64Array.from(label), score: Float64Array.from(score) });
    const found = averagePrecisionInterval(given, { group: Uint32Array.from(group), groups: 4 });
    expect(found).toEqual({ value: null, reason: expect.stringMatching(reason) });
  });

  test('a group is told for every row, or it is refused', () => {
    const short = { group: group.slice(1), groups: 4 };
    expect(() => averagePrecisionInterval(rows, short)).toThrow('7 groups for 8 rows');
    expect(() => clusteredAucInterval(rows, short)).toThrow('7 groups for 8 rows');
  });
});
