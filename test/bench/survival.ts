// How fast survival models are: Cox on rossi when it is beside the repository, else on the fixture; the rest on rows made by chance.
import { concordance } from '#domain/models/survival/concordance.ts';
import { fit as fitCox } from '#domain/models/survival/cox.ts';
import type { CoxColumns } from '#domain/models/survival/cox-design.ts';
import { proportionality } from '#domain/models/survival/cox-proportionality.ts';
import { fit as fitCurve } from '#domain/models/survival/kaplan-meier.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { column, csvRows, fixture } from '../support/histories.ts';
import { atMost, type Benchmark, best, type Measurement, sharedFile, versus } from './benchmark.ts';

function small(): { source: string; data: CoxColumns } {
  const path = sharedFile('data', 'rossi.csv');
  const rows = csvRows(path ?? fixture('survival.csv'));
  const names =
    path === null ? ['age', 'usage', 'promo', 'issue'] : ['fin', 'age', 'race', 'wexp', 'mar', 'paro', 'prio'];
  return {
    source: path === null ? 'the fixture' : 'rossi',
    data: {
      duration: column(rows, path === null ? 'time' : 'week'),
      eventObserved: column(rows, path === null ? 'event' : 'arrest'),
      covariates: names.map((name) => ({ name, values: column(rows, name) })),
    },
  };
}

/** Exponential times whose rate the covariates move, a third of them censored. */
function large(n = 100_000, p = 20): CoxColumns {
  const random = createRandom(7);
  const covariates = Array.from({ length: p }, (_, j) => ({
    name: `x${j}`,
    values: Float64Array.from({ length: n }, () => 2 * random.uniform() - 1),
  }));
  const [duration, eventObserved] = [new Float64Array(n), new Uint8Array(n)];
  for (let i = 0; i < n; i++) {
    const eta = covariates.reduce((sum, { values }, j) => sum + ((j % 5) - 2) * 0.2 * values[i]!, 0);
    const [time, end] = [random.exponential(Math.exp(eta) / 10), 30 * random.uniform()];
    duration[i] = Math.min(time, end);
    eventObserved[i] = time <= end ? 1 : 0;
  }
  return { duration, eventObserved, covariates };
}

const fitted = (data: CoxColumns) => {
  const model = fitCox(data);
  if (!model.ok) throw new Error(model.message);
  return model;
};

async function cox(): Promise<Measurement[]> {
  const { source, data } = small();
  const few = best(200, () => fitted(data));
  const columns = large();
  const weeks = { ...columns, duration: columns.duration.map(Math.ceil) };
  const many = best(5, () => fitted(columns));
  const tied = best(5, () => fitted(weeks));
  const model = fitted(columns);
  const test = best(3, () => proportionality(columns, model));
  return [
    atMost(`models: Cox fit of ${source}, n = ${data.duration.length}, warm`, few, 'ms', 2),
    versus('models: the same beside a peer', few, 1.8, 'R survival 3.5-3 on rossi'),
    atMost('models: Cox fit, 100,000 × 20, distinct times', many, 'ms', 400),
    versus('models: Cox fit, 100,000 × 20, beside a peer', many, 786, 'R survival 3.5-3, coxph'),
    atMost('models: Cox fit, 100,000 × 20, whole weeks (ties)', tied, 'ms', 400),
    { name: 'models: test of proportional hazards, 100,000 × 20', value: test, unit: 'ms' },
  ];
}

async function curves(): Promise<Measurement[]> {
  const n = 1_000_000;
  const random = createRandom(8);
  const duration = Float64Array.from({ length: n }, () => 100 * random.uniform());
  const eventObserved = Uint8Array.from({ length: n }, () => (random.uniform() < 0.7 ? 1 : 0));
  const days = duration.map((t) => Math.ceil(10 * t));
  const score = Float64Array.from({ length: 100_000 }, () => random.uniform());
  const some = { duration: duration.slice(0, score.length), eventObserved: eventObserved.slice(0, score.length) };
  const distinct = best(5, () => fitCurve({ duration, eventObserved }));
  const whole = best(5, () => fitCurve({ duration: days, eventObserved }));
  const harrell = best(5, () => concordance(some, score));
  const uno = best(5, () => concordance(some, score, { uno: true }));
  return [
    atMost('models: Kaplan–Meier, 1,000,000 distinct times', distinct, 'ms', 150),
    versus('models: Kaplan–Meier, 1,000,000 distinct times, beside a peer', distinct, 815, 'R survival 3.5-3, survfit'),
    versus('models: Kaplan–Meier, 1,000,000 rows in 1,000 times', whole, 50.7, 'lifelines 0.30.1'),
    atMost('models: concordance of 100,000 rows with its error', harrell, 'ms', 200),
    versus('models: the same beside a peer', harrell, 413.6, 'lifelines 0.30.1, without the error'),
    { name: "models: Uno's concordance of 100,000 rows", value: uno, unit: 'ms' },
  ];
}

export const benchmarks: Benchmark[] = [
  { name: 'models-cox', about: 'Cox regression on rossi and on 100,000 × 20', run: cox },
  { name: 'models-survival', about: 'Kaplan–Meier of a million rows, concordance of 100,000', run: curves },
];
