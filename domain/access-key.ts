// That an API key was taken away, as a fact of the control stream: it holds at once, also while the keyring that knows the key is away, and after a
// keyring of before was restored. Of the key itself the log holds nothing but its id.
import { z } from 'zod';
import type { Decider, EventOf } from './decider.ts';
import { ok, type Result } from './result.ts';

export const events = {
  /** `at` in ms; `by` a user's or key's id, or 'cli'. */
  'access-key.revoked': { version: 1, data: z.object({ at: z.number(), by: z.string() }) },
} as const;
type AccessKeyEvent = EventOf<typeof events>;

export interface RevokedKey {
  revokedAt: number;
}
export type AccessKeyCommand = { type: 'RevokeKey'; at: number; by: string };

export const accessKey: Decider<RevokedKey | null, AccessKeyCommand, AccessKeyEvent, never> = {
  aggregate: 'access-key',
  events,
  initial: null,
  evolve: (_, { data }) => ({ revokedAt: data.at }),
  decide: ({ at, by }, state): Result<AccessKeyEvent[], never> =>
    ok(state === null ? [{ type: 'access-key.revoked', data: { at, by } }] : []),
};
