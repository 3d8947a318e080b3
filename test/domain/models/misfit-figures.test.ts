// The figures behind the findings about a fit, by hand.
import { describe, expect, test } from 'vitest';
import { models } from '#domain/models/catalogue.ts';
import { type ClvModel, expectedOfNewCustomer } from '#domain/models/clv-model.ts';
import type { CompressedSummary } from '#domain/models/compress.ts';
import { holdoutTotals, splitDay } from '#domain/models/holdout.ts';
import { checkFit, type FittedPurchases } from '#domain/models/misfit.ts';
import { simulateBuyers } from '../../support/purchases.ts';

const summaryOf = (
  rows: readonly (readonly [x: number, tx: number, T: number, weight: number])[],
): CompressedSummary => {
  const column = (k: 0 | 1 | 2 | 3) => Float64Array.from(rows, (row) => row[k]);
  return { frequency: column(0), recency: column(1), T: column(2), weight: column(3) };
};

describe('the day that splits a history', () => {
  test.each([
    { first: null, last: 500, day: null },
    { first: 100, last: 219, day: null },
    { first: 100, last: 220, day: 190 },
    { first: -50, last: 71, day: 40 },
  ])('$first … $last: $day', ({ first, last, day }) => {
    expect(splitDay(first, last)).toBe(day);
  });
});

describe('held-out totals', () => {
  const atSplit = summaryOf([
    [50, 8, 10, 1],
    [60, 18, 20, 2],
    [0, 0, 10, 3],
  ]);
  /** The second one bought 25 times more; one came on the day of the split, one in the half day after it, one later. */
  const atEnd = (bought: number) =>
    summaryOf([
      [50 + bought, 14, 15, 1],
      [85, 24, 25, 2],
      [0, 0, 15, 3],
      [10, 4, 5, 1],
      [7, 4, 5 - 1 / 14 - 1e-9, 1],
      [9, 4, 5 - 1 / 7, 1],
    ]);
  const rate = (x: number, tx: number, T: number, span: number) => ((x + 1) * span) / T + tx / 100;

  test('count who was known at the split, by weight: the model, what came, and each own rate', () => {
    const expected = 25.5 + 0.08 + 2 * (15.25 + 0.18) + 3 * 0.5;
    const totals = holdoutTotals((...of) => 4 * rate(...of), atSplit, atEnd(40), 5)!;
    expect(totals.expected).toBeCloseTo(4 * expected, 12);
    expect(totals.actual).toBe(40 + 2 * 25 + 10);
    expect(totals.naive).toBeCloseTo(25 + 2 * 15, 12);
    expect(totals.error).toBeCloseTo((4 * expected) / 100 - 1, 12);
    expect(totals.naiveError).toBeCloseTo(0.55 - 1, 12);
  });

  test('need a hundred purchases on either side', () => {
    const exactly = (n: number) => holdoutTotals((x) => (x === 50 ? n : 0), atSplit, atEnd(40), 5);
    expect(exactly(100)).not.toBeNull();
    expect(exactly(99.9)).toBeNull();
    expect(holdoutTotals(() => 1e3, atSplit, atEnd(39), 5)).toBeNull();
  });
});

describe('tracking', () => {
  const customers = simulateBuyers({ customers: 400, seed: 5, shape: 1 });
  const last = customers.flat().reduce((most, day) => Math.max(most, day), 0);
  const rows = customers.map((days) => {
    const first = Math.min(...days);
    return [days.length - 1, (Math.max(...days) - first) / 7, (last - first) / 7, 2] as const;
  });
  const summary = summaryOf(rows);
  const actual = rows.reduce((sum, [x]) => sum + 2 * x, 0);
  const naive = rows.reduce((sum, [x, tx, T]) => (x === 0 ? sum : sum + (2 * x * T) / tx), 0);

  test.each(['bg-nbd', 'mbg-nbd', 'pareto-nbd'] as const)(
    '%s: what new customers would have bought up to now',
    (name) => {
      const fitted = models[name].fitCompressed(summary, 'week');
      if (!fitted.ok) throw new Error(fitted.message);
      const part = { 'bg-nbd': 'bgNbd', 'mbg-nbd': 'mbgNbd', 'pareto-nbd': 'paretoNbd' }[name];
      const clv = { model: 'clv', unit: 'week', [part]: fitted.params } as unknown as ClvModel;
      const expected = rows.reduce((sum, [, , T]) => sum + 2 * expectedOfNewCustomer(clv, T * 7), 0);
      const { checks, diagnostics } = checkFit(fitted as FittedPurchases, summary, null);
      expect(checks.tracking.expected / expected).toBeCloseTo(1, 10);
      expect(checks.tracking.actual).toBe(actual);
      expect(checks.tracking.error).toBeCloseTo(expected / actual - 1, 10);
      expect(checks.tracking.naiveError).toBeCloseTo(naive / actual - 1, 10);
      expect(checks).toMatchObject({ holdout: null, regularity: null, rhythm: null });
      expect(diagnostics.map(({ code }) => code)).toEqual(name === 'pareto-nbd' ? ['tracking-error'] : []);
    },
  );

  test('more than a tenth off is said, with both figures and their signs', () => {
    const fitted = models['bg-nbd'].fitCompressed(summary, 'week');
    if (!fitted.ok) throw new Error(fitted.message);
    for (const [factor, sign] of [
      [1.4, '+'],
      [0.7, '−'],
    ] as const) {
      const wrong = { ...fitted, params: { ...fitted.params, r: fitted.params.r * factor } };
      const { checks, diagnostics } = checkFit(wrong, summary, null);
      const { expected, error, naiveError } = checks.tracking;
      expect(Math.sign(error)).toBe(sign === '+' ? 1 : -1);
      expect(diagnostics.map(({ code }) => code)).toEqual(['tracking-error']);
      const { message } = diagnostics[0]!;
      expect(message).toContain(`expects ${Math.round(expected).toLocaleString('en-US')} repeat`);
      expect(message).toContain(
        `were ${actual.toLocaleString('en-US')} (${sign}${(100 * Math.abs(error)).toFixed(1)} %;`,
      );
      expect(message).toContain(`says +${(100 * naiveError).toFixed(1)} %)`);
    }
  });
});
