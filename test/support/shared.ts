// Where the real data and the published values are: beside the checkout, or where AXIOM47_SHARED points. Never in the repository.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'vitest';

const root = process.env.AXIOM47_SHARED ?? fileURLToPath(new URL('../../../shared', import.meta.url));

export const sharedPath = (...parts: string[]) => join(root, ...parts);
export const hasShared = (...parts: string[]) => existsSync(sharedPath(...parts));
export const sharedJson = <T>(...parts: string[]): T => JSON.parse(readFileSync(sharedPath(...parts), 'utf8')) as T;

/**
 * A suite over files outside the repository: runs when they are there, else one test is listed as skipped with the reason in its title
 * (the body itself, which may read the files at once, is not run: `describe.skip` would).
 */
export function describeShared(title: string, files: string[], body: () => void): void {
  const missing = files.filter((file) => !hasShared(file));
  if (missing.length === 0) describe(title, body);
  else test.skip(`${title} [skipped: ${missing.join(', ')} not found; set AXIOM47_SHARED]`, () => undefined);
}
