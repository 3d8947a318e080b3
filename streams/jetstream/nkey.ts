// Who we are to nats-server: an Ed25519 key in NATS's notation (base32 of prefix, key, CRC-16; nats-io/nkeys), used by Node's own cryptography. The
// client's is written in JavaScript: the public key and one signature take 25 ms of processor in every thread that starts, and 2 ms so.
import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import type { Authenticator } from '@nats-io/transport-node';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
/** Five bits each: 'S' for a seed, 'U' for a user. */
const SEED = 18;
const USER = 20;
/** PKCS #8 of an Ed25519 key up to its 32 bytes (RFC 8410, §7). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A user of the server, from the text of its seed (`SU…`). @throws RangeError when it is none; the text is in no message. */
export function userOfSeed(seed: string): { publicKey: string; authenticator: Authenticator } {
  const key = privateKeyOf(seed);
  const publicKey = publicKeyOf(key);
  return {
    publicKey,
    authenticator: (nonce) => ({
      nkey: publicKey,
      sig: nonce === undefined || nonce === '' ? '' : sign(null, Buffer.from(nonce), key).toString('base64'),
    }),
  };
}

function privateKeyOf(seed: string): KeyObject {
  const bytes = decoded(seed.trim());
  // The two prefixes, five bits each, across the first two bytes.
  const [first = 0, second = 0] = bytes;
  const user = first >> 3 === SEED && (((first & 7) << 2) | (second >> 6)) === USER;
  if (!user || bytes.length !== 36 || bytes.readUInt16LE(34) !== crc16(bytes.subarray(0, 34)))
    throw new RangeError('NATS: this is no seed of a user (SU…, 58 letters and digits)');
  return createPrivateKey({ key: Buffer.concat([PKCS8, bytes.subarray(2, 34)]), format: 'der', type: 'pkcs8' });
}

function publicKeyOf(key: KeyObject): string {
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  const bytes = Buffer.concat([Buffer.from([USER << 3]), Buffer.from(x!, 'base64url'), Buffer.alloc(2)]);
  bytes.writeUInt16LE(crc16(bytes.subarray(0, 33)), 33);
  return encoded(bytes);
}

/** RFC 4648 §6, without padding. */
function encoded(bytes: Buffer): string {
  let text = '';
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(value >> (bits - 5)) & 31];
  }
  return bits > 0 ? text + ALPHABET[(value << (5 - bits)) & 31] : text;
}

/** Empty when it is not base32. */
function decoded(text: string): Buffer {
  const bytes: number[] = [];
  let bits = 0;
  let value = 0;
  for (const letter of text) {
    const five = ALPHABET.indexOf(letter);
    if (five < 0) return Buffer.alloc(0);
    value = ((value << 5) | five) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((value >> bits) & 255);
    }
  }
  return Buffer.from(bytes);
}

/** CRC-16/XMODEM: polynomial 0x1021, starting at 0. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
    crc &= 0xffff;
  }
  return crc;
}
