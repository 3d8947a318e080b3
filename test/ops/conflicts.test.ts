// The conflict writer goes on where the quarantine ends, whatever else stands there.
import { expect, test } from 'vitest';
import { startConflictWriter } from '#ops/conflicts.ts';
import type { Conflict } from '#projections/memory/conflicts.ts';
import { createLedger } from '#projections/memory/ledger.ts';
import { createMemoryStore } from '#streams/memory/store.ts';
import { createQuarantine, type QuarantinedRow } from '#streams/quarantine.ts';
import { apply, createWriter, order, sidOf } from '#test/projections/memory/scenario.ts';

const conflict = (number: number): Conflict => ({
  number,
  seq: number,
  index: 0,
  run: null,
  source: 'shop',
  producerNumber: 0,
  lines: 1,
  sid: '00',
  key: '11',
  kind: 'order',
  day: 20_000,
  minor: 100,
  currency: 'EUR',
  stays: false,
});

test('conflicts that the fold no longer holds are said to be missing', async () => {
  const said: object[] = [];
  await using writer = await startConflictWriter({
    conflicts: async (after) => [conflict(41)].filter(({ number }) => number > after),
    quarantine: createQuarantine({ store: createMemoryStore(), remove: async () => undefined }),
    now: () => 1,
    log: { warn: (fields) => void said.push(fields) },
  });
  await writer.settle();
  expect(said).toEqual([{ missed: 40 }]);
});

test('a file imported again with other amounts: every one of its conflicts is listed, once, also after a restart', async () => {
  const orders = (minor: number) => Array.from({ length: 30_000 }, (_, i) => order(`c${i % 900}`, String(i), 1, minor));
  const writer = createWriter();
  const packs = [...orders(100), ...orders(99)];
  const ledger = createLedger({ maxCustomers: 1 << 12 });
  for (let i = 0; i < packs.length; i += 500) apply(ledger, [writer.pack(packs.slice(i, i + 500))]);
  expect(ledger.conflicts.total).toBe(30_000);
  const put: number[] = [];
  const listed: QuarantinedRow[] = [];
  const deps = {
    conflicts: async (after: number, limit: number) => ledger.conflicts.after(after, limit),
    quarantine: {
      putNext: async ({ rows }: { rows: { raw: string }[] }) => {
        for (const { raw } of rows) put.push(JSON.parse(raw).number);
        return 0;
      },
      lastOf: async () => 0,
      list: async () => ({ rows: listed, next: null, total: listed.length }),
    },
    now: () => 1,
    log: { warn: (_: object, message: string) => expect.fail(message) },
  };
  {
    await using first = await startConflictWriter(deps as unknown as Parameters<typeof startConflictWriter>[0]);
    await first.settle();
  }
  expect(put).toEqual(Array.from({ length: 30_000 }, (_, i) => i + 1));
  // The quarantine keeps rows for a while only: a start that finds none there does not list them again.
  await using again = await startConflictWriter(deps as unknown as Parameters<typeof startConflictWriter>[0]);
  await again.settle();
  expect(put).toHaveLength(30_000);
});

test('a row that is not one of ours neither stops the start nor moves the count', async () => {
  const quarantine = createQuarantine({ store: createMemoryStore(), remove: async () => undefined });
  const found = [conflict(1), conflict(2)];
  const deps = {
    conflicts: async (after: number) => found.filter(({ number }) => number > after),
    quarantine,
    now: () => 1,
    log: { warn: (_: object, message: string) => expect.fail(message) },
  };
  {
    await using writer = await startConflictWriter(deps);
    await writer.settle();
  }
  for (const raw of ['ann,42.00', '{"number":1e300}', '{"number":999}', 'null'])
    await quarantine.put({
      at: 1,
      source: 'file',
      run: null,
      rows: [{ rowNumber: 1, reason: 'conflict', detail: '', raw, rows: 1 }],
    });
  found.push(conflict(3));
  await using writer = await startConflictWriter(deps);
  await writer.settle();
  const { rows } = await quarantine.list({ reason: 'conflict', limit: 100 });
  expect(rows.filter(({ source }) => source === 'shop').map(({ raw }) => JSON.parse(raw).number)).toEqual([3, 2, 1]);
});

test('two processes on one log: each conflict is in the quarantine once, also when one writer stood still while the other went on', async () => {
  const store = createMemoryStore();
  const found: Conflict[] = [];
  const listing = (hold: () => Promise<void>) => ({
    conflicts: async (after: number, limit: number) => {
      const page = found.filter(({ number }) => number > after).slice(0, limit);
      await hold();
      return page;
    },
    quarantine: createQuarantine({ store, remove: async () => undefined }),
    now: () => 1,
    log: { warn: (_: object, message: string) => expect.fail(message) },
  });
  let paused = Promise.withResolvers<void>();
  paused.resolve();
  await using slow = await startConflictWriter(listing(() => paused.promise));
  await using quick = await startConflictWriter(listing(async () => undefined));
  for (let round = 0; round < 5; round++) {
    paused = Promise.withResolvers<void>();
    // Sources that take turns: a message holds rows of one of them.
    for (let i = 0; i < 7; i++) found.push({ ...conflict(found.length + 1), source: i % 3 === 0 ? 'till' : 'shop' });
    const late = slow.settle();
    await quick.settle();
    paused.resolve();
    await Promise.all([late, quick.settle()]);
  }
  const { rows } = await createQuarantine({ store, remove: async () => undefined }).list({
    reason: 'conflict',
    limit: 100,
  });
  expect(rows.map(({ raw }) => JSON.parse(raw).number).reverse()).toEqual(found.map(({ number }) => number));
});

test('an erasure that rewrites the oldest rows, written last, makes none come twice, also after a restart', async () => {
  const store = createMemoryStore();
  const found: Conflict[] = [];
  const quarantine = createQuarantine({ store, remove: async (seq) => store.lose('QUA', seq) });
  const deps = {
    conflicts: async (after: number, limit: number) => found.filter(({ number }) => number > after).slice(0, limit),
    quarantine,
    now: () => 1,
    log: { warn: (_: object, message: string) => expect.fail(message) },
  };
  const add = (count: number) => {
    for (let i = 0; i < count; i++) found.push(conflict(found.length + 1));
  };
  const erase = (number: number) => quarantine.erase(({ raw }) => JSON.parse(raw).number === number);
  const numbers = async () => {
    const { rows } = await quarantine.list({ reason: 'conflict', limit: 10_000 });
    return rows.map(({ raw }): number => JSON.parse(raw).number).sort((a, b) => a - b);
  };
  const but = (...gone: number[]) => found.map(({ number }) => number).filter((each) => !gone.includes(each));
  {
    await using writer = await startConflictWriter(deps);
    add(1_200);
    await writer.settle();
    // What stays of the first message stands behind all others now.
    expect(await erase(7)).toBe(1);
    add(3);
    await writer.settle();
    expect(await numbers()).toEqual(but(7));
  }
  expect(await erase(8)).toBe(1);
  add(2);
  await using again = await startConflictWriter(deps);
  await again.settle();
  expect(await numbers()).toEqual(but(7, 8));
});

test('whoever is erased leaves no conflict behind, by none of their ids, also for a writer that comes later; the others are listed', async () => {
  const writer = createWriter();
  const ledger = createLedger({ maxCustomers: 1 << 10 });
  const twice = (id: string, key: string) => [order(id, key, 1, 100), order(id, key, 1, 200)];
  apply(ledger, [
    writer.pack([...twice('ann', '1'), ...twice('bob', '2'), ...twice('anon', '3'), ...twice('eve', '4')]),
  ]);
  apply(ledger, [
    writer.fact({ type: 'customer.linked', anonymous: sidOf('anon'), known: sidOf('ann') }),
    writer.fact({ type: 'customer.erased', sids: [sidOf('ann')], at: 1 }),
  ]);
  const kept = JSON.stringify(ledger.conflicts.save());
  for (const id of ['ann', 'anon']) expect(kept).not.toContain(Buffer.from(sidOf(id)).toString('hex'));
  expect(kept).toContain(Buffer.from(sidOf('bob')).toString('hex'));
  const quarantine = createQuarantine({ store: createMemoryStore(), remove: async () => undefined });
  await using conflicts = await startConflictWriter({
    conflicts: async (after, limit) => ledger.conflicts.after(after, limit),
    quarantine,
    now: () => 1,
    log: { warn: (_: object, message: string) => expect.fail(message) },
  });
  await conflicts.settle();
  const { rows } = await quarantine.list({ reason: 'conflict', limit: 100 });
  expect(rows.map(({ raw }) => JSON.parse(raw).number)).toEqual([4, 2]);
});
