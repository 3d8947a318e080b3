// A nats-server with a sealed log whose files are damaged while it is dead, and what is found of it afterwards.
import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { sealedStore } from '#streams/chain/sealed.ts';
import { type ChainFault, verifyChain } from '#streams/chain/verify.ts';
import type { EventStore } from '#streams/event-store.ts';
import { connectNats } from '#streams/jetstream/connection.ts';
import { silent } from '#streams/jetstream/link.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { startNatsServer, type TestServer } from '../../support/nats-server.ts';
import { sealedLog } from './support.ts';

export const AT_REST = [
  ['plain', 'sync_interval: always'],
  ['encrypted at rest', 'sync_interval: always, cipher: aes, key: "a key of this test alone"'],
] as const;

export interface DamagedServer extends AsyncDisposable {
  readonly server: TestServer;
  /** The folder of EVT's blocks, to be damaged. */
  readonly messages: string;
  /** The block as it was. */
  pristine(): Buffer;
  /** Everything as it was. */
  restore(): void;
  /** Without it the server reads the blocks themselves. */
  removeIndex(): void;
  /** What is found once the server has started on the damaged files, and the sequences a reader was given. */
  whatIsFound(): Promise<{ faults: ChainFault[]; given: number[] }>;
}

export const BLOCK = '1.blk';

export async function openDamagedServer(jetstream: string, messages: number): Promise<DamagedServer> {
  const server = await startNatsServer({ jetstream });
  const nc = await server.connect();
  await ensureTopology(nc);
  await sealedLog(createJetStreamStore(nc), messages, 64);
  await nc.close();
  await server.kill();
  const live = join(server.directory, 'js');
  const original = join(server.directory, 'original');
  cpSync(live, original, { recursive: true });
  const within = (root: string) => join(root, 'jetstream', '$G', 'streams', 'EVT', 'msgs');
  return {
    server,
    messages: within(live),
    pristine: () => readFileSync(join(within(original), BLOCK)),
    restore() {
      rmSync(live, { recursive: true });
      cpSync(original, live, { recursive: true });
    },
    removeIndex() {
      for (const name of readdirSync(within(live))) if (name.endsWith('.db')) rmSync(join(within(live), name));
    },
    async whatIsFound() {
      await server.start();
      const reader = await connectNats({ servers: [server.url] });
      const store: EventStore = createJetStreamStore(reader);
      const given: number[] = [];
      try {
        const { faults } = await verifyChain(store);
        try {
          for await (const { seq } of sealedStore(store, silent).read('EVT')) given.push(seq);
        } catch (error) {
          if (!['log-damaged', 'sequence-gap'].includes((error as { code: string }).code)) throw error;
        }
        return { faults, given };
      } finally {
        await reader.close();
        await server.kill();
      }
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
