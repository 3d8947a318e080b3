// The server side of the serving benchmark, a process of its own so that it can be pinned to one core: `bare` node:http, or `ours`.
// Tells its port and, on request, the CPU time it has used.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHttpServer } from '#api/hot.ts';
import { createIdIndex } from '#streams/id-index.ts';
import { CDNOW_COVARIANCE } from '../api/support/cdnow-model.ts';
import { createPlatform } from '../api/support/platform.ts';

const [kind = 'bare', customers = '20000', answerBytes = '700'] = process.argv.slice(2);
const UNLIMITED = { perSecond: 1e9, burst: 1e9 };

/** Reads the body, parses it, answers a text of the same length as ours: what any JSON server on node:http must do. */
function bare(length: number): Server {
  const text = JSON.stringify({ p: 'x'.repeat(Math.max(0, length - 8)) });
  return createServer((req, res) => {
    let body: Buffer | null = null;
    req.on('data', (chunk: Buffer) => {
      body = body === null ? chunk : Buffer.concat([body, chunk]);
    });
    req.on('end', () => {
      const asked = JSON.parse(String(body)) as { customer_id: string };
      if (asked.customer_id === '') throw new Error('a customer is asked for');
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length });
      res.end(text);
    });
  });
}

async function ours(count: number): Promise<{ server: Server; authorization: string }> {
  const index = createIdIndex();
  const platform = await createPlatform({
    limits: { requests: UNLIMITED, anonymous: UNLIMITED, login: UNLIMITED },
    deps: { ids: index },
  });
  await platform.deployCdnow(CDNOW_COVARIANCE);
  const list = Array.from({ length: count * 3 }, (_, i) => ({
    customer: `customer-${i % count}`,
    day: new Date(Date.UTC(2025, 0, 1) + ((i * 7919) % 500) * 86_400_000).toISOString().slice(0, 10),
    amount: 10 + (i % 90),
  }));
  for (let at = 0; at < list.length; at += 500) platform.orders(list.slice(at, at + 500));
  for (let i = 0; i < count; i++) index.set(`customer-${i}`, false, platform.sidOf(`customer-${i}`));
  const authorization = `Bearer ${await platform.key('analyst')}`;
  return { server: createHttpServer(platform.app, platform.deps), authorization };
}

let authorization = 'Bearer none';
let server: Server;
if (kind === 'bare') server = bare(Number(answerBytes));
else ({ server, authorization } = await ours(Number(customers)));

server.listen(0, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as AddressInfo).port, authorization });
});
process.on('message', (message) => {
  if (message === 'cpu') process.send?.({ cpu: process.cpuUsage() });
});
process.on('disconnect', () => process.exit(0));
