// The fold thread: its config is the workerData, its first message the way to the log, each port it is sent then another caller.
import { once } from 'node:events';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { sealedStore } from '#streams/chain/sealed.ts';
import { startChainWriter } from '#streams/chain/writer.ts';
import { connectNats } from '#streams/jetstream/connection.ts';
import { createJetStreamStore } from '#streams/jetstream/store.ts';
import { serve, withTransfer } from '#streams/rpc.ts';
import { startFold } from './fold.ts';
import { pastFeed } from './past/feed.ts';
import type { FoldConfig, FoldLink, FoldMessage } from './protocol.ts';

const parent = parentPort;
if (parent === null) throw new Error('projections/memory/worker.ts is a thread: start it with startFoldThread');
const say = (message: FoldMessage): void => parent.postMessage(message);
const log = {
  info: (fields: object, message: string) => say({ event: 'log', level: 'info', fields, message }),
  warn: (fields: object, message: string) => say({ event: 'log', level: 'warn', fields, message }),
};

try {
  const { past: port, ...given } = workerData as FoldConfig;
  const past = port === undefined ? null : pastFeed(port);
  const stuck = new Map(given.ledger.stuck ?? []);
  const reached = (async () => {
    const [link] = (await once(parent, 'message')) as [FoldLink];
    for (const [place, end] of link.stuck ?? []) stuck.set(place, end);
    const nats = await connectNats(link.nats, { name: 'axiom47 fold' });
    const store = createJetStreamStore(nats, { log });
    return { nats, store, sealed: sealedStore(store, log) };
  })();
  const sealed = reached.then((each) => each.sealed);
  sealed.catch(() => undefined); // the fold meets it when it has read its snapshot
  const { handlers } = await startFold({ ...given, ledger: { ...given.ledger, stuck }, store: sealed, log, say, past });
  const { nats, store } = await reached;
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
