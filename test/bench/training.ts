// Training as the job does it: rows by replaying the log as it was known at four moments, and from rows to a calibrated, judged, explained classifier.
// Figures, never assertions: run by `axiom47 bench training`.
import { DEFAULT_CHURN } from '#domain/churn-definition.ts';
import { FEATURE_SET, featureRow } from '#domain/churn-features.ts';
import type { StoredEvent } from '#domain/envelope.ts';
import type { CustomerEntries } from '#domain/ledger.ts';
import { predictFromFeatures } from '#domain/models/churn-model.ts';
import { scoreMetrics } from '#domain/models/metrics.ts';
import { createRandom } from '#domain/numerics/random.ts';
import { createRates } from '#domain/rates.ts';
import { DAY_MS, UTC } from '#domain/time.ts';
import { explainedBy } from '#processors/evaluation/explained.ts';
import { type ChurnRows, createRows } from '#processors/training/churn-rows.ts';
import type { TrainingPlan } from '#processors/training/plan.ts';
import { partOf, trainLogistic } from '#processors/training/train-churn.ts';
import { trainingRows } from '#processors/training/training-rows.ts';
import { createLanePublisher } from '#streams/jetstream/publisher.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { startNatsServer } from '../support/nats-server.ts';
import { storedEvent } from '../support/stored-event.ts';
import { atMost, type Benchmark, type Measurement, type Progress } from './benchmark.ts';

/** AXIOM47_BENCH_EVENTS makes it smaller. */
const EVENTS = Number(process.env.AXIOM47_BENCH_EVENTS ?? 5_000_000);
const CUSTOMERS = 100_000;
const [FIRST_DAY, DAYS] = [18_000, 1_000];

/** Orders that go forward in time, each of a customer who has not left yet. */
function* orders(): Generator<StoredEvent[]> {
  const random = createRandom(1);
  const sids = Array.from({ length: CUSTOMERS }, (_, i) => {
    const sid = new Uint8Array(16);
    const view = new DataView(sid.buffer);
    view.setUint32(0, Math.imul(i + 1, 2_654_435_761));
    view.setUint32(4, Math.imul(i + 7, 2_246_822_519));
    view.setUint32(12, i);
    return sid;
  });
  const leaves = Float64Array.from({ length: CUSTOMERS }, () => FIRST_DAY + DAYS * 1.5 * random.uniform());
  for (let at = 0; at < EVENTS; at += 1_024)
    yield Array.from({ length: Math.min(1_024, EVENTS - at) }, (_, j) => {
      const i = at + j;
      const day = FIRST_DAY + Math.floor((i / EVENTS) * DAYS);
      let customer = random.below(CUSTOMERS);
      while (leaves[customer]! < day) customer = random.below(CUSTOMERS);
      const orderHash = new Uint8Array(8);
      new DataView(orderHash.buffer).setUint32(0, i);
      return storedEvent(i, { sid: sids[customer]!, orderHash, day, at: day * DAY_MS });
    });
}

async function rowsOfFiveMillion(progress: Progress = () => undefined): Promise<Measurement[]> {
  await using server = await startNatsServer({ jetstream: 'sync_interval: always' });
  const nc = await server.connect('bench');
  await ensureTopology(nc);
  // Each event was known when it happened, as in a log that has been lived; by one lane, as this one is lived 86,400 times too fast.
  let clock = FIRST_DAY * DAY_MS;
  const publisher = createLanePublisher({ nc, gateway: 'bench', epoch: 1, lanes: 1, now: () => clock });
  let sent = 0;
  for (const some of orders()) {
    clock = some.at(-1)!.at;
    publisher.addMany(some);
    await publisher.room();
    sent += some.length;
    if (sent % (1_024 * 1_000) === 0) progress(`${(sent / 1e6).toFixed(1)}M events sent`);
  }
  await publisher.close();
  await using store = createJetStreamStore(nc);
  const seq = await store.lastSequence('EVT');
  const plan: TrainingPlan = {
    kind: 'churn-logistic',
    definition: DEFAULT_CHURN,
    cutoffs: 4,
    latenessDays: 0,
    seed: 47,
    without: [],
    featureSet: FEATURE_SET.version,
    seq,
    today: FIRST_DAY + DAYS - 1,
    offsets: UTC,
    ledger: { reportingCurrency: 'EUR' },
    snapshotDir: null,
  };
  progress('reading the log for rows');
  const [begun, cpu] = [performance.now(), process.cpuUsage()];
  let step = begun;
  let note = '';
  const rows = await trainingRows(store, plan, {
    progress(_done, _total, now) {
      if (now === note) return;
      const stop = performance.now();
      if (note !== '') progress(`${note}: ${((stop - step) / 1e3).toFixed(1)} s`);
      [step, note] = [stop, now];
    },
    log: progress,
  });
  const [seconds, used] = [(performance.now() - begun) / 1e3, process.cpuUsage(cpu)];
  if (!rows.ok || rows.value.kind !== 'churn-logistic') throw new Error(JSON.stringify(rows));
  const n = rows.value.rows.label.length;
  if (n === 0) throw new Error('no rows were made');
  const scale = EVENTS / 5_000_000;
  return [
    atMost(`training: rows by replay of ${EVENTS / 1e6}M events, four cut-offs`, seconds, 's', 30 * scale),
    { name: 'training: of that, CPU time', value: (used.user + used.system) / 1e6, unit: 's' },
    { name: 'training: rows made', value: n, unit: 'rows' },
  ];
}

/** Customers of different rates who leave; their features by the function that serves, at two cut-offs. */
function simulatedRows(): ChurnRows {
  const random = createRandom(2);
  const context = { rates: createRates('EUR') };
  const rows = createRows();
  const word = () =>
    Math.floor(random.uniform() * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
  const key = () => word() + word();
  for (let i = 0; i < CUSTOMERS; i++) {
    const sid = key() + key();
    const [birth, gap, leaves] = [random.below(500), 5 + 60 * random.uniform(), 100 + 1_200 * random.uniform()];
    const orders: CustomerEntries['orders'] = [];
    for (let day = birth; day < Math.min(leaves, 900); day += 1 + Math.floor(-Math.log(1 - random.uniform()) * gap))
      orders.push({ key: key(), day, minor: 500 + random.below(9_000), currency: 'EUR', revision: 0, channel: null });
    if (orders.length === 0) continue;
    const rest = { linked: [], erased: false, anonymous: false, seq: 1, refunds: [], subscriptions: [], consents: [] };
    const activities = i % 2 ? [{ day: birth + 20, kind: 'visit', count: 1 + (i % 5) }] : [];
    const attributes = [{ name: 'country', day: birth, at: 0, value: `country ${i % 12}` }];
    for (const day of [600, 690]) {
      const known = { ...rest, sid, activities, attributes, orders: orders.filter((order) => order.day <= day) };
      if (known.orders.length === 0) continue;
      rows.features.push(featureRow(known, day, context));
      rows.label.push(orders.some((order) => order.day > day && order.day <= day + 90) ? 0 : 1);
      rows.day.push(day);
      rows.customer.push(sid);
    }
  }
  return rows;
}

async function fromRows(): Promise<Measurement[]> {
  const rows = simulatedRows();
  const [begun, cpu] = [performance.now(), process.cpuUsage()];
  const trained = trainLogistic(DEFAULT_CHURN, rows, { seed: 47 });
  if (!trained.ok) throw new Error(trained.reason.message);
  const middle = performance.now();
  const { model } = trained.value;
  const judged = rows.customer.flatMap((sid, i) => (rows.day[i] === 690 && partOf(sid, 47) === 'test' ? [i] : []));
  const pick = <T>(column: readonly T[]): T[] => judged.map((i) => column[i]!);
  const own: ChurnRows = {
    features: pick(rows.features),
    label: pick(rows.label),
    day: pick(rows.day),
    customer: pick(rows.customer),
  };
  const label = Float64Array.from(own.label);
  const score = Float64Array.from(own.features, (row) => {
    const said = predictFromFeatures(model, row);
    if (!said.ok) throw new Error(said.reason.message);
    return said.value.pChurn;
  });
  const metrics = scoreMetrics({ label, score }, { offer: { cost: 4, benefit: 60 } });
  const explained = explainedBy(
    model,
    {
      rows: own,
      label,
      horizonDays: model.definition.horizonDays,
      subscriber: () => {
        throw new Error('a classifier reads no age');
      },
    },
    47,
  );
  const [end, used] = [performance.now(), process.cpuUsage(cpu)];
  if (metrics.auc !== trained.value.metrics!.auc || explained.importance === null)
    throw new Error('the evaluation is not that of the training');
  return [
    atMost(
      `training: train, calibrate and evaluate ${CUSTOMERS} customers at two cut-offs`,
      (end - begun) / 1e3,
      's',
      10,
    ),
    { name: 'training: of that, scoring, judging and explaining', value: (end - middle) / 1e3, unit: 's' },
    { name: 'training: of all, CPU time', value: (used.user + used.system) / 1e6, unit: 's' },
    { name: 'training: rows', value: rows.label.length, unit: 'rows' },
  ];
}

export const benchmarks: readonly Benchmark[] = [
  { name: 'training-rows', about: 'training rows of four cut-offs by replay of 5M events', run: rowsOfFiveMillion },
  {
    name: 'training-model',
    about: 'from the rows of 100k customers to a judged and explained classifier',
    run: fromRows,
  },
];
