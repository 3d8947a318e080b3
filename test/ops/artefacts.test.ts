import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openArtefacts, sha256 } from '#ops/artefacts.ts';
import { createMemoryObjects } from '#test/support/memory-objects.ts';

let folder: string;
let objects: ReturnType<typeof createMemoryObjects>;
let stored: Map<string, Uint8Array>;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'axiom47-artefacts-'));
  objects = createMemoryObjects();
  stored = objects.stored;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const onlyFile = () => join(folder, readdirSync(folder)[0]!);

describe('artefacts', () => {
  test('equal values are one file, named by the hash of its bytes', async () => {
    const artefacts = openArtefacts(folder);
    const digest = await artefacts.put({ b: [1, { y: 2, x: 1 }], a: 'é' });
    expect(await artefacts.put({ a: 'é', b: [1, { x: 1, y: 2 }] })).toBe(digest);
    expect(readdirSync(folder)).toEqual([`${digest}.json`]);
    expect(sha256(readFileSync(onlyFile()))).toBe(digest);
    expect(artefacts.get(digest)).toEqual({ a: 'é', b: [1, { x: 1, y: 2 }] });
  });

  test('several at once, one of them twice: each is whole, and nothing else is left', async () => {
    const artefacts = openArtefacts(folder);
    const values = [{ r: 0.24 }, { r: 0.24 }, { r: 0.25 }, { long: 'x'.repeat(1 << 20) }];
    const digests = await Promise.all(values.map((value) => artefacts.put(value)));
    expect(digests.map((digest) => artefacts.get(digest))).toEqual(values);
    expect(readdirSync(folder).sort()).toEqual([...new Set(digests)].map((digest) => `${digest}.json`).sort());
    rmSync(folder, { recursive: true });
    await expect(artefacts.put({ r: 0.26 })).rejects.toThrow(/ENOENT/);
  });

  test('a changed or missing file is never read as the model', async () => {
    const artefacts = openArtefacts(folder);
    const digest = await artefacts.put({ r: 0.24 });
    writeFileSync(onlyFile(), '{"r":0.25}');
    expect(() => artefacts.get(digest)).toThrow(/was changed; restore it/);
    rmSync(onlyFile());
    expect(() => artefacts.get(digest)).toThrow(/is missing from/);
    expect(await artefacts.bring([digest])).toBe(0);
  });

  test('with an object store they are kept there too, and come back to a disk that lost or damaged them', async () => {
    const artefacts = openArtefacts(folder, objects);
    const digest = await artefacts.put({ r: 0.24 });
    expect([...stored.keys()]).toEqual([`artefacts/${digest}.json`]);
    const { length } = readFileSync(onlyFile());
    writeFileSync(onlyFile(), 'x'.repeat(length));
    expect(await artefacts.bring([digest])).toBe(1);
    expect(artefacts.get(digest)).toEqual({ r: 0.24 });
    rmSync(onlyFile());
    expect(await artefacts.bring([digest, 'f'.repeat(64)])).toBe(1);
    expect(artefacts.get(digest)).toEqual({ r: 0.24 });
    expect(await artefacts.bring([digest])).toBe(0);
  });

  test('an artefact changed in the object store is refused by its hash, and nothing is written here', async () => {
    const artefacts = openArtefacts(folder, objects);
    const digest = await artefacts.put({ r: 0.24 });
    rmSync(onlyFile());
    stored.set(`artefacts/${digest}.json`, new TextEncoder().encode('{"r":0.25}'));
    await expect(artefacts.bring([digest])).rejects.toThrow(/object store was changed/);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('what the object store does not take is not said to be stored', async () => {
    objects.put = async () => {
      throw new Error('the object store does not answer');
    };
    await expect(openArtefacts(folder, objects).put({ r: 0.24 })).rejects.toThrow(/does not answer/);
  });

  test('what is removed is gone here and there, and nothing else', async () => {
    const artefacts = openArtefacts(folder, objects);
    const [kept, gone] = [await artefacts.put({ r: 0.24 }), await artefacts.put({ r: 0.25 })];
    await artefacts.remove(new Set([gone, 'f'.repeat(64)]));
    expect([...stored.keys()]).toEqual([`artefacts/${kept}.json`]);
    expect(artefacts.get(kept)).toEqual({ r: 0.24 });
    expect(() => artefacts.get(gone)).toThrow(/is missing from/);
  });
});
