// One folder for everything the tests of a run put into the temporary directory, gone with the run, also what a test that failed left behind.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let folder = '';

export function setup(): void {
  folder = mkdtempSync(join(tmpdir(), 'ax-'));
  chmodSync(folder, 0o711); // As /tmp itself: what another user is to reach lies in it.
  process.env.TMPDIR = folder; // The workers and the programs they start inherit it.
}

export function teardown(): void {
  rmSync(folder, { recursive: true, force: true });
}
