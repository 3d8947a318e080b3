import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { openColumns } from '#projections/memory/columns.ts';
import { createLedger } from '#projections/memory/ledger.ts';
import { apply, createWriter, order, sidOf } from './scenario.ts';

test('another thread never sees a torn row, a lost customer or an older state, while rows change and the table grows', async () => {
  const ledger = createLedger({ maxCustomers: 1 << 18 });
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const watched = Array.from({ length: 50 }, (_, i) => `watched-${i}`);
  const sids = Uint8Array.from(watched.flatMap((id) => [...sidOf(id)]));
  const worker = new Worker(new URL('./columns-reader.ts', import.meta.url), {
    workerData: { handle: ledger.rows.handle, sids, stop },
  });
  const answer = once(worker, 'message');
  const failure = once(worker, 'error').then(([error]) => Promise.reject(error));
  await Promise.race([once(worker, 'online'), failure]);
  const writer = createWriter();
  // More rows than one step of growth (65,536), and every segment of the hash doubles several times.
  for (let day = 0; day < 300; day++) {
    const changes = watched.map((id) => order(id, `${id} ${day}`, day, 100));
    const newcomers = Array.from({ length: 300 }, (_, i) => order(`new ${day} ${i}`, `n ${day} ${i}`, day, 100));
    apply(ledger, [writer.pack([...changes, ...newcomers])]);
    if (day % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  Atomics.store(stop, 0, 1);
  const [report] = await Promise.race([answer, failure]);
  expect(report).toMatchObject({ torn: 0, lost: 0, backwards: 0 });
  expect(report.reads).toBeGreaterThan(10_000);
  expect(report.state).toMatchObject({ seq: 300, customers: 300 * 300 + 50, orders: 300 * 350, events: 300 * 350 });
  await worker.terminate();
});

test('an unknown sid has no row; a linked one leads to its customer', () => {
  const ledger = createLedger({ maxCustomers: 1 << 10 });
  const columns = openColumns(ledger.rows.handle);
  expect(columns.rowOf(sidOf('nobody'))).toBe(-1);
  const writer = createWriter();
  apply(ledger, [
    writer.pack([order('anon', '1', 1, 100), order('ann', '2', 2, 100)]),
    writer.fact({ type: 'customer.linked', anonymous: sidOf('anon'), known: sidOf('ann') }),
  ]);
  expect(columns.rowOf(sidOf('anon'))).toBe(columns.rowOf(sidOf('ann')));
  expect(columns.sidOf(columns.rowOf(sidOf('anon')))).toEqual(sidOf('ann'));
});

test('a table that is full says how to make it greater', () => {
  const ledger = createLedger({ maxCustomers: 10 });
  const writer = createWriter();
  const events = Array.from({ length: 11 }, (_, i) => order(`c${i}`, `${i}`, 1, 1));
  expect(() => apply(ledger, [writer.pack(events)])).toThrow(/more than 10 customers/);
});
