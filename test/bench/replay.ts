// The log at its full length: our publisher beside bare publishing of the same messages, and ten million events replayed into ledgers.
// Figures, never assertions: run by `axiom47 bench replay`.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { jetstream } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/nats-core';
import type { StoredEvent } from '#domain/envelope.ts';
import { createLedger } from '#projections/memory/ledger.ts';
import { createDelivery } from '#streams/jetstream/delivery.ts';
import { silent } from '#streams/jetstream/link.ts';
import { createLanePublisher, type LanePublisher } from '#streams/jetstream/publisher.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { decodeMessage } from '#streams/pack.ts';
import { startNatsServer } from '../support/nats-server.ts';
import { storedEvent } from '../support/stored-event.ts';
import { atLeast, type Benchmark, type Measurement, median, type Progress } from './benchmark.ts';

const MILLION = 1_000_000;

/** Orders of `customers` customers, every one its own event and order; days go forward. */
function* orders(count: number, customers: number): Generator<StoredEvent[]> {
  const sids = Array.from({ length: customers }, (_, i) => {
    const sid = new Uint8Array(16);
    new DataView(sid.buffer).setUint32(0, Math.imul(i + 1, 2_654_435_761));
    new DataView(sid.buffer).setUint32(12, i);
    return sid;
  });
  for (let at = 0; at < count; at += 1_024)
    yield Array.from({ length: Math.min(1_024, count - at) }, (_, j) => {
      const i = at + j;
      const orderHash = new Uint8Array(8);
      new DataView(orderHash.buffer).setUint32(0, i);
      const day = 18_000 + Math.floor((i / count) * 1_000);
      return storedEvent(i, { sid: sids[i % customers]!, orderHash, day, at: day * 86_400_000 });
    });
}

async function fill(publisher: LanePublisher, events: Iterable<StoredEvent[]>): Promise<void> {
  for (const some of events) {
    publisher.addMany(some);
    await publisher.room();
  }
  await publisher.ticket();
}

/** As the measuring scripts of the design do: `js.publish` with an id, so many on their way at once. */
async function publishBare(nc: NatsConnection, messages: readonly Uint8Array[], inFlight: number, round: number) {
  const js = jetstream(nc, { timeout: 30_000 });
  let next = 0;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (next < messages.length) {
        const i = next++;
        const named = headers();
        named.set('Nats-Msg-Id', `bare-${round}-${i}`);
        await js.publish(`evt.${i % 4}.main`, messages[i]!, { headers: named });
      }
    }),
  );
}

/** The publisher's sending half alone: ready messages, each sent until it is stored, one unacknowledged a lane. */
async function deliverReady(nc: NatsConnection, messages: readonly Uint8Array[], round: number): Promise<void> {
  const deliver = createDelivery(nc, silent, new AbortController().signal);
  await Promise.all(
    Array.from({ length: LANES }, async (_, lane) => {
      for (let i = lane; i < messages.length; i += LANES)
        await deliver({ subject: `evt.${lane}.main`, id: `ready-${round}-${i}`, bytes: messages[i]! }, () => undefined);
    }),
  );
}

const ROUNDS = 5;
/** As many as our lanes have unacknowledged, which keeps a lane in order; and as many as pay at all. */
const LANES = 4;
const MANY = 64;

async function publisherAgainstBare(progress: Progress = () => undefined): Promise<Measurement[]> {
  await using server = await startNatsServer({ jetstream: 'sync_interval: always' });
  const nc = await server.connect('bench');
  await ensureTopology(nc);
  await using store = createJetStreamStore(nc);
  const publisher = createLanePublisher({ nc, gateway: 'bench', epoch: 1, lanes: LANES });
  // The same ones again and again: half a million objects of a benchmark would be most of what is collected.
  const some = [...orders(1 << 16, 10_000)];
  const events = Array.from({ length: 8 }, () => some).flat();
  const count = 8 << 16;
  const rateOf = async (work: () => Promise<void>): Promise<number> => {
    const begun = performance.now();
    await work();
    return count / ((performance.now() - begun) / 1e3);
  };
  const rounds: { ours: number; ready: number; bare: number; many: number }[] = [];
  let names = 0;
  await fill(publisher, events); // the compiler's turn
  for (let round = 0; round < ROUNDS; round++) {
    const before = await store.lastSequence('EVT');
    const ours = await rateOf(() => fill(publisher, events));
    const messages: Uint8Array[] = [];
    for await (const { bytes } of store.read('EVT', { from: before + 1 })) messages.push(bytes);
    const ready = await rateOf(() => deliverReady(nc, messages, names++));
    const bare = await rateOf(() => publishBare(nc, messages, LANES, names++));
    const many = await rateOf(() => publishBare(nc, messages, MANY, names++));
    rounds.push({ ours, ready, bare, many });
    progress(`round ${round + 1} of ${ROUNDS}: ${Math.round(ours)} against ${Math.round(bare)} events/s`);
  }
  await publisher.close();
  const versusBare = (name: string, of: 'ours' | 'ready'): Measurement => {
    const ratio = median(rounds.map((round) => round[of] / round.bare));
    const against = `>= 0.8x; median of ${ROUNDS} pairs; js.publish with ids, ${LANES} on their way on both sides`;
    return {
      name: `replay: ${name}, against bare publishing of the same messages`,
      value: ratio,
      unit: 'x',
      ratio: ratio / 0.8,
      against,
    };
  };
  return [
    versusBare('our publisher sending ready messages', 'ready'),
    versusBare('our publisher, packing included', 'ours'),
    { name: 'replay: our publisher', value: median(rounds.map(({ ours }) => ours)), unit: 'events/s' },
    { name: `replay: bare, ${LANES} on their way`, value: median(rounds.map(({ bare }) => bare)), unit: 'events/s' },
    {
      name: `replay: bare, ${MANY} on their way, in no order`,
      value: median(rounds.map(({ many }) => many)),
      unit: 'events/s',
    },
  ];
}

/** What the process holds besides the ledger's own arrays, after everything unused is gone, bytes. */
function outside(ledgerBytes: number, collect: () => void): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers - ledgerBytes;
}

async function tenMillion(progress: Progress = () => undefined): Promise<Measurement[]> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  await using server = await startNatsServer({ jetstream: 'sync_interval: always' });
  const nc = await server.connect('bench');
  await ensureTopology(nc);
  const publisher = createLanePublisher({ nc, gateway: 'bench', epoch: 1 });
  const total = 10 * MILLION;
  let stored = 0;
  await fill(
    publisher,
    (function* () {
      for (const some of orders(total, 200_000)) {
        stored += some.length;
        if (stored % (1_024 * 1_000) === 0) progress(`${(stored / MILLION).toFixed(1)}M events sent`);
        yield some;
      }
    })(),
  );
  await publisher.close();
  progress('replaying');
  await using store = createJetStreamStore(nc);
  const ledger = createLedger();
  const held: number[] = [];
  const rates: number[] = [];
  let paused = 0;
  let messages = 0;
  const begun = performance.now();
  let lap = begun;
  for await (const { seq, bytes } of store.read('EVT')) {
    ledger.applyMessage(seq, decodeMessage(bytes));
    if (++messages % 8 === 0) ledger.flushColumns();
    if (ledger.events < (held.length + 1) * MILLION) continue;
    const stop = performance.now();
    rates.push(MILLION / ((stop - lap) / 1e3));
    held.push(outside(ledger.rows.bytes + ledger.store.orders.bytes, collect));
    lap = performance.now();
    paused += lap - stop;
    progress(
      `${held.length}M: ${Math.round(rates.at(-1)! / 1e3)}k events/s, ${Math.round(held.at(-1)! / 1e6)} MB besides the ledger`,
    );
  }
  ledger.flushColumns();
  const rate = ledger.events / ((performance.now() - begun - paused) / 1e3);
  if (ledger.events !== total) throw new Error(`${ledger.events} of ${total} events were replayed`);
  return [
    atLeast('replay: 10M events read, decoded and folded', rate, 'events/s', 400_000),
    { name: 'replay: the slowest million of them', value: Math.min(...rates), unit: 'events/s' },
    { name: 'replay: held besides the ledger after the first million', value: held[0]! / 1e6, unit: 'MB' },
    { name: 'replay: held besides the ledger after the tenth', value: held.at(-1)! / 1e6, unit: 'MB' },
    {
      name: 'replay: the ledger itself, 200k customers with 50 orders each',
      value: (ledger.rows.bytes + ledger.store.orders.bytes) / 1e6,
      unit: 'MB',
    },
  ];
}

export const benchmarks: Benchmark[] = [
  {
    name: 'replay-publisher',
    about: 'our publisher beside bare publishing of the same messages, in turns',
    run: publisherAgainstBare,
  },
  { name: 'replay-10m', about: '10M events from the log into ledgers, and the memory it takes', run: tenMillion },
];
