// One file that holds a whole installation: a header in the clear, then blocks of records, compressed and, under a passphrase, sealed;
// then the SHA-256 of everything before. A file cut or changed anywhere is known before the first record of it is used.
import { createCipheriv, createDecipheriv, createHash, type Hash, hash, randomBytes, scryptSync } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { Packr } from 'msgpackr';
import { z } from 'zod';
import { reasonOf } from '../engines/engine-error.ts';

export const BACKUP_FORMAT = 1;
const MAGIC = Buffer.from('axiom47 backup\n');
const END = Buffer.from('axiom47 end\n');
const TRAILER_BYTES = 32 + END.length;
const BLOCK_BYTES = 1 << 20;
const READ_BYTES = 4 << 20;
const TAG_BYTES = 16;
/** 128 × N × r = 64 MiB and about 0.2 s a try: OWASP's second choice for scrypt. */
const SCRYPT = { N: 65_536, r: 8, p: 2 } as const;

const Header = z.object({
  format: z.int(),
  /** Version of the program that wrote it. */
  program: z.string(),
  createdAt: z.string(),
  sealed: z.object({ salt: z.string(), N: z.int(), r: z.int(), p: z.int() }).nullable(),
});
export type Header = z.infer<typeof Header>;

export class BackupDamaged extends Error {
  readonly code = 'backup-damaged';
  constructor(file: string, what: string, cause?: unknown) {
    super(`${file}: ${what}; take another backup of the same installation`, { cause });
    this.name = 'BackupDamaged';
  }
}

const packr = new Packr({ useRecords: false, int64AsType: 'number' });

export interface ArchiveWriter {
  /** Any value msgpack knows; what belongs into one block together is handed over together. */
  write(record: unknown): void;
  /** Writes the digest, syncs, and gives the file its name. */
  close(): { bytes: number; sha256: string };
  /** Leaves nothing behind; nothing after `close`. */
  abandon(): void;
}

/** @param passphrase seals every block with AES-256-GCM under a key of this file alone (scrypt over a random salt). */
export function createArchive(
  path: string,
  options: { program: string; createdAt: string; passphrase: string | null },
): ArchiveWriter {
  const draft = `${path}.${process.pid}.draft`;
  const fd = openSync(draft, 'wx', 0o600);
  const digest = createHash('sha256');
  let bytes = 0;
  let open = true;
  const put = (part: Uint8Array) => {
    for (let at = 0; at < part.length; ) at += writeSync(fd, part, at);
    digest.update(part);
    bytes += part.length;
  };
  const salt = randomBytes(16);
  const sealed = options.passphrase === null ? null : { salt: salt.toString('base64'), ...SCRYPT };
  const { program, createdAt } = options;
  const header = Buffer.from(JSON.stringify({ format: BACKUP_FORMAT, program, createdAt, sealed } satisfies Header));
  const key = options.passphrase === null ? null : keyOf(options.passphrase, salt, SCRYPT);
  const headerDigest = hash('sha256', header, 'buffer');
  let number = 0;
  try {
    put(MAGIC);
    put(word(header.length));
    put(header);
  } catch (error) {
    closeSync(fd);
    rmSync(draft, { force: true });
    throw error;
  }
  return {
    write(record) {
      const plain = zstdCompressSync(packr.pack(record), { params: { [constants.ZSTD_c_compressionLevel]: 3 } });
      const block = key === null ? plain : seal(key, number, headerDigest, plain);
      put(word(block.length));
      put(block);
      number++;
    },
    close() {
      put(word(0));
      const sha256 = digest.digest();
      for (const part of [sha256, END]) writeSync(fd, part);
      fsyncSync(fd);
      closeSync(fd);
      open = false;
      renameSync(draft, path);
      return { bytes: bytes + TRAILER_BYTES, sha256: sha256.toString('hex') };
    },
    abandon() {
      if (!open) return;
      open = false;
      closeSync(fd);
      rmSync(draft, { force: true });
    },
  };
}

export interface Archive extends Disposable {
  readonly header: Header;
  readonly sealed: boolean;
  /** Every record in the order in which it was written. @param heard bytes read so far, of all. */
  records(heard?: (done: number, total: number) => void): Generator<unknown>;
}

/**
 * Opens a backup after reading all of it once: its digest must be right before anything in it is believed.
 *
 * @param passphrase needed for a sealed one. @throws BackupDamaged; Error saying what to do for a newer format or a wrong passphrase.
 */
export function openArchive(
  path: string,
  passphrase: string | null,
  heard: (done: number, total: number) => void = () => undefined,
): Archive {
  const fd = openSync(path, 'r');
  const fail = (what: string, cause?: unknown): never => {
    throw new BackupDamaged(path, what, cause);
  };
  try {
    const size = fstatSync(fd).size;
    const readAt = (length: number, position: number): Buffer => {
      const target = Buffer.alloc(length);
      for (let at = 0; at < length; ) {
        const n = readSync(fd, target, at, length - at, position + at);
        if (n === 0) fail('it ends too early');
        at += n;
      }
      return target;
    };
    if (size < MAGIC.length || !readAt(MAGIC.length, 0).equals(MAGIC))
      throw new Error(`${path} is not a backup of Axiom47 (\`axiom47 backup\` writes one)`);
    const headerAt = MAGIC.length + 4;
    if (size < headerAt + TRAILER_BYTES + 4) fail('it ends too early');
    const headerBytes = readAt(Math.min(readAt(4, MAGIC.length).readUInt32LE(), size - headerAt), headerAt);
    const header = headerOf(path, headerBytes, fail);
    const end = size - TRAILER_BYTES;
    const trailer = readAt(TRAILER_BYTES, end);
    if (!trailer.subarray(32).equals(END)) fail('it does not end as a backup does');
    const digest: Hash = createHash('sha256');
    for (let at = 0; at < end; at += READ_BYTES) {
      digest.update(readAt(Math.min(READ_BYTES, end - at), at));
      heard(Math.min(at + READ_BYTES, end), end);
    }
    if (!digest.digest().equals(trailer.subarray(0, 32))) fail('its bytes do not have the digest at its end');
    const headerDigest = hash('sha256', headerBytes, 'buffer');
    const { sealed } = header;
    if (sealed !== null && passphrase === null)
      throw new Error(`${path} is sealed: name the file that holds its passphrase with --passphrase-file`);
    const key = sealed === null ? null : keyOf(passphrase!, Buffer.from(sealed.salt, 'base64'), sealed);
    const first = headerAt + headerBytes.length;
    return {
      header,
      sealed: sealed !== null,
      *records(said = () => undefined) {
        let at = first;
        for (let number = 0; ; number++) {
          const length = readAt(4, at).readUInt32LE();
          at += 4;
          if (length === 0) return;
          if (at + length > end) fail(`block ${number} is longer than the file`);
          const block = readAt(length, at);
          at += length;
          said(at, end);
          const plain = key === null ? block : unseal(path, key, number, headerDigest, block);
          yield packr.unpack(zstdDecompressSync(plain));
        }
      },
      [Symbol.dispose]: () => closeSync(fd),
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function headerOf(path: string, bytes: Buffer, fail: (what: string, cause?: unknown) => never): Header {
  let content: unknown;
  try {
    content = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    return fail('its header is not readable', cause);
  }
  const format = z.object({ format: z.int(), program: z.string() }).safeParse(content);
  if (format.success && format.data.format > BACKUP_FORMAT)
    throw new Error(
      `${path} was written by a newer Axiom47 (${format.data.program}, backup format ${format.data.format}; this one knows ${BACKUP_FORMAT}): update Axiom47 first`,
    );
  const header = Header.safeParse(content);
  return header.success ? header.data : fail(`its header is not readable (${reasonOf(header.error)})`);
}

const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

function keyOf(passphrase: string, salt: Buffer, { N, r, p }: { N: number; r: number; p: number }): Buffer {
  return scryptSync(passphrase.normalize('NFC'), salt, 32, { N, r, p, maxmem: 256 * N * r });
}

/** The block's number is its nonce: the key is used for one file only. Blocks cannot be swapped, nor moved into another file. */
const nonceOf = (number: number): Buffer => {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(number, 6, 6);
  return nonce;
};

function seal(key: Buffer, number: number, aad: Buffer, plain: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(number)).setAAD(aad);
  const body = [cipher.update(plain), cipher.final()];
  return Buffer.concat([...body, cipher.getAuthTag()]);
}

function unseal(path: string, key: Buffer, number: number, aad: Buffer, block: Buffer): Buffer {
  if (block.length < TAG_BYTES) throw new BackupDamaged(path, `block ${number} is too short`);
  const tag = block.subarray(block.length - TAG_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(number), { authTagLength: TAG_BYTES });
  decipher.setAAD(aad).setAuthTag(tag);
  try {
    return Buffer.concat([decipher.update(block.subarray(0, -TAG_BYTES)), decipher.final()]);
  } catch (cause) {
    // Its digest was right, so that the first block can only be wrong because the key is.
    if (number === 0) throw new Error(`${path}: this is not the passphrase it was sealed with`, { cause });
    throw new BackupDamaged(path, `block ${number} does not have its seal`, cause);
  }
}

/** Collects messages until a block is full. */
export function createBatch<T>(sizeOf: (item: T) => number, send: (items: T[]) => void) {
  let items: T[] = [];
  let bytes = 0;
  const flush = () => {
    if (items.length > 0) send(items);
    items = [];
    bytes = 0;
  };
  return {
    add(item: T) {
      items.push(item);
      bytes += sizeOf(item) + 32;
      if (bytes >= BLOCK_BYTES) flush();
    },
    flush,
  };
}
