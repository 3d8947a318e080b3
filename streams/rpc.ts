// Calls between threads over a MessagePort: one map of async functions on one side, a typed proxy on the other.
// An Error loses its class on the way, so `code` travels beside the message and is put back.
import type { MessagePort, Transferable } from 'node:worker_threads';

// biome-ignore lint/suspicious/noExplicitAny: a handler map is generic over every argument list.
type Handlers = { [name: string]: (...args: any[]) => unknown };
export type Remote<H extends Handlers> = {
  [K in keyof H]: (...args: Parameters<H[K]>) => Promise<Awaited<ReturnType<H[K]>>>;
};

interface Call {
  id: number;
  name: string;
  args: unknown[];
}
interface Answer {
  id: number;
  value?: unknown;
  error?: { message: string; name: string; code: string | undefined; stack: string | undefined };
}

export class RemoteError extends Error {
  readonly code: string | undefined;
  constructor(error: NonNullable<Answer['error']>) {
    super(error.message);
    this.name = error.name;
    this.code = error.code;
    if (error.stack) this.stack = error.stack;
  }
}

/** Serves `handlers` on the port. A handler's answer may carry a `transfer` list through `withTransfer`. */
export function serve(port: MessagePort, handlers: Handlers): void {
  port.on('message', async (call: Call) => {
    const answer: Answer = { id: call.id };
    let transfer: Transferable[] = [];
    try {
      const handler = handlers[call.name];
      if (!handler) throw new Error(`no handler '${call.name}'`);
      const value = await handler(...call.args);
      if (value instanceof WithTransfer) {
        answer.value = value.value;
        transfer = value.transfer;
      } else answer.value = value;
    } catch (error) {
      const e = error instanceof Error ? error : new Error(String(error));
      answer.error = { message: e.message, name: e.name, code: (e as { code?: string }).code, stack: e.stack };
    }
    port.postMessage(answer, transfer);
  });
}

class WithTransfer {
  readonly value: unknown;
  readonly transfer: Transferable[];
  constructor(value: unknown, transfer: Transferable[]) {
    this.value = value;
    this.transfer = transfer;
  }
}
/** Marks an answer (or an argument list's buffers, see `remote`) as moved instead of copied. */
export const withTransfer = <T>(value: T, transfer: Transferable[]): T =>
  new WithTransfer(value, transfer) as unknown as T;

/** A proxy that calls the other side. ArrayBuffers listed in `transferArgs(name, args)` are moved. */
export function remote<H extends Handlers>(
  port: MessagePort,
  transferArgs: (name: string, args: unknown[]) => Transferable[] = () => [],
): Remote<H> {
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let next = 1;
  let closed = false;
  port.on('message', (answer: Answer) => {
    const entry = waiting.get(answer.id);
    if (!entry) return;
    waiting.delete(answer.id);
    if (answer.error) entry.reject(new RemoteError(answer.error));
    else entry.resolve(answer.value);
  });
  port.on('close', () => {
    closed = true;
    for (const entry of waiting.values()) entry.reject(new Error('the thread on the other side has ended'));
    waiting.clear();
  });
  return new Proxy({} as Remote<H>, {
    get:
      (_target, name: string) =>
      (...args: unknown[]) =>
        new Promise((resolve, reject) => {
          if (closed) return reject(new Error('the thread on the other side has ended'));
          const id = next++;
          waiting.set(id, { resolve, reject });
          port.postMessage({ id, name, args } satisfies Call, transferArgs(name, args));
        }),
  });
}
