// One process per data directory. The kernel holds the lock, so a killed process cannot leave a stale one behind.
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { replaceFile } from './durable-file.ts';
import { errorCode } from './engine-error.ts';
import { isSameProcess, processIdentity } from './processes.ts';

/** `directory` is its device and inode: a copied directory brings a lock that is not its own. */
const Holder = z.object({ pid: z.int(), identity: z.string().optional(), host: z.string(), directory: z.string() });
export type LockHolder = z.infer<typeof Holder>;

/**
 * Takes the directory's lock, or says who has it.
 *
 * Two guards. An abstract Unix socket (Linux) named after the directory's device and inode: the kernel frees it with the process, whatever
 * killed it. And a file `lock` naming the holder, which also speaks across network namespaces and on systems without abstract sockets; it
 * counts only while that very process lives. A holder on another host (a shared volume) cannot be checked and is taken for dead, as
 * PostgreSQL does with its own pid file.
 */
export async function takeLock(
  path: string,
): Promise<{ release(): Promise<void> } | { heldBy: LockHolder | undefined }> {
  const file = join(path, 'lock');
  const { dev, ino } = statSync(path, { bigint: true });
  const directory = `${dev}:${ino}`;
  const guard = process.platform === 'linux' ? await bindGuard(directory) : undefined;
  const holder = readHolder(file);
  if (guard === 'taken') return { heldBy: holder };
  if (
    holder !== undefined &&
    holder.directory === directory &&
    holder.pid !== process.pid &&
    holder.host === hostname() &&
    isSameProcess(holder.pid, holder.identity)
  ) {
    guard?.close();
    return { heldBy: holder };
  }
  try {
    const identity = processIdentity(process.pid);
    replaceFile(
      file,
      `${JSON.stringify({ pid: process.pid, identity, host: hostname(), directory } satisfies LockHolder)}\n`,
      0o600,
    );
  } catch (error) {
    guard?.close();
    throw error;
  }
  return {
    release: async () => {
      rmSync(file, { force: true });
      if (guard !== undefined) await new Promise((resolve) => guard.close(resolve));
    },
  };
}

function bindGuard(directory: string): Promise<Server | 'taken'> {
  const name = createHash('sha256').update(`axiom47 data directory ${directory}`).digest('hex');
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error) => (errorCode(error) === 'EADDRINUSE' ? resolve('taken') : reject(error)));
    server.listen(`\0axiom47-${name}`, () => {
      server.unref();
      resolve(server);
    });
  });
}

function readHolder(file: string): LockHolder | undefined {
  try {
    return Holder.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
    throw error;
  }
}
