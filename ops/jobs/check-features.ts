// `check-features` as a job: a set of features over the base, held against its definitions. The position is its first step, so that however often it is
// taken up it is one question.
import { z } from 'zod';
import { FEATURE_SET, FEATURE_SETS, featureSet } from '#domain/churn-features.ts';
import { dateOf } from '#domain/models/cutoffs.ts';
import { ok, refuse } from '#domain/result.ts';
import { DAY_MS, dayOf } from '#domain/time.ts';
import type { JobProcess } from '#processors/job-process.ts';
import type { JobOfKind } from './catalogue.ts';
import { firstPosition, foldedBy, type LogDeps, seedInput } from './log-job.ts';

export interface CheckFeaturesDeps extends Omit<LogDeps, 'definitions'> {
  pool: Pick<JobProcess, 'featureReport'>;
  now: () => number;
}

const body = z.strictObject({
  set: z.int().min(1).default(FEATURE_SETS.at(-1)!.version).describe('Version of the set of features; the newest'),
  as_of: z.iso.date().optional().describe('The local day the features are asked for; today'),
  seed: seedInput('Of the sample, where there are more than 50,000 customers'),
});

const sets = (): string => FEATURE_SETS.map(({ name, version }) => `${name}@${version}`).join(', ');

export const checkFeaturesJob = (deps: CheckFeaturesDeps): JobOfKind => ({
  name: 'check-features',
  summary:
    'Hold a set of features against its definitions over the base: unknown, out of range, moving with the future',
  permission: 'model:write',
  body,
  examples: { now: {}, 'on a day': { as_of: '2026-01-31' } },
  async atOnce(given) {
    const { set } = body.parse(given);
    if (featureSet(set) !== null) return null;
    const message = `there is no feature set ${FEATURE_SET.name}@${set}; there is ${sets()}`;
    return { ok: false, reason: { code: 'unknown-feature-set', message } };
  },
  async run(job) {
    const params = body.parse(job.params);
    const position = await firstPosition(job, deps.present);
    const { seq, offsets } = position;
    const day = params.as_of === undefined ? position.day : Date.parse(`${params.as_of}T00:00:00Z`) / DAY_MS;
    // As a scoring has it: today by the wall may lie after the log's own day, and is no future.
    const last = Math.max(position.day, dayOf(deps.now(), offsets));
    if (day > last)
      return refuse({ code: 'as-of-future', message: `${params.as_of} is later than today; at most ${dateOf(last)}` });
    const plan = {
      set: params.set,
      day,
      seed: params.seed,
      seq,
      offsets,
      ...foldedBy(deps),
    };
    return ok(await deps.pool.featureReport(deps.nats, plan, job, job.signal));
  },
});
