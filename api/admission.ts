// What every request passes before its route: who is it, how often has it come, may it do this, and is it really from our own pages.
import type { Context } from 'hono';
import { ANONYMOUS, createAuthenticator, type Principal, refuseCrossOrigin } from './auth.ts';
import type { Deps } from './deps.ts';
import { TokenBuckets } from './limiter.ts';
import { Problem } from './problem.ts';
import { type Access, addressOf, type Env, hostOf } from './route.ts';

/** A wrong credential costs as much as this many anonymous requests: guessing is slow from anywhere. */
const WRONG_CREDENTIAL_COST = 10;

export function createAdmission(deps: Deps) {
  const authenticator = createAuthenticator({
    access: deps.access,
    revokedKeys: deps.keyRevocations,
    now: deps.now,
    signingKey: deps.signingKey,
    issuer: deps.workspace.id,
    localToken: deps.localToken,
  });
  const credentials = new TokenBuckets(deps.limits.requests);
  const addresses = new TokenBuckets(deps.limits.anonymous);
  // Without a credential: the demo's aggregates, and nothing else.
  const anonymous: Principal = deps.workspace.demo ? ANONYMOUS : { ...ANONYMOUS, permissions: new Set() };

  const slowDown = (seconds: number): Problem => {
    deps.metrics.refused('rate-limited');
    return new Problem('rate-limited', 'slow down: more requests than this credential may send', {
      headers: { 'retry-after': String(Math.max(1, Math.ceil(seconds))) },
    });
  };
  /** Throws 429 when the bucket is empty. */
  function pay(principal: Principal, address: string | undefined): void {
    const wait =
      principal.kind === 'anonymous'
        ? addresses.take(address ?? 'unknown', deps.now())
        : credentials.take(principal.id, deps.now());
    if (wait > 0) throw slowDown(wait);
  }
  function allow(principal: Principal, access: Access): void {
    if (access === 'public' || access === 'optional' || principal.permissions.has(access)) return;
    if (principal.kind === 'anonymous')
      throw new Problem('unauthenticated', 'send `Authorization: Bearer <API key>`, or sign in', {
        headers: { 'www-authenticate': 'Bearer realm="axiom47"' },
      });
    throw new Problem(
      'forbidden',
      `this needs the permission ${access}, which ${principal.kind === 'source' ? 'a write key' : `the role ${principal.role}`} does not have`,
    );
  }

  async function identify(c: Context<Env>, access: Access): Promise<void> {
    if (access === 'public') {
      c.set('principal', anonymous);
      return;
    }
    const address = addressOf(c);
    let principal: Principal;
    try {
      principal = await authenticator.identify({
        authorization: c.req.header('authorization'),
        cookie: c.req.header('cookie'),
        remoteAddress: address,
      });
    } catch (error) {
      if (error instanceof Problem) {
        const wait = addresses.take(address ?? 'unknown', deps.now(), WRONG_CREDENTIAL_COST);
        if (wait > 0) throw slowDown(wait);
      }
      throw error;
    }
    if (principal.kind === 'anonymous') principal = anonymous;
    pay(principal, address);
    allow(principal, access);
    if (principal.byCookie && c.req.method !== 'GET' && c.req.method !== 'HEAD')
      refuseCrossOrigin({ origin: c.req.header('origin'), fetchSite: c.req.header('sec-fetch-site'), host: hostOf(c) });
    c.set('principal', principal);
  }

  return { authenticator, identify, pay, allow };
}
export type Admission = ReturnType<typeof createAdmission>;
