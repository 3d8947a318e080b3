// Two small signed texts, both HMAC-SHA-256 under the workspace's signing key: the short-lived bearer token of a login (a JWT whose header
// must equal ours byte for byte, so no other algorithm can be talked into), and the score id that lets any answer be replayed.
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

/** What a score was computed from: enough to compute it again, to the last bit. */
export interface ScoreCoordinates {
  /** SHA-256 of the model's artefact, hex; its first 16 bytes travel. */
  digest: string;
  sid: Uint8Array;
  seq: number;
  /** ms */
  at: number;
  horizonDays: number;
}

const SIGNED = 1 + 16 + 16 + 6 + 8 + 8;
const MAC = 12;

export function createScoreIds(key: Uint8Array): {
  sign(score: ScoreCoordinates): string;
  read(id: string): ScoreCoordinates | null;
} {
  const mac = createMac(key);
  const buffer = Buffer.alloc(SIGNED + MAC);
  const signature = (bytes: Buffer) => mac(bytes.toString('latin1', 0, SIGNED), 'latin1').slice(0, MAC);
  return {
    sign({ digest, sid, seq, at, horizonDays }) {
      buffer[0] = 1;
      buffer.write(digest.slice(0, 32), 1, 'hex');
      buffer.set(sid, 17);
      buffer.writeUIntLE(seq, 33, 6);
      buffer.writeDoubleLE(at, 39);
      buffer.writeDoubleLE(horizonDays, 47);
      buffer.write(signature(buffer), SIGNED, 'latin1');
      return buffer.toString('base64url');
    },
    read(id) {
      const bytes = Buffer.from(id, 'base64url');
      if (bytes.length !== SIGNED + MAC || bytes[0] !== 1) return null;
      if (!timingSafeEqual(bytes.subarray(SIGNED), Buffer.from(signature(bytes), 'latin1'))) return null;
      return {
        digest: bytes.toString('hex', 1, 17),
        sid: Uint8Array.from(bytes.subarray(17, 33)),
        seq: bytes.readUIntLE(33, 6),
        at: bytes.readDoubleLE(39),
        horizonDays: bytes.readDoubleLE(47),
      };
    },
  };
}
