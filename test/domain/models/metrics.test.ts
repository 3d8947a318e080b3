// Metrics of a score against scikit-learn, pROC and R on the fixture and on 60 published rows; and what undefined ones say.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { calibrate, fitIsotonic, fitPlatt } from '#domain/models/calibration.ts';
import {
  intervalScore,
  mape,
  mase,
  meanAbsoluteError,
  pinballLoss,
  smape,
  wape,
} from '#domain/models/forecast-metrics.ts';
import { scoreMetrics, thresholdMetrics } from '#domain/models/metrics.ts';
import type { ScoredColumns } from '#domain/models/scored-rows.ts';
import { worst, zip } from '../../support/close.ts';
import { column, csvRows, fixture, golden } from '../../support/histories.ts';
import { describeShared, sharedJson } from '../../support/shared.ts';
import { expectMetrics, type PublishedCurve, type PublishedMetrics } from './metrics-golden.ts';

interface Published {
  metrics: PublishedMetrics;
  pROC: { auc: number; delong_var: number; ci95: [number, number] };
  platt: { A: number; B: number };
  isotonic: PublishedCurve;
  isotonic_weighted: PublishedCurve & { weights?: number[] };
}

const logits = (scores: Float64Array) => scores.map((p) => Math.log(p / (1 - p)));
const value = <T>(answer: { ok: true; value: T } | { ok: false; reason: string }): T => {
  if (!answer.ok) throw new Error(answer.reason);
  return answer.value;
};

function held(rows: ScoredColumns, published: Published, weight: Float64Array) {
  const plain = { label: rows.label, score: rows.score };
  test('metrics equal scikit-learn', () => {
    expectMetrics(scoreMetrics(plain), published.metrics, 1e-10);
  });
  test('the DeLong interval equals pROC', () => {
    const { auc, aucSe, aucLower, aucUpper } = scoreMetrics(plain);
    const { pROC } = published;
    worst(
      [
        [auc, pROC.auc],
        [aucSe! ** 2 * 100, pROC.delong_var * 100],
        [aucLower, pROC.ci95[0]],
        [aucUpper, pROC.ci95[1]],
      ],
      1e-10,
    );
  });
  test('Platt equals the Newton solution', () => {
    const { A, B } = value(fitPlatt({ ...plain, score: logits(rows.score) }));
    worst(
      [
        [A, published.platt.A],
        [B, published.platt.B],
      ],
      1e-10,
    );
  });
  test.each([
    ['isotonic', undefined],
    ['isotonic_weighted', weight],
  ] as const)('%s equals scikit-learn', (name, weights) => {
    const curve = published[name];
    const fitted = value(fitIsotonic({ ...plain, weight: weights }));
    worst(zip(fitted.x, curve.x_thresholds), 0);
    worst(zip(fitted.y, curve.y_thresholds), 1e-10);
    worst(zip(calibrate(fitted, Float64Array.from(curve.grid)), curve.grid_pred), 1e-10);
    if (curve.fitted) worst(zip(calibrate(fitted, rows.score), curve.fitted), 1e-10);
  });
}

describe('scores.csv', () => {
  const table = csvRows(fixture('scores.csv'));
  const [label, score, weight] = [column(table, 'label'), column(table, 'score'), column(table, 'weight')];
  const published = golden<
    Published & {
      weighted: PublishedMetrics & { sum_weights: number; R_glm_calibration: Record<string, number> };
      threshold_half: Record<string, number>;
    }
  >('metrics_scores.json');
  held({ label, score }, published, weight);

  test('weighted metrics equal scikit-learn and R', () => {
    const ours = scoreMetrics({ label, score, weight });
    const { weighted } = published;
    const glm = weighted.R_glm_calibration;
    worst(
      [
        [ours.auc, weighted.auc],
        [ours.averagePrecision, weighted.average_precision],
        [ours.prAucTrapezoid, weighted.pr_auc_trapezoid],
        [ours.brier, weighted.brier],
        [ours.logLoss, weighted.log_loss],
        [ours.ks, weighted.ks],
        [ours.prevalence, weighted.prevalence],
        [ours.sumWeights, weighted.sum_weights],
        [ours.calibrationIntercept, glm.intercept!],
        [ours.calibrationSlope, glm.slope!],
        [ours.calibrationInTheLarge, glm.calibration_in_the_large!],
      ],
      1e-10,
    );
    // R stops its standard errors one step short of the optimum.
    worst(
      [
        [ours.calibrationInterceptSe, glm.intercept_se!],
        [ours.calibrationSlopeSe, glm.slope_se!],
      ],
      1e-8,
    );
  });

  test('decisions at one half equal scikit-learn', () => {
    const { rule: _, ...expected } = published.threshold_half;
    const ours: Record<string, number | null> = { ...thresholdMetrics({ label, score }, 0.5) };
    worst(
      Object.entries(expected).map(([name, number]) => [ours[name], number] as const),
      1e-10,
    );
  });
});

describeShared('metrics_small.json', ['golden/metrics_small.json'], () => {
  const published = sharedJson<Published & { y: number[]; p: number[] }>('golden', 'metrics_small.json');
  held(
    { label: Float64Array.from(published.y), score: Float64Array.from(published.p) },
    published,
    Float64Array.from(published.isotonic_weighted.weights!),
  );
});

describeShared('forecast_metrics.json', ['golden/forecast_metrics.json'], () => {
  const published = sharedJson<Record<string, number> & Record<string, number[]>>('golden', 'forecast_metrics.json');
  const [train, actual, forecast, q10, q90] = ['train', 'actual', 'forecast', 'q10', 'q90'].map((name) =>
    Float64Array.from(published[name]!),
  ) as [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array];
  test('point, quantile and interval scores equal their definitions', () => {
    const interval = intervalScore(actual, q10, q90, 0.8);
    worst(
      [
        [smape(actual, forecast).value, published.smape_0_200!],
        [mase(actual, forecast, train).value, published.mase_m1!],
        [mase(actual, forecast, train, 4).value, published.mase_m4!],
        [meanAbsoluteError(actual, forecast).value, published.mae!],
        [wape(actual, forecast).value, published.wape!],
        [pinballLoss(actual, q10, 0.1).value, published.pinball_10!],
        [pinballLoss(actual, forecast, 0.5).value, published.pinball_50!],
        [pinballLoss(actual, q90, 0.9).value, published.pinball_90!],
        [interval.coverage.value, published.coverage_80!],
        [interval.score.value, published.winkler_80!],
        [smape(Float64Array.of(0, 0, 5), Float64Array.of(0, 3, 5)).value, 200 / 3],
      ],
      1e-12,
    );
  });
});

describe('what is not defined is null, with the reason', () => {
  const columns = (label: number[], score: number[]) => ({
    label: Float64Array.from(label),
    score: Float64Array.from(score),
  });

  test.each([
    [
      'one class',
      columns([0, 0, 0], [0.1, 0.2, 0.3]),
      ['auc', 'aucLower', 'averagePrecision', 'ks', 'calibrationSlope'],
    ],
    ['constant scores', columns([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5]), ['aucLower', 'calibrationSlope']],
    ['perfect scores', columns([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]), ['aucLower', 'calibrationSlope']],
    ['scores that only rank', columns([0, 1, 1], [-3, 2, 7]), ['brier', 'logLoss', 'ece', 'calibrationSlope']],
    ['certain scores', columns([0, 1, 1, 0], [0, 1, 0.4, 0.6]), ['calibrationSlope']],
    ['no rows', columns([], []), ['auc', 'brier', 'ece', 'liftTopDecile', 'prevalence']],
  ])('%s', (_, rows, names) => {
    const ours = scoreMetrics(rows);
    for (const name of names) {
      expect(ours[name as keyof typeof ours], name).toBeNull();
      expect(ours.undefined[name], name).toMatch(/\w/);
    }
    for (const [name, each] of Object.entries(ours)) {
      if (typeof each === 'number') expect(Number.isFinite(each), name).toBe(true);
      if (each === null) expect(ours.undefined, name).toHaveProperty(name);
    }
  });

  test.each([
    ['nothing', [], [], undefined],
    ['no weight', [0, 1], [0.1, 0.9], [0, 0]],
    ['events alone', [1, 1], [0.1, 0.9], undefined],
    ['others alone', [0, 0], [0.1, 0.9], undefined],
    ['others alone, sure of it', [0, 0], [0, 0], undefined],
    ['a constant', [0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5], undefined],
    ['no probabilities', [0, 1, 0, 1], [-3, 2, 1, 4], undefined],
    ['certainty', [0, 1, 0, 1], [0, 1, 1, 1], undefined],
    ['two rows', [0, 1], [0.2, 0.6], undefined],
    ['weights', [0, 1, 1, 0], [0.2, 0.6, 0.4, 0.7], [1, 2, 0, 3]],
  ] as const)('%s: what is null has its reason, and nothing else has one', (_, label, score, weight) => {
    const given = { ...columns([...label], [...score]), ...(weight && { weight: Float64Array.from(weight) }) };
    const group = Uint32Array.from(label, (__, i) => i >> 1);
    const groups = Math.ceil(label.length / 2);
    for (const options of [{}, { offer: { cost: 1, benefit: 5 } }, { grouping: { group, groups } }]) {
      const ours = scoreMetrics(given, options);
      const { undefined: why, ...figures } = ours;
      const without = Object.entries(figures).flatMap(([name, value]) => (value === null ? [name] : []));
      expect(Object.keys(why).sort()).toEqual(without.sort());
      for (const [name, reason] of Object.entries(why)) expect(reason, name).toMatch(/\w{3}/);
      expect(ours.groups).toBe('grouping' in options ? groups : null);
      if (ours.observedOverExpected !== null) {
        const w = weight ?? label.map(() => 1);
        const expected = score.reduce<number>((sum, p, i) => sum + p * w[i]!, 0);
        const events = label.reduce<number>((sum, y, i) => sum + y * w[i]!, 0);
        expect(ours.observedOverExpected).toBeCloseTo(events / expected, 12);
      }
    }
  });

  test('a constant score has AUC and average precision at chance', () => {
    const ours = scoreMetrics(columns([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5]));
    expect(ours).toMatchObject({ auc: 0.5, averagePrecision: 0.5, prAucTrapezoid: 0.75 });
  });

  test('forecasts of nothing', () => {
    const [zero, one] = [Float64Array.of(0, 0), Float64Array.of(1, 1)];
    for (const answer of [
      mape(zero, one),
      wape(zero, one),
      mase(one, one, one),
      mase(one, one, Float64Array.of(1)),
      smape(new Float64Array(0), new Float64Array(0)),
    ])
      expect(answer).toMatchObject({ value: null, reason: expect.stringMatching(/\w/) });
    expect(mape(one, Float64Array.of(1.5, 1)).value).toBe(0.25);
  });

  test('calibration is refused with one class or one score', () => {
    expect(fitPlatt(columns([1, 1], [1, 2])).ok).toBe(false);
    expect(fitPlatt(columns([0, 1], [1, 1])).ok).toBe(false);
    expect(fitIsotonic(columns([], [])).ok).toBe(false);
    expect(value(fitPlatt(columns([0, 0, 1, 1], [-2, -1, 1, 2]))).A).toBeLessThan(0);
  });

  test('bad rows are named', () => {
    expect(() => scoreMetrics(columns([0, 2], [0.1, 0.2]))).toThrow('row 2, column label: 2 is not 0 or 1');
    expect(() => scoreMetrics(columns([0, 1], [0.1, Number.NaN]))).toThrow('row 2, column score');
    expect(() => scoreMetrics({ ...columns([1], [0.1]), weight: Float64Array.of(-1) })).toThrow('row 1, column weight');
    expect(() => scoreMetrics(columns([1], []))).toThrow(RangeError);
  });
});

const cases = fc.array(
  fc.record({
    label: fc.integer({ min: 0, max: 1 }),
    score: fc.integer({ min: 1, max: 19 }).map((k) => k / 20),
    weight: fc.integer({ min: 0, max: 3 }),
  }),
  { minLength: 4, maxLength: 40 },
);

test('weights are repetitions', () => {
  fc.assert(
    fc.property(cases, (rows) => {
      const repeated = rows.flatMap((row) => Array.from({ length: row.weight }, () => row));
      const of = (list: typeof rows, weighted: boolean) =>
        scoreMetrics({
          label: Float64Array.from(list, ({ label }) => label),
          score: Float64Array.from(list, ({ score }) => score),
          weight: weighted ? Float64Array.from(list, ({ weight }) => weight) : undefined,
        });
      const [a, b] = [of(rows, true), of(repeated, false)];
      for (const name of ['auc', 'aucSe', 'averagePrecision', 'brier', 'logLoss', 'ks', 'ece'] as const) {
        if (b[name] === null) expect(a[name], name).toBeNull();
        else expect(a[name], name).toBeCloseTo(b[name], 11);
      }
    }),
  );
});
