// How publishers' ids become names that name nobody: HMAC-SHA-256 under the one id key of the workspace (facts §1).
import { createMac } from '../keyring/hmac.ts';

export interface Ids {
  /** 128 bits: an event's identity. */
  eventHash(material: string): Uint8Array;
  /** 64 bits: an order's, or a refund document's, identity. */
  orderHash(material: string): Uint8Array;
}

/** @param idKey 32 bytes. */
export function createIds(idKey: Uint8Array): Ids {
  const mac = createMac(idKey);
  const prefix = (material: string, bytes: number): Uint8Array => {
    const text = mac(material, 'utf8');
    const out = new Uint8Array(bytes);
    for (let i = 0; i < bytes; i++) out[i] = text.charCodeAt(i);
    return out;
  };
  return {
    eventHash: (material) => prefix(material, 16),
    orderHash: (material) => prefix(material, 8),
  };
}
