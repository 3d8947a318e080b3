// What is kept of scorings: schedules ask for one each night, and a base of a million is a file of some ten megabytes. Files go; what was found stays (a
// later scoring is compared with the position in a result, not with its file).
import type { JobSummary, Jobs, JobView } from '#api/job-deps.ts';
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
export function outlived(jobs: readonly JobSummary[], { files, days }: Retention, now: number): JobSummary[] {
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

const isDone = ({ status }: JobSummary): boolean => status === 'succeeded';

/**
 * Outputs of the steps of scorings that are done: nobody takes them up again. What anything else of a job refers to is not among them.
 * @param results of jobs of every kind. @param scorings whole.
 */
export function spentSteps(results: Iterable<string>, scorings: readonly JobView[]): Set<string> {
  const spent = new Set(scorings.filter(isDone).flatMap(({ steps }) => steps.map(({ output }) => output)));
  for (const result of results) spent.delete(result);
  for (const job of scorings) if (!isDone(job)) for (const { output } of job.steps) spent.delete(output);
  return spent;
}

export interface RetentionDeps {
  jobs(): Pick<Jobs, 'list' | 'whole'>;
  exports: Pick<Exports, 'remove'>;
  artefacts: Pick<Artefacts, 'remove'>;
  retention: Retention;
  now: () => number;
  log: { warn(fields: object, message: string): void };
}

/** @returns what clears, after each scoring. */
export function createRetention({ jobs, exports, artefacts, retention, now, log }: RetentionDeps) {
  /** Scorings whose steps are gone: the log is not asked for them again. */
  const cleared = new Set<string>();
  return {
    /** Answers how many files went. A store that is away is no failure of the scoring that is done. */
    async clearOld(): Promise<number> {
      const all = jobs().list();
      try {
        const asked = all.filter(
          ({ kind, id, stepsFinished }) => kind === 'score' && stepsFinished > 0 && !cleared.has(id),
        );
        const scorings: JobView[] = [];
        for (const { id } of asked) scorings.push((await jobs().whole(id))!);
        await artefacts.remove(
          spentSteps(
            all.flatMap(({ result }) => result ?? []),
            scorings,
          ),
        );
        for (const job of scorings) if (isDone(job)) cleared.add(job.id);
        return await exports.remove(
          outlived(all, retention, now()).map(({ id, params }) => fileNameOf(id, params.format)),
        );
      } catch (error) {
        log.warn({ error: String(error) }, 'files of earlier scorings could not all be removed');
        return 0;
      }
    },
  };
}
