// When a schedule's moments are. The rules of croner, held by tests: a local time that a change of the clocks leaves out runs at the first moment after
// the gap; one that comes twice runs at its first coming only; what runs every so many minutes or hours goes on through both.
import { Cron } from 'croner';
import { ok, type Result, refuse } from '#domain/result.ts';
import { isZone } from '#domain/time.ts';

export interface Moments {
  /** The first after `after` (ms), ms; null: never again. */
  next(after: number): number | null;
  /** The last that is not after `until`; null: there was none. */
  latest(until: number): number | null;
  /** How many lie after `after` and not after `until`; at most `most` are counted. */
  count(after: number, until: number, most: number): number;
}

export interface CronProblem {
  field: 'cron' | 'zone';
  message: string;
}

const EXAMPLE = 'minute, hour, day of month, month, day of week, as "0 3 * * *" for every day at three';

/** Five fields, to the minute. @returns the reason where the expression or the zone is none, or never comes true. */
export function momentsOf(cron: string, zone: string): Result<Moments, CronProblem> {
  if (!isZone(zone)) return refuse({ field: 'zone', message: `${zone} is no IANA time zone; e.g. Europe/Sofia` });
  const bad = (why: string) => refuse<CronProblem>({ field: 'cron', message: `${why}: five fields, ${EXAMPLE}` });
  // croner also takes dates, seconds and names.
  if (cron.trim().split(/\s+/).length !== 5) return bad(`'${cron}' has not five fields`);
  let plan: Cron;
  try {
    plan = new Cron(cron.trim(), { timezone: zone, paused: true, mode: '5-part' });
  } catch (error) {
    return bad(error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error));
  }
  const next = (after: number): number | null => plan.nextRun(new Date(after))?.getTime() ?? null;
  if (next(Date.UTC(2024, 0, 1)) === null) return bad(`'${cron}' never comes`);
  return ok({
    next,
    // croner looks strictly before.
    latest: (until) => plan.previousRuns(1, new Date(until + 1))[0]?.getTime() ?? null,
    count(after, until, most) {
      let n = 0;
      for (let moment = next(after); moment !== null && moment <= until && n < most; moment = next(moment)) n++;
      return n;
    },
  });
}
