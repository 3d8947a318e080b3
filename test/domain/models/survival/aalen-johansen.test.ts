// Competing risks: against the Kaplan–Meier curve, against a naive sum, and the variance against numerical derivatives by row.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fitGroups, fit as fitIncidence, incidenceAt } from '#domain/models/survival/aalen-johansen.ts';
import { fit as fitCurve } from '#domain/models/survival/kaplan-meier.ts';
import { closeTo, type Row, repeated, someRows, weightsOf } from '#test/support/survival-rows.ts';

/** Cause 1 or 2 for an event, by the row's group. */
const competing = (rows: readonly Row[]) => ({
  duration: Float64Array.from(rows, ({ time }) => time),
  cause: rows.map(({ event, group }) => (event === 0 ? 0 : group === 0 ? 1 : 2)),
});

/** I_k at a time, with any weights, straight from the definition. */
function naive(rows: readonly Row[], weight: readonly number[], cause: number, at: number): number {
  const { cause: causes } = competing(rows);
  const times = [...new Set(rows.map(({ time }) => time))].filter((t) => t <= at).sort((a, b) => a - b);
  let [s, incidence] = [1, 0];
  for (const t of times) {
    const sum = (keep: (i: number) => boolean) => rows.reduce((total, _, i) => total + (keep(i) ? weight[i]! : 0), 0);
    const n = sum((i) => rows[i]!.time >= t);
    incidence += (s * sum((i) => rows[i]!.time === t && causes[i] === cause)) / n;
    s *= 1 - sum((i) => rows[i]!.time === t && causes[i] !== 0) / n;
  }
  return incidence;
}

describe('the Aalen–Johansen estimate', () => {
  test('is the naive sum, makes 1 with the survival, and a weight is as many rows', () => {
    fc.assert(
      fc.property(someRows(), (rows) => {
        const curves = fitIncidence(competing(rows), 2);
        curves.time.forEach((t, j) => {
          const [a, b] = curves.causes.map(({ incidence }) => incidence[j]!);
          expect(a! + b! + curves.survival[j]!).toBeCloseTo(1, 12);
          expect(a).toBeCloseTo(
            naive(
              rows,
              rows.map(() => 1),
              1,
              t,
            ),
            12,
          );
        });
        const weighted = fitIncidence({ ...competing(rows), weight: weightsOf(rows) }, 2);
        const long = fitIncidence(competing(repeated(rows)), 2);
        for (const k of [0, 1])
          for (const name of ['incidence', 'standardError', 'lower', 'upper'] as const)
            expect(closeTo(weighted.causes[k]![name], long.causes[k]![name])).toBe(true);
      }),
    );
  });

  test('its variance is the sum of squares of the derivatives by each row, taken numerically', () => {
    fc.assert(
      fc.property(someRows(4, 14), (rows) => {
        const curves = fitIncidence(competing(rows), 2);
        const ones = rows.map(() => 1);
        const step = 1e-5;
        const at = curves.time.at(-1)!;
        const sum = rows.reduce((total, _, i) => {
          const moved = (by: number) =>
            naive(
              rows,
              ones.map((w, j) => (i === j ? w + by : w)),
              1,
              at,
            );
          return total + ((moved(step) - moved(-step)) / (2 * step)) ** 2;
        }, 0);
        expect(curves.causes[0]!.standardError.at(-1)! ** 2).toBeCloseTo(sum, 8);
      }),
    );
  });

  test('with one cause it is 1 − Kaplan–Meier with Greenwood’s error, late entries included', () => {
    fc.assert(
      fc.property(someRows(), fc.boolean(), (rows, late) => {
        const columns = {
          ...competing(rows),
          entry: late ? Float64Array.from(rows, ({ time, z }) => Math.max(-1, time - 1 - z)) : undefined,
        };
        const eventObserved = rows.map(({ event }) => event);
        const curve = fitCurve({ ...columns, eventObserved });
        const { causes, atRisk } = fitIncidence({ ...columns, cause: eventObserved }, 1);
        expect(
          closeTo(
            causes[0]!.incidence,
            curve.survival.map((s) => 1 - s),
          ),
        ).toBe(true);
        const known = curve.standardError.length;
        expect(closeTo(causes[0]!.standardError.slice(0, known), curve.standardError)).toBe(true);
        expect(closeTo(atRisk, curve.atRisk)).toBe(true);
      }),
    );
  });

  test('two causes are exchanged with their codes; neither order nor unit of time matters; limits hold the estimate', () => {
    fc.assert(
      fc.property(someRows(), fc.constantFrom('log-log', 'log', 'plain' as const), (rows, band) => {
        const columns = competing(rows);
        const curves = fitIncidence(columns, 2, { band });
        const swapped = fitIncidence({ ...columns, cause: columns.cause.map((k) => (k === 0 ? 0 : 3 - k)) }, 2, {
          band,
        });
        expect(closeTo(swapped.causes[1]!.upper, curves.causes[0]!.upper)).toBe(true);
        const turned = fitIncidence(competing([...rows].reverse().map((row) => ({ ...row, time: row.time * 7 }))), 2, {
          band,
        });
        expect(closeTo(turned.causes[0]!.lower, curves.causes[0]!.lower)).toBe(true);
        for (const { incidence, lower, upper } of curves.causes)
          incidence.forEach((value, j) => {
            expect(Number.isFinite(lower[j]! + upper[j]!)).toBe(true);
            expect(lower[j]! <= value + 1e-12 && value <= upper[j]! + 1e-12 && lower[j]! >= 0 && upper[j]! <= 1).toBe(
              true,
            );
          });
      }),
    );
  });

  test('one minus Kaplan–Meier with the other cause as censored is never below it', () => {
    fc.assert(
      fc.property(someRows(), (rows) => {
        const columns = competing(rows);
        const curves = fitIncidence(columns, 2);
        const alone = fitCurve({
          duration: columns.duration,
          eventObserved: columns.cause.map((k) => (k === 1 ? 1 : 0)),
        });
        for (const [j, value] of curves.causes[0]!.incidence.entries())
          expect(1 - alone.survival[j]!).toBeGreaterThanOrEqual(value - 1e-12);
      }),
    );
  });

  test('the worked example, groups, and a value between times', () => {
    const columns = { duration: Float64Array.of(1, 2, 3, 4), cause: [1, 2, 0, 1] };
    const curves = fitIncidence(columns, 2);
    expect(closeTo(curves.causes[0]!.incidence, [0.25, 0.25, 0.25, 0.75])).toBe(true);
    expect([incidenceAt(curves, 1, 0.5), incidenceAt(curves, 2, 3.5)]).toEqual([0, 0.25]);
    expect([incidenceAt(curves, 1, 1), incidenceAt(curves, 1, 4), incidenceAt(curves, 2, 2)]).toEqual([
      0.25, 0.75, 0.25,
    ]);
    expect(curves.causes.map(({ totalEvents }) => totalEvents)).toEqual([2, 1]);
    // Limits on the log-log scale: I^exp(±z·se/(I·ln I)), as for a survival curve.
    const { incidence, standardError, lower, upper } = curves.causes[0]!;
    const reach = (1.959963984540054 * standardError[0]!) / (incidence[0]! * Math.log(incidence[0]!));
    expect(closeTo([lower[0]!, upper[0]!], [0.25 ** Math.exp(-reach), 0.25 ** Math.exp(reach)])).toBe(true);
    const groups = fitGroups(columns, 2, [0, 1, 0, 1], 3);
    expect(groups.map(({ n, time }) => [n, time.length])).toEqual([
      [2, 2],
      [2, 2],
      [0, 0],
    ]);
  });

  test('all censored: nothing happened, without NaN; a single row; an unknown cause is named', () => {
    const { causes, survival } = fitIncidence({ duration: Float64Array.of(1, 2), cause: [0, 0] }, 2);
    expect([...causes[0]!.incidence, ...causes[0]!.standardError, ...causes[0]!.upper]).toEqual([0, 0, 0, 0, 0, 0]);
    expect(Array.from(survival)).toEqual([1, 1]);
    expect(Array.from(fitIncidence({ duration: Float64Array.of(5), cause: [2] }, 2).causes[1]!.incidence)).toEqual([1]);
    for (const cause of [3, -1, 0.5])
      expect(() => fitIncidence({ duration: Float64Array.of(1, 2), cause: [1, cause] }, 2)).toThrow(
        'row 2, column cause',
      );
    for (const causes of [0, -1, 1.5])
      expect(() => fitIncidence({ duration: Float64Array.of(1, 2), cause: [0, 0] }, causes)).toThrow(
        `${causes} causes`,
      );
    expect(() => fitIncidence({ duration: Float64Array.of(1, -2), cause: [1, 1] }, 2)).toThrow(
      'row 2, column duration',
    );
  });
});
