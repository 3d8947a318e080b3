// Scores of forecasts against their definitions written out, of everything that is told about forecasts of value against sums by hand, and what is null
// or refused, each by its name.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  intervalScore,
  mape,
  mapeWhereNonZero,
  mase,
  meanAbsoluteError,
  meanError,
  pinballLoss,
  rootMeanSquaredError,
  smape,
  wape,
} from '#domain/models/forecast-metrics.ts';
import { type ForecastColumns, forecastMetrics } from '#domain/models/value-metrics.ts';

interface Row {
  a: number;
  f: number;
  w: number;
  low: number;
  high: number;
}
const cents = (most: number) => fc.integer({ min: -100 * most, max: 100 * most }).map((n) => n / 100);
const rows = fc.array(
  fc
    .record({ a: cents(50), f: cents(50), w: fc.integer({ min: 0, max: 3 }), l: cents(60), h: cents(60) })
    .map(({ a, f, w, l, h }): Row => ({ a, f, w, low: Math.min(l, h), high: Math.max(l, h) })),
  { minLength: 1, maxLength: 30 },
);
const of = (list: readonly Row[], name: keyof Row) => Float64Array.from(list, (row) => row[name]);
/** Σ w·term / Σ w; null without weight. */
const by = (list: readonly Row[], term: (row: Row) => number): number | null => {
  const counted = list.filter(({ w }) => w > 0);
  const total = counted.reduce((sum, { w }) => sum + w, 0);
  return total === 0 ? null : counted.reduce((sum, row) => sum + row.w * term(row), 0) / total;
};
const near = (found: number | null, held: number | null, name: string) => {
  if (held === null) expect(found, name).toBeNull();
  else expect(Math.abs(found! - held), name).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(held)));
};

test('point, quantile and interval scores are their definitions, rows counted by weight', () => {
  fc.assert(
    fc.property(rows, fc.double({ min: 0.05, max: 0.95, noNaN: true }), (list, tau) => {
      const [a, f, w, low, high] = (['a', 'f', 'w', 'low', 'high'] as const).map((name) => of(list, name)) as [
        Float64Array,
        Float64Array,
        Float64Array,
        Float64Array,
        Float64Array,
      ];
      const miss = (row: Row) => Math.abs(row.a - row.f);
      near(meanAbsoluteError(a, f, w).value, by(list, miss), 'mae');
      near(
        meanError(a, f, w).value,
        by(list, (row) => row.f - row.a),
        'mean error',
      );
      const squared = by(list, (row) => miss(row) ** 2);
      near(rootMeanSquaredError(a, f, w).value, squared === null ? null : Math.sqrt(squared), 'rmse');
      near(
        smape(a, f, w).value,
        by(list, (row) => (row.a === 0 && row.f === 0 ? 0 : (200 * miss(row)) / (Math.abs(row.a) + Math.abs(row.f)))),
        'smape',
      );
      near(
        mape(a, f, w).value,
        list.some((row) => row.a === 0) ? null : by(list, (row) => miss(row) / Math.abs(row.a)),
        'mape',
      );
      const told = list.filter((row) => row.a !== 0);
      const { error, n } = mapeWhereNonZero(a, f, w);
      near(
        error.value,
        by(told, (row) => miss(row) / Math.abs(row.a)),
        'mape of what is not 0',
      );
      near(
        n,
        told.reduce((sum, row) => sum + row.w, 0),
        'rows of it',
      );
      const size = by(list, (row) => Math.abs(row.a));
      near(wape(a, f, w).value, size === null || size === 0 ? null : by(list, miss)! / size, 'wape');
      near(
        pinballLoss(a, f, tau, w).value,
        by(list, (row) => (row.a >= row.f ? tau * (row.a - row.f) : (1 - tau) * (row.f - row.a))),
        'pinball',
      );
      const { score, coverage } = intervalScore(a, low, high, tau, w);
      near(
        coverage.value,
        by(list, (row) => Number(row.low <= row.a && row.a <= row.high)),
        'coverage',
      );
      const outside = (row: Row) => (row.a < row.low ? row.low - row.a : row.a > row.high ? row.a - row.high : 0);
      near(
        score.value,
        by(list, (row) => row.high - row.low + (2 * outside(row)) / (1 - tau)),
        'interval score',
      );
    }),
  );
});

test('MASE scales by the naive error of the training series, a season before', () => {
  const [actual, forecast, train] = [Float64Array.of(4, 8), Float64Array.of(5, 5), Float64Array.of(1, 4, 2, 9, 3)];
  expect(mase(actual, forecast, train).value).toBeCloseTo(2 / ((3 + 2 + 7 + 6) / 4), 14);
  expect(mase(actual, forecast, train, 3).value).toBeCloseTo(2 / ((8 + 1) / 2), 14);
  expect(mase(actual, forecast, train, 5).reason).toMatch(/not longer than the season/);
  expect(mase(actual, forecast, train, 9).reason).toMatch(/not longer than the season/);
  expect(mase(actual, forecast, Float64Array.of(3, 3, 3)).reason).toMatch(/never changes/);
  expect(mase(new Float64Array(), new Float64Array(), train).reason).toBe('no rows');
});

test('columns of different lengths are refused', () => {
  const [two, three] = [new Float64Array(2), new Float64Array(3)];
  for (const wrong of [
    () => meanAbsoluteError(two, three),
    () => meanError(two, two, three),
    () => intervalScore(two, two, three, 0.8),
  ])
    expect(wrong).toThrow(/of one length/);
});

describe('everything that is told about forecasts of value', () => {
  const actual = Float64Array.of(0, 10, 20, 30, 40, 0, 0, 5, 5, 90);
  const forecast = Float64Array.of(1, 12, 15, 33, 30, 2, 0, 9, 4, 70);
  const lower = forecast.map((f) => f - 5);
  const upper = forecast.map((f) => f + 10);
  const columns: ForecastColumns = {
    actual,
    forecast,
    naive: actual.map(() => 20),
    interval: { lower, upper, level: 0.8 },
    quantiles: [
      { level: 0.5, value: forecast },
      { level: 0.9, value: upper },
    ],
  };
  const told = forecastMetrics(columns);

  test('sums, ratios and shares by hand', () => {
    expect([told.n, told.actualTotal, told.forecastTotal]).toEqual([10, 200, 176]);
    expect(told.totalError).toBeCloseTo(-0.12, 14);
    const mae = (1 + 2 + 5 + 3 + 10 + 2 + 0 + 4 + 1 + 20) / 10;
    expect(told.mae).toBeCloseTo(mae, 14);
    const naive = (20 + 10 + 0 + 10 + 20 + 20 + 20 + 15 + 15 + 70) / 10;
    expect(told.maeOverNaive).toBeCloseTo(mae / naive, 14);
    expect(told.coverage).toBeCloseTo(0.9, 14);
    expect([told.coverageLower! < 0.9, told.coverageUpper! > 0.9]).toEqual([true, true]);
    // A tenth is one customer: the best by forecast is the best indeed.
    expect([told.concentration!.topTenth, told.concentration!.topTenthPerfect]).toEqual([0.45, 0.45]);
    expect(told.pinball.map(({ level, atOrUnder }) => [level, atOrUnder])).toEqual([
      [0.5, 0.6],
      [0.9, 0.9],
    ]);
    expect(told.pinball[0]!.loss).toBeCloseTo(mae / 2, 14);
    const [ma, mf] = [20, 17.6];
    const cross = actual.reduce((sum, a, i) => sum + (a - ma) * (forecast[i]! - mf), 0);
    const [va, vf] = [
      actual.reduce((sum, a) => sum + (a - ma) ** 2, 0),
      forecast.reduce((sum, f) => sum + (f - mf) ** 2, 0),
    ];
    expect(told.correlation).toBeCloseTo(cross / Math.sqrt(va * vf), 14);
    expect(Object.keys(told.undefined)).toEqual(['mape']);
  });

  test('a tenth that cuts through customers takes its share of them', () => {
    const four = forecastMetrics({ actual: Float64Array.of(10, 20, 30, 40), forecast: Float64Array.of(1, 2, 3, 4) });
    expect(four.concentration!.topTenth).toBeCloseTo((40 * 0.4) / 100, 14);
    const tied = forecastMetrics({ actual: Float64Array.of(10, 20, 30, 40), forecast: Float64Array.of(1, 2, 7, 7) });
    expect(tied.concentration!.topTenth).toBeCloseTo((70 * 0.2) / 100, 14);
    const weight = Float64Array.of(1, 1, 1, 0);
    const without = forecastMetrics({
      actual: Float64Array.of(10, 20, 30, -4),
      forecast: Float64Array.of(1, 2, 3, 9),
      weight,
    });
    expect(without.concentration!.topTenth).toBeCloseTo((30 * 0.3) / 60, 14);
  });

  test.each<[string, ForecastColumns, readonly string[]]>([
    [
      'no rows',
      { actual: new Float64Array(), forecast: new Float64Array() },
      ['mae', 'rmse', 'smape', 'meanError', 'totalError', 'correlation'],
    ],
    [
      'all zero',
      { actual: new Float64Array(3), forecast: Float64Array.of(1, 2, 3) },
      ['wape', 'mape', 'totalError', 'correlation', 'concentration'],
    ],
    [
      'all equal',
      { actual: Float64Array.of(7, 7, 7), forecast: Float64Array.of(1, 2, 3) },
      ['correlation', 'concentration'],
    ],
    [
      'a constant forecast',
      { actual: Float64Array.of(1, 2, 3), forecast: Float64Array.of(0.1, 0.1, 0.1) },
      ['correlation'],
    ],
    ['a negative value', { actual: Float64Array.of(1, -2, 3), forecast: Float64Array.of(1, 2, 3) }, ['concentration']],
    [
      'a naive forecast without error',
      { actual: Float64Array.of(1, 2), forecast: Float64Array.of(1, 3), naive: Float64Array.of(1, 2) },
      ['maeOverNaive'],
    ],
  ])('%s: what is null has its reason, and nothing else has one', (_, given, names) => {
    const { undefined: why, pinball, ...figures } = forecastMetrics(given);
    const without = Object.entries(figures).flatMap(([name, value]) => (value === null ? [name] : []));
    expect(Object.keys(why).sort()).toEqual(without.sort());
    for (const name of names) expect(why[name], name).toMatch(/\w{3}/);
    for (const [name, value] of Object.entries(figures))
      if (typeof value === 'number') expect(Number.isFinite(value), name).toBe(true);
    expect(pinball).toEqual([]);
  });

  test.each<[string, Partial<ForecastColumns>, RegExp]>([
    ['a level of 1', { quantiles: [{ level: 1, value: actual }] }, /level 1 /],
    ['a level of 0', { interval: { lower, upper, level: 0 } }, /level 0 /],
    ['an interval upside down', { interval: { lower: upper, upper: lower, level: 0.8 } }, /above the upper end/],
    ['a short forecast', { forecast: new Float64Array(3) }, /forecast has 3 rows/],
    ['a short lower end', { interval: { lower: new Float64Array(3), upper, level: 0.8 } }, /lower has 3 rows/],
    ['a short upper end', { interval: { lower, upper: new Float64Array(3), level: 0.8 } }, /upper has 3 rows/],
    ['a short quantile', { quantiles: [{ level: 0.3, value: new Float64Array(3) }] }, /quantile 0.3 has 3 rows/],
    ['no number', { forecast: forecast.map((f, i) => (i === 4 ? Number.NaN : f)) }, /not a finite number/],
    ['a negative weight', { weight: forecast.map((_, i) => (i === 4 ? -1 : 1)) }, /≥ 0/],
  ])('%s is refused', (_, changed, said) => {
    expect(() => forecastMetrics({ ...columns, ...changed })).toThrow(said);
  });

  test('an interval of one point is one', () => {
    const point = forecastMetrics({ ...columns, interval: { lower: actual, upper: actual, level: 0.8 } });
    expect([point.coverage, point.intervalScore]).toEqual([1, 0]);
  });
});
