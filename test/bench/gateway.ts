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
import { configOf, openLog, silent, source } from '../streams/gateway/harness.ts';
import type { Benchmark } from './log.ts';

const round = (value: number, digits = 0) => Number(value.toFixed(digits));
const quantile = (values: number[], q: number) => values.sort((a, b) => a - b)[Math.floor(values.length * q)] ?? 0;
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
    await using gateway = await startGatewayThread(configOf(engines, { sources, ...more }), silent);
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

const throughput = (kind: Kind, from: 'plain' | 'sealed', size: number, target: string | null): Benchmark => ({
  name: `gateway: ${from === 'sealed' ? 'sealed' : 'unsealed'}, known customers, ${kind}, ${size} a request`,
  target,
  run: () =>
    withGateway(async (gateway) => {
      await send(gateway, from, bodies(kind, 60_000, size), size);
      const count = size < 100 ? 20_000 : from === 'sealed' ? 150_000 : 400_000;
      const all = bodies(kind, count, size);
      const seconds = await send(gateway, from, all, size);
      return { 'events/s': round((all.length * size) / seconds) };
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

export const benchmarks: Benchmark[] = [
  throughput('without ids', 'plain', 500, '>= 100k events/s'),
  throughput('without ids', 'plain', 100, '>= 100k events/s'),
  throughput('with ids', 'plain', 500, '>= 100k events/s'),
  throughput('with ids', 'plain', 100, null),
  throughput('activity', 'plain', 500, null),
  throughput('with ids', 'sealed', 500, '>= 25k events/s'),
  throughput('with ids', 'plain', 1, null),
  {
    name: 'gateway: new customers, 500 a request',
    target: '>= 30k new customers/s',
    run: () =>
      withGateway(async (gateway) => {
        await send(
          gateway,
          'plain',
          bodies('with ids', 20_000, 500, (n) => `new-${n}`),
          500,
        );
        const all = bodies('with ids', 120_000, 500, (n) => `new-${n}`);
        const seconds = await send(gateway, 'plain', all, 500);
        return { 'customers/s': round((all.length * 500) / seconds) };
      }),
  },
  {
    name: 'gateway: acknowledgement at 20k events/s, 100 a request',
    target: 'p99 < 50 ms',
    run: () =>
      withGateway(async (gateway) => {
        await send(gateway, 'plain', bodies('with ids', 60_000, 100), 100);
        const all = bodies('with ids', 120_000, 100);
        const waits: number[] = [];
        const open: Promise<void>[] = [];
        const begun = performance.now();
        for (let sent = 0; sent < all.length; ) {
          for (; sent < Math.min(all.length, ((performance.now() - begun) * 20) / 100); sent++) {
            const at = performance.now();
            open.push(
              gateway.calls.ingest(request('plain', all[sent]!)).then(() => void waits.push(performance.now() - at)),
            );
          }
          await sleep(1);
        }
        await Promise.all(open);
        return { 'p50 ms': round(quantile(waits, 0.5), 2), 'p99 ms': round(quantile(waits, 0.99), 2) };
      }),
  },
  {
    name: 'gateway: import of 70k orders of 23.5k new customers, 2,000 a request',
    target: null,
    run: () =>
      withGateway(async (gateway) => {
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
        return { 'events/s': round(orders.length / seconds), seconds: round(seconds, 2) };
      }),
  },
  ...[100, 1].map(
    (size): Benchmark => ({
      name: `gateway: from in.<source> to EVT, ${size} a message`,
      target: null,
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
            while ((await gateway.calls.status()).events < before + all.length * size) await sleep(5);
            const seconds = (performance.now() - begun) / 1_000;
            await nc.close();
            return {
              'events/s': round((all.length * size) / seconds),
              'published/s': round((all.length * size) / published),
            };
          },
          { inDoor: true },
        ),
    }),
  ),
  {
    name: 'gateway: id index with 1M customers, and one HMAC',
    target: '>= 2M look-ups/s, <= 60 B a customer beyond the id',
    async run() {
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
      return {
        'look-ups/s': round(lookups),
        'bytes a customer': round((index.bytes - idBytes) / count, 1),
        'µs an HMAC': round(1_000_000 / hmacs, 2),
      };
    },
  },
];
