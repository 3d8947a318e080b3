import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, describe, expect, test } from 'vitest';
import { openDataDir } from '#ops/data-dir.ts';
import { startPostgres } from '#ops/engines/postgres.ts';
import { packagedPostgres } from '#ops/engines/postgres-binaries.ts';
import { query } from '../../support/engine-probes.ts';

const root = process.getuid?.() === 0;
const folder = mkdtempSync(join(tmpdir(), 'axiom47-root-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const log = pino({ level: 'silent' });
const ignore = () => undefined;

// PostgreSQL refuses to run as root. Another user runs it plainly, which the other tests show.
describe.skipIf(!root)(`PostgreSQL started by root${root ? '' : ' [skipped: not root]'}`, () => {
  test('below a 0700 home, in a user namespace: its files stay root’s', async () => {
    const home = join(folder, 'home');
    mkdirSync(home, { mode: 0o700 });
    await using dataDir = await openDataDir(join(home, 'data', 'main'), { create: true });
    const engine = await startPostgres({}, dataDir, log, ignore);
    expect(await query(engine.url, 'select 1 as n')).toEqual([{ n: 1 }]);
    await engine.stop();
    expect(statSync(join(dataDir.folders.postgres, '18', 'PG_VERSION')).uid).toBe(0);
  });

  test('where no namespaces are allowed: as an existing user, who then keeps its files', async () => {
    chmodSync(folder, 0o755);
    const path = join(folder, 'other-user');
    await using dataDir = await openDataDir(path, { create: true });
    const engine = await startPostgres({ userNamespaces: false }, dataDir, log, ignore);
    await query(engine.url, 'create table kept as select 47 as n');
    await engine.stop();
    expect(statSync(join(dataDir.folders.postgres, '18', 'PG_VERSION')).uid).not.toBe(0);
    expect(statSync(dataDir.folders.secrets).mode & 0o777).toBe(0o700);
    // Now with namespaces at hand: still run as the owner of the files.
    const again = await startPostgres({}, dataDir, log, ignore);
    expect(await query(again.url, 'select n from kept')).toEqual([{ n: 47 }]);
    await again.stop();
  });

  test('where that user cannot reach the binaries, a copy beside the data serves', async () => {
    chmodSync(folder, 0o755);
    const hidden = join(folder, 'hidden');
    mkdirSync(hidden, { mode: 0o700 });
    cpSync(join(packagedPostgres()!, '..'), join(hidden, 'native'), { recursive: true, verbatimSymlinks: true });
    await using dataDir = await openDataDir(join(folder, 'copied'), { create: true });
    const engine = await startPostgres(
      { bin: join(hidden, 'native', 'bin'), userNamespaces: false },
      dataDir,
      log,
      ignore,
    );
    expect(await query(engine.url, 'select 1 as n')).toEqual([{ n: 1 }]);
    await engine.stop();
    const copy = readdirSync(dataDir.folders.postgres).find((name) => name.startsWith('binaries-'));
    expect(copy !== undefined && existsSync(join(dataDir.folders.postgres, copy, 'bin', 'postgres'))).toBe(true);
  });

  test('where that user cannot reach the data: what to do instead', async () => {
    const closed = join(folder, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    await using dataDir = await openDataDir(join(closed, 'main'), { create: true });
    await expect(startPostgres({ userNamespaces: false }, dataDir, log, ignore)).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/cannot enter .*closed\/main.*--data-dir.*DATABASE_URL/),
    });
  });
});
