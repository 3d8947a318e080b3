// The thread of the past: its config is the workerData, the first port it is sent is the fold's, every further one a caller's.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { sealedStore } from '#streams/chain/sealed.ts';
import { connectNats } from '#streams/jetstream/connection.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { serve } from '#streams/rpc.ts';
import { hearFold } from './feed.ts';
import { startPast } from './past.ts';
import type { PastConfig } from './protocol.ts';
import type { PastMessage } from './thread.ts';

const parent = parentPort;
if (parent === null) throw new Error('projections/memory/past/worker.ts is a thread: start it with startPastThread');
const say = (message: PastMessage): void => parent.postMessage(message);
const log = {
  info: (fields: object, message: string) => say({ event: 'log', level: 'info', fields, message }),
  warn: (fields: object, message: string) => say({ event: 'log', level: 'warn', fields, message }),
};

const config = workerData as PastConfig;
const nats = await connectNats(config.nats, { name: 'axiom47 past' });
const past = await startPast({ ...config, store: sealedStore(createJetStreamStore(nats, { log }), log), log });
const ports: MessagePort[] = [];
const stop = async () => {
  try {
    await past.handlers.stop();
  } finally {
    await nats.close();
    setImmediate(() => {
      for (const port of [...ports, parent]) port.close();
    });
  }
};
parent.on('message', (port: MessagePort) => {
  ports.push(port);
  if (ports.length === 1) hearFold(port, past);
  else serve(port, { ...past.handlers, stop });
});
