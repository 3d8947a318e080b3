// The hash chain over EVT (ADR 0009): a link seals a run of messages by a digest of each, names the link before it by its SHA-256, and stands in
// another stream (AUD) than what it seals. A digest a message, not one a segment: damage is located to the message, and a reader that starts
// anywhere checks what it reads and nothing else.
import { createHash, hash } from 'node:crypto';
import { Packr } from 'msgpackr';
import type { Recorded } from '../event-store.ts';

export const CHAIN_SUBJECT = 'aud.evt.main';
const FORMAT = 1;
/** 128 bits of SHA-256: chance never meets it, and a link of a thousand messages stays at 16 kB. */
export const DIGEST_BYTES = 16;
const SHA_BYTES = 32;
const packr = new Packr({ useRecords: false, int64AsType: 'number' });

export interface ChainLink {
  /** Dense from 1. */
  n: number;
  /** Sequences of EVT, both included. */
  from: number;
  to: number;
  /** When the last of them was stored, ms. */
  at: number;
  /** DIGEST_BYTES a message, in the order of the log. */
  digests: Uint8Array;
  /** SHA-256 of the link before; 32 zeros in the first. */
  previous: Uint8Array;
}

export const FIRST_PREVIOUS: Uint8Array = new Uint8Array(SHA_BYTES);

/** Of position, subject and bytes: a message elsewhere is another one. When it was stored is not in it, so a restored log keeps its chain. */
export function messageDigest({ seq, subject, bytes }: Pick<Recorded, 'seq' | 'subject' | 'bytes'>): Buffer {
  return createHash('sha256').update(`${seq}\0${subject}\0`).update(bytes).digest().subarray(0, DIGEST_BYTES);
}

/** The link's message (ending with the SHA-256 of what is before), and that SHA-256. */
export function encodeLink(link: ChainLink): { bytes: Uint8Array; sha256: Uint8Array } {
  const body = packr.pack({ v: FORMAT, ...link });
  const sha256 = hash('sha256', body, 'buffer');
  return { bytes: Buffer.concat([body, sha256]), sha256 };
}

/** Null for bytes that are not a whole link of ours: the link is damaged, which says nothing about what it sealed. */
export function decodeLink(bytes: Uint8Array): { link: ChainLink; sha256: Uint8Array } | null {
  if (bytes.length <= SHA_BYTES) return null;
  const body = bytes.subarray(0, bytes.length - SHA_BYTES);
  const sha256 = hash('sha256', body, 'buffer');
  if (!sha256.equals(bytes.subarray(bytes.length - SHA_BYTES))) return null;
  const { v, ...link } = packr.unpack(body) as ChainLink & { v: number };
  if (v !== FORMAT)
    throw new RangeError(`chain: a link of format ${v}, this program knows ${FORMAT}; start the newer version`);
  return { link, sha256 };
}

export const digestAt = (link: ChainLink, seq: number): Uint8Array =>
  link.digests.subarray((seq - link.from) * DIGEST_BYTES, (seq - link.from + 1) * DIGEST_BYTES);
export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** ISO 8601; what a damaged message says of its own time may be none. */
export const timeText = (at: number): string =>
  Math.abs(at) <= 8.64e15 ? new Date(at).toISOString() : 'at an unknown time';

/** The log is not what was sealed; nothing behind this position may be used. */
export class LogDamaged extends Error {
  readonly code = 'log-damaged';
  readonly seq: number;
  /** When the sealed message (or the run it belongs to) was stored, ms. */
  readonly at: number;
  constructor(seq: number, at: number, what: string, cause?: unknown) {
    super(
      `EVT ${seq} (${timeText(at)}): ${what}; \`axiom47 verify --chain\` lists all damage, and the log has to be restored from a backup`,
      { cause },
    );
    this.name = 'LogDamaged';
    this.seq = seq;
    this.at = at;
  }
}
