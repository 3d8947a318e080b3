// kill -9 at every step of a rebuild, while events go on: what is live is the old tables or the new ones, whole, and the next rebuild succeeds.
import { expect, test } from 'vitest';
import { startProjector } from '#projections/projector.ts';
import { besideEngines, openOrders } from './beside.ts';
import { factBytes, keepLog, rowsOf, sid, withClient } from './support.ts';

const beside = besideEngines();

/** Runs a rebuild; kills it when it says `at`. @returns what it said. */
async function rebuild(databaseUrl: string, at: RegExp | null): Promise<string[]> {
  const { said, closed } = beside.start('rebuilding-process.ts', { databaseUrl }, (line, child) => {
    if (at?.test(line)) child.kill('SIGKILL');
  });
  await closed;
  return said;
}

test('killed while creating, filling, joining, before and in the switch: no event is lost or doubled, and the next one switches', async () => {
  await using place = await openOrders(beside.engines(), 'killed');
  const { store, databaseUrl, append } = place;
  await append(20);
  await store.append('evt.all.main', factBytes({ type: 'customer.linked', anonymous: sid(1), known: sid(2) }));
  const { log } = keepLog();
  await using live = startProjector({ databaseUrl, store, log, lingerMs: 1 });
  const held = () =>
    withClient(databaseUrl, async (client) => ({
      minors: (await rowsOf(client, 'transactions', 'minor', 'minor')).map(({ minor }) => Number(minor)),
      keys: (await client.query(`select count(*) as n from pg_index where indrelid = 'rm.transactions'::regclass`))
        .rows,
      counted: (await rowsOf(client, 'checkpoints', `projection = 'events' desc`, 'events')).at(0),
    }));
  const steps = [/^creating$/, /^filling$/, /^filled to [1-9]\d/, /^following$/, /^switching$/, /^switched$/, null];
  for (const at of steps) {
    const said = await rebuild(databaseUrl, at);
    expect(said.at(-1)).toMatch(at ?? /^switched$/);
    await append(2);
    await live.waitFor(await store.lastSequence('EVT'));
    expect(await held()).toEqual({
      minors: Array.from({ length: place.orders() }, (_, i) => i),
      keys: [{ n: '2' }],
      counted: { events: String(place.orders()) },
    });
  }
  expect(live.status().failure).toBeNull();
}, 180_000);
