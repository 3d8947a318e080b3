// The gateway as a thread: its first message is its config, its second the doors, each port it is sent then another caller.
import { once } from 'node:events';
import { type MessagePort, parentPort } from 'node:worker_threads';
import type { StreamLog } from '../jetstream/link.ts';
import { serve } from '../rpc.ts';
import { openGateway } from './gateway.ts';
import type { GatewayConfig, GatewayDoors, GatewayMessage } from './protocol.ts';

const parent = parentPort;
if (parent === null) throw new Error('streams/gateway/worker.ts is a thread: start it with startGatewayThread');
/** For answers under way when another gateway has taken over. */
const LAST_ANSWERS_MS = 200;
const post = (message: GatewayMessage): void => parent.postMessage(message);
const log: StreamLog = {
  info: (fields, message) => post({ event: 'log', level: 'info', fields, message }),
  warn: (fields, message) => post({ event: 'log', level: 'warn', fields, message }),
};

try {
  const [config] = (await once(parent, 'message')) as [GatewayConfig];
  const doors = new Promise<GatewayDoors>((resolve) => parent.once('message', resolve));
  const { handlers, lost } = await openGateway(config, doors, log);
  // Answers under way leave with the reason; then the thread ends by it, and whoever watches over it hears why.
  void lost.then((error) =>
    setTimeout(() => {
      throw error;
    }, LAST_ANSWERS_MS),
  );
  const callers: MessagePort[] = [];
  const stop = async () => {
    try {
      await handlers.stop();
    } finally {
      // Let the answer leave first; a stop that failed (a log that does not answer) ends the thread all the same.
      setImmediate(() => {
        for (const port of [...callers, parent]) port.close();
      });
    }
  };
  parent.on('message', (port: MessagePort) => {
    callers.push(port);
    serve(port, { ...handlers, stop });
  });
  post({ event: 'ready' });
} catch (error) {
  const { message, code } = error as { message: string; code?: string };
  post({ event: 'failed', message, code });
}
