// How fast metrics and explanations are. Numbers are printed, never asserted.
import { scoreStatistics } from '#domain/models/compare-scores.ts';
import { logisticImportance } from '#domain/models/explanation/logistic-importance.ts';
import type { FeatureTable } from '#domain/models/feature-encoding.ts';
import type { LogisticArtefact } from '#domain/models/logistic-model.ts';
import { scoreMetrics } from '#domain/models/metrics.ts';
import { pairedBootstrap } from '#domain/models/paired-bootstrap.ts';
import { averagePrecisionInterval, clusteredAucInterval } from '#domain/models/ranking-intervals.ts';
import { auc, averagePrecision } from '#domain/models/ranking-metrics.ts';
import { scoredRows } from '#domain/models/scored-rows.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { atMost, type Benchmark, best, type Measurement } from './benchmark.ts';

/** Calibrated scores without ties, a fifth of them events. */
function scored(n: number, seed: number) {
  const random = createRandom(seed);
  const score = Float64Array.from({ length: n }, () => random.beta(0.8, 3));
  return { label: score.map((p) => (random.uniform() < p ? 1 : 0)), score };
}

const AGAINST = { auc: 'scikit-learn 1.2.1, 239.6 ms', averagePrecision: 'scikit-learn 1.2.1, 216 ms' };

async function ranking(): Promise<Measurement[]> {
  const n = 1_000_000;
  const columns = scored(n, 1);
  const rows = scoredRows(columns);
  const grouping = { group: Uint32Array.from({ length: n }, (_, i) => i % 200_000), groups: 200_000 };
  const area = best(5, () => auc(scoredRows(columns)));
  const precision = best(5, () => averagePrecision(scoredRows(columns)));
  return [
    atMost('models: AUC of 1,000,000 scores, with sorting', area, 'ms', 250),
    { name: 'models: the same beside a peer', value: area, unit: 'ms', ratio: 239.6 / area, against: AGAINST.auc },
    atMost('models: average precision of 1,000,000 scores, with sorting', precision, 'ms', 250),
    {
      name: 'models: average precision beside a peer',
      value: precision,
      unit: 'ms',
      ratio: 216 / precision,
      against: AGAINST.averagePrecision,
    },
    {
      name: 'models: AUC interval of 1,000,000 sorted scores of 200,000 customers',
      value: best(3, () => clusteredAucInterval(rows, grouping)),
      unit: 'ms',
    },
    {
      name: 'models: average precision interval of the same',
      value: best(3, () => averagePrecisionInterval(rows, grouping)),
      unit: 'ms',
    },
    {
      name: 'models: all of `evaluate` for 1,000,000 scores',
      value: best(2, () => scoreMetrics(columns, { grouping, offer: { cost: 1, benefit: 4 } })),
      unit: 'ms',
    },
  ];
}

async function comparing(): Promise<Measurement[]> {
  const { label, score } = scored(10_000, 2);
  const { normal } = createRandom(3);
  const other = score.map((p) => 1 / (1 + Math.exp(-Math.log(p / (1 - p)) - 0.5 * normal())));
  const weight = new Float64Array(label.length).fill(1);
  const ms = best(1, () => pairedBootstrap(weight, scoreStatistics(label, other, score), { seed: 1, draws: 2000 }));
  return [{ name: 'models: paired bootstrap, 7 metrics, 10,000 rows, 2,000 draws', value: ms, unit: 'ms' }];
}

async function importance(): Promise<Measurement[]> {
  // As large as the Telco table: 7,043 rows, 16 categories and 3 numbers.
  const n = 7043;
  const random = createRandom(4);
  const categories = Array.from({ length: 16 }, (_, j) => `category ${j}`);
  const numbers = ['tenure', 'monthly', 'total'];
  const table: FeatureTable = new Map<string, string[] | Float64Array>([
    ...categories.map((name): [string, string[]] => [name, Array.from({ length: n }, () => 'abc'[random.below(3)]!)]),
    ...numbers.map((name): [string, Float64Array] => [name, Float64Array.from({ length: n }, () => random.normal())]),
  ]);
  const model: LogisticArtefact = {
    model: 'logistic',
    encoding: [
      ...categories.map((column) => ({ column, kind: 'categorical' as const, levels: ['a', 'b', 'c'] })),
      ...numbers.map((column) => ({ column, kind: 'numeric' as const, blank: 0 })),
    ],
    intercept: -1,
    coefficients: [...categories.flatMap((name) => [`${name}=b`, `${name}=c`]), ...numbers].map((name) => {
      const coef = 0.5 * random.normal();
      return { name, coef, standardised: coef, mean: 0, sd: 1 };
    }),
    calibration: { method: 'identity' },
  };
  const label = Float64Array.from({ length: n }, () => random.below(2));
  const ms = best(3, () => logisticImportance(model, table, label, { loss: 'log-loss' }));
  return [
    { name: 'models: importance over all permutations, 7,043 rows, 19 columns, log loss', value: ms, unit: 'ms' },
  ];
}

export const benchmarks: Benchmark[] = [
  {
    name: 'models-ranking',
    about: 'AUC, average precision, their intervals and all metrics of a million scores',
    run: ranking,
  },
  { name: 'models-compare', about: 'the paired bootstrap of two scores', run: comparing },
  { name: 'models-importance', about: 'exact permutation importance of a logistic model', run: importance },
];
