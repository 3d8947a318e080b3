// The conflict writer goes on where the quarantine ends, whatever else stands there.
import { expect, test } from 'vitest';
import { startConflictWriter } from '#ops/conflicts.ts';
import type { Conflict } from '#projections/memory/conflicts.ts';
import { createMemoryStore } from '#streams/memory/store.ts';
import { createQuarantine } from '#streams/quarantine.ts';

const conflict = (number: number): Conflict => ({
  number,
  seq: number,
  index: 0,
  run: null,
  source: 'shop',
  producerNumber: 0,
  lines: 1,
  sid: '00',
  key: '11',
  kind: 'order',
  day: 20_000,
  minor: 100,
  currency: 'EUR',
  stays: false,
});

test('conflicts that the fold no longer holds are said to be missing', async () => {
  const said: object[] = [];
  await using writer = await startConflictWriter({
    conflicts: async (after) => [conflict(41)].filter(({ number }) => number > after),
    quarantine: createQuarantine({ store: createMemoryStore(), remove: async () => undefined }),
    now: () => 1,
    log: { warn: (fields) => void said.push(fields) },
  });
  await writer.settle();
  expect(said).toEqual([{ missed: 40 }]);
});

test('a row that is not one of ours neither stops the start nor moves the count', async () => {
  const quarantine = createQuarantine({ store: createMemoryStore(), remove: async () => undefined });
  const found = [conflict(1), conflict(2)];
  const deps = {
    conflicts: async (after: number) => found.filter(({ number }) => number > after),
    quarantine,
    now: () => 1,
    log: { warn: (_: object, message: string) => expect.fail(message) },
  };
  {
    await using writer = await startConflictWriter(deps);
    await writer.settle();
  }
  for (const raw of ['ann,42.00', '{"number":1e300}', '{"number":999}', 'null'])
    await quarantine.put({
      at: 1,
      source: 'file',
      run: null,
      rows: [{ rowNumber: 1, reason: 'conflict', detail: '', raw, rows: 1 }],
    });
  found.push(conflict(3));
  await using writer = await startConflictWriter(deps);
  await writer.settle();
  const { rows } = await quarantine.list({ reason: 'conflict', limit: 100 });
  expect(rows.filter(({ source }) => source === 'shop').map(({ raw }) => JSON.parse(raw).number)).toEqual([3, 2, 1]);
});
