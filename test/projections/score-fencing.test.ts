// Two score loops write one table: whichever took over last writes alone, also over one that stood still in the middle of a transaction.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { startTestEngines, type TestEngines } from '../support/engines.ts';
import { createDatabase, withClient } from './support.ts';

let engines: TestEngines;
const children: ChildProcess[] = [];
beforeAll(async () => {
  engines = await startTestEngines();
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await engines.stop();
});

interface Said {
  wrote?: number;
  failed?: string;
}
function start(databaseUrl: string, from: number) {
  const program = new URL('./scoring-process.ts', import.meta.url).pathname;
  const argument = JSON.stringify({ nats: engines.nats.options, databaseUrl, from });
  const child = spawn(process.execPath, [program, argument], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const said: Said[] = [];
  createInterface({ input: child.stdout! }).on('line', (line) => said.push(JSON.parse(line) as Said));
  return { child, said, closed: once(child, 'close'), wrote: () => said.filter(({ wrote }) => wrote).length };
}
const until = async (condition: () => boolean | Promise<boolean>) => {
  while (!(await condition())) await sleep(5);
};

test('a score loop stopped in its transaction, another takes over, the first goes on: it is fenced, and no older score stands over a newer one', async () => {
  const nc = await engines.nats.connect('test');
  await ensureTopology(nc);
  const databaseUrl = await createDatabase(engines, 'scores');
  const open = () =>
    withClient(databaseUrl, async (client) => {
      const { rows } = await client.query(
        `select 1 from pg_stat_activity where application_name = 'axiom47 projector' and datname = current_database() and backend_xid is not null`,
      );
      return rows.length > 0;
    });
  // The first is ahead of the second, as one with a longer log behind it would be: positions alone would let it win.
  const first = start(databaseUrl, 5_000_000);
  await until(() => first.wrote() > 3);
  for (let attempt = 0; attempt < 60; attempt++) {
    await sleep(Math.random() * 40);
    first.child.kill('SIGSTOP');
    if (await open()) break;
    first.child.kill('SIGCONT');
  }
  first.child.kill('SIGSTOP');
  const held = await open();
  const before = first.wrote();

  const second = start(databaseUrl, 9_000_000);
  await until(() => second.wrote() > 3);
  first.child.kill('SIGCONT');
  await first.closed;
  expect(first.said.some(({ failed }) => failed === 'fenced')).toBe(true);
  // A last one that had been committed when it stopped may be said late.
  expect(first.wrote() - before).toBeLessThanOrEqual(1);
  const then = second.wrote();
  await until(() => second.wrote() > then + 2);
  second.child.kill('SIGKILL');
  await second.closed;

  await withClient(databaseUrl, async (client) => {
    const { rows } = await client.query(
      `select count(*)::int as rows, count(distinct seq)::int as positions, min(seq)::int as oldest,
              bool_and(clv_mean = seq and abs(p_churn - seq / 1e9) < 1e-12) as whole from rm.scores`,
    );
    expect(rows).toEqual([{ rows: 2_000, positions: 1, oldest: expect.any(Number), whole: true }]);
    expect(rows[0].oldest).toBeGreaterThan(9_000_000);
  });
  expect(held).toBe(true);
  await nc.close();
}, 180_000);
