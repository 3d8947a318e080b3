// Our keys against those of NATS's own library, which is written independently.
import { createUser, encode, fromPublic, fromSeed } from '@nats-io/nkeys';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { userOfSeed } from '#streams/jetstream/nkey.ts';

test('public key and signature are those of @nats-io/nkeys, for any seed and nonce', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 40 }), (nonce) => {
      const theirs = createUser();
      const seed = Buffer.from(theirs.getSeed()).toString('ascii');
      const { publicKey, authenticator } = userOfSeed(`${seed}\n`);
      expect(publicKey).toBe(theirs.getPublicKey());
      const challenge = new TextEncoder().encode(nonce);
      expect(authenticator(nonce)).toEqual({
        nkey: publicKey,
        sig: encode(fromSeed(theirs.getSeed()).sign(challenge)),
      });
      const { sig } = authenticator(nonce) as { sig: string };
      expect(fromPublic(publicKey).verify(challenge, Buffer.from(sig, 'base64'))).toBe(true);
    }),
    { numRuns: 15 },
  );
});

test('a server that asks for no signature gets none', () => {
  const seed = Buffer.from(createUser().getSeed()).toString('ascii');
  expect(userOfSeed(seed).authenticator()).toMatchObject({ sig: '' });
});

test('what is no seed of a user is refused, without being repeated', () => {
  const seed = Buffer.from(createUser().getSeed()).toString('ascii');
  const other = seed[20] === 'A' ? 'B' : 'A';
  for (const text of [
    '',
    'SU',
    createUser().getPublicKey(),
    seed.slice(0, -1),
    `${seed.slice(0, 20)}${other}${seed.slice(21)}`,
    seed.toLowerCase(),
    `SA${seed.slice(2)}`,
  ]) {
    const refused = () => userOfSeed(text);
    expect(refused, text).toThrow(/no seed of a user/);
    expect(refused).not.toThrow(seed.slice(4, 12));
  }
});
