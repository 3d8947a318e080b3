// Lifetime values of many subjects at once through the worker pool: columns there and back, answers put together here.

import { CLV_COLUMNS, type ClvColumnsAnswer } from '#domain/models/clv-columns.ts';
import type { ClvPrediction, Refusal } from '#domain/models/clv-model.ts';
import { Problem } from '../problem.ts';
import type { Pool } from '../read-deps.ts';
import type { Coordinate } from './coordinates.ts';
import type { ClvAsked, Predictions } from './service.ts';
import { orProblem, type Subject } from './subjects.ts';

export async function clvColumnsOf(
  pool: Pool,
  at: Coordinate,
  subjects: readonly Subject[],
  asked: ClvAsked & { intervals?: boolean },
): Promise<ClvColumnsAnswer> {
  const column = (value: (subject: Subject) => number) => Float64Array.from(subjects, value);
  return await pool.clv({
    model: at.serving.model,
    frequency: column((s) => s.customer.frequency),
    recency: column((s) => s.customer.recency),
    T: column((s) => s.customer.T),
    monetaryValue: column((s) => s.customer.monetaryValue ?? Number.NaN),
    moneyDays: column((s) => s.customer.moneyDays ?? s.customer.frequency),
    flags: Uint8Array.from(
      subjects,
      ({ customer }) =>
        (customer.leftTruncated ? 1 : 0) |
        (customer.withoutRate ? 2 : 0) |
        (customer.notACustomer ? 4 : 0) |
        (customer.contractual ? 8 : 0),
    ),
    ...asked,
  });
}

async function clvMany(
  pool: Pool,
  predictions: Predictions,
  at: Coordinate,
  subjects: readonly (Subject | Problem)[],
  asked: ClvAsked,
) {
  const asking = subjects.filter((subject): subject is Subject => !(subject instanceof Problem));
  const answer = await clvColumnsOf(pool, at, asking, { ...asked, intervals: true });
  const value = (name: (typeof CLV_COLUMNS)[number], row: number): number =>
    answer.columns[CLV_COLUMNS.indexOf(name)]![row]!;
  let next = 0;
  return subjects.map((subject) => {
    if (subject instanceof Problem) return subject;
    const row = next++;
    const refused = answer.refused[row];
    if (refused) return predictions.refusal({ reason: refused[0] as Refusal['reason'], message: refused[1] });
    const prediction: ClvPrediction = {
      clvMean: value('clv_mean', row),
      quantiles: [value('clv_p05', row), value('clv_p50', row), value('clv_p95', row)],
      pZeroSpend: value('p_zero_spend', row),
      expectedPurchases: value('expected_purchases', row),
      expectedSpendPerPurchase: value('expected_spend_per_purchase', row),
      expectedSpend: value('expected_spend', row),
      pAlive: value('p_alive', row),
      horizonDays: answer.horizonDays,
      months: answer.months,
      discountMonthly: asked.discountMonthly,
      discounting: 'month-end',
    };
    const { intervals } = answer;
    const interval = intervals && { lower: intervals.lower[row]!, upper: intervals.upper[row]! };
    return orProblem(() => predictions.clvAnswer(at, subject, asked, prediction, interval));
  });
}

/** As `clvMany`, each subject by the version that answers them. */
export async function clvEach(
  pool: Pool,
  predictions: Predictions,
  at: Coordinate,
  subjects: readonly (Subject | Problem)[],
  asked: ClvAsked,
) {
  if (at.canary === null) return await clvMany(pool, predictions, at, subjects, asked);
  const answers: Awaited<ReturnType<typeof clvMany>> = [];
  for (const [own, rows] of byAnswerer(predictions, at, subjects)) {
    const part = await clvMany(
      pool,
      predictions,
      own,
      rows.map((row) => subjects[row]!),
      asked,
    );
    for (const [i, row] of rows.entries()) answers[row] = part[i]!;
  }
  return answers;
}

/** Rows by who answers them; what is a Problem already goes with the active version. */
export function byAnswerer(
  predictions: Predictions,
  at: Coordinate,
  subjects: readonly (Subject | Problem)[],
): [Coordinate, number[]][] {
  const rows = (canary: boolean) =>
    subjects.flatMap((subject, row) => {
      const own = subject instanceof Problem ? at.serving : predictions.settled(at, subject).serving;
      return (own === at.canary) === canary ? [row] : [];
    });
  const of = (serving: Coordinate['serving']): Coordinate => ({ moment: at.moment, serving, canary: null });
  return [[of(at.serving), rows(false)], ...(at.canary ? [[of(at.canary), rows(true)] as [Coordinate, number[]]] : [])];
}
