// What the gateway thread takes in: acknowledged events a second (stored in EVT, fsynced), by what an event asks of it.
// Bodies are JSON, made before the clock starts; this thread only hands them over. Figures, never assertions: `axiom47 bench gateway`.
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream } from '@nats-io/jetstream';
import { pack } from 'msgpackr';
import type { InputEvent } from '#domain/events.ts';
import { DEFAULT_POLICY } from '#domain/policy.ts';
import { createIds } from '#streams/gateway/ids.ts';
import type { GatewayConfig, IngestRequest } from '#streams/gateway/protocol.ts';
import { type GatewayThread, startGatewayThread } from '#streams/gateway/thread.ts';
import { createIdIndex } from '#streams/id-index.ts';
import { startTestEngines, type TestEngines } from '#test/support/engines.ts';
import { configOf, doorsOf, openLog, silent, source } from '../streams/gateway/harness.ts';
import { atLeast, atMost, type Benchmark, type Measurement, quantile } from './benchmark.ts';

const CUSTOMERS = 20_000;
/** Requests on their way at once, by how many events each has. */
const inFlight = (size: number) => (size === 1 ? 256 : 16);

async function withGateway<T>(
  use: (gateway: GatewayThread, engines: TestEngines) => Promise<T>,
  more: Partial<GatewayConfig> = {},
): Promise<T> {
  const engines = await startTestEngines();
  const log = await openLog(engines);
  try {
    const sources = [
      source('plain', { policy: { ...DEFAULT_POLICY, orderIds: 'drop' } }),
      source('sealed', { policy: DEFAULT_POLICY }),
    ];
    await using gateway = await startGatewayThread(configOf(engines, more), doorsOf({ sources }), silent);
    return await use(gateway, engines);
  } finally {
    await log[Symbol.asyncDispose]();
    await engines.stop();
  }
}

type Kind = 'without ids' | 'with ids' | 'activity';
const BEGIN = Date.UTC(2026, 0, 1);

function event(kind: Kind, n: number, customer: string): Record<string, unknown> {
  const at = new Date(BEGIN + n * 1_000).toISOString();
  if (kind === 'activity')
    return { type: 'activity.recorded', customer_id: customer, at, data: { name: 'page viewed' } };
  const data = { amount: '42.50', currency: 'EUR', channel: 'web' };
  if (kind === 'without ids') return { type: 'order.placed', customer_id: customer, at, data };
  return {
    id: `event-${n}`,
    type: 'order.placed',
    customer_id: customer,
    at,
    data: { order_id: `order-${n}`, ...data },
  };
}

const body = (values: unknown): Uint8Array => new Uint8Array(Buffer.from(JSON.stringify(values)));
const request = (from: string, bytes: Uint8Array): IngestRequest => ({
  door: 'http',
  source: from,
  body: bytes,
  contentType: 'json',
  strict: false,
  traceId: null,
});

let serial = 0;
function bodies(kind: Kind, events: number, size: number, customer = (n: number) => `customer-${n % CUSTOMERS}`) {
  return Array.from({ length: Math.ceil(events / size) }, () =>
    body(
      Array.from({ length: size }, () => {
        serial++;
        return event(kind, serial, customer(serial));
      }),
    ),
  );
}

/** All bodies, 16 requests at once (256 of one event); seconds it took. Throws when anything was not accepted. */
async function send(gateway: GatewayThread, from: string, all: Uint8Array[], size: number): Promise<number> {
  const begun = performance.now();
  let next = 0;
  const senders = Array.from({ length: inFlight(size) }, async () => {
    while (next < all.length) {
      const answer = await gateway.calls.ingest(request(from, all[next++]!));
      if (answer.accepted !== size)
        throw new Error(`accepted ${answer.accepted} of ${size}: ${JSON.stringify(answer)}`);
    }
  });
  await Promise.all(senders);
  return (performance.now() - begun) / 1_000;
}

const throughput = (
  name: string,
  kind: Kind,
  from: 'plain' | 'sealed',
  size: number,
  limit: number | null,
): Benchmark => ({
  name,
  about: `${from === 'sealed' ? 'sealed' : 'unsealed'} fields, known customers, ${kind}, ${size} a request`,
  run: () =>
    withGateway(async (gateway) => {
      await send(gateway, from, bodies(kind, 60_000, size), size);
      const count = size < 100 ? 20_000 : from === 'sealed' ? 150_000 : 400_000;
      const all = bodies(kind, count, size);
      const seconds = await send(gateway, from, all, size);
      const rate = (all.length * size) / seconds;
      const what = `gateway: ${from === 'sealed' ? 'sealed' : 'unsealed'}, known customers, ${kind}, ${size} a request`;
      return [limit === null ? { name: what, value: rate, unit: 'events/s' } : atLeast(what, rate, 'events/s', limit)];
    }),
});

const importedOrder = (n: number): InputEvent => ({
  type: 'order.placed',
  customerId: `imported-${n % 23_570}`,
  anonymous: false,
  linkAnonymousId: null,
  id: null,
  at: BEGIN + (n % 500) * 86_400_000,
  dateOnly: true,
  orderId: null,
  refundedOrderId: null,
  rowKey: `row ${n}#1`,
  revision: 0,
  minor: 1_000 + n,
  currency: 'EUR',
  channel: null,
  name: null,
  props: null,
  sealed: null,
  dropped: 0,
  roundedFloats: 0,
  producerNumber: n + 1,
  lines: 1,
  traceId: null,
  correlationId: null,
  causationId: null,
});

const perSecond = (times: number, work: () => void): number => {
  work();
  const begun = performance.now();
  for (let i = 0; i < times; i++) work();
  return (times * 1_000) / (performance.now() - begun);
};

async function newCustomers(): Promise<Measurement[]> {
  return withGateway(async (gateway) => {
    const made = (count: number) => bodies('with ids', count, 500, (n) => `new-${n}`);
    await send(gateway, 'plain', made(20_000), 500);
    const all = made(120_000);
    const seconds = await send(gateway, 'plain', all, 500);
    return [atLeast('gateway: new customers, 500 a request', (all.length * 500) / seconds, 'new customers/s', 30_000)];
  });
}

/** An open loop: requests start by the clock, whether or not earlier ones were answered. */
async function acknowledgement(): Promise<Measurement[]> {
  return withGateway(async (gateway) => {
    await send(gateway, 'plain', bodies('with ids', 60_000, 100), 100);
    const all = bodies('with ids', 120_000, 100);
    const waits: number[] = [];
    const open: Promise<void>[] = [];
    const begun = performance.now();
    for (let sent = 0; sent < all.length; ) {
      for (; sent < Math.min(all.length, ((performance.now() - begun) * 20) / 100); sent++) {
        const due = begun + sent * 5;
        open.push(
          gateway.calls.ingest(request('plain', all[sent]!)).then(() => void waits.push(performance.now() - due)),
        );
      }
      await sleep(1);
    }
    await Promise.all(open);
    const what = 'gateway: acknowledgement at 20k events/s, 100 a request';
    return [
      { name: `${what}, p50`, value: quantile(waits, 0.5), unit: 'ms' },
      atMost(`${what}, p99`, quantile(waits, 0.99), 'ms', 50),
    ];
  });
}

async function imported(): Promise<Measurement[]> {
  return withGateway(async (gateway) => {
    const orders = Array.from({ length: 70_000 }, (_, n) => importedOrder(n));
    const requests = Array.from(
      { length: 35 },
      (_, r) => new Uint8Array(pack(orders.slice(r * 2_000, (r + 1) * 2_000))),
    );
    const begun = performance.now();
    let next = 0;
    const senders = Array.from({ length: 4 }, async () => {
      while (next < requests.length)
        await gateway.calls.importEvents({ run: 'bench', source: 'plain', events: requests[next++]! });
    });
    await Promise.all(senders);
    const seconds = (performance.now() - begun) / 1_000;
    return [
      {
        name: 'gateway: import of 70k orders of 23.5k new customers, 2,000 a request',
        value: orders.length / seconds,
        unit: 'events/s',
      },
    ];
  });
}

const throughNats = (name: string, size: number): Benchmark => ({
  name,
  about: `published to in.<source>, ${size} a message, until in the log`,
  run: () =>
    withGateway(
      async (gateway, engines) => {
        await send(gateway, 'plain', bodies('with ids', CUSTOMERS, 500), 500);
        const all = bodies('with ids', size === 1 ? 20_000 : 200_000, size);
        const nc = await engines.nats.connect('publisher');
        const js = jetstream(nc);
        const before = (await gateway.calls.status()).events;
        const begun = performance.now();
        let next = 0;
        const publishers = Array.from({ length: 256 }, async () => {
          while (next < all.length) await js.publish('in.plain', all[next++]!);
        });
        await Promise.all(publishers);
        const published = (performance.now() - begun) / 1_000;
        const wanted = before + all.length * size;
        for (const until = performance.now() + 120_000; ; await sleep(5)) {
          const { events } = await gateway.calls.status();
          if (events >= wanted) break;
          if (performance.now() > until) throw new Error(`${events - before} of ${wanted - before} events taken`);
        }
        const seconds = (performance.now() - begun) / 1_000;
        await nc.close();
        const what = `gateway: from in.<source> into the log, ${size} a message`;
        return [
          { name: what, value: (all.length * size) / seconds, unit: 'events/s' },
          { name: `${what}: published`, value: (all.length * size) / published, unit: 'events/s' },
        ];
      },
      { inDoor: true },
    ),
});

async function idIndex(): Promise<Measurement[]> {
  const count = 1_000_000;
  const names = Array.from({ length: count }, (_, n) => `customer-${n}`);
  const index = createIdIndex();
  const sid = new Uint8Array(16);
  for (const name of names) index.set(name, false, sid);
  let n = 0;
  const lookups = perSecond(2_000_000, () => void index.lookup(names[n++ % count]!));
  const ids = createIds(new Uint8Array(32));
  const hmacs = perSecond(300_000, () => void ids.eventHash('i\0shop\0event-4711'));
  const idBytes = names.reduce((sum, name) => sum + name.length, 0);
  return [
    { name: 'gateway: id index of 1M customers, look-ups', value: lookups, unit: 'look-ups/s' },
    { name: 'gateway: id index beyond the ids themselves', value: (index.bytes - idBytes) / count, unit: 'B/customer' },
    { name: 'gateway: the HMAC of one id', value: 1_000_000 / hmacs, unit: 'µs' },
  ];
}

export const benchmarks: Benchmark[] = [
  throughput('gateway-plain', 'without ids', 'plain', 500, 100_000),
  throughput('gateway-plain-100', 'without ids', 'plain', 100, 100_000),
  throughput('gateway-ids', 'with ids', 'plain', 500, 100_000),
  throughput('gateway-ids-100', 'with ids', 'plain', 100, null),
  throughput('gateway-activity', 'activity', 'plain', 500, null),
  throughput('gateway-sealed', 'with ids', 'sealed', 500, 25_000),
  throughput('gateway-single', 'with ids', 'plain', 1, null),
  { name: 'gateway-new-customers', about: 'customers never seen before, 500 a request', run: newCustomers },
  {
    name: 'gateway-ack',
    about: '20k events/s in requests of 100: from the request to its acknowledgement',
    run: acknowledgement,
  },
  { name: 'gateway-import', about: 'prepared orders as an import sends them', run: imported },
  throughNats('gateway-nats-100', 100),
  throughNats('gateway-nats-1', 1),
  { name: 'gateway-id-index', about: 'customer id → sid in memory, and what an HMAC costs', run: idIndex },
];
