// Keys made of the data directory's secret (KEK): the wrapped id key, each customer's key, the id index file's key.
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { KeyringDamaged } from './errors.ts';
import { createMac } from './hmac.ts';

/** Erasure takes effect in every process within this time at the latest (in the erasing one at once), ms. */
const KEY_LIFE_MS = 60_000;
const KEYS_HELD = 200_000;

export interface CustomerKeys {
  /** The key of a sid whose seed was seen less than a minute ago. */
  get(sid: string): KeyObject | undefined;
  put(sid: string, seed: Uint8Array): KeyObject;
  evict(sid: string): void;
}

/** A customer's key = HMAC(KEK, seed ‖ sid): without the seed nobody can make it again. */
export function createCustomerKeys(kek: Uint8Array, now: () => number = Date.now): CustomerKeys {
  const mac = createMac(kek);
  const held = new Map<string, { key: KeyObject; until: number }>();
  return {
    get(sid) {
      const entry = held.get(sid);
      if (entry === undefined) return undefined;
      if (entry.until > now()) return entry.key;
      held.delete(sid);
      return undefined;
    },
    put(sid, seed) {
      const seedText = Buffer.from(seed.buffer, seed.byteOffset, seed.length).toString('latin1');
      const key = createSecretKey(mac(seedText + sid, 'latin1'), 'latin1');
      held.delete(sid);
      // Oldest first: a Map keeps the order of insertion.
      if (held.size >= KEYS_HELD) held.delete(held.keys().next().value!);
      held.set(sid, { key, until: now() + KEY_LIFE_MS });
      return key;
    },
    evict: (sid) => void held.delete(sid),
  };
}

/** A key for one purpose, so that no two uses of the secret share bytes. */
export const purposeKey = (kek: Uint8Array, purpose: string): Buffer =>
  Buffer.from(createMac(kek)(`axiom47 ${purpose}`, 'utf8'), 'latin1');

export function wrap(kek: Uint8Array, name: string, secret: Uint8Array): Buffer {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', purposeKey(kek, 'wrap'), iv);
  cipher.setAAD(Buffer.from(name));
  const body = Buffer.concat([cipher.update(secret), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), body]);
}

export function unwrap(kek: Uint8Array, name: string, wrapped: Uint8Array): Buffer {
  try {
    const decipher = createDecipheriv('aes-256-gcm', purposeKey(kek, 'wrap'), wrapped.subarray(0, 12));
    decipher.setAAD(Buffer.from(name));
    decipher.setAuthTag(wrapped.subarray(12, 28));
    return Buffer.concat([decipher.update(wrapped.subarray(28)), decipher.final()]);
  } catch (cause) {
    throw new KeyringDamaged(
      `keyring: '${name}' does not open with this data directory's secret; use the secret file this keyring was made with`,
      cause,
    );
  }
}
