// Jobs in a process of their own: what they answer, how they are called off, and that nothing of them is left.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createJobProcess, type JobProcess } from '#processors/job-process.ts';
import { partPath } from '#processors/scoring/score-parts.ts';

const folder = mkdtempSync(join(tmpdir(), 'axiom47-job-process-'));
/** A NATS server that never says a word. */
const mute = createServer(() => undefined);
let nats: { servers: string[] };
beforeAll(async () => {
  for (const part of [0, 1]) writeFileSync(partPath(folder, part), `part ${part}`);
  mute.listen(0, '127.0.0.1');
  await once(mute, 'listening');
  nats = { servers: [`nats://127.0.0.1:${(mute.address() as AddressInfo).port}`] };
});
afterAll(() => {
  mute.close();
  rmSync(folder, { recursive: true });
});

const LONG = { timeout: 60_000 };
const isThere = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
const joined = (jobs: JobProcess, name: string) =>
  jobs.joinParts({ folder, parts: 2, head: new TextEncoder().encode('head '), into: join(folder, name) });
/** Waits for a server that says nothing, until it is called off. */
const endless = (jobs: JobProcess, signal: AbortSignal) => {
  const report = { progress: () => undefined, log: () => undefined };
  return jobs.evaluate(nats, {} as Parameters<JobProcess['evaluate']>[1], report, signal);
};
const started = async (jobs: JobProcess): Promise<number> => {
  await expect.poll(() => jobs.pid, LONG).not.toBeNull();
  return jobs.pid!;
};

test('a task is done in another process, the next in the same, and without work it ends', LONG, async () => {
  await using jobs = createJobProcess(500);
  expect(jobs.pid).toBeNull();
  const written = await joined(jobs, 'one');
  const text = 'head part 0part 1';
  expect(readFileSync(join(folder, 'one'), 'utf8')).toBe(text);
  expect(written).toEqual({ bytes: text.length, sha256: createHash('sha256').update(text).digest('hex') });
  const pid = jobs.pid!;
  expect(pid).not.toBe(process.pid);
  await joined(jobs, 'two');
  expect(jobs.pid).toBe(pid);
  await expect.poll(() => jobs.pid, LONG).toBeNull();
  await expect.poll(() => isThere(pid), LONG).toBe(false);
});

test('what fails there fails here, with its words; the process goes on', LONG, async () => {
  await using jobs = createJobProcess();
  await expect(
    jobs.joinParts({ folder, parts: 3, head: new Uint8Array(), into: join(folder, 'three') }),
  ).rejects.toThrow(/ENOENT.*000002\.gz/);
  const { pid } = jobs;
  await joined(jobs, 'four');
  expect(jobs.pid).toBe(pid);
});

test(
  'a task that is called off ends its process at once; what waited behind it is done in a new one',
  LONG,
  async () => {
    await using jobs = createJobProcess();
    const off = new AbortController();
    const ended = endless(jobs, off.signal);
    const behind = joined(jobs, 'five');
    const pid = await started(jobs);
    off.abort(new Error('enough'));
    await expect(ended).rejects.toThrow('enough');
    expect((await behind).bytes).toBe(17);
    expect(jobs.pid).not.toBe(pid);
    await expect.poll(() => isThere(pid), LONG).toBe(false);
    await expect(endless(jobs, off.signal)).rejects.toThrow('enough');
  },
);

test('a process that dies says so, and the next task has a new one', LONG, async () => {
  await using jobs = createJobProcess();
  const ended = endless(jobs, new AbortController().signal);
  process.kill(await started(jobs), 'SIGKILL');
  await expect(ended).rejects.toThrow(/ended by itself \(SIGKILL\).*out of memory.*retry/);
  expect((await joined(jobs, 'six')).bytes).toBe(17);
  // Also of one that dies while nobody asks anything.
  process.kill(jobs.pid!, 'SIGKILL');
  await expect.poll(() => jobs.pid).toBeNull();
  expect((await joined(jobs, 'six again')).bytes).toBe(17);
});

test('signals of a terminal do not end it, and it is gone when whoever has it closes it', LONG, async () => {
  const jobs = createJobProcess();
  await joined(jobs, 'seven');
  const pid = jobs.pid!;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pid, signal);
  await joined(jobs, 'seven again');
  expect(jobs.pid).toBe(pid);
  const ended = expect(endless(jobs, new AbortController().signal)).rejects.toThrow(/ended by itself/);
  await expect.poll(() => isThere(pid)).toBe(true);
  await jobs[Symbol.asyncDispose]();
  await ended;
  await expect.poll(() => isThere(pid), LONG).toBe(false);
  await expect(joined(jobs, 'eight')).rejects.toThrow('the server stops');
});

test('it ends when its server was killed', LONG, async () => {
  const server = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `const { createJobProcess } = await import(${JSON.stringify(new URL('../../processors/job-process.ts', import.meta.url).href)});
       const jobs = createJobProcess();
       await jobs.joinParts(${JSON.stringify({ folder, parts: 0, into: join(folder, 'nine') })});
       console.log(jobs.pid);
       setInterval(() => {}, 1000);`.replace('"parts":0', '"parts":0,"head":Buffer.alloc(1)'),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = await once(server.stdout, 'data');
  const pid = Number(String(line));
  expect(isThere(pid)).toBe(true);
  server.kill('SIGKILL');
  await expect.poll(() => isThere(pid), LONG).toBe(false);
});
