// How fast the CLV kernels are, on CDNOW when it is beside the repository, else on the fixture. Numbers are printed, never asserted.
import * as bgNbd from '#domain/models/bg-nbd.ts';
import { type ClvModel, predictChurn, predictClv } from '#domain/models/clv-model.ts';
import { compress } from '#domain/models/compress.ts';
import * as gammaGamma from '#domain/models/gamma-gamma.ts';
import * as paretoNbd from '#domain/models/pareto-nbd.ts';
import { summarise } from '#domain/models/rfm.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { column, csvRows, dayOf, fixture, purchasesOf } from '../support/histories.ts';
import { atLeast, atMost, type Benchmark, best, type Measurement, sharedFile, versus } from './benchmark.ts';
import { benchmarks as churnModels } from './churn-models.ts';
import { benchmarks as survival } from './survival.ts';

function population() {
  const path = sharedFile('data', 'cdnow_summary_spend.csv');
  if (path !== null) {
    const rows = csvRows(path);
    return {
      source: 'CDNOW',
      frequency: column(rows, 'x'),
      recency: column(rows, 't_x'),
      T: column(rows, 'T'),
      monetaryValue: column(rows, 'zbar'),
    };
  }
  const orders = purchasesOf(fixture('clv_transactions.csv'), {
    customer: 'customer_id',
    date: 'date',
    amount: 'amount',
  });
  return { source: 'fixture', ...summarise(orders, { unit: 'week', grain: 'day', until: dayOf('2025-06-30') }) };
}

function fitted() {
  const data = population();
  const [purchases, money] = [bgNbd.fit(data), gammaGamma.fit(data)];
  if (!purchases.ok || !money.ok) throw new Error('the benchmark population was not fitted');
  const model: ClvModel = { model: 'clv', unit: 'week', bgNbd: purchases.params, gammaGamma: money.params };
  return { data, model, params: purchases.params };
}

async function fits(): Promise<Measurement[]> {
  const data = population();
  const bg = best(30, () => bgNbd.fit(data));
  const gg = best(30, () => gammaGamma.fit(data));
  const pareto = best(10, () => paretoNbd.fit(data));
  return [
    atMost(`models: BG/NBD fit of ${data.source}, n = ${data.T.length}, warm`, bg, 'ms', 10),
    versus('models: the same beside a peer', bg, 38, 'lifetimes 0.11.3 on CDNOW'),
    versus(`models: Gamma-Gamma fit of ${data.source}, warm`, gg, 18.2, 'lifetimes 0.11.3 on CDNOW'),
    { name: `models: Pareto/NBD fit of ${data.source}, warm`, value: pareto, unit: 'ms' },
  ];
}

async function million(): Promise<Measurement[]> {
  const n = 1_000_000;
  const random = createRandom(1);
  const [frequency, recency, T] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
  for (let i = 0; i < n; i++) {
    T[i] = 100 + random.below(365);
    const rate = random.gamma(0.4, 40);
    const dropout = random.beta(1.3, 3.4);
    for (let t = random.exponential(rate); t <= T[i]! - 1; t += random.exponential(rate)) {
      frequency[i]! += 1;
      recency[i] = Math.ceil(t);
      if (random.uniform() < dropout) break;
    }
  }
  const start = performance.now();
  const summary = compress({ frequency, recency, T });
  const compressed = performance.now() - start;
  const result = bgNbd.fitCompressed(summary, 'day');
  const whole = performance.now() - start;
  if (!result.ok) throw new Error(result.message);
  const again = best(2, () => bgNbd.fitCompressed(summary, 'day'));
  // Amounts of their own for each customer: nothing to compress, a million unique rows.
  const nus = Float64Array.from(frequency, () => random.gamma(4, 15));
  const repeaters = Float64Array.from(frequency, (x) => Math.max(1, x));
  const monetaryValue = repeaters.map((x, i) => random.gamma(5 * x, x * nus[i]!));
  const money = best(1, () => {
    const spent = gammaGamma.fit({ frequency: repeaters, monetaryValue });
    if (!spent.ok) throw new Error(spent.message);
  });
  return [
    atMost('models: BG/NBD fit of 1,000,000 customers from compressed statistics', again, 'ms', 1000),
    atMost('models: Gamma-Gamma fit of 1,000,000 customers', money, 'ms', 1000),
    versus(
      'models: BG/NBD fit of 1,000,000 daily histories, with compression',
      whole,
      7830,
      'lifetimes 0.11.3, 1,000,000 rows',
    ),
    {
      name: `models: of that, compression to ${summary.weight.length} unique histories`,
      value: compressed,
      unit: 'ms',
    },
  ];
}

async function predictions(): Promise<Measurement[]> {
  const { data, model, params } = fitted();
  const n = data.T.length;
  let sink = 0;
  const expectations = best(4, () => {
    for (let i = 0; i < 1_000_000; i++) {
      const k = i % n;
      sink += bgNbd.expectedPurchases(params, data.frequency[k]!, data.recency[k]!, data.T[k]!, 52);
    }
  });
  const rival = { r: 0.553, alpha: 10.578, s: 0.606, beta: 11.669 };
  const rivals = best(3, () => {
    for (let i = 0; i < 100_000; i++) {
      const k = i % n;
      sink += paretoNbd.expectedPurchases(rival, data.frequency[k]!, data.recency[k]!, data.T[k]!, 52);
    }
  });
  const customers = Array.from({ length: n }, (_, i) => ({
    frequency: data.frequency[i]!,
    recency: data.recency[i]! * 7,
    T: data.T[i]! * 7,
    monetaryValue: data.monetaryValue[i]!,
  }));
  const churn = best(5, () => {
    for (const customer of customers) sink += predictChurn(model, customer, 90).ok ? 1 : 0;
  });
  const clv = best(5, () => {
    for (const customer of customers) sink += predictClv(model, customer, { horizonDays: 364 }).ok ? 1 : 0;
  });
  if (!Number.isFinite(sink)) throw new Error('a prediction was not finite');
  const perSecond = (ms: number) => (1000 * n) / ms;
  return [
    atMost('models: 1,000,000 conditional expectations of BG/NBD, t = 52 weeks', expectations, 'ms', 180),
    { name: 'models: conditional expectations of Pareto/NBD, one thread', value: 1e8 / rivals, unit: 'answers/s' },
    versus(
      'models: 1,000,000 conditional expectations, t = 52 weeks',
      expectations,
      349,
      'lifetimes 0.11.3 (scipy 2F1)',
    ),
    { name: 'models: churn by id from columns, one thread', value: perSecond(churn), unit: 'answers/s' },
    atLeast('models: CLV with exact p05, p50, p95, one thread', perSecond(clv), 'answers/s', 5_000),
  ];
}

export const benchmarks: Benchmark[] = [
  { name: 'models-fit', about: 'BG/NBD, Pareto/NBD and Gamma-Gamma on CDNOW, warm', run: fits },
  { name: 'models-fit-million', about: 'BG/NBD and Gamma-Gamma on a million customers', run: million },
  {
    name: 'models-predict',
    about: 'expected purchases, churn and lifetime value with exact quantiles',
    run: predictions,
  },
  ...churnModels,
  ...survival,
];
