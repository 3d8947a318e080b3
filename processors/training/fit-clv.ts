// Trains the model of a non-contractual business from the ledger's compressed statistics: BG/NBD and MBG/NBD side by side, Gamma-Gamma for
// money. Pure: runs in the pool, in a test, or in a browser. BG/NBD is served unless it cannot be fitted; MBG/NBD then takes its place.
import * as bgNbd from '#domain/models/bg-nbd.ts';
import type { ClvModel } from '#domain/models/clv-model.ts';
import type { Diagnostic, Fit } from '#domain/models/fit.ts';
import * as gammaGamma from '#domain/models/gamma-gamma.ts';
import * as mbgNbd from '#domain/models/mbg-nbd.ts';
import { proposeMbg } from '#domain/models/mbg-proposal.ts';
import { checkFit, type DayHistories, type FitChecks, type FitEvidence, inUnit } from '#domain/models/misfit.ts';
import { type Result, refuse } from '#domain/result.ts';
import { refusedFor } from './deployable.ts';

export interface ClvTrainingData {
  histories: DayHistories;
  /** Customers with money on repeat days: how many such days, their mean in the reporting currency's major units. */
  spend: { frequency: Float64Array; monetaryValue: Float64Array; weight: Float64Array };
  /** What the days of purchases tell beyond the histories; null where they are not known. */
  evidence: FitEvidence | null;
}

export interface ClvTraining {
  model: ClvModel;
  fits: {
    bgNbd: Fit<'bg-nbd', bgNbd.BgNbdParams>;
    mbgNbd: Fit<'mbg-nbd', mbgNbd.MbgNbdParams>;
    gammaGamma: Fit<'gamma-gamma', gammaGamma.GammaGammaParams>;
  };
  /** What the purchase model was held against. */
  checks: FitChecks;
  /** What deserves attention, over all parts. */
  diagnostics: Diagnostic[];
  /** The finding for which the model is not put in force by itself; null: nothing speaks against it. */
  refused: Diagnostic | null;
  customers: number;
}

/** Refuses with one sentence when neither purchase model can be fitted; a money part that cannot be fitted is left out with a diagnostic. */
export function fitClv(data: ClvTrainingData, unit: 'week' | 'day' = 'week'): Result<ClvTraining, string> {
  const summary = inUnit(data.histories, unit);
  const bg = bgNbd.fitCompressed(summary, unit);
  const mbg = mbgNbd.fitCompressed(summary, unit);
  const gg = gammaGamma.fit(data.spend, unit);
  const served = bg.ok ? bg : mbg;
  if (!served.ok) return refuse(`BG/NBD: ${bg.ok ? '' : bg.message}; MBG/NBD: ${served.message}`);
  const { checks, diagnostics: found } = checkFit(served, summary, data.evidence);
  const ofPurchases = [...served.diagnostics, ...found];
  const diagnostics: Diagnostic[] = [
    ...ofPurchases,
    ...proposeMbg(bg, mbg, summary),
    ...gg.diagnostics,
    ...(bg.ok ? [] : [{ code: 'bg-nbd-refused', message: `${bg.message}; MBG/NBD is served instead` }]),
    ...(gg.ok ? [] : [{ code: 'no-money-model', message: `${gg.message}; churn is answered, value is not` }]),
  ];
  const money = gg.ok ? { gammaGamma: gg.params } : {};
  const model: ClvModel = bg.ok
    ? { model: 'clv', unit, bgNbd: bg.params, ...money }
    : { model: 'clv', unit, mbgNbd: served.params, ...money };
  const customers = summary.weight.reduce((sum, w) => sum + w, 0);
  const fits = { bgNbd: bg, mbgNbd: mbg, gammaGamma: gg };
  return { ok: true, value: { model, fits, checks, diagnostics, refused: refusedFor(ofPurchases), customers } };
}
