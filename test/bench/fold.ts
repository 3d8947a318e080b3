// The fold alone: events a second into ledgers and columns, memory a customer and an order, snapshot out and in at 1M customers.
// Packs are made beforehand, as a log reader would hand them over; nothing else runs on the thread meanwhile.
import { hash, randomFillSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { PARTITIONS } from '#domain/envelope.ts';
import { createLedger, type Ledger } from '#projections/memory/ledger.ts';
import { openSnapshots } from '#projections/memory/snapshot.ts';
import { decodeMessage, PackWriter } from '#streams/pack.ts';
import { atLeast, atMost, type Benchmark, type Measurement, quantile } from './benchmark.ts';

const CHANNELS = ['web', 'app', 'store'] as const;

/** Packs of `size` events: customers at random, days mostly forward, one order each, by one of three channels if asked for. */
export function makePacks(customers: number, events: number, size = 500, channels = false): Uint8Array[] {
  const sids = randomFillSync(new Uint8Array(customers * 16));
  const counters = new Float64Array(PARTITIONS);
  const random = randomFillSync(new Uint32Array(events));
  const keys = randomFillSync(new Uint8Array(events * 8));
  const packs: Uint8Array[] = [];
  const eventHash = hash('sha256', 'x', 'buffer').subarray(0, 16);
  for (let done = 0; done < events; ) {
    const writer = new PackWriter(size);
    for (let i = 0; i < size && done < events; i++, done++) {
      // Every customer once, then at random: as many customers as asked for, orders spread over them.
      const customer = done < customers ? done : random[done]! % customers;
      const sid = sids.subarray(customer * 16, customer * 16 + 16);
      const day = 18_000 + Math.floor((done / events) * 1000) - (random[done]! & 7);
      const partition = sid[0]! & (PARTITIONS - 1);
      writer.add({
        sid,
        anonymous: false,
        counter: counters[partition]!++,
        eventHash,
        type: 'order.placed',
        schemaVersion: 1,
        at: day * 86_400_000,
        dateOnly: true,
        day,
        zoneVersion: 0,
        source: 'bench',
        policyVersion: 1,
        run: null,
        producerNumber: 0,
        lines: 1,
        orderHash: keys.subarray(done * 8, done * 8 + 8),
        refundedOrderHash: null,
        revision: 0,
        minor: 100 + (random[done]! % 10_000),
        currency: 'EUR',
        channel: channels ? CHANNELS[random[done]! % 3]! : null,
        name: null,
        props: null,
        traceId: null,
        correlationId: null,
        causationId: null,
        sealed: null,
      });
    }
    packs.push(writer.encode({ tenant: 'main', gateway: 'bench', epoch: 1, ingestedAt: 1_800_000_000_000 }));
  }
  return packs;
}

interface Rate {
  /** Events a second by the clock on the wall, and by the CPU time of this thread: equal on a machine with nothing else to do. */
  wall: number;
  cpu: number;
}

/** Folds the packs with a flush of the columns after every `batch` messages. */
function foldPacks(ledger: Ledger, packs: Uint8Array[], batch = 8): Rate {
  const before = ledger.events;
  const start = performance.now();
  const cpu = process.threadCpuUsage();
  packs.forEach((bytes, i) => {
    ledger.applyMessage(ledger.position + 1, decodeMessage(bytes));
    if (i % batch === batch - 1) ledger.flushColumns();
  });
  ledger.flushColumns();
  const used = process.threadCpuUsage(cpu);
  const events = ledger.events - before;
  return { wall: (events / (performance.now() - start)) * 1e3, cpu: (events / (used.user + used.system)) * 1e6 };
}

/** Reading the packs alone (decode, sid, key, day and amount of every event): the floor under the fold. */
function readPacks(packs: Uint8Array[]): number {
  let events = 0;
  let sum = 0;
  const start = performance.now();
  for (const bytes of packs) {
    const message = decodeMessage(bytes);
    if (message.kind !== 'pack') continue;
    const { pack } = message;
    for (let i = 0; i < pack.count; i++, events++)
      sum += pack.sidWord(i, 0) + pack.sidWord(i, 3) + pack.orderHashWord(i, 0) + pack.day(i) + pack.minor(i);
  }
  const rate = (events / (performance.now() - start)) * 1000;
  if (Number.isNaN(sum)) throw new Error('a pack holds no numbers');
  return rate;
}

const MILLION = 1_000_000;
const quiet = { info: () => {}, warn: () => {} };

async function foldRate(): Promise<Measurement[]> {
  const packs = makePacks(100_000, MILLION);
  foldPacks(createLedger(), packs); // the compiler's turn
  const rates = [1, 2, 3].map(() => foldPacks(createLedger(), packs));
  const wall = Math.max(...rates.map((rate) => rate.wall));
  const cpu = Math.max(...rates.map((rate) => rate.cpu));
  const floor = readPacks(packs);
  const named = makePacks(100_000, MILLION, 500, true);
  // In turns, so that both have the same machine.
  const pairs = [1, 2, 3].map(() => [packs, named].map((each) => foldPacks(createLedger(), each).cpu));
  const [plain, withChannels] = [0, 1].map((i) => Math.max(...pairs.map((pair) => pair[i]!))) as [number, number];
  return [
    atLeast('fold: 100k customers, 1M events', wall, 'events/s', 300_000),
    atLeast('fold: the same by CPU time of the thread', cpu, 'events/s', 300_000),
    {
      name: 'fold: reading the packs alone',
      value: floor,
      unit: 'events/s',
      ratio: floor / wall,
      against: `the fold, ${Math.round(wall / 1_000)}k events/s`,
    },
    {
      name: 'fold: every order names one of three channels, by CPU time',
      value: withChannels,
      unit: 'events/s',
      ratio: withChannels / plain,
      against: `none does, ${Math.round(plain / 1_000)}k events/s`,
    },
  ];
}

async function heavyCustomer(): Promise<Measurement[]> {
  const { wall } = foldPacks(createLedger({ maxCustomers: 1 << 10 }), makePacks(1, 100_000), 40);
  return [{ name: 'fold: one customer with 100k orders, flushed every 20k', value: wall, unit: 'events/s' }];
}

async function atAMillion(): Promise<Measurement[]> {
  const events = 5 * MILLION;
  const ledger = createLedger();
  const packs = makePacks(MILLION, events);
  const { wall, cpu } = foldPacks(ledger, packs);
  const customer = ledger.rows.bytes / MILLION;
  const { orders } = ledger.store;
  const order = orders.bytes / orders.live;
  const dir = mkdtempSync(join(tmpdir(), 'axiom47-bench-'));
  try {
    let start = performance.now();
    const entry = await openSnapshots(dir, quiet).save(ledger, packs.at(-1)!);
    const saved = performance.now() - start;
    const bytes = entry!.ledger.bytes + entry!.ids.bytes;
    start = performance.now();
    const restored = await openSnapshots(dir, quiet).restore({});
    const loaded = performance.now() - start;
    if (restored.position !== ledger.position) throw new Error('bench: the snapshot was not restored');
    // As if each had named one of three channels.
    for (let record = 0; record < orders.live; record++) orders.setSide(record, 1 + (record % 3));
    const channelled = orders.bytes / orders.live;
    return [
      atLeast('fold: 1M customers, 5M events from nothing', wall, 'events/s', 300_000),
      atLeast('fold: the same at 1M customers by CPU time', cpu, 'events/s', 300_000),
      atMost('fold: columns and hash at 1M customers', customer, 'B/customer', 200),
      atMost('fold: an order entry and its index', order, 'B/order', 40),
      atMost('fold: the same with the channel of each', channelled, 'B/order', 40),
      { name: 'fold: snapshot of 1M customers, 5M orders', value: bytes / MILLION, unit: 'MB' },
      { name: 'fold: that snapshot written and synced while the fold may go on', value: saved, unit: 'ms' },
      { name: 'fold: that snapshot restored, every digest verified', value: loaded, unit: 'ms' },
    ];
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Longest stop of the fold while a snapshot of 300k customers is written: batch after batch, the slowest one. */
async function stopWhileSaving(): Promise<Measurement[]> {
  const ledger = createLedger();
  const packs = makePacks(300_000, 2 * MILLION);
  const half = packs.length >> 1;
  foldPacks(ledger, packs.slice(0, half));
  const dir = mkdtempSync(join(tmpdir(), 'axiom47-bench-'));
  const step = async (i: number) => {
    const start = performance.now();
    ledger.applyMessage(ledger.position + 1, decodeMessage(packs[i]!));
    ledger.flushColumns();
    await setImmediate();
    return performance.now() - start;
  };
  try {
    const plain: number[] = [];
    for (let i = half; i < half + 400; i++) plain.push(await step(i));
    let saving = true;
    const save = openSnapshots(dir, quiet)
      .save(ledger, packs[half]!)
      .finally(() => {
        saving = false;
      });
    const during: number[] = [];
    for (let i = half + 400; saving && i < packs.length; i++) during.push(await step(i));
    await save;
    const [before, meanwhile] = [quantile(plain, 0.99), quantile(during, 0.99)];
    return [
      {
        name: 'fold: a turn of 500 events while a snapshot is written, p99',
        value: meanwhile,
        unit: 'ms',
        ratio: before / meanwhile,
        against: `the same without a snapshot, ${before.toPrecision(2)} ms`,
      },
      { name: 'fold: the slowest such turn', value: Math.max(...during), unit: 'ms' },
    ];
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

export const benchmarks: Benchmark[] = [
  { name: 'fold-rate', about: 'packs folded into ledgers and columns, and the floor of reading them', run: foldRate },
  { name: 'fold-heavy-customer', about: 'one customer with 100k orders', run: heavyCustomer },
  { name: 'fold-million', about: '1M customers: rate, memory, snapshot out and in', run: atAMillion },
  { name: 'fold-snapshot-stop', about: 'how long a snapshot keeps the fold waiting', run: stopWhileSaving },
];
