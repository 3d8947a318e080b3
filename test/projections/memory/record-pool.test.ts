import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EntryStore } from '#projections/memory/entry-store.ts';
import { hashKey } from '#projections/memory/key-index.ts';
import { RecordPool } from '#projections/memory/record-pool.ts';
import { WORD } from '#projections/memory/row-layout.ts';
import { RowTable } from '#projections/memory/rows.ts';
import { SideColumn } from '#projections/memory/side-column.ts';

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

test('numbers beside records: no memory before there is one, a byte each, two where one needs it; frozen as they were; gone with their record', () => {
  const sided = () => new RecordPool('test', 6, null, new SideColumn('test.side'));
  const pool = sided();
  for (let i = 0; i < 100_000; i++) pool.insert(i & 7, i, 0, 0);
  const without = pool.bytes;
  expect([pool.hasSides, pool.side(99_999)]).toEqual([false, 0]);
  // Of the four pages the second has none, the third needs two bytes.
  pool.setSide(3, 7);
  pool.setSide(30_000, 255);
  pool.setSide(70_000, 9);
  pool.setSide(70_001, 300);
  pool.setSide(99_999, 1);
  expect(pool.bytes - without).toBe(4 * 32_768);
  const frozen = pool.freeze();
  pool.setSide(3, 65_535);
  pool.setSide(40_000, 1);
  pool.setSide(70_001, 0);
  expect(() => pool.setSide(5, 65_536)).toThrow('more than 65535');
  pool.remove(99_999);
  expect(pool.insert(1, 1_000_000, 0, 0)).toBe(99_999);
  const at = [3, 4, 30_000, 40_000, 70_000, 70_001, 99_999];
  expect(at.map((i) => pool.side(i))).toEqual([65_535, 0, 255, 1, 9, 0, 0]);
  const copy = sided();
  const sections = new Map(frozen.sections.map((section) => [section.name, section]));
  copy.restore(structuredClone(frozen.meta), (name, targets) => {
    expect(sections.get(name)!.lengths).toEqual(targets.map(({ length }) => length));
    for (const [page, target] of targets.entries()) target.set(sections.get(name)!.take(page));
  });
  frozen.release();
  expect(at.map((i) => copy.side(i))).toEqual([7, 0, 255, 0, 9, 300, 1]);
  copy.setSide(40_000, 2);
  expect(copy.side(40_000)).toBe(2);
});

test('what fails in the middle of an event takes back the channel it wrote, of a new order and of a known one', () => {
  const store = new EntryStore(new RowTable(16));
  const row = store.rows.create(1, 2, 3, 4);
  const put = (key: number, channel: string, revision: number) => {
    store.begin(row);
    const code = store.channels.code(channel);
    store.putDocument(store.orders, WORD.orderHead, row, key, 0, 10, 100, 0, revision, 0, 0, code);
  };
  const channelOf = (key: number) => store.channels.list[store.orders.side(store.orders.find(row, key, 0))];
  put(1, 'web', 0);
  store.end();
  put(1, 'app', 1);
  expect(channelOf(1)).toBe('app');
  store.rollback();
  expect(channelOf(1)).toBe('web');
  put(2, 'app', 0);
  store.rollback();
  expect(store.orders.live).toBe(1);
  // The record is used again, by an order without a channel.
  put(3, '', 0);
  store.end();
  expect([channelOf(3), store.orders.live]).toEqual(['', 2]);
});
