// The whole program as its users meet it: real processes, HTTP, the command line. Everything runs on this machine, the load included, so the
// server shares its cores with it. Figures, never assertions: `axiom47 bench program`.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ImportSummary } from '#ops/import/run-import.ts';
import { freePort, type Program, removeFolders, runJson, serve, temporaryFolder } from '#test/support/program.ts';
import {
  atMost,
  type Benchmark,
  CannotRun,
  type Measurement,
  median,
  type Progress,
  quantile,
  sharedFile,
} from './benchmark.ts';
import { Connection, drain, openLoop, type Request } from './http.ts';

const quiet: Progress = () => undefined;
const secondsSince = (begun: number): number => (performance.now() - begun) / 1_000;

/** Runs `work` with a temporary folder; what was started in it is ended and the folder removed, also when the work fails. */
const inFolder =
  (work: (folder: string, progress: Progress) => Promise<Measurement[]>) =>
  async (progress: Progress = quiet): Promise<Measurement[]> => {
    try {
      return await work(temporaryFolder('bench'), progress);
    } finally {
      await removeFolders();
    }
  };

async function importCdnow(folder: string): Promise<Measurement[]> {
  const file = sharedFile('data', 'cdnow_master_transactions.csv');
  if (file === null) throw new CannotRun('data/cdnow_master_transactions.csv is not here; set AXIOM47_SHARED');
  const options = [file, '--source', 'cdnow', '--currency', 'USD'];
  const what = 'program: CDNOW import';

  let begun = performance.now();
  const fresh = await runJson<ImportSummary>(['import', ...options, '--data-dir', join(folder, 'fresh')]);
  const whole = secondsSince(begun);
  await using program = await serve(['--empty', '--currency', 'USD', '--data-dir', join(folder, 'running')]);
  begun = performance.now();
  const running = await program.json<ImportSummary>(['import', ...options, '--no-fit']);
  const tables = secondsSince(begun);
  for (const { accepted } of [fresh, running]) if (accepted !== 69_659) throw new Error(`${accepted} rows accepted`);
  return [
    atMost(`${what}, command to tables, into a running server`, tables, 's', 6),
    { name: `${what}, there: reading to tables alone`, value: running.seconds, unit: 's' },
    atMost(`${what}, into a new workspace, engines, model, scores and stop included`, whole, 's', 6),
    { name: `${what}, in the new workspace: reading to tables alone`, value: fresh.seconds, unit: 's' },
  ];
}

async function demo(folder: string): Promise<Measurement[]> {
  const begun = performance.now();
  await using program = await serve(['--demo', '--still', '--data-dir', join(folder, 'demo')]);
  const { items } = await program.call<{ items: { customer_id: string }[] }>('GET', '/api/customers?limit=1');
  const answer = await program.call<{ basis: string }>('POST', '/api/predict/clv', {
    customer_id: items[0]!.customer_id,
  });
  if (answer.basis !== 'history') throw new Error(`the demo answered from ${answer.basis}`);
  return [atMost('program: demo from nothing to the first answer', secondsSince(begun), 's', 60)];
}

const history = fileURLToPath(new URL('../fixtures/clv_transactions.csv', import.meta.url));

/** A server with a fitted model and nothing else running: the fixture's histories make the model. */
async function withModel(folder: string, env: Record<string, string> = {}): Promise<Program> {
  const program = await serve(['--empty', '--data-dir', folder], { env });
  await program.json(['import', history, '--source', 'history', '--currency', 'EUR']);
  return program;
}

/** Its calls need url and token only. */
const targetOf = (program: Program) => ({ url: program.served.url, token: program.token });
const post = (path: string, body: unknown): Request => ({ method: 'POST', path, body: JSON.stringify(body) });
const order = (customer: string, orderId: string, at: number, amount: number) => ({
  type: 'order.placed',
  customer_id: customer,
  at: new Date(at).toISOString(),
  data: { order_id: orderId, amount: `${amount}.90`, currency: 'EUR' },
});

const DAY = 86_400_000;
const PER_REQUEST = 2_000;
/** First orders of customers from–to, spread over the year before `now`. */
function* firstOrders(from: number, to: number, now: number, round = 0): Generator<Request> {
  for (let at = from; at < to; at += PER_REQUEST)
    yield post(
      '/api/events',
      Array.from({ length: Math.min(PER_REQUEST, to - at) }, (_, i) => {
        const n = at + i;
        const when = now - (350 - round * 100 - ((n * 7919) % 100)) * DAY;
        return order(`customer-${n}`, `order-${n}-${round}`, when, 5 + (n % 90));
      }),
    );
}

interface Answer {
  basis: string;
  p_churn: number;
  features_as_of: { seq: number } | null;
}
const churnOf = (customer: string): Request => post('/api/predict/churn', { customer_id: customer });

const CUSTOMERS = 100_000;
const SECONDS = 10;

/** Event after event for one customer each, `customer-<from>` and on: sent on one connection, asked about on another without a pause until the answer knows it. */
async function probe(program: Program, from: number, until: number): Promise<number[]> {
  using sending = await Connection.open(program.served.url, program.token);
  using asking = await Connection.open(program.served.url, program.token);
  const waits: number[] = [];
  for (let n = from; performance.now() < until; n++) {
    const customer = `customer-${n}`;
    const before = await asking.call<Answer>(churnOf(customer));
    const event = post('/api/events', order(customer, `probe-${n}`, Date.now(), 42));
    const begun = performance.now();
    const accepted = sending.call<{ accepted: number }>(event);
    for (;;) {
      const answer = await asking.call<Answer>(churnOf(customer));
      if (answer.features_as_of!.seq > before.features_as_of!.seq) {
        waits.push(performance.now() - begun);
        if (answer.p_churn === before.p_churn) throw new Error(`a purchase of ${customer} changed nothing`);
        break;
      }
      if (performance.now() - begun > 10_000) throw new Error('an event did not change its answer within 10 s');
    }
    if ((await accepted).accepted !== 1) throw new Error('a probe was not accepted');
    await sleep(20);
  }
  return waits;
}

async function live(folder: string, progress: Progress): Promise<Measurement[]> {
  await using program = await withModel(join(folder, 'live'));
  const target = targetOf(program);
  progress(`${CUSTOMERS.toLocaleString('en-US')} customers`);
  await drain(target, 4, firstOrders(0, CUSTOMERS, Date.now()));
  await settled(program, CUSTOMERS, progress);

  progress('one event at a time, nothing else going on');
  const alone = await probe(program, 0, performance.now() + 3_000);
  progress('at 2k events/s');
  // Twenty events a request; customers the probes do not use.
  const size = 20;
  const load = openLoop(target, {
    perSecond: 2_000 / size,
    seconds: SECONDS,
    connections: 16,
    request: (n) =>
      post(
        '/api/events',
        Array.from({ length: size }, (_, i) => {
          const serial = n * size + i;
          const customer = `customer-${50_000 + ((serial * 7919) % 50_000)}`;
          return order(customer, `live-${serial}`, Date.now(), 5 + (serial % 90));
        }),
      ),
  });
  const [waits, acknowledged] = await Promise.all([probe(program, 10_000, performance.now() + SECONDS * 1_000), load]);
  progress(`${waits.length} events followed to their answers; churn at 1k requests/s`);
  const churn = await openLoop(target, {
    perSecond: 1_000,
    seconds: SECONDS,
    connections: 32,
    request: (n) => churnOf(`customer-${(n * 7919) % CUSTOMERS}`),
  });

  const changed = 'program: from an event sent by HTTP to the changed answer';
  const asked = `program: POST /api/predict/churn at 1k requests/s, ${CUSTOMERS / 1_000}k customers`;
  return [
    { name: `${changed}, nothing else going on, p50`, value: quantile(alone, 0.5), unit: 'ms' },
    { name: `${changed}, at 2k events/s, p50`, value: quantile(waits, 0.5), unit: 'ms' },
    atMost(`${changed}, at 2k events/s, p99`, quantile(waits, 0.99), 'ms', 50),
    {
      name: 'program: acknowledgement by HTTP at 2k events/s, 20 a request, p99',
      value: quantile(acknowledged, 0.99),
      unit: 'ms',
    },
    { name: `${asked}, p50`, value: quantile(churn, 0.5), unit: 'ms' },
    atMost(`${asked}, p95`, quantile(churn, 0.95), 'ms', 50),
    { name: `${asked}, p99`, value: quantile(churn, 0.99), unit: 'ms' },
  ];
}

/** In turn without and with a job, beginning and ending without: 10 s at 500 a second are 5,000 predictions a round, 50 of them beyond the p99. */
const JOB_ROUNDS = 5;
const ROUND_SECONDS = 10;

/** Scores the whole base again and again until told to stop, each time to the end: a thread that was ended would compile everything anew. Answers how often. */
async function scoreWhile(program: Program, going: () => boolean): Promise<number> {
  for (let jobs = 0; ; jobs++) {
    if (!going()) return jobs;
    const { id } = await program.call<{ id: string }>('POST', '/api/jobs/score', { format: 'csv' });
    for (;;) {
      const { status } = await program.call<{ status: string }>('GET', `/api/jobs/${id}`);
      if (status === 'succeeded') break;
      if (status !== 'queued' && status !== 'running') throw new Error(`a score job was ${status}`);
      await sleep(100);
    }
  }
}

/** Predictions one by one, in turn without and with a job that scores everybody: each round with one between two without, its neighbours in time. */
function onlyOnce(): () => boolean {
  let times = 0;
  return () => times++ === 0;
}

/** Who asks would be on another machine: on this one it must not wait for a core that a job has, or its own waiting is what is measured. */
function standsForAnotherMachine(): boolean {
  try {
    execFileSync('chrt', ['-r', '-p', '1', String(process.pid)]);
    return true;
  } catch {
    return false;
  }
}

async function besideJob(folder: string, progress: Progress): Promise<Measurement[]> {
  await using program = await withModel(join(folder, 'beside'));
  if (!standsForAnotherMachine())
    progress('the client has no priority here: its own waiting for a core is counted too');
  const target = targetOf(program);
  progress(`${CUSTOMERS.toLocaleString('en-US')} customers`);
  await drain(target, 4, firstOrders(0, CUSTOMERS, Date.now()));
  await settled(program, CUSTOMERS, progress);
  const ask = () =>
    openLoop(target, {
      perSecond: 500,
      seconds: ROUND_SECONDS,
      connections: 16,
      request: (n) => churnOf(`customer-${(n * 7919) % CUSTOMERS}`),
    });
  // Both warm: code that is compiled for the first time takes both cores for a second.
  await scoreWhile(program, onlyOnce());
  await ask();
  const alone: number[][] = [await ask()];
  const beside: number[][] = [];
  let jobs = 0;
  for (let round = 0; round < JOB_ROUNDS; round++) {
    let going = true;
    const scoring = scoreWhile(program, () => going);
    try {
      await sleep(300);
      beside.push(await ask());
    } finally {
      going = false;
      jobs += await scoring;
    }
    await sleep(300);
    alone.push(await ask());
    progress(
      `round ${round + 1} of ${JOB_ROUNDS}: p99 ${[alone.at(-2)!, beside.at(-1)!, alone.at(-1)!].map((waits) => quantile(waits, 0.99).toFixed(2)).join(', ')} ms before, beside and after`,
    );
  }
  const level = (p: number) => {
    const of = (rounds: number[][]) => rounds.map((waits) => quantile(waits, p));
    const [before, during] = [of(alone), of(beside)];
    const ratios = during.map((value, i) => value / Math.sqrt(before[i]! * before[i + 1]!));
    return { before, during, ratios: ratios.sort((a, b) => a - b) };
  };
  const [p50, p99] = [level(0.5), level(0.99)];
  const what = `program: POST /api/predict/churn at 500 requests/s, ${CUSTOMERS / 1_000}k customers`;
  const change = median(p99.ratios);
  const percent = (ratio: number) => 100 * (ratio - 1);
  return [
    { name: `${what}, p50 alone (median of ${JOB_ROUNDS + 1} rounds)`, value: median(p50.before), unit: 'ms' },
    { name: `${what}, p50 while everybody is scored`, value: median(p50.during), unit: 'ms' },
    { name: `${what}, p99 alone`, value: median(p99.before), unit: 'ms' },
    {
      name: `${what}, p99 while everybody is scored (${jobs} jobs done beside)`,
      value: median(p99.during),
      unit: 'ms',
    },
    {
      name: `program: p99 beside a score job, against the rounds around it (median of ${JOB_ROUNDS})`,
      value: percent(change),
      unit: '%',
      ratio: 1.2 / change,
      against: 'within 20 % of it',
    },
    { name: 'program: of those, the least', value: percent(p99.ratios[0]!), unit: '%' },
    { name: 'program: of those, the greatest', value: percent(p99.ratios.at(-1)!), unit: '%' },
  ];
}

const MILLION = 1_000_000;
const TAIL = 50_000;
const FILL_LIMIT_MS = 6 * 60_000;

/** Asks without a pause until the server knows the customer. @returns s since `begun` */
async function firstAnswer(url: string, token: string, customer: string, begun: number): Promise<number> {
  let last: unknown;
  for (const until = begun + 120_000; performance.now() < until; await sleep(5)) {
    try {
      using connection = await Connection.open(url, token);
      const { status, text } = await connection.send(churnOf(customer));
      if (status === 200 && (JSON.parse(text) as Answer).basis === 'history') return secondsSince(begun);
      last = `${status} ${text}`;
    } catch (error) {
      last = error; // Nobody listens yet.
    }
  }
  throw new Error(`no answer for ${customer} within 120 s of the start`, { cause: last });
}

/** Resolves when the tables hold every customer and score, or after the limit: a restart works either way. */
async function settled(program: Program, customers: number, progress: Progress): Promise<void> {
  for (const until = performance.now() + FILL_LIMIT_MS; ; await sleep(2_000)) {
    const [row] = await program.sql<{ customers: string; scored: string }>(
      'select (select count(*) from rm.customers)::text as customers, (select count(*) from rm.scores)::text as scored',
    );
    if (Number(row!.customers) >= customers && Number(row!.scored) >= customers) return;
    if (performance.now() > until) {
      progress(`going on with ${row!.customers} customers in the tables, ${row!.scored} scored`);
      return;
    }
  }
}

/** Where the time went, by the log's own clock. */
function phases(program: Program, startedAt: number, what: string): Measurement[] {
  return program.stderr.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    const { time, msg, ms } = JSON.parse(line) as { time: string; msg: string; ms?: number };
    const until = { name: `${what}: until “${msg}”`, value: (Date.parse(time) - startedAt) / 1_000, unit: 's' };
    if (msg === 'gateway open' || msg === 'model in force') return [until];
    if (msg !== 'snapshot restored') return [];
    return [until, { name: `${what}: the snapshot alone`, value: (ms ?? Number.NaN) / 1_000, unit: 's' }];
  });
}

async function restart(folder: string, progress: Progress): Promise<Measurement[]> {
  const env = { AXIOM47_LOG_LEVEL: 'info' };
  const dataDir = join(folder, 'million');
  let program = await withModel(dataDir, env);
  const now = Date.now();
  let begun = performance.now();
  for (let from = 0; from < MILLION; from += 100_000) {
    await drain(targetOf(program), 4, firstOrders(from, from + 100_000, now));
    progress(`${((from + 100_000) / 1_000).toFixed(0)}k customers after ${secondsSince(begun).toFixed(0)} s`);
    if (performance.now() - begun > FILL_LIMIT_MS)
      throw new Error(`${from + 100_000} customers in ${FILL_LIMIT_MS / 60_000} minutes: this machine is too busy`);
  }
  const filled = secondsSince(begun);
  await drain(targetOf(program), 4, firstOrders(0, 200_000, now, 1));
  progress('until the tables hold all of it');
  await settled(program, MILLION, progress);
  const inTables = secondsSince(begun);
  const { key } = await program.json<{ key: string }>(['key', 'create', '--role', 'analyst']);

  progress('clean stop');
  begun = performance.now();
  await program.stop();
  const stopped = secondsSince(begun);

  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const start = async (customer: string) => {
    const startedAt = Date.now();
    const starting = performance.now();
    const serving = serve(['--data-dir', dataDir, '--port', String(port)], { env });
    const [after, started] = await Promise.all([firstAnswer(url, key, customer, starting), serving]);
    return { after, started, startedAt };
  };
  progress('start after a clean stop');
  const clean = await start(`customer-${MILLION - 1}`);
  program = clean.started;

  progress(`kill -9 with a tail of ${TAIL} events`);
  await drain(targetOf(program), 4, firstOrders(200_000, 200_000 + TAIL, now, 1));
  await drain(targetOf(program), 1, [post('/api/events', order('tail', 'tail', Date.now(), 42))]);
  await program.kill();
  const killed = await start('tail');
  program = killed.started;
  await program.stop();

  const what = 'program: start with 1M customers, 1.2M orders';
  const [afterStop, afterKill] = [`${what}, after a clean stop`, `${what}, after kill -9`];
  return [
    atMost(`${afterStop}, to the first answer`, clean.after, 's', 3),
    ...phases(clean.started, clean.startedAt, afterStop),
    {
      ...atMost(`${afterKill} with a tail of ${TAIL / 1_000}k events, to the first answer`, killed.after, 's', 3),
      against: '< 3 s, plus the tail',
    },
    ...phases(killed.started, killed.startedAt, afterKill),
    { name: 'program: clean stop with 1M customers', value: stopped, unit: 's' },
    { name: 'program: 1M new customers by HTTP, 2,000 a request', value: MILLION / filled, unit: 'events/s' },
    { name: 'program: those, and 200k orders more, until in the tables and scored', value: inTables, unit: 's' },
  ];
}

export const benchmarks: Benchmark[] = [
  { name: 'program-import', about: 'CDNOW by the import command', run: inFolder(importCdnow) },
  { name: 'program-demo', about: 'the demo from nothing to its first answer', run: inFolder(demo) },
  {
    name: 'program-live',
    about: 'an event by HTTP to its changed answer, and churn at 1k requests/s',
    run: inFolder(live),
  },
  {
    name: 'program-beside-job',
    about: 'churn by id in turn without and with a job that scores everybody',
    // Who asks stands for another machine: what it collects must not take this one's cores, least of all on threads that the server waits for.
    node: ['--single-threaded-gc', '--min-semi-space-size=128', '--max-semi-space-size=128'],
    run: inFolder(besideJob),
  },
  {
    name: 'program-restart',
    about: 'a start with 1M customers, after a clean stop and after kill -9',
    run: inFolder(restart),
  },
];
