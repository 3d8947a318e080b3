// Starts the thread of the past and hands back its calls, and the port that the fold tells it by.
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { type Remote, remote } from '#streams/rpc.ts';
import type { ColumnsHandle } from '../row-layout.ts';
import type { SnapshotLog } from '../snapshot.ts';
import type { PastConfig, PastHandlers } from './protocol.ts';

export interface PastThread extends AsyncDisposable {
  readonly calls: Remote<PastHandlers>;
  /** For a fold thread alone; each gets its own. */
  feed(): MessagePort;
  /** Where rows of customers are found. */
  open(columns: ColumnsHandle): void;
}

/** Each port the thread is sent is another caller's, or a fold's. */
export type PastCaller = MessagePort | { fold: MessagePort };

export type PastMessage = { event: 'log'; level: 'info' | 'warn'; fields: object; message: string };

/**
 * Returns at once: what is asked and told meanwhile waits for the thread. One that cannot start, or ends, says so in the log; the present does not need
 * it, and questions about the past fail with the reason. Stop the fold before it: what that tells at its end is kept.
 */
export function startPastThread(config: PastConfig, log: SnapshotLog): PastThread {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: config, name: 'past' });
  let stopping = false;
  const ended = new Promise<void>((resolve) => {
    worker.once('error', (error) => log.warn({ reason: error.message }, 'the thread of the past has failed'));
    worker.once('exit', (code) => {
      if (!stopping) log.warn({ code }, 'the thread of the past has ended; a restart of the server brings it back');
      resolve();
    });
  });
  worker.on('message', (message: PastMessage) => log[message.level](message.fields, message.message));
  const mine = new MessageChannel();
  worker.postMessage(mine.port1, [mine.port1]);
  const calls = remote<PastHandlers>(mine.port2);
  return {
    calls,
    feed() {
      const { port1, port2 } = new MessageChannel();
      worker.postMessage({ fold: port1 } satisfies PastCaller, [port1]);
      return port2;
    },
    open: (columns) => void calls.open(columns).catch(() => undefined), // its end has been said
    async [Symbol.asyncDispose]() {
      stopping = true;
      await calls.stop().catch(() => undefined);
      await ended;
    },
  };
}
