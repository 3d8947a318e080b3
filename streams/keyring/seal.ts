// One sealed blob an event: AES-256-GCM under the customer's own key, bound to the event it belongs to.
// Layout: nonce (12) ‖ tag (16) ‖ ciphertext of msgpack; additional data = sid, event hash, type, schema version.
import { createCipheriv, createDecipheriv, type KeyObject, randomFillSync } from 'node:crypto';
import { Packr } from 'msgpackr';
import { KeyringDamaged } from './errors.ts';

export interface SealContext {
  sid: Uint8Array;
  eventHash: Uint8Array;
  type: string;
  schemaVersion: number;
}

const NONCE = 12;
const TAG = 16;
const packr = new Packr({ useRecords: false });

// Random nonces are drawn 512 at a time: one system call less per event.
const nonces = Buffer.alloc(NONCE * 512);
let nextNonce = nonces.length;
function nonce(): Buffer {
  if (nextNonce === nonces.length) {
    randomFillSync(nonces);
    nextNonce = 0;
  }
  nextNonce += NONCE;
  return nonces.subarray(nextNonce - NONCE, nextNonce);
}

function additionalData(context: SealContext): Buffer {
  const type = Buffer.from(context.type, 'utf8');
  const out = Buffer.allocUnsafe(16 + 16 + type.length + 1);
  out.set(context.sid, 0);
  out.set(context.eventHash, 16);
  out.set(type, 32);
  out[32 + type.length] = context.schemaVersion;
  return out;
}

export function seal(value: Record<string, unknown>, key: KeyObject, context: SealContext): Uint8Array {
  const plain = packr.pack(value);
  const iv = nonce();
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  cipher.setAAD(additionalData(context));
  const body = cipher.update(plain);
  cipher.final();
  const out = new Uint8Array(NONCE + TAG + body.length);
  out.set(iv, 0);
  out.set(cipher.getAuthTag(), NONCE);
  out.set(body, NONCE + TAG);
  return out;
}

/** Throws KeyringDamaged when the bytes, the key or the event it is said to belong to do not fit together. */
export function unseal(sealed: Uint8Array, key: KeyObject, context: SealContext): Record<string, unknown> {
  if (sealed.length < NONCE + TAG) throw new KeyringDamaged('a sealed part is shorter than its nonce and tag');
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE));
  decipher.setAAD(additionalData(context));
  decipher.setAuthTag(sealed.subarray(NONCE, NONCE + TAG));
  try {
    const plain = Buffer.concat([decipher.update(sealed.subarray(NONCE + TAG)), decipher.final()]);
    return packr.unpack(plain) as Record<string, unknown>;
  } catch (cause) {
    throw new KeyringDamaged(
      'a sealed part does not open: it was changed, or belongs to another event or customer',
      cause,
    );
  }
}
