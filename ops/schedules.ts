// How schedules ask for jobs: as POST /api/jobs/{kind} does, a refusal in words; and with whose rights, looked up before each run, because a schedule
// may outlive them.

import type { KeyRevocations } from '#api/deps.ts';
import type { JobKind, Jobs } from '#api/job-deps.ts';
import { may, type Role } from '#domain/access.ts';
import { ok, type Result, refuse } from '#domain/result.ts';
import type { SchedulerDeps } from '#processors/schedules/scheduler.ts';
import type { AccessStore } from '#streams/keyring/access-store.ts';

interface Rights {
  kinds: readonly JobKind[];
  access: Pick<AccessStore, 'keys' | 'user'>;
  revokedKeys: Pick<KeyRevocations, 'at'>;
  now: () => number;
}

/** Ids as a principal carries them: `local`, `key:ID`, `user:ID`. */
export function lackedRights({ kinds, access, revokedKeys, now }: Rights): SchedulerDeps['lacks'] {
  async function roleOf(principal: string): Promise<Result<Role, string>> {
    const [kind, id = ''] = principal.split(':');
    if (kind === 'user') {
      const user = await access.user(id);
      return user ? ok(user.role) : refuse('the account it runs for is gone');
    }
    if (kind !== 'key') return refuse('it is not known for whom it runs');
    const revoked = refuse('the API key it runs for was revoked');
    if (revokedKeys.at(id) !== null) return revoked;
    const key = (await access.keys()).find((each) => each.id === id);
    if (!key || key.revokedAt !== null) return revoked;
    if (key.expiresAt !== null && key.expiresAt <= now()) return refuse('the API key it runs for has expired');
    return ok(key.role);
  }
  return async ({ kind, params, onBehalfOf }) => {
    // The machine's own command line: whoever can use it may do everything.
    if (onBehalfOf === 'local') return null;
    const work = kinds.find(({ name }) => name === kind);
    // Of a kind this program does not know the run says so.
    if (!work) return null;
    const role = await roleOf(onBehalfOf);
    const needs = [work.permission, work.alsoNeeds?.(params) ?? null].filter((each) => each !== null);
    const lacked = role.ok ? needs.find((each) => !may(role.value, each)) : undefined;
    const why = role.ok ? lacked && `the role ${role.value} it runs for has no ${lacked}` : role.reason;
    return why ? `${why}; whoever may ask for a ${kind} resumes it` : null;
  };
}

export const askFor =
  (kinds: readonly JobKind[], jobs: Pick<Jobs, 'request'>): SchedulerDeps['ask'] =>
  async (kind, params, key, by) => {
    const work = kinds.find(({ name }) => name === kind);
    if (!work) return refuse(`this program knows no jobs of kind ${kind}: it was planned by another version`);
    const early = (await work.atOnce?.(params)) ?? null;
    if (early?.ok === false) return refuse(early.reason.message);
    const asked = await jobs.request(kind, { ...params }, key, by);
    return asked.ok ? ok(asked.value.job) : refuse(asked.reason);
  };
