import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hashKey } from '#projections/memory/key-index.ts';
import { RecordPool } from '#projections/memory/record-pool.ts';

test('a pool finds what a map would, through insertions, removals and moves that crowd one segment', () => {
  // Keys of one segment only, so that probing, wrapping and backward shifts happen with few records.
  const crowded: [number, number, number][] = [];
  for (let k = 0; crowded.length < 60; k++)
    for (const row of [1, 2]) if (hashKey(row, k, 0) >>> 23 === 7) crowded.push([row, k, 0]);
  const step = fc.record({ key: fc.nat(crowded.length - 1), action: fc.constantFrom('add', 'add', 'remove', 'move') });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const pool = new RecordPool('test', 6);
      const model = new Map<string, number>();
      let next = 1;
      for (const { key, action } of steps) {
        const [row, k0, k1] = crowded[key]!;
        const name = `${row}:${k0}`;
        const record = pool.find(row, k0, k1);
        expect(record >= 0).toBe(model.has(name));
        if (record < 0 && action === 'add') {
          pool.setWord(pool.insert(row, k0, k1, 0), 4, next);
          model.set(name, next++);
        } else if (record >= 0 && action === 'remove') {
          pool.remove(record);
          model.delete(name);
        } else if (record >= 0 && action === 'move' && !model.has(`${3 - row}:${k0}`)) {
          pool.move(record, 3 - row, 0);
          model.set(`${3 - row}:${k0}`, model.get(name)!);
          model.delete(name);
        }
        expect(pool.live).toBe(model.size);
      }
      for (const [row, k0, k1] of crowded)
        for (const r of [row, 3 - row]) {
          const record = pool.find(r, k0, k1);
          expect(record < 0 ? undefined : pool.word(record, 4)).toBe(model.get(`${r}:${k0}`));
        }
    }),
    { numRuns: 200 },
  );
});

test('a freeze shows the pool as it was, while the pool goes on', () => {
  const pool = new RecordPool('test', 6);
  for (let i = 0; i < 40_000; i++) pool.setWord(pool.insert(i & 7, i, 0, 0), 4, i);
  const frozen = pool.freeze();
  pool.setWord(pool.find(5 & 7, 5, 0), 4, -1);
  pool.remove(pool.find(39_999 & 7, 39_999, 0));
  for (let i = 40_000; i < 90_000; i++) pool.setWord(pool.insert(i & 7, i, 0, 0), 4, i);
  const saved = new Map(
    frozen.sections.map((section) => [section.name, section.lengths.map((_, page) => section.take(page))]),
  );
  frozen.release();
  const copy = new RecordPool('test', 6);
  copy.restore(structuredClone(frozen.meta), (name, targets) => {
    targets.forEach((target, page) => {
      expect(saved.get(name)![page]).toHaveLength(target.length);
      target.set(saved.get(name)![page]!);
    });
  });
  expect(copy.live).toBe(40_000);
  for (let i = 0; i < 40_000; i++) expect(copy.word(copy.find(i & 7, i, 0), 4)).toBe(i);
  expect(copy.find(0, 40_000, 0)).toBe(-1);
  expect(pool.word(pool.find(5, 5, 0), 4)).toBe(-1);
  expect(pool.live).toBe(89_999);
});
