// Parts of a scoring as files, each whole or absent, and all of them as one: done in the job's own process, because hashing and writing megabytes takes
// milliseconds that whoever answers requests does not have.
import { createHash, type Hash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { PartReport, ScoreProgress } from './score-base.ts';

export interface Written {
  bytes: number;
  /** Hex. */
  sha256: string;
}
/** A part that has been written. */
export interface KeptPart {
  report: PartReport;
  written: Written;
}
export interface KeptProgress extends Pick<ScoreProgress, 'progress'> {
  part(part: KeptPart): void;
}
export interface PartsToJoin {
  folder: string;
  parts: number;
  head: Uint8Array;
  into: string;
}

export const partPath = (folder: string, part: number): string => join(folder, `${String(part).padStart(6, '0')}.gz`);

/** Writes each part into the folder before it is told of. @param folder null: nothing is written, for an estimate. */
export const keepParts = (folder: string | null, say: KeptProgress): ScoreProgress => ({
  progress: say.progress,
  part({ report, bytes }) {
    const written = folder === null ? measured(bytes) : writeWhole(partPath(folder, report.part), [bytes]);
    say.part({ report, written });
  },
});

/** Head and parts, one after the other. */
export function joinParts({ folder, parts, head, into }: PartsToJoin): Written {
  function* pieces() {
    yield head;
    for (let part = 0; part < parts; part++) yield readFileSync(partPath(folder, part));
  }
  return writeWhole(into, pieces());
}

const measured = (bytes: Uint8Array): Written => ({
  bytes: bytes.length,
  sha256: createHash('sha256').update(bytes).digest('hex'),
});

/** Fsynced before it gets its name, and its directory after. */
function writeWhole(path: string, pieces: Iterable<Uint8Array>): Written {
  // A process that its server left behind may still be at the same part.
  const draft = `${path}.${process.pid}.draft`;
  const hash: Hash = createHash('sha256');
  let bytes = 0;
  const file = openSync(draft, 'w', 0o600);
  try {
    for (const piece of pieces) {
      hash.update(piece);
      for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at);
      bytes += piece.length;
    }
    fsyncSync(file);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
  const directory = openSync(dirname(path), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
  return { bytes, sha256: hash.digest('hex') };
}
