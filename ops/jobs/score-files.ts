// Files that jobs put out: written in parts beside, each whole or absent, put together when all are there, and kept in the object store too when one is
// configured. Nothing in their names says whom they are about.
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { type PartsToJoin, partPath, type Written } from '#processors/scoring/score-parts.ts';
import { ArtefactDamaged, sha256 } from '../artefacts.ts';
import { replaceFileBeside } from '../engines/durable-file.ts';
import type { Objects } from '../objects.ts';

export interface ExportedFile extends Written {
  name: string;
}

export interface Exports {
  /** Removes parts that other jobs have left: a job that goes on makes its own again. */
  sweep(job: string): Promise<void>;
  /** Where the job's parts are to be written. */
  partsFolder(job: string): Promise<string>;
  hasPart(job: string, part: number, written: Written): Promise<boolean>;
  /** Head and parts, one after the other, under the name; kept in the object store when it resolves. */
  join(job: string, name: string, head: Uint8Array, parts: number): Promise<ExportedFile>;
  removeParts(job: string): Promise<void>;
  /** Here and in the object store, of those that are here; answers how many were. One the store could not let go of is asked for again the next time. */
  remove(names: readonly string[]): Promise<number>;
  /** It comes back from the object store when it is not here; null: it is nowhere. */
  read(file: ExportedFile): Promise<Readable | null>;
}

const PARTS = '.parts';
/** Stands for a file that is gone here and may still be in the object store. */
const GONE = '.gone';
const keyOf = (name: string): string => `exports/${name}`;
/** Parquet is made of lines when it is read. */
export const fileNameOf = (job: string, format: unknown): string =>
  `scores-${job}.${format === 'ndjson' || format === 'parquet' ? 'ndjson' : 'csv'}.gz`;

/** @param folder for this process alone. @param joinParts where it holds nobody up. */
export function openExports(
  folder: string,
  objects: Objects | null,
  joinParts: (parts: PartsToJoin) => Promise<Written>,
): Exports {
  const partsOf = (job: string) => join(folder, `${job}${PARTS}`);
  /** On their way back from the object store: two who ask for one file wait for the same. */
  const coming = new Map<string, Promise<boolean>>();

  async function bring(name: string, wanted: string): Promise<boolean> {
    if (existsSync(join(folder, `${name}${GONE}`))) return false;
    const bytes = (await objects?.get(keyOf(name))) ?? null;
    if (bytes === null) return false;
    if (sha256(bytes) !== wanted)
      throw new ArtefactDamaged(`the file ${name} in the object store was changed: its SHA-256 is another one`);
    await replaceFileBeside(join(folder, name), bytes, 0o600);
    return true;
  }
  return {
    async sweep(job) {
      for (const name of await readdir(folder))
        if (
          (name.endsWith('.draft') && ![...coming.keys()].some((each) => name.startsWith(each))) ||
          (name.endsWith(PARTS) && name !== `${job}${PARTS}`)
        )
          await rm(join(folder, name), { recursive: true, force: true });
    },
    async partsFolder(job) {
      await mkdir(partsOf(job), { recursive: true, mode: 0o700 });
      return partsOf(job);
    },
    async hasPart(job, part, written) {
      const path = partPath(partsOf(job), part);
      return existsSync(path) && sha256(await readFile(path)) === written.sha256;
    },
    async join(job, name, head, parts) {
      const written = await joinParts({ folder: partsOf(job), parts, head, into: join(folder, name) });
      await objects?.putFile(keyOf(name), join(folder, name), 'application/gzip', written);
      return { name, ...written };
    },
    async remove(names) {
      const here = new Set(await readdir(folder));
      const old = names.filter((name) => here.has(name));
      // The disk first: it is the one that fills.
      for (const name of old) {
        if (objects !== null) await writeFile(join(folder, `${name}${GONE}`), '', { mode: 0o600 });
        await rm(join(folder, name), { force: true });
      }
      const left = [...here].filter((name) => name.endsWith(GONE)).map((name) => name.slice(0, -GONE.length));
      for (const name of new Set(objects === null ? [] : [...left, ...old])) {
        await objects?.remove(keyOf(name));
        await rm(join(folder, `${name}${GONE}`), { force: true });
      }
      return old.length;
    },
    removeParts: (job) => rm(partsOf(job), { recursive: true, force: true }),
    async read({ name, sha256: wanted }) {
      const path = join(folder, name);
      if (!existsSync(path)) {
        const brought = coming.get(name) ?? bring(name, wanted).finally(() => coming.delete(name));
        coming.set(name, brought);
        if (!(await brought)) return null;
      }
      return createReadStream(path);
    },
  };
}
