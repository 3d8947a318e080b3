// The access store in memory, for tests of routes: same contract (test/api/access-store-contract.ts), no argon2, no database.
import { createHash, randomBytes } from 'node:crypto';
import type { Role } from '#domain/access.ts';
import { ok, refuse } from '#domain/result.ts';
import {
  type AccessKey,
  type AccessStore,
  type AccessUser,
  MIN_PASSWORD,
  SETUP_TOKEN_MS,
  sessionDigest,
} from '#streams/keyring/access-store.ts';
import { isCommonPassword } from '#streams/keyring/common-passwords.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export function createFakeAccessStore(): AccessStore {
  const users = new Map<string, AccessUser & { password: string }>();
  const keys = new Map<string, AccessKey & { secret: string }>();
  const sessions = new Map<string, { user: AccessUser; expiresAt: number }>();
  const writeKeys = new Map<string, string>();
  const listeners = new Set<() => void>();
  let setup: { token: string; expiresAt: number; used: boolean } | null = null;
  const revoked = () => {
    for (const listener of listeners) listener();
  };
  const create = ({ email, password, role }: { email: string; password: string; role: Role }) => {
    const address = email.trim().toLowerCase();
    if (!/^[^\s@]+@[^\s@]+$/.test(address)) return refuse('bad-email' as const);
    if (password.length < MIN_PASSWORD) return refuse('password-too-short' as const);
    if (isCommonPassword(password)) return refuse('password-too-common' as const);
    if (users.has(address)) return refuse('email-taken' as const);
    const user = { id: hex(randomBytes(8)), email: address, role };
    users.set(address, { ...user, password });
    return ok(user);
  };
  const sessionByDigest: AccessStore['sessionByDigest'] = async (digest, now) => {
    const found = sessions.get(hex(digest));
    return found && found.expiresAt > now ? found : null;
  };
  return {
    hasAdmin: async () => [...users.values()].some((user) => user.role === 'admin'),
    async createSetupToken(now) {
      setup = { token: randomBytes(32).toString('base64url'), expiresAt: now + SETUP_TOKEN_MS, used: false };
      return setup.token;
    },
    async completeSetup({ token, email, password, now }) {
      if (!setup || setup.token !== token || setup.used || setup.expiresAt <= now) return refuse('setup-token-invalid');
      if ([...users.values()].some((user) => user.role === 'admin')) return refuse('already-set-up');
      const made = create({ email, password, role: 'admin' });
      if (made.ok) setup.used = true;
      return made;
    },
    createUser: async (input) => create(input),
    async user(id) {
      const found = [...users.values()].find((each) => each.id === id);
      return found ? { id, email: found.email, role: found.role } : null;
    },
    async verifyPassword(email, password) {
      const user = users.get(email.trim().toLowerCase());
      return user?.password === password ? { id: user.id, email: user.email, role: user.role } : null;
    },
    async createSession(userId, ttlMs, now) {
      const user = [...users.values()].find((each) => each.id === userId);
      if (!user) throw new Error('no such user');
      const token = randomBytes(32).toString('base64url');
      sessions.set(hex(sessionDigest(token)), {
        user: { id: user.id, email: user.email, role: user.role },
        expiresAt: now + ttlMs,
      });
      return { token, expiresAt: now + ttlMs };
    },
    session: async (token, now) => sessionByDigest(sessionDigest(token), now),
    sessionByDigest,
    async endSession(token) {
      sessions.delete(hex(sessionDigest(token)));
      revoked();
    },
    async endSessionByDigest(digest) {
      sessions.delete(hex(digest));
      revoked();
    },
    async createKey({ role, name, expiresAt, now }) {
      const id = hex(randomBytes(6));
      const secret = createHash('sha256').update(randomBytes(32)).digest('base64url');
      const key: AccessKey = { id, name, role, createdAt: now, expiresAt, revokedAt: null, lastUsedDay: null };
      keys.set(id, { ...key, secret });
      return { ...key, key: `ax_${id}_${secret}` };
    },
    async verifyKey(text, now) {
      const [, id = '', secret] = /^ax_([0-9a-f]{12})_([\w-]{43})$/.exec(text) ?? [];
      const key = keys.get(id);
      if (!key || key.secret !== secret || key.revokedAt !== null || (key.expiresAt !== null && key.expiresAt <= now))
        return null;
      key.lastUsedDay = new Date(now).toISOString().slice(0, 10);
      const { secret: _secret, ...shown } = key;
      return shown;
    },
    keys: async () => [...keys.values()].map(({ secret: _secret, ...key }) => key),
    async revokeKey(id, now) {
      const key = keys.get(id);
      if (key) key.revokedAt ??= now;
      revoked();
      return key !== undefined;
    },
    async createWriteKey(source) {
      const writeKey = `wk_${randomBytes(32).toString('base64url')}`;
      writeKeys.set(writeKey, source);
      return writeKey;
    },
    sourceOfWriteKey: async (writeKey) => writeKeys.get(writeKey) ?? null,
    async revokeWriteKeys(source) {
      const ended = [...writeKeys].filter(([, each]) => each === source);
      for (const [writeKey] of ended) writeKeys.delete(writeKey);
      revoked();
      return ended.length;
    },
    onRevocation(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
