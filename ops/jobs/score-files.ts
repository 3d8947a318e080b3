// Files that jobs put out: written in parts beside, each whole or absent, put together when all are there, and kept in the object store too when one is
// configured. Nothing in their names says whom they are about.
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { ArtefactDamaged, sha256 } from '../artefacts.ts';
import { moveBeside } from '../engines/durable-file.ts';
import type { Objects } from '../objects.ts';

export interface Written {
  bytes: number;
  /** Hex. */
  sha256: string;
}
export interface ExportedFile extends Written {
  name: string;
}

export interface Exports {
  /** Removes parts that other jobs have left: a job that goes on makes its own again. */
  sweep(job: string): Promise<void>;
  putPart(job: string, part: number, bytes: Uint8Array): Promise<Written>;
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

/** @param folder for this process alone. */
export function openExports(folder: string, objects: Objects | null): Exports {
  const partsOf = (job: string) => join(folder, `${job}${PARTS}`);
  const partOf = (job: string, part: number) => join(partsOf(job), `${String(part).padStart(6, '0')}.gz`);
  /** On their way back from the object store: two who ask for one file wait for the same. */
  const coming = new Map<string, Promise<boolean>>();

  async function bring(name: string, wanted: string): Promise<boolean> {
    if (existsSync(join(folder, `${name}${GONE}`))) return false;
    const bytes = (await objects?.get(keyOf(name))) ?? null;
    if (bytes === null) return false;
    if (sha256(bytes) !== wanted)
      throw new ArtefactDamaged(`the file ${name} in the object store was changed: its SHA-256 is another one`);
    await writeWhole(join(folder, name), [bytes]);
    return true;
  }
  return {
    async sweep(job) {
      for (const name of await readdir(folder))
        if (
          (name.endsWith('.draft') && !coming.has(name.slice(0, -'.draft'.length))) ||
          (name.endsWith(PARTS) && name !== `${job}${PARTS}`)
        )
          await rm(join(folder, name), { recursive: true, force: true });
    },
    async putPart(job, part, bytes) {
      await mkdir(partsOf(job), { recursive: true, mode: 0o700 });
      return await writeWhole(partOf(job, part), [bytes]);
    },
    async hasPart(job, part, written) {
      if (!existsSync(partOf(job, part))) return false;
      return sha256(await readFile(partOf(job, part))) === written.sha256;
    },
    async join(job, name, head, parts) {
      async function* pieces() {
        yield head;
        for (let part = 0; part < parts; part++) yield await readFile(partOf(job, part));
      }
      const written = await writeWhole(join(folder, name), pieces());
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

/** Off the event loop, fsynced before it gets its name: a part may have megabytes, and requests are answered meanwhile. */
async function writeWhole(path: string, pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<Written> {
  const draft = `${path}.draft`;
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    await using file = await open(draft, 'w', 0o600);
    for await (const piece of pieces) {
      hash.update(piece);
      bytes += piece.length;
      await file.writeFile(piece);
    }
    await file.sync();
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await moveBeside(draft, path);
  return { bytes, sha256: hash.digest('hex') };
}
