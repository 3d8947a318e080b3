// One purchase model from the statistics of a log or of a file, with what it was held against. Pure; runs in the pool or inline.
import { models } from '#domain/models/catalogue.ts';
import type { CompressedSummary } from '#domain/models/compress.ts';
import type { TimeUnit } from '#domain/models/fit.ts';
import * as mbgNbd from '#domain/models/mbg-nbd.ts';
import { proposeMbg } from '#domain/models/mbg-proposal.ts';
import {
  checkFit,
  type DayHistories,
  type FitChecks,
  type FitEvidence,
  type FittedPurchases,
  inUnit,
  type PurchaseFit,
} from '#domain/models/misfit.ts';

export type PurchaseModelName = PurchaseFit['model'];

/** The fit as the model answers it; with `checks`, and their findings among the diagnostics, when it succeeded. */
export type CheckedFit = Exclude<PurchaseFit, FittedPurchases> | (FittedPurchases & { checks: FitChecks });

export function fitPurchases(
  name: PurchaseModelName,
  data: { histories: DayHistories; evidence: FitEvidence | null },
  unit: TimeUnit,
): CheckedFit {
  const summary = inUnit(data.histories, unit);
  return withChecks(models[name].fitCompressed(summary, unit), summary, data.evidence);
}

/** @param summary the histories that were fitted, in the fit's unit.  @param evidence null for a summary file, which has no days. */
export function withChecks(fitted: PurchaseFit, summary: CompressedSummary, evidence: FitEvidence | null): CheckedFit {
  if (!fitted.ok) return fitted;
  const { checks, diagnostics } = checkFit(fitted, summary, evidence);
  const proposal =
    fitted.model === 'bg-nbd' ? proposeMbg(fitted, mbgNbd.fitCompressed(summary, fitted.unit), summary) : [];
  return { ...fitted, checks, diagnostics: [...fitted.diagnostics, ...diagnostics, ...proposal] };
}
