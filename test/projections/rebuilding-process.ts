// A rebuild of the tables in a process of its own, to be killed at any of its steps. Started by rebuild-kill.test.ts; says each step before it begins.
import { openTables } from '#projections/catalogue.ts';
import { startProjector } from '#projections/projector.ts';
import { createShadow, switchToShadow } from '#projections/shadow.ts';
import { connectNats, type NatsOptions } from '#streams/jetstream/connection.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';

const { nats, databaseUrl } = JSON.parse(process.argv[2]!) as { nats: NatsOptions; databaseUrl: string };
const say = (step: string) => process.stdout.write(`${step}\n`);
const store = createJetStreamStore(await connectNats(nats, { name: 'rebuilding' }));
const own = openTables(databaseUrl, { name: 'rebuilding', connections: 1, statementMs: 0 });
const client = await own.pool.connect();
say('creating');
await createShadow(client, ['events']);
say('filling');
const shadow = startProjector({
  databaseUrl,
  store,
  log: () => undefined,
  batchEvents: 40,
  lingerMs: 1,
  shadow: ['events'],
  onProgress: ({ events }) => say(`filled to ${events}`),
});
await shadow.waitFor(await store.lastSequence('EVT'));
say('following');
await shadow.stop();
say('switching');
await switchToShadow(client, ['events']);
say('switched');
process.exit(0);
