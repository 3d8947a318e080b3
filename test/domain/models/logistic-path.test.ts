// The path of penalties: certificates, monotonicity, warm = cold, and cross-validation against the same computed the long way.
import { describe, expect, test } from 'vitest';
import { encodeFeatures, learnEncoding } from '#domain/models/feature-encoding.ts';
import { groupCode, makeFolds } from '#domain/models/folds.ts';
import {
  fitLogistic,
  type LogisticColumns,
  type LogisticModel,
  predictLogOdds,
  probability,
} from '#domain/models/logistic.ts';
import { crossValidate, fitPath, type PathOptions } from '#domain/models/logistic-path.ts';
import { scoreMetrics } from '#domain/models/metrics.ts';
import { worst, zip } from '../../support/close.ts';
import { csvRows, fixture } from '../../support/histories.ts';

const rows = csvRows(fixture('churn.csv'));
const names = Object.keys(rows[0]!).filter(
  (name) => !['customer_id', 'snapshot_date', 'churned', 'split'].includes(name),
);
const table = new Map(names.map((name) => [name, rows.map((row) => row[name]!)]));
const data: LogisticColumns = {
  ...encodeFeatures(table, learnEncoding(table, names)),
  label: Float64Array.from(rows, (row) => Number(row.churned)),
};
const value = <T>(answer: { ok: true; value: T } | { ok: false; reason: string }): T => {
  if (!answer.ok) throw new Error(answer.reason);
  return answer.value;
};
const standardised = ({ coefficients }: LogisticModel) => coefficients.map((each) => each.standardised);

const penalties: PathOptions[] = [{ penalty: 'l1' }, { penalty: 'elastic-net', alpha: 0.3 }, { penalty: 'l2' }];
describe.each(penalties)('$penalty', (options) => {
  // Within the tests, and once: what is made beside them is theirs to notice.
  let made: LogisticModel[] | null = null;
  const path = () => {
    made ??= value(fitPath(data, { ...options, count: 25 }));
    return made;
  };

  test('the λs go down from where the steepest coefficient wakes to a ten-thousandth of it, by one factor', () => {
    const lambdas = path().map(({ lambda }) => lambda);
    // |∂loss/∂b| at the event rate alone, of columns of mean 0 and variance 1.
    const rate = data.label.reduce((sum, y) => sum + y, 0) / data.label.length;
    const slopes = data.features.map((column) => {
      const n = column.length;
      const mean = column.reduce((sum, x) => sum + x, 0) / n;
      const spread = Math.sqrt(column.reduce((sum, x) => sum + (x - mean) ** 2, 0) / n);
      return Math.abs(column.reduce((sum, x, i) => sum + ((x - mean) / spread) * (rate - data.label[i]!), 0) / n);
    });
    const share = { l1: 1, 'elastic-net': 0.3, l2: 1e-3 }[options.penalty];
    expect(Math.abs(lambdas[0]! / (Math.max(...slopes) / share) - 1)).toBeLessThan(1e-9);
    expect(Math.abs(lambdas.at(-1)! / lambdas[0]! / 1e-4 - 1)).toBeLessThan(1e-9);
    for (let i = 1; i < lambdas.length; i++)
      expect(Math.abs(lambdas[i]! / lambdas[i - 1]! / 1e-4 ** (1 / 24) - 1)).toBeLessThan(1e-9);
    const [only, ...others] = value(fitPath(data, { ...options, count: 1 }));
    expect([only!.lambda, others]).toEqual([lambdas[0], []]);
    const nothing = { ...data, features: data.features.map((column) => column.map(() => 3)) };
    expect(value(fitPath(nothing, { ...options, count: 3, ratio: 0.01 })).map(({ lambda }) => lambda)).toEqual([
      1,
      expect.closeTo(0.1, 12),
      expect.closeTo(0.01, 12),
    ]);
  });

  test('every solution is certified, and is the one a fit from nothing finds', () => {
    expect(path()).toHaveLength(25);
    for (const model of path()) {
      expect(model.kkt).toBeLessThan(1e-12);
      const cold = fitLogistic(data, { ...options, lambda: model.lambda });
      if (!cold.ok) throw new Error(cold.message);
      worst(zip(standardised(model), standardised(cold)), 1e-8);
      worst([[model.objective, cold.objective]], 1e-12);
    }
  });

  test('a weaker penalty fits the trained rows better and pays more penalty', () => {
    const alpha = options.penalty === 'l1' ? 1 : options.penalty === 'l2' ? 0 : 0.3;
    const size = (model: LogisticModel) =>
      standardised(model).reduce((sum, b) => sum + alpha * Math.abs(b) + ((1 - alpha) / 2) * b * b, 0);
    const models = path();
    const losses = models.map((model) => model.objective - model.lambda * size(model));
    for (let i = 1; i < models.length; i++) {
      expect(models[i]!.lambda).toBeLessThan(models[i - 1]!.lambda);
      expect(losses[i]!).toBeLessThanOrEqual(losses[i - 1]! + 1e-12);
      expect(size(models[i]!)).toBeGreaterThanOrEqual(size(models[i - 1]!) - 1e-12);
    }
  });

  if (options.penalty !== 'l2')
    test('λmax is where the first coefficient wakes', () => {
      const most = path()[0]!.lambda;
      expect(standardised(path()[0]!).every((b) => b === 0)).toBe(true);
      const [awake] = value(fitPath(data, { ...options, lambdas: [most * 0.999] }));
      expect(standardised(awake!).filter((b) => b !== 0).length).toBeGreaterThan(0);
    });
});

test('cross-validation equals fold by fold fits from nothing, their log loss, mean, and the one-standard-error rule', () => {
  const group = rows.map((row) => groupCode(row.customer_id!));
  const time = Float64Array.from(rows, (row) => Date.parse(row.snapshot_date!) / 86_400_000);
  const folds = value(makeFolds({ rows: rows.length, group, time }, 3));
  const found = value(crossValidate(data, { penalty: 'l1', count: 12 }, folds));
  expect(found.diagnostics).toEqual([]);
  expect(found.folds).toHaveLength(folds.length);
  const take = (at: Uint32Array): LogisticColumns => ({
    names: data.names,
    features: data.features.map((column) => Float64Array.from(at, (row) => column[row]!)),
    label: Float64Array.from(at, (row) => data.label[row]!),
  });
  const sizes = folds.map(({ validate }) => validate.length);
  const total = sizes.reduce((sum, n) => sum + n, 0);
  const weighted = (values: number[]) => values.reduce((sum, v, k) => sum + v * sizes[k]!, 0) / total;
  const expected = found.path.map(({ lambda }) => {
    const losses = folds.map(({ train, validate }) => {
      const model = fitLogistic(take(train), { penalty: 'l1', lambda });
      if (!model.ok) throw new Error(model.message);
      const { features, label } = take(validate);
      return scoreMetrics({ label, score: probability(predictLogOdds(model, features)) }).logLoss!;
    });
    const loss = weighted(losses);
    const se = Math.sqrt(weighted(losses.map((l) => (l - loss) ** 2)) / (folds.length - 1));
    return { lambda, loss, se, losses };
  });
  worst(
    zip(
      found.path.map(({ loss }) => loss),
      expected.map(({ loss }) => loss),
    ),
    1e-9,
  );
  worst(
    zip(
      found.path.map(({ standardError }) => standardError),
      expected.map(({ se }) => se),
    ),
    1e-7,
  );
  const whole = value(fitPath(data, { penalty: 'l1', count: 12 }));
  expect(found.path.map(({ nonzero }) => nonzero)).toEqual(
    whole.map(({ coefficients }) => coefficients.filter(({ coef }) => coef !== 0).length),
  );
  expect(found.path[0]!.nonzero).toBe(0);
  expect(found.path.at(-1)!.nonzero).toBeGreaterThan(3);
  const least = expected.toSorted((a, b) => a.loss - b.loss)[0]!;
  const at = expected.indexOf(least);
  folds.forEach(({ train, validate, from, until }, k) => {
    const { loss, ...told } = found.folds[k]!;
    expect(told).toEqual({ train: train.length, validate: validate.length, from, until });
    expect(loss).toBeCloseTo(expected[at]!.losses[k]!, 9);
  });
  expect(found.best).toBe(least.lambda);
  expect(found.oneStandardError).toBe(expected.find(({ loss }) => loss <= least.loss + least.se)!.lambda);
  expect(found.oneStandardError).toBeGreaterThanOrEqual(found.best);
  for (const [i, { kkt, worstKkt }] of found.path.entries()) {
    expect(Math.max(kkt, worstKkt)).toBeLessThan(1e-11);
    if (i % 6 !== 0) continue;
    const own = folds.map(
      ({ train }) => value(fitPath(take(train), { penalty: 'l1', lambdas: whole.map(({ lambda }) => lambda) }))[i]!.kkt,
    );
    expect(worstKkt).toBe(Math.max(...own));
  }
});

test('a fold that cannot be fitted is left out and named; too few folds are refused', () => {
  const label = Float64Array.of(0, 0, 1, 1, 0, 1, 0, 1);
  const few: LogisticColumns = { names: ['x'], features: [Float64Array.of(1, 5, 3, 2, 5, 4, 1, 2)], label };
  const fold = (train: number[], validate: number[]) => ({
    train: Uint32Array.from(train),
    validate: Uint32Array.from(validate),
    from: null,
    until: null,
  });
  const good = [fold([0, 1, 2, 3], [4, 5]), fold([2, 3, 4, 5, 6], [0, 7])];
  const bad = fold([0, 1], [2, 3]);
  const found = value(crossValidate(few, { penalty: 'l2', count: 3 }, [bad, ...good]));
  expect(found.folds).toHaveLength(2);
  expect(found.diagnostics).toEqual([
    { code: 'fold-left-out', message: 'fold 1 of 3 is left out: all labels are equal: there is nothing to learn' },
  ]);
  expect(crossValidate(few, { penalty: 'l2' }, [bad, good[0]!])).toEqual({
    ok: false,
    reason: 'only 1 of 2 folds could be used; two are needed',
  });
  const one = { ...few, label: label.map(() => 1) };
  expect(fitPath(one, { penalty: 'l1' })).toMatchObject({ ok: false });
});
