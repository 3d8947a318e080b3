// What cannot be applied is parked by its place while the others flow, and applied by a program that knows it: then the state is as if nothing
// had ever been in the way.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createRefold } from '#ops/refold.ts';
import { COLUMN_FLAG } from '#projections/memory/columns.ts';
import { EntryStore } from '#projections/memory/entry-store.ts';
import { type FoldDeps, startFold } from '#projections/memory/fold.ts';
import { createLedger } from '#projections/memory/ledger.ts';
import { Parked, type ParkedEvent } from '#projections/memory/parked.ts';
import { replayParked } from '#projections/memory/replay-parked.ts';
import { StateDigest } from '#projections/memory/state-digest.ts';
import { StoreUnavailable } from '#streams/event-store.ts';
import { createMemoryStore } from '#streams/memory/store.ts';
import { activity, apply, createWriter, hex, sidOf, order as someOrder, refund as someRefund } from './scenario.ts';

/** With an id of its key, so that the same log has the same bytes. */
const order = (id: string, key: string, day: number, minor: number, more: Parameters<typeof someOrder>[4] = {}) =>
  someOrder(id, key, day, minor, { eventHash: new Uint8Array(16).fill(Number(key)), ...more });

let dir: string;
let said: string[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'axiom47-parked-'));
  said = [];
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(dir, { recursive: true, force: true });
});

const replayFact = { type: 'dead-letters.replayed', by: 'request' } as const;
/** Four messages; what ann did on day 2 has the given schema version. */
function messages(schemaVersion: number): Uint8Array[] {
  const writer = createWriter();
  return [
    writer.pack([order('ann', '1', 1, 100), order('bob', '2', 1, 200)]),
    writer.pack([
      order('bob', '3', 2, 300),
      order('ann', '4', 2, 400, { schemaVersion, run: 'r' }),
      activity('ann', 'a', 2, 'search', { schemaVersion }),
    ]),
    writer.pack([order('ann', '5', 3, 500), order('cy', '6', 3, 600)]),
    writer.fact({ type: 'clock.set', mode: 'log' }),
  ];
}
const replayed = (log: Uint8Array[]) => [...log, createWriter().fact(replayFact)];
const CLEAN = () => new StateDigest(apply(createLedger({ maxCustomers: 1 << 10 }), messages(1))).value();

const depsOf = (store: FoldDeps['store'], options: Partial<FoldDeps['ledger']> = {}): FoldDeps => ({
  store,
  snapshotDir: dir,
  ledger: { maxCustomers: 1 << 10, ...options },
  log: { info: (_, message) => void said.push(message), warn: (_, message) => void said.push(message) },
  say: () => undefined,
});
async function fold(log: Uint8Array[], options: Partial<FoldDeps['ledger']> = {}) {
  const store = createMemoryStore();
  for (const bytes of log) await store.append('evt.0.main', bytes);
  const started = await startFold(depsOf(store, options));
  await started.handlers.waitFor(log.length);
  return started;
}
const places = (list: readonly { seq: number; index: number; sid: Uint8Array; reason: string; tries: number }[]) =>
  list.map(({ seq, index, sid, reason, tries }) => [seq, index, hex(sid), reason, tries]);
const ann = hex(sidOf('ann'));

describe('events of a later version', () => {
  test('park their customer, in order, while the others flow; the same program keeps them, a later one applies them', async () => {
    const first = await fold(messages(2));
    expect(first.handlers.position()).toMatchObject({
      seq: 4,
      parked: 3,
      parkedCustomers: 1,
      unknownTypes: 1,
      failure: null,
    });
    expect(places(first.ledger.parked.list())).toEqual([
      [2, 1, ann, 'unknown', 1],
      [2, 2, ann, 'waiting', 0],
      [3, 0, ann, 'waiting', 0],
    ]);
    expect(first.handlers.parkedCustomers(10, 0)).toEqual({
      customers: [
        {
          sid: sidOf('ann'),
          seq: 2,
          index: 1,
          reason: 'unknown',
          detail: 'type 0',
          tries: 1,
          events: 3,
          lastSeq: 3,
          orders: 1,
        },
      ],
      total: 1,
      events: 3,
      dropped: 0,
    });
    expect(first.handlers.entries(sidOf('ann'))!.orders).toHaveLength(1);
    expect(first.handlers.entries(sidOf('bob'))!.orders).toHaveLength(2);
    expect(first.ledger.flags(sidOf('ann')) & COLUMN_FLAG.parked).toBe(COLUMN_FLAG.parked);
    expect(first.ledger.flags(sidOf('bob')) & COLUMN_FLAG.parked).toBe(0);
    expect(await first.handlers.parkedIn(1, 2)).toEqual([
      [2, 1],
      [2, 2],
    ]);
    expect(said).toContain('events could not be applied and are parked');
    await first.handlers.stop();

    const same = await fold(replayed(messages(2)));
    expect(said).toContain('snapshot restored');
    expect(places(same.ledger.parked.list()).map(([seq, index, , reason]) => [seq, index, reason])).toEqual([
      [2, 1, 'unknown'],
      [2, 2, 'waiting'],
      [3, 0, 'waiting'],
    ]);
    await same.handlers.stop();

    // The same log, of which every version is known now: as a later program reads it, started from the snapshot before the replay.
    const later = await fold([...messages(1), createWriter().fact(replayFact), createWriter().fact(replayFact)]);
    expect(later.handlers.position()).toMatchObject({ parked: 0, parkedCustomers: 0 });
    expect(later.handlers.digest().state).toBe(CLEAN());
    expect(later.ledger.flags(sidOf('ann')) & COLUMN_FLAG.parked).toBe(0);
    expect(later.handlers.runStats('r')).toMatchObject({ acceptedEvents: 1, ignoredEvents: 0 });
    const were: [number, number][] = [
      [2, 1],
      [3, 0],
    ];
    expect(await later.handlers.stillParked(were, 5)).toEqual([]);
    // Whoever reads rows by their last change meets her again, at the place of the replay.
    expect(later.handlers.dirtyRows(5, 10).rows.sids).toEqual(sidOf('ann'));
    await later.handlers.stop();
  });

  test('that come twice, or of somebody erased meanwhile, are applied as the rest of the log says', async () => {
    const writer = (version: number) => {
      const w = createWriter();
      return [
        w.pack([order('ann', '1', 1, 100, { schemaVersion: version }), order('bob', '2', 1, 200)]),
        w.pack([order('ann', '1', 1, 100), order('dan', '7', 2, 700, { schemaVersion: version })]),
        w.fact({ type: 'customer.erased', sids: [sidOf('dan')], at: 5 }),
        w.pack([order('dan', '8', 3, 50)]),
      ];
    };
    const first = await fold(writer(2));
    expect(first.ledger.parked.list()).toHaveLength(4);
    await first.handlers.stop();
    const later = await fold(replayed(writer(1)));
    const clean = apply(createLedger({ maxCustomers: 1 << 10 }), writer(1));
    expect(later.handlers.digest().state).toBe(new StateDigest(clean).value());
    expect(later.handlers.erasedTotals()).toEqual(clean.erasedTotals.save());
    await later.handlers.stop();
  });

  test('hold back whoever turns out to be the same customer', async () => {
    const log = (version: number) => {
      const w = createWriter();
      return [
        w.pack([order('device', '1', 1, 100, { schemaVersion: version, anonymous: true }), order('eve', '2', 1, 200)]),
        w.fact({ type: 'customer.linked', anonymous: sidOf('device'), known: sidOf('eve') }),
        w.pack([order('eve', '3', 2, 300)]),
      ];
    };
    const first = await fold(log(2));
    expect(first.ledger.parked.list().map(({ seq, reason }) => [seq, reason])).toEqual([
      [1, 'unknown'],
      [3, 'waiting'],
    ]);
    expect(first.handlers.entries(sidOf('eve'))!.orders).toHaveLength(1);
    await first.handlers.stop();
    const later = await fold(replayed(log(1)));
    const clean = apply(createLedger({ maxCustomers: 1 << 10 }), log(1));
    expect(later.handlers.digest().state).toBe(new StateDigest(clean).value());
    await later.handlers.stop();
  });
});

test('an event the fold fails at is tried three times, leaves no trace, and parks its customer; mended and replayed, the digest is the clean one', async () => {
  const put = EntryStore.prototype.addActivity;
  let tries = 0;
  const broken = vi.spyOn(EntryStore.prototype, 'addActivity').mockImplementation(function (this: EntryStore, ...args) {
    put.apply(this, args);
    if (args[1] !== 2) return;
    tries++;
    throw new TypeError('a mistake of this program');
  });
  const first = await fold(messages(1));
  expect(tries).toBe(3);
  expect(first.handlers.position()).toMatchObject({ seq: 4, parked: 2, failure: null });
  expect(first.ledger.parked.list()).toMatchObject([
    { seq: 2, index: 2, reason: 'failed', detail: 'TypeError', tries: 3 },
    { seq: 3, index: 0, reason: 'waiting' },
  ]);
  expect(first.handlers.entries(sidOf('ann'))).toMatchObject({ activities: [] });
  expect(first.handlers.entries(sidOf('ann'))!.orders).toHaveLength(2);
  expect(first.handlers.entries(sidOf('cy'))!.orders).toHaveLength(1);
  expect([first.ledger.store.activities.live, first.ledger.window.size]).toEqual([0, 0]);
  await first.handlers.stop();

  broken.mockRestore();
  const mended = await fold(replayed(messages(1)));
  expect(said).toContain('snapshot restored');
  expect(mended.handlers.position()).toMatchObject({ parked: 0 });
  expect(mended.handlers.digest().state).toBe(CLEAN());
  await mended.handlers.stop();
});

test('one that helps itself at the second try is applied once', async () => {
  const put = EntryStore.prototype.putDocument;
  let failed = false;
  vi.spyOn(EntryStore.prototype, 'putDocument').mockImplementation(function (this: EntryStore, ...args) {
    const code = put.apply(this, args);
    if (!failed && args[5] === 2) {
      failed = true;
      throw new Error('once');
    }
    return code;
  });
  const first = await fold(messages(1));
  expect(first.handlers.position()).toMatchObject({ parked: 0 });
  expect(first.handlers.digest().state).toBe(CLEAN());
  await first.handlers.stop();
});

describe('a message that cannot be read', () => {
  /** The second message as a broken writer left it, or as it should be. */
  const log = (broken: boolean) => {
    const list = messages(1);
    if (broken) list[1] = Uint8Array.of(0xc1, 1, 2, 3);
    return list;
  };

  test('is parked as a whole, what is missing is known, and it is applied when it can be read', async () => {
    const first = await fold(log(true));
    expect(first.handlers.position()).toMatchObject({ seq: 4, parked: 1, parkedCustomers: 0, failure: null });
    expect(first.ledger.parked.list()).toMatchObject([{ seq: 2, index: -1, reason: 'unreadable', tries: 3 }]);
    expect(first.handlers.entries(sidOf('cy'))!.orders).toHaveLength(1);
    // Five of seven numbers are accounted for: whoever compares with the gateway sees the two… and says so.
    const appliedThen = first.handlers.appliedBy()[0]![1];
    await first.handlers.stop();
    const later = await fold(replayed(log(false)));
    expect(later.handlers.position()).toMatchObject({ parked: 0, events: 7 });
    expect(later.handlers.digest().state).toBe(CLEAN());
    expect(later.handlers.appliedBy()[0]![1]).toBe(7);
    expect(appliedThen).toBe(4);
    await later.handlers.stop();
  });

  test('for all customers is nothing to go on behind: position, time and what to do are said', async () => {
    const store = createMemoryStore();
    await store.append('evt.0.main', messages(1)[0]!);
    await store.append('evt.all.main', Uint8Array.of(0xc1));
    const deps: FoldDeps = {
      store,
      snapshotDir: dir,
      ledger: { maxCustomers: 1 << 10 },
      log: { info: () => undefined, warn: () => undefined },
      say: () => undefined,
    };
    const words = /^EVT 2 \(20.*evt\.all\.main\): a fact for all customers cannot be read.*start the version/s;
    await expect(startFold(deps), 'at the start').rejects.toThrow(words);
    // And while it runs.
    const started = await startFold({ ...deps, store: { ...store, lastSequence: async () => 0 } });
    await expect(started.done).rejects.toThrow(words);
    expect(started.handlers.position()).toMatchObject({ seq: 1, failure: { code: 'log-unreadable' } });
    await started.handlers.stop();
  });

  test('does not excuse what is missing without one', async () => {
    const list = messages(1);
    list.splice(1, 1);
    const store = createMemoryStore();
    for (const bytes of list) await store.append('evt.0.main', bytes);
    const started = await startFold({
      store,
      snapshotDir: dir,
      ledger: { maxCustomers: 1 << 10 },
      log: { info: () => undefined, warn: () => undefined },
      say: () => undefined,
    });
    await expect(started.done).rejects.toThrow(/are missing/);
    await started.handlers.stop();
  });
});

test('a message nobody could read excuses what is missing right behind it, and nothing missing later', async () => {
  const writer = createWriter();
  const packs = [1, 2, 3, 4, 5].map((n) => writer.pack([order('ann', String(n), n, 100)]));
  const store = createMemoryStore();
  for (const bytes of [packs[0]!, Uint8Array.of(0xc1), packs[2]!]) await store.append('evt.0.main', bytes);
  const first = await startFold(depsOf(store));
  await first.handlers.waitFor(3);
  await first.handlers.stop();
  // Also by a ledger that is restored.
  await store.append('evt.0.main', packs[4]!);
  const again = await startFold(depsOf(store));
  expect(said).toContain('snapshot restored');
  await expect(again.done).rejects.toThrow(/EVT 4: events 3 to 3 .* are missing/);
  await again.handlers.stop();
});

test('customers of events whose places are not kept any more stay held when everything that is listed is applied', () => {
  const parked = new Parked();
  const at = (seq: number, row: number): ParkedEvent => ({
    ...{ seq, index: 0, sid: new Uint8Array(16).fill(row), reason: 'waiting', detail: '', tries: 0 },
  });
  for (let seq = 1; seq <= 100_000; seq++) parked.add(at(seq, 1), 1);
  parked.add(at(100_001, 1), 1);
  parked.add(at(100_002, 2), 2);
  const all = new Set(parked.list());
  expect([all.size, parked.dropped, parked.customers]).toEqual([100_000, 2, 2]);
  // Customer 2 was linked meanwhile and stands under row 3.
  const rowOf = (sid: Uint8Array) => (sid[0] === 2 ? 3 : sid[0]!);
  expect(parked.remove(all, rowOf)).toEqual([2]);
  expect([1, 2, 3].map((row) => parked.holds(row))).toEqual([true, false, true]);
  parked.add(at(100_003, 1), 1);
  expect(
    [parked.list().length, parked.total],
    'behind a dropped one nothing is listed, or it would be applied first',
  ).toEqual([0, 3]);
});

test('what the fold did not come back from is parked without a try, until a replay is asked for', async () => {
  const first = await fold(messages(1), { stuck: new Map([['2/1', 4]]) });
  expect(places(first.ledger.parked.list())).toEqual([
    [2, 1, ann, 'stuck', 3],
    [2, 2, ann, 'waiting', 0],
    [3, 0, ann, 'waiting', 0],
  ]);
  await first.handlers.stop();
  const start = createWriter().fact({ type: 'dead-letters.replayed', by: 'start' });
  const still = await fold([...messages(1), start], { stuck: new Map([['2/1', 4]]) });
  expect(still.handlers.position()).toMatchObject({ parked: 3 });
  await still.handlers.stop();
  const later = await fold([...messages(1), start, createWriter().fact(replayFact)], { stuck: new Map([['2/1', 4]]) });
  expect(later.handlers.position()).toMatchObject({ parked: 0 });
  expect(later.handlers.digest().state).toBe(CLEAN());
  await later.handlers.stop();
});

test('a fact for all customers that the fold did not come back from is nothing to go on behind either', async () => {
  const store = createMemoryStore();
  await store.append('evt.0.main', messages(1)[0]!);
  await store.append('evt.all.main', createWriter().fact({ type: 'clock.set', mode: 'log' }));
  const started = await startFold(depsOf(store, { stuck: new Map([['2/-1', 2]]) }));
  await expect(started.done).rejects.toThrow(
    /^EVT 2 .*a fact for all customers cannot be read \(the program did not come/,
  );
  expect(started.handlers.position()).toMatchObject({ seq: 1, parked: 0, failure: { code: 'log-unreadable' } });
  await started.handlers.stop();
  await expect(
    createRefold(store, 'EUR', () => new Map([['2/-1', 2]])).walk([2], () => undefined),
    'nor does a fold of the past pass it over',
  ).rejects.toThrow(/did not come back/);
});

describe('while a message is fetched again', () => {
  /** The store whose single messages come when the test says so; or not at all. */
  function slowStore() {
    const store = createMemoryStore();
    const asked = Promise.withResolvers<void>();
    const gate = { waits: [] as (() => void)[], closed: true, failures: 0, asked: asked.promise };
    const slow: typeof store = {
      ...store,
      async *read(stream, range) {
        if (range?.from !== undefined && range.from === range.to) {
          asked.resolve();
          if (gate.closed) await new Promise<void>((resolve) => void gate.waits.push(resolve));
          if (gate.failures-- > 0) throw new StoreUnavailable('nobody answers');
        }
        yield* store.read(stream, range);
      },
    };
    const open = () => {
      gate.closed = false;
      for (const go of gate.waits) go();
    };
    return { store: slow, gate, open };
  }
  const ordersNow = ({ handlers }: Awaited<ReturnType<typeof startFold>>, id: string) =>
    handlers.rowsOf([sidOf(id)]).orders[0];

  test('what came before it in the batch is in the columns already', async () => {
    const { store, gate, open } = slowStore();
    await store.append('evt.0.main', messages(1)[0]!);
    await store.append('evt.0.main', Uint8Array.of(0xc1));
    const started = await startFold(depsOf(store));
    await gate.asked;
    expect(started.handlers.dirtyRows(0, 10).seq).toBe(1);
    expect(ordersNow(started, 'ann')).toBe(1);
    open();
    await started.handlers.waitFor(2);
    await started.handlers.stop();
  });

  test('of a replay too, whatever has been applied by then; no snapshot is taken of half of it; an outage is waited for', async () => {
    const { store, gate, open } = slowStore();
    const broken = vi.spyOn(EntryStore.prototype, 'putDocument').mockImplementation(() => {
      throw new TypeError('a mistake of this program');
    });
    const writer = createWriter();
    await store.append('evt.0.main', writer.pack([order('ann', '1', 1, 100)]));
    await store.append('evt.0.main', writer.pack([order('bob', '2', 2, 100)]));
    gate.closed = false;
    const started = await startFold(depsOf(store));
    await started.handlers.waitFor(2);
    expect(started.handlers.position()).toMatchObject({ parked: 2 });
    broken.mockRestore();
    const read = store.read.bind(store);
    const second = Promise.withResolvers<void>();
    vi.spyOn(store, 'read').mockImplementation((stream, range) => {
      if (range?.from === 2) {
        gate.closed = true;
        gate.failures = 2;
        second.resolve();
      }
      return read(stream, range);
    });
    // Of one batch.
    const cy = store.append('evt.0.main', writer.pack([order('cy', '3', 3, 100)]));
    await Promise.all([cy, store.append('evt.all.main', writer.fact(replayFact))]);
    await second.promise;
    expect(['ann', 'bob', 'cy'].map((id) => ordersNow(started, id))).toEqual([1, 0, 1]);
    expect(await started.handlers.snapshot()).toBeNull();
    vi.mocked(store.read).mockRestore();
    open();
    await started.handlers.waitFor(4);
    expect(started.handlers.position()).toMatchObject({ parked: 0, failure: null });
    expect(['ann', 'bob', 'cy'].map((id) => ordersNow(started, id))).toEqual([1, 1, 1]);
    await started.handlers.stop();
  });

  test('a fold that is stopped does not wait for the server', async () => {
    const { store, gate, open } = slowStore();
    gate.failures = Number.POSITIVE_INFINITY;
    open();
    await store.append('evt.0.main', messages(1)[0]!);
    await store.append('evt.0.main', Uint8Array.of(0xc1));
    const started = await startFold(depsOf(store));
    await gate.asked;
    await started.handlers.stop();
    await started.done;
    expect(started.handlers.position()).toMatchObject({ seq: 1, failure: null });
  });
});

test('a fact of a later version is kept in mind: the next start folds the log again', async () => {
  const writer = createWriter();
  const log = [
    writer.fact({ type: 'loyalty.granted' } as unknown as Parameters<typeof writer.fact>[0]),
    writer.pack([order('ann', '1', 1, 100)]),
  ];
  await (await fold(log)).handlers.stop();
  const again = await fold(log);
  expect(again.handlers.position()).toMatchObject({ seq: 2, parked: 1 });
  expect(said.some((message) => message.startsWith('snapshot cannot be used'))).toBe(true);
  await again.handlers.stop();
});

/** Customers a to e, each event of one of them; some are of a version this program does not know, or the fold fails at them. */
const interleaving = fc.array(
  fc.record({
    who: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    what: fc.constantFrom('order', 'order', 'order', 'activity', 'refund', 'link', 'erase'),
    poison: fc.constantFrom('none', 'none', 'none', 'none', 'unknown', 'fails'),
    key: fc.integer({ min: 0, max: 12 }),
    day: fc.integer({ min: 1, max: 9 }),
    cut: fc.boolean(),
  }),
  { minLength: 1, maxLength: 60 },
);
const BAD_AT = 8.64e15 + 2;

test('any mixture of poison and good events, linked and erased customers among them: after the fix and a replay, the digest and the runs of a log without poison', async () => {
  await fc.assert(
    fc.asyncProperty(interleaving, async (steps) => {
      const build = (poisoned: boolean) => {
        const w = createWriter();
        const log: Uint8Array[] = [];
        let pack: Parameters<typeof w.pack>[0] = [];
        const flush = () => {
          if (pack.length > 0) log.push(w.pack(pack));
          pack = [];
        };
        for (const { who, what, poison, key, day, cut } of steps) {
          const bad = poisoned ? poison : 'none';
          const more = {
            run: `r${key % 2}`,
            ...(bad === 'unknown' ? { schemaVersion: 9 } : {}),
            ...(bad === 'fails' ? { at: BAD_AT } : {}),
          };
          if (what === 'order') pack.push(order(who, String(key), day, key * 100 + day, more));
          else if (what === 'activity') pack.push(activity(who, String(key), day, 'search', more));
          else if (what === 'refund')
            pack.push({ ...someRefund(who, String(key), day, 10), eventHash: new Uint8Array(16).fill(key), ...more });
          else {
            flush();
            if (what === 'link' && who !== 'a')
              log.push(w.fact({ type: 'customer.linked', anonymous: sidOf(who), known: sidOf('a') }));
            if (what === 'erase' && who === 'e')
              log.push(w.fact({ type: 'customer.erased', sids: [sidOf(who)], at: 1 }));
          }
          if (cut) flush();
        }
        flush();
        return log;
      };
      const clean = apply(createLedger({ maxCustomers: 1 << 10 }), build(false));
      const store = createMemoryStore();
      const ledger = apply(createLedger({ maxCustomers: 1 << 10 }), build(true));
      const parkedFirst = new Map<string, string>();
      for (const { sid, reason } of ledger.parked.list()) {
        const row = ledger.canonicalRow(sid);
        if (reason !== 'waiting') parkedFirst.set(String(row), reason);
        expect(ledger.parked.holds(row)).toBe(true);
      }
      for (const bytes of build(false)) await store.append('evt.0.main', bytes);
      const total = ledger.parked.total;
      expect(await replayParked(store, ledger)).toBe(total);
      expect([ledger.parked.total, ledger.parked.customers]).toEqual([0, 0]);
      expect(new StateDigest(ledger).value()).toBe(new StateDigest(clean).value());
      expect(ledger.erasedTotals.save()).toEqual(clean.erasedTotals.save());
      expect(
        ledger.runs
          .list()
          .map(
            ({ acceptedEvents, duplicateEvents, ignoredEvents, conflictEvents }) =>
              acceptedEvents + duplicateEvents + ignoredEvents + conflictEvents,
          ),
      ).toEqual(
        clean.runs
          .list()
          .map(
            ({ acceptedEvents, duplicateEvents, ignoredEvents, conflictEvents }) =>
              acceptedEvents + duplicateEvents + ignoredEvents + conflictEvents,
          ),
      );
    }),
    { numRuns: 150 },
  );
});
