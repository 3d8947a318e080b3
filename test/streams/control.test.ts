import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { aggregates } from '#domain/catalogue.ts';
import type { Decider } from '#domain/decider.ts';
import { model } from '#domain/model.ts';
import { ok, refuse } from '#domain/result.ts';
import { type SourceCommand, source } from '#domain/source.ts';
import { controlSubject, decodeControl, handle, load, loadAll } from '#streams/control.ts';
import { type EventStore, StoreUnavailable } from '#streams/event-store.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { createMemoryStore } from '#streams/memory/store.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';

const meta = { actor: 'key-1', now: 1_700_000_000_000, correlationId: 'c-1' };
const addShop: SourceCommand = {
  type: 'AddSource',
  settings: {
    ordersAs: 'shop',
    zone: 'UTC',
    currency: 'EUR',
    coverage: 'complete',
    burnInDays: 180,
    policy: { fields: {}, otherwise: 'drop', traits: 'seal', orderIds: 'seal' },
    writeKeyHash: null,
  },
};

/** Adds up; the version of its event's shape can be chosen, to test upcasting. */
type Added = { type: 'sum.added'; data: { amount: number } };
const sum = (version = 1): Decider<number, number, Added, 'negative'> => ({
  aggregate: 'sum',
  events: {
    'sum.added': {
      version,
      data: z.object({ amount: z.number() }),
      upcast: (data) => ({ amount: (data as { amount: number }).amount * 10 }),
    },
  },
  initial: 0,
  evolve: (state, event) => state + event.data.amount,
  decide: (amount) => (amount < 0 ? refuse('negative') : ok([{ type: 'sum.added', data: { amount } }])),
});

const cases: [string, () => Promise<{ store: EventStore; stop: () => Promise<void> }>][] = [
  ['memory', async () => ({ store: createMemoryStore(), stop: async () => {} })],
  [
    'JetStream',
    async () => {
      const server: TestServer = await startNatsServer();
      const nc = await server.connect();
      await ensureTopology(nc);
      return { store: createJetStreamStore(nc), stop: async () => server[Symbol.asyncDispose]() };
    },
  ],
];

async function first<T>(values: AsyncIterable<T>): Promise<T | undefined> {
  for await (const value of values) return value;
  return undefined;
}

describe.each(cases)('control stream: %s', (_name, create) => {
  let store: EventStore;
  let stop: () => Promise<void>;
  beforeAll(async () => {
    ({ store, stop } = await create());
  });
  afterAll(() => stop());

  test('a command is decided on what is stored, and stored', async () => {
    const first = await handle(store, source, 'shop', addShop, meta);
    expect(first).toMatchObject({ ok: true, value: { events: [{ type: 'source.added' }] } });
    const again = await handle(store, source, 'shop', addShop, meta);
    expect(again).toMatchObject({ ok: true, value: { events: [], seq: first.ok ? first.value.seq : -1 } });
    await handle(store, source, 'shop', { type: 'SetZone', zone: 'Asia/Tokyo' }, meta);
    const { state, seq } = await load(store, source, 'shop');
    expect(state).toMatchObject({ ordersAs: 'shop', zone: 'Asia/Tokyo', policy: { version: 1 } });
    expect(seq).toBe(await store.lastSequence('CTL'));
    expect(await handle(store, source, 'till', { type: 'SetZone', zone: 'UTC' }, meta)).toEqual({
      ok: false,
      reason: 'source-unknown',
    });
  });

  test('what is stored says who, when, and in which version', async () => {
    await handle(store, source, 'kiosk', addShop, meta);
    const message = await first(store.read('CTL', { subject: controlSubject('source', 'kiosk') }));
    const [record] = decodeControl(aggregates.source.events, message!);
    expect(record).toMatchObject({ aggregate: 'source', id: 'kiosk', at: meta.now, actor: 'key-1' });
    expect(JSON.parse(new TextDecoder().decode(message!.bytes))).toMatchObject([
      { type: 'source.added', version: 1, correlationId: 'c-1' },
    ]);
  });

  test('all aggregates of a kind, by id', async () => {
    for (const id of ['a', 'b']) await handle(store, source, id, addShop, meta);
    await handle(store, source, 'b', { type: 'SetCurrency', currency: 'JPY' }, meta);
    const all = await loadAll(store, source);
    expect(all.get('a')?.state?.currency).toBe('EUR');
    expect(all.get('b')?.state?.currency).toBe('JPY');
    expect((await loadAll(store, model)).size).toBe(0);
  });

  test('writers that meet decide again, and no decision is lost', async () => {
    const results = await Promise.all(Array.from({ length: 8 }, (_, i) => handle(store, sum(), 'met', i + 1, meta)));
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect((await load(store, sum(), 'met')).state).toBe(36);
    expect(await handle(store, sum(), 'met', -1, meta)).toEqual({ ok: false, reason: 'negative' });
  });

  test('what the caller knows is not read again; where it is old, or would change nothing, what is stored decides', async () => {
    let reads = 0;
    const counted: EventStore = Object.create(store, {
      read: {
        value(...args: Parameters<EventStore['read']>) {
          reads++;
          return store.read(...args);
        },
      },
    });
    const first = await handle(counted, sum(), 'known', 1, meta);
    if (!first.ok) throw new Error(first.reason);
    reads = 0;
    expect(await handle(counted, sum(), 'known', 2, meta, first.value)).toMatchObject({ value: { state: 3 } });
    expect(reads).toBe(0);
    // Known is 1, stored is 3.
    expect(await handle(counted, sum(), 'known', 4, meta, first.value)).toMatchObject({ value: { state: 7 } });
    expect((await load(store, sum(), 'known')).state).toBe(7);
    const shop = await handle(store, source, 'known', addShop, meta);
    if (!shop.ok) throw new Error(shop.reason);
    await handle(store, source, 'known', { type: 'SetZone', zone: 'Asia/Tokyo' }, meta);
    reads = 0;
    const same = await handle(counted, source, 'known', { type: 'SetZone', zone: 'UTC' }, meta, shop.value);
    expect(same).toMatchObject({ value: { state: { zone: 'UTC' }, events: [{ type: 'source.zone-set' }] } });
    expect(reads).toBe(1);
  });

  test('an answer that got lost is asked for again, and the decision stands once', async () => {
    let lost = 0;
    const forgetful: EventStore = Object.create(store, {
      append: {
        value: async (...args: Parameters<EventStore['append']>) => {
          const answer = await store.append(...args);
          if (lost++ === 0) throw new StoreUnavailable('the answer was lost');
          return answer;
        },
      },
    });
    const result = await handle(forgetful, sum(), 'lost', 5, meta);
    expect(result).toMatchObject({ ok: true, value: { state: 5 } });
    expect((await load(store, sum(), 'lost')).state).toBe(5);
    expect(lost).toBe(2);
  });

  test('older shapes are brought up to date; newer and unreadable ones stop the reader', async () => {
    await handle(store, sum(1), 'grown', 2, meta);
    await handle(store, sum(2), 'grown', 3, meta);
    expect((await load(store, sum(2), 'grown')).state).toBe(23);
    await expect(load(store, sum(1), 'grown')).rejects.toThrow(/version 2 was written by a newer/);
    await store.append(controlSubject('sum', 'broken'), new TextEncoder().encode('{'));
    await expect(load(store, sum(), 'broken')).rejects.toThrow(/not a list of events/);
    await expect(handle(store, sum(), 'broken', 1, meta)).rejects.toThrow(RangeError);
  });

  test('what its own schema refuses is not stored', async () => {
    const before = await store.lastSequence('CTL');
    await expect(handle(store, sum(), 'bad', Number.NaN, meta)).rejects.toThrow(z.ZodError);
    expect(() => controlSubject('source', 'a.b')).toThrow(RangeError);
    expect(() => controlSubject('source', 'jane@example.org')).toThrow(RangeError);
    expect(await store.lastSequence('CTL')).toBe(before);
  });
});
