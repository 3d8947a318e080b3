// The projector as a thread: its configuration is the workerData, each port it is sent is another caller (started by thread.ts).
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { sealedStore } from '#streams/chain/sealed.ts';
import { connectNats } from '#streams/jetstream/connection.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { remote, serve } from '#streams/rpc.ts';
import type { FoldState } from './customers.ts';
import type { ParkedState } from './parked.ts';
import { startProjector } from './projector.ts';
import type { ProjectorConfig, ProjectorHandlers, ProjectorMessage } from './protocol.ts';

const parent = parentPort;
if (parent === null) throw new Error('projections/worker.ts is a thread: start it with startProjectorThread');
const post = (message: ProjectorMessage): void => parent.postMessage(message);

const config = workerData as ProjectorConfig;
const nats = await connectNats(config.nats, { name: 'axiom47 projector' });
const fold = remote<{ dirtyRows: FoldState['dirtyRows'] } & Pick<ParkedState, keyof ParkedState>>(config.fold);
const projector = startProjector({
  databaseUrl: config.databaseUrl,
  store: sealedStore(createJetStreamStore(nats), {
    info: (fields, message) => post({ event: 'log', level: 'info', fields: { ...fields }, message }),
    warn: (fields, message) => post({ event: 'log', level: 'warn', fields: { ...fields }, message }),
  }),
  fold,
  parked: fold,
  log: (level, fields, message) => post({ event: 'log', level, fields, message }),
  onProgress: (position) => post({ event: 'progress', position }),
  onFailure: ({ code, message }) => post({ event: 'failed', code, message }),
  ...(config.keyringUrl === undefined ? {} : { keyringUrl: config.keyringUrl }),
  ...(config.shadow === undefined ? {} : { shadow: config.shadow }),
  ...(config.windowDays === undefined ? {} : { windowDays: config.windowDays }),
});
const callers: MessagePort[] = [];
const handlers: ProjectorHandlers = {
  position: projector.position,
  status: projector.status,
  finish: projector.finish,
  waitFor: projector.waitFor,
  counts: projector.counts,
  writeScores: projector.writeScores,
  digest: projector.digest,
  async stop() {
    try {
      await projector.stop();
    } finally {
      await nats.close();
      // The answer leaves first; then nothing keeps the thread.
      setImmediate(() => {
        for (const port of [...callers, config.fold, parent]) port.close();
      });
    }
  },
};
parent.on('message', (port: MessagePort) => {
  callers.push(port);
  serve(port, handlers);
});
post({ event: 'ready' });
