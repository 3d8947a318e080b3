// What an earlier moment costs: the fold that tells the event index where everything is, the index itself, one customer as of a position over a real
// log, encrypted and sealed as the embedded one, and everybody from a snapshot beside everybody from the beginning.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openColumns } from '#projections/memory/columns.ts';
import { createLedger, type Ledger } from '#projections/memory/ledger.ts';
import { customersAt } from '#projections/memory/past/customers.ts';
import { openEventIndex } from '#projections/memory/past/event-index.ts';
import { everybodyAt } from '#projections/memory/past/everybody.ts';
import { Recorder } from '#projections/memory/past/recorder.ts';
import { openSnapshots } from '#projections/memory/snapshot.ts';
import { sealedStore } from '#streams/chain/sealed.ts';
import { startChainWriter } from '#streams/chain/writer.ts';
import { silent } from '#streams/jetstream/link.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { createMemoryStore } from '#streams/memory/store.ts';
import { decodeMessage } from '#streams/pack.ts';
import { startNatsServer } from '../support/nats-server.ts';
import { atLeast, atMost, type Benchmark, type Measurement, median, quantile } from './benchmark.ts';
import { makePacks } from './fold.ts';

const MILLION = 1_000_000;
const quiet = { info: () => {}, warn: () => {} };

async function inFolder<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'axiom47-bench-'));
  try {
    return await work(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Events a second of CPU time of this thread. */
function foldRate(packs: Uint8Array[], recorder: Recorder | null): number {
  const ledger = createLedger();
  ledger.recorder = recorder;
  const cpu = process.threadCpuUsage();
  packs.forEach((bytes, i) => {
    ledger.applyMessage(i + 1, decodeMessage(bytes));
    if (i % 8 !== 7) return;
    ledger.flushColumns();
    recorder?.take();
  });
  const { user, system } = process.threadCpuUsage(cpu);
  return (ledger.events / (user + system)) * 1e6;
}

async function telling(): Promise<Measurement[]> {
  const packs = makePacks(100_000, MILLION);
  foldRate(packs, null); // the compiler's turn
  const rates = [1, 2, 3, 4].map(() => [foldRate(packs, null), foldRate(packs, new Recorder())] as const);
  const [alone, told] = [0, 1].map((which) => Math.max(...rates.map((each) => each[which]!))) as [number, number];
  return [
    atLeast('past: fold of 1M events that tells where they are, by CPU time', told, 'events/s', 300_000),
    {
      name: 'past: the same fold that tells nobody',
      value: alone,
      unit: 'events/s',
      ratio: told / alone,
      against: `telling, ${Math.round(told / 1_000)}k events/s`,
    },
  ];
}

async function oneCustomer(): Promise<Measurement[]> {
  const customers = 100_000;
  const packs = makePacks(customers, MILLION);
  await using server = await startNatsServer({ jetstream: 'sync_interval: always, cipher: aes, key: "bench"' });
  const nc = await server.connect('bench');
  await ensureTopology(nc);
  const plain = createJetStreamStore(nc);
  // Sent one after the other, so stored in this order; their acknowledgements are awaited together.
  for (let from = 0; from < packs.length; from += 64)
    await Promise.all(packs.slice(from, from + 64).map((bytes, i) => plain.append(`evt.${i % 4}.main`, bytes)));
  {
    await using chain = await startChainWriter({ store: plain, log: silent });
    while (chain.sealedTo < packs.length) {
      await chain.seal();
      await sleep(20);
    }
  }
  const store = sealedStore(plain, silent);
  return await inFolder(async (dir) => {
    await using index = await openEventIndex({ dir, log: quiet, messageSha256: async () => '' });
    const ledger = await everybodyAt(store, packs.length, {
      ledger: {},
      snapshotDir: null,
      log: quiet,
      record: (chunk) => index.add(chunk),
    });
    await index.flush();
    const columns = openColumns(ledger.rows.handle);
    const deps = { store, index, rowOf: columns.ownRowOf, reportingCurrency: 'EUR', stuck: new Map<string, number>() };
    const times: number[] = [];
    let random = 1;
    const next = (below: number) => {
      random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((random / 2 ** 32) * below);
    };
    const asked = 2_000;
    const cpu = process.threadCpuUsage();
    for (let i = 0; i < asked; i++) {
      const sid = columns.sidOf(next(customers));
      const start = performance.now();
      const then = await customersAt(deps, [sid], 1 + next(packs.length));
      then!.entries(sid);
      times.push(performance.now() - start);
    }
    const used = process.threadCpuUsage(cpu);
    return [
      atMost('past: one customer of a log of 1M events, p99', quantile(times, 0.99), 'ms', 20),
      { name: 'past: one customer of a log of 1M events, median', value: median(times), unit: 'ms' },
      {
        name: 'past: the same by CPU time of the thread',
        value: (used.user + used.system) / asked / 1_000,
        unit: 'ms',
      },
      atMost('past: event index on the disk', index.bytes / index.postings, 'B/event', 12),
    ];
  });
}

async function everybody(): Promise<Measurement[]> {
  const packs = makePacks(MILLION, 5 * MILLION);
  const store = createMemoryStore();
  for (const bytes of packs) await store.append('evt.0.main', bytes);
  return inFolder(async (snapshotDir) => {
    const ledger: Ledger = createLedger();
    const snapshots = openSnapshots(snapshotDir, quiet);
    let kept = 0;
    for (const [i, bytes] of packs.entries()) {
      ledger.applyMessage(i + 1, decodeMessage(bytes));
      if (ledger.events - kept < MILLION) continue;
      kept = ledger.events;
      ledger.flushColumns();
      await snapshots.save(ledger, bytes);
    }
    const asked = Math.floor(packs.length * 0.9);
    const seconds = async (dir: string | null) => {
      const start = performance.now();
      const then = await everybodyAt(store, asked, { ledger: {}, snapshotDir: dir, log: quiet });
      if (then.position !== asked) throw new Error('bench: another position than was asked for');
      return (performance.now() - start) / 1_000;
    };
    const near = await seconds(snapshotDir);
    const whole = await seconds(null);
    return [
      {
        name: 'past: 1M customers as of event 4.5M of 5M, from the nearest snapshot',
        value: near,
        unit: 's',
        ratio: whole / near,
        against: `from the beginning of the log, ${whole.toPrecision(3)} s`,
      },
    ];
  });
}

export const benchmarks: Benchmark[] = [
  { name: 'past-telling', about: 'the fold with and without the event index', run: telling },
  { name: 'past-customer', about: 'one customer as of a position of a log of 1M events', run: oneCustomer },
  { name: 'past-everybody', about: '1M customers as of a position, from a snapshot and from nothing', run: everybody },
];
