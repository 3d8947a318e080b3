// Logistic regression against KKT-checked solutions on the fixture and on Telco, alone and through split, calibration and metrics.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { calibrate, fitIsotonic, fitPlatt } from '#domain/models/calibration.ts';
import { encodeFeatures, learnEncoding } from '#domain/models/feature-encoding.ts';
import {
  fitLogistic,
  type LogisticColumns,
  type LogisticModel,
  type LogisticOptions,
  predictLogOdds,
  probability,
} from '#domain/models/logistic.ts';
import { scoreMetrics } from '#domain/models/metrics.ts';
import { worst, zip } from '../../support/close.ts';
import { csvRows, fixture, golden } from '../../support/histories.ts';
import { describeShared, sharedJson, sharedPath } from '../../support/shared.ts';
import { expectMetrics, type PublishedCurve, type PublishedMetrics } from './metrics-golden.ts';

interface Published {
  columns: string[];
  fits_all_rows: {
    penalty: 'l2' | 'l1' | 'elasticnet';
    lambda_glmnet: number;
    alpha_glmnet: number;
    truth: { intercept: number; coef: number[]; objective: number; n_nonzero: number };
  }[];
  split: {
    intercept: number;
    coef: number[];
    test_first20: number[];
    train_metrics: PublishedMetrics;
    test_metrics: PublishedMetrics;
  };
  calibration_on_test_scores: { platt: { A: number; B: number }; isotonic: PublishedCurve };
}

const fitted = (data: LogisticColumns, options: LogisticOptions): LogisticModel => {
  const answer = fitLogistic(data, options);
  if (!answer.ok) throw new Error(answer.message);
  return answer;
};
const value = <T>(answer: { ok: true; value: T } | { ok: false; reason: string }): T => {
  if (!answer.ok) throw new Error(answer.reason);
  return answer.value;
};
const standardised = ({ coefficients }: LogisticModel) => coefficients.map((each) => each.standardised);
const tableOf = (rows: Record<string, string>[]): Map<string, string[]> =>
  new Map(Object.keys(rows[0]!).map((name) => [name, rows.map((row) => row[name]!)]));
const where = (data: LogisticColumns, keep: (row: number) => boolean): LogisticColumns => ({
  names: data.names,
  features: data.features.map((feature) => feature.filter((_, i) => keep(i))),
  label: data.label.filter((_, i) => keep(i)),
});

function held(data: LogisticColumns, published: Published) {
  test('the encoding makes the published columns', () => {
    expect(data.names).toEqual(published.columns);
  });
  test.each(published.fits_all_rows)('$penalty at $lambda_glmnet equals the KKT-checked solution', (fit) => {
    const ours = fitted(data, {
      penalty: fit.penalty === 'elasticnet' ? 'elastic-net' : fit.penalty,
      lambda: fit.lambda_glmnet,
      alpha: fit.alpha_glmnet,
    });
    expect(ours.kkt).toBeLessThan(1e-12);
    worst(zip([ours.standardisedIntercept, ...standardised(ours)], [fit.truth.intercept, ...fit.truth.coef]), 1e-7);
    worst([[ours.objective, fit.truth.objective]], 1e-12);
    expect(standardised(ours).filter((b) => b !== 0)).toHaveLength(fit.truth.n_nonzero);
  });
  test('train/test split, metrics and calibration equal scikit-learn', () => {
    const train = where(data, (i) => i % 5 !== 0);
    const tested = where(data, (i) => i % 5 === 0);
    const ours = fitted(train, { penalty: 'l2', lambda: 1 / train.label.length });
    worst(
      zip([ours.standardisedIntercept, ...standardised(ours)], [published.split.intercept, ...published.split.coef]),
      1e-7,
    );
    const score = predictLogOdds(ours, tested.features);
    worst(zip(probability(score).slice(0, 20), published.split.test_first20), 1e-9);
    const metrics = (rows: LogisticColumns) =>
      scoreMetrics({ label: rows.label, score: probability(predictLogOdds(ours, rows.features)) });
    expectMetrics(metrics(train), published.split.train_metrics, 1e-9);
    expectMetrics(metrics(tested), published.split.test_metrics, 1e-9);
    const { platt, isotonic } = published.calibration_on_test_scores;
    const { A, B } = value(fitPlatt({ label: tested.label, score }));
    worst(zip([A, B], [platt.A, platt.B]), 1e-9);
    const curve = value(fitIsotonic({ label: tested.label, score }));
    worst(zip(curve.x, isotonic.x_thresholds), 1e-9);
    worst(zip(curve.y, isotonic.y_thresholds), 1e-9);
    worst(zip(calibrate(curve, Float64Array.from(isotonic.grid)), isotonic.grid_pred), 1e-9);
  });
}

describe('churn.csv', () => {
  const rows = csvRows(fixture('churn.csv'));
  const table = tableOf(rows);
  const features = [...table.keys()].filter(
    (name) => !['customer_id', 'snapshot_date', 'churned', 'split'].includes(name),
  );
  const inSplit = (name: string) => (row: number) => rows[row]!.split === name;
  const encoding = learnEncoding(table, features, { learnFrom: inSplit('train') });
  const data = { ...encodeFeatures(table, encoding), label: Float64Array.from(rows, (row) => Number(row.churned)) };
  const published = golden<
    Published & {
      time_split: {
        train_medians: Record<string, number>;
        intercept: number;
        coef: number[];
        platt: { A: number; B: number };
        isotonic: { x_thresholds: number[]; y_thresholds: number[] };
        test_first20: Record<'raw' | 'platt' | 'isotonic', number[]>;
        train_metrics: PublishedMetrics;
        calibrate_metrics: PublishedMetrics;
        test_metrics_raw: PublishedMetrics;
        test_metrics_platt: PublishedMetrics;
        test_metrics_isotonic: Record<'auc' | 'average_precision' | 'brier' | 'log_loss' | 'ece10_equal_width', number>;
      };
    }
  >('logistic_churn.json');
  held(data, published);

  test('fit on train, calibrated later, measured last equals scikit-learn', () => {
    const expected = published.time_split;
    for (const [column, blank] of Object.entries(expected.train_medians))
      expect(encoding).toContainEqual({ column, kind: 'numeric', blank });
    const [train, later, last] = ['train', 'calibrate', 'test'].map((name) => where(data, inSplit(name))) as [
      LogisticColumns,
      LogisticColumns,
      LogisticColumns,
    ];
    const ours = fitted(train, { penalty: 'l2', lambda: 1 / train.label.length });
    worst(zip([ours.standardisedIntercept, ...standardised(ours)], [expected.intercept, ...expected.coef]), 1e-7);
    const scores = (part: LogisticColumns) => predictLogOdds(ours, part.features);
    const platt = value(fitPlatt({ label: later.label, score: scores(later) }));
    const isotonic = value(fitIsotonic({ label: later.label, score: scores(later) }));
    worst(zip([platt.A, platt.B], [expected.platt.A, expected.platt.B]), 1e-9);
    worst(zip(isotonic.x, expected.isotonic.x_thresholds), 1e-9);
    worst(zip(isotonic.y, expected.isotonic.y_thresholds), 1e-9);
    const raw = probability(scores(last));
    const [byPlatt, byIsotonic] = [calibrate(platt, scores(last)), calibrate(isotonic, scores(last))];
    worst(zip(raw.slice(0, 20), expected.test_first20.raw), 1e-9);
    worst(zip(byPlatt.slice(0, 20), expected.test_first20.platt), 1e-9);
    worst(zip(byIsotonic.slice(0, 20), expected.test_first20.isotonic), 1e-9);
    const measure = (part: LogisticColumns, score: Float64Array) => scoreMetrics({ label: part.label, score });
    expectMetrics(measure(train, probability(scores(train))), expected.train_metrics, 1e-9);
    expectMetrics(measure(later, probability(scores(later))), expected.calibrate_metrics, 1e-9);
    expectMetrics(measure(last, raw), expected.test_metrics_raw, 1e-9);
    expectMetrics(measure(last, byPlatt), expected.test_metrics_platt, 1e-9);
    const steps = measure(last, byIsotonic);
    const of = expected.test_metrics_isotonic;
    worst(
      [
        [steps.auc, of.auc],
        [steps.averagePrecision, of.average_precision],
        [steps.brier, of.brier],
        [steps.logLoss, of.log_loss],
        [steps.ece, of.ece10_equal_width],
      ],
      1e-9,
    );
  });

  test('without a penalty the gradient vanishes; weights are repetitions', () => {
    const ours = fitted(data, { penalty: 'none' });
    expect(ours.kkt).toBeLessThan(1e-12);
    const weight = data.label.map((_, i) => i % 3);
    const twice = [...data.label.keys()].flatMap((i) => new Array<number>(i % 3).fill(i));
    const repeated = {
      names: data.names,
      features: data.features.map((feature) => Float64Array.from(twice, (i) => feature[i]!)),
      label: Float64Array.from(twice, (i) => data.label[i]!),
    };
    for (const options of [{ penalty: 'none' }, { penalty: 'l1', lambda: 0.01 }] as const)
      worst(zip(standardised(fitted({ ...data, weight }, options)), standardised(fitted(repeated, options))), 1e-9);
  });
});

const telcoRows = () => csvRows(sharedPath('data', 'telco_churn.csv'));
const telco = (rows: Record<string, string>[], collapse: boolean): LogisticColumns => {
  const { customerID: _, Churn: churn, ...columns } = Object.fromEntries(tableOf(rows));
  const table = new Map(
    Object.entries(columns).map(([name, cells]) => [
      name,
      cells.map((cell) =>
        collapse && /^No (internet|phone) service$/.test(cell)
          ? 'No'
          : name === 'TotalCharges' && cell.trim() === ''
            ? '0'
            : cell,
      ),
    ]),
  );
  const encoded = encodeFeatures(table, learnEncoding(table, [...table.keys()]));
  const names = encoded.names.map((name) => (name === 'SeniorCitizen' ? 'SeniorCitizen=1' : name));
  return { ...encoded, names, label: Float64Array.from(churn!, (cell) => (cell === 'Yes' ? 1 : 0)) };
};

describeShared('Telco', ['golden/logistic_telco.json', 'data/telco_churn.csv'], () => {
  held(telco(telcoRows(), true), sharedJson<Published>('golden', 'logistic_telco.json'));
});

describeShared('collinear Telco', ['golden/logistic_telco_collinear.json', 'data/telco_churn.csv'], () => {
  const data = telco(telcoRows(), false);
  const published = sharedJson<{
    columns: string[];
    fits: {
      C_sklearn: number;
      l2: { intercept: number; coef: number[]; objective: number };
      l1_objective: number;
      l1_predictions_first20: number[];
    }[];
  }>('golden', 'logistic_telco_collinear.json');
  test.each(published.fits)('at C = $C_sklearn', (fit) => {
    expect(data.names).toEqual(published.columns);
    const lambda = 1 / (data.label.length * fit.C_sklearn);
    const l2 = fitted(data, { penalty: 'l2', lambda });
    worst(zip([l2.standardisedIntercept, ...standardised(l2)], [fit.l2.intercept, ...fit.l2.coef]), 1e-9);
    worst([[l2.objective, fit.l2.objective]], 1e-12);
    const l1 = fitted(data, { penalty: 'l1', lambda });
    expect(l1.kkt).toBeLessThan(1e-12);
    worst([[l1.objective, fit.l1_objective]], 1e-9);
    worst(zip(probability(predictLogOdds(l1, data.features)).slice(0, 20), fit.l1_predictions_first20), 1e-9);
  });
  test('without a penalty the determined columns are named and left out', () => {
    const ours = fitted(data, { penalty: 'none' });
    expect(ours.diagnostics.filter(({ code }) => code === 'collinear-column')).toHaveLength(7);
    expect(ours.kkt).toBeLessThan(1e-12);
  });
});

describe('what cannot be fitted says why', () => {
  const one = (x: number[], y: number[]): LogisticColumns => ({
    names: ['x'],
    features: [Float64Array.from(x)],
    label: Float64Array.from(y),
  });
  test.each([
    ['whole', one([1, 2, 3, 4, 5, 6], [0, 0, 0, 1, 1, 1])],
    ['in part', one([0, 0, 0, 0, 1, 1], [0, 1, 0, 1, 1, 1])],
  ])('separation %s is refused without a penalty and finite with one', (_, data) => {
    expect(fitLogistic(data, { penalty: 'none' })).toMatchObject({
      ok: false,
      reason: 'separation',
      message: expect.stringContaining('by x'),
    });
    for (const penalty of ['l2', 'l1', 'elastic-net'] as const)
      expect(Number.isFinite(fitted(data, { penalty, lambda: 1e-3 }).intercept)).toBe(true);
  });
  test('one class, no rows, constant and duplicate columns', () => {
    expect(fitLogistic(one([1, 2], [1, 1]), { penalty: 'l2', lambda: 1 })).toMatchObject({ reason: 'one-class' });
    expect(fitLogistic(one([], []), { penalty: 'l2', lambda: 1 })).toMatchObject({ reason: 'one-class' });
    const x = Float64Array.of(1, 2, 3, 4, 5, 6);
    const data = {
      names: ['x', 'c', 'twice'],
      features: [x, new Float64Array(6).fill(0.1), x.map((v) => 2 * v)],
      label: Float64Array.of(0, 1, 0, 1, 0, 1),
    };
    const ours = fitted(data, { penalty: 'none' });
    expect(ours.diagnostics.map(({ code }) => code)).toEqual(['constant-column', 'collinear-column']);
    expect(ours.coefficients.slice(1).map(({ coef }) => coef)).toEqual([0, 0]);
  });
  test('bad rows and options are named', () => {
    expect(() => fitLogistic(one([1, Number.NaN], [0, 1]), { penalty: 'l2', lambda: 1 })).toThrow('row 2, column x');
    expect(() => fitLogistic(one([1, 2], [0, 3]), { penalty: 'l2', lambda: 1 })).toThrow('row 2, column label');
    expect(() => fitLogistic(one([1, 2], [0, 1]), { penalty: 'l2', lambda: -1 })).toThrow(RangeError);
    expect(() => fitLogistic(one([1], [0, 1]), { penalty: 'l2', lambda: 1 })).toThrow(RangeError);
    for (const lambda of [Number.POSITIVE_INFINITY, Number.NaN])
      expect(() => fitLogistic(one([1, 2], [0, 1]), { penalty: 'l1', lambda })).toThrow(/lambda .* is not ≥ 0/);
    for (const alpha of [-0.1, 1.1, Number.NaN])
      expect(() => fitLogistic(one([1, 2], [0, 1]), { penalty: 'elastic-net', lambda: 1, alpha })).toThrow(
        /alpha .* is not between/,
      );
  });
  test('without a penalty λ says nothing; at the ends of α an elastic net is L2 and L1', () => {
    const data = one([1, 2, 3, 4, 5, 6, 7, 8], [0, 0, 1, 0, 1, 0, 1, 1]);
    expect(fitted(data, { penalty: 'none', lambda: 9 })).toEqual(fitted(data, { penalty: 'none' }));
    for (const [alpha, penalty] of [
      [0, 'l2'],
      [1, 'l1'],
    ] as const)
      worst(
        [
          [
            fitted(data, { penalty: 'elastic-net', alpha, lambda: 0.05 }).coefficients[0]!.coef,
            fitted(data, { penalty, lambda: 0.05 }).coefficients[0]!.coef,
          ],
        ],
        1e-10,
      );
  });
  test('predictions want a column a coefficient; without any they are the intercept', () => {
    const model = { intercept: 0.3, coefficients: [{ coef: 2 }] };
    expect([...predictLogOdds(model, [Float64Array.of(1, -1)])]).toEqual([2.3, -1.7]);
    expect(() => predictLogOdds(model, [])).toThrow('0 columns for 1 coefficients');
    expect([...predictLogOdds({ intercept: 0.3, coefficients: [] }, [], 2)]).toEqual([0.3, 0.3]);
    expect([...predictLogOdds({ intercept: 0.3, coefficients: [] }, [])]).toEqual([]);
  });
  test('a level never seen is counted and encoded as the first', () => {
    const encoding = learnEncoding(new Map([['plan', ['a', 'b', '']]]), ['plan']);
    expect(encodeFeatures(new Map([['plan', ['b', 'z', '']]]), encoding)).toEqual({
      names: ['plan=b', 'plan=missing'],
      features: [Float64Array.of(1, 0, 0), Float64Array.of(0, 0, 1)],
      unknown: { plan: 1 },
    });
  });
});

test('units of a feature do not change the predictions', () => {
  const label = Float64Array.of(0, 1, 0, 1, 1, 0, 1, 0);
  const row = fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(row, row, fc.double({ min: 1e-3, max: 1e3, noNaN: true }), (a, b, scale) => {
      const [first, second] = [Float64Array.from(a), Float64Array.from(b)];
      const fitOf = (x: Float64Array) => {
        const features = [x, second];
        const ours = fitted({ names: ['a', 'b'], features, label }, { penalty: 'elastic-net', lambda: 0.05 });
        return probability(predictLogOdds(ours, features));
      };
      worst(zip(fitOf(first.map((x) => x * scale + 1)), fitOf(first)), 1e-8);
    }),
    { numRuns: 50 },
  );
});
