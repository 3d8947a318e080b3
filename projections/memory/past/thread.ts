// Starts the thread of the past and hands back its calls, and the port that the fold tells it by.
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { type Remote, remote } from '#streams/rpc.ts';
import type { SnapshotLog } from '../snapshot.ts';
import type { PastConfig, PastHandlers } from './protocol.ts';

export interface PastThread extends AsyncDisposable {
  readonly calls: Remote<PastHandlers>;
  /** For the fold thread alone. */
  readonly feed: MessagePort;
}

export type PastMessage =
  | { event: 'ready' }
  | { event: 'log'; level: 'info' | 'warn'; fields: object; message: string };

/** Throws with the reason when it cannot start. Stop the fold before it: what that tells at its end is kept. */
export async function startPastThread(config: PastConfig, log: SnapshotLog): Promise<PastThread> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: config, name: 'past' });
  const ended = new Promise<Error | null>((resolve) => {
    worker.once('error', resolve);
    worker.once('exit', (code) => resolve(code === 0 ? null : new Error(`the thread of the past ended with ${code}`)));
  });
  const failed = ended.then((error) => {
    throw error ?? new Error('the thread of the past ended before it was ready');
  });
  const ready = new Promise<void>((resolve) => {
    worker.on('message', (message: PastMessage) => {
      if (message.event === 'ready') resolve();
      else log[message.level](message.fields, message.message);
    });
  });
  try {
    await Promise.race([ready, failed]);
  } catch (error) {
    await worker.terminate();
    throw error;
  }
  failed.catch((error: Error) => log.warn({ reason: error.message }, 'the thread of the past has ended'));
  const fold = new MessageChannel();
  worker.postMessage(fold.port1, [fold.port1]);
  const mine = new MessageChannel();
  worker.postMessage(mine.port1, [mine.port1]);
  const calls = remote<PastHandlers>(mine.port2);
  return {
    calls,
    feed: fold.port2,
    async [Symbol.asyncDispose]() {
      await calls.stop().finally(() => ended);
    },
  };
}
