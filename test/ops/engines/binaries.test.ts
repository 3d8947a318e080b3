import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { isOlder, packagedNatsServer, resolveNatsServer } from '#ops/engines/nats-binary.ts';
import { packagedPostgres, resolvePostgres } from '#ops/engines/postgres-binaries.ts';

const folder = mkdtempSync(join(tmpdir(), 'axiom47-binaries-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A program that answers any call with this text. */
function program(path: string, answer: string): string {
  writeFileSync(path, `#!/bin/sh\necho '${answer}'\n`, { mode: 0o755 });
  return path;
}

describe('which nats-server runs', () => {
  test('the packaged one is checked against its recorded SHA-256, and found', async () => {
    expect(await resolveNatsServer({ searchPath: '' })).toEqual({ path: packagedNatsServer(), version: '2.14.0' });
  });

  test('without package, path or setting: the three ways out', async () => {
    await expect(resolveNatsServer({ searchPath: folder }, null)).rejects.toMatchObject({ code: 'missing' });
    await expect(resolveNatsServer({ searchPath: folder }, null)).rejects.toThrow(
      /nats-server was not found.*npm install.*AXIOM47_NATS_SERVER.*AXIOM47_NATS_URL/,
    );
    await expect(resolveNatsServer({ server: join(folder, 'nowhere'), searchPath: '' })).rejects.toThrow(
      /AXIOM47_NATS_SERVER names .*nowhere, which does not exist/,
    );
  });

  test('one on PATH is taken when no package is there', async () => {
    const bin = join(folder, 'path');
    mkdirSync(bin);
    program(join(bin, 'nats-server'), 'nats-server: v2.14.5');
    expect(await resolveNatsServer({ searchPath: `/nonexistent:${bin}` }, null)).toEqual({
      path: join(bin, 'nats-server'),
      version: '2.14.5',
    });
  });

  test('an old one is refused with both versions, a foreign program by its answer', async () => {
    const old = program(join(folder, 'old'), 'nats-server: v2.9.0');
    await expect(resolveNatsServer({ server: old, searchPath: '' })).rejects.toMatchObject({
      engine: 'nats-server',
      code: 'too-old',
    });
    await expect(resolveNatsServer({ server: old, searchPath: '' })).rejects.toThrow(/2\.9\.0.*too old: 2\.14\.0/);
    const foreign = program(join(folder, 'foreign'), 'bash 5.2');
    await expect(resolveNatsServer({ server: foreign, searchPath: '' })).rejects.toThrow(
      /answered "bash 5\.2": not a nats-server/,
    );
    const broken = join(folder, 'broken');
    writeFileSync(broken, 'not a program');
    await expect(resolveNatsServer({ server: broken, searchPath: '' })).rejects.toThrow(/does not run as nats-server/);
  });

  test('a packaged file that was changed is never run', async () => {
    const changed = program(join(folder, 'changed'), 'nats-server: v2.14.0');
    await expect(resolveNatsServer({ searchPath: '' }, changed)).rejects.toMatchObject({ code: 'tampered' });
  });

  test('versions compare by number, a release candidate before its release', () => {
    expect(['2.9.0', '2.13.99', '2.14.0-RC.1'].map((version) => isOlder(version, '2.14.0'))).toEqual([
      true,
      true,
      true,
    ]);
    expect(['2.14.0', '2.14.5', '3.0.0', '2.100.0'].map((version) => isOlder(version, '2.14.0'))).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });
});

describe('which PostgreSQL runs', () => {
  test('without package or setting: the three ways out', async () => {
    await expect(resolvePostgres(undefined, null)).rejects.toThrow(
      /PostgreSQL was not found.*npm install.*AXIOM47_POSTGRES_BIN.*DATABASE_URL/,
    );
    await expect(resolvePostgres(folder)).rejects.toThrow(/initdb does not exist/);
  });

  test('an old one is refused with its version, a foreign one by its answer', async () => {
    const bin = join(folder, 'pg');
    mkdirSync(bin);
    program(join(bin, 'initdb'), '');
    program(join(bin, 'postgres'), 'postgres (PostgreSQL) 14.11 (Debian 14.11-1)');
    await expect(resolvePostgres(bin)).rejects.toMatchObject({ engine: 'PostgreSQL', code: 'too-old' });
    await expect(resolvePostgres(bin)).rejects.toThrow(/14\.11.*too old, 15/);
    program(join(bin, 'postgres'), 'hello');
    await expect(resolvePostgres(bin)).rejects.toThrow(/answered "hello": not PostgreSQL/);
  });

  test('an installation without install scripts gets its library links and executable bits', async () => {
    const home = join(folder, 'package');
    cpSync(join(packagedPostgres()!, '..', '..'), home, { recursive: true, verbatimSymlinks: true });
    const lib = join(home, 'native', 'lib');
    const links = readdirSync(lib, { withFileTypes: true }).filter((entry) => entry.isSymbolicLink());
    expect(links.length).toBeGreaterThan(0);
    for (const link of links) rmSync(join(lib, link.name));
    const bin = join(home, 'native', 'bin');
    chmodSync(join(bin, 'initdb'), 0o644);
    expect(() => execFileSync(join(bin, 'postgres'), ['--version'], { stdio: 'pipe' })).toThrow();

    expect((await resolvePostgres(undefined, bin)).major).toBe(18);
    for (const link of links) expect(existsSync(join(lib, link.name))).toBe(true);
    expect(execFileSync(join(bin, 'initdb'), ['--version'], { encoding: 'utf8' })).toContain('18.');
  });
});
