// Starts the gateway thread and hands back its calls.
import { MessageChannel, Worker } from 'node:worker_threads';
import type { StreamLog } from '../jetstream/link.ts';
import { type Remote, remote } from '../rpc.ts';
import type {
  GatewayConfig,
  GatewayDoors,
  GatewayHandlers,
  GatewayMessage,
  ImportRequest,
  IngestRequest,
} from './protocol.ts';

export interface GatewayThread extends AsyncDisposable {
  readonly calls: Remote<GatewayHandlers>;
  /** Settles when the thread has ended: null when it was stopped, else why. */
  readonly ended: Promise<Error | null>;
}

/** Throws with the reason (and its code) when the gateway cannot open. @param config @param doors may come later: the thread starts meanwhile. */
export async function startGatewayThread(
  config: GatewayConfig | Promise<GatewayConfig>,
  doors: GatewayDoors | Promise<GatewayDoors>,
  log: StreamLog,
): Promise<GatewayThread> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { name: 'gateway' });
  const ended = new Promise<Error | null>((resolve) => {
    worker.once('error', resolve);
    worker.once('exit', (code) => resolve(code === 0 ? null : new Error(`the gateway thread ended with ${code}`)));
  });
  const failed = ended.then((error) => {
    throw error ?? new Error('the gateway thread ended before it was ready');
  });
  const ready = new Promise<void>((resolve, reject) => {
    worker.on('message', (message: GatewayMessage) => {
      if (message.event === 'ready') resolve();
      else if (message.event === 'failed') reject(Object.assign(new Error(message.message), { code: message.code }));
      else log[message.level](message.fields, message.message);
    });
  });
  try {
    const told = (async () => {
      worker.postMessage(await config);
      worker.postMessage(await doors);
      await ready;
    })();
    await Promise.race([told, ready, failed]);
  } catch (error) {
    await worker.terminate();
    throw error;
  }
  failed.catch(() => undefined);

  const { port1, port2 } = new MessageChannel();
  worker.postMessage(port2, [port2]);
  const calls = remote<GatewayHandlers>(port1, bodiesOf);
  const stop = async () => {
    await calls.stop().finally(() => ended);
  };
  return { calls, ended, [Symbol.asyncDispose]: stop };
}

/** A body that owns its whole buffer moves to the thread; a view of a larger one (a socket's slab) is copied. */
function bodiesOf(name: string, args: unknown[]): ArrayBuffer[] {
  const bytes =
    name === 'ingest'
      ? (args[0] as IngestRequest).body
      : name === 'importEvents'
        ? (args[0] as ImportRequest).events
        : null;
  if (bytes === null || bytes.byteLength !== bytes.buffer.byteLength) return [];
  return bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : [];
}
