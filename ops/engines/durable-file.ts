// Small files that must be whole or absent after a power cut: written beside, fsynced, moved into place, directory fsynced.
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from './engine-error.ts';

/** Replaces the file, or makes it. */
export function replaceFile(path: string, text: string, mode: number): void {
  const draft = writeDraft(path, text, mode);
  try {
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
  syncDirectory(dirname(path));
}

/** The same beside the event loop: a disk may take most of a second to sync, and requests are answered meanwhile. */
export async function replaceFileBeside(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const draft = draftOf(path);
  try {
    await using file = await open(draft, 'w', mode);
    await file.writeFile(content);
    await file.sync();
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await moveBeside(draft, path);
}

/** Moves a file that was synced into place. */
async function moveBeside(draft: string, path: string): Promise<void> {
  try {
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await using directory = await open(dirname(path), 'r');
  await directory.sync();
}

/** For what every start writes anew: one that says so already is left as it is, and its disk alone. */
export function keepFile(path: string, text: string, mode: number): void {
  try {
    if (readFileSync(path, 'utf8') === text) return;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
  replaceFile(path, text, mode);
}

/** Makes the file; false when one is there already, which is left as it is. */
export function createFile(path: string, text: string | Uint8Array, mode: number): boolean {
  const draft = writeDraft(path, text, mode);
  try {
    linkSync(draft, path);
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  syncDirectory(dirname(path));
  return true;
}

let drafts = 0;
const draftOf = (path: string): string => `${path}.${process.pid}-${drafts++}.draft`;

function writeDraft(path: string, content: string | Uint8Array, mode: number): string {
  const draft = draftOf(path);
  const fd = openSync(draft, 'w', mode);
  try {
    const bytes = Buffer.from(content);
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    fsyncSync(fd);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  return draft;
}

export function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
