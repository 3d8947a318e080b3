// A process that ingests until it is killed: every batch it was told is stored, it prints. Started by kill.test.ts.
import { openGateway } from '#streams/gateway/gateway.ts';
import type { GatewayConfig } from '#streams/gateway/protocol.ts';
import { doorsOf, order, request, silent } from './harness.ts';

const { config, from, count, size } = JSON.parse(process.argv[2]!) as {
  config: Omit<GatewayConfig, 'kek'> & { kek: string };
  from: number;
  count: number;
  size: number;
};
const gateway = await openGateway({ ...config, kek: Buffer.from(config.kek, 'base64') }, doorsOf(), silent);
process.stdout.write('open\n');
let next = from;
const sender = async () => {
  while (next < from + count) {
    const batch = next++;
    const events = Array.from({ length: size }, (_, i) =>
      order(`kill-${batch}-${i}`, `kill-${(batch * size + i) % 300}`, { order_id: `k-${batch}-${i}` }),
    );
    await gateway.handlers.ingest(request(events));
    process.stdout.write(`${batch}\n`);
  }
};
if (!config.inDoor) await Promise.all(Array.from({ length: 8 }, sender));
else await new Promise(() => undefined);
await gateway[Symbol.asyncDispose]();
