// HMAC-SHA-256 (RFC 2104) under the workspace's one id key: how publishers' ids become names that name nobody without it.
// Two one-shot `crypto.hash` calls cost 0.7 µs with Latin-1 in between; `createHmac` costs 10 µs, Buffer output 1.9 µs (Node 24, 2 shared cores).
import { hash } from 'node:crypto';

const BLOCK = 64;

export interface Ids {
  /** 128 bits: an event's identity. */
  eventHash(material: string): Uint8Array;
  /** 64 bits: an order's, or a refund document's, identity. */
  orderHash(material: string): Uint8Array;
  /** All 256 bits: what the keyring keeps of an erased customer's id. */
  customerMac(customerId: string, anonymous: boolean): Buffer;
}

/** @param idKey 32 bytes. */
export function createIds(idKey: Uint8Array): Ids {
  if (idKey.length !== 32) throw new RangeError(`id key: 32 bytes expected, ${idKey.length} given`);
  let inner = Buffer.alloc(BLOCK + 1024, 0x36);
  const outer = Buffer.alloc(BLOCK + 32, 0x5c);
  for (let i = 0; i < 32; i++) {
    inner[i] = idKey[i]! ^ 0x36;
    outer[i] = idKey[i]! ^ 0x5c;
  }

  /** The MAC's 32 bytes as one Latin-1 character each. */
  const mac = (material: string): string => {
    if (material.length * 3 > inner.length - BLOCK) {
      const wider = Buffer.alloc(BLOCK + material.length * 3);
      inner.copy(wider, 0, 0, BLOCK);
      inner = wider;
    }
    const length = inner.write(material, BLOCK, 'utf8');
    outer.write(hash('sha256', inner.subarray(0, BLOCK + length), 'latin1'), BLOCK, 'latin1');
    return hash('sha256', outer, 'latin1');
  };
  const prefix = (text: string, bytes: number): Uint8Array => {
    const out = new Uint8Array(bytes);
    for (let i = 0; i < bytes; i++) out[i] = text.charCodeAt(i);
    return out;
  };

  return {
    eventHash: (material) => prefix(mac(material), 16),
    orderHash: (material) => prefix(mac(material), 8),
    customerMac: (customerId, anonymous) =>
      Buffer.from(mac(`${anonymous ? 'a' : 'c'}\0${customerId.toWellFormed()}`), 'latin1'),
  };
}
