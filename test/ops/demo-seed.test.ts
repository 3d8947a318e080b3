// The demo's history is whole or not said to be: a batch that fails is heard of, also when another one was being waited for.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { DataDir } from '#ops/data-dir.ts';
import { type SeedDeps, seedDemo } from '#ops/demo/seed.ts';

const path = mkdtempSync(join(tmpdir(), 'axiom47-seed-'));
afterAll(() => rmSync(path, { recursive: true, force: true }));

test('the second of two flights that end at once fails: the history is not finished, and its failure is the one that is told', async () => {
  const facts: string[] = [];
  let flights = 0;
  const oneTick = new Promise((resolve) => setImmediate(resolve));
  const gateway: SeedDeps['gateway'] = {
    importEvents: async () => {
      const own = ++flights;
      await oneTick;
      if (own === 2) throw new Error(`batch ${own} is lost`);
      return { accepted: 1, duplicates: 0, rejected: [], lastSeq: own } as never;
    },
    appendFact: async ({ type }) => {
      facts.push(type);
      return 1;
    },
    ingest: async () => {
      throw new Error('not reached');
    },
  };
  const log = { info: () => undefined, error: () => undefined };
  const never = async () => {
    throw new Error('not reached');
  };
  const seeding = seedDemo({ dir: { path } as DataDir, gateway, log });
  await expect(seeding.run({ fit: never, held: never, settle: never, progress: () => undefined })).rejects.toThrow(
    'batch 2 is lost',
  );
  expect(facts).toEqual(['import.started']);
  expect(flights).toBeLessThan(6);
});
