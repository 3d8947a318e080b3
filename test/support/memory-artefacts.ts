// Artefacts in memory, named by what is in them, as ops/artefacts.ts has them on disk.
import { canonicalJson } from '#domain/canonical-json.ts';
import { sha256 } from '#ops/artefacts.ts';

export function createMemoryArtefacts() {
  /** By digest. */
  const kept = new Map<string, string>();
  return {
    kept,
    async put(value: unknown): Promise<string> {
      const text = canonicalJson(value);
      const digest = sha256(text);
      kept.set(digest, text);
      return digest;
    },
    bring: async () => 0,
    async remove(digests: ReadonlySet<string>): Promise<void> {
      for (const digest of digests) kept.delete(digest);
    },
    get: (digest: string): Record<string, unknown> => JSON.parse(kept.get(digest)!),
  };
}
