// Whether a file can be written where --out says: known before the work whose result it is to hold.
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { UsageError } from './commands/command.ts';
import { reasonOf } from './engines/engine-error.ts';

/** The file itself is not made. @throws UsageError naming what is wrong with the place. */
export function checkWritable(path: string): void {
  const folder = dirname(resolve(path));
  if (!existsSync(folder))
    throw new UsageError(`--out ${path}: there is no folder ${folder}; make it, or name another place`);
  if (!statSync(folder).isDirectory()) throw new UsageError(`--out ${path}: ${folder} is not a folder`);
  if (existsSync(path) && statSync(path).isDirectory())
    throw new UsageError(`--out ${path}: that is a folder; name a file in it`);
  try {
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new UsageError(`--out ${path}: ${folder} cannot be written to (${reasonOf(error)}); name another place`);
  }
}
