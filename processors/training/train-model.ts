// From rows to a model with what was found out about it: one entry for the three kinds that are trained.
import { leftOutNotes } from '#domain/left-out.ts';
import type { ChurnModel } from '#domain/models/churn-model.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import { dateOf } from '#domain/models/cutoffs.ts';
import type { Diagnostic } from '#domain/models/fit.ts';
import { ok, type Result } from '#domain/result.ts';
import type { CutoffRows } from './churn-rows.ts';
import { fitClv } from './fit-clv.ts';
import type { TrainingPlan, TrainingProgress } from './plan.ts';
import { type Refusal, refusal } from './refusal.ts';
import { DIVISION, trainCox, trainLogistic } from './train-churn.ts';
import type { TrainingRows } from './training-rows.ts';

export interface TrainedModel {
  model: ChurnModel | ClvModel;
  /** What goes into the artefact beside the model; JSON. */
  report: Record<string, unknown>;
  /** The finding for which it is not put in force by itself. */
  refused: Diagnostic | null;
  /** First local day it learned from; null for none. */
  fromDay: number | null;
}

/** The same rows and plan give the same bits. */
export function trainModel(
  rows: TrainingRows,
  plan: TrainingPlan,
  { progress, log }: TrainingProgress,
): Result<TrainedModel, Refusal> {
  const report = (share: number, note: string) => progress(share, 1, note);
  if (rows.kind === 'clv') return trainClv(rows, plan, report);
  if (
    rows.kind === 'churn-logistic' &&
    rows.rows.label.length === 0 &&
    rows.cutoffs.some(({ eligible }) => eligible > 0)
  )
    return refusal('one-class', sayOneClass(rows.cutoffs));
  const trained =
    rows.kind === 'churn-cox'
      ? trainCox(plan.definition, rows.rows, plan.today, { without: plan.without, features: plan.featureSet, report })
      : trainLogistic(plan.definition, rows.rows, {
          seed: plan.seed,
          without: plan.without,
          features: plan.featureSet,
          report,
        });
  if (!trained.ok) return trained;
  const { model, ...rest } = trained.value;
  for (const { message } of rest.diagnostics) log(message);
  const told =
    rows.kind === 'churn-cox' ? rest : { ...rest, counted: rows.cutoffs, seed: plan.seed, division: DIVISION };
  return ok({
    model,
    report: { ...told, without: [...plan.without] },
    refused: null,
    fromDay: rest.cutoffs[0] ?? null,
  });
}

function sayOneClass(cutoffs: readonly CutoffRows[]): string {
  const said = cutoffs
    .filter(({ eligible }) => eligible > 0)
    .map(({ day, eligible, lost }) => `${lost} of ${eligible} lost after ${dateOf(day)}`);
  return `there is nothing to tell apart: ${said.join(', ')}; another horizon, or data in which some were lost and some stayed`;
}

function trainClv(
  { data, excluded, firstDay }: Extract<TrainingRows, { kind: 'clv' }>,
  { ledger }: TrainingPlan,
  report: (share: number, note: string) => void,
): Result<TrainedModel, Refusal> {
  report(0.1, 'fitting the purchase models side by side');
  const fitted = fitClv(data, 'week');
  const taken = data.histories.weight.reduce((sum, weight) => sum + weight, 0);
  const notes = leftOutNotes(excluded, taken);
  if (!fitted.ok) return refusal('too-little-data', [fitted.reason, ...notes.map(({ message }) => message)].join('; '));
  const { model, fits, rivals, checks, refused, customers } = fitted.value;
  return ok({
    model,
    report: {
      currency: ledger.reportingCurrency,
      fits: JSON.parse(JSON.stringify(fits)) as unknown,
      rivals,
      diagnostics: [...fitted.value.diagnostics, ...notes],
      checks,
      refused,
      customers,
      excluded,
    },
    refused,
    fromDay: firstDay,
  });
}
