// Permutation importance against every permutation enumerated, the fast logistic form against all pairs, partial dependence by hand.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { logisticImportance } from '#domain/models/explanation/logistic-importance.ts';
import { partialDependence } from '#domain/models/explanation/partial-dependence.ts';
import { permutationImportance } from '#domain/models/explanation/permutation-importance.ts';
import type { FeatureTable } from '#domain/models/feature-encoding.ts';
import { type LogisticArtefact, scoreColumns } from '#domain/models/logistic-model.ts';
import { scoreMetrics } from '#domain/models/metrics.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { expectClose } from '../../../support/close.ts';

const model = (calibration: LogisticArtefact['calibration'] = { method: 'identity' }): LogisticArtefact => ({
  model: 'logistic',
  encoding: [
    { column: 'use', kind: 'numeric', blank: 0 },
    { column: 'plan', kind: 'categorical', levels: ['a', 'b', 'c'] },
    { column: 'idle', kind: 'numeric', blank: 0 },
  ],
  intercept: 0.2,
  coefficients: [
    ['use', -1.3],
    ['plan=b', 0.9],
    ['plan=c', -2],
    ['idle', 0],
  ].map(([name, coef]) => ({ name: String(name), coef: Number(coef), standardised: 0, mean: 0, sd: 1 })),
  calibration,
});
const predictBy = (artefact: LogisticArtefact) => (table: FeatureTable) => {
  const answer = scoreColumns(artefact, table);
  if (!answer.ok) throw new Error(answer.reason.message);
  return answer.value.probability;
};

function population(n: number, seed: number) {
  const random = createRandom(seed);
  const table: FeatureTable = new Map<string, string[] | Float64Array>([
    ['use', Float64Array.from({ length: n }, () => 3 * random.normal())],
    ['plan', Array.from({ length: n }, () => 'abc'[random.below(3)]!)],
    ['idle', Float64Array.from({ length: n }, () => random.normal())],
  ]);
  const label = predictBy(model())(table).map((p) => (random.uniform() < p ? 1 : 0));
  return { table, label };
}

function* permutations(n: number): Generator<number[]> {
  if (n === 0) yield [];
  else
    for (const shorter of permutations(n - 1))
      for (let at = 0; at < n; at++) yield [...shorter.slice(0, at), n - 1, ...shorter.slice(at)];
}

const LOSSES = [
  ['brier', 'brier'],
  ['log-loss', 'logLoss'],
] as const;

describe.each(LOSSES)('%s', (loss, metric) => {
  test('is the mean of the metric over all 120 permutations of five rows', () => {
    const { table, label } = population(5, 3);
    label.set([0, 1, 0, 1, 1]);
    const predict = predictBy(model());
    const found = permutationImportance(predict, table, ['use', 'plan'], label, { loss });
    for (const { feature, loss: permuted, exact } of found.importances) {
      const column = table.get(feature)!;
      let [sum, count] = [0, 0];
      for (const order of permutations(5)) {
        const dealt =
          column instanceof Float64Array ? column.map((_, i) => column[order[i]!]!) : order.map((i) => column[i]!);
        sum += scoreMetrics({ label, score: predict(new Map([...table, [feature, dealt]])) })[metric]!;
        count++;
      }
      expect(count).toBe(120);
      expectClose(permuted, sum / count, 1e-12, feature);
      expect(exact).toBe(true);
    }
    expectClose(found.loss, scoreMetrics({ label, score: predict(table) })[metric]!, 1e-14, 'loss');
  });

  test.each([
    { method: 'identity' },
    { method: 'platt', A: -0.7, B: 0.3 },
    { method: 'isotonic', x: [-3, 0, 2], y: [0.05, 0.5, 0.95] },
  ] as const)('the logistic form equals all pairs, calibration $method', (told) => {
    const calibration = told.method === 'isotonic' ? { ...told, x: [...told.x], y: [...told.y] } : told;
    const { table, label } = population(400, 9);
    const weight = label.map((_, i) => i % 3);
    const artefact = model(calibration);
    const pairs = permutationImportance(predictBy(artefact), table, ['use', 'plan', 'idle'], label, { loss, weight });
    const fast = logisticImportance(artefact, table, label, { loss, weight });
    expectClose(fast.loss, pairs.loss, 1e-13, 'loss');
    fast.importances.forEach(({ feature, loss: permuted, exact }, i) => {
      expect(feature).toBe(pairs.importances[i]!.feature);
      expect(exact).toBe(true);
      expectClose(permuted, pairs.importances[i]!.loss, 1e-12, feature);
    });
  });

  test('what the model leans on matters, what it does not use matters not at all', () => {
    const { table, label } = population(3000, 4);
    const [use, plan, idle] = logisticImportance(model(), table, label, { loss }).importances;
    expect(use!.importance).toBeGreaterThan(plan!.importance);
    expect(plan!.importance).toBeGreaterThan(0.01);
    expect(Math.abs(idle!.importance)).toBeLessThan(1e-12);
  });
});

test('does not depend on the order of the rows; weights are repetitions', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), (seed) => {
      const { table, label } = population(12, seed);
      const random = createRandom(seed);
      const order = Array.from({ length: 12 }, (_, i) => i).sort(() => random.uniform() - 0.5);
      const weight = label.map(() => random.below(3));
      weight[0] = 1;
      const take = (rows: readonly number[]) => ({
        table: new Map(
          Array.from(table, ([name, column]) => [
            name,
            column instanceof Float64Array ? Float64Array.from(rows, (i) => column[i]!) : rows.map((i) => column[i]!),
          ]),
        ),
        label: Float64Array.from(rows, (i) => label[i]!),
      });
      const of = (rows: ReturnType<typeof take>, weights?: Float64Array) =>
        logisticImportance(model(), rows.table, rows.label, { loss: 'brier', weight: weights }).importances;
      const whole = of(
        take(order),
        Float64Array.from(order, (i) => weight[i]!),
      );
      const repeated = of(take(order.flatMap((i) => new Array<number>(weight[i]!).fill(i))));
      const inOrder = of(take([...order].sort((a, b) => a - b)), weight);
      whole.forEach(({ importance }, i) => {
        expect(importance).toBeCloseTo(repeated[i]!.importance, 12);
        expect(importance).toBeCloseTo(inOrder[i]!.importance, 12);
      });
    }),
    { numRuns: 40 },
  );
});

test('too many pairs are sampled in strata, and say so; the answer is near', () => {
  const { table, label } = population(500, 6);
  const predict = predictBy(model());
  const [exact] = permutationImportance(predict, table, ['use'], label, { loss: 'brier' }).importances;
  const [sampled] = permutationImportance(predict, table, ['use'], label, {
    loss: 'brier',
    mostPredictions: 500 * 50,
  }).importances;
  expect(sampled!.exact).toBe(false);
  expect(Math.abs(sampled!.importance / exact!.importance - 1)).toBeLessThan(0.02);
});

test('misuse is named', () => {
  const { table, label } = population(5, 1);
  const predict = predictBy(model());
  expect(() => permutationImportance(predict, table, ['ghost'], label, { loss: 'brier' })).toThrow(/no column 'ghost'/);
  expect(() =>
    permutationImportance(
      predict,
      table,
      ['use'],
      label.map(() => 2),
      { loss: 'brier' },
    ),
  ).toThrow(/0 or 1/);
  expect(() =>
    logisticImportance(
      model(),
      new Map([...table, ['use', new Float64Array(5).fill(Number.POSITIVE_INFINITY)]]),
      label,
      { loss: 'brier' },
    ),
  ).toThrow(/row 1, column use/);
  expect(() => partialDependence(predict, table, 'use', { rows: [7] })).toThrow(/row 7/);
  expect(() => partialDependence(predict, table, 'use', { grid: ['x'] })).toThrow(/'x' is no value/);
});

describe('partial dependence', () => {
  const { table, label } = population(60, 2);
  const predict = predictBy(model());
  test('is the mean of the curves of all rows, and lies between their 10 % and 90 % points', () => {
    const rows = Array.from(label, (_, i) => i);
    const { grid, mean, lower, upper, ice } = partialDependence(predict, table, 'use', { rows });
    expect(grid).toHaveLength(21);
    expect(grid[0]).toBe(Math.min(...(table.get('use') as Float64Array)));
    expect(grid.at(-1)).toBe(Math.max(...(table.get('use') as Float64Array)));
    grid.forEach((_, k) => {
      const at = ice.map(({ predictions }) => predictions[k]!).sort((a, b) => a - b);
      expect(mean[k]).toBeCloseTo(at.reduce((sum, p) => sum + p, 0) / at.length, 12);
      expect(lower[k]).toBe(at[5]);
      expect(upper[k]).toBe(at[53]);
    });
    // More use, less churn: the coefficient is negative.
    expect(mean).toEqual([...mean].sort((a, b) => b - a));
  });
  test('a category is taken level by level; a row keeps its own prediction at its own value', () => {
    const { grid, ice } = partialDependence(predict, table, 'plan', { rows: [3] });
    expect(grid).toEqual(['a', 'b', 'c']);
    const own = grid.indexOf((table.get('plan') as string[])[3]!);
    expect(ice[0]!.predictions[own]).toBe(predict(table)[3]);
  });
});
