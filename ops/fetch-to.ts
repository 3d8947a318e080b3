// A download as a file.
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/** Whole or not at all: written beside and moved into place; a path that ends in .gz is packed. Errors are those of the disk or of the download. */
export async function fetchTo(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const draft = `${path}.draft`;
  const file = createWriteStream(draft, { mode: 0o600 });
  try {
    if (path.endsWith('.gz')) await pipeline(Readable.from(bytes), createGzip(), file);
    else await pipeline(Readable.from(bytes), file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await rename(draft, path);
}
