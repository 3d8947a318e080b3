// Bits flipped and ends cut off, at random places of log blocks and of snapshots: each must be found before any answer uses it.
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFold } from '#projections/memory/fold.ts';
import { silent } from '#streams/jetstream/link.ts';
import { createMemoryStore } from '#streams/memory/store.ts';
import { createWriter, order, refund } from '../projections/memory/scenario.ts';
import { AT_REST, BLOCK, openDamagedServer } from '../streams/chain/damaged-server.ts';
import { type Fault, type Outcome, type Progress, random, settings } from './fault.ts';

const MESSAGES = 400;
/** Every so often the end is cut off instead of a bit flipped. */
const CUT = 5;

/** @returns what was done, in words. */
function damage(path: string, round: number, next: () => number): string {
  const bytes = readFileSync(path);
  const offset = Math.floor(next() * bytes.length);
  if (round % CUT === 0) {
    truncateSync(path, offset);
    return `cut after ${offset} of ${bytes.length} bytes`;
  }
  bytes[offset]! ^= 1 << Math.floor(next() * 8);
  writeFileSync(path, bytes);
  return `a bit of byte ${offset} of ${bytes.length} flipped`;
}

const none = { lost: 0, doubled: 0, recoveryMs: [], lagMs: [] };

async function ofLog(
  label: string,
  jetstream: string,
  rounds: number,
  seed: number,
  progress: Progress,
): Promise<Outcome> {
  await using damaged = await openDamagedServer(jetstream, MESSAGES);
  const next = random(seed + label.length);
  const disagreements: string[] = [];
  let found = 0;
  for (let round = 1; round <= rounds; round++) {
    damaged.restore();
    const done = damage(join(damaged.messages, BLOCK), round, next);
    const withIndex = round % 2 === 0;
    if (!withIndex) damaged.removeIndex();
    const { faults, given } = await damaged.whatIsFound();
    const where = `round ${round}, ${done}, ${withIndex ? 'the server’s index kept' : 'without the server’s index'}`;
    const first = faults[0]?.from ?? Number.POSITIVE_INFINITY;
    const dense = given.every((seq, i) => seq === i + 1);
    if (faults.length === 0) disagreements.push(`${where}: not found`);
    else if (!dense || given.length >= first)
      disagreements.push(`${where}: found at ${first}, but a reader was given ${given.length}`);
    else found++;
    if (round % 10 === 0) progress(`log ${label}: ${found} of ${round} found`);
  }
  return {
    what: `log ${label}`,
    rounds,
    sent: MESSAGES,
    ...none,
    notes: [`${found} of ${rounds} found, no reader was given one`],
    disagreements,
  };
}

async function ofSnapshots(rounds: number, seed: number): Promise<Outcome> {
  const next = random(seed);
  const dir = mkdtempSync(join(tmpdir(), 'axiom47-flips-'));
  const store = createMemoryStore();
  const writer = createWriter();
  const warnings: string[] = [];
  const log = { ...silent, warn: (_: object, message: string) => void warnings.push(message) };
  const open = () =>
    startFold({ store, snapshotDir: dir, ledger: { maxCustomers: 1 << 12 }, log, say: () => undefined });
  const sell = async (n: number) => {
    for (let i = 0; i < n; i++) {
      const who = `c${Math.floor(next() * 500)}`;
      await store.append(
        'evt.0.main',
        writer.pack([order(who, `${next()}`, i % 90, 100 + i), refund(who, `${next()}`, i % 90, 5)]),
      );
    }
  };
  const disagreements: string[] = [];
  let found = 0;
  try {
    await sell(600);
    let fold = await open();
    await fold.handlers.waitFor(600);
    await fold.handlers.snapshot(); // so that there is one before
    await sell(50);
    await fold.handlers.waitFor(650);
    const expected = fold.handlers.digest().state;
    await fold.handlers.stop();
    const originals = new Map(readdirSync(dir).map((name) => [name, readFileSync(join(dir, name))]));
    const newest = [...originals.keys()].filter((name) => /-650-/.test(name) || name === 'MANIFEST.json').sort();
    for (let round = 1; round <= rounds; round++) {
      for (const name of readdirSync(dir)) rmSync(join(dir, name));
      for (const [name, bytes] of originals) writeFileSync(join(dir, name), bytes);
      const name = newest[round % newest.length]!;
      const done = damage(join(dir, name), round, next);
      warnings.length = 0;
      fold = await open();
      await fold.handlers.waitFor(650);
      const where = `round ${round}, ${name}, ${done}`;
      if (fold.handlers.digest().state !== expected) disagreements.push(`${where}: another state`);
      // A bit of the manifest may be one that nobody reads (a space), or one that names an older snapshot.
      else if (warnings.length > 0) found++;
      else if (name !== 'MANIFEST.json') disagreements.push(`${where}: not found`);
      await fold.handlers.stop();
    }
    const notes = [
      `${found} of ${rounds} found and passed over, the others in parts of the manifest that were not used; the state the same in all`,
    ];
    return { what: 'snapshots', rounds, sent: 1_300, ...none, notes, disagreements };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

export const bitFlips: Fault = {
  name: 'bit-flips',
  about:
    'bits flipped and ends cut off in log blocks (plain, encrypted, with and without the server’s index) and in snapshots',
  full: settings(100, 0, 0),
  quick: settings(10, 0, 0),
  async run({ rounds, seed }, progress) {
    const outcomes: Outcome[] = [];
    for (const [label, jetstream] of AT_REST) outcomes.push(await ofLog(label, jetstream, rounds, seed, progress));
    outcomes.push(await ofSnapshots(rounds, seed));
    return outcomes;
  },
};
