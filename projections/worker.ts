// The projector thread: its own connections to NATS and PostgreSQL, calls over the worker's port (protocol.ts).
import { parentPort, workerData } from 'node:worker_threads';
import { connectNats } from '#streams/jetstream/connection.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { remote, serve } from '#streams/rpc.ts';
import type { FoldState } from './customers.ts';
import { startProjector } from './projector.ts';
import type { ProjectorMessage, ProjectorWorkerData } from './protocol.ts';

const data = workerData as ProjectorWorkerData;
const port = parentPort!;
const say = (message: ProjectorMessage) => port.postMessage(message);

const nats = await connectNats(data.nats, { name: 'axiom47 projector' });
const projector = startProjector({
  databaseUrl: data.databaseUrl,
  store: createJetStreamStore(nats),
  fold: remote<{ dirtyRows: FoldState['dirtyRows'] }>(data.fold),
  log: (level, fields, message) => say({ event: 'log', level, fields, message }),
  ...(data.windowDays === undefined ? {} : { windowDays: data.windowDays }),
  onProgress: (position) => say({ event: 'progress', position }),
  onFailure: ({ code, message }) => say({ event: 'failed', code, message }),
});
serve(port, {
  position: projector.position,
  status: projector.status,
  waitFor: projector.waitFor,
  counts: projector.counts,
  writeScores: projector.writeScores,
  digest: projector.digest,
  async stop() {
    await projector.stop();
    await nats.close();
    data.fold.close();
    // The answer leaves first; then nothing keeps the thread.
    setImmediate(() => port.close());
  },
});
