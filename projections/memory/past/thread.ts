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
 * Returns at once: what is asked and told meanwhile waits for the thread, which is started when its config is there. One that cannot start, or ends, says so in the log; the present does not need
 * it, and questions about the past fail with the reason. Stop the fold before it: what that tells at its end is kept.
 */
export function startPastThread(config: PastConfig | Promise<PastConfig>, log: SnapshotLog): PastThread {
  let stopping = false;
  let worker: Worker | null = null;
  const ended = Promise.withResolvers<void>();
  const callers: [caller: PastCaller, port: MessagePort][] = [];
  const introduce = (caller: PastCaller, port: MessagePort): void => {
    if (worker === null) callers.push([caller, port]);
    else worker.postMessage(caller, [port]);
  };
  function start(workerData: PastConfig): void {
    worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData, name: 'past' });
    worker.once('error', (error) => log.warn({ reason: error.message }, 'the thread of the past has failed'));
    worker.once('exit', (code) => {
      if (!stopping) log.warn({ code }, 'the thread of the past has ended; a restart of the server brings it back');
      ended.resolve();
    });
    worker.on('message', (message: PastMessage) => log[message.level](message.fields, message.message));
    for (const [caller, port] of callers.splice(0)) worker.postMessage(caller, [port]);
  }
  const started = Promise.resolve(config).then(start, () => {
    // Whoever promised it has the reason; those who wait are told that nobody comes.
    for (const [, port] of callers.splice(0)) port.close();
    ended.resolve();
  });
  const mine = new MessageChannel();
  introduce(mine.port1, mine.port1);
  const calls = remote<PastHandlers>(mine.port2);
  return {
    calls,
    feed() {
      const { port1, port2 } = new MessageChannel();
      introduce({ fold: port1 }, port1);
      return port2;
    },
    open: (columns) => void calls.open(columns).catch(() => undefined), // its end has been said
    async [Symbol.asyncDispose]() {
      await started;
      stopping = true;
      await Promise.race([calls.stop().catch(() => undefined), ended.promise]);
      await ended.promise;
    },
  };
}
