// Starts the projector thread and hands back its calls.
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { type Remote, remote } from '#streams/rpc.ts';
import type { Position, ProjectorConfig, ProjectorHandlers, ProjectorMessage } from './protocol.ts';

type Log = Record<'info' | 'warn' | 'error', (fields: object, message: string) => void>;

export interface ProjectorThread extends AsyncDisposable {
  readonly calls: Remote<ProjectorHandlers>;
  /** Another way in, for another thread: give it the port, there `remote<ProjectorHandlers>(port)`. */
  connect(): MessagePort;
  /** Settles when the thread has ended: null when it was stopped, else why. */
  readonly ended: Promise<Error | null>;
}

export interface ProjectorListeners {
  onProgress?: (position: Position) => void;
  /** The projector has ended for good (fenced, a hole in the log, a newer schema); the message says what to do. */
  onFailure?: (failure: { code: string; message: string }) => void;
}

/**
 * Does not wait for PostgreSQL: while that is away the thread tries on and `status` says why. `config.fold` moves to the thread.
 * @throws when the thread cannot start (the log's server does not answer).
 */
export async function startProjectorThread(
  config: ProjectorConfig,
  log: Log,
  listeners: ProjectorListeners = {},
): Promise<ProjectorThread> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: config,
    transferList: [config.fold],
    name: 'projector',
  });
  const ended = new Promise<Error | null>((resolve) => {
    worker.once('error', resolve);
    worker.once('exit', (code) => resolve(code === 0 ? null : new Error(`the projector thread ended with ${code}`)));
  });
  const ready = new Promise<void>((resolve) => {
    worker.on('message', (message: ProjectorMessage) => {
      if (message.event === 'ready') resolve();
      else if (message.event === 'progress') listeners.onProgress?.(message.position);
      else if (message.event === 'failed') listeners.onFailure?.(message);
      else log[message.level](message.fields, message.message);
    });
  });
  const early = await Promise.race([ready, ended]);
  if (early !== undefined) {
    await worker.terminate();
    throw early ?? new Error('the projector thread ended before it was ready');
  }
  const connect = (): MessagePort => {
    const { port1, port2 } = new MessageChannel();
    worker.postMessage(port2, [port2]);
    return port1;
  };
  const calls = remote<ProjectorHandlers>(connect(), (name, args) =>
    name === 'writeScores' ? columnsOf(args[0]) : [],
  );
  return {
    calls,
    connect,
    ended,
    async [Symbol.asyncDispose]() {
      await calls.stop().finally(() => ended);
    },
  };
}

/** Columns that own their whole buffer move to the thread; views of a larger one are copied. */
function columnsOf(batch: unknown): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const column of Object.values(batch as object))
    if (
      ArrayBuffer.isView(column) &&
      column.buffer instanceof ArrayBuffer &&
      column.byteLength === column.buffer.byteLength
    )
      buffers.add(column.buffer);
  return [...buffers];
}
