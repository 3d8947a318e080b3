// Two processes write one database: whichever took over last writes alone, also over one that stood still in the middle of a transaction.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { besideEngines, openOrders } from './beside.ts';
import { rowsOf, withClient } from './support.ts';

const beside = besideEngines();

interface Said {
  events?: number;
  failed?: string;
  said?: string;
}
function start(databaseUrl: string) {
  const told: Said[] = [];
  const { child, closed } = beside.start('projecting-process.ts', { databaseUrl }, (line) =>
    told.push(JSON.parse(line)),
  );
  return {
    child,
    said: told,
    closed,
    events: () => Math.max(0, ...told.map(({ events }) => events ?? 0)),
  };
}
const until = async (condition: () => boolean | Promise<boolean>) => {
  while (!(await condition())) await sleep(5);
};

test('a writer stopped in its transaction, another takes over, the first goes on: it is fenced, and every event is there once', async () => {
  await using place = await openOrders(beside.engines(), 'fencing');
  const { store, databaseUrl, append } = place;
  await append(20);
  let writer = start(databaseUrl);
  await until(() => writer.events() > 0);
  let fenced = 0;
  let held = 0;
  for (let round = 0; round < 2; round++) {
    // It is writing all the time; a transaction of its own that is open when it stops is what is wanted.
    const open = () =>
      withClient(databaseUrl, async (client) => {
        const { rows } = await client.query(
          `select 1 from pg_stat_activity where application_name = 'axiom47 projector' and datname = current_database() and backend_xid is not null and wait_event = 'ClientRead'`,
        );
        return rows.length > 0;
      });
    for (let attempt = 0; attempt < 40; attempt++) {
      await append(3);
      await sleep(Math.random() * 40);
      writer.child.kill('SIGSTOP');
      if (await open()) break;
      writer.child.kill('SIGCONT');
    }
    writer.child.kill('SIGSTOP');
    if (await open()) held++;
    const last = await store.lastSequence('EVT');
    const next = start(databaseUrl);
    await until(() => next.events() >= last);
    writer.child.kill('SIGCONT');
    await append(2);
    await writer.closed;
    // The other of its loops may have one more line to say.
    if (writer.said.some(({ failed }) => failed === 'fenced')) fenced++;
    writer = next;
  }
  const last = await store.lastSequence('EVT');
  await until(() => writer.events() >= last);
  await withClient(databaseUrl, async (client) => {
    const rows = await rowsOf(client, 'transactions', 'minor', 'minor');
    expect(rows.map(({ minor }) => Number(minor))).toEqual(Array.from({ length: place.orders() }, (_, i) => i));
    const [checkpoint] = await rowsOf(client, 'checkpoints', `projection = 'events' desc`, 'epoch, seq');
    expect(checkpoint).toEqual({ epoch: '3', seq: String(last) });
  });
  expect([fenced, held > 0]).toEqual([2, true]);
}, 180_000);
