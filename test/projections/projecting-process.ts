// A projector in a process of its own, as a second instance or one to be stopped. Started by fencing.test.ts; prints what it has committed.
import { startProjector } from '#projections/projector.ts';
import { connectNats, type NatsOptions } from '#streams/jetstream/connection.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';

const { nats, databaseUrl } = JSON.parse(process.argv[2]!) as { nats: NatsOptions; databaseUrl: string };
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
const projector = startProjector({
  databaseUrl,
  store: createJetStreamStore(await connectNats(nats, { name: 'projecting' })),
  log: (level, _, message) => level !== 'info' && say({ said: message }),
  batchEvents: 40,
  lingerMs: 1,
  onProgress: ({ events }) => say({ events }),
  onFailure: ({ code }) => say({ failed: code }),
});
await projector.done;
await projector.stop();
process.exit(0);
