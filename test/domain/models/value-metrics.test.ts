// Forecasts of value: ranking by value against a sorted list, totals and intervals against hand-made ones.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ForecastColumns, forecastMetrics, valueConcentration } from '#domain/models/value-metrics.ts';
import { worst } from '../../support/close.ts';
import { describeShared, sharedJson } from '../../support/shared.ts';

const amounts = fc
  .array(fc.record({ actual: fc.integer({ min: 0, max: 50 }), forecast: fc.integer({ min: 0, max: 6 }) }), {
    minLength: 2,
    maxLength: 40,
  })
  .map((rows) => ({
    actual: Float64Array.from(rows, ({ actual }) => actual),
    forecast: Float64Array.from(rows, ({ forecast }) => forecast),
  }));

/** Gini as Σ over pairs: the mean difference of actual value in the direction of the forecast, over twice the mean. */
function pairwise(actual: Float64Array, forecast: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < actual.length; i++)
    for (let j = 0; j < actual.length; j++) sum += Math.sign(forecast[i]! - forecast[j]!) * (actual[i]! - actual[j]!);
  const mean = actual.reduce((a, b) => a + b, 0) / actual.length;
  return sum / (2 * actual.length ** 2 * mean);
}

test('the Gini of the value ranking is the mean difference over all pairs; perfect order is 1, reversed −1', () => {
  fc.assert(
    fc.property(amounts, ({ actual, forecast }) => {
      const found = valueConcentration(actual, forecast);
      if (found.value === null) {
        expect(new Set(actual).size === 1 || actual.every((a) => a === 0)).toBe(true);
        return;
      }
      expect(found.value.gini).toBeCloseTo(pairwise(actual, forecast), 12);
      expect(found.value.normalised).toBeCloseTo(pairwise(actual, forecast) / pairwise(actual, actual), 12);
      expect(valueConcentration(actual, actual).value!.normalised).toBeCloseTo(1, 12);
      expect(
        valueConcentration(
          actual,
          actual.map((a) => -a),
        ).value!.normalised,
      ).toBeCloseTo(-1, 12);
      expect(found.value.topTenth).toBeLessThanOrEqual(found.value.topTenthPerfect + 1e-12);
    }),
  );
});

test('weights are repetitions', () => {
  fc.assert(
    fc.property(amounts, fc.infiniteStream(fc.integer({ min: 0, max: 3 })), ({ actual, forecast }, times) => {
      const weight = actual.map(() => times.next().value);
      const repeat = (values: Float64Array) =>
        Float64Array.from([...values].flatMap((value, i) => new Array<number>(weight[i]!).fill(value)));
      const interval = { lower: forecast.map((f) => f - 3), upper: forecast.map((f) => f + 9), level: 0.9 };
      const whole = forecastMetrics({ actual, forecast, weight, interval });
      const repeated = forecastMetrics({
        actual: repeat(actual),
        forecast: repeat(forecast),
        interval: { ...interval, lower: repeat(interval.lower), upper: repeat(interval.upper) },
      });
      for (const name of [
        'mae',
        'rmse',
        'wape',
        'smape',
        'meanError',
        'coverage',
        'coverageLower',
        'intervalScore',
        'correlation',
      ] as const)
        if (repeated[name] === null) expect(whole[name], name).toBeNull();
        else expect(whole[name], name).toBeCloseTo(repeated[name], 10);
      expect(whole.concentration?.gini ?? null).toEqual(
        repeated.concentration === null ? null : expect.closeTo(repeated.concentration.gini, 10),
      );
    }),
  );
});

describeShared('forecast_metrics.json through forecastMetrics', ['golden/forecast_metrics.json'], () => {
  test('equals scikit-learn and the stated definitions', () => {
    const file = sharedJson<Record<string, number> & Record<string, number[]>>('golden', 'forecast_metrics.json');
    const [actual, forecast, lower, upper] = ['actual', 'forecast', 'q10', 'q90'].map((name) =>
      Float64Array.from(file[name]!),
    ) as [Float64Array, Float64Array, Float64Array, Float64Array];
    const found = forecastMetrics({
      actual,
      forecast,
      interval: { lower, upper, level: 0.8 },
      quantiles: [
        { level: 0.1, value: lower },
        { level: 0.9, value: upper },
      ],
    });
    worst(
      [
        [found.mae, file.mae!],
        [found.rmse, file.rmse!],
        [found.wape, file.wape!],
        [found.smape, file.smape_0_200!],
        [found.intervalScore, file.winkler_80!],
        [found.coverage, file.coverage_80!],
        [found.pinball[0]!.loss, file.pinball_10!],
        [found.pinball[1]!.loss, file.pinball_90!],
      ],
      1e-12,
    );
  });
});

test('what is not defined is null with the reason, and bad rows are named', () => {
  const of = (actual: number[], rest: Partial<ForecastColumns> = {}) =>
    forecastMetrics({ actual: Float64Array.from(actual), forecast: new Float64Array(actual.length).fill(1), ...rest });
  const zero = of([0, 0]);
  for (const [name, value] of Object.entries(zero))
    if (value === null) expect(zero.undefined, name).toHaveProperty(name);
  expect(zero).toMatchObject({ totalError: null, wape: null, mape: null, concentration: null, coverage: null, mae: 1 });
  expect(of([]).mae).toBeNull();
  expect(zero.undefined.correlation).toMatch(/never varies/);
  expect(of([1, -2]).undefined.concentration).toMatch(/negative/);
  expect(of([3, 3]).undefined.concentration).toMatch(/equal/);
  expect(of([2, 4], { naive: Float64Array.of(4, 4) }).maeOverNaive).toBe(2);
  expect(of([2, 4], { naive: Float64Array.of(2, 4) }).undefined.maeOverNaive).toMatch(/no error/);
  expect(() => of([1, Number.NaN])).toThrow(/row 2, column actual/);
  expect(() => of([1, 2], { weight: Float64Array.of(1, -1) })).toThrow(/row 2, column weight/);
  expect(() => of([1], { interval: { lower: Float64Array.of(2), upper: Float64Array.of(1), level: 0.9 } })).toThrow(
    /above the upper/,
  );
  expect(() => of([1], { interval: { lower: Float64Array.of(0), upper: Float64Array.of(1), level: 90 } })).toThrow(
    /level 90/,
  );
  expect(() => of([1, 2], { naive: Float64Array.of(1) })).toThrow(/naive has 1 rows/);
});
