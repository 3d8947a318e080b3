// Uno's concordance, AUC over time and Brier score: the values scikit-survival's own tests publish, naive O(n²) sums, and invariances.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { brierOverTime } from '#domain/models/survival/brier-over-time.ts';
import { concordance } from '#domain/models/survival/concordance.ts';
import { fit as fitCurve } from '#domain/models/survival/kaplan-meier.ts';
import { aucOverTime } from '#domain/models/survival/time-dependent-auc.ts';
import { columnsOf, type Row, repeated, someRows, weightsOf } from '#test/support/survival-rows.ts';

const columns = (time: number[], event: number[]) => ({ duration: Float64Array.from(time), eventObserved: event });
const scoreOf = (rows: readonly Row[]) => Float64Array.from(rows, ({ x }) => x);

/** G(t−) by the definition: events leave before the censorings of their time. */
function naiveG(rows: readonly Row[], t: number, upToT = false): number {
  const times = [...new Set(rows.map(({ time }) => time))].filter((u) => (upToT ? u <= t : u < t));
  return times.reduce((g, u) => {
    const censored = rows.filter(({ time, event }) => time === u && event === 0).length;
    const risk = rows.filter(({ time, event }) => time > u || (time === u && event === 0)).length;
    return risk === 0 ? g : g * (1 - censored / risk);
  }, 1);
}

/** Concordance pair by pair, with g(t) of each event. */
function naiveConcordance(rows: readonly Row[], weight: readonly number[], g: (t: number) => number): number | null {
  let [good, all] = [0, 0];
  rows.forEach((a, i) => {
    rows.forEach((b, j) => {
      if (i === j || a.event === 0 || !(b.time > a.time || (b.time === a.time && b.event === 0))) return;
      const w = weight[i]! * weight[j]! * g(a.time);
      all += w;
      good += a.x > b.x ? w : a.x === b.x ? w / 2 : 0;
    });
  });
  return all > 0 ? good / all : null;
}

describe("Uno's concordance", () => {
  const time = [1, 5, 6, 10, 11, 34, 45, 46, 50, 56];
  const event = [0, 1, 1, 0, 1, 0, 1, 0, 0, 1];

  test.each([
    ['no ties', [5, 8, 11, 19, 34, 12, 3, 9, 12, 20], 0.347890360332615],
    ['one tied score', [5, 8, 11, 11, 34, 12, 3, 9, 12, 20], 0.365629810028969],
    ['two tied scores', [5, 8, 11, 11, 34, 12, 11, 9, 12, 20], 0.387865723332956],
  ])('%s: as scikit-survival publishes (tests/test_metrics.py)', (_, score, value) => {
    expect(concordance(columns(time, event), Float64Array.from(score), { uno: true }).value).toBeCloseTo(value, 7);
  });

  test('with the censoring of other rows and a last time, as scikit-survival publishes', () => {
    const train = columns([2, 4, 6, 8, 10, 11, 15, 19], [0, 1, 0, 1, 0, 0, 0, 0]);
    const measured = columns([1, 3, 5, 8, 12, 13], [1, 0, 0, 1, 1, 1]);
    const ours = concordance(measured, Float64Array.of(5, 8, 13, 11, 9, 4), { uno: true, censoring: train, tau: 19 });
    expect(ours.value).toBeCloseTo(0.7543736528146774, 13);
    const later = columns([1, 3, 5, 7, 12, 13, 20], [1, 0, 0, 1, 1, 0, 0]);
    const all = concordance(later, Float64Array.of(5, 8, 13, 11, 9, 7, 4), { uno: true, censoring: train });
    expect(all.value).toBeCloseTo(0.8126567565914234, 13);
  });

  test("pair by pair, up to a last time too; Harrell's with weights; and its error from numerical derivatives", () => {
    fc.assert(
      fc.property(someRows(2, 15), fc.integer({ min: 1, max: 9 }), (rows, tau) => {
        const ones = rows.map(() => 1);
        const uno = concordance(columnsOf(rows), scoreOf(rows), { uno: true, tau });
        const want = naiveConcordance(rows, ones, (t) => (t < tau ? naiveG(rows, t) ** -2 : 0));
        if (want === null) expect(uno.value).toBeNull();
        else expect(uno.value).toBeCloseTo(want, 10);
        const weight = weightsOf(rows);
        const harrell = concordance({ ...columnsOf(rows), weight }, scoreOf(rows));
        const plain = naiveConcordance(rows, Array.from(weight), () => 1);
        if (plain === null) {
          expect(harrell).toMatchObject({ value: null, standardError: null });
          return;
        }
        expect(harrell.value).toBeCloseTo(plain, 10);
        const step = 1e-5;
        const variance = rows.reduce((sum, _, i) => {
          const moved = (by: number) =>
            naiveConcordance(
              rows,
              Array.from(weight, (w, j) => (i === j ? w + by : w)),
              () => 1,
            )!;
          return sum + (weight[i]! * ((moved(step) - moved(-step)) / (2 * step))) ** 2;
        }, 0);
        expect(harrell.standardError! ** 2).toBeCloseTo(variance, 7);
      }),
    );
  });

  test('late entries: only who is there is compared; strata never are', () => {
    fc.assert(
      fc.property(someRows(2, 15), (rows) => {
        const entry = Float64Array.from(rows, ({ time, z }) => time - 1 - z);
        let [good, all] = [0, 0];
        rows.forEach((a, i) => {
          rows.forEach((b, j) => {
            const there = b.time > a.time || (b.time === a.time && b.event === 0);
            if (i === j || a.event === 0 || a.group !== b.group || !there || entry[j]! >= a.time) return;
            all += 1;
            good += a.x > b.x ? 1 : a.x === b.x ? 0.5 : 0;
          });
        });
        const strata = rows.map(({ group }) => group);
        const { value } = concordance({ ...columnsOf(rows), entry }, scoreOf(rows), { strata });
        if (all === 0) expect(value).toBeNull();
        else expect(value).toBeCloseTo(good / all, 12);
      }),
    );
  });
});

describe('AUC over time', () => {
  const time = [10.88, 19.78, 40.92, 98.7, 70.19, 10.15, 28.95, 29.57, 17.9, 63.78, 36.22, 83.14, 13.69, 99.51, 3.19];
  const event = [1, 0, 1, 0, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 1];
  const score = Float64Array.of(
    -1.019,
    -0.016,
    0.132,
    0.269,
    -0.777,
    -1.077,
    0.894,
    -1.227,
    -0.417,
    0.072,
    -1.275,
    -0.91,
    -0.825,
    -0.292,
    -0.045,
  );
  const train = columns(
    [
      77.6, 57.6, 66.6, 67.0, 31.5, 5.5, 67.4, 43.7, 31.7, 71.9, 81.1, 56.2, 88.1, 2.9, 62.0, 17.2, 88.0, 26.4, 93.5,
      79.9,
    ],
    [1, 1, 0, 1, 0, 1, 1, 1, 1, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1],
  );

  test.each([
    ['one time', [28], [0.362963], 0.362963],
    ['two times', [15, 66], [0.3030303, 0.45], 0.3943949],
    ['from the first to the last', [3.19, 15, 66, 99.51 - 1e-6], [0.6428571, 0.3030303, 0.45, 0.3162996], 0.3999539],
  ])('%s: as scikit-survival publishes (tests/test_metrics.py)', (_, times, auc, mean) => {
    const ours = aucOverTime(columns(time, event), score, times);
    for (const [k, point] of ours.points.entries()) expect(point.auc).toBeCloseTo(auc[k]!, 6);
    expect(ours.mean).toBeCloseTo(mean, 6);
  });

  test('with the censoring of other rows, as scikit-survival publishes', () => {
    const ours = aucOverTime(columns(time, event), score, [15, 66], train);
    expect(ours.points.map(({ auc }) => auc)).toEqual([expect.closeTo(0.3030303, 6), expect.closeTo(0.4357061, 6)]);
    expect(ours.mean).toBeCloseTo(0.385509, 6);
  });

  test('pair by pair; a weight is as many rows; neither order nor unit of time matters', () => {
    fc.assert(
      fc.property(someRows(2, 20), fc.integer({ min: 1, max: 8 }), (rows, t) => {
        let [won, all] = [0, 0];
        for (const a of rows)
          for (const b of rows) {
            if (a.event === 0 || a.time > t || b.time <= t) continue;
            const w = 1 / naiveG(rows, a.time);
            all += w;
            won += a.x > b.x ? w : a.x === b.x ? w / 2 : 0;
          }
        const [point] = aucOverTime(columnsOf(rows), scoreOf(rows), [t]).points;
        if (all === 0) expect(point!.auc).toBeNull();
        else expect(point!.auc).toBeCloseTo(won / all, 10);
        const long = repeated(rows);
        const weighted = aucOverTime({ ...columnsOf(rows), weight: weightsOf(rows) }, scoreOf(rows), [t, t + 1]);
        const scaled = [...long].reverse().map((row) => ({ ...row, time: row.time * 3 }));
        const same = aucOverTime(columnsOf(scaled), scoreOf(scaled), [3 * t, 3 * t + 3]);
        expect(weighted.mean ?? 0).toBeCloseTo(same.mean ?? 0, 9);
      }),
    );
  });
});

describe('Brier score over time', () => {
  test('without censoring it is the plain Brier score of being there', () => {
    const predicted = [0.9, 0.6, 0.3, 0.2];
    const { points } = brierOverTime(columns([5, 4, 2, 1], [1, 1, 1, 1]), [3], [predicted]);
    expect(points[0]!.brier).toBeCloseTo((0.01 + 0.16 + 0.09 + 0.04) / 4, 14);
    expect(points[0]!.reference).toBeCloseTo(0.25, 14);
  });

  test('row by row; a weight is as many rows; where everybody was censored it is null', () => {
    fc.assert(
      fc.property(someRows(2, 20), fc.integer({ min: 1, max: 8 }), (rows, t) => {
        const predicted = rows.map(({ x }) => (x + 3) / 6);
        const ours = brierOverTime(columnsOf(rows), [t], [predicted]).points[0]!;
        const atT = naiveG(rows, t, true);
        if (atT === 0) {
          expect(ours).toEqual({ time: t, brier: null, reference: null });
          return;
        }
        const sum = rows.reduce((total, { time, event }, i) => {
          const s = predicted[i]!;
          if (time > t) return total + (1 - s) ** 2 / atT;
          return event === 1 ? total + s ** 2 / naiveG(rows, time) : total;
        }, 0);
        expect(ours.brier).toBeCloseTo(sum / rows.length, 10);
        const weighted = brierOverTime({ ...columnsOf(rows), weight: weightsOf(rows) }, [t], [predicted]);
        const long = repeated(rows);
        const same = brierOverTime(columnsOf(long), [t], [long.map(({ x }) => (x + 3) / 6)]);
        expect(weighted.points[0]!.brier).toBeCloseTo(same.points[0]!.brier!, 9);
      }),
    );
  });

  test('the integral is over the times that have a score, at least two of them', () => {
    // Everybody left is censored at 3: later there is no score.
    const given = columns([1, 2, 3, 3], [1, 1, 0, 0]);
    const flat = (value: number) => [value, value, value, value];
    const over = (times: number[]) =>
      brierOverTime(
        given,
        times,
        times.map(() => flat(0.5)),
      );
    const both = over([1, 2, 4]);
    expect(both.points.map(({ brier }) => brier === null)).toEqual([false, false, true]);
    expect(both.integrated).toEqual(over([1, 2]).integrated);
    expect(both.integrated).toMatchObject({ from: 1, to: 2 });
    expect(both.integrated!.value).toBeCloseTo(0.25, 14);
    expect(over([1, 4]).integrated).toBeNull();
    expect(over([4, 5]).integrated).toBeNull();
  });

  test('the Kaplan–Meier curve has no skill over itself, and the integral of a constant is that constant', () => {
    const rows = columns([1, 2, 3, 4, 5, 6], [1, 0, 1, 1, 0, 1]);
    const curve = fitCurve(rows);
    const times = [1, 2, 3, 4];
    const same = times.map((t) => new Array(6).fill(curve.survival[curve.time.indexOf(t)]!));
    const { integrated, points } = brierOverTime(rows, times, same);
    expect(integrated).toMatchObject({ from: 1, to: 4, skill: expect.closeTo(0, 12) });
    for (const { brier, reference } of points) expect(brier).toBe(reference);
    const half = brierOverTime(
      columns([9, 9, 9], [0, 0, 1]),
      [1, 2, 5],
      [
        [0.5, 0.5, 0.5],
        [0.5, 0.5, 0.5],
        [0.5, 0.5, 0.5],
      ],
    );
    expect(half.integrated).toMatchObject({ value: 0.25, reference: 0, skill: null });
    expect(brierOverTime(rows, [2], [same[1]!]).integrated).toBeNull();
  });
});
