// How schedules ask for jobs: as POST /api/jobs/{kind} does, a refusal in words.
import type { JobKind, Jobs } from '#api/deps.ts';
import { ok, refuse } from '#domain/result.ts';
import type { SchedulerDeps } from '#processors/schedules/scheduler.ts';

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
