import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { defaultDataDir, findRunning, openDataDir, workspaceNameOf } from '#ops/data-dir.ts';
import { processIdentity } from '#ops/engines/processes.ts';

const folder = mkdtempSync(join(tmpdir(), 'axiom47-data-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const run = {
  startedAt: '2026-11-20T10:00:00.000Z',
  url: 'http://127.0.0.1:8047',
  natsUrl: 'nats://127.0.0.1:4222',
  token: 't'.repeat(43),
};

test('a new workspace is called as its directory; demo is the demo’s', () => {
  expect(['data/subscribers', '/srv/axiom47/shop/', 'data/main', 'data/demo', '/'].map(workspaceNameOf)).toEqual([
    'subscribers',
    'shop',
    'main',
    'main',
    'main',
  ]);
});

describe('a data directory', () => {
  test('is made once: the same workspace and secrets are there when it is opened again', async () => {
    const path = join(folder, 'made', 'below');
    const first = await openDataDir(path, { create: true, name: 'demo', now: new Date('2026-11-20T10:00:00Z') });
    const secret = first.secret('kek.key');
    const seed = first.natsSeed('system');
    expect(first.workspace).toMatchObject({ format: 1, name: 'demo', createdAt: '2026-11-20T10:00:00.000Z' });
    expect(Buffer.from(secret, 'base64')).toHaveLength(32);
    expect(seed).toMatch(/^SU[A-Z2-7]{56}$/);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    await first.close();

    await using again = await openDataDir(path, { create: true, name: 'other' });
    expect(again.workspace).toEqual(first.workspace);
    expect(again.secret('kek.key')).toBe(secret);
    expect(again.natsSeed('system')).toBe(seed);
    expect(again.secret('instance.key')).not.toBe(secret);
  });

  test('is held by one opener at a time', async () => {
    const path = join(folder, 'held');
    const first = await openDataDir(path, { create: true });
    await expect(openDataDir(path)).rejects.toMatchObject({
      code: 'locked',
      message: expect.stringMatching(/in use by process \d+: stop it first/),
    });
    await first.close();
    await (await openDataDir(path)).close();
  });

  test('names its running server until it stops; a file left by another process that is gone, or whose pid was reused, does not count', async () => {
    const path = join(folder, 'running');
    const dataDir = await openDataDir(path, { create: true });
    expect(findRunning(path)).toBeUndefined();
    dataDir.writeRunFile(run);
    const file = join(path, 'run.json');
    expect(findRunning(path)).toMatchObject({ ...run, pid: process.pid });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const written = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    await dataDir.close();
    expect(existsSync(file)).toBe(false);

    writeFileSync(file, JSON.stringify({ ...written, identity: 'another boot:1' }));
    expect(findRunning(path)).toBeUndefined();
    writeFileSync(file, JSON.stringify({ ...written, pid: 2 ** 22 + 1 })); // above the largest pid Linux gives
    expect(findRunning(path)).toBeUndefined();
    writeFileSync(file, '{"pid": ');
    expect(findRunning(path)).toBeUndefined();
  });

  test('the one to serve is data/main once that exists, else the demo', async () => {
    const root = join(folder, 'root');
    expect(defaultDataDir(root)).toBe(join(root, 'data', 'demo'));
    await (await openDataDir(join(root, 'data', 'main'), { create: true })).close();
    expect(defaultDataDir(root)).toBe(join(root, 'data', 'main'));
  });
});

describe('a data directory that cannot be used is refused in one line that says what to do', () => {
  const made = async (name: string) => {
    const path = join(folder, name);
    await (await openDataDir(path, { create: true })).close();
    return path;
  };

  test('one that is not there', async () => {
    await expect(openDataDir(join(folder, 'nowhere'))).rejects.toMatchObject({
      code: 'missing',
      message: expect.stringContaining('axiom47 import'),
    });
    expect(existsSync(join(folder, 'nowhere'))).toBe(false);
  });

  test('a folder of something else', async () => {
    const path = join(folder, 'photos');
    mkdirSync(path);
    writeFileSync(join(path, 'beach.jpg'), '');
    await expect(openDataDir(path, { create: true })).rejects.toMatchObject({ code: 'not-a-workspace' });
  });

  test('a file, or a folder below one', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    for (const path of [file, join(file, 'below')]) {
      await expect(openDataDir(path, { create: true })).rejects.toMatchObject({
        code: 'not-a-directory',
        message: expect.stringContaining('--data-dir'),
      });
    }
  });

  test('one of a newer version, which is left as it was', async () => {
    const path = await made('newer');
    const text = JSON.stringify({ format: 2, workspaceId: 'of a shape we cannot know' });
    writeFileSync(join(path, 'workspace.json'), text);
    await expect(openDataDir(path)).rejects.toMatchObject({
      code: 'newer-format',
      message: expect.stringMatching(/newer Axiom47 \(data format 2, this one knows 1\): update/),
    });
    expect(readFileSync(join(path, 'workspace.json'), 'utf8')).toBe(text);
  });

  test('one whose description is broken', async () => {
    const path = await made('broken');
    writeFileSync(join(path, 'workspace.json'), '{"format": 1');
    await expect(openDataDir(path)).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining('workspace.json'),
    });
  });

  test('one that lost a secret: a new one would make its data unreadable', async () => {
    const path = await made('robbed');
    rmSync(join(path, 'secrets', 'jetstream.key'));
    await expect(openDataDir(path)).rejects.toMatchObject({
      code: 'missing-secret',
      message: expect.stringContaining('jetstream.key'),
    });
    expect(existsSync(join(path, 'secrets', 'jetstream.key'))).toBe(false);
    await expect(openDataDir(path)).rejects.toMatchObject({ code: 'missing-secret' }); // and the lock was given back
  });

  test('a creation that was cut short is finished, with the secrets it had made', async () => {
    const path = await made('cut');
    const before = readFileSync(join(path, 'secrets', 'kek.key'), 'utf8').trim();
    rmSync(join(path, 'workspace.json'));
    rmSync(join(path, 'secrets', 'instance.key'));
    await using dataDir = await openDataDir(path, { create: true });
    expect(dataDir.secret('kek.key')).toBe(before);
  });
});

// A file system of our own tells more than file modes, which root ignores.
const mounts = spawnSync('env', ['unshare', '-rm', 'true']).status === 0;
describe.skipIf(!mounts)(
  `on a file system of its own${mounts ? '' : ' [skipped: this system allows no user namespaces]'}`,
  () => {
    /** Opens a directory on a tmpfs with these mount options, after a preparation; answers what was thrown. */
    function openOn(options: string, prepare: string): { code?: string; message?: string } {
      const mount = mkdtempSync(join(folder, 'mount-'));
      const script = `import { openDataDir } from ${JSON.stringify(fileURLToPath(new URL('../../ops/data-dir.ts', import.meta.url)))};
      try { await openDataDir(process.argv[2], { create: true }); console.log('{}'); }
      catch (error) { console.log(JSON.stringify({ code: error.code, message: error.message })); }
      process.exit(0);`;
      writeFileSync(join(folder, 'open.ts'), script);
      const shell = `mount -t tmpfs -o ${options} tmpfs "$0" && cd "$0" && ${prepare} && exec "$1" "$2" "$0/main"`;
      const { stdout, stderr } = spawnSync(
        'env',
        ['unshare', '-rm', 'sh', '-c', shell, mount, process.execPath, join(folder, 'open.ts')],
        { encoding: 'utf8' },
      );
      expect(stdout, stderr).not.toBe('');
      return JSON.parse(stdout) as { code?: string; message?: string };
    }

    test('with room: it is made', () => {
      expect(openOn('size=64m', 'true')).toEqual({});
    });
    test('read-only', () => {
      expect(openOn('size=64m', 'mkdir main && mount -o remount,bind,ro "$0"')).toMatchObject({
        code: 'read-only',
        message: expect.stringMatching(/cannot write to .*main.*--data-dir/),
      });
    });
    test('full before it begins', () => {
      expect(openOn('size=20m', 'true')).toMatchObject({
        code: 'disk-full',
        message: expect.stringMatching(/\d+ MB free, 32 MB are the least/),
      });
    });
    test('full while it is made', () => {
      expect(openOn('size=64m,nr_inodes=5', 'true')).toMatchObject({
        code: 'disk-full',
        message: expect.stringMatching(/no space left for .*main/),
      });
    });
  },
);

test('the lock of another live process counts in its own directory, not in a copy', async () => {
  const path = join(folder, 'original');
  const lockFile = join(path, 'lock');
  const original = await openDataDir(path, { create: true });
  const lock = JSON.parse(readFileSync(lockFile, 'utf8')) as Record<string, unknown>;
  await original.close();
  // As another process would leave it, one that holds no socket we can see (another network namespace).
  writeFileSync(lockFile, JSON.stringify({ ...lock, pid: process.ppid, identity: processIdentity(process.ppid) }));
  cpSync(path, `${path}-copy`, { recursive: true });
  await expect(openDataDir(path)).rejects.toMatchObject({
    code: 'locked',
    message: expect.stringContaining(`process ${process.ppid}`),
  });
  await using copy = await openDataDir(`${path}-copy`);
  expect(copy.workspace).toEqual(original.workspace);
  writeFileSync(lockFile, JSON.stringify({ ...lock, pid: process.ppid, identity: 'another boot:1' }));
  await (await openDataDir(path)).close();
});
