// nats-server and PostgreSQL, and what is read from them directly: the log's store, the keyring and who may do what.
import type { Logger } from 'pino';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { ensureTopology } from '#streams/jetstream/topology.ts';
import { createAccessStore } from '#streams/keyring/access-store.ts';
import { openKeyring } from '#streams/keyring/keyring.ts';
import type { Config } from '../config.ts';
import type { DataDir } from '../data-dir.ts';
import { startEngines } from '../engines/supervisor.ts';
import type { Threads } from './threads.ts';

export type OpenedEngines = Awaited<ReturnType<typeof openEngines>>;

export async function openEngines(
  opening: AsyncDisposableStack,
  { config, dir, threads, log }: { config: Config; dir: DataDir; threads: Threads; log: Logger },
) {
  opening.defer(threads.giveUp); // for engines that do not start
  const engines = opening.use(await startEngines(config, dir, log));
  const nc = await engines.nats.connect('axiom47 main');
  opening.defer(() => nc.close());
  opening.use(threads.past);
  opening.defer(threads.giveUp);
  const store = createJetStreamStore(nc, { log });
  await ensureTopology(nc, { log });
  // Now there is a log that threads can ask about.
  threads.engined.resolve(engines);
  const mayCreate = (await store.lastSequence('EVT')) === 0;
  const kek = Buffer.from(dir.secret('kek.key'), 'base64');
  const keyring = opening.use(
    await openKeyring({ url: engines.postgres.keyringUrl, kek, mayCreate, name: 'axiom47 main' }),
  );
  return { engines, nc, store, keyring, access: await createAccessStore(keyring.database) };
}
