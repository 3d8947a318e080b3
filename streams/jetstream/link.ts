// Whether a NATS connection is up right now. Requests made while it is down pile up in the client, so readers and publishers ask here first.
import type { NatsConnection } from '@nats-io/nats-core';

/** The part of a pino logger the streams use. Fields never hold personal data. */
export interface StreamLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}
export const silent: StreamLog = { info: () => {}, warn: () => {} };

export interface Link {
  readonly up: boolean;
  readonly closed: boolean;
  /** Called at every loss and at the close. Returns the way to stop listening. */
  onLoss(listener: () => void): () => void;
  /** Resolves when the connection is up, closed, or the signal aborts. */
  whenUp(signal?: AbortSignal): Promise<void>;
}

const links = new WeakMap<NatsConnection, Link>();

/** One watcher a connection: `status()` must be drained, and every listener is one more queue. */
export function linkOf(nc: NatsConnection): Link {
  const known = links.get(nc);
  if (known) return known;
  const link = createLink(nc);
  links.set(nc, link);
  return link;
}

function createLink(nc: NatsConnection): Link {
  const losses = new Set<() => void>();
  const arrivals = new Set<() => void>();
  let up = !nc.isClosed();
  const tell = (listeners: Set<() => void>) => {
    for (const listener of [...listeners]) listener();
  };
  const watch = async () => {
    for await (const status of nc.status()) {
      if (status.type === 'disconnect') {
        up = false;
        tell(losses);
      } else if (status.type === 'reconnect') {
        up = true;
        tell(arrivals);
      }
    }
    up = false;
    tell(losses);
    tell(arrivals);
  };
  void watch();
  return {
    get up() {
      return up && !nc.isClosed();
    },
    get closed() {
      return nc.isClosed();
    },
    onLoss(listener) {
      losses.add(listener);
      return () => losses.delete(listener);
    },
    async whenUp(signal) {
      if (this.up || nc.isClosed() || signal?.aborted) return;
      await new Promise<void>((resolve) => {
        const done = () => {
          arrivals.delete(done);
          signal?.removeEventListener('abort', done);
          resolve();
        };
        arrivals.add(done);
        signal?.addEventListener('abort', done);
      });
    },
  };
}

/** Waits at most `ms`; less when the signal aborts. */
export const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
