// How fast the log becomes tables: PostgreSQL as in production (LOGGED, fsync, synchronous_commit on), packs made before the clock starts.
// Figures, never assertions: `axiom47 bench tables`.
import { readdirSync, readFileSync } from 'node:fs';
import pg from 'pg';
import type { StoredEvent } from '#domain/envelope.ts';
import { openTables } from '#projections/catalogue.ts';
import { CopyBuffer, copyInto } from '#projections/copy-binary.ts';
import { customerPage, SCORE_SORTS } from '#projections/customer-profile.ts';
import type { FoldState } from '#projections/customers.ts';
import { NO_DAY } from '#projections/customers.ts';
import { startProjector } from '#projections/projector.ts';
import { createShadow, switchToShadow } from '#projections/shadow.ts';
import { totals, weeklyRepeatPurchases } from '#projections/stats.ts';
import { createMemoryStore, type MemoryStore } from '#streams/memory/store.ts';
import { PackWriter } from '#streams/pack.ts';
import { startTestEngines, type TestEngines } from '../support/engines.ts';
import { atLeast, type Benchmark, type Measurement, sharedFile } from './benchmark.ts';

const silent = () => undefined;
const PACK = 500;

const scramble = (n: number): number => {
  let h = Math.imul(n ^ (n >>> 16), 0x45d9f3b);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return (h ^ (h >>> 13)) >>> 0;
};
/** Sids and hashes are random in production: neighbours in time are far apart in the index. */
function bytesOf(n: number, salt: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < length; i += 4) view.setUint32(i, scramble(n * 31 + salt + i * 7919));
  if (length >= 8) view.setUint32(4, n);
  return bytes;
}

function order(n: number, customer: number, day: number, minor: number, revision = 0): StoredEvent {
  return {
    sid: bytesOf(customer, 1, 16),
    anonymous: false,
    counter: n,
    eventHash: bytesOf(n, 2, 16),
    type: 'order.placed',
    schemaVersion: 1,
    at: day * 86_400_000,
    dateOnly: true,
    day,
    zoneVersion: 1,
    source: 'shop',
    policyVersion: 1,
    run: '01JD0000000000000000000000',
    producerNumber: n,
    lines: 1,
    orderHash: bytesOf(n, 3, 8),
    refundedOrderHash: null,
    revision,
    minor,
    currency: 'EUR',
    channel: 'web',
    name: null,
    props: null,
    traceId: null,
    correlationId: null,
    causationId: null,
    sealed: null,
  };
}

async function append(store: MemoryStore, count: number, make: (n: number) => StoredEvent): Promise<number> {
  let seq = 0;
  for (let from = 0; from < count; from += PACK) {
    const writer = new PackWriter(PACK);
    for (let n = from; n < Math.min(count, from + PACK); n++) writer.add(make(n));
    const bytes = writer.encode({ tenant: 'main', gateway: 'bench', epoch: 1, ingestedAt: 0 });
    ({ seq } = await store.append('evt.0.main', bytes));
  }
  return seq;
}

async function database(engines: TestEngines): Promise<string> {
  const name = `bench_${process.hrtime.bigint()}`;
  const client = new pg.Client({ connectionString: engines.postgres.url });
  await client.connect();
  await client.query(`create database ${name}`);
  await client.end();
  const url = new URL(engines.postgres.url);
  url.pathname = `/${name}`;
  return url.href;
}

async function withEngines<T>(work: (engines: TestEngines) => Promise<T>): Promise<T> {
  const engines = await startTestEngines();
  try {
    return await work(engines);
  } finally {
    await engines.stop();
  }
}

/** Rows/s of binary COPY alone into a heap without any index: what this server takes when nothing is merged. */
async function copyAlone(url: string, rows: number): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(
    'create table heap (a bigint, b bigint, c uuid, d timestamptz, e bigint, f bigint, g bigint, h integer, i text, j text)',
  );
  const out = new CopyBuffer(1 << 21);
  const uuid = bytesOf(1, 1, 16);
  const begun = performance.now();
  for (let from = 0; from < rows; from += 10_000) {
    out.clear();
    for (let n = 0; n < 10_000; n++) {
      out.row(10);
      out.int8(n);
      out.int8(from);
      out.bytes(uuid);
      out.timestamp(0);
      out.int8(1);
      out.int8(2);
      out.int8(3);
      out.int4(n);
      out.text('EUR');
      out.text('shop');
    }
    await copyInto(client, 'heap', out);
  }
  const perSecond = rows / ((performance.now() - begun) / 1000);
  await client.end();
  return perSecond;
}

/** What some work took: by the clock, and of the processors, which says more on a machine that has other work. */
interface Cost {
  perSecond: number;
  /** Microseconds of processor a row, of this process and of PostgreSQL's; null where they cannot be read. */
  nodeUs: number;
  postgresUs: number | null;
}
async function costOf(engines: TestEngines, rows: number, work: () => Promise<unknown>): Promise<Cost> {
  const [node, postgres, begun] = [process.cpuUsage(), processorMs(engines), performance.now()];
  await work();
  const ms = performance.now() - begun;
  const { user, system } = process.cpuUsage(node);
  const after = processorMs(engines);
  const us = after === null || postgres === null ? null : ((after - postgres) * 1000) / rows;
  return { perSecond: rows / (ms / 1000), nodeUs: (user + system) / rows, postgresUs: us };
}

/** Linux: of the postmaster and all it has started, those that have ended included; ms. */
function processorMs(engines: TestEngines): number | null {
  try {
    const postmaster = engines.postgres.pid();
    let ticks = 0;
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      const stat = statOf(name);
      if (stat === null) continue;
      const own = Number(name) === postmaster;
      if (own || stat.parent === postmaster) ticks += stat.ticks + (own ? stat.endedTicks : 0);
    }
    return ticks * 10;
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return null; // no /proc
    throw error;
  }
}

/** proc(5): fields 4 (ppid), 14 + 15 (utime, stime) and 16 + 17 (of ended children), in ticks of 10 ms. */
function statOf(pid: string): { parent: number; ticks: number; endedTicks: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    return { parent: fields[1]!, ticks: fields[11]! + fields[12]!, endedTicks: fields[13]! + fields[14]! };
  } catch {
    return null; // ended meanwhile
  }
}

const costs = (name: string, { nodeUs, postgresUs }: Cost): Measurement[] => [
  { name: `tables: ${name}, processor time of node`, value: nodeUs, unit: 'µs/row' },
  ...(postgresUs === null
    ? []
    : [{ name: `tables: ${name}, processor time of PostgreSQL`, value: postgresUs, unit: 'µs/row' }]),
];

/** From the first message to the last commit. */
async function project(
  engines: TestEngines,
  url: string,
  store: MemoryStore,
  { rows, from, to }: { rows: number; from: number; to: number },
): Promise<Cost> {
  await using projector = startProjector({ databaseUrl: url, store, log: silent, batchEvents: 10_000, lingerMs: 50 });
  if (from > 0) await projector.waitFor(from);
  return await costOf(engines, rows, () => projector.waitFor(to));
}

async function merging(): Promise<Measurement[]> {
  return withEngines(async (engines) => {
    const rows = 300_000;
    const customers = 60_000;
    const url = await database(engines);
    const bare = await copyAlone(await database(engines), rows);
    const figures: Measurement[] = [
      { name: 'tables: binary COPY into a heap without index, the bare minimum', value: bare, unit: 'rows/s' },
    ];
    const note = (name: string, cost: Cost) =>
      figures.push(
        name.startsWith('orders')
          ? atLeast(`tables: ${name}`, cost.perSecond, 'rows/s', 150_000)
          : {
              name: `tables: ${name}`,
              value: cost.perSecond,
              unit: 'rows/s',
              ratio: cost.perSecond / bare,
              against: `bare COPY, ${Math.round(bare / 1_000)}k rows/s in the same minute`,
            },
        ...costs(name, cost),
      );
    const steps: [string, (n: number) => StoredEvent][] = [
      ['orders, new', (n) => order(n, n % customers, 20_000 + Math.floor(n / 300), 100 + (n % 9_000))],
      [
        'orders, each changed (revision 1)',
        (n) => order(n, n % customers, 20_000 + Math.floor(n / 300), 101 + (n % 9_000), 1),
      ],
      ['orders, each a duplicate', (n) => order(n, n % customers, 20_000 + Math.floor(n / 300), 101 + (n % 9_000), 1)],
      [
        'activities, new (90-day window)',
        (n) => ({
          ...order(n + rows, n % customers, 21_000 - (n % 60), 0),
          type: 'activity.recorded',
          orderHash: null,
          minor: null,
          currency: null,
          name: 'login',
        }),
      ],
    ];
    const store = createMemoryStore();
    let reached = 0;
    for (const [name, make] of steps) {
      const to = await append(store, rows, make);
      note(name, await project(engines, url, store, { rows, from: reached, to }));
      reached = to;
    }
    return figures;
  });
}

/** CDNOW from beside the repository when it is there, else orders of the same number: 69,659 of 23,570 customers. */
function cdnow(): { customer: number; day: number; minor: number }[] {
  const path = sharedFile('data', 'cdnow_master_transactions.csv');
  if (path === null)
    return Array.from({ length: 69_659 }, (_, n) => ({
      customer: n % 23_570,
      day: 9_862 + (n % 546),
      minor: n % 10_000,
    }));
  const [header, ...lines] = readFileSync(path, 'utf8').trim().split(/\r?\n/);
  const names = header!.split(',');
  const at = (pattern: RegExp) => names.findIndex((name) => pattern.test(name));
  const [customer, date, amount] = [at(/customer|id/i), at(/date/i), at(/amount|value|spend/i)];
  return lines.map((line) => {
    const fields = line.split(',');
    const iso = fields[date]!.replace(/^(\d{4})(\d{2})(\d{2})$/, '$1-$2-$3');
    return {
      customer: Number(fields[customer]),
      day: Math.floor(Date.parse(`${iso}T00:00:00Z`) / 86_400_000),
      minor: Math.round(Number(fields[amount]) * 100),
    };
  });
}

async function cdnowBatch(): Promise<Measurement[]> {
  return withEngines(async (engines) => {
    const rows = cdnow();
    const url = await database(engines);
    const store = createMemoryStore();
    const to = await append(store, rows.length, (n) => order(n, rows[n]!.customer, rows[n]!.day, rows[n]!.minor));
    const count = rows.length;
    const { perSecond } = await project(engines, url, store, { rows: count, from: 0, to });
    const again = await append(store, rows.length, (n) => order(n, rows[n]!.customer, rows[n]!.day, rows[n]!.minor));
    const { perSecond: repeated } = await project(engines, url, store, { rows: count, from: to, to: again });
    const seconds = (rate: number) => Number((rows.length / rate).toFixed(3));
    return [
      {
        name: `tables: CDNOW-size import (${rows.length} orders) to tables, start of the projector included`,
        value: seconds(perSecond),
        unit: 's',
      },
      { name: 'tables: the same once more, all duplicates', value: seconds(repeated), unit: 's' },
    ];
  });
}

function foldOf(customers: number): FoldState {
  const columns = (n: number, from: number) => ({
    sids: Uint8Array.from({ length: n * 16 }, (_, i) => bytesOf(from + Math.floor(i / 16), 1, 16)[i % 16]!),
    firstDay: new Int32Array(n).fill(20_000),
    lastDay: Int32Array.from({ length: n }, (_, i) => 20_000 + ((from + i) % 300)),
    changeDay: new Int32Array(n).fill(NO_DAY),
    orders: Uint32Array.from({ length: n }, (_, i) => (from + i) % 40),
    frequency: new Uint32Array(n),
    moneyDays: new Uint32Array(n),
    moneyMinor: new Float64Array(n),
    netMinor: Float64Array.from({ length: n }, (_, i) => ((from + i) * 7919) % 100_000),
    currency: new Uint16Array(n).fill(1),
    currencies: ['', 'EUR'],
    flags: new Uint8Array(n),
    seqs: Float64Array.from({ length: n }, (_, i) => from + i + 1),
  });
  const chunks = Array.from({ length: customers / 10_000 }, (_, i) => columns(10_000, i * 10_000));
  return {
    async dirtyRows(since) {
      const chunk = chunks[since / 10_000];
      return chunk ? { rows: chunk, seq: since + 10_000 } : { rows: columns(0, 0), seq: since };
    },
  };
}

async function stateAndScores(): Promise<Measurement[]> {
  return withEngines(async (engines) => {
    const customers = 200_000;
    const url = await database(engines);
    const figures: Measurement[] = [];
    const note = (name: string, rows: number, begun: number) =>
      figures.push({ name: `tables: ${name}`, value: rows / ((performance.now() - begun) / 1000), unit: 'rows/s' });
    const fold = foldOf(customers);
    let begun = performance.now();
    await using projector = startProjector({ databaseUrl: url, store: createMemoryStore(), fold, log: silent });
    while (projector.position().customers < customers) await new Promise((resolve) => setTimeout(resolve, 5));
    note('customers from state, new (2 indexes)', customers, begun);
    const sids = new Uint8Array(customers * 16);
    for (let n = 0; n < customers; n++) sids.set(bytesOf(n, 1, 16), n * 16);
    const column = (salt: number) => Float64Array.from({ length: customers }, (_, n) => scramble(n + salt) / 2 ** 32);
    for (const round of [1, 2]) {
      const batch = {
        modelId: 'bg-nbd@1',
        horizonDays: 90,
        seq: round,
        at: 0,
        clock: 'log' as const,
        sids,
        pChurn: column(round),
        pAlive: column(3),
        clvMean: column(4 + round),
        clvP05: column(5),
        clvP50: column(6),
        clvP95: column(7),
        expectedPurchases: column(8),
      };
      begun = performance.now();
      await projector.writeScores(batch);
      note(round === 1 ? 'scores, new (3 indexes)' : 'scores, each changed (3 indexes)', customers, begun);
    }
    await using tables = openTables(url);
    await tables.pool.query('analyze rm.customers, rm.scores');
    const pageMs = async (sort: (typeof SCORE_SORTS)[number]) => {
      const times: number[] = [];
      let cursor = null;
      for (let i = 0; i < 40; i++) {
        const at = performance.now();
        ({ next: cursor } = await customerPage(tables.db, { sort, limit: 50, modelId: 'bg-nbd@1', cursor }));
        times.push(performance.now() - at);
      }
      return times.sort((a, b) => a - b);
    };
    for (const sort of SCORE_SORTS) {
      const times = await pageMs(sort);
      figures.push({
        name: `tables: page of 50 of ${customers} customers by ${sort}, median of 40 consecutive pages`,
        value: Number(times[20]!.toFixed(2)),
        unit: 'ms',
      });
    }
    return figures;
  });
}

async function series(): Promise<Measurement[]> {
  return withEngines(async (engines) => {
    const url = await database(engines);
    await using projector = startProjector({ databaseUrl: url, store: createMemoryStore(), log: silent });
    await projector.waitFor(0);
    await using tables = openTables(url);
    await tables.pool.query(`
      insert into rm.customers select k, gen_random_uuid(), false, 19000 + k % 600, 19900, 20000, 5, 4, 1, 1, 1, 'EUR', 1 from generate_series(1, 200000) k;
      insert into rm.transactions select k % 200000 + 1, k, gen_random_uuid(), now(), 100, null, 0, 1, 19000 + (k / 200) % 1000, 0, 'EUR', 'web', 'shop', null, null
        from generate_series(1, 1000000) k;
      analyze rm.customers, rm.transactions`);
    const figures: Measurement[] = [];
    for (const [name, work] of [
      ['totals over 1M orders of 200k customers', () => totals(tables.db)],
      [
        'weekly repeat purchases of all 200k customers over 1M orders',
        () => weeklyRepeatPurchases(tables.db, { from: 19_000, to: 20_000, until: 20_000 }),
      ],
    ] as const) {
      await work();
      const begun = performance.now();
      await work();
      figures.push({ name: `tables: ${name}`, value: performance.now() - begun, unit: 'ms' });
    }
    return figures;
  });
}

/** The tables of 300k orders filled again beside the live ones, and moved into their place. */
async function rebuilding(): Promise<Measurement[]> {
  return withEngines(async (engines) => {
    const rows = 600_000;
    const url = await database(engines);
    const store = createMemoryStore();
    const to = await append(store, rows, (n) => order(n, n % 60_000, 20_000 + Math.floor(n / 300), 100 + (n % 9_000)));
    await project(engines, url, store, { rows, from: 0, to });
    await using own = openTables(url, { statementMs: 0 });
    const client = await own.pool.connect();
    const cost = await costOf(engines, rows, async () => {
      await createShadow(client);
      await using shadow = startProjector({ databaseUrl: url, store, log: silent, lingerMs: 50, shadow: ['events'] });
      await shadow.waitFor(to);
    });
    const switching = performance.now();
    await switchToShadow(client);
    const switchedMs = performance.now() - switching;
    client.release();
    return [
      atLeast('tables: rebuilt beside the live ones, orders', cost.perSecond, 'rows/s', 300_000),
      ...costs('rebuilt beside the live ones, orders', cost),
      { name: 'tables: the switch to them, in which reads and writes wait', value: switchedMs, unit: 'ms' },
    ];
  });
}

export const benchmarks: Benchmark[] = [
  {
    name: 'tables-rebuild',
    about: '600k orders filled again beside the live tables, and the switch',
    run: rebuilding,
  },
  {
    name: 'tables-merging',
    about: 'orders and activities of packs merged into tables, 10k a transaction',
    run: merging,
  },
  {
    name: 'tables-cdnow',
    about: 'an import of the size of CDNOW, from the log to tables, and once more',
    run: cdnowBatch,
  },
  {
    name: 'tables-state',
    about: 'customers pulled as state, scores in bulk, pages of the customers list',
    run: stateAndScores,
  },
  { name: 'tables-series', about: 'totals and weekly repeat purchases over 1M orders', run: series },
];
