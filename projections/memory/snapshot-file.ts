// One file of state: pages one after the other, then an index with the SHA-256 of every section, then the index's own SHA-256,
// by which the file is named. That digest covers everything, as each byte is under it or under a digest that is.
import { createHash, hash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Packr } from 'msgpackr';
import type { Frozen, ReadSection } from './pages.ts';

const MAGIC = Buffer.from('axiom47 state 1\n');
/** Index length (8 bytes), SHA-256 of the index (32), magic again: a file cut anywhere does not end like this. */
const TRAILER_BYTES = 8 + 32 + MAGIC.length;
const packr = new Packr({ useRecords: false });

interface Index {
  /** Packed on its own, at the freeze. */
  meta: Uint8Array;
  sections: { name: string; bytes: number; sha256: Uint8Array }[];
}

export interface StateFile {
  file: string;
  /** SHA-256 of the index, hex. */
  sha256: string;
  bytes: number;
}

export class SnapshotDamaged extends Error {
  readonly code = 'snapshot-damaged';
  constructor(file: string, what: string, cause?: unknown) {
    super(`${file}: ${what}`, { cause });
    this.name = 'SnapshotDamaged';
  }
}

/**
 * Writes the frozen state as `<prefix>-<digest>.state` in `dir`: under another name first, fsync, rename. Between pages (≤ 1.25 MiB)
 * the caller's thread goes on; the freeze is released in any case.
 */
export async function writeStateFile(dir: string, prefix: string, frozen: Frozen): Promise<StateFile> {
  const temporary = join(dir, `.${prefix}.writing`);
  try {
    // Packed first of all: `meta` may point at things that change when the fold goes on.
    const meta = packr.pack(frozen.meta);
    await using handle = await open(temporary, 'w', 0o600);
    let bytes = 0;
    const write = async (page: Uint8Array) => {
      for (let at = 0; at < page.length; ) at += (await handle.write(page, at)).bytesWritten;
      bytes += page.length;
    };
    await write(MAGIC);
    const sections: Index['sections'] = [];
    for (const section of frozen.sections) {
      const digest = createHash('sha256');
      let length = 0;
      // Small pages travel together: an index has 512 of them.
      let waiting: Uint8Array[] = [];
      let waitingBytes = 0;
      const send = async () => {
        await write(waiting.length === 1 ? waiting[0]! : Buffer.concat(waiting));
        waiting = [];
        waitingBytes = 0;
      };
      for (let page = 0; page < section.lengths.length; page++) {
        const content = section.take(page);
        digest.update(content);
        length += content.length;
        waiting.push(content);
        waitingBytes += content.length;
        if (waitingBytes >= 1 << 20) await send();
      }
      if (waiting.length > 0) await send();
      sections.push({ name: section.name, bytes: length, sha256: digest.digest() });
    }
    const index = packr.pack({ meta, sections } satisfies Index);
    const sha256 = hash('sha256', index, 'hex');
    const length = Buffer.alloc(8);
    length.writeDoubleLE(index.length);
    await write(Buffer.concat([index, length, Buffer.from(sha256, 'hex'), MAGIC]));
    await handle.sync();
    const file = `${prefix}-${sha256.slice(0, 32)}.state`;
    await rename(temporary, join(dir, file));
    await syncDirectory(dir);
    return { file, sha256, bytes };
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    frozen.release();
  }
}

export async function syncDirectory(dir: string): Promise<void> {
  await using handle = await open(dir, 'r');
  await handle.sync();
}

export interface OpenStateFile extends Disposable {
  meta: Record<string, unknown>;
  /** Sections have to be read in the order in which they were written; each is verified before it is returned. */
  read: ReadSection;
  /** Length of a section, bytes. */
  length(name: string): number;
  /** Bytes of a section as they lie on the disk: not verified, so the caller needs a digest of its own. */
  bytesAt(name: string, offset: number, length: number): Uint8Array;
}

/** Opens a file and verifies its length and index. @throws SnapshotDamaged naming the file and what is wrong with it. */
export function openStateFile(dir: string, expected: StateFile): OpenStateFile {
  const path = join(dir, expected.file);
  const fail = (what: string, cause?: unknown): never => {
    throw new SnapshotDamaged(expected.file, what, cause);
  };
  let fd = -1;
  try {
    fd = openSync(path, 'r');
  } catch (cause) {
    fail((cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'is missing' : 'cannot be opened', cause);
  }
  const readAt = (target: Uint8Array, position: number) => {
    for (let at = 0; at < target.length; ) {
      const n = readSync(fd, target, at, target.length - at, position + at);
      if (n === 0) fail('ends too early');
      at += n;
    }
  };
  try {
    const size = fstatSync(fd).size;
    if (size !== expected.bytes) fail(`has ${size} bytes, not ${expected.bytes}`);
    const trailer = Buffer.alloc(TRAILER_BYTES);
    readAt(trailer, size - TRAILER_BYTES);
    const head = Buffer.alloc(MAGIC.length);
    readAt(head, 0);
    if (!head.equals(MAGIC) || !trailer.subarray(40).equals(MAGIC)) fail('is not a state file of this format');
    const indexBytes = Buffer.alloc(Math.min(size, Math.max(0, trailer.readDoubleLE(0))) || 0);
    readAt(indexBytes, size - TRAILER_BYTES - indexBytes.length);
    const sha256 = hash('sha256', indexBytes, 'hex');
    if (sha256 !== expected.sha256 || sha256 !== trailer.toString('hex', 8, 40))
      fail('its index does not have its digest');
    const index = packr.unpack(indexBytes) as Index;
    const offsets = new Map<string, { at: number; bytes: number; sha256: Uint8Array }>();
    let at = MAGIC.length;
    for (const { name, bytes, sha256: digest } of index.sections) {
      offsets.set(name, { at, bytes, sha256: digest });
      at += bytes;
    }
    if (at + indexBytes.length + TRAILER_BYTES !== size) fail('its sections do not add up to its length');
    const sectionOf = (name: string) => offsets.get(name) ?? fail(`has no section '${name}'`);
    return {
      meta: packr.unpack(index.meta),
      length: (name) => sectionOf(name).bytes,
      bytesAt(name, offset, length) {
        const section = sectionOf(name);
        if (offset < 0 || offset + length > section.bytes) fail(`section '${name}' ends before ${offset + length}`);
        const bytes = Buffer.alloc(length);
        readAt(bytes, section.at + offset);
        return bytes;
      },
      read(name, targets) {
        const section = sectionOf(name);
        const digest = createHash('sha256');
        let position = section.at;
        for (const target of targets) {
          readAt(target, position);
          digest.update(target);
          position += target.length;
        }
        if (position !== section.at + section.bytes) fail(`section '${name}' has another length than its index says`);
        if (!digest.digest().equals(section.sha256)) fail(`section '${name}' does not have its digest`);
      },
      [Symbol.dispose]: () => closeSync(fd),
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
