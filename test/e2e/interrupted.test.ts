// Ctrl-C on a command that has engines of its own: it stops them, and says how it goes on.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { processesBelow, removeFolders, run, runJson, temporaryFolder } from '../support/program.ts';

afterAll(removeFolders);
const history = fileURLToPath(new URL('../fixtures/clv_transactions.csv', import.meta.url));

test('nothing of it is left running, whether it was still starting or at work, and the next command goes on', async () => {
  const dataDir = join(temporaryFolder('interrupted'), 'shop');
  const imported = ['import', history, '--source', 'shop', '--currency', 'EUR', '--data-dir', dataDir];
  for (const interrupt of [/starting nats-server/, /waiting for the read models/]) {
    const { code, stderr } = await run(imported, { interrupt });
    expect([code, stderr]).toEqual([130, expect.stringContaining('stopped by SIGINT')]);
    expect(processesBelow(dataDir)).toEqual([]);
    expect(readdirSync(dataDir)).toContain('workspace.json');
  }
  const { accepted, duplicates = 0 } = await runJson<{ accepted: number; duplicates?: number }>(imported);
  expect(accepted + duplicates).toBeGreaterThan(0);
  expect(processesBelow(dataDir)).toEqual([]);
});
