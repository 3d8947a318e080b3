// The same contract against the official nats image, where a container engine is at hand (the project's own CI): what people run in containers
// is then tested beside the packaged server.
import { existsSync } from 'node:fs';
import { jetstreamManager } from '@nats-io/jetstream';
import { describe, test } from 'vitest';
import { connectNats } from '#streams/jetstream/connection.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { eventStoreContract } from '../contracts/event-store.ts';

const hasEngine = process.env.DOCKER_HOST !== undefined || existsSync('/var/run/docker.sock');

if (hasEngine)
  eventStoreContract('JetStream in the official container', async () => {
    const { GenericContainer, Wait } = await import('testcontainers');
    const container = await new GenericContainer('nats:2.14-alpine')
      .withCommand(['--jetstream', '--store_dir', '/data'])
      .withExposedPorts(4222)
      .withWaitStrategy(Wait.forLogMessage('Server is ready'))
      .start();
    const nc = await connectNats({ servers: [`${container.getHost()}:${container.getMappedPort(4222)}`] });
    await ensureTopology(nc);
    const jsm = await jetstreamManager(nc);
    return {
      store: createJetStreamStore(nc),
      lose: async (stream, seq) => void (await jsm.streams.deleteMessage(stream, seq)),
      async [Symbol.asyncDispose]() {
        await nc.close();
        await container.stop();
      },
    };
  });
else
  describe('event store: JetStream in the official container', () => {
    test.skip('[skipped: no container engine: neither DOCKER_HOST nor /var/run/docker.sock]', () => undefined);
  });
