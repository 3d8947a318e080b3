import { createHmac, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createIds } from '#streams/gateway/ids.ts';

const key = randomBytes(32);
const ids = createIds(key);
const reference = (material: string): Buffer => createHmac('sha256', key).update(material, 'utf8').digest();

describe('ids', () => {
  test('equal the first bytes of Node’s HMAC-SHA-256 for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
        const material = text.toWellFormed();
        expect(Buffer.from(ids.eventHash(material))).toEqual(reference(material).subarray(0, 16));
        expect(Buffer.from(ids.orderHash(material))).toEqual(reference(material).subarray(0, 8));
      }),
    );
  });

  test('a material longer than the working buffer hashes the same, and so do short ones after it', () => {
    for (const material of ['é'.repeat(5_000), 'o\0shop\0A-1'])
      expect(Buffer.from(ids.eventHash(material))).toEqual(reference(material).subarray(0, 16));
  });

  test('RFC 4231 test case 2 (key padded to 32 bytes by zeros is the same key)', () => {
    const padded = new Uint8Array(32);
    padded.set(new TextEncoder().encode('Jefe'));
    expect(Buffer.from(createIds(padded).eventHash('what do ya want for nothing?')).toString('hex')).toBe(
      '5bdcc146bf60754e6a042426089575c7',
    );
  });

  test('a key of another length is refused', () => {
    expect(() => createIds(new Uint8Array(16))).toThrow('32 bytes expected, 16 given');
  });
});
