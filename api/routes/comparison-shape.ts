// Two versions side by side, as JSON.
import { z } from '@hono/zod-openapi';
import type { Shift } from '#domain/deployment-comparison.ts';
import type { MeasuredComparison } from '../model-deps.ts';
import { dayText, isoOf } from '../predict/as-of.ts';

const Both = z.object({ active: z.number(), candidate: z.number() });
const ShiftShape = z.object({
  mean: Both,
  mean_absolute_difference: z.number(),
  psi: z.number().describe('Over the active version’s deciles'),
  psi_floor: z.number().describe('Chance alone passes it once in a hundred, at this many customers'),
  rank_correlation: z.number().nullable().describe('Spearman’s; null where one of them says the same of everybody'),
});

export const MeasuredShape = z.object({
  id: z.string(),
  against: z.string().describe('`active` below'),
  as_of: z.object({ seq: z.number(), day: z.string() }),
  measured_at: z.string(),
  customers: z.number().describe('Looked at: a sample of large bases'),
  compared: z.number().describe('Answered by both'),
  churn: ShiftShape.extend({ band_changed: z.number().describe('Share of customers in another band') }).nullable(),
  value: ShiftShape.nullable(),
  refused: Both.extend({ more: z.number().describe('By the candidate, of those the active version answers') }),
  broken: Both.describe('Scores that failed or are no number'),
  micros: Both.describe('µs a score'),
});

const shiftOf = ({ mean, meanAbsoluteDifference, psi, psiFloor, rankCorrelation }: Shift) => ({
  mean,
  mean_absolute_difference: meanAbsoluteDifference,
  psi,
  psi_floor: psiFloor,
  rank_correlation: rankCorrelation,
});

export function measuredOf(measured: MeasuredComparison): z.infer<typeof MeasuredShape> {
  const { id, against, seq, day, measuredAt, comparison } = measured;
  const { customers, compared, churn, value, refused, broken, micros } = comparison;
  return {
    id,
    against,
    as_of: { seq, day: dayText(day) },
    measured_at: isoOf(measuredAt),
    customers,
    compared,
    churn: churn && { ...shiftOf(churn), band_changed: churn.bandChanged },
    value: value && shiftOf(value),
    refused,
    broken,
    micros,
  };
}
