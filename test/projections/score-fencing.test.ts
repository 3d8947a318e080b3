// Two score loops write one table: whichever took over last writes alone, also over one that stood still in the middle of a transaction.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { besideEngines } from './beside.ts';
import { createDatabase, withClient } from './support.ts';

const beside = besideEngines();

interface Said {
  wrote?: number;
  failed?: string;
}
function start(databaseUrl: string, from: number) {
  const told: Said[] = [];
  const { child, closed } = beside.start('scoring-process.ts', { databaseUrl, from }, (line) =>
    told.push(JSON.parse(line)),
  );
  return { child, said: told, closed, wrote: () => told.filter(({ wrote }) => wrote).length };
}
const until = async (condition: () => boolean | Promise<boolean>) => {
  while (!(await condition())) await sleep(5);
};

test('a score loop stopped in its transaction, another takes over, the first goes on: it is fenced, and no older score stands over a newer one', async () => {
  const nc = await beside.engines().nats.connect('test');
  await ensureTopology(nc);
  const databaseUrl = await createDatabase(beside.engines(), 'scores');
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
