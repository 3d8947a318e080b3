import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EventStore } from '#streams/event-store.ts';
import { createJetStreamStore, eraseMessage } from '#streams/jetstream/store.ts';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { createMemoryStore } from '#streams/memory/store.ts';
import { createQuarantine, type Quarantine, type QuarantineRow } from '#streams/quarantine.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';

const row = (rowNumber: number, changes: Partial<QuarantineRow> = {}): QuarantineRow => ({
  rowNumber,
  reason: 'missing-customer',
  column: 'CustomerID',
  detail: 'no customer',
  raw: `536414,22139,,56,01/12/2010 11:52,0,,United Kingdom,${rowNumber}`,
  rows: 1,
  ...changes,
});
const rows = (from: number, count: number, changes: Partial<QuarantineRow> = {}) =>
  Array.from({ length: count }, (_, i) => row(from + i, changes));

interface Under {
  store: EventStore;
  remove: (seq: number) => Promise<void>;
  stop: () => Promise<void>;
}
const cases: [string, () => Promise<Under>][] = [
  [
    'memory',
    async () => {
      const store = createMemoryStore();
      return { store, remove: async (seq) => store.lose('QUA', seq), stop: async () => {} };
    },
  ],
  [
    'JetStream',
    async () => {
      const server: TestServer = await startNatsServer();
      const nc = await server.connect();
      await ensureTopology(nc);
      return {
        store: createJetStreamStore(nc),
        remove: (seq) => eraseMessage(nc, 'QUA', seq),
        stop: async () => server[Symbol.asyncDispose](),
      };
    },
  ],
];

describe.each(cases)('quarantine: %s', (_name, create) => {
  let under: Under;
  let quarantine: Quarantine;
  let run = 0;
  const open = () => createQuarantine({ store: under.store, remove: under.remove });
  beforeAll(async () => {
    under = await create();
    quarantine = open();
  });
  afterAll(() => under.stop());
  const put = async (batch: QuarantineRow[], name = `run-${++run}`) => {
    await quarantine.put({ at: 1_000, source: 'shop', run: name, rows: batch });
    return name;
  };

  test('rows come back as they were, newest first, by page and by filter', async () => {
    const name = await put([...rows(1, 700), ...rows(701, 5, { reason: 'bad-amount', column: 'Quantity', rows: 3 })]);
    const seen: number[] = [];
    let cursor: string | undefined;
    for (let page = 0; ; page++) {
      const { rows: found, next } = await quarantine.list({
        run: name,
        reason: 'missing-customer',
        limit: 300,
        cursor,
      });
      seen.push(...found.map(({ rowNumber }) => rowNumber));
      if (next === null) {
        expect(page).toBe(2);
        break;
      }
      cursor = next;
    }
    expect(new Set(seen).size).toBe(700);
    expect(seen[0]).toBeGreaterThan(seen.at(-1)!);
    const { rows: odd, next } = await quarantine.list({ run: name, reason: 'bad-amount', limit: 5 });
    expect(next).toBeNull();
    expect(odd[0]).toMatchObject({
      ...row(705, { reason: 'bad-amount', column: 'Quantity', rows: 3 }),
      at: 1_000,
      source: 'shop',
      run: name,
    });
    expect(await quarantine.show(odd[0]!.id)).toEqual(odd[0]);
    expect(await quarantine.counts({ run: name })).toEqual({ 'missing-customer': 700, 'bad-amount': 15 });
    expect((await quarantine.list({ source: 'other', limit: 10 })).rows).toEqual([]);
  });

  test('another reader counts the same, and one that is already open sees what comes later', async () => {
    const name = await put(rows(1, 3));
    const other = open();
    expect(await other.counts({ run: name })).toEqual({ 'missing-customer': 3 });
    await put(rows(4, 2), name);
    expect(await other.counts({ run: name })).toEqual({ 'missing-customer': 5 });
    expect(await other.counts()).toEqual(await quarantine.counts());
  });

  test('an import that is taken up again counts no row twice', async () => {
    const name = await put(rows(1, 100));
    await put(rows(50, 100), name);
    expect(await quarantine.counts({ run: name })).toEqual({ 'missing-customer': 149 });
    expect((await quarantine.list({ run: name, limit: 1_000 })).rows).toHaveLength(149);
  });

  test('live rows (no run) are never taken for repetitions', async () => {
    const before = (await quarantine.counts({ source: 'live' }))['missing-customer'] ?? 0;
    for (let i = 0; i < 2; i++) await quarantine.put({ at: 1, source: 'live', run: null, rows: [row(1)] });
    expect((await quarantine.counts({ source: 'live' }))['missing-customer']).toBe(before + 2);
  });

  test('what was replayed leaves the list and the counts', async () => {
    const name = await put(rows(1, 10));
    const { rows: found } = await quarantine.list({ run: name, limit: 4 });
    await quarantine.resolve(found.map(({ id }) => id));
    expect(await quarantine.counts({ run: name })).toEqual({ 'missing-customer': 6 });
    expect(await quarantine.show(found[0]!.id)).toBeNull();
    expect((await quarantine.list({ run: name, limit: 100 })).rows.map(({ rowNumber }) => rowNumber)).toEqual([
      6, 5, 4, 3, 2, 1,
    ]);
    expect(await open().counts({ run: name })).toEqual({ 'missing-customer': 6 });
    await put([row(10)], name); // refused again by the replay
    for (const reader of [quarantine, open()])
      expect(await reader.counts({ run: name })).toEqual({ 'missing-customer': 7 });
  });

  test('the end of an import settles what earlier attempts at its file left, and nothing else; twice is as good as once', async () => {
    const [file, other] = ['ab'.repeat(32), 'cd'.repeat(32)];
    const attempt = async (of: string | undefined, at: number, batch: QuarantineRow[], source = 'files') => {
      const name = `attempt-${++run}`;
      await quarantine.put({ at, source, run: name, file: of, rows: batch });
      return name;
    };
    const failed = await attempt(file, 1_000, [...rows(1, 600), ...rows(601, 1, { reason: 'odd-order', rows: 7 })]);
    const kept = [
      await attempt(other, 1_000, rows(1, 2)),
      await attempt(undefined, 1_000, rows(1, 2)),
      await attempt(file, 1_000, rows(1, 2), 'shop'),
      await attempt(file, 5_000, rows(1, 2)), // began later, still going on
    ];
    const good = await attempt(file, 3_000, rows(4, 1));
    const before = await quarantine.counts();
    const end = { source: 'files', file, run: good, since: 2_000 };
    expect(await quarantine.settle(end)).toBe(607);
    expect(await quarantine.settle(end)).toBe(0);
    for (const reader of [quarantine, open()]) {
      expect(await reader.counts({ run: failed })).toEqual({});
      expect((await reader.list({ run: failed, limit: 10 })).rows).toEqual([]);
      for (const name of kept) expect(await reader.counts({ run: name })).toEqual({ 'missing-customer': 2 });
      expect(await reader.counts({ run: good })).toEqual({ 'missing-customer': 1 });
      expect((await reader.counts())['missing-customer']).toBe(before['missing-customer']! - 600);
    }
  });

  test('an erasure takes a customer’s rows out of the stream’s bytes, and the others stay', async () => {
    const name = await put([...rows(1, 5), ...rows(6, 2, { raw: 'jane@example.org,…' }), ...rows(8, 3)]);
    await put([row(1, { raw: 'jane@example.org' })], `${name}-b`);
    const watching = open();
    expect(await watching.counts({ run: name })).toEqual({ 'missing-customer': 10 });
    const { rows: first } = await quarantine.list({ run: name, limit: 1 });
    await quarantine.resolve([first[0]!.id]);
    expect(await quarantine.erase(({ raw }) => raw.includes('jane@example.org'))).toBe(3);
    for (const reader of [quarantine, watching, open()]) {
      expect(await reader.counts({ run: name })).toEqual({ 'missing-customer': 7 });
      expect(await reader.counts({ run: `${name}-b` })).toEqual({});
      expect((await reader.list({ run: name, limit: 50 })).rows.map(({ rowNumber }) => rowNumber)).toEqual([
        9, 8, 5, 4, 3, 2, 1,
      ]);
    }
    for await (const { bytes } of under.store.read('QUA'))
      expect(Buffer.from(bytes).includes('jane@example.org')).toBe(false);
    expect(await quarantine.erase(({ raw }) => raw.includes('jane@example.org'))).toBe(0);
  });

  test('an erasure that died before it deleted is completed by the next', async () => {
    const name = await put(rows(1, 3, { raw: 'john@example.org' }));
    const dying = createQuarantine({ store: under.store, remove: () => Promise.reject(new Error('killed')) });
    await expect(dying.erase(({ run: of, rowNumber }) => of === name && rowNumber === 2)).rejects.toThrow('killed');
    expect(await quarantine.counts({ run: name })).toEqual({ 'missing-customer': 2 });
    await open().erase(() => false);
    const left: number[] = [];
    for await (const { bytes } of under.store.read('QUA'))
      left.push(Buffer.from(bytes).toString('latin1').split('john@example.org').length - 1);
    expect(left.reduce((a, b) => a + b, 0)).toBe(2);
  });

  test('wrong ids and reasons are refused; too long input is cut and says so', async () => {
    await expect(quarantine.show('abc')).rejects.toThrow(/not a quarantine id/);
    await expect(put([row(1, { reason: 'Jane Doe' })])).rejects.toThrow(RangeError);
    await expect(put([row(1, { reason: 'resolved' })])).rejects.toThrow(RangeError);
    expect(await quarantine.show('999999-0')).toBeNull();
    const name = await put([row(1, { raw: '€'.repeat(400_000) })]);
    const { rows: found } = await quarantine.list({ run: name, limit: 1 });
    expect(found[0]!.raw.length).toBe(256 << 10);
    expect(found[0]!.detail).toContain('input cut');
  });

  test('135,080 rows (Online Retail’s lines without a customer) are put away and counted', async () => {
    const batch = rows(1, 135_080);
    const name = await put(batch);
    expect(await open().counts({ run: name })).toEqual({ 'missing-customer': 135_080 });
  });
});

test('rows older than 90 days are no longer counted', async () => {
  let now = 1_000;
  const store = createMemoryStore({ now: () => now });
  const quarantine = createQuarantine({ store, remove: async (seq) => store.lose('QUA', seq), now: () => now });
  await quarantine.put({ at: now, source: 'shop', run: 'r', rows: rows(1, 2) });
  now += 50 * 86_400_000;
  await quarantine.put({ at: now, source: 'shop', run: 'r', rows: rows(3, 1) });
  expect(await quarantine.counts()).toEqual({ 'missing-customer': 3 });
  now += 41 * 86_400_000;
  expect(await quarantine.counts()).toEqual({ 'missing-customer': 1 });
});
