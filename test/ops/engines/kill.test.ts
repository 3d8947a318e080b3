import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { findRunning, openDataDir } from '#ops/data-dir.ts';
import { isAlive } from '#ops/engines/processes.ts';
import { startEngines } from '#ops/engines/supervisor.ts';
import { connectNats, type NatsOptions } from '#streams/jetstream/connection.ts';
import { eventually, publish, query, stored } from '../../support/engine-probes.ts';
import { startTestEngines } from '../../support/engines.ts';

const folder = mkdtempSync(join(tmpdir(), 'axiom47-kill-'));
const holders: ChildProcess[] = [];
afterEach(() => {
  for (const holder of holders.splice(0)) holder.kill('SIGKILL');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const log = pino({ level: 'silent' });
const embedded = { nats: { searchPath: '' }, postgres: {} };

type Held = { process: ChildProcess; natsPid: number; postgresPid: number; nats: NatsOptions; postgresUrl: string };

/** Another process with engines of its own, as a server would have them. */
async function hold(path: string): Promise<Held> {
  const script = fileURLToPath(new URL('./hold-engines.ts', import.meta.url));
  const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  holders.push(child);
  const lines = createInterface(child.stdout);
  const failed = once(child, 'exit').then(([code]) => Promise.reject(new Error(`the holder ended with ${code}`)));
  const [line] = (await Promise.race([once(lines, 'line'), failed])) as [string];
  failed.catch(() => undefined); // from here on its end is what the test wants
  return { process: child, ...(JSON.parse(line) as Omit<Held, 'process'>) };
}

async function killed(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

async function leaveData(held: Held): Promise<void> {
  const connection = await connectNats(held.nats);
  await publish(connection, 'acknowledged');
  await connection.close();
  await query(held.postgresUrl, 'create table acknowledged as select 47 as n');
}

async function expectData(path: string): Promise<void> {
  await using dataDir = await openDataDir(path);
  await using engines = await startEngines(embedded, dataDir, log);
  const connection = await engines.nats.connect();
  expect(await stored(connection, 1)).toBe('acknowledged');
  await connection.close();
  expect(await query(engines.postgres.url, 'select n from acknowledged')).toEqual([{ n: 47 }]);
}

describe('after kill -9 of the process that held the engines', () => {
  test('engines that were left alive are replaced, never doubled, and everything acknowledged is there', async () => {
    const path = join(folder, 'orphans');
    const held = await hold(path);
    await leaveData(held);
    expect(findRunning(path)?.pid).toBe(held.process.pid);
    await killed(held.process);
    expect(isAlive(held.natsPid) && isAlive(held.postgresPid)).toBe(true);
    expect(findRunning(path)).toBeUndefined();
    expect(existsSync(join(path, 'run.json'))).toBe(true);

    await expectData(path);
    expect(isAlive(held.natsPid) || isAlive(held.postgresPid)).toBe(false);
  });

  test('they are found in a data directory that was renamed; a bystander in the same folder is left alone', async () => {
    const path = join(folder, 'before');
    const moved = join(folder, 'after');
    const held = await hold(path);
    await leaveData(held);
    await killed(held.process);
    renameSync(path, moved);
    const bystander = spawn('sleep', ['60'], { cwd: join(moved, 'nats'), stdio: 'ignore' });
    await once(bystander, 'spawn');
    try {
      await expectData(moved);
      expect(isAlive(held.natsPid) || isAlive(held.postgresPid)).toBe(false);
      expect(isAlive(bystander.pid!)).toBe(true);
    } finally {
      bystander.kill();
    }
  });

  test('engines killed with it recover by themselves, stale pid files and all', async () => {
    const path = join(folder, 'all');
    const held = await hold(path);
    await leaveData(held);
    await killed(held.process);
    process.kill(held.natsPid, 'SIGKILL');
    process.kill(held.postgresPid, 'SIGKILL');
    expect(existsSync(join(path, 'postgres', '18', 'postmaster.pid'))).toBe(true);
    await expectData(path);
  });

  test('a running holder keeps its directory: a second server is refused by the pid that has it', async () => {
    const path = join(folder, 'held');
    const held = await hold(path);
    await expect(openDataDir(path)).rejects.toMatchObject({
      code: 'locked',
      message: expect.stringContaining(`process ${held.process.pid}`),
    });
    await killed(held.process);
    await (await openDataDir(path)).close();
    process.kill(held.natsPid, 'SIGKILL');
    process.kill(held.postgresPid, 'SIGKILL');
  });
});

describe('an engine that dies', () => {
  test('is started again at the same address with its data, and says so', async () => {
    await using engines = await startTestEngines();
    const seen: string[] = [];
    engines.on('engine-down', (engine) => seen.push(`${engine} down`));
    engines.on('engine-up', (engine) => seen.push(`${engine} up`));
    const connection = await engines.nats.connect();
    await publish(connection, 'acknowledged');
    await query(engines.postgres.url, 'create table acknowledged as select 47 as n');
    const before = { nats: engines.nats.pid()!, postgres: engines.postgres.pid()! };

    process.kill(before.nats, 'SIGKILL');
    process.kill(before.postgres, 'SIGKILL');
    await eventually('both run again', () => seen.filter((word) => word.endsWith('up')).length === 2);
    expect(seen.toSorted()).toEqual(['nats down', 'nats up', 'postgres down', 'postgres up']);
    expect([engines.state('nats'), engines.state('postgres')]).toEqual(['ready', 'ready']);
    expect(engines.nats.pid()).not.toBe(before.nats);
    expect(engines.postgres.pid()).not.toBe(before.postgres);

    // The same connection finds its way back; the database's clients open a new one.
    await eventually(
      'the old connection reads again',
      async () => (await stored(connection, 1).catch(() => undefined)) === 'acknowledged',
    );
    expect(await query(engines.postgres.url, 'select n from acknowledged')).toEqual([{ n: 47 }]);
    await connection.close();
  });

  test('is left alone once we stop it', async () => {
    const engines = await startTestEngines();
    const pids = [engines.nats.pid()!, engines.postgres.pid()!];
    const serverLog = join(engines.dataDir.folders.logs, 'postgres.log');
    await engines.nats.stop();
    await engines.postgres.stop();
    expect(readFileSync(serverLog, 'utf8')).toMatch(/database system is shut down\s*$/);
    await engines.stop();
    expect(pids.some(isAlive)).toBe(false);
    expect(engines.state('nats')).toBe('stopped');
  });
});
