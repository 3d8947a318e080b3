// The two listeners: the API with the console, and the metrics on a loopback port of their own.
import { once } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve as serveHono } from '@hono/node-server';
import { createMetricsApp, type Metrics } from '#api/metrics.ts';
import type { Config } from './config.ts';

type Listen = Pick<Config, 'host' | 'port' | 'publicUrl'>;

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127\./.test(host);

/** @throws Error when the host is reachable from other machines and no public address (with its TLS) is named. */
export function checkListen({ host, publicUrl }: Listen): void {
  if (isLoopback(host) || publicUrl !== undefined) return;
  throw new Error(
    `AXIOM47_HOST ${host} is reachable from other machines, and this server speaks plain HTTP: put TLS in front and name its address in AXIOM47_PUBLIC_URL, or leave AXIOM47_HOST at 127.0.0.1`,
  );
}

/** Answers the address for this machine's own clients. @throws Error saying what to do when the port is taken or needs privileges. */
export async function listen(server: Server, { host, port }: Listen): Promise<string> {
  server.listen(port, host);
  // `once` rejects with an error that comes before the event.
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => Promise.reject(explain(error, port)));
  const near = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${near.includes(':') ? `[${near}]` : near}:${(server.address() as AddressInfo).port}`;
}

/** An answer under way may take this long to leave once the server is told to stop. */
const DRAIN_MS = 2_000;

/** Takes nothing new, lets answers under way leave, and ends live streams, which would keep the server for ever. */
export function closeable(server: Server): () => Promise<void> {
  const answers = new Set<ServerResponse>();
  let closing = false;
  server.on('request', (_, answer) => {
    answers.add(answer);
    answer.once('close', () => {
      answers.delete(answer);
      // Its connection was promised to be kept.
      if (closing) setImmediate(() => server.closeIdleConnections());
    });
  });
  return () =>
    new Promise((done) => {
      closing = true;
      const patience = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
      server.close(() => {
        clearTimeout(patience);
        done();
      });
      for (const answer of answers)
        if (String(answer.getHeader('content-type')).startsWith('text/event-stream')) answer.destroy();
    });
}

export async function listenMetrics(metrics: Metrics, port: number): Promise<{ url: string; close(): Promise<void> }> {
  const server = serveHono({ fetch: createMetricsApp(metrics).fetch, port, hostname: '127.0.0.1' }) as Server;
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => Promise.reject(explain(error, port)));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
  return { url, close: closeable(server) };
}

function explain(error: NodeJS.ErrnoException, port: number): Error {
  if (error.code === 'EADDRINUSE')
    return new Error(
      `port ${port} is taken: choose another with --port (0: any free one) or AXIOM47_PORT, or stop what listens there`,
      { cause: error },
    );
  if (error.code === 'EACCES')
    return new Error(`port ${port} needs privileges this user lacks: choose one above 1023 with --port`, {
      cause: error,
    });
  return error;
}
