// What any access store must do: run by the one in PostgreSQL and by the one in memory that route tests use.
import { beforeAll, describe, expect, test } from 'vitest';
import { type AccessStore, SETUP_TOKEN_MS, sessionDigest } from '#streams/keyring/access-store.ts';

const NOW = Date.parse('2026-06-01T12:00:00Z');
const password = 'a long enough phrase 7';

export function accessStoreContract(name: string, create: () => Promise<AccessStore>): void {
  describe(`access store: ${name}`, () => {
    let store: AccessStore;
    beforeAll(async () => {
      store = await create();
    });

    test('begins with nobody: no account, no key', async () => {
      expect(await store.hasAdmin()).toBe(false);
      expect(await store.keys()).toEqual([]);
    });

    test('a setup token works once, within 30 minutes, and only the newest one', async () => {
      const old = await store.createSetupToken(NOW);
      const token = await store.createSetupToken(NOW);
      const setUp = (given: string, now = NOW) =>
        store.completeSetup({ token: given, email: ' Ada@Example.org ', password, now });
      expect(Buffer.from(token, 'base64url')).toHaveLength(32);
      expect(await setUp(old)).toEqual({ ok: false, reason: 'setup-token-invalid' });
      expect(await setUp(token, NOW + SETUP_TOKEN_MS)).toEqual({ ok: false, reason: 'setup-token-invalid' });
      expect(await store.completeSetup({ token, email: 'a@b', password: 'short', now: NOW })).toEqual({
        ok: false,
        reason: 'password-too-short',
      });
      const made = await Promise.all([setUp(token), setUp(token)]);
      expect(made.filter((result) => result.ok)).toHaveLength(1);
      expect(made.find((result) => result.ok)).toMatchObject({ value: { email: 'ada@example.org', role: 'admin' } });
      expect(await store.hasAdmin()).toBe(true);
      const next = await store.createSetupToken(NOW);
      expect(await store.completeSetup({ token: next, email: 'b@b', password, now: NOW })).toEqual({
        ok: false,
        reason: 'already-set-up',
      });
    });

    test('an address has one account, whatever its case; the password opens it', async () => {
      expect(await store.createUser({ email: 'ADA@example.org', password, role: 'analyst', now: NOW })).toEqual({
        ok: false,
        reason: 'email-taken',
      });
      expect(await store.createUser({ email: 'no address', password, role: 'analyst', now: NOW })).toEqual({
        ok: false,
        reason: 'bad-email',
      });
      expect(await store.createUser({ email: 'c@d', password: 'Password1234!', role: 'analyst', now: NOW })).toEqual({
        ok: false,
        reason: 'password-too-common',
      });
      expect(await store.verifyPassword('ada@EXAMPLE.org', password)).toMatchObject({
        email: 'ada@example.org',
        role: 'admin',
      });
      expect(await store.verifyPassword('ada@example.org', `${password} `)).toBeNull();
      expect(await store.verifyPassword('nobody@example.org', password)).toBeNull();
      const user = (await store.verifyPassword('ada@example.org', password))!;
      expect(await store.user(user.id)).toEqual(user);
      for (const nobody of ['', 'ada@example.org', '00000000-0000-4000-8000-000000000000'])
        expect(await store.user(nobody)).toBeNull();
    });

    test('a session lives until its end or its logout', async () => {
      const user = (await store.verifyPassword('ada@example.org', password))!;
      const { token, expiresAt } = await store.createSession(user.id, 1000, NOW);
      expect(expiresAt).toBe(NOW + 1000);
      expect(await store.session(token, NOW + 999)).toMatchObject({ user, expiresAt });
      expect(await store.sessionByDigest(sessionDigest(token), NOW)).toMatchObject({ user });
      expect(await store.session(token, NOW + 1000)).toBeNull();
      expect(await store.session(`${token}x`, NOW)).toBeNull();
      await store.endSession(token);
      expect(await store.session(token, NOW)).toBeNull();
    });

    test('a key is right only as a whole, unexpired and not revoked; revoking tells listeners', async () => {
      const made = await store.createKey({ role: 'ml-engineer', name: 'nightly', expiresAt: NOW + 1000, now: NOW });
      expect(made.key).toMatch(/^ax_[0-9a-f]{12}_[\w-]{43}$/);
      expect(await store.verifyKey(made.key, NOW)).toMatchObject({
        id: made.id,
        role: 'ml-engineer',
        name: 'nightly',
        lastUsedDay: '2026-06-01',
      });
      const other = await store.createKey({ role: 'admin', name: null, expiresAt: null, now: NOW });
      const mixed = `ax_${other.id}_${made.key.slice(16)}`;
      for (const wrong of [mixed, made.key.slice(0, -1), `${made.key}A`, made.key.toUpperCase(), '', 'ax__'])
        expect(await store.verifyKey(wrong, NOW)).toBeNull();
      expect(await store.verifyKey(made.key, NOW + 1000)).toBeNull();
      let told = 0;
      const stop = store.onRevocation(() => told++);
      expect(await store.revokeKey(other.id, NOW)).toBe(true);
      expect(await store.revokeKey('000000000000', NOW)).toBe(false);
      expect(told).toBeGreaterThan(0);
      stop();
      expect(await store.verifyKey(other.key, NOW)).toBeNull();
      const listed = await store.keys();
      expect(listed.map((key) => key.id).sort()).toEqual([made.id, other.id].sort());
      expect(JSON.stringify(listed)).not.toContain(made.key.slice(16));
    });

    test('a write key names its source', async () => {
      const writeKey = await store.createWriteKey('shop', NOW);
      expect(await store.sourceOfWriteKey(writeKey)).toBe('shop');
      expect(await store.sourceOfWriteKey(`${writeKey}x`)).toBeNull();
      const second = await store.createWriteKey('shop', NOW);
      const other = await store.createWriteKey('till', NOW);
      let told = 0;
      store.onRevocation(() => told++);
      expect(await store.revokeWriteKeys('shop', NOW)).toBe(2);
      expect(told).toBe(1);
      for (const key of [writeKey, second]) expect(await store.sourceOfWriteKey(key)).toBeNull();
      expect(await store.sourceOfWriteKey(other)).toBe('till');
      expect(await store.revokeWriteKeys('shop', NOW)).toBe(0);
      expect(await store.sourceOfWriteKey(await store.createWriteKey('shop', NOW))).toBe('shop');
    });
  });
}
