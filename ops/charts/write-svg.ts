// Writing a drawing where --svg says.
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { type Io, UsageError } from '../commands/command.ts';

/** Writes the whole file or none of it. @throws UsageError when there is nothing to draw, or the path cannot be written. */
export function writeSvg(path: string, svg: string | undefined, io: Io): void {
  if (svg === undefined) throw new UsageError('--svg: nothing here is defined that could be drawn');
  const half = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(half, svg);
    renameSync(half, path);
  } catch (error) {
    rmSync(half, { force: true });
    throw new UsageError(`--svg ${path}: ${(error as Error).message}`);
  }
  io.stderr(`axiom47: drawn to ${path}\n`);
}
