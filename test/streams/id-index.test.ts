import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { createIdIndex, type IdIndex, openIdIndex } from '#streams/id-index.ts';
import { readIdIndex, saveIdIndex } from '#streams/id-index-file.ts';

const sidOf = (n: number): Uint8Array => {
  const sid = new Uint8Array(16);
  new DataView(sid.buffer).setUint32(0, n);
  return sid;
};
const filled = (count: number): IdIndex => {
  const index = createIdIndex();
  for (let i = 0; i < count; i++) index.set(`customer-${i}`, false, sidOf(i));
  return index;
};

describe('id index', () => {
  test('answers like a Map under any series of set and delete', () => {
    const id = fc.oneof(fc.constantFrom('', 'a', 'b', 'é', 'Ж💶'), fc.string({ unit: 'grapheme', maxLength: 12 }));
    const step = fc.record({ id, anonymous: fc.boolean(), sid: fc.option(fc.nat(9)) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const index = createIdIndex();
        const reader = openIdIndex(index.handle);
        const model = new Map<string, Uint8Array>();
        for (const { id, anonymous, sid } of steps) {
          const key = `${anonymous}${id}`;
          if (sid === null) {
            index.delete(id, anonymous);
            model.delete(key);
          } else {
            index.set(id, anonymous, sidOf(sid));
            model.set(key, sidOf(sid));
          }
        }
        expect(reader.size).toBe(model.size);
        for (const { id, anonymous } of steps)
          expect(reader.lookup(id, anonymous)).toEqual(model.get(`${anonymous}${id}`) ?? null);
        expect([...index.entries()].map((e) => `${e.anonymous}${e.id}`).sort()).toEqual([...model.keys()].sort());
      }),
    );
  });

  test('a reader opened before it grew finds what came after', () => {
    const index = createIdIndex();
    const reader = openIdIndex(index.handle);
    for (let i = 0; i < 100_000; i++) index.set(`customer-${i}`, false, sidOf(i));
    expect(reader.size).toBe(100_000);
    for (let i = 0; i < 100_000; i += 7) expect(reader.lookup(`customer-${i}`)).toEqual(sidOf(i));
    expect(reader.lookup('customer-100000')).toBeNull();
  });

  test('another thread reads while this one writes: never a wrong sid, in the end every one', async () => {
    const index = createIdIndex();
    const worker = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads');
       import(workerData.module).then(({ openIdIndex }) => {
         const reader = openIdIndex(workerData.handle);
         let wrong = 0, seen = 0;
         parentPort.postMessage('reading');
         while (reader.size < 200000 || seen < 200000) {
           seen = 0;
           for (let i = 0; i < 200000; i++) {
             const sid = reader.lookup('customer-' + i);
             if (sid === null) break;
             if (((sid[0] << 24) | (sid[1] << 16) | (sid[2] << 8) | sid[3]) !== i) wrong++;
             seen++;
           }
         }
         parentPort.postMessage({ wrong, seen });
       });`,
      {
        eval: true,
        workerData: { handle: index.handle, module: new URL('../../streams/id-index.ts', import.meta.url).href },
      },
    );
    const message = () => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await message();
    const result = message();
    for (let i = 0; i < 200_000; i++) {
      index.set(`customer-${i}`, false, sidOf(i));
      if (i % 5_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await result).toEqual({ wrong: 0, seen: 200_000 });
    await worker.terminate();
  });

  test('costs at most 60 bytes a customer beyond the id', () => {
    for (const count of [100_000, 197_000, 300_000]) {
      const index = filled(count);
      let ids = 0;
      for (let i = 0; i < count; i++) ids += `customer-${i}`.length;
      expect((index.bytes - ids) / count).toBeLessThan(60);
    }
  });

  test('nothing of a deleted id stays in its bytes', () => {
    const index = createIdIndex();
    index.set('jane@example.org', false, sidOf(7));
    index.delete('jane@example.org', false);
    expect(Buffer.from(index.handle.arena).includes('jane')).toBe(false);
  });
});

describe('the saved id index', () => {
  const folder = mkdtempSync(join(tmpdir(), 'axiom47-id-index-'));
  const path = join(folder, 'ids.index');
  const key = randomBytes(32);
  const position = { createdNo: 41, erasures: 2 };
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('comes back as it was, takes more, and shows no id in the file', async () => {
    const index = filled(90_000);
    index.delete('customer-5', false);
    index.set('customer-6', true, sidOf(1_000_006));
    await saveIdIndex(index, path, key, position);
    expect(readFileSync(path).includes('customer-')).toBe(false);
    const again = await readIdIndex(path, key);
    expect(again.position).toEqual(position);
    expect(again.index.size).toBe(90_000);
    expect(again.index.lookup('customer-5')).toBeNull();
    expect(again.index.lookup('customer-6', true)).toEqual(sidOf(1_000_006));
    for (let i = 90_000; i < 150_000; i++) again.index.set(`customer-${i}`, false, sidOf(i));
    for (let i = 6; i < 150_000; i += 101) expect(again.index.lookup(`customer-${i}`)).toEqual(sidOf(i));
  });

  test('a changed, shortened or foreign file is refused', async () => {
    await saveIdIndex(filled(50_000), path, key, position);
    const good = readFileSync(path);
    const changed = Buffer.from(good);
    changed[changed.length - 100]! ^= 1;
    for (const bytes of [
      changed,
      good.subarray(0, good.length - 10),
      good.subarray(0, 900_000),
      Buffer.from('hello'),
    ]) {
      writeFileSync(path, bytes);
      await expect(readIdIndex(path, key)).rejects.toThrow();
    }
    writeFileSync(path, good);
    await expect(readIdIndex(path, randomBytes(32))).rejects.toThrow();
    await expect(readIdIndex(path, key)).resolves.toBeDefined();
  });
});
