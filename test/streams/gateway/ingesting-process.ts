// A process that ingests until it is killed: every batch it was told is stored, it prints. Started by kill.test.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailable } from '#streams/event-store.ts';
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
let lost = false;
void gateway.lost.then(() => {
  lost = true;
  process.stdout.write('lost\n');
});
let next = from;
const sender = async () => {
  while (next < from + count) {
    const batch = next++;
    const events = Array.from({ length: size }, (_, i) =>
      order(`kill-${batch}-${i}`, `kill-${(batch * size + i) % 300}`, { order_id: `k-${batch}-${i}` }),
    );
    for (let stored = false; !stored; )
      try {
        await gateway.handlers.ingest(request(events));
        stored = true;
      } catch (error) {
        // As a publisher does: sent again, until it is said that another one takes it.
        if (!(error instanceof StoreUnavailable)) throw error;
        if (lost) return void process.stdout.write('refused\n');
        await sleep(20);
      }
    process.stdout.write(`${batch}\n`);
  }
};
if (!config.inDoor) await Promise.all(Array.from({ length: 8 }, sender));
else await new Promise(() => undefined);
// What it leaves unacknowledged its publishers send to the other.
if (lost) process.exit(0);
await gateway[Symbol.asyncDispose]();
