// Curves of what a purchase model foretells, taken once more by hand over the same customers, and why there is none where there is none.
import { expect, test } from 'vitest';
import { type ClvModel, type CustomerHistory, expectClv } from '#domain/models/clv-model.ts';
import { HISTORY_FEATURES, historyDependence } from '#domain/models/explanation/history-dependence.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { ok } from '#domain/result.ts';
import { expectClose } from '../../../support/close.ts';

/** Fader, Hardie & Lee (2005), table 2; the spend of a Gamma-Gamma beside it. */
const model: ClvModel = {
  model: 'clv',
  unit: 'week',
  bgNbd: { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 },
  gammaGamma: { p: 6.25, q: 3.74, v: 15.44 },
};
const spend = (history: CustomerHistory) => {
  const said = expectClv(model, history, { horizonDays: 90, discountMonthly: 0 });
  return said.ok ? ok(said.value.expectedSpend) : { ok: false as const, reason: said.reason.message };
};
const must = (history: CustomerHistory): number => {
  const said = spend(history);
  if (!said.ok) throw new Error(said.reason);
  return said.value;
};

function shop(n: number) {
  const random = createRandom(4);
  return Array.from({ length: n }, (_, i) => {
    const T = 100 + random.below(300);
    if (i % 3 === 0) return { frequency: 0, recency: 0, T };
    const recency = 5 + random.below(T - 5);
    const frequency = 1 + random.below(Math.min(recency, 12));
    const money = i % 5 === 0 ? {} : { monetaryValue: 10 + 40 * random.uniform(), moneyDays: Math.ceil(frequency / 2) };
    return { frequency, recency, T, ...money };
  });
}
type History = CustomerHistory & { frequency: number; recency: number; T: number };

const SET: Record<(typeof HISTORY_FEATURES)[number], (history: History, value: number) => History> = {
  frequency: (history, value) => ({
    ...history,
    frequency: value,
    ...(history.moneyDays !== undefined && { moneyDays: Math.round((value * history.moneyDays) / history.frequency) }),
  }),
  recency_days: (history, value) => ({ ...history, recency: history.T - value }),
  age_days: (history, value) => ({ ...history, T: value, recency: history.recency + value - history.T }),
  spend_per_purchase: (history, value) => ({ ...history, monetaryValue: value }),
};

test('each curve is the mean over the customers who came back and could have every value of it', () => {
  const histories: History[] = shop(400);
  const { dependence, undefined: missing } = historyDependence(spend, histories, true);
  expect(missing).toEqual({});
  expect(dependence.map(({ feature }) => feature)).toEqual([...HISTORY_FEATURES]);
  for (const { feature, grid, mean, lower, upper, n } of dependence) {
    expect(grid).toEqual([...new Set(grid)].sort((a, b) => a - b));
    const of = histories.filter(
      (history) =>
        history.frequency > 0 &&
        (feature !== 'spend_per_purchase' || history.monetaryValue !== undefined) &&
        grid.every((value) => {
          const { frequency, recency, T } = SET[feature](history, value);
          return recency >= frequency && recency <= T;
        }),
    );
    expect([feature, n]).toEqual([feature, of.length]);
    expect(n).toBeGreaterThan(20);
    for (const [k, value] of grid.entries()) {
      const foretold = of.map((history) => must(SET[feature](history, value))).sort((a, b) => a - b);
      expectClose(mean[k]!, foretold.reduce((sum, each) => sum + each, 0) / of.length, 1e-12, `${feature} ${value}`);
      expect([lower[k], upper[k]]).toEqual([
        foretold[Math.ceil(0.1 * of.length) - 1],
        foretold[Math.ceil(0.9 * of.length) - 1],
      ]);
    }
  }
  const curve = Object.fromEntries(dependence.map(({ feature, mean }) => [feature, mean]));
  // Who has been silent for longer is worth less, who spends more is worth more: so it is for each, so it is on the mean.
  expect(curve.recency_days).toEqual([...curve.recency_days!].sort((a, b) => b - a));
  expect(curve.spend_per_purchase).toEqual([...curve.spend_per_purchase!].sort((a, b) => a - b));
});

test('where a curve would say nothing there is none, and why', () => {
  const few = shop(24);
  expect(historyDependence(spend, few, true).undefined).toMatchObject({
    'dependence.recency_days': expect.stringMatching(
      /^of 16 customers who came back \d+ could have any .* 20 are needed$/,
    ),
  });
  const alike = Array.from({ length: 50 }, (_, i) => ({ frequency: 2, recency: 40 + (i % 30), T: 200 }));
  const { dependence, undefined: missing } = historyDependence(spend, alike, false);
  expect(dependence.map(({ feature }) => feature)).toEqual(['recency_days']);
  expect(missing).toEqual({
    'dependence.frequency': 'it is the same for nearly all of the 50 customers who came back',
    'dependence.age_days': 'it is the same for nearly all of the 50 customers who came back',
    'dependence.spend_per_purchase': 'the model knows no money',
  });
  // A heavy tail: nobody without money has a finite mean.
  const refusing = (history: CustomerHistory) =>
    history.frequency > 2 ? { ok: false as const, reason: 'infinite' } : spend(history);
  expect(historyDependence(refusing, shop(400), true).undefined['dependence.frequency']).toBe('infinite');
  expect(historyDependence(spend, [], true).dependence).toEqual([]);
});
