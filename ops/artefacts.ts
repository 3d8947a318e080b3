// Artefacts on disk (models, results of jobs), named by what is in them: `<sha256>.json`. Written once, checked at every read; kept in an object store too when
// one is configured, from where they come back to a disk that lost them.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '#domain/canonical-json.ts';
import { replaceFileBeside } from './engines/durable-file.ts';
import type { Objects } from './objects.ts';

export interface Artefacts {
  /** Stores the value, here and in the object store, and answers its digest (hex); the same value again is the same file. */
  put(value: unknown): Promise<string>;
  /** Brings those that are missing or damaged here from the object store; what is not there either is left to `get`, which says so. */
  bring(digests: Iterable<string>): Promise<number>;
  /** Of those that are here, here and in the object store: only what nothing refers to. */
  remove(digests: ReadonlySet<string>): Promise<void>;
  /** @throws Error naming the file when it is missing or its bytes no longer have that digest. */
  get(digest: string): Record<string, unknown>;
}

/** Missing, or other bytes than those that were stored. */
export class ArtefactDamaged extends Error {
  readonly code = 'artefact-damaged';
}

export const sha256 = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex');

const keyOf = (digest: string): string => `artefacts/${digest}.json`;

export function openArtefacts(folder: string, objects: Objects | null = null): Artefacts {
  const fileOf = (digest: string) => join(folder, `${digest}.json`);
  const whole = (digest: string): boolean =>
    existsSync(fileOf(digest)) && sha256(readFileSync(fileOf(digest))) === digest;
  return {
    async put(value) {
      const text = canonicalJson(value);
      const digest = sha256(text);
      if (!whole(digest)) await replaceFileBeside(fileOf(digest), text, 0o600);
      await objects?.put(keyOf(digest), new TextEncoder().encode(text), 'application/json');
      return digest;
    },
    async bring(digests) {
      let brought = 0;
      for (const digest of objects === null ? [] : digests) {
        if (whole(digest)) continue;
        const bytes = await objects!.get(keyOf(digest));
        if (bytes === null) continue;
        if (sha256(bytes) !== digest)
          throw new ArtefactDamaged(
            `artefact ${digest.slice(0, 12)}… in the object store was changed: its SHA-256 is another one`,
          );
        await replaceFileBeside(fileOf(digest), Buffer.from(bytes).toString('utf8'), 0o600);
        brought++;
      }
      return brought;
    },
    async remove(digests) {
      const here = (await readdir(folder)).map((name) => name.replace(/\.json$/, ''));
      const old = here.filter((digest) => digests.has(digest));
      for (const digest of old) await rm(fileOf(digest), { force: true });
      for (const digest of old) await objects?.remove(keyOf(digest));
    },
    get(digest) {
      let text: string;
      try {
        text = readFileSync(fileOf(digest), 'utf8');
      } catch (cause) {
        throw new ArtefactDamaged(
          `artefact ${digest.slice(0, 12)}… is missing from ${folder}; restore the folder from a backup`,
          {
            cause,
          },
        );
      }
      if (sha256(text) !== digest)
        throw new ArtefactDamaged(
          `artefact ${digest.slice(0, 12)}… in ${folder} was changed; restore it from a backup`,
        );
      return JSON.parse(text) as Record<string, unknown>;
    },
  };
}
