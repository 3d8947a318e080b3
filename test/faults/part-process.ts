// One part of the program as a process of its own (in the program they are threads), so that it can die alone: the gateway with its NATS door,
// the fold with snapshots and hash chain, or the tables with a fold of their own. Started by fault-points.ts.

import { startFold } from '#projections/memory/fold.ts';
import type { FoldPosition } from '#projections/memory/protocol.ts';
import { startProjector } from '#projections/projector.ts';
import { sealedStore } from '#streams/chain/sealed.ts';
import { startChainWriter } from '#streams/chain/writer.ts';
import type { EventStore } from '#streams/event-store.ts';
import { openGateway } from '#streams/gateway/gateway.ts';
import type { GatewayConfig } from '#streams/gateway/protocol.ts';
import { connectNats } from '#streams/jetstream/connection.ts';
import { silent } from '#streams/jetstream/link.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { doorsOf } from '../streams/gateway/harness.ts';
import { arm, type Point, pass, type Role, watchFiles, watchNats, watchSql } from './crash-points.ts';

export interface PartConfig {
  role: Role;
  gateway: Omit<GatewayConfig, 'kek'> & { kek: string };
  databaseUrl: string;
  snapshotDir: string;
}
export type Question = { ask: 'arm'; point: Point; nth: number } | { ask: 'position' } | { ask: 'digest' };
export type Told =
  | { tell: 'ready' }
  | { tell: 'position'; seq: number; failure: string | null }
  | { tell: 'digest'; state: string };

interface Part {
  position(): Promise<{ seq: number; failure: string | null }>;
  digest(): string;
}

const config = JSON.parse(process.argv[2]!) as PartConfig;
const say = (told: Told): void => void process.send!(told);
const { nats } = config.gateway;
const nc = await connectNats(nats, { name: `part ${config.role}` });
const store = createJetStreamStore(nc);

/** The store, with a point before and after each batch is worked on. */
const watched = (of: EventStore): EventStore => ({
  ...of,
  async *follow(stream, options) {
    for await (const batch of of.follow(stream, options)) {
      pass('before a batch is folded');
      yield batch;
      pass('after a batch is folded');
    }
  },
});

const openFold = () =>
  startFold({
    store: sealedStore(watched(store), silent),
    snapshotDir: config.snapshotDir,
    ledger: {},
    snapshotAfterMs: 1, // a snapshot after nearly every batch
    log: silent,
    say: () => undefined,
  });
const stands = ({ seq, failure }: FoldPosition) => ({ seq, failure: failure?.message ?? null });

const parts: Record<Role, () => Promise<Part>> = {
  async gateway() {
    watchNats(nc, [
      ['evt.', 'before a pack is sent', 'as a pack is sent'],
      ['$JS.ACK.', 'before IN is acknowledged', 'as IN is acknowledged'],
    ]);
    watchSql({
      before: 'before the keyring commits',
      as: 'as the keyring commits',
      after: 'after the keyring has committed',
    });
    await openGateway({ ...config.gateway, kek: Buffer.from(config.gateway.kek, 'base64') }, doorsOf(), silent);
    // What it has done shows in the log.
    return { position: async () => ({ seq: await store.lastSequence('EVT'), failure: null }), digest: () => '' };
  },
  async fold() {
    watchNats(nc, [['aud.', 'before a link of the chain is sent', 'as a link of the chain is sent']]);
    watchFiles();
    const { handlers } = await openFold();
    await startChainWriter({ store, log: silent, sealAfterMs: 200 });
    return { position: async () => stands(handlers.position()), digest: () => handlers.digest().state };
  },
  async tables() {
    watchSql({
      before: 'before rows and checkpoint commit',
      as: 'as rows and checkpoint commit',
      after: 'after rows and checkpoint have committed',
      moves: ['before a checkpoint moves', 'after a checkpoint has moved'],
    });
    const { handlers } = await openFold();
    const projector = startProjector({
      databaseUrl: config.databaseUrl,
      store: sealedStore(store, silent),
      fold: { dirtyRows: async (since, limit) => handlers.dirtyRows(since, limit) },
      log: () => undefined,
      lingerMs: 20,
    });
    return {
      position: async () => {
        const { events, customers, failure } = projector.status();
        return { seq: Math.min(events, customers), failure: failure?.message ?? null };
      },
      digest: () => handlers.digest().state,
    };
  },
};

const part = await parts[config.role]();
process.on('message', async (question: Question) => {
  if (question.ask === 'arm') arm(question.point, question.nth);
  else if (question.ask === 'position') say({ tell: 'position', ...(await part.position()) });
  else say({ tell: 'digest', state: part.digest() });
});
// Whoever started it is gone: nothing keeps it.
process.on('disconnect', () => process.exit(0));
say({ tell: 'ready' });
