// One customer's past by the event index is what the fold of the whole log says, at every position, for everybody.
import { hash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import type { Ledger } from '#projections/memory/ledger.ts';
import { customersAt } from '#projections/memory/past/customers.ts';
import { type EventIndex, openEventIndex } from '#projections/memory/past/event-index.ts';
import { everybodyAt } from '#projections/memory/past/everybody.ts';
import type { Chunk } from '#projections/memory/past/recorder.ts';
import { createMemoryStore } from '#streams/memory/store.ts';
import { decodeMessage } from '#streams/pack.ts';
import { activity, createWriter, order, sidOf } from '../scenario.ts';
import { logOf, OPTIONS, PEOPLE, steps } from './histories.ts';

const silent = { info() {}, warn() {} };
const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});
const newDir = () => {
  const dir = mkdtempSync(join(tmpdir(), 'axiom47-past-'));
  dirs.push(dir);
  return dir;
};
type Store = Awaited<ReturnType<typeof logOf>>;
const shaIn = (store: Store) => async (seq: number) => {
  if (seq > (await store.lastSequence('EVT'))) return null;
  return hash('sha256', (await store.get('EVT', [seq]))[0]!.bytes, 'hex');
};
const open = (store: Store, dir: string, tailPostings = 7) =>
  openEventIndex({ dir, log: silent, messageSha256: shaIn(store), tailPostings });

/** The fold of the whole log, telling the index as it goes. */
async function indexed(store: Store, index: EventIndex): Promise<Ledger> {
  const last = await store.lastSequence('EVT');
  return everybodyAt(store, last, {
    ledger: OPTIONS,
    snapshotDir: null,
    log: silent,
    record: (chunk) => index.add(chunk),
  });
}
const at = (store: Store, index: EventIndex, rows: Ledger, sids: Uint8Array[], seq: number) =>
  customersAt(
    { store, index, rowOf: (sid) => rows.rows.findSid(sid), reportingCurrency: 'EUR', stuck: new Map() },
    sids,
    seq,
  );

test('index and small fold = the whole fold, at every position and for every customer', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.boolean(), async (list, flushed) => {
      const store = await logOf(list);
      const dir = newDir();
      let index = await open(store, dir);
      const all = await indexed(store, index);
      if (flushed) {
        await index.flush();
        await index[Symbol.asyncDispose]();
        index = await open(store, dir);
        expect(index.to).toBe(all.position);
      }
      const erased: Uint8Array[] = [];
      for (let seq = all.position; seq >= 1; seq--) {
        const whole = await everybodyAt(store, seq, { ledger: OPTIONS, snapshotDir: null, log: silent });
        // Who was erased since has no past either.
        whole.forget(erased);
        whole.flushColumns();
        for (const id of PEOPLE) {
          const part = (await at(store, index, all, [sidOf(id)], seq))!;
          expect(part.entries(sidOf(id)), `${id} at ${seq}`).toEqual(whole.entries(sidOf(id)));
          expect(part.flags(sidOf(id)), `flags of ${id} at ${seq}`).toBe(whole.flags(sidOf(id)));
          expect(part.workspace.facts.rates).toEqual(whole.workspace.facts.rates);
        }
        const [message] = await store.get('EVT', [seq]);
        erased.push(...erasedBy(message!.bytes));
      }
      const together = await at(store, index, all, PEOPLE.map(sidOf), all.position);
      for (const id of PEOPLE) expect(together!.entries(sidOf(id))).toEqual(all.entries(sidOf(id)));
      await index[Symbol.asyncDispose]();
    }),
    { numRuns: 20 },
  );
});

/** Sids of an erasure. */
function erasedBy(bytes: Uint8Array): readonly Uint8Array[] {
  const message = decodeMessage(bytes);
  return message.kind === 'fact' && message.fact.type === 'customer.erased' ? message.fact.sids : [];
}

test('what only the fold of everything knows: an id seen again counts once, and again after the window has forgotten it', async () => {
  const store = createMemoryStore();
  const writer = createWriter();
  const view = () => activity('ann', 'same', 3, 'view');
  const others = [0, 1, 2, 3, 4, 5].map((n) => activity('bob', `other ${n}`, 3, 'view'));
  for (const pack of [[view()], [view()], [...others, view()], [view()]])
    await store.append('evt.0.main', writer.pack(pack));
  await using index = await open(store, newDir());
  const all = await indexed(store, index);
  const counts = [];
  for (const seq of [1, 2, 3, 4])
    counts.push((await at(store, index, all, [sidOf('ann')], seq))!.entries(sidOf('ann'))!.activities[0]!.count);
  expect(counts).toEqual([1, 1, 2, 2]);
  expect(all.entries(sidOf('ann'))!.activities[0]!.count).toBe(2);
});

test('segments are merged, and found again after a start; a page that is damaged is said to be', async () => {
  const store = createMemoryStore();
  const writer = createWriter();
  const people = Array.from({ length: 2_000 }, (_, n) => `c${n}`);
  for (let n = 0; n < 60; n++)
    await store.append(
      'evt.0.main',
      writer.pack(people.filter((_, i) => (i * 7 + n) % 5 === 0).map((id) => order(id, `${id} ${n}`, n, 1))),
    );
  const dir = newDir();
  const options = { ...OPTIONS, maxCustomers: 1 << 12 };
  const before: Record<string, unknown> = {};
  {
    await using index = await open(store, dir, 1_000);
    const all = await everybodyAt(store, 60, {
      ledger: options,
      snapshotDir: null,
      log: silent,
      record: (chunk) => index.add(chunk),
    });
    await index.flush();
    expect(index.segments).toBeLessThan(10);
    expect(index.postings).toBe(24_000);
    for (const row of [0, 1, 1_000, 1_999]) before[row] = index.find(row);
    expect(all.customers).toBe(2_000);
  }
  const files = readdirSync(dir).filter((file) => file.endsWith('.state'));
  {
    await using index = await open(store, dir, 1_000);
    expect(index.to).toBe(60);
    for (const row of [0, 1, 1_000, 1_999]) expect(index.find(row)).toEqual(before[row]);
    expect(index.find(2_000)).toEqual([]);
    expect(index.stepBefore(30)!.seq).toBeGreaterThan(20);
  }
  // One bit of the largest segment's postings: whoever asks for a row there hears of it, and of nothing else.
  const largest = files
    .map((file) => join(dir, file))
    .reduce((a, b) => (readFileSync(a).length > readFileSync(b).length ? a : b));
  const bytes = readFileSync(largest);
  bytes[5_000]! ^= 8;
  writeFileSync(largest, bytes);
  await using index = await open(store, dir, 1_000);
  expect(index.to).toBe(60);
  const damaged = Array.from({ length: 2_000 }, (_, row) => row).filter((row) => {
    try {
      index.find(row);
      return false;
    } catch (error) {
      expect(error).toMatchObject({ code: 'snapshot-damaged', message: expect.stringContaining('checksum') });
      return true;
    }
  });
  expect(damaged.length).toBeGreaterThan(10);
  await index.reset(0);
  expect([index.to, index.find(0)]).toEqual([0, []]);
});

test('an index of another log is not used', async () => {
  const [mine, other] = [createMemoryStore(), createMemoryStore()];
  await mine.append('evt.0.main', createWriter().pack([order('ann', 'a', 1, 1)]));
  await other.append('evt.0.main', createWriter().pack([order('bob', 'a', 1, 1)]));
  const dir = newDir();
  {
    await using index = await open(mine, dir);
    await indexed(mine, index);
    await index.flush();
  }
  await using index = await open(other, dir);
  expect(index.to).toBe(0);
});

test('an index that was emptied is found empty, of its zone, and not taken for a damaged one', async () => {
  const store = createMemoryStore();
  await store.append('evt.0.main', createWriter().pack([order('ann', 'a', 1, 1)]));
  const dir = newDir();
  {
    await using index = await open(store, dir);
    await indexed(store, index);
    await index.flush();
    await index.reset(3);
  }
  const warned: string[] = [];
  await using index = await openEventIndex({
    dir,
    log: { info() {}, warn: (_, message) => void warned.push(message) },
    messageSha256: async (seq) => expect.fail(`asked for message ${seq}`),
  });
  expect([index.to, index.zone, warned]).toEqual([0, 3, []]);
});

test('what the disk refused is written, in order, when it takes it again', async () => {
  const store = createMemoryStore();
  const writer = createWriter();
  for (let n = 0; n < 6; n++) await store.append('evt.0.main', writer.pack([order('ann', `${n}`, n, 1)]));
  const chunks: Chunk[] = [];
  const all = await everybodyAt(store, 6, {
    ledger: OPTIONS,
    snapshotDir: null,
    log: silent,
    record: (chunk) => chunks.push(chunk),
  });
  const row = all.rows.findSid(sidOf('ann'));
  const dir = newDir();
  const seqs = [1, 2, 3, 4, 5, 6];
  {
    await using index = await open(store, dir, 2);
    rmSync(dir, { recursive: true });
    const whole = chunks[0]!;
    index.add({
      ...whole,
      starts: whole.starts.slice(0, 3),
      count: 3,
      clockAt: whole.clockAt.slice(0, 3),
      clockDay: whole.clockDay.slice(0, 3),
      rows: whole.rows.slice(0, 3),
      places: whole.places.slice(0, 3),
    });
    await expect(index.flush()).rejects.toMatchObject({ code: 'ENOENT' });
    expect(index.find(row).map(({ seq }) => seq)).toEqual([1, 2, 3]);
    mkdirSync(dir);
    index.add(whole);
    await index.flush();
    expect(index.find(row).map(({ seq }) => seq)).toEqual(seqs);
  }
  await using again = await open(store, dir, 2);
  expect(again.to).toBe(6);
  expect(again.find(row).map(({ seq }) => seq)).toEqual(seqs);
});
