// Artefacts on disk (models, results of jobs), named by what is in them: `<sha256>.json`. Written once, checked at every read.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalJson } from '#domain/canonical-json.ts';
import { replaceFile } from './engines/durable-file.ts';

export interface Artefacts {
  /** Stores the value and answers its digest (hex); the same value again is the same file. */
  put(value: unknown): string;
  /** @throws Error naming the file when it is missing or its bytes no longer have that digest. */
  get(digest: string): Record<string, unknown>;
}

export const sha256 = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex');

export function openArtefacts(folder: string): Artefacts {
  const fileOf = (digest: string) => join(folder, `${digest}.json`);
  return {
    put(value) {
      const text = canonicalJson(value);
      const digest = sha256(text);
      if (!existsSync(fileOf(digest))) replaceFile(fileOf(digest), text, 0o600);
      return digest;
    },
    get(digest) {
      let text: string;
      try {
        text = readFileSync(fileOf(digest), 'utf8');
      } catch (cause) {
        throw new Error(
          `artefact ${digest.slice(0, 12)}… is missing from ${folder}; restore the folder from a backup`,
          {
            cause,
          },
        );
      }
      if (sha256(text) !== digest)
        throw new Error(`artefact ${digest.slice(0, 12)}… in ${folder} was changed; restore it from a backup`);
      return JSON.parse(text) as Record<string, unknown>;
    },
  };
}
