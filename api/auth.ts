// Who is asking. A credential becomes a principal: an API key, a login's bearer token, the console's session cookie, a source's write key,
// or the local command line. Verdicts are cached for at most 30 s and dropped at once when a right is taken away. While the keyring's database
// is away the last verdict stands, as predictions need no database; an API key can be taken away all the same, by the log.
import { hash, timingSafeEqual } from 'node:crypto';
import type { Permission, Role } from '#domain/access.ts';
import { rolePermissions } from '#domain/access.ts';
import type { AccessStore } from '#streams/keyring/access-store.ts';
import type { KeyRevocations } from './deps.ts';
import { Problem } from './problem.ts';
import { createLoginTokens } from './token.ts';

export interface Principal {
  kind: 'anonymous' | 'key' | 'login' | 'session' | 'source' | 'local';
  role: Role;
  /** Stable and free of secrets: names the limiter's bucket and the log's actor. */
  id: string;
  permissions: ReadonlySet<Permission>;
  /** A person's account, when there is one. */
  user: { id: string; email: string } | null;
  /** The source a write key stands for. */
  source: string | null;
  /** Came by cookie, so a browser may have been tricked into sending it. */
  byCookie: boolean;
}

export const ANONYMOUS: Principal = {
  kind: 'anonymous',
  role: 'anonymous',
  id: 'anonymous',
  permissions: rolePermissions.anonymous,
  user: null,
  source: null,
  byCookie: false,
};
const SOURCE_PERMISSIONS: ReadonlySet<Permission> = new Set<Permission>(['event:write']);

export interface Credentials {
  authorization: string | undefined;
  cookie: string | undefined;
  remoteAddress: string | undefined;
}

export interface AuthSettings {
  access: AccessStore;
  now: () => number;
  /** What the log says of API keys, whatever the keyring says or does not say. */
  revokedKeys: Pick<KeyRevocations, 'at' | 'onRevoked'>;
  /** 32 bytes of the workspace. */
  signingKey: Uint8Array;
  /** The workspace's id: tokens of another workspace are refused. */
  issuer: string;
  /** Made at each start, in the data directory's 0600 run file; null when the command line is not served. */
  localToken: string | null;
}

export const SESSION_COOKIE = 'axiom47_session';
const CACHE_MS = 30_000;
/** How long a verdict may stand in for a store that does not answer … */
const STAND_IN_MS = 15 * 60_000;
/** … which is told by an error, or by this long a silence … */
const SILENCE_MS = 250;
/** … and is then asked again so often. */
const ASK_AGAIN_MS = 1_000;
const CACHE_SIZE = 20_000;

export const isLoopback = (address: string | undefined): boolean =>
  address !== undefined && (address === '::1' || /^(::ffff:)?127\./.test(address));

const fingerprint = (text: string): string => hash('sha256', text, 'base64');

export function cookieValue(header: string | undefined, name: string): string | undefined {
  if (!header) return undefined;
  for (const part of header.split(';')) {
    const at = part.indexOf('=');
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return undefined;
}

/** What `Authorization: Basic` carries as user name; Segment's libraries send the write key there with an empty password. */
function basicUser(value: string): string {
  const text = Buffer.from(value, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? text : text.slice(0, colon);
}

export function createAuthenticator(settings: AuthSettings) {
  const { access, now, signingKey, issuer, localToken, revokedKeys } = settings;
  const logins = createLoginTokens(signingKey);
  const cache = new Map<string, { principal: Principal; until: number; standInUntil: number }>();
  const closers = new Set<() => void>();
  /** Counts revocations: a verdict asked for before one must not be remembered after it. */
  let revocations = 0;
  access.onRevocation(() => {
    revocations++;
    cache.clear();
    for (const close of closers) close();
  });

  // Only that key's verdicts: while the keyring is away the others cannot be had anew.
  revokedKeys.onRevoked((id) => {
    revocations++;
    for (const [key, { principal }] of cache) if (principal.id === `key:${id}`) cache.delete(key);
    for (const close of closers) close();
  });

  const rememberSince =
    (since: number) =>
    (key: string, principal: Principal, expiresAt = Number.POSITIVE_INFINITY) => {
      if (since !== revocations) return principal;
      if (cache.size >= CACHE_SIZE) cache.clear();
      const at = now();
      cache.set(key, {
        principal,
        until: Math.min(at + CACHE_MS, expiresAt),
        standInUntil: Math.min(at + STAND_IN_MS, expiresAt),
      });
      return principal;
    };
  const recall = (key: string): Principal | undefined => {
    const entry = cache.get(key);
    if (!entry) return undefined;
    if (entry.until > now()) return entry.principal;
    if (entry.standInUntil <= now()) cache.delete(key);
    return undefined;
  };

  /** The store's own verdict; the last one when it cannot be had and is not too old. A refusal is a verdict. */
  async function asked(key: string, ask: () => Promise<Principal>): Promise<Principal> {
    const last = cache.get(key);
    if (!last) return await ask();
    const standIn = (): Principal => {
      // Unless it was taken away meanwhile.
      if (cache.get(key) === last) last.until = Math.min(now() + ASK_AGAIN_MS, last.standInUntil);
      return last.principal;
    };
    /** The store has spoken: the last verdict is no longer one. */
    const forget = () => {
      if (cache.get(key) === last) cache.delete(key);
    };
    const verdict = ask().then(
      (principal) => {
        forget(); // unless it has just been remembered anew
        return principal;
      },
      (error: unknown) => {
        if ((error as { code?: unknown }).code === 'keyring-unavailable' && cache.get(key) === last) return standIn();
        forget();
        throw error;
      },
    );
    verdict.catch(() => undefined); // after a silence nobody waits for it
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<null>((resolve) => {
      timer = setTimeout(resolve, SILENCE_MS, null);
    });
    const first = await Promise.race([verdict, silence]);
    clearTimeout(timer);
    if (first !== null) return first;
    return cache.get(key) === last ? standIn() : await verdict;
  }
  const refused = (detail: string) =>
    new Problem('bad-credential', detail, { headers: { 'www-authenticate': 'Bearer realm="axiom47"' } });

  async function bearer(token: string, remoteAddress: string | undefined, key: string): Promise<Principal> {
    const remember = rememberSince(revocations);
    if (localToken !== null) {
      const a = Buffer.from(fingerprint(token));
      if (timingSafeEqual(a, Buffer.from(fingerprint(localToken)))) {
        // Checked on every request and never cached: the verdict depends on where the request comes from.
        if (!isLoopback(remoteAddress)) throw new Problem('not-loopback', 'use an API key from another machine');
        return { ...ANONYMOUS, kind: 'local', role: 'admin', id: 'local', permissions: rolePermissions.admin };
      }
    }
    if (token.startsWith('ax_')) {
      const isRevoked = revokedKeys.at(token.split('_', 2)[1]!) !== null;
      const found = isRevoked ? null : await access.verifyKey(token, now());
      if (!found) throw refused('this API key is unknown, expired or revoked');
      const principal: Principal = {
        ...ANONYMOUS,
        kind: 'key',
        role: found.role,
        id: `key:${found.id}`,
        permissions: rolePermissions[found.role],
      };
      return remember(key, principal, found.expiresAt ?? undefined);
    }
    const claims = logins.verify(token, issuer, now());
    const session = claims && (await access.sessionByDigest(Buffer.from(claims.jti, 'base64url'), now()));
    if (!claims || !session) throw refused('this token is not ours, has expired or was logged out');
    const { user } = session;
    const principal: Principal = {
      ...ANONYMOUS,
      kind: 'login',
      role: user.role,
      id: `user:${user.id}`,
      permissions: rolePermissions[user.role],
      user: { id: user.id, email: user.email },
    };
    return remember(key, principal, claims.exp * 1000);
  }

  async function writeKey(user: string, key: string): Promise<Principal> {
    const remember = rememberSince(revocations);
    const source = await access.sourceOfWriteKey(user);
    if (source === null) throw refused('this write key is unknown or revoked; take one from `axiom47 source add NAME`');
    return remember(key, {
      ...ANONYMOUS,
      kind: 'source',
      id: `source:${source}`,
      permissions: SOURCE_PERMISSIONS,
      source,
    });
  }

  async function bySession(token: string, key: string): Promise<Principal> {
    const remember = rememberSince(revocations);
    const session = await access.session(token, now());
    // A stale cookie is no attack, it is a tab left open: the visitor is anonymous again.
    if (!session) return ANONYMOUS;
    const { user } = session;
    const principal: Principal = {
      ...ANONYMOUS,
      kind: 'session',
      role: user.role,
      id: `user:${user.id}`,
      permissions: rolePermissions[user.role],
      user: { id: user.id, email: user.email },
      byCookie: true,
    };
    return remember(key, principal, session.expiresAt);
  }

  return {
    /** The cached verdict for an `Authorization` header, without a promise: what the hot route asks first. */
    cached: (authorization: string): Principal | undefined => recall(fingerprint(authorization)),

    /** Throws a Problem for a credential that is presented and wrong; anonymous when none is. */
    async identify({ authorization, cookie, remoteAddress }: Credentials): Promise<Principal> {
      if (authorization) {
        const key = fingerprint(authorization);
        const known = recall(key);
        if (known) return known;
        const [scheme = '', value = ''] = authorization.split(/\s+/, 2);
        if (/^bearer$/i.test(scheme)) return await asked(key, () => bearer(value, remoteAddress, key));
        if (/^basic$/i.test(scheme)) return await asked(key, () => writeKey(basicUser(value), key));
        throw refused('Authorization must be `Bearer …`, or `Basic …` with a write key');
      }
      const token = cookieValue(cookie, SESSION_COOKIE);
      if (!token) return ANONYMOUS;
      const key = fingerprint(`cookie ${token}`);
      return recall(key) ?? (await asked(key, () => bySession(token, key)));
    },

    /** Live streams ask to be closed when rights may have changed; returns the way to stop asking. */
    onRevocation(close: () => void): () => void {
      closers.add(close);
      return () => closers.delete(close);
    },
  };
}
export type Authenticator = ReturnType<typeof createAuthenticator>;

/**
 * A browser sends its cookie along with a forged request, so a write by cookie must say it comes from our own pages
 * (OWASP CSRF: Origin, then Sec-Fetch-Site; SameSite=Strict is the first line).
 */
export function refuseCrossOrigin(headers: {
  origin: string | undefined;
  fetchSite: string | undefined;
  host: string | undefined;
}): void {
  const { origin, fetchSite, host } = headers;
  let same = fetchSite === 'same-origin';
  if (origin !== undefined) {
    const parsed = URL.canParse(origin) ? new URL(origin).host : null;
    same = parsed !== null && parsed === host && (fetchSite === undefined || fetchSite === 'same-origin');
  }
  if (!same) throw new Problem('cross-origin', 'a request with the console’s cookie must come from the console itself');
}
