// Who may come in: people, API keys, sessions, source write keys and the one-time setup token. Lives in the keyring's database because
// it holds personal data (an operator's e-mail) and secrets' digests, and neither belongs in a log that cannot forget.
// Nothing here is ever created by itself: there is no default account and no default key.
import { hash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { hash as argonHash, verify as argonVerify } from '@node-rs/argon2';
import type { PoolClient } from 'pg';
import type { Role } from '#domain/access.ts';
import { ok, type Result, refuse } from '#domain/result.ts';
import { isCommonPassword } from './common-passwords.ts';
import { type Database, migrate } from './database.ts';

export interface AccessUser {
  id: string;
  email: string;
  role: Role;
}
export interface AccessKey {
  id: string;
  name: string | null;
  role: Role;
  createdAt: number;
  expiresAt: number | null;
  revokedAt: number | null;
  /** UTC day of the last use (YYYY-MM-DD): enough to find unused keys, too coarse to follow anybody. */
  lastUsedDay: string | null;
}
export type AccessRefusal =
  | 'setup-token-invalid'
  | 'already-set-up'
  | 'password-too-short'
  | 'password-too-common'
  | 'bad-email'
  | 'email-taken';

export interface AccessStore {
  hasAdmin(): Promise<boolean>;
  /** A fresh one-time token (256 bits, 30 minutes); earlier unused ones stop working. */
  createSetupToken(now: number): Promise<string>;
  completeSetup(input: {
    token: string;
    email: string;
    password: string;
    now: number;
  }): Promise<Result<AccessUser, AccessRefusal>>;
  createUser(input: {
    email: string;
    password: string;
    role: Role;
    now: number;
  }): Promise<Result<AccessUser, AccessRefusal>>;
  /** Null: there is no such account, or no more. */
  user(id: string): Promise<AccessUser | null>;
  /** Null for an unknown address and for a wrong password alike, after the same work. */
  verifyPassword(email: string, password: string): Promise<AccessUser | null>;
  createSession(userId: string, ttlMs: number, now: number): Promise<{ token: string; expiresAt: number }>;
  session(token: string, now: number): Promise<{ user: AccessUser; expiresAt: number } | null>;
  /** The same by the token's SHA-256, which is what a bearer token of a login carries. */
  sessionByDigest(tokenDigest: Uint8Array, now: number): Promise<{ user: AccessUser; expiresAt: number } | null>;
  endSession(token: string): Promise<void>;
  endSessionByDigest(tokenDigest: Uint8Array): Promise<void>;
  createKey(input: {
    role: Role;
    name: string | null;
    expiresAt: number | null;
    now: number;
  }): Promise<AccessKey & { key: string }>;
  /** The key behind `ax_<id>_<secret>` when it is right, unexpired and not revoked. */
  verifyKey(key: string, now: number): Promise<AccessKey | null>;
  keys(): Promise<AccessKey[]>;
  revokeKey(id: string, now: number): Promise<boolean>;
  createWriteKey(source: string, now: number): Promise<string>;
  /** Null for an unknown and for a revoked one alike. */
  sourceOfWriteKey(writeKey: string): Promise<string | null>;
  /** Ends every write key the source has so far; answers how many that were. */
  revokeWriteKeys(source: string, now: number): Promise<number>;
  /** Called after every change that takes a right away, so that cached verdicts are dropped at once. */
  onRevocation(listener: () => void): () => void;
}

export const SETUP_TOKEN_MS = 30 * 60_000;
export const MIN_PASSWORD = 12;
/** OWASP's argon2id minimum: 19 MiB, 2 passes, 1 lane; about 9 ms. */
const ARGON = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** Forward only; a released entry is never edited. */
export const ACCESS_MIGRATIONS: readonly string[] = [
  `create schema if not exists access;
   create table access.users (
     id uuid primary key, email text not null unique, password_hash text not null, role text not null,
     created_at bigint not null);
   create table access.api_keys (
     id text primary key, secret_hash bytea not null, role text not null, name text,
     created_at bigint not null, expires_at bigint, revoked_at bigint, last_used_day date);
   create table access.sessions (
     token_hash bytea primary key, user_id uuid not null references access.users on delete cascade,
     created_at bigint not null, expires_at bigint not null);
   create table access.setup_tokens (token_hash bytea primary key, expires_at bigint not null, used_at bigint);
   create table access.write_keys (
     key_hash bytea primary key, source text not null, created_at bigint not null);
   create index write_keys_source on access.write_keys (source);`,
  'alter table access.write_keys add column revoked_at bigint;',
];

export const sessionDigest = (token: string): Buffer => digest(token);
const digest = (secret: string): Buffer => hash('sha256', secret, 'buffer');
const secret256 = (): string => randomBytes(32).toString('base64url');
/** One address, one account: case and surrounding space do not make a second one. */
const normalEmail = (email: string): string => email.trim().toLowerCase();

interface KeyRow {
  id: string;
  secret_hash: Buffer;
  role: Role;
  name: string | null;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
  last_used_day: string | null;
}
const toKey = (row: KeyRow): AccessKey => ({
  id: row.id,
  name: row.name,
  role: row.role,
  createdAt: Number(row.created_at),
  expiresAt: row.expires_at === null ? null : Number(row.expires_at),
  revokedAt: row.revoked_at === null ? null : Number(row.revoked_at),
  lastUsedDay: row.last_used_day,
});
const KEY_COLUMNS = `id, secret_hash, role, name, created_at, expires_at, revoked_at, to_char(last_used_day, 'YYYY-MM-DD') as last_used_day`;

const passwordProblem = (password: string): AccessRefusal | null =>
  [...password].length < MIN_PASSWORD
    ? 'password-too-short'
    : isCommonPassword(password)
      ? 'password-too-common'
      : null;
const emailProblem = (email: string): AccessRefusal | null =>
  email.length <= 254 && /^[^\s@]+@[^\s@]+$/.test(email) ? null : 'bad-email';

/** Brings its tables up to date first; several processes may do so at once. */
export async function createAccessStore(database: Database): Promise<AccessStore> {
  await migrate(database, 'access', ACCESS_MIGRATIONS);
  const listeners = new Set<() => void>();
  const revoked = () => {
    for (const listener of listeners) listener();
  };
  // A hash to verify against when the address is unknown, so that an answer takes as long as for a wrong password.
  const decoy = await argonHash(secret256(), ARGON);

  async function insertUser(
    client: PoolClient,
    input: { email: string; password: string; role: Role; now: number },
  ): Promise<Result<AccessUser, AccessRefusal>> {
    const email = normalEmail(input.email);
    const problem = emailProblem(email) ?? passwordProblem(input.password);
    if (problem) return refuse(problem);
    const id = randomUUID();
    const { rowCount } = await client.query(
      'insert into access.users (id, email, password_hash, role, created_at) values ($1, $2, $3, $4, $5) on conflict (email) do nothing',
      [id, email, await argonHash(input.password, ARGON), input.role, input.now],
    );
    return rowCount === 1 ? ok({ id, email, role: input.role }) : refuse('email-taken');
  }

  async function sessionByDigest(tokenDigest: Uint8Array, now: number) {
    const rows = await database.query<{ id: string; email: string; role: Role; expires_at: string }>(
      `select u.id, u.email, u.role, s.expires_at from access.sessions s join access.users u on u.id = s.user_id
       where s.token_hash = $1 and s.expires_at > $2`,
      [tokenDigest, now],
    );
    const row = rows[0];
    return row ? { user: { id: row.id, email: row.email, role: row.role }, expiresAt: Number(row.expires_at) } : null;
  }

  async function endSessionByDigest(tokenDigest: Uint8Array): Promise<void> {
    await database.query('delete from access.sessions where token_hash = $1', [tokenDigest]);
    revoked();
  }

  return {
    async hasAdmin() {
      const rows = await database.query(`select 1 from access.users where role = 'admin' limit 1`);
      return rows.length > 0;
    },

    async createSetupToken(now) {
      const token = secret256();
      await database.transaction(async (client) => {
        await client.query('delete from access.setup_tokens');
        await client.query('insert into access.setup_tokens values ($1, $2, null)', [
          digest(token),
          now + SETUP_TOKEN_MS,
        ]);
      });
      return token;
    },

    async completeSetup({ token, email, password, now }) {
      return await database.transaction(async (client) => {
        // The row lock makes "once" true for two requests at the same instant.
        const { rows } = await client.query<{ expires_at: string; used_at: string | null }>(
          'select expires_at, used_at from access.setup_tokens where token_hash = $1 for update',
          [digest(token)],
        );
        const row = rows[0];
        if (!row || row.used_at !== null || Number(row.expires_at) <= now) return refuse('setup-token-invalid');
        const admins = await client.query(`select 1 from access.users where role = 'admin' limit 1`);
        if (admins.rows.length > 0) return refuse('already-set-up');
        const created = await insertUser(client, { email, password, role: 'admin', now });
        if (created.ok)
          await client.query('update access.setup_tokens set used_at = $2 where token_hash = $1', [digest(token), now]);
        return created;
      });
    },

    createUser: (input) => database.transaction((client) => insertUser(client, input)),

    async user(id) {
      // As text: an id that is none is nobody's, not an error.
      const rows = await database.query<AccessUser>('select id, email, role from access.users where id::text = $1', [
        id,
      ]);
      return rows[0] ?? null;
    },

    async verifyPassword(email, password) {
      const rows = await database.query<{ id: string; email: string; role: Role; password_hash: string }>(
        'select id, email, role, password_hash from access.users where email = $1',
        [normalEmail(email)],
      );
      const user = rows[0];
      const right = await argonVerify(user?.password_hash ?? decoy, password);
      return user && right ? { id: user.id, email: user.email, role: user.role } : null;
    },

    async createSession(userId, ttlMs, now) {
      const token = secret256();
      await database.query('delete from access.sessions where expires_at <= $1', [now]);
      await database.query('insert into access.sessions values ($1, $2, $3, $4)', [
        digest(token),
        userId,
        now,
        now + ttlMs,
      ]);
      return { token, expiresAt: now + ttlMs };
    },

    session: (token, now) => sessionByDigest(digest(token), now),
    sessionByDigest,

    endSession: (token) => endSessionByDigest(digest(token)),
    endSessionByDigest,

    async createKey({ role, name, expiresAt, now }) {
      const id = randomBytes(6).toString('hex');
      const secret = secret256();
      const rows = await database.query<KeyRow>(
        `insert into access.api_keys (id, secret_hash, role, name, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6) returning ${KEY_COLUMNS}`,
        [id, digest(secret), role, name, now, expiresAt],
      );
      return { ...toKey(rows[0]!), key: `ax_${id}_${secret}` };
    },

    async verifyKey(key, now) {
      const parts = /^ax_([0-9a-f]{12})_([\w-]{43})$/.exec(key);
      if (!parts) return null;
      const rows = await database.query<KeyRow>(`select ${KEY_COLUMNS} from access.api_keys where id = $1`, [parts[1]]);
      const row = rows[0];
      if (!row || !timingSafeEqual(row.secret_hash, digest(parts[2]!))) return null;
      const found = toKey(row);
      if (found.revokedAt !== null || (found.expiresAt !== null && found.expiresAt <= now)) return null;
      const day = new Date(now).toISOString().slice(0, 10);
      if (found.lastUsedDay !== day)
        await database.query('update access.api_keys set last_used_day = $2 where id = $1', [found.id, day]);
      return { ...found, lastUsedDay: day };
    },

    async keys() {
      const rows = await database.query<KeyRow>(`select ${KEY_COLUMNS} from access.api_keys order by created_at, id`);
      return rows.map(toKey);
    },

    async revokeKey(id, now) {
      const rows = await database.query(
        'update access.api_keys set revoked_at = coalesce(revoked_at, $2) where id = $1 returning id',
        [id, now],
      );
      revoked();
      return rows.length === 1;
    },

    async createWriteKey(source, now) {
      const writeKey = `wk_${secret256()}`;
      await database.query('insert into access.write_keys (key_hash, source, created_at) values ($1, $2, $3)', [
        digest(writeKey),
        source,
        now,
      ]);
      return writeKey;
    },

    async sourceOfWriteKey(writeKey) {
      const rows = await database.query<{ source: string }>(
        'select source from access.write_keys where key_hash = $1 and revoked_at is null',
        [digest(writeKey)],
      );
      return rows[0]?.source ?? null;
    },

    async revokeWriteKeys(source, now) {
      const rows = await database.query(
        'update access.write_keys set revoked_at = $2 where source = $1 and revoked_at is null returning source',
        [source, now],
      );
      revoked();
      return rows.length;
    },

    onRevocation(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
