// The ledger folded anew and compared: what really differs is counted and named, and what has only come later is no difference.
import { expect, test } from 'vitest';
import type { RebuildState } from '#api/deps.ts';
import { rebuildLedger } from '#ops/rebuild-ledger.ts';
import { DirtyRows } from '#projections/memory/dirty-rows.ts';
import { createLedger, type Ledger } from '#projections/memory/ledger.ts';
import { replayParked } from '#projections/memory/replay-parked.ts';
import { createMemoryStore } from '#streams/memory/store.ts';
import { decodeMessage } from '#streams/pack.ts';
import { createWriter, hex, order, sidOf } from '../projections/memory/scenario.ts';

const hashed = (id: string, key: string, day: number, minor: number, schemaVersion = 1) =>
  order(id, key, day, minor, { schemaVersion, eventHash: new Uint8Array(16).fill(Number(key)) });
/** Of ann's orders one has the given schema version; bob's amount may be another. */
function messages(schemaVersion: number, minor = 200): Uint8Array[] {
  const writer = createWriter();
  return [
    writer.pack([hashed('ann', '1', 1, 100), hashed('bob', '2', 1, minor)]),
    writer.pack([hashed('ann', '3', 2, 300, schemaVersion), hashed('bob', '4', 2, 400)]),
    writer.pack([hashed('ann', '5', 3, 500)]),
    writer.fact({ type: 'dead-letters.replayed', by: 'request' }),
  ];
}

function folded(log: Uint8Array[]): Ledger {
  const ledger = createLedger({ maxCustomers: 1 << 10 });
  for (const [i, bytes] of log.entries()) ledger.applyMessage(i + 1, decodeMessage(bytes));
  ledger.flushColumns();
  return ledger;
}
const foldOf = (ledger: Ledger) => ({
  waitFor: async () => undefined,
  entriesOf: async (sids: Uint8Array[]) => sids.map((sid) => ledger.entries(sid)),
  position: async () => ({ seq: ledger.position, events: ledger.events, failure: null }),
});

async function compared(serving: Ledger, anew: Ledger): Promise<Partial<RebuildState>> {
  const dirty = new DirtyRows(serving);
  const state: Partial<RebuildState> = {};
  await rebuildLedger({
    fold: { ...foldOf(serving), dirtyRows: async (since, limit) => dirty.after(since, limit) },
    startFold: async () => ({ calls: foldOf(anew), async [Symbol.asyncDispose]() {} }),
    lastSequence: async () => serving.position,
    step: (change) => void Object.assign(state, change),
    orStop: () => undefined,
    now: () => 0,
  });
  return state;
}

test('a ledger that holds another amount is damaged, and says of whom', async () => {
  const state = await compared(folded(messages(1)), folded(messages(1, 201)));
  expect(state).toMatchObject({ step: 'done', compared: 2, differs: 1, first: [hex(sidOf('bob'))] });
  expect(state.detail).toMatch(/is another than the log makes/);
});

test('who was parked and applied by a replay, at a later place of the log, is the same customer', async () => {
  const store = createMemoryStore();
  for (const bytes of messages(1)) await store.append('evt.0.main', bytes);
  // As an older program has it: what it did not know and what waited behind that is parked, until a replay applies it.
  const older = messages(2);
  const serving = folded(older.slice(0, 3));
  expect(serving.parked.total).toBe(2);
  expect(await replayParked(store, serving)).toBe(2);
  serving.applyMessage(4, decodeMessage(older[3]!));
  serving.flushColumns();
  const anew = folded(messages(1));
  const [mine, other] = [serving, anew].map((ledger) => ledger.entries(sidOf('ann'))!);
  expect([mine!.seq, other!.seq]).toEqual([4, 3]);
  expect(await compared(serving, anew)).toMatchObject({ step: 'done', compared: 2, differs: 0, first: [] });
  // A difference is seen in spite of it.
  expect(await compared(serving, folded(messages(1, 201)))).toMatchObject({ differs: 1, first: [hex(sidOf('bob'))] });
});
