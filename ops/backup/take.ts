// Takes a backup while everything goes on. The order is what makes it whole (facts §7): input that waits, the log, what the log refers to,
// then the keyring, which commits before the log is appended to. Read models and snapshots stay out: they are folds of the log.
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EventStore, StreamName } from '#streams/event-store.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { STREAMS } from '#streams/jetstream/topology.ts';
import { encodeFact } from '#streams/keyring/links.ts';
import { decodeMessage } from '#streams/pack.ts';
import { readWorkspace } from '../data-dir.ts';
import type { ArchiveWriter } from './archive.ts';
import type { Reached } from './engines.ts';
import { digestsOf, foldTo } from './fold-digests.ts';
import { copyKeyring } from './keyring-tables.ts';
import type { BackupRecord, Manifest } from './records.ts';
import { copyStream } from './streams.ts';

/**
 * Before the log: what is taken out of them is in the log already (IN), and what they say of the log must not reach beyond it (AUD, and the
 * conflicts in QUA). What a message of IN has become may therefore be there as well: it is met again as a duplicate.
 */
const BEFORE: readonly StreamName[] = ['AUD', 'IN', 'QUA'];
/** Kept beside the engines' own folders. Secrets: without them neither the keyring nor any score id can be read. */
const FILES_FIRST = ['workspace.json', 'secrets'];
/** After CTL, which names them: a model is stored before it is registered. */
const FILES_LAST = ['artefacts', 'nats/sources.json', 'demo.json', 'demo-played.json'];

export type BackupProgress = (what: string, done: number, total: number) => void;

export async function takeBackup(
  dataDir: string,
  reached: Reached,
  archive: ArchiveWriter,
  progress: BackupProgress,
): Promise<Manifest> {
  const write = (record: BackupRecord) => archive.write(record);
  const workspace = readWorkspace(dataDir);
  if (workspace === undefined) throw new Error(`${dataDir} is not a workspace of Axiom47`);
  await using store = createJetStreamStore(reached.nc);
  const messages: Record<string, number> = {};
  const copy = async (stream: StreamName) => {
    const to = await store.lastSequence(stream);
    messages[stream] = await copyStream(store, stream, to, write, (at) => progress(stream, at, to));
    return to;
  };

  let files = 0;
  const copyFiles = (names: readonly string[]) => {
    for (const path of names.flatMap((name) => filesIn(dataDir, name))) {
      const bytes = readIfThere(join(dataDir, path));
      // A spent step of a scoring, removed since the folder was listed.
      if (bytes === null) continue;
      write({ kind: 'file', path, bytes });
      files++;
    }
  };

  copyFiles(FILES_FIRST);
  for (const stream of BEFORE) await copy(stream);
  const seq = await copy('EVT');
  for (const stream of Object.keys(STREAMS) as StreamName[])
    if (stream !== 'EVT' && !BEFORE.includes(stream)) await copy(stream);
  const keyring = await copyKeyring(reached.keyringUrl, write, (rows) => progress('keyring', rows, rows));
  write({ kind: 'facts', facts: await identityFactsAfter(store, seq) });
  copyFiles(FILES_LAST);
  progress('digests', 0, 1);
  const ledger = await foldTo(store, seq);
  const manifest: Manifest = {
    kind: 'manifest',
    workspace: { id: workspace.workspaceId, name: workspace.name },
    seq,
    messages,
    rows: keyring.rows,
    migrations: keyring.migrations,
    files,
    ...digestsOf(ledger, keyring.names),
  };
  write(manifest);
  return manifest;
}

/** Links and erasures of the time between log and keyring: the keyring has them, the log of this backup does not. */
async function identityFactsAfter(store: EventStore, seq: number): Promise<Uint8Array[]> {
  const facts: Uint8Array[] = [];
  for await (const { bytes } of store.read('EVT', { from: seq + 1, subject: 'evt.all.*' })) {
    const message = decodeMessage(bytes);
    if (message.kind === 'fact' && /^customer\.(linked|erased)$/.test(message.fact.type))
      facts.push(encodeFact(message.fact));
  }
  return facts;
}

function filesIn(dataDir: string, path: string): string[] {
  const absolute = join(dataDir, path);
  if (!existsSync(absolute)) return [];
  if (!lstatSync(absolute).isDirectory()) return path.endsWith('.draft') ? [] : [path];
  return readdirSync(absolute).flatMap((name) => filesIn(dataDir, join(path, name)));
}

function readIfThere(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
