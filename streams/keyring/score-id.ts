// The id of a score: a signed encoding of everything it was computed from, so that a prediction that was never stored can be computed again,
// to the last bit (architecture "Small decisions"). HMAC-SHA-256 under the workspace's signing key, 12 bytes of it.
import { timingSafeEqual } from 'node:crypto';
import { ok, type Result, refuse } from '#domain/result.ts';
import { createMac } from './hmac.ts';

/** What was asked: the horizon in the unit it was asked in, because 12 months and their days differ in the last bit of `months`. */
export type ScoreQuestion =
  | { kind: 'churn'; horizonDays: number }
  | { kind: 'clv'; horizonDays: number; discountMonthly: number }
  | { kind: 'clv'; months: number; discountMonthly: number };

export interface ScoreCoordinates {
  /** First 16 bytes of the SHA-256 of the model's artefact, hex; `sign` takes the whole digest. */
  digest: string;
  sid: Uint8Array;
  seq: number;
  /** ms */
  at: number;
  clock: 'log' | 'wall';
  question: ScoreQuestion;
}

export type ScoreIdRefusal = 'not-a-score' | 'earlier-version';

const VERSION = 2;
/** Before it said what was predicted: version, digest, sid, seq, at, horizon. */
const FIRST_SIGNED = 1 + 16 + 16 + 6 + 8 + 8;
const CHURN = 0;
const CLV_DAYS = 1;
const CLV_MONTHS = 2;
const WALL = 4;
/** Version, kind and clock, digest, sid, seq, at, horizon; then a discount rate where money is predicted. */
const SIGNED = 2 + 16 + 16 + 6 + 8 + 8;
const DISCOUNT = 8;
const MAC = 12;

export function createScoreIds(key: Uint8Array): {
  sign(score: ScoreCoordinates): string;
  read(id: string): Result<ScoreCoordinates, ScoreIdRefusal>;
} {
  const mac = createMac(key);
  const churnBuffer = Buffer.alloc(SIGNED + MAC);
  const clvBuffer = Buffer.alloc(SIGNED + DISCOUNT + MAC);
  const signature = (bytes: Buffer, signed: number) => mac(bytes.toString('latin1', 0, signed), 'latin1').slice(0, MAC);
  const isSigned = (bytes: Buffer): boolean => {
    const signed = bytes.length - MAC;
    return timingSafeEqual(bytes.subarray(signed), Buffer.from(signature(bytes, signed), 'latin1'));
  };

  return {
    sign({ digest, sid, seq, at, clock, question }) {
      const buffer = question.kind === 'churn' ? churnBuffer : clvBuffer;
      const kind = question.kind === 'churn' ? CHURN : 'months' in question ? CLV_MONTHS : CLV_DAYS;
      buffer[0] = VERSION;
      buffer[1] = kind | (clock === 'wall' ? WALL : 0);
      buffer.write(digest.slice(0, 32), 2, 'hex');
      buffer.set(sid, 18);
      buffer.writeUIntLE(seq, 34, 6);
      buffer.writeDoubleLE(at, 40);
      buffer.writeDoubleLE('months' in question ? question.months : question.horizonDays, 48);
      if (question.kind === 'clv') buffer.writeDoubleLE(question.discountMonthly, SIGNED);
      buffer.write(signature(buffer, buffer.length - MAC), buffer.length - MAC, 'latin1');
      return buffer.toString('base64url');
    },
    read(id) {
      const bytes = Buffer.from(id, 'base64url');
      if (bytes.length === FIRST_SIGNED + MAC && bytes[0] === 1)
        return refuse(isSigned(bytes) ? 'earlier-version' : 'not-a-score');
      const kind = (bytes[1] ?? 0) & ~WALL;
      const wanted = SIGNED + MAC + (kind === CHURN ? 0 : DISCOUNT);
      if (bytes.length !== wanted || bytes[0] !== VERSION || kind > CLV_MONTHS || !isSigned(bytes))
        return refuse('not-a-score');
      const horizon = bytes.readDoubleLE(48);
      const discountMonthly = kind === CHURN ? 0 : bytes.readDoubleLE(SIGNED);
      return ok({
        digest: bytes.toString('hex', 2, 18),
        sid: Uint8Array.from(bytes.subarray(18, 34)),
        seq: bytes.readUIntLE(34, 6),
        at: bytes.readDoubleLE(40),
        clock: (bytes[1]! & WALL) === 0 ? 'log' : 'wall',
        question:
          kind === CHURN
            ? { kind: 'churn', horizonDays: horizon }
            : kind === CLV_DAYS
              ? { kind: 'clv', horizonDays: horizon, discountMonthly }
              : { kind: 'clv', months: horizon, discountMonthly },
      });
    },
  };
}
