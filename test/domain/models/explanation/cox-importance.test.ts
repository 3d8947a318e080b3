// Importance of a Cox model against every permutation enumerated and against all pairs, its curve written out from the definition once more.
import { expect, test } from 'vitest';
import type { ChurnCox } from '#domain/models/churn-model.ts';
import { coxImportance, coxPrediction, judgedDays } from '#domain/models/explanation/cox-importance.ts';
import { partialDependence } from '#domain/models/explanation/partial-dependence.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { expectClose } from '../../../support/close.ts';

const model: Pick<ChurnCox, 'cox' | 'encoding'> & ChurnCox = {
  model: 'churn-cox',
  definition: { kind: 'contractual', horizonDays: 12, graceDays: 0, activeWithinDays: null },
  featureSet: { name: 'customer', version: 1 },
  encoding: [
    { column: 'price', kind: 'numeric', blank: 9 },
    { column: 'plan', kind: 'categorical', levels: ['a', 'b', 'c'] },
    { column: 'idle', kind: 'numeric', blank: 0 },
  ],
  cox: {
    coefficients: [
      { name: 'price', coef: 0.15 },
      { name: 'plan=b', coef: -0.8 },
      { name: 'plan=c', coef: 1.1 },
      { name: 'idle', coef: null },
    ],
    means: [10, 0.3, 0.4, 0],
    baseline: [{ time: [10, 20, 60], cumulativeHazard: [0.1, 0.4, 1] }],
  },
  followUpDays: 60,
};

interface Subscriber {
  price: number;
  plan: string;
  idle: number;
  age: number;
  lost: number;
}
/** H of the baseline above, written out. */
const H = (t: number): number =>
  t <= 10 ? t / 100 : t <= 20 ? 0.1 + (0.3 * (t - 10)) / 10 : t <= 60 ? 0.4 + (0.6 * (t - 20)) / 40 : 1;
const pLost = ({ price, plan, age }: Subscriber, days: number): number => {
  const level = plan === 'b' ? -0.8 * 0.7 - 1.1 * 0.4 : plan === 'c' ? 0.8 * 0.3 + 1.1 * 0.6 : 0.8 * 0.3 - 1.1 * 0.4;
  const shown = Number.isNaN(price) ? 9 : price;
  return 1 - Math.exp(-(H(age + days) - H(age)) * Math.exp(0.15 * (shown - 10) + level));
};
/** Mean over subscribers and the days on which one was lost, and the twelfth. */
function integratedBrier(people: readonly Subscriber[], days = daysOf(people)): number {
  let sum = 0;
  for (const each of people) for (const day of days) sum += ((each.lost <= day ? 1 : 0) - pLost(each, day)) ** 2;
  return sum / (days.length * people.length);
}
const daysOf = (people: readonly Subscriber[]): number[] => [
  ...new Set([...people.flatMap(({ lost }) => (lost <= 12 ? [lost] : [])), 12]),
];

function population(n: number, seed: number): Subscriber[] {
  const random = createRandom(seed);
  return Array.from({ length: n }, (_, i) => ({
    price: i === 0 ? Number.NaN : 5 + 10 * random.uniform(),
    plan: 'abc'[random.below(3)]!,
    idle: random.below(9),
    age: random.below(48),
    lost: random.below(2) === 0 ? 1 + random.below(12) : Number.POSITIVE_INFINITY,
  }));
}
const columns = (people: readonly Subscriber[]) => ({
  table: new Map<string, string[] | Float64Array>([
    ['price', Float64Array.from(people, ({ price }) => price)],
    ['plan', people.map(({ plan }) => plan)],
    ['idle', Float64Array.from(people, ({ idle }) => idle)],
  ]),
  age: Float64Array.from(people, ({ age }) => age),
  lostAfter: Float64Array.from(people, ({ lost }) => lost),
});

function* permutations(n: number): Generator<number[]> {
  if (n === 0) yield [];
  else
    for (const shorter of permutations(n - 1))
      for (let at = 0; at < n; at++) yield [...shorter.slice(0, at), n - 1, ...shorter.slice(at)];
}

test('importance is the mean of the integrated Brier score over all 720 permutations of six subscribers', () => {
  const people = population(6, 11);
  const found = coxImportance(model, columns(people), 12);
  expectClose(found.loss, integratedBrier(people), 1e-14, 'loss');
  expect(found.importances.map(({ feature, exact }) => [feature, exact])).toEqual([
    ['price', true],
    ['plan', true],
    ['idle', true],
  ]);
  for (const { feature, loss, importance } of found.importances) {
    let [sum, count] = [0, 0];
    for (const order of permutations(6)) {
      const name = feature as 'price' | 'plan' | 'idle';
      sum += integratedBrier(people.map((each, i) => ({ ...each, [name]: people[order[i]!]![name] })));
      count++;
    }
    expect(count).toBe(720);
    expectClose(loss, sum / count, 1e-12, feature);
    expect(Math.abs(importance - (sum / count - integratedBrier(people)))).toBeLessThan(1e-13);
  }
  // A covariate whose effect could not be estimated says nothing, so nothing is lost with it.
  expect(found.importances[2]!.importance).toBeCloseTo(0, 15);
});

test('what the model is right about is worth something: outcomes drawn from it are foretold worse without it', () => {
  const random = createRandom(5);
  const people = population(1_500, 3).map((each) => {
    const u = random.uniform();
    const day = Array.from({ length: 12 }, (_, k) => k + 1).find((k) => pLost(each, k) > u);
    return { ...each, lost: day ?? Number.POSITIVE_INFINITY };
  });
  const { importances } = coxImportance(model, columns(people), 12);
  const [price, plan] = importances;
  expect(price!.importance).toBeGreaterThan(0.002);
  expect(plan!.importance).toBeGreaterThan(0.01);
  // 1,500 prices over 12 days are more pairs than are asked for: their strata stand for them.
  expect([price!.exact, plan!.exact]).toEqual([false, true]);
  let sum = 0;
  for (const each of people.slice(0, 60))
    for (const other of people)
      for (let day = 1; day <= 12; day++)
        sum += ((each.lost <= day ? 1 : 0) - pLost({ ...each, price: other.price }, day)) ** 2;
  const own = coxImportance(model, columns(people), 12);
  expect(own).toEqual({ loss: own.loss, importances });
  const few = sum / (60 * people.length * 12);
  const now = integratedBrier(people.slice(0, 60));
  // Sixty of the rows, all their pairs: of the size that the strata say of everybody.
  expect(Math.abs(few - now - price!.importance)).toBeLessThan(0.02);
});

test('partial dependence is the mean of the curve written out, at each value, with the ages as they are', () => {
  const people = population(40, 8);
  const { table, age } = columns(people);
  const found = partialDependence(coxPrediction(model, age, 12), table, 'plan');
  expect(found.grid).toEqual(['a', 'b', 'c']);
  for (const [k, plan] of found.grid.entries()) {
    const each = people.map((one) => pLost({ ...one, plan: String(plan) }, 12)).sort((a, b) => a - b);
    expectClose(found.mean[k]!, each.reduce((sum, p) => sum + p, 0) / 40, 1e-13, String(plan));
    expectClose(found.lower[k]!, each[3]!, 1e-13, '10 %');
    expectClose(found.upper[k]!, each[35]!, 1e-13, '90 %');
  }
});

test('the curve is held against what came on the days on which contracts ended, and at the horizon', () => {
  const ends = (...days: number[]) => Float64Array.from(days);
  const never = Number.POSITIVE_INFINITY;
  expect(judgedDays(ends(7, 2, never, 7), 30)).toEqual([2, 7, 30]);
  // A table that told of all ends at once says nothing of the days before.
  expect(judgedDays(ends(30, never, 30), 30)).toEqual([30]);
  const daily = Float64Array.from({ length: 500 }, (_, i) => (i % 90) + 1);
  expect(judgedDays(daily, 90)).toEqual(Array.from({ length: 30 }, (_, k) => 3 * (k + 1)));
});

test('rows that are none, or not of one length, are refused', () => {
  const empty = columns([]);
  expect(() => coxImportance(model, empty, 12)).toThrow(RangeError);
  const { table, age, lostAfter } = columns(population(6, 1));
  expect(() => coxImportance(model, { table, age, lostAfter: lostAfter.slice(1) }, 12)).toThrow('5 outcomes for 6');
  expect(() => coxImportance(model, { table, age: age.slice(1), lostAfter: lostAfter.slice(1) }, 12)).toThrow(
    RangeError,
  );
});
