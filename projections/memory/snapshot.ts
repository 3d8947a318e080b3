// Snapshots of the fold: state and position in one file, ids of the window in a second one, both named by a manifest that keeps
// the last two. A snapshot that cannot be used costs time (the one before, else the whole log), never a wrong answer.
import { hash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
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
}

interface Manifest {
  format: 1;
  current: SnapshotEntry;
  previous: SnapshotEntry | null;
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
  /** Saves the ledger as it is now, while it goes on; null when a save is under way or nothing has changed since the last. */
  save(ledger: Ledger, lastMessage: Uint8Array): Promise<SnapshotEntry | null>;
  /** Position of the last saved or restored snapshot, 0 without one. */
  readonly seq: number;
}

const MANIFEST = 'MANIFEST.json';

export function openSnapshots(dir: string, log: SnapshotLog): Snapshots {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  let current: SnapshotEntry | null = null;
  let saving = false;

  const readManifest = (): Manifest | null => {
    const path = join(dir, MANIFEST);
    if (!existsSync(path)) return null;
    try {
      const manifest = JSON.parse(readFileSync(path, 'utf8')) as Manifest;
      if (manifest.format !== 1) throw new RangeError(`manifest format ${manifest.format} is not 1`);
      return manifest;
    } catch (error) {
      log.warn(
        { file: path, reason: (error as Error).message },
        'snapshot manifest is not readable; replaying the whole log',
      );
      return null;
    }
  };

  const writeManifest = async (manifest: Manifest) => {
    const temporary = join(dir, `.${MANIFEST}.writing`);
    {
      await using handle = await open(temporary, 'w', 0o600);
      await handle.writeFile(`${JSON.stringify(manifest, null, 2)}\n`);
      await handle.sync();
    }
    await rename(temporary, join(dir, MANIFEST));
    await syncDirectory(dir);
    const named = [manifest.current, manifest.previous].flatMap((e) => (e ? [e.ledger.file, e.ids.file] : []));
    for (const file of readdirSync(dir))
      if (/\.(state|writing)$/.test(file) && !named.includes(file)) await rm(join(dir, file), { force: true });
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
        // Outside the try: a log that does not answer is no reason to replay all of it.
        const accepted = await accepts(entry);
        try {
          if (!accepted) throw new RangeError('the log holds another message at its position');
          const start = performance.now();
          using ledgerFile = openStateFile(dir, entry.ledger);
          using idsFile = openStateFile(dir, entry.ids);
          const ledger = restoreLedger(options, ledgerFile, idsFile);
          if (ledger.position !== entry.seq) throw new RangeError(`it holds position ${ledger.position}`);
          current = entry;
          const ms = Math.round(performance.now() - start);
          log.info({ seq: entry.seq, customers: ledger.customers, bytes: entry.ledger.bytes, ms }, 'snapshot restored');
          return ledger;
        } catch (error) {
          log.warn({ seq: entry.seq, reason: (error as Error).message }, `snapshot cannot be used; ${next}`);
        }
      }
      return createLedger(options);
    },
    async save(ledger, lastMessage) {
      if (saving || ledger.position === (current?.seq ?? 0)) return null;
      saving = true;
      try {
        const start = performance.now();
        ledger.flushColumns();
        const seq = ledger.position;
        const messageSha256 = hash('sha256', lastMessage, 'hex');
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
        const entry: SnapshotEntry = { seq, messageSha256, ledger: ledgerFile, ids: idsFile };
        await writeManifest({ format: 1, current: entry, previous: current });
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
