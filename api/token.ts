// The short-lived bearer token of a login, HMAC-SHA-256 under the workspace's signing key: a JWT whose header must equal ours byte for byte, so
// no other algorithm can be talked into.
import { timingSafeEqual } from 'node:crypto';
import { createMac } from '#streams/keyring/hmac.ts';

const HEADER = Buffer.from('{"alg":"HS256","typ":"JWT"}').toString('base64url');

export interface LoginClaims {
  /** User id. */
  sub: string;
  /** base64url SHA-256 of the session this token hangs on: logout ends both. */
  jti: string;
  iss: string;
  /** Seconds since the epoch. */
  exp: number;
}

export function createLoginTokens(key: Uint8Array) {
  const mac = createMac(key);
  const signature = (text: string): Buffer => Buffer.from(mac(text, 'latin1'), 'latin1');
  return {
    sign(claims: LoginClaims): string {
      const body = `${HEADER}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
      return `${body}.${signature(body).toString('base64url')}`;
    },
    /** The claims of a token we signed that has not expired, or null. @param now ms */
    verify(token: string, issuer: string, now: number): LoginClaims | null {
      const parts = token.split('.');
      if (parts.length !== 3 || parts[0] !== HEADER) return null;
      const given = Buffer.from(parts[2]!, 'base64url');
      const right = signature(`${parts[0]}.${parts[1]}`);
      if (given.length !== right.length || !timingSafeEqual(given, right)) return null;
      const claims = JSON.parse(Buffer.from(parts[1]!, 'base64url').toString('utf8')) as LoginClaims;
      return claims.iss === issuer && claims.exp * 1000 > now ? claims : null;
    },
  };
}
