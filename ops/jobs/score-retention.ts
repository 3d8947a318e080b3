// What is kept of scorings: schedules ask for one each night, and a base of a million is a file of some ten megabytes. Files go; what was found stays (a
// later scoring is compared with the position in a result, not with its file).
import type { Jobs, JobView } from '#api/job-deps.ts';
import { DAY_MS } from '#domain/time.ts';
import type { Artefacts } from '../artefacts.ts';
import { type Exports, fileNameOf } from './score-files.ts';

export interface Retention {
  /** Files of one asker: a schedule, a key, a user, the command line. */
  files: number;
  /** Older ones go, but for the newest of an asker: that of a monthly schedule is there until the next one is. */
  days: number;
}

/** Scorings whose file goes. @param jobs newest first; the one that runs has its file. @param now ms. */
export function outlived(jobs: readonly JobView[], { files, days }: Retention, now: number): JobView[] {
  const newer = new Map<string, number>();
  return jobs.filter(({ kind, status, by, params, requestedAt }) => {
    if (kind !== 'score' || params.dry_run === true || status === 'queued') return false;
    const old = now - requestedAt > days * DAY_MS;
    // It may have come as far as a file, and is retried from there.
    if (status === 'failed' || status === 'cancelled') return old;
    const before = newer.get(by) ?? 0;
    newer.set(by, before + 1);
    return status !== 'running' && before > 0 && (old || before >= files);
  });
}

/** Outputs of the steps of scorings that are done: nobody takes them up again. What anything else of a job refers to is not among them. */
export function spentSteps(jobs: readonly JobView[]): Set<string> {
  const isDone = ({ kind, status }: JobView) => kind === 'score' && status === 'succeeded';
  const spent = new Set(jobs.filter(isDone).flatMap(({ steps }) => steps.map(({ output }) => output)));
  for (const job of jobs) {
    if (job.result !== null) spent.delete(job.result);
    if (!isDone(job)) for (const { output } of job.steps) spent.delete(output);
  }
  return spent;
}

export interface RetentionDeps {
  jobs(): Pick<Jobs, 'list'>;
  exports: Pick<Exports, 'remove'>;
  artefacts: Pick<Artefacts, 'remove'>;
  retention: Retention;
  now: () => number;
  log: { warn(fields: object, message: string): void };
}

/** Answers how many files went. A store that is away is no failure of the scoring that is done. */
export async function clearOld({ jobs, exports, artefacts, retention, now, log }: RetentionDeps): Promise<number> {
  const all = jobs().list();
  try {
    await artefacts.remove(spentSteps(all));
    return await exports.remove(outlived(all, retention, now()).map(({ id, params }) => fileNameOf(id, params.format)));
  } catch (error) {
    log.warn({ error: String(error) }, 'files of earlier scorings could not all be removed');
    return 0;
  }
}
