// Scores subscribers, and buyers under a classifier, entries in and a column out; NaN where the model does not apply, counted by reason.
import { type ChurnDefinition, definitionOf } from '#domain/churn-definition.ts';
import type { CustomerEntries } from '#domain/ledger.ts';
import { type ChurnContext, type ChurnModel, type ChurnRefusal, predictChurnBy } from '#domain/models/churn-model.ts';
import { ratesOf } from '#domain/rates.ts';

export type NoChurnScore = ChurnRefusal['reason'] | 'erased' | 'anonymous' | 'other-definition';

/** One customer by the model of their definition of churn; what a stored score is, and what it is verified by. */
export function churnScore(
  model: ChurnModel,
  definitions: readonly ChurnDefinition[],
  entries: CustomerEntries,
  day: number,
  context: ChurnContext,
): number | NoChurnScore {
  if (entries.erased) return 'erased';
  if (entries.anonymous) return 'anonymous';
  if (definitionOf(definitions, entries, day).kind !== model.definition.kind) return 'other-definition';
  const answer = predictChurnBy(model, entries, day, context);
  return answer.ok ? answer.value.pChurn : answer.reason.reason;
}

export interface ChurnColumnsRequest {
  model: ChurnModel;
  definitions: readonly ChurnDefinition[];
  entries: readonly CustomerEntries[];
  /** Of each: 1 = may be older than the data. */
  leftTruncated: Uint8Array;
  day: number;
  reportingCurrency: string;
  rates: readonly (readonly [number, Readonly<Record<string, string>>])[];
}
export interface ChurnColumn {
  pChurn: Float64Array;
  refused: Partial<Record<NoChurnScore, number>>;
}

export function churnColumn({
  model,
  definitions,
  entries,
  leftTruncated,
  day,
  ...money
}: ChurnColumnsRequest): ChurnColumn {
  const rates = ratesOf(money.reportingCurrency, money.rates);
  const refused: ChurnColumn['refused'] = {};
  const pChurn = Float64Array.from(entries, (each, i) => {
    const score = churnScore(model, definitions, each, day, { rates, leftTruncated: leftTruncated[i] === 1 });
    if (typeof score === 'number') return score;
    refused[score] = (refused[score] ?? 0) + 1;
    return Number.NaN;
  });
  return { pChurn, refused };
}
