// ROC, precision-recall, gain and profit curves against counting row by row.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gainTable, precisionRecallCurve, profitCurve, rocCurve } from '#domain/models/ranking-curves.ts';
import { auc, averagePrecision } from '#domain/models/ranking-metrics.ts';
import { type ScoredColumns, scoredRows } from '#domain/models/scored-rows.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { column, csvRows, fixture } from '../../support/histories.ts';

const cases = fc
  .array(
    fc.record({
      label: fc.integer({ min: 0, max: 1 }),
      score: fc.integer({ min: -5, max: 5 }),
      weight: fc.integer({ min: 0, max: 2 }),
    }),
    { minLength: 2, maxLength: 30 },
  )
  .map((rows) => ({
    label: Float64Array.from(rows, ({ label }) => label),
    score: Float64Array.from(rows, ({ score }) => score),
    weight: Float64Array.from(rows, ({ weight }) => weight),
  }));

/** Weight of events and others at or above a threshold. */
function above({ label, score, weight }: ScoredColumns, threshold: number | null): [number, number] {
  const sums: [number, number] = [0, 0];
  if (threshold === null) return sums;
  for (let i = 0; i < label.length; i++) if (score[i]! >= threshold) sums[label[i] === 1 ? 0 : 1] += weight![i]!;
  return sums;
}

const trapezoid = (points: readonly { x: number; y: number }[]) =>
  points.slice(1).reduce((sum, { x, y }, i) => sum + ((x - points[i]!.x) * (y + points[i]!.y)) / 2, 0);

test('each ROC point is the share of events and of others at or above its threshold, and the area is the AUC', () => {
  fc.assert(
    fc.property(cases, (columns) => {
      const rows = scoredRows(columns);
      const found = rocCurve(rows);
      const area = auc(rows);
      expect(found.value === null).toBe(area.value === null);
      if (found.value === null) return;
      const { points } = found.value;
      for (const { threshold, falsePositiveRate, truePositiveRate } of points) {
        const [events, others] = above(columns, threshold);
        expect(truePositiveRate).toBeCloseTo(events / rows.positives, 12);
        expect(falsePositiveRate).toBeCloseTo(others / rows.negatives, 12);
      }
      expect(points[0]).toEqual({ threshold: null, falsePositiveRate: 0, truePositiveRate: 0 });
      expect(points.at(-1)).toMatchObject({ falsePositiveRate: 1, truePositiveRate: 1 });
      expect(found.value.area).toBeCloseTo(area.value!, 12);
      // Nothing is thinned here, only straight runs are: the drawn area is the area.
      expect(trapezoid(points.map((p) => ({ x: p.falsePositiveRate, y: p.truePositiveRate })))).toBeCloseTo(
        area.value!,
        12,
      );
    }),
  );
});

test('a thinned curve of 100,000 scores has about as many points as asked, and lies within 2/points of the whole one', () => {
  const random = createRandom(5);
  const n = 100_000;
  const label = Float64Array.from({ length: n }, () => (random.uniform() < 0.3 ? 1 : 0));
  const score = label.map((y) => y + 1.5 * random.normal());
  const rows = scoredRows({ label, score });
  const [thin, whole] = [rocCurve(rows, 100).value!, rocCurve(rows, n * 2).value!];
  expect(thin.points.length).toBeLessThanOrEqual(103);
  expect(thin.points.length).toBeGreaterThan(80);
  expect(thin.area).toBe(whole.area);
  let furthest = 0;
  let at = 1;
  for (const { falsePositiveRate: x, truePositiveRate: y } of whole.points) {
    while (thin.points[at]!.falsePositiveRate < x && at < thin.points.length - 1) at++;
    const [a, b] = [thin.points[at - 1]!, thin.points[at]!];
    const run = b.falsePositiveRate - a.falsePositiveRate;
    const line =
      run === 0
        ? y
        : a.truePositiveRate + ((x - a.falsePositiveRate) / run) * (b.truePositiveRate - a.truePositiveRate);
    furthest = Math.max(furthest, Math.abs(y - line));
  }
  expect(furthest).toBeLessThan(0.02);
});

test.each([
  {
    what: 'steps up and to the right',
    events: [1, 1, 0, 1, 0, 0],
    others: [0, 0, 1, 0, 1, 1],
    kept: [null, 5, 4, 3, 1],
  },
  { what: 'a slope of 1', events: [1, 1, 1], others: [1, 1, 1], kept: [null, 4] },
  { what: 'a slope of 2 and one of 1/2', events: [2, 4, 1, 3], others: [1, 2, 2, 6], kept: [null, 5, 3] },
  { what: 'slopes that turn at every score', events: [3, 2, 1], others: [1, 2, 3], kept: [null, 6, 5, 4] },
])('only corners are drawn: $what', ({ events, others, kept }) => {
  // Two rows a score, from 6 downwards: the events with their weight, the others with theirs.
  const rows = scoredRows({
    label: Float64Array.from({ length: 2 * events.length }, (_, i) => (i + 1) % 2),
    score: Float64Array.from({ length: 2 * events.length }, (_, i) => 6 - Math.floor(i / 2)),
    weight: Float64Array.from(events.flatMap((p, i) => [p, others[i]!])),
  });
  expect(rocCurve(rows).value!.points.map(({ threshold }) => threshold)).toEqual(kept);
  // As many as asked are not too many; one less leaves nobody and everybody.
  expect(rocCurve(rows, kept.length).value!.points).toHaveLength(kept.length);
  const ends = rocCurve(rows, 1).value!.points.map(({ threshold }) => threshold);
  expect([ends[0], ends.at(-1)]).toEqual([null, kept.at(-1)]);
});

test('precision and recall by counting; their steps add up to average precision when no run is straight', () => {
  fc.assert(
    fc.property(cases, (columns) => {
      const rows = scoredRows(columns);
      const curve = precisionRecallCurve(rows);
      if (curve.value === null) {
        expect(rows.positives).toBe(0);
        return;
      }
      for (const { threshold, recall, precision } of curve.value) {
        const [events, others] = above(columns, threshold);
        expect(recall).toBeCloseTo(events / rows.positives, 12);
        expect(precision).toBeCloseTo(events / (events + others), 12);
      }
      expect(curve.value.at(-1)?.recall).toBe(1);
    }),
  );
  // Three distinct rates in a row: no three points are in line.
  const rows = scoredRows({ label: Float64Array.of(1, 0, 1, 0, 0, 1), score: Float64Array.of(6, 5, 4, 3, 2, 1) });
  let [sum, before] = [0, 0];
  for (const { recall, precision } of precisionRecallCurve(rows).value!) {
    sum += (recall - before) * precision;
    before = recall;
  }
  expect(sum).toBeCloseTo(averagePrecision(rows).value!.averagePrecision, 12);
});

describe('gain', () => {
  test('tenths of scores.csv by sorting and counting', () => {
    const table = csvRows(fixture('scores.csv'));
    const [label, score] = [column(table, 'label'), column(table, 'score')];
    const gains = gainTable(scoredRows({ label, score })).value!;
    expect(gains).toHaveLength(10);
    // Rows of one score count with their mean label, which is what sharing out in proportion means.
    const expected = Array.from(score, (s) => {
      const same = Array.from(label).filter((_, i) => score[i] === s);
      return { s, y: same.reduce((a, b) => a + b, 0) / same.length };
    }).sort((a, b) => b.s - a.s);
    const events = label.reduce((a, b) => a + b, 0);
    gains.forEach(({ captured, lift, share, rate, threshold }, k) => {
      expect(share).toBeCloseTo((k + 1) / 10, 15);
      expect(threshold).toBe(expected[30 * (k + 1) - 1]!.s);
      const sum = (from: number, to: number) => expected.slice(from, to).reduce((all, { y }) => all + y, 0);
      expect(captured).toBeCloseTo(sum(0, 30 * (k + 1)) / events, 12);
      expect(lift).toBeCloseTo(captured / share, 12);
      expect(rate).toBeCloseTo(sum(30 * k, 30 * (k + 1)) / 30, 12);
    });
  });
  test('does not depend on the order of the rows', () => {
    fc.assert(
      fc.property(cases, fc.infiniteStream(fc.nat()), (columns, keys) => {
        const order = Array.from(columns.label, (_, i) => ({ i, key: keys.next().value })).sort(
          (a, b) => a.key - b.key,
        );
        const shuffled = {
          label: Float64Array.from(order, ({ i }) => columns.label[i]!),
          score: Float64Array.from(order, ({ i }) => columns.score[i]!),
          weight: Float64Array.from(order, ({ i }) => columns.weight[i]!),
        };
        expect(gainTable(scoredRows(shuffled))).toEqual(gainTable(scoredRows(columns)));
      }),
    );
  });
});

describe('profit', () => {
  test('the best cut is the best of all cuts', () => {
    fc.assert(
      fc.property(cases, fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 9 }), (columns, cost, benefit) => {
        const rows = scoredRows(columns);
        const found = profitCurve(rows, { cost, benefit });
        if (found.value === null) {
          expect(rows.total).toBe(0);
          return;
        }
        const profit = (threshold: number | null) => {
          const [events, others] = above(columns, threshold);
          return benefit * events - cost * (events + others);
        };
        const cuts = [null, ...columns.score];
        expect(found.value.best.profit).toBe(Math.max(...cuts.map(profit)));
        for (const point of found.value.points) expect(point.profit).toBe(profit(point.threshold));
        expect(found.value.everyone).toBe(profit(Math.min(...columns.score)));
        expect(found.value.points).toContainEqual(found.value.best);
      }),
    );
  });
  test('of a calibrated score the best cut is where cost meets expected benefit', () => {
    const random = createRandom(3);
    const score = Float64Array.from({ length: 200_000 }, () => Math.round(random.uniform() * 100) / 100);
    const label = score.map((p) => (random.uniform() < p ? 1 : 0));
    const { best, breakEven } = profitCurve(scoredRows({ label, score }), { cost: 3, benefit: 10 }).value!;
    expect(breakEven).toBe(0.3);
    expect(Math.abs(best.threshold! - 0.3)).toBeLessThan(0.03);
  });
  test('among many scores the best cut is drawn too, in its place, once', () => {
    const random = createRandom(11);
    const label = Float64Array.from({ length: 2_000 }, () => (random.uniform() < 0.3 ? 1 : 0));
    const rows = scoredRows({ label, score: label.map((y) => y + random.normal()) });
    const best = [1, 1.5, 2, 3, 4, 6].map((benefit) => {
      const found = profitCurve(rows, { cost: 1, benefit }, 10).value!;
      const { points } = found;
      expect(points).toContainEqual(found.best);
      expect(points.map(({ share }) => share)).toEqual(
        [...new Set(points.map(({ share }) => share))].sort((a, b) => a - b),
      );
      expect(points.length).toBeLessThanOrEqual(14);
      for (const { share, threshold } of points)
        expect(share * 2_000).toBeCloseTo(
          threshold === null ? 0 : rows.score.reduce((n, each) => n + (each >= threshold ? 1 : 0), 0),
          9,
        );
      return found.best.share;
    });
    expect(new Set(best).size).toBeGreaterThan(3);
  });
  test('the first of several best cuts is taken, and one that thinning kept stands there once', () => {
    const rows = scoredRows({ label: Float64Array.of(1, 0, 0), score: Float64Array.of(3, 2, 1) });
    const free = profitCurve(rows, { cost: 0, benefit: 5 }).value!;
    expect(free.best).toMatchObject({ threshold: 3, profit: 5 });
    expect(free.points.map(({ threshold }) => threshold)).toEqual([null, 3, 1]);
  });
  test('refuses what is no offer, and rows that count nothing', () => {
    const none = scoredRows({ label: Float64Array.of(1), score: Float64Array.of(1), weight: Float64Array.of(0) });
    expect(profitCurve(none, { cost: 1, benefit: 2 })).toEqual({ value: null, reason: 'no rows with weight' });
    expect(gainTable(none).value).toBeNull();
    expect(precisionRecallCurve(none).value).toBeNull();
    const rows = scoredRows({ label: Float64Array.of(1), score: Float64Array.of(1) });
    expect(() => profitCurve(rows, { cost: -1, benefit: 2 })).toThrow(/cost -1/);
    expect(() => profitCurve(rows, { cost: 1, benefit: Infinity })).toThrow(/benefit Infinity/);
    expect(profitCurve(rows, { cost: 2, benefit: 1 }).value!.best).toEqual({ threshold: null, share: 0, profit: 0 });
    expect(profitCurve(rows, { cost: 2, benefit: 0 }).value!.breakEven).toBeNull();
  });
});
