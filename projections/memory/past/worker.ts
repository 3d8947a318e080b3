// The thread of the past: its config is the workerData, each port it is sent is another caller's, or a fold's.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { sealedStore } from '#streams/chain/sealed.ts';
import { connectNats } from '#streams/jetstream/connection.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { serve } from '#streams/rpc.ts';
import { hearFold } from './feed.ts';
import { startPast } from './past.ts';
import type { PastConfig } from './protocol.ts';
import type { PastCaller, PastMessage } from './thread.ts';

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
parent.on('message', (caller: PastCaller) => {
  const fold = 'fold' in caller ? caller.fold : null;
  const port = fold ?? (caller as MessagePort);
  ports.push(port);
  if (fold) hearFold(fold, past);
  else serve(port, { ...past.handlers, stop });
});
