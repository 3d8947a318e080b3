// A gateway on real engines, and what it left in the log: shared by the gateway's tests.
import { pino } from 'pino';
import type { Fact, StoredEvent } from '#domain/envelope.ts';
import { DEFAULT_POLICY } from '#domain/policy.ts';
import { UTC } from '#domain/time.ts';
import type { EventStore, Recorded } from '#streams/event-store.ts';
import type { GatewayConfig, GatewayDoors, IngestRequest, SourceConfig } from '#streams/gateway/protocol.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { decodeMessage } from '#streams/pack.ts';
import type { TestEngines } from '#test/support/engines.ts';

export const silent = pino({ level: 'silent' });

export const source = (name: string, more: Partial<SourceConfig> = {}): SourceConfig => ({
  name,
  namespace: name,
  zoneOffsets: UTC,
  defaultCurrency: 'EUR',
  policy: DEFAULT_POLICY,
  ...more,
});

export const configOf = (engines: TestEngines, more: Partial<GatewayConfig> = {}): GatewayConfig => ({
  nats: engines.nats.options,
  keyringUrl: engines.postgres.keyringUrl,
  kek: Buffer.from(engines.dataDir.secret('kek.key'), 'base64'),
  gateway: 'g1',
  tenant: 'main',
  lanes: 4,
  idIndexPath: `${engines.dataDir.path}/ids.index`,
  inDoor: false,
  ...more,
});

export const doorsOf = (more: Partial<GatewayDoors> = {}): GatewayDoors => ({
  sources: [source('shop')],
  zone: { version: 1, offsets: UTC },
  ...more,
});

export interface Log extends AsyncDisposable {
  store: EventStore;
  last(): Promise<number>;
  /** Events after a sequence, in the order of the log. */
  events(after?: number): Promise<StoredEvent[]>;
  facts(after?: number): Promise<Fact[]>;
  messages(stream: 'EVT' | 'QUA' | 'IN', after?: number): Promise<Recorded[]>;
}

/** Creates the streams where they are missing. */
export async function openLog(engines: TestEngines): Promise<Log> {
  const nc = await engines.nats.connect('test');
  await ensureTopology(nc);
  const store = createJetStreamStore(nc);
  const messages = async (stream: 'EVT' | 'QUA' | 'IN', after = 0) => {
    const all: Recorded[] = [];
    for await (const message of store.read(stream, { from: after + 1 })) all.push(message);
    return all;
  };
  return {
    store,
    last: () => store.lastSequence('EVT'),
    messages,
    async events(after) {
      const decoded = (await messages('EVT', after)).map((message) => decodeMessage(message.bytes));
      return decoded.flatMap((message) =>
        message.kind === 'pack' ? Array.from({ length: message.pack.count }, (_, row) => message.pack.event(row)) : [],
      );
    },
    async facts(after) {
      const decoded = (await messages('EVT', after)).map((message) => decodeMessage(message.bytes));
      return decoded.flatMap((message) => (message.kind === 'fact' ? [message.fact] : []));
    },
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await nc.close();
    },
  };
}

export const request = (value: unknown, more: Partial<IngestRequest> = {}): IngestRequest => ({
  door: 'http',
  source: 'shop',
  body: new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value)),
  contentType: 'json',
  strict: false,
  traceId: null,
  ...more,
});

export const order = (id: string | null, customer: string, more: Record<string, unknown> = {}) => ({
  ...(id === null ? {} : { id }),
  type: 'order.placed',
  customer_id: customer,
  at: '2026-11-01T10:00:00Z',
  data: { amount: '42.00', currency: 'EUR', ...more },
});
