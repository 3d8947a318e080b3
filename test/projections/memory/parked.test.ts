// What cannot be applied is parked by its place while the others flow, and applied by a program that knows it: then the state is as if nothing
// had ever been in the way.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { EntryStore } from '#projections/memory/entry-store.ts';
import { type FoldDeps, startFold } from '#projections/memory/fold.ts';
import { createLedger } from '#projections/memory/ledger.ts';
import { StateDigest } from '#projections/memory/state-digest.ts';
import { createMemoryStore } from '#streams/memory/store.ts';
import { activity, apply, createWriter, hex, sidOf, order as someOrder } from './scenario.ts';

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

/** Three messages; what ann did on day 2 has the given schema version. */
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
  ];
}
const CLEAN = () => new StateDigest(apply(createLedger({ maxCustomers: 1 << 10 }), messages(1))).value();

async function fold(log: Uint8Array[]) {
  const store = createMemoryStore();
  for (const bytes of log) await store.append('evt.0.main', bytes);
  const deps: FoldDeps = {
    store,
    snapshotDir: dir,
    ledger: { maxCustomers: 1 << 10 },
    log: { info: (_, message) => void said.push(message), warn: (_, message) => void said.push(message) },
    say: () => undefined,
  };
  const started = await startFold(deps);
  await started.handlers.waitFor(log.length);
  return started;
}

describe('events of a later version', () => {
  test('are parked in order, the others flow; the same program keeps them, a later one applies them', async () => {
    const first = await fold(messages(2));
    expect(first.handlers.position()).toMatchObject({ seq: 3, parked: 2, unknownTypes: 2, failure: null });
    expect(first.ledger.parked.list().map(({ seq, index, sid, reason }) => [seq, index, hex(sid), reason])).toEqual([
      [2, 1, hex(sidOf('ann')), 'unknown'],
      [2, 2, hex(sidOf('ann')), 'unknown'],
    ]);
    expect(first.handlers.entries(sidOf('ann'))!.orders).toHaveLength(2);
    expect(first.handlers.entries(sidOf('bob'))!.orders).toHaveLength(2);
    expect(said).toContain('events could not be applied and are parked');
    await first.handlers.stop();

    const same = await fold(messages(2));
    expect(same.handlers.position()).toMatchObject({ parked: 2 });
    expect(said).toContain('snapshot restored');
    await same.handlers.stop();

    // The same log, of which every version is known now: as a later program reads it.
    const later = await fold(messages(1));
    expect(later.handlers.position()).toMatchObject({ parked: 0 });
    expect(later.handlers.digest().state).toBe(CLEAN());
    expect(later.handlers.runStats('r')).toMatchObject({ acceptedEvents: 1, ignoredEvents: 0 });
    await later.handlers.stop();
  });

  test('that come twice, or of somebody erased meanwhile, are applied as the rest of the log says', async () => {
    const writer = (version: number) => {
      const w = createWriter();
      return [
        w.pack([order('ann', '1', 1, 100, { schemaVersion: version }), order('bob', '2', 1, 200)]),
        w.pack([order('ann', '1', 1, 100), order('dan', '7', 2, 700, { schemaVersion: version })]),
        w.fact({ type: 'customer.erased', sids: [sidOf('dan')], at: 5 }),
      ];
    };
    await (await fold(writer(2))).handlers.stop();
    const later = await fold(writer(1));
    const clean = apply(createLedger({ maxCustomers: 1 << 10 }), writer(1));
    expect(later.handlers.digest().state).toBe(new StateDigest(clean).value());
    expect(later.handlers.erasedTotals()).toEqual(clean.erasedTotals.save());
    await later.handlers.stop();
  });
});

test('an event the fold fails at is parked alone; mended, the log is folded again from before it, to the clean digest', async () => {
  const put = EntryStore.prototype.addActivity;
  const broken = vi.spyOn(EntryStore.prototype, 'addActivity').mockImplementation(function (this: EntryStore, ...args) {
    if (args[1] === 2) throw new TypeError('a mistake of this program');
    return put.apply(this, args);
  });
  const first = await fold(messages(1));
  expect(first.handlers.position()).toMatchObject({ seq: 3, parked: 1, failure: null });
  expect(first.ledger.parked.list()).toMatchObject([{ seq: 2, index: 2, reason: 'failed', detail: 'TypeError' }]);
  expect(first.handlers.entries(sidOf('cy'))!.orders).toHaveLength(1);
  await first.handlers.stop();

  broken.mockRestore();
  const mended = await fold(messages(1));
  expect(said.some((message) => message.startsWith('snapshot cannot be used'))).toBe(true);
  expect(mended.handlers.position()).toMatchObject({ parked: 0 });
  expect(mended.handlers.digest().state).toBe(CLEAN());
  await mended.handlers.stop();
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
