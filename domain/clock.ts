// The log's own clock stands at the largest event time, so one wrong date moves "now" for everybody: it is said (facts §4).

const LONGEST_GAP_DAYS = 30;

/**
 * One sentence when the last day with an event follows a gap of more than 30 days, else null.
 * @param clockDay last day with an event. @param priorDay the last one before it; null when there is none.
 */
export function gapWarning(clockDay: number, priorDay: number | null): string | null {
  if (priorDay === null || clockDay - priorDay <= LONGEST_GAP_DAYS) return null;
  const date = (day: number) => new Date(day * 86_400_000).toISOString().slice(0, 10);
  return `the last day with an event, ${date(clockDay)}, comes ${clockDay - priorDay} days after the one before, ${date(priorDay)}; answers count from the last day, so check that its date is right`;
}
