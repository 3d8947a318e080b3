// What is staged before its turn: on a connection of its own, seen by nobody, and committed once, at its place, or not at all.
import type { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createWriter, type Writer } from '#projections/runner.ts';
import { startTestEngines, type TestEngines } from '../support/engines.ts';
import { createDatabase, withClient } from './support.ts';

let engines: TestEngines;
beforeAll(async () => {
  engines = await startTestEngines();
});
afterAll(() => engines.stop());

const SESSION = 'create temp table if not exists staged (n integer) on commit delete rows';

/** A writer of a table `taken`, which holds what each step has staged. */
async function prepare(label: string): Promise<{ url: string; writer: Writer; lines: string[] }> {
  const url = await createDatabase(engines, label);
  const lines: string[] = [];
  const writer = createWriter({
    databaseUrl: url,
    log: (_level, fields, message) => lines.push(`${message} ${fields.error ?? ''}`),
    session: [SESSION],
  });
  await writer.open();
  await withClient(url, (client) => client.query('create table public.taken (n integer)'));
  return { url, writer, lines };
}

const pidOf = async (client: Client): Promise<number> =>
  (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]!.pid;
const taken = (url: string): Promise<number[]> =>
  withClient(url, async (client) =>
    (await client.query<{ n: number }>('select n from public.taken order by n')).rows.map(({ n }) => n),
  );

/** Step n: stages n and takes it; `pids` are the connections that staged it. */
function step(writer: Writer, n: number, held: Promise<unknown> = Promise.resolve()) {
  const pids: number[] = [];
  let ready: () => void = () => undefined;
  const staged = new Promise<void>((resolve) => {
    ready = resolve;
  });
  const done = writer.commit(
    'events',
    { from: n - 1, to: n },
    async (client) => {
      await held;
      await client.query('insert into public.taken select n from staged');
    },
    async (client) => {
      pids.push(await pidOf(client));
      await client.query(`insert into staged values (${n})`);
      ready();
    },
  );
  done.catch(() => undefined); // whoever awaits it has its end
  return { pids, staged, done };
}
const gate = () => {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
};

test('the next step is staged while one is being committed, elsewhere, and comes after it', async () => {
  const { url, writer } = await prepare('staging');
  await using _ = writer;
  const { open, opened } = gate();
  const [first, second] = [step(writer, 1, opened), step(writer, 2)];
  await Promise.all([first.staged, second.staged]);
  expect(first.pids[0]).not.toBe(second.pids[0]);
  expect(await taken(url)).toEqual([]);
  open();
  await Promise.all([first.done, second.done]);
  expect(await taken(url)).toEqual([1, 2]);
  expect([first.pids.length, second.pids.length]).toEqual([1, 1]);
  await step(writer, 3).done;
  expect(await taken(url)).toEqual([1, 2, 3]);
});

test('a connection that is lost with staged rows: they are staged again in their turn, and taken once', async () => {
  const { url, writer, lines } = await prepare('staging_lost');
  await using _ = writer;
  const { open, opened } = gate();
  const [first, second] = [step(writer, 1, opened), step(writer, 2)];
  await Promise.all([first.staged, second.staged]);
  await withClient(url, (client) => client.query('select pg_terminate_backend($1)', [second.pids[0]]));
  open();
  await Promise.all([first.done, second.done]);
  expect(await taken(url)).toEqual([1, 2]);
  expect(second.pids.length).toBeGreaterThan(1);
  expect(lines.join('\n')).toMatch(/trying again/);
});

test('what is staged when another writer takes over is fenced, and nothing of it is left', async () => {
  const { url, writer } = await prepare('staging_fenced');
  await using _ = writer;
  const { open, opened } = gate();
  // Has the turn, and no lock.
  const reading = writer.read(() => opened);
  const waiting = step(writer, 1);
  await waiting.staged;
  await using other = createWriter({ databaseUrl: url, log: () => undefined, session: [SESSION] });
  await other.open();
  open();
  await reading;
  await expect(waiting.done).rejects.toMatchObject({ code: 'fenced' });
  expect(await taken(url)).toEqual([]);
  await step(other, 1).done;
  expect(await taken(url)).toEqual([1]);
});

test('a step behind one that finds the tables elsewhere is not taken either', async () => {
  const { url, writer } = await prepare('staging_rewound');
  await using _ = writer;
  const [first, second] = [step(writer, 5), step(writer, 6)];
  await expect(first.done).rejects.toMatchObject({ code: 'rewound', found: 0 });
  await expect(second.done).rejects.toMatchObject({ code: 'rewound', found: 0 });
  expect(await taken(url)).toEqual([]);
});
