// A second thread that reads columns as fast as it can and reports every row whose words do not belong together.
import { parentPort, workerData } from 'node:worker_threads';
import { type ColumnsHandle, createCustomerColumns, openColumns } from '#projections/memory/columns.ts';

const { handle, sids, stop } = workerData as { handle: ColumnsHandle; sids: Uint8Array; stop: Int32Array };
const columns = openColumns(handle);
const out = createCustomerColumns();
let reads = 0;
let torn = 0;
let lost = 0;
let backwards = 0;
let grown = 0;
const lastSeq = new Map<number, number>();
while (Atomics.load(stop, 0) === 0) {
  for (let at = 0; at < sids.length; at += 16) {
    const row = columns.rowOf(sids.subarray(at, at + 16));
    if (row < 0) {
      if (lastSeq.has(at)) lost++;
      continue;
    }
    if (!columns.read(row, out)) lost++;
    reads++;
    // The writer gives every customer one order of 100 a day, so each word follows from the number of orders.
    if (out.seq > 0 && (out.frequency !== out.orders - 1 || out.netMinor !== out.orders * 100)) torn++;
    if (out.seq > 0 && out.lastDay - out.firstDay !== out.frequency) torn++;
    if (out.seq < (lastSeq.get(at) ?? 0)) backwards++;
    lastSeq.set(at, out.seq);
  }
  grown = Math.max(grown, columns.rows());
}
parentPort!.postMessage({ reads, torn, lost, backwards, grown, state: columns.state() });
