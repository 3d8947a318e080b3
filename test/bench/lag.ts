// How far the read side is behind what was acknowledged, while 20k events a second come in by HTTP: the fold (what predictions see) and the
// tables (what the console and SQL see). The load runs on the same two cores. Figures, never assertions: `axiom47 bench program-lag`.
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { sentSale, shopOf } from '#test/faults/shop.ts';
import { type Program, removeFolders, serve, temporaryFolder } from '#test/support/program.ts';
import { atMost, type Benchmark, type Measurement, type Progress, quantile } from './benchmark.ts';
import { Connection, drain, type Request } from './http.ts';

const PER_SECOND = 20_000;
const PER_REQUEST = 100;
const SECONDS = 15;
const CUSTOMERS = 100_000;
const DAY = 86_400_000;

interface Ack {
  at: number;
  seq: number;
}
interface Seen {
  at: number;
  seq: number;
}

const ordersOf = (from: number, round: string, when: (n: number) => number) => ({
  method: 'POST' as const,
  path: '/api/events',
  body: JSON.stringify(
    Array.from({ length: PER_REQUEST }, (_, i) => {
      const n = from + i;
      return {
        type: 'order.placed',
        customer_id: `customer-${(n * 7919) % CUSTOMERS}`,
        at: new Date(when(n)).toISOString(),
        data: { order_id: `${round}-${n}`, amount: `${5 + (n % 90)}.90`, currency: 'EUR' },
      };
    }),
  ),
});

/** Requests by the clock; when each was acknowledged, and at which place in the log. */
async function load(program: Program, seconds: number, request: (n: number) => Request): Promise<Ack[]> {
  const target = { url: program.served.url, token: program.token };
  const idle = await Promise.all(Array.from({ length: 16 }, () => Connection.open(target.url, target.token)));
  const all = [...idle];
  const acks: Ack[] = [];
  const total = (PER_SECOND / PER_REQUEST) * seconds;
  const failures: unknown[] = [];
  const begun = performance.now();
  const send = async (connection: Connection, n: number): Promise<void> => {
    const { seq } = await connection.call<{ seq: number }>(request(n));
    acks.push({ at: performance.now(), seq });
    idle.push(connection);
  };
  for (let sent = 0; acks.length < total; await sleep(1)) {
    if (failures.length > 0) throw failures[0];
    while (idle.length > 0 && sent < total && (sent * 1_000 * PER_REQUEST) / PER_SECOND <= performance.now() - begun)
      send(idle.pop()!, sent++).catch((error: unknown) => failures.push(error));
  }
  for (const connection of all) connection[Symbol.dispose]();
  return acks;
}

/** Looks again and again where a reader stands, until told to stop. */
async function watch(position: () => Promise<number>, stop: AbortSignal): Promise<Seen[]> {
  const seen: Seen[] = [];
  while (!stop.aborted) {
    seen.push({ seq: await position(), at: performance.now() });
    await sleep(2);
  }
  return seen;
}

/** ms from each acknowledgement until the reader was seen at its place; 0 when it was there before. */
function lags(acks: readonly Ack[], seen: readonly Seen[]): number[] {
  let next = 0;
  return acks
    .toSorted((a, b) => a.seq - b.seq)
    .map(({ at, seq }) => {
      while (next < seen.length && seen[next]!.seq < seq) next++;
      const first = seen[next];
      if (first === undefined) throw new Error(`the reader never came to ${seq}`);
      return Math.max(0, first.at - at);
    });
}

/** Where the tables stand, as SQL sees it. */
async function tablesAt(tables: Client): Promise<number> {
  const { rows } = await tables.query<{ seq: string }>(
    `select min(seq)::text as seq from rm.checkpoints where projection in ('events', 'customers')`,
  );
  return Number(rows[0]!.seq);
}

async function lag(progress: Progress = () => undefined): Promise<Measurement[]> {
  try {
    await using program = await serve(['--empty', '--data-dir', temporaryFolder('lag')]);
    const before = function* () {
      for (let from = 0; from < CUSTOMERS; from += PER_REQUEST)
        yield ordersOf(from, 'first', (n) => Date.now() - (30 + (n % 300)) * DAY);
    };
    await drain({ url: program.served.url, token: program.token }, 4, before());
    progress(`${CUSTOMERS / 1_000}k customers; ${PER_SECOND / 1_000}k events/s for ${SECONDS} s`);
    const tables = new Client({ connectionString: program.databaseUrl('axiom47') });
    await tables.connect();
    using asking = await Connection.open(program.served.url, program.token);
    const stop = new AbortController();
    const folding = watch(
      async () => (await asking.call<{ seq: number }>({ method: 'GET', path: '/api/zone' })).seq,
      stop.signal,
    );
    const filling = watch(() => tablesAt(tables), stop.signal);
    const acks = await load(program, SECONDS, (n) => ordersOf(n * PER_REQUEST, 'lag', () => Date.now()));
    await sleep(3_000);
    stop.abort();
    const [fold, rows] = [lags(acks, await folding), lags(acks, await filling)];
    await tables.end();
    const what = `program: at ${PER_SECOND / 1_000}k events/s by HTTP, from acknowledged`;
    return [
      { name: `${what} to folded, p50`, value: quantile(fold, 0.5), unit: 'ms' },
      atMost(`${what} to folded, p99`, quantile(fold, 0.99), 'ms', 250),
      { name: `${what} to the tables, p50`, value: quantile(rows, 0.5), unit: 'ms' },
      atMost(`${what} to the tables, p99`, quantile(rows, 0.99), 'ms', 250),
    ];
  } finally {
    await removeFolders();
  }
}

const LONG_SECONDS = 100;
const PART_SECONDS = 20;
/** Of the shop of the faults: each has 400 orders and refunds in the end, on days in no order. */
const REGULARS = 5_000;

/** Two million events: whether the tables are as near at the end as at the beginning. */
async function sustained(progress: Progress = () => undefined): Promise<Measurement[]> {
  try {
    await using program = await serve(['--empty', '--data-dir', temporaryFolder('sustained')]);
    const tables = new Client({ connectionString: program.databaseUrl('axiom47') });
    await tables.connect();
    const shop = shopOf(REGULARS);
    const stop = new AbortController();
    const filling = watch(() => tablesAt(tables), stop.signal);
    const begun = performance.now();
    progress(`${PER_SECOND / 1_000}k events/s for ${LONG_SECONDS} s`);
    const acks = await load(program, LONG_SECONDS, (n) => ({
      method: 'POST',
      path: '/api/events',
      body: JSON.stringify(Array.from({ length: PER_REQUEST }, (_, i) => sentSale(shop, n * PER_REQUEST + i))),
    }));
    const took = (performance.now() - begun) / 1_000;
    const last = Math.max(...acks.map(({ seq }) => seq));
    const ended = performance.now();
    while ((await tablesAt(tables)) < last) await sleep(5);
    const after = performance.now() - ended;
    stop.abort();
    const seen = await filling;
    await tables.end();
    const until = begun + PART_SECONDS * 1_000;
    const from = begun + (took - PART_SECONDS) * 1_000;
    const parts = [
      [`the first ${PART_SECONDS} s`, acks.filter(({ at }) => at < until)],
      [`the last ${PART_SECONDS} s`, acks.filter(({ at }) => at > from)],
    ] as const;
    const what = `program: ${REGULARS.toLocaleString('en-US')} customers`;
    return [
      {
        name: `${what}, ${LONG_SECONDS} s at ${PER_SECOND / 1_000}k events/s asked: taken`,
        value: (acks.length * PER_REQUEST) / took,
        unit: 'events/s',
      },
      ...parts.flatMap(([when, some]) => {
        const waits = lags(some, seen);
        return [
          { name: `${what}, from acknowledged to the tables, ${when}, p50`, value: quantile(waits, 0.5), unit: 'ms' },
          { name: `${what}, from acknowledged to the tables, ${when}, p99`, value: quantile(waits, 0.99), unit: 'ms' },
        ];
      }),
      { name: `${what}, from the last acknowledgement to the tables`, value: after, unit: 'ms' },
    ];
  } finally {
    await removeFolders();
  }
}

export const benchmarks: Benchmark[] = [
  {
    name: 'program-sustained',
    about: '2M events at 20k/s to customers that grow: are the tables as near at the end',
    run: sustained,
  },
  { name: 'program-lag', about: '20k events/s: how far fold and tables are behind', run: lag },
];
