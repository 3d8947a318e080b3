// Kaplan–Meier by hand: quantiles where the curve stands still, weights beside late entries, rounding at the end, and what is refused.
import { describe, expect, test } from 'vitest';
import { RowError } from '#domain/models/fit.ts';
import * as kaplanMeier from '#domain/models/survival/kaplan-meier.ts';

const curve = (duration: number[], eventObserved: number[], more: { entry?: number[]; weight?: number[] } = {}) =>
  kaplanMeier.fit({
    duration: Float64Array.from(duration),
    eventObserved,
    ...(more.entry && { entry: Float64Array.from(more.entry) }),
    ...(more.weight && { weight: Float64Array.from(more.weight) }),
  });

describe('quantiles', () => {
  const four = curve([1, 2, 3, 4], [1, 1, 1, 1]);

  test('in the middle of the step where the curve stands exactly there, else where it falls below', () => {
    expect([...four.survival]).toEqual([0.75, 0.5, 0.25, 0]);
    expect([0.25, 0.5, 0.6, 0.75, 0.9].map((p) => kaplanMeier.quantile(four, p).value)).toEqual([1.5, 2.5, 3, 3.5, 4]);
  });

  test('up to the end of observation where it stays there, and null where it never comes', () => {
    const open = curve([1, 2, 5, 6], [1, 1, 0, 0]);
    expect([...open.survival]).toEqual([0.75, 0.5, 0.5, 0.5]);
    expect(kaplanMeier.quantile(open, 0.5).value).toBe((2 + 6) / 2);
    expect(kaplanMeier.quantile(open, 0.51).value).toBeNull();
    expect(kaplanMeier.quantile(open, 0.9).lower === null || kaplanMeier.quantile(open, 0.9).upper === null).toBe(true);
  });

  test('only of shares between 0 and 1', () => {
    for (const p of [0, 1, -0.1, 1.1, Number.NaN])
      expect(() => kaplanMeier.quantile(four, p)).toThrow(`quantile ${p} is not between 0 and 1`);
  });
});

test('a weight is so many rows, beside late entries too', () => {
  const [duration, event, entry, weight] = [
    [3, 5, 5, 8, 9, 12],
    [1, 1, 0, 1, 0, 1],
    [0, 2, 3, 5, 4, 8],
    [2, 1, 3, 2, 1, 4],
  ];
  const repeat = (column: number[]) => column.flatMap((value, i) => new Array<number>(weight![i]!).fill(value));
  const [weighted, repeated] = [
    curve(duration!, event!, { entry: entry!, weight: weight! }),
    curve(repeat(duration!), repeat(event!), { entry: repeat(entry!) }),
  ];
  for (const name of ['time', 'atRisk', 'events', 'censored', 'survival', 'cumulativeHazard', 'standardError'] as const)
    expect([...weighted[name]], name).toEqual([...repeated[name]]);
  expect([weighted.totalEvents, weighted.n]).toEqual([9, 6]);
  expect([repeated.totalEvents, repeated.n]).toEqual([9, 13]);
  // At risk just before 5: those who leave at 5 or later and came before 5: weights 1 + 3 + 1.
  expect(weighted.atRisk[1]).toBe(5);
});

test('where everybody left has the event the curve is 0, although weights are not exact in doubles', () => {
  // 0.1 + 0.2 + 0.3 − (0.1 + 0.2) is more than 0.3 by 6e-17.
  const { survival, standardError } = curve([2, 2, 1], [1, 0, 1], { entry: [1, 1, 0], weight: [0.1, 0.2, 0.3] });
  expect([...survival]).toEqual([0, 0]);
  expect(standardError).toHaveLength(0);
});

test('a censoring leaves the curve and its band as they are', () => {
  const { survival, lower, upper, standardError, cumulativeHazard } = curve([1, 2, 3, 4], [0, 1, 0, 0]);
  expect(survival[0]).toBe(1);
  expect([lower[0], upper[0], standardError[0], cumulativeHazard[0]]).toEqual([1, 1, 0, 0]);
  for (const column of [survival, lower, upper, standardError, cumulativeHazard]) expect(column[2]).toBe(column[1]);
});

test('rows and levels that cannot be are refused, in groups too', () => {
  const bad = { duration: Float64Array.of(1, -2), eventObserved: [1, 1] };
  expect(() => kaplanMeier.fit(bad)).toThrow(RowError);
  expect(() => kaplanMeier.fitGroups(bad, [0, 0], 1)).toThrow(RowError);
  const good = { duration: Float64Array.of(1, 2), eventObserved: [1, 1] };
  for (const level of [0, 1, -1, Number.NaN])
    expect(() => kaplanMeier.fit(good, { level })).toThrow(`level ${level} is not between 0 and 1`);
});

test('before the first time everybody is there, after the last the last value stays', () => {
  const three = curve([1, 2, 4], [1, 1, 0]);
  expect([0, 1, 1.5, 2, 3, 4, 99].map((t) => kaplanMeier.survivalAt(three, t))).toEqual(
    [1, 2 / 3, 2 / 3, 1 / 3, 1 / 3, 1 / 3, 1 / 3].map((s) => expect.closeTo(s, 14)),
  );
});
