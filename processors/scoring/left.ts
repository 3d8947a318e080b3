// What an earlier start left of a model's scores, so that the next one goes on there.
import { dayOf, type Offsets } from '#domain/time.ts';

/** Of the scores table (projections/scores.ts), one model. */
export interface ScoresLeft {
  rows: number;
  seq: number | null;
  /** ms */
  at: number | null;
}

/**
 * The position up to which everybody has a score, and the day all are of. null: nobody can say. So it is of a version that was a canary once: the rows of
 * its share reach to the end of the log, whether or not the others were ever scored. And so it is when churn was defined anew after the last of them: then
 * everybody's answer may be another one.
 *
 * @param barriers every deployment so far, in percent of the customers. @param definitions of churn, every one so far, by position.
 */
export function leftOf(
  { rows, seq, at }: ScoresLeft,
  modelId: string,
  barriers: readonly { id: string; percent: number }[],
  definitions: readonly { seq: number }[],
  offsets: Offsets,
): { seq: number; day: number } | null {
  if (rows === 0 || seq === null || at === null) return null;
  if (barriers.some(({ id, percent }) => id === modelId && percent > 0 && percent < 100)) return null;
  if (definitions.some((defined) => defined.seq > seq)) return null;
  return { seq, day: dayOf(at, offsets) };
}
