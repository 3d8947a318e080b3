// A backup becomes an installation again: beside the place it is meant for, and moved there when it is whole.
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import type { Logger } from 'pino';
import type { KeyringReport } from '#api/integrity-deps.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { openKeyring } from '#streams/keyring/keyring.ts';
import type { Config } from '../config.ts';
import { type DataDir, openDataDir, readWorkspace } from '../data-dir.ts';
import { createFile, syncDirectory } from '../engines/durable-file.ts';
import { type Engines, startEngines } from '../engines/supervisor.ts';
import { verifyKeyring } from '../verify-keyring.ts';
import { type Archive, BackupDamaged } from './archive.ts';
import { columnsOf, digestsOf, foldTo, type LogDigests } from './fold-digests.ts';
import { connectDatabase, type KeyringLoad, loadKeyring, namesOf } from './keyring-tables.ts';
import { BackupRecord, type Manifest } from './records.ts';
import { loadStreams, type StreamsLoad } from './streams.ts';

export interface Restored {
  manifest: Manifest;
  /** With `verify`: what the restored log and keyring are, computed again. */
  verified: (LogDigests & { same: boolean; keyring: KeyringReport }) | null;
}

export interface RestoreOptions {
  file: string;
  archive: Archive;
  dataDir: string;
  config: Config;
  verify: boolean;
  log: Logger;
  progress: (what: string, done: number, total: number) => void;
}

/** @throws Error when the place is not empty, when the backup is damaged or of a newer program. Nothing is left behind then. */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const target = resolve(options.dataDir);
  assertEmpty(target);
  mkdirSync(dirname(target), { recursive: true });
  const draft = `${target}.${process.pid}.restoring`;
  mkdirSync(draft, { mode: 0o700 });
  try {
    const restored = await fill(draft, options);
    rmSync(join(draft, 'ports.json'), { force: true }); // Another installation's neighbours.
    // Empty, or not there: assertEmpty. A directory cannot be renamed onto one with something in it.
    renameSync(draft, target);
    syncDirectory(dirname(target));
    return restored;
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw error;
  }
}

function assertEmpty(target: string): void {
  if (!existsSync(target)) return;
  if (readWorkspace(target) !== undefined)
    throw new Error(`${target} holds an installation: a restore never writes over one; name a new directory`);
  if (readdirSync(target).length > 0) throw new Error(`${target} is not empty: name a new directory`);
}

type Parts = { streams: StreamsLoad; keyring: KeyringLoad; store: ReturnType<typeof createJetStreamStore> };

async function fill(
  draft: string,
  { file, archive, config, verify, log, progress }: RestoreOptions,
): Promise<Restored> {
  await using open = new AsyncDisposableStack();
  let parts: Parts | null = null;
  let engines: Engines | null = null;
  let dir: DataDir | null = null;
  let manifest: Manifest | null = null;
  let files = 0;
  // Started when the first record that needs them comes: the secrets they are made with come before.
  const started = async (): Promise<Parts> => {
    if (parts !== null) return parts;
    dir = open.use(await openDataDir(draft));
    engines = open.use(await startEngines(config, dir, log));
    const nc = await engines.nats.connect('axiom47 restore');
    open.defer(() => nc.close());
    await ensureTopology(nc, { log });
    const store = open.use(createJetStreamStore(nc));
    const keyring = await loadKeyring(engines.postgres.keyringUrl);
    open.defer(() => keyring.close());
    parts = { streams: await loadStreams(nc, store), keyring, store };
    return parts;
  };

  for (const raw of archive.records((done, total) => progress('restoring', done, total))) {
    const parsed = BackupRecord.safeParse(raw);
    if (!parsed.success) throw new BackupDamaged(file, 'it holds a record this version cannot read', parsed.error);
    const record = parsed.data;
    if (record.kind === 'file') {
      placeFile(draft, record.path, record.bytes);
      files++;
    } else if (record.kind === 'manifest') manifest = record;
    else {
      const { streams, keyring } = await started();
      if (record.kind === 'messages') await streams.messages(record.stream, record.messages);
      else if (record.kind === 'migrations') await keyring.migrations(record.parts);
      else if (record.kind === 'table') await keyring.table(record.table, record.columns);
      else if (record.kind === 'rows') await keyring.rows(record.bytes);
      else await keyring.facts(record.facts);
    }
  }
  if (manifest === null) throw new BackupDamaged(file, 'its manifest is missing');
  const { streams, keyring, store } = await started();
  const messages = await streams.finish();
  const rows = await keyring.finish();
  assertSame(file, 'messages of stream', manifest.messages, messages);
  assertSame(file, 'rows of table', manifest.rows, rows);
  if (files !== manifest.files) throw new BackupDamaged(file, `it holds ${files} files, not ${manifest.files}`);
  if (!verify) return { manifest, verified: null };
  progress('verifying', 0, 1);
  return { manifest, verified: await verified(manifest, store, engines!, dir!) };
}

async function verified(
  manifest: Manifest,
  store: Parts['store'],
  engines: Engines,
  dir: DataDir,
): Promise<Restored['verified']> {
  const last = await store.lastSequence('EVT');
  const ledger = await foldTo(store, last);
  const client = await connectDatabase(engines.postgres.keyringUrl);
  const found = digestsOf(ledger, await namesOf(client).finally(() => client.end()));
  await using keyring = await openKeyring({
    url: engines.postgres.keyringUrl,
    kek: Buffer.from(dir.secret('kek.key'), 'base64'),
    mayCreate: false,
    name: 'axiom47 restore',
  });
  const report = await verifyKeyring({ columns: columnsOf(ledger), keyring, caughtUp: async () => undefined });
  const { state, portable } = manifest.digests;
  return {
    ...found,
    same: last === manifest.seq && found.digests.state === state && found.digests.portable === portable,
    keyring: report,
  };
}

function assertSame(file: string, what: string, wanted: Record<string, number>, found: Record<string, number>): void {
  for (const name of new Set([...Object.keys(wanted), ...Object.keys(found)]))
    if ((wanted[name] ?? 0) !== (found[name] ?? 0))
      throw new BackupDamaged(file, `${found[name] ?? 0} ${what} ${name} were restored, not ${wanted[name] ?? 0}`);
}

/** Within the directory, whatever the path says. */
function placeFile(draft: string, path: string, bytes: Uint8Array): void {
  const absolute = resolve(draft, path);
  if (!absolute.startsWith(draft + sep)) throw new Error(`a file named ${path} does not belong into an installation`);
  mkdirSync(dirname(absolute), { recursive: true, mode: 0o700 });
  if (!createFile(absolute, bytes, 0o600)) throw new Error(`a file named ${path} is in the backup twice`);
  chmodSync(absolute, path === 'workspace.json' ? 0o644 : 0o600);
}
