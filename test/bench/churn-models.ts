// How fast the churn kernels are: logistic regression on one and on two threads, ranking metrics, calibration. Numbers are printed, never asserted.
import { fitIsotonic } from '#domain/models/calibration.ts';
import { encodeFeatures, learnEncoding } from '#domain/models/feature-encoding.ts';
import { fitLogistic, type LogisticColumns } from '#domain/models/logistic.ts';
import { auc, averagePrecision } from '#domain/models/ranking-metrics.ts';
import { scoredRows } from '#domain/models/scored-rows.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { createPool } from '#processors/pool.ts';
import { fitLogisticOn } from '#processors/training/fit-logistic.ts';
import { csvRows, fixture } from '../support/histories.ts';
import { atMost, type Benchmark, type Measurement, sharedFile, versus } from './benchmark.ts';

/** Best of several timings, in ms: the machine has other work. */
async function best(times: number, work: () => unknown): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    await work();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

function table(): { source: string; data: LogisticColumns } {
  const path = sharedFile('data', 'telco_churn.csv');
  const rows = csvRows(path ?? fixture('churn.csv'));
  const [label, event] = path === null ? ['churned', '1'] : ['Churn', 'Yes'];
  const names = Object.keys(rows[0]!).filter(
    (name) => ![label, 'customerID', 'customer_id', 'snapshot_date', 'split'].includes(name),
  );
  const cells = new Map(names.map((name) => [name, rows.map((row) => row[name]!)]));
  return {
    source: path === null ? 'the fixture' : 'Telco',
    data: {
      ...encodeFeatures(cells, learnEncoding(cells, names)),
      label: Float64Array.from(rows, (row) => (row[label] === event ? 1 : 0)),
    },
  };
}

/** Features of several scales, in memory that threads can share; labels drawn from a model of half of them. */
function million(n = 1_000_000, k = 20): LogisticColumns {
  const random = createRandom(1);
  const column = () => new Float64Array(new SharedArrayBuffer(8 * n));
  const [features, label] = [Array.from({ length: k }, column), column()];
  for (let i = 0; i < n; i++) {
    let eta = -1;
    for (let j = 0; j < k; j++) {
      const z = random.uniform() - 0.5;
      features[j]![i] = (z + j) * (j + 1);
      if (j % 2 === 0) eta += z * (j % 4 === 0 ? 1 : -1);
    }
    label[i] = random.uniform() < 1 / (1 + Math.exp(-eta)) ? 1 : 0;
  }
  return { names: features.map((_, j) => `x${j}`), features, label };
}

async function logistic(): Promise<Measurement[]> {
  const { source, data } = table();
  const n = data.label.length;
  const l2 = await best(30, () => fitLogistic(data, { penalty: 'l2', lambda: 1 / n }));
  const l1 = await best(30, () => fitLogistic(data, { penalty: 'l1', lambda: 1e-3 }));
  const name = `${source}, ${n} × ${data.names.length}`;
  return [
    atMost(`models: logistic L2, ${name}, warm`, l2, 'ms', 10),
    versus('models: logistic L2 beside a peer', l2, 13.5, 'scikit-learn lbfgs at 23 columns'),
    versus(`models: logistic L1, ${name}, warm`, l1, 21.8, 'scikit-learn saga (tol 1e-4) at 23 columns'),
  ];
}

async function logisticMillion(): Promise<Measurement[]> {
  const data = million();
  const options = { penalty: 'l2', lambda: 1e-6 } as const;
  const alone = await best(3, () => fitLogistic(data, options));
  await using pool = createPool(2);
  await fitLogisticOn(pool, data, options);
  const both = await best(4, () => fitLogisticOn(pool, data, options));
  return [
    atMost('models: logistic L2, 1,000,000 × 20, two threads', both, 'ms', 500),
    versus('models: logistic, two threads, beside a peer', both, 369, 'scikit-learn lbfgs (3e-4 off), two threads'),
    versus('models: logistic L2, 1,000,000 × 20, one thread', alone, 1130, 'glmnet, one thread'),
  ];
}

async function metrics(): Promise<Measurement[]> {
  const n = 1_000_000;
  const random = createRandom(2);
  const score = Float64Array.from({ length: n }, () => random.uniform());
  const label = score.map((p) => (random.uniform() < p ? 1 : 0));
  let sink = 0;
  const ranking = await best(5, () => {
    const rows = scoredRows({ label, score });
    sink += auc(rows).value! + averagePrecision(rows).value!.averagePrecision;
  });
  const isotonic = await best(5, () => {
    sink += fitIsotonic({ label, score }).ok ? 1 : 0;
  });
  if (!Number.isFinite(sink)) throw new Error('a metric was not finite');
  return [
    atMost('models: AUC and average precision, 1,000,000 scores', ranking, 'ms', 250),
    versus('models: AUC and average precision beside a peer', ranking, 456, 'scikit-learn, both'),
    atMost('models: isotonic calibration, 1,000,000 scores', isotonic, 'ms', 150),
    versus('models: isotonic calibration beside a peer', isotonic, 142, 'scikit-learn'),
  ];
}

export const benchmarks: Benchmark[] = [
  { name: 'models-logistic', about: 'logistic regression on Telco, warm', run: logistic },
  {
    name: 'models-logistic-million',
    about: 'logistic regression on a million rows, one and two threads',
    run: logisticMillion,
  },
  {
    name: 'models-metrics',
    about: 'AUC, average precision and isotonic calibration of a million scores',
    run: metrics,
  },
];
