// The forms a sid takes: 16 bytes in the log, a uuid and a bigint in PostgreSQL, a short text as a map's key.

export interface CustomerRef {
  id: string;
  anonymous: boolean;
}

/** A sid as a map's key: its 16 bytes as Latin-1 characters. */
export const sidText = (sid: Uint8Array): string =>
  Buffer.from(sid.buffer, sid.byteOffset, sid.length).toString('latin1');
export const sidOfText = (text: string): Buffer => Buffer.from(text, 'latin1');

/** The first 8 bytes as a signed big-endian integer: the tables' key, unique by a constraint. */
export const sidKey = (sid: Uint8Array): bigint => Buffer.from(sid.buffer, sid.byteOffset, 16).readBigInt64BE(0);

export const uuidBytes = (uuid: string): Buffer => Buffer.from(uuid.replaceAll('-', ''), 'hex');
export const uuidText = (sid: Uint8Array): string =>
  Buffer.from(sid.buffer, sid.byteOffset, 16)
    .toString('hex')
    .replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5');

/** A PostgreSQL array literal of values that need no escaping: a third of the driver's own cost. */
export function arrayOf<T>(values: readonly T[], text: (value: T) => string): string {
  let out = '{';
  for (let i = 0; i < values.length; i++) out += i === 0 ? text(values[i]!) : `,${text(values[i]!)}`;
  return `${out}}`;
}
export const byteaText = (bytes: Buffer): string => `"\\\\x${bytes.toString('hex')}"`;
