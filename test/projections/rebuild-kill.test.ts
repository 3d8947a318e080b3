// kill -9 at every step of a rebuild, while events go on: what is live is the old tables or the new ones, whole, and the next rebuild succeeds.
import { expect, test } from 'vitest';
import type { StoredEvent } from '#domain/envelope.ts';
import { startProjector } from '#projections/projector.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { besideEngines } from './beside.ts';
import { createDatabase, event, factBytes, keepLog, packOf, rowsOf, sid, withClient } from './support.ts';

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
  const nc = await beside.engines().nats.connect('test');
  await ensureTopology(nc);
  const store = createJetStreamStore(nc);
  const databaseUrl = await createDatabase(beside.engines(), 'killed');
  let n = 0;
  const append = async (packs: number) => {
    for (let p = 0; p < packs; p++)
      await store.append(
        'evt.0.main',
        packOf(
          Array.from({ length: 25 }, (): StoredEvent => {
            const id = n++;
            return event({ sid: sid(id % 40), id: `k${id}`, order: `k${id}`, minor: id });
          }),
        ),
      );
  };
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
      minors: Array.from({ length: n }, (_, i) => i),
      keys: [{ n: '2' }],
      counted: { events: String(n) },
    });
  }
  expect(live.status().failure).toBeNull();
  await nc.close();
}, 180_000);
