// The id index between two runs: one sealed file, rewritten after an erasure, and made anew from the keyring when it does not open.
// Layout: magic, then chunks of length (4), nonce (12), tag (16), ciphertext; additional data = the chunk's number. Chunk 0 is the meta.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { type FileHandle, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Packr } from 'msgpackr';
import { createIdIndex, type IdIndex, imageOf, restoreIdIndex } from './id-index.ts';
import type { Keyring } from './keyring/keyring.ts';

const MAGIC = Buffer.from('AXIDX\0\0\x01', 'latin1');
const CHUNK = 2 ** 20;
const HEAD = 4 + 12 + 16;
const TAIL_BATCH = 50_000;
/** Numbers are drawn before they are committed: what another process committed late lies at most this far back. */
const LATE_COMMITS = 10_000;
const packr = new Packr({ useRecords: false });

export interface IndexPosition {
  /** Highest `created_no` the index holds. */
  createdNo: number;
  /** The keyring's count of erasures: the file is of no use at another one. */
  erasures: number;
}

interface Meta extends IndexPosition {
  seed: number;
  used: number;
  chunks: number;
}

/** Writes, flushes and renames; entries added meanwhile are left to the next save. Yields to the event loop between chunks. */
export async function saveIdIndex(
  index: IdIndex,
  path: string,
  key: Uint8Array,
  position: IndexPosition,
): Promise<void> {
  const image = imageOf(index.handle);
  const chunks = Math.ceil(image.arena.length / CHUNK);
  const meta: Meta = { ...position, seed: image.seed, used: image.used, chunks };
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.write(MAGIC);
    await writeChunk(file, key, 0, packr.pack(meta));
    for (let i = 0; i < chunks; i++) await writeChunk(file, key, i + 1, image.arena.slice(i * CHUNK, (i + 1) * CHUNK));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const folder = await open(dirname(path), 'r');
  await folder.sync().finally(() => folder.close());
}

async function writeChunk(file: FileHandle, key: Uint8Array, number: number, plain: Uint8Array): Promise<void> {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(chunkNumber(number));
  const body = cipher.update(plain);
  cipher.final();
  const head = Buffer.alloc(HEAD);
  head.writeUInt32LE(body.length, 0);
  nonce.copy(head, 4);
  cipher.getAuthTag().copy(head, 16);
  await file.writev([head, body]);
}

const chunkNumber = (number: number): Buffer => {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(number);
  return out;
};

/** Throws when the file is missing, changed, cut short, or sealed with another key. */
export async function readIdIndex(path: string, key: Uint8Array): Promise<{ index: IdIndex; position: IndexPosition }> {
  const bytes = await readFile(path);
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error('id index: not an index file of this version');
  let at = MAGIC.length;
  let number = 0;
  const next = (): Buffer => {
    if (at + HEAD > bytes.length) throw new Error('id index: the file is cut short');
    const length = bytes.readUInt32LE(at);
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(at + 4, at + 16));
    decipher.setAAD(chunkNumber(number++));
    decipher.setAuthTag(bytes.subarray(at + 16, at + HEAD));
    const plain = decipher.update(bytes.subarray(at + HEAD, at + HEAD + length));
    decipher.final();
    at += HEAD + length;
    return plain;
  };
  const meta = packr.unpack(next()) as Meta;
  const arena = new Uint8Array(meta.used * 4);
  for (let i = 0; i < meta.chunks; i++) arena.set(next(), i * CHUNK);
  return {
    index: restoreIdIndex({ seed: meta.seed, used: meta.used, arena }),
    position: { createdNo: meta.createdNo, erasures: meta.erasures },
  };
}

/** The index as the keyring has it now: from the file and the keyring's tail, or from the keyring alone. */
export async function loadIdIndex(
  path: string,
  keyring: Keyring,
  rebuilding: (why: unknown) => void = () => undefined,
): Promise<{ index: IdIndex; position: IndexPosition }> {
  const erasures = await keyring.erasures();
  let loaded: { index: IdIndex; position: IndexPosition };
  try {
    loaded = await readIdIndex(path, keyring.indexKey);
    if (loaded.position.createdNo > (await keyring.lastCreated()))
      throw new Error('id index: it knows customers the keyring does not; was the keyring restored from a backup?');
    if (loaded.position.erasures !== erasures) throw new Error('id index: customers were erased since it was saved');
  } catch (why) {
    if ((why as { code?: unknown }).code !== 'ENOENT') rebuilding(why);
    loaded = { index: createIdIndex(), position: { createdNo: 0, erasures } };
  }
  await catchUp(loaded.index, keyring, loaded.position);
  return loaded;
}

/** Adds what the keyring has after `position.createdNo`, and moves the position. @param alone keeps erasures out of each step. */
export async function catchUp(
  index: IdIndex,
  keyring: Keyring,
  position: IndexPosition,
  alone: <T>(work: () => Promise<T>) => Promise<T> = (work) => work(),
): Promise<void> {
  let from = Math.max(0, position.createdNo - LATE_COMMITS);
  for (let more = true; more; ) {
    more = await alone(async () => {
      const rows = await keyring.tail(from, TAIL_BATCH);
      for (const row of rows) index.set(row.id, row.anonymous, row.sid);
      from = rows.at(-1)?.createdNo ?? from;
      return rows.length > 0;
    });
    position.createdNo = Math.max(position.createdNo, from);
  }
}
