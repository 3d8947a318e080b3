import { jetstreamManager } from '@nats-io/jetstream';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { eventStoreContract } from '../contracts/event-store.ts';
import { startNatsServer } from '../support/nats-server.ts';

eventStoreContract('JetStream', async () => {
  const server = await startNatsServer();
  const nc = await server.connect();
  await ensureTopology(nc);
  const jsm = await jetstreamManager(nc);
  return {
    store: createJetStreamStore(nc),
    lose: async (stream, seq) => void (await jsm.streams.deleteMessage(stream, seq)),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
});
