// When a backtest stands: moments of the past late enough to have learned something by then, and early enough that what they foretell has
// come. Days are local days of the workspace.

import { ok, type Result, refuse } from '../result.ts';
import { DAY_MS } from '../time.ts';

export interface BacktestSpan {
  /** Of the first purchase. */
  firstDay: number;
  /** The last day the log knows of. */
  today: number;
  horizonDays: number;
  /** Days after the horizon in which late events may still arrive. */
  latenessDays: number;
  /** Days of history a fit is worth trying on, for a horizon. */
  learnsFrom(horizonDays: number): number;
}

/** Less to learn from is not worth a fit: eight weeks, and half the horizon. */
export const valueLearnsFrom = (horizonDays: number): number => Math.max(56, Math.ceil(horizonDays / 2));
/** A classifier needs a horizon that is over to learn from, too. */
export const churnLearnsFrom = (horizonDays: number): number => horizonDays + valueLearnsFrom(horizonDays);
/** A log's clock stands at its last event: a horizon may end so little later, and the days between count as without purchases. */
const BEYOND_SHARE = 0.01;

export const dateOf = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);

/**
 * The latest `count` cut-offs whose horizons have come true, ascending, evenly spread and at most a horizon apart; fewer where the days between
 * do not suffice.
 */
export function chooseCutoffs(span: BacktestSpan, count: number): Result<number[], string> {
  const { firstDay, today, horizonDays, latenessDays } = span;
  const last = today - horizonDays - latenessDays;
  const least = firstDay + span.learnsFrom(horizonDays);
  if (last < least) return refuse(tooLong(span));
  const apart = count === 1 ? 0 : Math.min(horizonDays, (last - least) / (count - 1));
  const days = Array.from({ length: count }, (_, i) => last - Math.round((count - 1 - i) * apart));
  return ok([...new Set(days)]);
}

/** Cut-offs somebody named, ascending, each once. `beyond`: days of the last horizon that the log does not reach. */
export function checkCutoffs(
  span: BacktestSpan,
  days: readonly number[],
): Result<{ days: number[]; beyond: number }, string> {
  const { firstDay, today, horizonDays, latenessDays } = span;
  const sorted = [...new Set(days)].sort((a, b) => a - b);
  const [first, last] = [sorted[0]!, sorted.at(-1)!];
  if (first <= firstDay)
    return refuse(`nothing was known on ${dateOf(first)}: the first purchase is of ${dateOf(firstDay)}; cut later`);
  const beyond = Math.max(0, last + horizonDays + latenessDays - today);
  if (beyond > Math.floor(horizonDays * BEYOND_SHARE))
    return refuse(
      `${horizonDays} days after ${dateOf(last)} are not over${latenessDays > 0 ? ` (with ${latenessDays} more for what comes late)` : ''}: the data end on ${dateOf(today)}; cut on ${dateOf(today - horizonDays - latenessDays)} at the latest, or shorten the horizon`,
    );
  return ok({ days: sorted, beyond });
}

function tooLong({ firstDay, today, horizonDays, latenessDays, learnsFrom }: BacktestSpan): string {
  const days = today - firstDay - latenessDays;
  let longest = 0;
  while (longest + 1 + learnsFrom(longest + 1) <= days) longest++;
  const span = `the data span ${today - firstDay} days (${dateOf(firstDay)} to ${dateOf(today)})`;
  return longest < 1
    ? `${span}, too few to learn from and to hold anything against: at least ${1 + learnsFrom(1) + latenessDays} are needed; import a longer history`
    : `a horizon of ${horizonDays} days is longer than the data allow: ${span}; ${longest} days at most`;
}
