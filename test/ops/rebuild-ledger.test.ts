// The ledger folded anew, compared, and put in the place of the one that serves: what really differs is counted and named, what has only come later is no
// difference, and what the tables do not bear out never serves.
import { expect, test } from 'vitest';
import type { RebuildState } from '#api/integrity-deps.ts';
import { rebuildLedger } from '#ops/rebuild-ledger.ts';
import { DirtyRows, stateOfRows } from '#projections/memory/dirty-rows.ts';
import { createLedger, type Ledger } from '#projections/memory/ledger.ts';
import { replayParked } from '#projections/memory/replay-parked.ts';
import { ledgerText } from '#projections/transactions-digest.ts';
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
  rowsOf: async (sids: Uint8Array[]) =>
    stateOfRows(
      ledger,
      sids.map((sid) => ledger.rows.findSid(sid)),
    ),
  position: async () => ({ seq: ledger.position, events: ledger.events, failure: null }),
});

/** What became of it: the last state, and what was done to the fold that serves. */
async function rebuilt(serving: Ledger, anew: Ledger, tables: Ledger = anew) {
  const dirty = new DirtyRows(serving);
  const state: Partial<RebuildState> = {};
  const done: string[] = [];
  const differs = rebuildLedger({
    fold: { ...foldOf(serving), dirtyRows: async (since, limit) => dirty.after(since, limit) },
    startFold: async () => ({
      calls: foldOf(anew),
      save: async () => void done.push('saved'),
      handOver: async (folder) => void done.push(`handed to ${folder}`),
      async [Symbol.asyncDispose]() {
        done.push('ended');
      },
    }),
    // As the tables would: they are a fold of their own.
    otherwise: async (fold, sids) => {
      const entries = await fold.entriesOf(sids);
      return sids.flatMap((sid, i) => {
        const [table, ledger] = [ledgerText(tables.entries(sid)!), ledgerText(entries[i]!)];
        return table === ledger ? [] : [{ projection: 'events' as const, sid: hex(sid), seq: 1, table, ledger }];
      });
    },
    exchange: async (install) => {
      done.push('fold ended');
      await install('its folder');
      done.push('fold started');
    },
    lastSequence: async () => serving.position,
    step: (change) => void Object.assign(state, change),
    orStop: () => undefined,
    now: () => 0,
  });
  return { differs: await differs.catch((error: Error) => error.message), state, done };
}
const SWITCHED = ['saved', 'fold ended', 'handed to its folder', 'fold started', 'ended'];

test('a ledger that equals the one that serves takes its place', async () => {
  const { differs, state, done } = await rebuilt(folded(messages(1)), folded(messages(1)));
  expect([differs, done]).toEqual([0, SWITCHED]);
  expect(state).toMatchObject({ step: 'switching', compared: 2, differs: 0, first: [] });
});

test('a ledger that holds another amount than the log and the tables is damaged, says of whom, and is replaced', async () => {
  const { differs, state, done } = await rebuilt(folded(messages(1)), folded(messages(1, 201)));
  expect([differs, done]).toEqual([1, SWITCHED]);
  expect(state).toMatchObject({ compared: 2, differs: 1, first: [hex(sidOf('bob'))] });
});

test('what the tables do not bear out never serves', async () => {
  const serving = folded(messages(1));
  const { differs, done } = await rebuilt(serving, folded(messages(1, 201)), serving);
  expect(differs).toMatch(new RegExp(`the tables do not bear it out, first for ${hex(sidOf('bob'))}`));
  expect(done).toEqual(['ended']);
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
  expect(await rebuilt(serving, anew)).toMatchObject({ differs: 0, state: { compared: 2, first: [] }, done: SWITCHED });
  // A difference is seen in spite of it.
  const { state } = await rebuilt(serving, folded(messages(1, 201)));
  expect(state).toMatchObject({ differs: 1, first: [hex(sidOf('bob'))] });
});
