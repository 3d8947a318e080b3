// The fold thread: its config is the workerData, each port it is sent is another caller.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { sealedStore } from '#streams/chain/sealed.ts';
import { startChainWriter } from '#streams/chain/writer.ts';
import { connectNats } from '#streams/jetstream/connection.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { serve, withTransfer } from '#streams/rpc.ts';
import { startFold } from './fold.ts';
import { pastFeed } from './past/feed.ts';
import type { FoldConfig, FoldMessage } from './protocol.ts';

const parent = parentPort;
if (parent === null) throw new Error('projections/memory/worker.ts is a thread: start it with startFoldThread');
const say = (message: FoldMessage): void => parent.postMessage(message);
const log = {
  info: (fields: object, message: string) => say({ event: 'log', level: 'info', fields, message }),
  warn: (fields: object, message: string) => say({ event: 'log', level: 'warn', fields, message }),
};

try {
  const config = workerData as FoldConfig;
  const nats = await connectNats(config.nats, { name: 'axiom47 fold' });
  const store = createJetStreamStore(nats, { log });
  const { past: port, ...given } = config;
  const past = port === undefined ? null : pastFeed(port);
  const { handlers } = await startFold({ ...given, store: sealedStore(store, log), log, say, past });
  const chain = await startChainWriter({ store, log });
  // The log is not what was sealed: whoever reads it there will say so; what is sealed stays as it is.
  chain.done.catch((error: Error) =>
    log.warn({ sealedTo: chain.sealedTo, error: error.message }, 'the log is not sealed on'),
  );
  const callers: MessagePort[] = [];
  const stop = async () => {
    try {
      await handlers.stop();
      await chain[Symbol.asyncDispose]();
    } finally {
      past?.close();
      await nats.close();
      // Let the answer leave first; then nothing keeps the thread, also after a snapshot that could not be written.
      setImmediate(() => {
        for (const port of [...callers, parent]) port.close();
      });
    }
  };
  const dirtyRows = (sinceSeq: number, limit: number) => {
    const answer = handlers.dirtyRows(sinceSeq, limit);
    const { currencies: _, ...columns } = answer.rows;
    return withTransfer(
      answer,
      Object.values(columns).map((column) => column.buffer as ArrayBuffer),
    );
  };
  parent.on('message', (port: MessagePort) => {
    callers.push(port);
    serve(port, { ...handlers, dirtyRows, stop });
  });
  say({ event: 'ready', columns: handlers.columns(), position: handlers.position() });
} catch (error) {
  const { message, code } = error as { message: string; code?: string };
  say({ event: 'failed', code: code ?? 'fold-failed', message });
}
