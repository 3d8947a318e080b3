// Serving: predictions a second over HTTP on one core beside bare node:http in the same minute, and lifetime values with exact quantiles a
// second a core. Figures, never assertions: `axiom47 bench serving`. RPS on shared cores wander; the CPU time a request costs does not.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createPredictions } from '#api/predict/service.ts';
import { CDNOW_COVARIANCE } from '../api/support/cdnow-model.ts';
import { createPlatform } from '../api/support/platform.ts';
import { atLeast, type Benchmark, type Measurement, median, quantile } from './benchmark.ts';

const CUSTOMERS = 20_000;
const CONNECTIONS = 48;
const ROUNDS = 5;
const SECONDS = 2;

interface Running {
  child: ChildProcess;
  port: number;
  authorization: string;
}

async function start(kind: 'bare' | 'ours', answerBytes: number): Promise<Running> {
  const file = fileURLToPath(new URL('./serving-process.ts', import.meta.url));
  const pinned = existsSync('/usr/bin/taskset');
  const child = fork(file, [kind, String(CUSTOMERS), String(answerBytes)], {
    ...(pinned && { execPath: '/usr/bin/taskset', execArgv: ['-c', '0', process.execPath] }),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [message] = (await once(child, 'message')) as [{ port: number; authorization: string }];
  return { child, ...message };
}

/** CPU time the server has used, µs. */
async function cpuOf({ child }: Running): Promise<number> {
  child.send('cpu');
  const [{ cpu }] = (await once(child, 'message')) as [{ cpu: NodeJS.CpuUsage }];
  return cpu.user + cpu.system;
}

/** One question after the other on each connection, written as bytes and counted by their end: the client costs far less than a server. */
async function load(
  server: Running,
  path: string,
  seconds: number,
): Promise<{ requests: number; bytes: number; latencies: number[] }> {
  const sockets: Socket[] = [];
  const latencies: number[] = [];
  let requests = 0;
  let bytes = 0;
  let next = 0;
  let stopped = false;
  const ask = (): string => {
    const body = `{"customer_id":"customer-${(next++ * 7919) % CUSTOMERS}"}`;
    return `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: ${server.authorization}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  };
  for (let i = 0; i < CONNECTIONS; i++) {
    const socket = connect({ host: '127.0.0.1', port: server.port, noDelay: true });
    await once(socket, 'connect');
    sockets.push(socket);
  }
  for (const socket of sockets) {
    let wanted = -1;
    let got = 0;
    let begun = 0;
    const send = () => {
      begun = performance.now();
      socket.write(ask());
    };
    socket.on('data', (chunk) => {
      if (wanted < 0) {
        const head = chunk.indexOf('\r\n\r\n');
        const text = chunk.toString('latin1', 0, head);
        if (!text.startsWith('HTTP/1.1 200')) throw new Error(`the server answered ${text.slice(0, 60)}`);
        wanted = head + 4 + Number(/content-length: (\d+)/i.exec(text)![1]);
        got = 0;
      }
      got += chunk.length;
      if (got < wanted) return;
      bytes += got;
      wanted = -1;
      requests++;
      if ((requests & 15) === 0) latencies.push(performance.now() - begun);
      if (!stopped) send();
    });
    send();
  }
  await sleep(seconds * 1000);
  stopped = true;
  await sleep(100);
  for (const socket of sockets) socket.destroy();
  return { requests, bytes, latencies };
}

interface Figures {
  rps: number;
  cpuMicros: number;
  p99: number;
}
async function measure(server: Running, path: string): Promise<Figures> {
  const before = await cpuOf(server);
  const { requests, latencies } = await load(server, path, SECONDS);
  const cpu = (await cpuOf(server)) - before;
  return { rps: requests / SECONDS, cpuMicros: cpu / requests, p99: quantile(latencies, 0.99) };
}

async function answerLength(server: Running): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${server.port}/api/predict/churn`, {
    method: 'POST',
    headers: { authorization: server.authorization, 'content-type': 'application/json' },
    body: '{"customer_id":"customer-1"}',
  });
  if (!response.ok) throw new Error(`the server answered ${response.status} ${await response.text()}`);
  return (await response.text()).length;
}

/** Three ways in interleaved rounds: bare node:http, the hot route, and the Hono route (a trailing query keeps a request off the hot one). */
async function http(): Promise<Measurement[]> {
  const ours = await start('ours', 0);
  const bare = await start('bare', await answerLength(ours));
  try {
    const ways = { bare: [bare, '/'], hot: [ours, '/api/predict/churn'], hono: [ours, '/api/predict/churn?'] } as const;
    const figures: Record<keyof typeof ways, Figures[]> = { bare: [], hot: [], hono: [] };
    for (const [server, path] of Object.values(ways)) await load(server, path, 1);
    for (let i = 0; i < ROUNDS; i++)
      for (const name of Object.keys(ways) as (keyof typeof ways)[])
        figures[name].push(await measure(ways[name][0], ways[name][1]));
    const of = (name: keyof typeof ways, what: keyof Figures) => median(figures[name].map((each) => each[what]));
    // Round by round: the two of a round were measured within seconds of each other.
    const ratio = (name: 'hot' | 'hono', what: keyof Figures) =>
      median(figures[name].map((each, i) => each[what] / figures.bare[i]![what]));
    const peer = (figure: string) => `bare node:http, ${figure}, on the same core in the same minute`;
    const bareRate = `${Math.round(of('bare', 'rps')).toLocaleString('en-US')} requests/s`;
    return [
      {
        name: 'serving: POST /api/predict/churn by id',
        value: of('hot', 'rps'),
        unit: 'requests/s',
        ratio: ratio('hot', 'rps'),
        against: `${peer(bareRate)} (asked for: >= 0.6x)`,
      },
      {
        name: 'serving: CPU time of the server for it',
        value: of('hot', 'cpuMicros'),
        unit: 'µs a request',
        ratio: 1 / ratio('hot', 'cpuMicros'),
        against: peer(`${of('bare', 'cpuMicros').toFixed(1)} µs`),
      },
      { name: `serving: p99 at saturation, ${CONNECTIONS} connections`, value: of('hot', 'p99'), unit: 'ms' },
      {
        name: 'serving: the same question by its Hono route',
        value: of('hono', 'rps'),
        unit: 'requests/s',
        ratio: ratio('hono', 'rps'),
        against: peer(bareRate),
      },
    ];
  } finally {
    for (const { child } of [ours, bare]) {
      child.disconnect();
      await once(child, 'exit');
    }
  }
}

async function lifetimeValues(): Promise<Measurement[]> {
  const platform = await createPlatform();
  await platform.deployCdnow(CDNOW_COVARIANCE);
  const n = 2_000;
  platform.orders(
    Array.from({ length: n * 4 }, (_, i) => ({
      customer: `customer-${i % n}`,
      day: new Date(Date.UTC(2025, 0, 1) + ((i * 7919) % 500) * 86_400_000).toISOString().slice(0, 10),
      amount: 10 + (i % 90),
    })),
  );
  const predictions = createPredictions(platform.deps);
  const answerAll = () => {
    const moment = predictions.now();
    const at = predictions.at(moment);
    for (let i = 0; i < n; i++)
      predictions.clv(at, predictions.subjectInline(`customer-${i}`, moment, true)!, { discountMonthly: 0.01 });
  };
  answerAll();
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const begin = performance.now();
    answerAll();
    times.push(performance.now() - begin);
  }
  return [atLeast('serving: CLV with exact quantiles, one core', n / (median(times) / 1000), 'answers/s', 5_000)];
}

export const benchmarks: Benchmark[] = [
  { name: 'serving-churn', about: 'churn by id over HTTP on one core, beside bare node:http', run: http },
  { name: 'serving-clv', about: 'lifetime value with exact quantiles, from the columns', run: lifetimeValues },
];
