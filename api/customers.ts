// How a customer is named towards a reader: by id for those who may see ids, else by a pseudonym that can be asked about again.
import { may, type Role } from '#domain/access.ts';
import type { KeyringCalls } from './read-deps.ts';

export interface Named {
  customer_id: string;
  /** `sid:<hex>`: names the customer in this workspace's API without saying who it is. */
  ref: string;
  masked: boolean;
}

export const SID_REF = /^sid:([0-9a-f]{32})$/;
export const refOf = (sid: Uint8Array): string => `sid:${Buffer.from(sid).toString('hex')}`;
export const sidOfRef = (ref: string): Uint8Array | null => {
  const hex = SID_REF.exec(ref)?.[1];
  return hex ? Uint8Array.from(Buffer.from(hex, 'hex')) : null;
};

/** At most the last two characters stay, and only of ids long enough that they say little. */
export const mask = (customerId: string): string => `•••${customerId.length >= 8 ? customerId.slice(-2) : ''}`;

export const seesIds = (role: Role): boolean => may(role, 'customer:read-identified');

/** Names of many sids in one question to the keyring. */
export async function nameAll(keyring: KeyringCalls, role: Role, sids: Uint8Array[]): Promise<Named[]> {
  const ids = sids.length === 0 ? [] : await keyring.idsOf(sids);
  const open = seesIds(role);
  return sids.map((sid, index) => {
    const id = ids[index] ?? null;
    return { customer_id: id === null ? '(erased)' : open ? id : mask(id), ref: refOf(sid), masked: !open };
  });
}
