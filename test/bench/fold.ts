// The fold alone: events a second into ledgers and columns, memory a customer and an order, snapshot out and in at 1M customers.
// Packs are made beforehand, as a log reader would hand them over; nothing else runs on the thread meanwhile.
import { hash, randomFillSync } from 'node:crypto';
import { PARTITIONS } from '#domain/envelope.ts';
import { createLedger, type Ledger } from '#projections/memory/ledger.ts';
import { decodeMessage, PackWriter } from '#streams/pack.ts';

export interface BenchResult {
  name: string;
  value: number;
  unit: string;
  ratio?: number;
  against?: string;
}
export interface Benchmark {
  name: string;
  run(): Promise<BenchResult>;
}

/** Packs of `size` events: customers at random, days mostly forward, one order each. */
export function makePacks(customers: number, events: number, size = 500): Uint8Array[] {
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
        channel: null,
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

/** Folds the packs with a flush of the columns after every `batch` messages; events a second. */
export function foldPacks(ledger: Ledger, packs: Uint8Array[], batch = 8): number {
  const before = ledger.events;
  const start = performance.now();
  packs.forEach((bytes, i) => {
    ledger.applyMessage(ledger.position + 1, decodeMessage(bytes));
    if (i % batch === batch - 1) ledger.flushColumns();
  });
  ledger.flushColumns();
  return ((ledger.events - before) / (performance.now() - start)) * 1000;
}
