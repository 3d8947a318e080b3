// Starts the fold thread and hands back its calls and the columns that it writes.
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { type Remote, remote } from '#streams/rpc.ts';
import type { FoldConfig, FoldHandlers, FoldLink, FoldMessage } from './protocol.ts';
import type { ColumnsHandle } from './row-layout.ts';

export interface FoldThread extends AsyncDisposable {
  readonly calls: Remote<FoldHandlers>;
  /** For `openColumns`, here or in any other thread. */
  readonly columns: ColumnsHandle;
  /** Another way in, for another thread: give it the port, there `foldCalls(port)`. */
  connect(): MessagePort;
  /** Settles when the thread has ended: null when it was stopped, else why. */
  readonly ended: Promise<Error | null>;
  /** Ends it where it is, for one that does not come back. */
  terminate(): Promise<void>;
}

export interface FoldLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * Resolves when the ledger is restored and answers; what came since the snapshot may still be read (`waitFor`).
 * Throws with the reason and its code when it cannot start. @param hear what the thread says: progress, facts, deployments, failure.
 */
export async function startFoldThread(
  config: FoldConfig,
  link: FoldLink | Promise<FoldLink>,
  log: FoldLog,
  hear: (message: FoldMessage) => void = () => {},
): Promise<FoldThread> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: config,
    name: 'fold',
    ...(config.past && { transferList: [config.past] }),
  });
  const ended = new Promise<Error | null>((resolve) => {
    worker.once('error', resolve);
    worker.once('exit', (code) => resolve(code === 0 ? null : new Error(`the fold thread ended with ${code}`)));
  });
  const failed = ended.then((error) => {
    throw error ?? new Error('the fold thread ended before it was ready');
  });
  const ready = new Promise<ColumnsHandle>((resolve, reject) => {
    worker.on('message', (message: FoldMessage) => {
      if (message.event === 'log') log[message.level](message.fields, message.message);
      else if (message.event === 'ready') resolve(message.columns);
      else if (message.event === 'failed') {
        if (message.code === 'zone-changed') log.info({ reason: message.message }, 'the fold stops to begin anew');
        else log.error({ code: message.code, reason: message.message }, 'the fold cannot go on');
        reject(Object.assign(new Error(message.message), { code: message.code }));
      }
      hear(message);
    });
  });
  let columns: ColumnsHandle;
  try {
    const told = Promise.resolve(link).then((each) => {
      worker.postMessage(each);
      return ready;
    });
    columns = await Promise.race([told, ready, failed]);
  } catch (error) {
    await worker.terminate();
    throw error;
  }
  failed.catch(() => undefined);

  const connect = (): MessagePort => {
    const { port1, port2 } = new MessageChannel();
    worker.postMessage(port2, [port2]);
    return port1;
  };
  const calls = foldCalls(connect());
  const stop = async () => {
    await calls.stop().finally(() => ended);
  };
  const terminate = async () => {
    await worker.terminate();
  };
  return { calls, columns, connect, ended, terminate, [Symbol.asyncDispose]: stop };
}

export const foldCalls = (port: MessagePort): Remote<FoldHandlers> => remote<FoldHandlers>(port);
