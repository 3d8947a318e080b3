// Snapshots of the fold: state and position in one file, ids of the window in a second one, both named by a manifest that keeps
// the last two. A snapshot that cannot be used costs time (the one before, else the whole log), never a wrong answer.
import { hash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { copyFile, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Ledger, LedgerOptions } from './ledger.ts';
import { createLedger } from './ledger.ts';
import { freezeLedger, restoreLedger } from './ledger-state.ts';
import { openStateFile, type StateFile, syncDirectory, writeStateFile } from './snapshot-file.ts';

export interface SnapshotEntry {
  seq: number;
  /** SHA-256 of the message at `seq`, hex: proof that this snapshot and that log belong together. */
  messageSha256: string;
  ledger: StateFile;
  ids: StateFile;
  /** Events in it, version of the zone of its days, and when the last of it was known (ms). Absent in those of earlier versions. */
  events?: number;
  zone?: number;
  lastKnownAt?: number;
}

interface Manifest {
  format: 1;
  current: SnapshotEntry;
  previous: SnapshotEntry | null;
  /** Earlier ones, oldest first, from which the past is folded; absent in manifests of earlier versions. */
  ladder?: SnapshotEntry[];
}

/** The part of a pino logger that is used here. */
export interface SnapshotLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface Snapshots {
  /**
   * The newest state that verifies and that `accepts` (does the log hold that very message?); otherwise an empty ledger.
   * Says in the log what it used and why anything newer was passed over.
   */
  restore(options: LedgerOptions, accepts?: (entry: SnapshotEntry) => Promise<boolean>): Promise<Ledger>;
  /** Saves the ledger as it is now, while it goes on, and names it when `before` has settled; null when a save is under way or nothing has changed since the last. */
  save(ledger: Ledger, lastMessage: Uint8Array, before?: Promise<unknown>): Promise<SnapshotEntry | null>;
  /** Position of the last saved or restored snapshot, 0 without one. */
  readonly seq: number;
}

const MANIFEST = 'MANIFEST.json';

function manifestOf(dir: string): Manifest | null {
  const path = join(dir, MANIFEST);
  if (!existsSync(path)) return null;
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as Manifest;
  if (manifest.format !== 1) throw new RangeError(`manifest format ${manifest.format} is not 1`);
  return manifest;
}

/** In one step; files that it does not name go. */
async function writeManifest(dir: string, manifest: Manifest): Promise<void> {
  const temporary = join(dir, `.${MANIFEST}.writing`);
  {
    await using handle = await open(temporary, 'w', 0o600);
    await handle.writeFile(`${JSON.stringify(manifest, null, 2)}\n`);
    await handle.sync();
  }
  await rename(temporary, join(dir, MANIFEST));
  await syncDirectory(dir);
  const entries = [...(manifest.ladder ?? []), manifest.current, manifest.previous];
  const named = entries.flatMap((e) => (e ? [e.ledger.file, e.ids.file] : []));
  for (const file of readdirSync(dir))
    if (/\.(state|writing)$/.test(file) && !named.includes(file)) await rm(join(dir, file), { force: true });
}

export function openSnapshots(dir: string, log: SnapshotLog): Snapshots {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  let current: SnapshotEntry | null = null;
  let previous: SnapshotEntry | null = null;
  let saving = false;
  let ladder: SnapshotEntry[] | null = null;

  const readManifest = (): Manifest | null => {
    try {
      return manifestOf(dir);
    } catch (error) {
      const file = join(dir, MANIFEST);
      const reason = (error as Error).message;
      log.warn({ file, reason }, 'snapshot manifest is not readable; replaying the whole log');
      return null;
    }
  };

  return {
    get seq() {
      return current?.seq ?? 0;
    },
    async restore(options, accepts = async () => true) {
      const manifest = readManifest();
      const entries = manifest ? [manifest.current, manifest.previous].filter((entry) => entry !== null) : [];
      for (const [age, entry] of entries.entries()) {
        const next = entries[age + 1] ? `using the one before, at ${entries[age + 1]!.seq}` : 'replaying the whole log';
        const passOver = (reason: string) => log.warn({ seq: entry.seq, reason }, `snapshot cannot be used; ${next}`);
        const start = performance.now();
        let ledger: Ledger;
        try {
          ledger = ledgerOf(dir, entry, options);
        } catch (error) {
          passOver((error as Error).message);
          continue;
        }
        const ms = Math.round(performance.now() - start);
        // Read first, as the log may not be up yet. Outside the try: one that does not answer is no reason to replay all of it.
        if (!(await accepts(entry))) {
          passOver('the log holds another message at its position');
          continue;
        }
        current = entry;
        previous = entries[age + 1] ?? null;
        log.info({ seq: entry.seq, customers: ledger.customers, bytes: entry.ledger.bytes, ms }, 'snapshot restored');
        return ledger;
      }
      return createLedger(options);
    },
    async save(ledger, lastMessage, before) {
      if (saving || ledger.position === (current?.seq ?? 0)) return null;
      saving = true;
      try {
        const start = performance.now();
        ledger.flushColumns();
        const seq = ledger.position;
        const messageSha256 = hash('sha256', lastMessage, 'hex');
        const { events, lastKnownAt } = ledger;
        const about = {
          events,
          zone: ledger.options.zone?.version ?? 0,
          ...(Number.isFinite(lastKnownAt) && { lastKnownAt }),
        };
        // Both are frozen at this position, before the first await.
        const frozenLedger = freezeLedger(ledger);
        const frozenIds = ledger.window.freeze();
        const stoppedMs = performance.now() - start;
        const [ledgerFile, idsFile] = [
          await writeStateFile(dir, `ledger-${seq}`, frozenLedger).catch((error) => {
            frozenIds.release();
            throw error;
          }),
          await writeStateFile(dir, `ids-${seq}`, frozenIds),
        ];
        const entry: SnapshotEntry = { seq, messageSha256, ledger: ledgerFile, ids: idsFile, ...about };
        await before;
        ladder ??= laddersOf(readManifest());
        // Behind the two that a start may need.
        if (previous !== null) ladder = thinned([...ladder, previous], entry);
        await writeManifest(dir, { format: 1, current: entry, previous: current, ladder });
        previous = current;
        current = entry;
        const ms = Math.round(performance.now() - start);
        log.info(
          { seq, bytes: ledgerFile.bytes + idsFile.bytes, ms, stoppedMs: Math.round(stoppedMs) },
          'snapshot saved',
        );
        return entry;
      } finally {
        saving = false;
      }
    },
  };
}

/**
 * Makes the newest snapshot of one folder the only one of another, which nobody may be writing; both lie on one file system. Until the manifest is in
 * place the other folder is as it was. @returns its position.
 */
export async function adoptSnapshot(from: string, to: string): Promise<number> {
  const manifest = manifestOf(from);
  if (manifest === null) throw new RangeError(`there is no snapshot in ${from}`);
  const { current } = manifest;
  for (const { file } of [current.ledger, current.ids]) await copyFile(join(from, file), join(to, file));
  for (const { file } of [current.ledger, current.ids]) {
    await using handle = await open(join(to, file), 'r');
    await handle.sync();
  }
  await writeManifest(to, { format: 1, current, previous: null, ladder: [] });
  return current.seq;
}

/** A ladder of so many, of at most so many times the newest one's bytes. */
const RUNGS = 6;
const RUNG_BYTES = 4;
/** Events between two rungs at least: about the five seconds of folding after which a snapshot is taken anyway. */
const RUNG_EVENTS = 1_000_000;

const bytesOf = ({ ledger, ids }: SnapshotEntry): number => ledger.bytes + ids.bytes;
const laddersOf = (manifest: Manifest | null): SnapshotEntry[] => manifest?.ladder ?? [];

/**
 * The rungs that stay: bounded in number and bytes, and the further back the wider apart, because it is the near past that is asked for. Out goes
 * the rung whose gap would grow least for its distance from the end; of equal ones the older.
 */
export function thinned(entries: readonly SnapshotEntry[], newest: SnapshotEntry): SnapshotEntry[] {
  const at = ({ events = 0 }: SnapshotEntry) => events;
  const end = at(newest);
  const rungs: SnapshotEntry[] = [];
  for (const entry of entries)
    if (
      entry.events !== undefined &&
      entry.seq < newest.seq &&
      at(entry) - (rungs.length > 0 ? at(rungs.at(-1)!) : 0) >= RUNG_EVENTS
    )
      rungs.push(entry);
  const tooMany = () =>
    rungs.length > RUNGS || rungs.reduce((sum, rung) => sum + bytesOf(rung), 0) > RUNG_BYTES * bytesOf(newest);
  while (rungs.length > 0 && tooMany()) {
    const cost = rungs.map((rung, i) => {
      const gap = (i + 1 < rungs.length ? at(rungs[i + 1]!) : end) - (i > 0 ? at(rungs[i - 1]!) : 0);
      return gap / (end - at(rung) + 1);
    });
    rungs.splice(cost.indexOf(Math.min(...cost)), 1);
  }
  return rungs;
}

/** What a fold of the past may begin from. */
export interface Bounds {
  /** At most this position … */
  seq: number;
  /** … with days of this version of the zone … */
  zone: number;
  /** … and nothing in it that was not known by this instant, ms: what a snapshot holds cannot be taken out of it again. */
  knownUpTo?: number | undefined;
}

/** Every snapshot of a folder within the bounds, the latest first. Reads only. */
export function snapshotsWithin(dir: string, { seq, zone, knownUpTo }: Bounds): SnapshotEntry[] {
  const manifest = manifestOf(dir);
  if (manifest === null) return [];
  return [...laddersOf(manifest), manifest.previous, manifest.current]
    .filter((entry) => entry !== null)
    .filter(
      (entry) =>
        entry.seq <= seq &&
        entry.zone === zone &&
        (knownUpTo === undefined || (entry.lastKnownAt ?? Number.POSITIVE_INFINITY) <= knownUpTo),
    )
    .sort((a, b) => b.seq - a.seq);
}

/** The ledger of a snapshot. @throws when it is damaged, gone, or of another format. */
export function ledgerOf(dir: string, entry: SnapshotEntry, options: LedgerOptions): Ledger {
  using ledgerFile = openStateFile(dir, entry.ledger);
  using idsFile = openStateFile(dir, entry.ids);
  const ledger = restoreLedger(options, ledgerFile, idsFile);
  if (ledger.position !== entry.seq) throw new RangeError(`it holds position ${ledger.position}`);
  return ledger;
}
