// What must hold of every Kaplan–Meier curve: the definition by hand, monotonicity, and what must not change it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fit as fitCurve, fitGroups, quantile, riskTable, survivalAt } from '#domain/models/survival/kaplan-meier.ts';
import { restrictedMean } from '#domain/models/survival/restricted-mean.ts';
import { closeTo, columnsOf, type Row, someRows } from '#test/support/survival-rows.ts';

const bands = fc.constantFrom('log-log', 'log', 'plain' as const);

/** S(t) by the definition. */
const naive = (rows: readonly Row[], t: number) =>
  [...new Set(rows.map(({ time }) => time))]
    .filter((u) => u <= t)
    .reduce((s, u) => {
      const risk = rows.filter(({ time }) => time >= u).length;
      return s * (1 - rows.filter(({ time, event }) => time === u && event === 1).length / risk);
    }, 1);

describe('the Kaplan–Meier curve', () => {
  test('is its definition, falls from 1, and lies within its limits', () => {
    fc.assert(
      fc.property(someRows(), bands, (rows, band) => {
        const curve = fitCurve(columnsOf(rows), { band });
        curve.time.forEach((t, j) => {
          expect(curve.survival[j]).toBeCloseTo(naive(rows, t), 12);
          expect(curve.survival[j]! <= (j === 0 ? 1 : curve.survival[j - 1]!)).toBe(true);
          if (j < curve.lower.length)
            expect(curve.lower[j]! <= curve.survival[j]! && curve.survival[j]! <= curve.upper[j]!).toBe(true);
        });
        // S = exp(−H) at most: 1 − x ≤ e^−x.
        expect(curve.survival.every((s, j) => s <= Math.exp(-curve.cumulativeHazard[j]!) + 1e-12)).toBe(true);
      }),
    );
  });

  test('a higher confidence is a wider band', () => {
    fc.assert(
      fc.property(someRows(), bands, (rows, band) => {
        const [narrow, wide] = [0.8, 0.99].map((level) => fitCurve(columnsOf(rows), { band, level }));
        narrow!.lower.forEach((lower, j) => {
          expect(wide!.lower[j]! <= lower + 1e-12 && wide!.upper[j]! >= narrow!.upper[j]! - 1e-12).toBe(true);
        });
      }),
    );
  });

  test('the order of rows does not matter, and the unit of time only moves the times', () => {
    fc.assert(
      fc.property(someRows(), fc.constantFrom(0.25, 7, 24 * 3600), (rows, unit) => {
        const curve = fitCurve(columnsOf(rows));
        const turned = fitCurve(columnsOf([...rows].reverse()));
        const scaled = fitCurve(columnsOf(rows.map((row) => ({ ...row, time: row.time * unit }))));
        for (const other of [turned, scaled]) {
          expect(Array.from(other.survival)).toEqual(Array.from(curve.survival));
          expect(Array.from(other.upper)).toEqual(Array.from(curve.upper));
        }
        expect(Array.from(scaled.time)).toEqual(Array.from(curve.time, (t) => t * unit));
        const median = quantile(curve, 0.5).value;
        expect(quantile(scaled, 0.5).value).toBe(median === null ? null : median * unit);
        expect(restrictedMean(scaled, 5 * unit).value).toBeCloseTo(restrictedMean(curve, 5).value * unit, 5);
      }),
    );
  });

  test('at its quantile the curve has fallen that far, and not before', () => {
    fc.assert(
      fc.property(someRows(), fc.constantFrom(0.1, 0.25, 0.5, 0.75), (rows, p) => {
        const curve = fitCurve(columnsOf(rows));
        const { value } = quantile(curve, p);
        if (value === null) expect(curve.survival.at(-1)).toBeGreaterThan(1 - p);
        else {
          expect(survivalAt(curve, value)).toBeLessThanOrEqual(1 - p + 1e-7);
          expect(survivalAt(curve, Math.min(value, curve.time[0]!) - 1e-9)).toBe(1);
          const before = curve.time.filter((t) => t < value).at(-1);
          // In the middle of a step that stands just there, the time before is on it.
          if (before !== undefined) expect(survivalAt(curve, before)).toBeGreaterThanOrEqual(1 - p - 1e-7);
        }
      }),
    );
  });

  test('tables of two parts add up to that of the whole, and rows alike may be one row with their number', () => {
    fc.assert(
      fc.property(someRows(2), (rows) => {
        const whole = riskTable(columnsOf(rows));
        const parts = [rows.filter((_, i) => i % 2 === 0), rows.filter((_, i) => i % 2 === 1)].map((part) =>
          riskTable(columnsOf(part)),
        );
        whole.time.forEach((t, j) => {
          const sum = (name: 'events' | 'censored') =>
            parts.reduce((total, part) => total + (part[name][part.time.indexOf(t)] ?? 0), 0);
          expect([sum('events'), sum('censored')]).toEqual([whole.events[j], whole.censored[j]]);
          const atRisk = parts.reduce(
            (total, part) => total + (part.atRisk[part.time.findIndex((u) => u >= t)] ?? 0),
            0,
          );
          expect(atRisk).toBe(whole.atRisk[j]);
        });
        const keys = [...new Set(rows.map(({ time, event }) => time * 2 + event))];
        const merged = {
          duration: Float64Array.from(keys, (key) => Math.floor(key / 2)),
          eventObserved: keys.map((key) => key % 2),
          weight: Float64Array.from(keys, (key) => rows.filter(({ time, event }) => time * 2 + event === key).length),
        };
        const [one, other] = [fitCurve(merged), fitCurve(columnsOf(rows))];
        for (const name of ['survival', 'standardError', 'lower', 'upper', 'cumulativeHazardError'] as const)
          expect(closeTo(one[name], other[name])).toBe(true);
      }),
    );
  });

  test('groups are the curves of their rows, an empty one too', () => {
    fc.assert(
      fc.property(someRows(), (rows) => {
        const curves = fitGroups(
          columnsOf(rows),
          rows.map(({ group }) => group),
          3,
        );
        curves.forEach((curve, g) => {
          const own = rows.filter(({ group }) => group === g);
          expect(curve.n).toBe(own.length);
          if (own.length > 0) expect(Array.from(curve.lower)).toEqual(Array.from(fitCurve(columnsOf(own)).lower));
        });
      }),
    );
  });
});
