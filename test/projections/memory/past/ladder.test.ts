// The ladder of snapshots: bounded, denser towards the end; and a fold from one of them is the fold from the beginning, or is not made from it.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { createLedger } from '#projections/memory/ledger.ts';
import { everybodyAt } from '#projections/memory/past/everybody.ts';
import { openSnapshots, type SnapshotEntry, snapshotsWithin, thinned } from '#projections/memory/snapshot.ts';
import { StateDigest } from '#projections/memory/state-digest.ts';
import { createMemoryStore } from '#streams/memory/store.ts';
import { decodeMessage } from '#streams/pack.ts';
import { createWriter, order } from '../scenario.ts';

const silent = { info() {}, warn() {} };
const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

const entry = (events: number, bytes: number): SnapshotEntry => {
  const file = { file: `${events}`, sha256: '', bytes };
  return { seq: events, messageSha256: '', ledger: file, ids: { ...file, bytes: 0 }, events };
};

test('at most six rungs, at most four times the newest one’s bytes, a million events apart, and the near past is kept', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 100_000, max: 4_000_000 }), { minLength: 1, maxLength: 60 }), (steps) => {
      let rungs: SnapshotEntry[] = [];
      let events = 0;
      let previous: SnapshotEntry | null = null;
      for (const step of steps) {
        events += step;
        const newest = entry(events, events / 10);
        if (previous) rungs = thinned([...rungs, previous], newest);
        previous = newest;
        const at = rungs.map((rung) => rung.events!);
        expect(rungs.length).toBeLessThanOrEqual(6);
        expect(rungs.reduce((sum, rung) => sum + rung.ledger.bytes, 0)).toBeLessThanOrEqual(4 * newest.ledger.bytes);
        for (const [i, each] of at.entries()) expect(each - (at[i - 1] ?? 0)).toBeGreaterThanOrEqual(1_000_000);
      }
    }),
  );
  // A hundred even steps: whoever asks about the last tenth of the log folds at most a fifth of it.
  let rungs: SnapshotEntry[] = [];
  for (let i = 1; i < 100; i++) rungs = thinned([...rungs, entry(i * 2e6, i)], entry((i + 1) * 2e6, i + 1));
  expect(rungs.at(-1)!.events! / 200e6).toBeGreaterThan(0.8);
  expect(rungs.length).toBeGreaterThan(2);
});

test('a fold from a snapshot is that from the beginning; under a bound of known_at only a snapshot from before it is used', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'axiom47-ladder-'));
  dirs.push(dir);
  const store = createMemoryStore();
  const writer = createWriter();
  const options = { maxCustomers: 1 << 10 };
  const ledger = createLedger(options);
  const snapshots = openSnapshots(dir, silent);
  const known: number[] = [0];
  for (let seq = 1; seq <= 30; seq++) {
    writer.ingestedAt += 1_000;
    known.push(writer.ingestedAt);
    const bytes = writer.pack(['ann', 'bob', `c${seq}`].map((id) => order(id, `${id} ${seq}`, seq % 7, seq)));
    await store.append('evt.0.main', bytes);
    ledger.applyMessage(seq, decodeMessage(bytes));
    if (seq % 10 === 0) await snapshots.save(ledger, bytes);
  }
  const fold = async (seq: number, snapshotDir: string | null, knownUpTo?: number) => {
    let from = -1;
    const wanted = { ...options, ...(knownUpTo !== undefined && { knownUpTo }) };
    const began = (position: number) => {
      from = position;
    };
    const then = await everybodyAt(store, seq, { ledger: wanted, snapshotDir, log: silent, began });
    return { from, state: new StateDigest(then).value(), events: then.events };
  };
  for (const [seq, from] of [
    [30, 30],
    [29, 20],
    [20, 20],
    [19, 0],
  ] as const)
    expect(await fold(seq, dir)).toEqual({ ...(await fold(seq, null)), from });
  // All of the snapshot at 20 was known by then: it will do. A moment earlier it was not.
  expect(await fold(30, dir, known[25])).toEqual({ ...(await fold(30, null, known[25])), from: 20 });
  expect(await fold(30, dir, known[20]! - 1)).toEqual({ ...(await fold(30, null, known[20]! - 1)), from: 0 });
  expect((await fold(30, dir, known[20]! - 1)).events).toBe(57);
  expect(snapshotsWithin(dir, { seq: 30, zone: 4 })).toEqual([]);
});

test('a manifest that says something else than its files is not believed', async () => {
  const newDir = () => {
    const dir = mkdtempSync(join(tmpdir(), 'axiom47-ladder-'));
    dirs.push(dir);
    return dir;
  };
  const change = (dir: string, said: Partial<SnapshotEntry>) => {
    const file = join(dir, 'MANIFEST.json');
    const manifest = JSON.parse(readFileSync(file, 'utf8')) as { current: SnapshotEntry };
    Object.assign(manifest.current, said);
    writeFileSync(file, JSON.stringify(manifest));
  };
  const store = createMemoryStore();
  const writer = createWriter();
  const options = { maxCustomers: 1 << 10 };
  const zoned = { ...options, zone: { version: 3, offsets: [[0, 300]] as [number, number][] } };
  const [plain, anew] = [newDir(), newDir()];
  const ledgers = [createLedger(options), createLedger(zoned)] as const;
  const snapshots = [openSnapshots(plain, silent), openSnapshots(anew, silent)] as const;
  const known: number[] = [0];
  for (let seq = 1; seq <= 20; seq++) {
    writer.ingestedAt += 1_000;
    known.push(writer.ingestedAt);
    // Late in the evening: another day in the other zone.
    const bytes = writer.pack([
      order('ann', `${seq}`, seq, seq, { dateOnly: false, at: (seq + 1) * 86_400_000 - 1, zoneVersion: 0 }),
    ]);
    await store.append('evt.0.main', bytes);
    for (const [i, ledger] of ledgers.entries()) {
      ledger.applyMessage(seq, decodeMessage(bytes));
      if (seq % 10 === 0) await snapshots[i]!.save(ledger, bytes);
    }
  }
  const fold = async (snapshotDir: string | null, knownUpTo?: number) => {
    let from = -1;
    const said: string[] = [];
    const then = await everybodyAt(store, 20, {
      ledger: { ...options, ...(knownUpTo !== undefined && { knownUpTo }) },
      snapshotDir,
      log: { info() {}, warn: (fields) => void said.push((fields as { reason: string }).reason) },
      began: (position) => {
        from = position;
      },
    });
    return { from, state: new StateDigest(then).value(), said };
  };
  change(plain, { lastKnownAt: known[1]! });
  const late = await fold(plain, known[15]);
  expect(late).toMatchObject({ from: 10, said: [expect.stringContaining('known later')] });
  expect(late.state).toBe((await fold(null, known[15])).state);
  change(anew, { zone: 0 });
  const elsewhere = await fold(anew);
  expect(elsewhere).toMatchObject({ from: 0, said: [expect.stringContaining('another zone')] });
  expect(elsewhere.state).toBe((await fold(null)).state);
});
