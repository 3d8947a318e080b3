// A workspace is a data directory: everything one installation keeps, with the secrets made at its first start.
import { randomBytes, randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, statfsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { createUser } from '@nats-io/nkeys';
import { z } from 'zod';
import { createFile, replaceFile } from './engines/durable-file.ts';
import { errorCode, reasonOf } from './engines/engine-error.ts';
import { type LockHolder, takeLock } from './engines/lock.ts';
import { isSameProcess, processIdentity } from './engines/processes.ts';

/** The layout this program writes. A directory of a newer one is refused, an older one would be upgraded here. */
export const DATA_FORMAT = 1;

const Workspace = z.object({
  format: z.literal(DATA_FORMAT),
  workspaceId: z.uuid(),
  createdAt: z.iso.datetime(),
  name: z.string().min(1),
});
export type Workspace = z.infer<typeof Workspace>;

/** Written once the server answers, removed at a clean stop: how other commands find and address the running server. */
const RunFile = z.object({
  pid: z.int(),
  identity: z.string().optional(),
  startedAt: z.iso.datetime(),
  url: z.url(),
  metricsUrl: z.url().optional(),
  natsUrl: z.string(),
  postgresPort: z.int().optional(),
  /** Proves local access to this data directory; accepted by the API as an Administrator. Never logged. */
  token: z.string().min(32),
});
export type RunFile = z.infer<typeof RunFile>;

const RANDOM_SECRETS = ['jetstream.key', 'kek.key', 'postgres.password', 'instance.key'] as const;
/** What each protects: `jetstream.key` the log at rest, `kek.key` the keyring's keys, `instance.key` tokens and score ids. */
export type SecretName = (typeof RANDOM_SECRETS)[number];

export type DataDirErrorCode =
  | 'missing'
  | 'not-a-directory'
  | 'not-a-workspace'
  | 'newer-format'
  | 'corrupt'
  | 'locked'
  | 'read-only'
  | 'disk-full'
  | 'missing-secret';

export class DataDirError extends Error {
  override readonly name = 'DataDirError';
  readonly code: DataDirErrorCode;
  constructor(code: DataDirErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const FOLDERS = ['secrets', 'nats', 'postgres', 'snapshots', 'artefacts', 'exports', 'logs'] as const;

export type DataDir = AsyncDisposable & {
  readonly path: string;
  readonly workspace: Workspace;
  readonly folders: Readonly<Record<(typeof FOLDERS)[number], string>>;
  /** The secret's text, base64 of 32 random bytes. */
  secret(name: SecretName): string;
  /** The nkey seed of a NATS identity of ours, made the first time it is asked for. */
  natsSeed(identity: string): string;
  writeRunFile(run: Omit<RunFile, 'pid' | 'identity'>): void;
  /** Removes the run file and releases the lock. */
  close(): Promise<void>;
};

/** `data/main` once it exists, else the demo: architecture, "Workspace = data directory". */
export const defaultDataDir = (root: string): string =>
  existsSync(join(root, 'data', 'main', 'workspace.json')) ? join(root, 'data', 'main') : join(root, 'data', 'demo');

/** What a new workspace is called: as its directory, which is how people tell them apart. `demo` is the demo's. */
export function workspaceNameOf(path: string): string {
  const name = basename(resolve(path));
  return name === '' || name === 'demo' ? 'main' : name;
}

/**
 * Opens the workspace at `path` for this process alone.
 *
 * @param options.create makes it when nothing is there (or when an earlier creation was cut short); `name` is then kept in it.
 * @throws DataDirError, one line saying what to do, when it is missing, foreign, newer, locked, read-only or on a full disk.
 */
export async function openDataDir(
  path: string,
  options: { create?: boolean; name?: string; now?: Date } = {},
): Promise<DataDir> {
  const wanted = resolve(path);
  if (!existsSync(wanted) && options.create !== true) {
    throw new DataDirError(
      'missing',
      `no workspace at ${wanted}: create one with "axiom47 serve --empty --data-dir ${path}" or "axiom47 import"`,
    );
  }
  try {
    mkdirSync(wanted, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw explain(error, wanted);
  }
  const real = realpathSync(wanted);
  const { bavail, bsize } = statfsSync(real);
  // One PostgreSQL WAL segment (16 MB) and one log block (8 MB) must fit before anything can be promised.
  if (bavail * bsize < 32 * 2 ** 20) {
    throw new DataDirError(
      'disk-full',
      `no space left for ${real}: ${Math.floor((bavail * bsize) / 2 ** 20)} MB free, 32 MB are the least; free some or choose another place with --data-dir`,
    );
  }
  const found = readWorkspace(real);
  if (found === undefined) assertMayCreate(real, options.create === true);

  const lock = await takeLock(real).catch((error: unknown) => {
    throw explain(error, real);
  });
  if ('heldBy' in lock) throw lockedError(real, lock.heldBy);
  try {
    // Read again: the holder we may have waited out could have created it.
    const workspace = readWorkspace(real) ?? createWorkspace(real, options);
    const folders = Object.fromEntries(FOLDERS.map((name) => [name, join(real, name)])) as DataDir['folders'];
    for (const name of FOLDERS) mkdirSync(folders[name], { recursive: true, mode: 0o700 });
    const secrets = new Map(RANDOM_SECRETS.map((name) => [name, readSecret(join(folders.secrets, name))]));
    const close = async () => {
      rmSync(join(real, 'run.json'), { force: true });
      await lock.release();
    };
    rmSync(join(real, 'run.json'), { force: true });
    return {
      path: real,
      workspace,
      folders,
      secret: (name) => secrets.get(name)!,
      natsSeed: (identity) => natsSeed(folders.secrets, identity),
      writeRunFile: (run) => {
        const whole: RunFile = { pid: process.pid, identity: processIdentity(process.pid), ...run };
        replaceFile(join(real, 'run.json'), `${JSON.stringify(RunFile.parse(whole), null, 2)}\n`, 0o600);
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await lock.release();
    throw explain(error, real);
  }
}

/** The server running on this data directory, if one is: a file left by a killed one does not count. */
export function findRunning(path: string): RunFile | undefined {
  let text: string;
  try {
    text = readFileSync(join(path, 'run.json'), 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return undefined;
    throw explain(error, path);
  }
  const run = RunFile.safeParse(parseJson(text));
  if (!run.success) return undefined;
  return isSameProcess(run.data.pid, run.data.identity) ? run.data : undefined;
}

export function readWorkspace(path: string): Workspace | undefined {
  const file = join(path, 'workspace.json');
  if (!existsSync(file)) return undefined;
  const content = parseJson(readFileSync(file, 'utf8'));
  const format = z.object({ format: z.int() }).safeParse(content);
  if (format.success && format.data.format > DATA_FORMAT) {
    throw new DataDirError(
      'newer-format',
      `${path} was written by a newer Axiom47 (data format ${format.data.format}, this one knows ${DATA_FORMAT}): update Axiom47, or choose another directory with --data-dir`,
    );
  }
  const workspace = Workspace.safeParse(content);
  if (!workspace.success) {
    throw new DataDirError(
      'corrupt',
      `${file} is not readable (${z.prettifyError(workspace.error).replaceAll('\n', ' ')}): restore it from a backup`,
    );
  }
  return workspace.data;
}

function assertMayCreate(path: string, create: boolean): void {
  let entries: string[];
  try {
    entries = readdirSync(path);
  } catch (error) {
    throw explain(error, path);
  }
  // An earlier creation that was cut short: our folders, but no engine ever ran (workspace.json is written before the first does).
  const known = new Set<string>([...FOLDERS, 'lock', 'workspace.json']);
  const unfinished = entries.every((name) => known.has(name) || name.endsWith('.draft'));
  const used = ['nats', 'postgres'].some((name) => entries.includes(name) && readdirSync(join(path, name)).length > 0);
  if (entries.length > 0 && (!unfinished || used)) {
    throw new DataDirError(
      'not-a-workspace',
      `${path} is not an Axiom47 workspace (no workspace.json) and not empty: choose another directory with --data-dir`,
    );
  }
  if (!create)
    throw new DataDirError(
      'missing',
      `no workspace in ${path}: create one with "axiom47 serve --empty --data-dir ${path}" or "axiom47 import"`,
    );
}

/** Secrets first, workspace.json last: once it is there, everything else is, so a secret missing later is a loss and not a first start. */
function createWorkspace(path: string, options: { name?: string; now?: Date }): Workspace {
  const secrets = join(path, 'secrets');
  mkdirSync(secrets, { recursive: true, mode: 0o700 });
  chmodSync(secrets, 0o700);
  for (const name of RANDOM_SECRETS) createFile(join(secrets, name), `${randomBytes(32).toString('base64')}\n`, 0o600);
  const workspace: Workspace = {
    format: DATA_FORMAT,
    workspaceId: randomUUID(),
    createdAt: (options.now ?? new Date()).toISOString(),
    name: options.name ?? 'main',
  };
  createFile(join(path, 'workspace.json'), `${JSON.stringify(workspace, null, 2)}\n`, 0o644);
  return workspace;
}

function readSecret(file: string): string {
  if (!existsSync(file)) {
    throw new DataDirError(
      'missing-secret',
      `${file} is gone and cannot be made again, what it protects would be unreadable: restore it from a backup`,
    );
  }
  const text = readFileSync(file, 'utf8').trim();
  if (Buffer.from(text, 'base64').length !== 32) {
    throw new DataDirError('corrupt', `${file} does not hold 32 bytes in base64: restore it from a backup`);
  }
  return text;
}

function natsSeed(secrets: string, identity: string): string {
  const file = join(secrets, `nats-${identity}.nk`);
  if (!existsSync(file)) createFile(file, `${Buffer.from(createUser().getSeed()).toString('ascii')}\n`, 0o600);
  return readFileSync(file, 'ascii').trim();
}

function lockedError(path: string, holder: LockHolder | undefined): DataDirError {
  const who = holder === undefined ? 'another process' : `process ${holder.pid}`;
  return new DataDirError(
    'locked',
    `${path} is in use by ${who}: stop it first, or choose another directory with --data-dir`,
  );
}

function explain(error: unknown, path: string): Error {
  const where = error instanceof Error && 'path' in error && typeof error.path === 'string' ? error.path : path;
  switch (errorCode(error)) {
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return new DataDirError(
        'read-only',
        `cannot write to ${where}: make it writable for this user, or choose another directory with --data-dir`,
        { cause: error },
      );
    case 'ENOSPC':
    case 'EDQUOT':
      return new DataDirError(
        'disk-full',
        `no space left for ${where}: free some, or choose another place with --data-dir`,
        { cause: error },
      );
    case 'ENOTDIR':
    case 'EEXIST':
      return new DataDirError(
        'not-a-directory',
        `${where} is a file where a directory is needed: remove it, or choose another directory with --data-dir`,
        { cause: error },
      );
    default:
      return error instanceof Error ? error : new Error(reasonOf(error));
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // The caller's schema refuses it with the file's name.
  }
}
