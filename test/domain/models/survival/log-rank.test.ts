// Weighted log-rank tests beside a second computation straight from the 2 × k tables, and what must not change them.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type LogRank, logRank, type TimeWeights } from '#domain/models/survival/log-rank.ts';
import { closeTo, columnsOf, type Row, repeated, someRows, weightsOf } from '#test/support/survival-rows.ts';

const ALL: TimeWeights[] = [
  'log-rank',
  'gehan',
  'tarone-ware',
  'peto-peto',
  { rho: 1 },
  { gamma: 1 },
  { rho: 0.5, gamma: 2 },
];

/** χ² of group 0 against the rest (1 degree of freedom), from every 2 × 2 table. */
function naive(rows: readonly (Row & { entry?: number })[], weights: TimeWeights): number | null {
  const times = [...new Set(rows.filter(({ event }) => event === 1).map(({ time }) => time))].sort((a, b) => a - b);
  let [u, v, before, peto] = [0, 0, 1, 1];
  for (const time of times) {
    const risk = rows.filter((row) => row.time >= time && (row.entry ?? 0) < time);
    const dead = risk.filter((row) => row.time === time && row.event === 1);
    const [n, d] = [risk.length, dead.length];
    const n0 = risk.filter(({ group }) => group === 0).length;
    const d0 = dead.filter(({ group }) => group === 0).length;
    peto *= 1 - d / (n + 1);
    const w =
      weights === 'log-rank'
        ? 1
        : weights === 'gehan'
          ? n
          : weights === 'tarone-ware'
            ? Math.sqrt(n)
            : weights === 'peto-peto'
              ? peto
              : before ** (weights.rho ?? 0) * (1 - before) ** (weights.gamma ?? 0);
    before *= 1 - d / n;
    u += w * (d0 - (d * n0) / n);
    if (n > 1) v += (w * w * n0 * (n - n0) * d * (n - d)) / (n * n * (n - 1));
  }
  return v > 1e-12 ? (u * u) / v : null;
}

const test2 = (rows: readonly Row[], weights: TimeWeights, weight?: Float64Array) =>
  logRank(
    { ...columnsOf(rows), weight },
    rows.map(({ group }) => (group === 0 ? 0 : 1)),
    2,
    { weights },
  );

describe('weighted log-rank tests', () => {
  test.each(ALL.map((weights) => [JSON.stringify(weights), weights] as const))(
    '%s is what the tables of each time give, and a weight is as many rows',
    (_, weights) => {
      fc.assert(
        fc.property(someRows(2), (rows) => {
          const ours = test2(rows, weights);
          const want = naive(rows, weights);
          if (want === null) expect(ours?.chiSquare ?? 0).toBeCloseTo(0, 9);
          else expect(ours!.chiSquare).toBeCloseTo(want, 8);
          const weighted = test2(rows, weights, weightsOf(rows));
          const long = test2(repeated(rows), weights);
          expect(weighted?.chiSquare ?? 0).toBeCloseTo(long?.chiSquare ?? 0, 8);
        }),
      );
    },
  );

  test.each(ALL.map((weights) => [JSON.stringify(weights), weights] as const))(
    '%s with late entry: nobody is at risk before they came, nor at the very time they come',
    (_, weights) => {
      fc.assert(
        fc.property(
          someRows(2),
          fc.array(fc.integer({ min: 0, max: 7 }), { minLength: 30, maxLength: 30 }),
          (rows, late) => {
            const given = rows.map((row, i) => ({ ...row, entry: Math.min(late[i]!, row.time - 1) }));
            const ours = logRank(
              { ...columnsOf(given), entry: Float64Array.from(given, ({ entry }) => entry) },
              given.map(({ group }) => (group === 0 ? 0 : 1)),
              2,
              { weights },
            );
            const want = naive(given, weights);
            if (want === null) expect(ours?.chiSquare ?? 0).toBeCloseTo(0, 9);
            else expect(ours!.chiSquare).toBeCloseTo(want, 8);
          },
        ),
      );
    },
  );

  const of = (rows: readonly Row[], weights: TimeWeights, strata?: number[]): LogRank | undefined =>
    logRank(
      columnsOf(rows),
      rows.map(({ group }) => group),
      3,
      { weights, strata },
    );

  test('neither the order of the rows nor the unit of time changes them, and a stratum per copy adds their evidence', () => {
    fc.assert(
      fc.property(
        someRows(3),
        fc.constantFrom(...ALL),
        fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
        (rows, weights, unit) => {
          const once = of(rows, weights);
          const turned = of([...rows].reverse(), weights);
          const scaled = of(
            rows.map((row) => ({ ...row, time: row.time * unit })),
            weights,
          );
          expect(
            closeTo([turned?.chiSquare ?? 0, scaled?.chiSquare ?? 0], [once?.chiSquare ?? 0, once?.chiSquare ?? 0]),
          ).toBe(true);
          const twice = of([...rows, ...rows], weights, [...rows.map(() => 0), ...rows.map(() => 1)]);
          // Observed, expected and variance double, so (2u)²/(2v) is twice u²/v.
          expect(closeTo([twice?.chiSquare ?? 0], [2 * (once?.chiSquare ?? 0)])).toBe(true);
        },
      ),
    );
  });

  test('nothing to compare is undefined; a negative exponent is refused', () => {
    const columns = { duration: Float64Array.of(1, 1, 1), eventObserved: [1, 1, 1] };
    expect(logRank(columns, [0, 1, 0], 2)).toBeUndefined();
    expect(logRank({ duration: Float64Array.of(3), eventObserved: [1] }, [0], 1)).toBeUndefined();
    expect(() => logRank(columns, [0, 1, 0], 2, { weights: { rho: -1 } })).toThrow('must be numbers ≥ 0');
    expect(() => logRank(columns, [0, 1, 0], 2, { weights: { gamma: -1 } })).toThrow('must be numbers ≥ 0');
    expect(() => logRank(columns, [0, 1, 0], 2, { weights: { rho: Infinity } })).toThrow('must be numbers ≥ 0');
    expect(() => logRank({ ...columns, eventObserved: [1, 2, 1] }, [0, 1, 0], 2)).toThrow('row 2');
  });
});
