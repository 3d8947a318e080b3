// The keyring's database away: who was known a moment ago goes on being known, who is refused is refused at once, and nobody new is let in.
import { beforeEach, describe, expect, test } from 'vitest';
import { createAuthenticator } from '#api/auth.ts';
import type { KeyRevocations } from '#api/deps.ts';
import { openKeyRevocations } from '#ops/key-revocations.ts';
import type { AccessStore } from '#streams/keyring/access-store.ts';
import { KeyringUnavailable } from '#streams/keyring/errors.ts';
import { createMemoryStore, type MemoryStore } from '#streams/memory/store.ts';
import { createFakeAccessStore } from './support/fake-access.ts';

const MINUTE = 60_000;
let now: number;
let mode: 'up' | 'down' | 'silent' | 'revoked' | 'broken';
let asked: number;
let key: string;
let access: AccessStore;
let store: MemoryStore;
let open: () => Promise<KeyRevocations>;
let revocations: KeyRevocations;
let authenticator: ReturnType<typeof createAuthenticator>;
const identify = (authorization = `Bearer ${key}`) =>
  authenticator.identify({ authorization, cookie: undefined, remoteAddress: '10.0.0.1' });

async function createKey(expiresAt: number | null): Promise<string> {
  return (await access.createKey({ role: 'product', name: 'test', expiresAt, now })).key;
}

beforeEach(async () => {
  now = 1_800_000_000_000;
  mode = 'up';
  asked = 0;
  access = createFakeAccessStore();
  const verifyKey: AccessStore['verifyKey'] = async (...args) => {
    asked++;
    if (mode === 'down') throw new KeyringUnavailable(new Error('connect ECONNREFUSED'));
    if (mode === 'silent') await new Promise(() => undefined);
    if (mode === 'broken') throw new Error('a bug');
    return mode === 'revoked' ? null : access.verifyKey(...args);
  };
  store = createMemoryStore();
  const revokeKey: AccessStore['revokeKey'] = async (...args) => {
    if (mode === 'down') throw new KeyringUnavailable(new Error('connect ECONNREFUSED'));
    return access.revokeKey(...args);
  };
  const keys: AccessStore['keys'] = async () => {
    if (mode === 'down') throw new KeyringUnavailable(new Error('connect ECONNREFUSED'));
    return access.keys();
  };
  open = () =>
    openKeyRevocations({ store, access: { keys, revokeKey }, now: () => now, log: { warn: () => undefined } });
  revocations = await open();
  authenticator = createAuthenticator({
    access: { ...access, verifyKey },
    revokedKeys: revocations,
    now: () => now,
    signingKey: new Uint8Array(32),
    issuer: 'w-1',
    localToken: null,
  });
  key = await createKey(null);
});

describe.each(['down', 'silent'] as const)('a database that is %s', (kind) => {
  test('the last verdict stands for a quarter of an hour and the database is asked once a second', async () => {
    await identify();
    mode = kind;
    for (let minute = 1; minute < 15; minute++) {
      now += MINUTE - 1;
      expect(await identify()).toMatchObject({ role: 'product' });
      const before = asked;
      // The hot route's way, which asks nobody.
      expect(authenticator.cached(`Bearer ${key}`)).toMatchObject({ role: 'product' });
      expect(await identify()).toMatchObject({ role: 'product' });
      expect(asked).toBe(before);
    }
    expect(asked).toBe(15);
    now += 2 * MINUTE;
    if (kind === 'down') await expect(identify()).rejects.toMatchObject({ code: 'keyring-unavailable' });
    expect(authenticator.cached(`Bearer ${key}`)).toBeUndefined();
  });

  test('back again, it is asked: a key revoked elsewhere is refused and forgotten', async () => {
    await identify();
    mode = kind;
    now += MINUTE;
    await identify();
    mode = 'revoked';
    now += MINUTE;
    await expect(identify()).rejects.toMatchObject({ reason: 'bad-credential' });
    mode = 'down';
    await expect(identify()).rejects.toMatchObject({ code: 'keyring-unavailable' });
  });
});

test('away: a key that was never seen waits, and one that expires meanwhile is known no longer', async () => {
  const short = await createKey(now + 5 * MINUTE);
  await identify(`Bearer ${short}`);
  mode = 'down';
  await expect(identify()).rejects.toMatchObject({ code: 'keyring-unavailable' });
  now += 4 * MINUTE;
  expect(await identify(`Bearer ${short}`)).toMatchObject({ role: 'product' });
  now += 2 * MINUTE;
  await expect(identify(`Bearer ${short}`)).rejects.toMatchObject({ code: 'keyring-unavailable' });
});

test('an error that is no outage is no reason to trust an old verdict', async () => {
  await identify();
  now += MINUTE;
  mode = 'broken';
  await expect(identify()).rejects.toThrow('a bug');
});

describe('a key taken away', () => {
  const idOf = (text: string) => text.split('_')[1]!;

  test('while the keyring is away: refused at once and without being asked; the others go on', async () => {
    const other = await createKey(null);
    await identify();
    await identify(`Bearer ${other}`);
    mode = 'down';
    now += MINUTE;
    expect(await identify()).toMatchObject({ role: 'product' });
    expect(await revocations.revoke(idOf(key), 'local')).toBe(true);
    expect(authenticator.cached(`Bearer ${key}`)).toBeUndefined();
    const before = asked;
    await expect(identify()).rejects.toMatchObject({ reason: 'bad-credential' });
    expect(asked).toBe(before);
    now += 10 * MINUTE;
    await expect(identify()).rejects.toMatchObject({ reason: 'bad-credential' });
    expect(await identify(`Bearer ${other}`)).toMatchObject({ role: 'product' });
  });

  test('the next start tells the keyring, also one that was restored from before', async () => {
    mode = 'down';
    await revocations.revoke(idOf(key), 'local');
    mode = 'up';
    expect((await access.keys())[0]!.revokedAt).toBeNull();
    const later = await open();
    expect(later.at(idOf(key))).toBe(now);
    expect((await access.keys())[0]!.revokedAt).toBe(now);
  });

  test('the log first: where it cannot be said, the keyring is not told either', async () => {
    store.append = async () => {
      throw new Error('the log is away');
    };
    await expect(revocations.revoke(idOf(key), 'local')).rejects.toThrow('the log is away');
    expect((await access.keys())[0]!.revokedAt).toBeNull();
    expect(revocations.at(idOf(key))).toBeNull();
  });

  test('one that is unknown to a keyring that answers is no fact of the log', async () => {
    expect(await revocations.revoke('0'.repeat(12), 'local')).toBe(false);
    expect(await store.lastSequence('CTL')).toBe(0);
    expect(await revocations.revoke(idOf(key), 'local')).toBe(true);
    expect(await revocations.revoke(idOf(key), 'local')).toBe(true);
    expect(await store.lastSequence('CTL')).toBe(1);
  });
});
