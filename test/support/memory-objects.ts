// An object store that is a map.
import { readFileSync } from 'node:fs';
import type { Objects } from '#ops/objects.ts';

export function createMemoryObjects(): Objects & { stored: Map<string, Uint8Array> } {
  const stored = new Map<string, Uint8Array>();
  return {
    stored,
    put: async (key, bytes) => void stored.set(key, bytes),
    putFile: async (key, path) => void stored.set(key, readFileSync(path)),
    get: async (key) => stored.get(key) ?? null,
    remove: async (key) => void stored.delete(key),
  };
}
