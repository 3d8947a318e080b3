// Trains the model of a non-contractual business from the ledger's compressed statistics: BG/NBD, MBG/NBD and Pareto/NBD side by side,
// Gamma-Gamma for money. Pure: runs in the pool, in a test, or in a browser. BG/NBD is served unless it cannot be fitted or a rival is
// clearly better, on the fitted days and on held-out ones (domain/models/rivals.ts).
import * as bgNbd from '#domain/models/bg-nbd.ts';
import { type ClvCovariance, type ClvModel, unvalued } from '#domain/models/clv-model.ts';
import type { CompressedSummary } from '#domain/models/compress.ts';
import type { Diagnostic, Fit, FitRefused } from '#domain/models/fit.ts';
import * as gammaGamma from '#domain/models/gamma-gamma.ts';
import * as mbgNbd from '#domain/models/mbg-nbd.ts';
import { proposeMbg } from '#domain/models/mbg-proposal.ts';
import {
  checkFit,
  type DayHistories,
  type FitChecks,
  type FitEvidence,
  type FittedPurchases,
  inUnit,
} from '#domain/models/misfit.ts';
import * as paretoNbd from '#domain/models/pareto-nbd.ts';
import { chooseRival, type RivalChoice, UNDETERMINED } from '#domain/models/rivals.ts';
import { fitSimpler, SIMPLER_FROM, sharedMeanCovariance } from '#domain/models/simpler-purchases.ts';
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
    paretoNbd: Fit<'pareto-nbd', paretoNbd.ParetoNbdParams>;
    gammaGamma: Fit<'gamma-gamma', gammaGamma.GammaGammaParams>;
  };
  /** Which purchase model is served, against which others, and why. */
  rivals: RivalChoice;
  /** What the purchase model was held against. */
  checks: FitChecks;
  /** What deserves attention, over all parts. */
  diagnostics: Diagnostic[];
  /** The finding for which the model is not put in force by itself; null: nothing speaks against it. */
  refused: Diagnostic | null;
  /** Where it was refused because the data do not determine it: the simpler member that they do determine and do not speak against. */
  simpler: SimplerClv | null;
  customers: number;
}

/** In the place of the like-named parts of a training. */
export type SimplerClv = Pick<ClvTraining, 'model' | 'fits' | 'rivals' | 'checks' | 'diagnostics' | 'refused'>;

/** Gamma-Gamma's bound of q: all customers spend the same on average. */
const SHARED_MEAN = 1e6 * (1 - 1e-9);

const SPENDS_THE_SAME: Diagnostic = {
  code: 'shared-mean',
  message: 'customers differ in their mean amounts no more than by chance: all are taken to spend the same on average',
};

/** Refuses with one sentence when no purchase model can be fitted; a money part that cannot be fitted is left out with a diagnostic. */
export function fitClv(data: ClvTrainingData, unit: 'week' | 'day' = 'week'): Result<ClvTraining, string> {
  const summary = inUnit(data.histories, unit);
  const bg = bgNbd.fitCompressed(summary, unit);
  const mbg = mbgNbd.fitCompressed(summary, unit);
  const pareto = paretoNbd.fitCompressed(summary, unit);
  const customers = summary.weight.reduce((sum, w) => sum + w, 0);
  const gg = sayingWhoHasNoValue(gammaGamma.fit(data.spend, unit), data.spend, customers);
  const rivals = chooseRival([bg, mbg, pareto], data.histories, data.evidence);
  if (rivals === null)
    return refuse(
      `BG/NBD: ${(bg as FitRefused<'bg-nbd'>).message}; MBG/NBD: ${(mbg as FitRefused<'mbg-nbd'>).message}; Pareto/NBD: ${(pareto as FitRefused<'pareto-nbd'>).message}`,
    );
  const served = [bg, mbg, pareto].find((fit) => fit.model === rivals.served) as FittedPurchases;
  const { checks, diagnostics: found } = checkFit(served, summary, data.evidence);
  const ofPurchases = [...served.diagnostics, ...found];
  const diagnostics: Diagnostic[] = [
    ...ofPurchases,
    ...(served.model === 'bg-nbd' ? proposeMbg(bg, mbg, summary) : []),
    ...gg.diagnostics,
    ...(bg.ok ? [] : [{ code: 'bg-nbd-refused', message: `${bg.message}; ${rivals.reason}` }]),
    ...(bg.ok && served.model !== 'bg-nbd' ? [{ code: 'rival-served', message: rivals.reason }] : []),
    ...(gg.ok ? [] : [{ code: 'no-money-model', message: `${gg.message}; churn is answered, value is not` }]),
  ];
  const fits = { bgNbd: bg, mbgNbd: mbg, paretoNbd: pareto, gammaGamma: gg };
  const model = modelOf(served, gg, unit);
  const refused = refusedFor(ofPurchases);
  const simpler =
    refused !== null && UNDETERMINED.includes(refused.code)
      ? simplerOf(data, summary, unit, { fits, rivals, served, refused })
      : null;
  return { ok: true, value: { model, fits, rivals, checks, diagnostics, refused, simpler, customers } };
}

/** A mean that is infinite for some is no reason to keep churn from being answered: it is told, with how many it concerns. */
function sayingWhoHasNoValue(
  fit: ClvTraining['fits']['gammaGamma'],
  { frequency, weight }: ClvTrainingData['spend'],
  customers: number,
): ClvTraining['fits']['gammaGamma'] {
  const why = fit.ok ? unvalued({ gammaGamma: fit.params }) : null;
  if (!fit.ok || why === null) return fit;
  const { p, q } = fit.params;
  const valued = weight.reduce((sum, w, i) => sum + (p * frequency[i]! + q > 1 ? w : 0), 0);
  const message = `${why} (${customers - valued} of ${customers} customers); a longer history or more customers may change that`;
  return {
    ...fit,
    diagnostics: fit.diagnostics.map((each) => (each.code === 'infinite-mean' ? { ...each, message } : each)),
  };
}

/** Null: the data speak against it too, or for something that is no random buying. */
function simplerOf(
  data: ClvTrainingData,
  summary: CompressedSummary,
  unit: 'week' | 'day',
  full: Pick<ClvTraining, 'fits' | 'rivals'> & { served: FittedPurchases; refused: Diagnostic },
): SimplerClv | null {
  const found = fitSimpler(summary, unit);
  const best = Math.min(...full.rivals.candidates.map(({ aic }) => aic));
  if (found === null || found.fit.aic > best) return null;
  const { member, fit } = found;
  const { checks, diagnostics } = checkFit(fit, summary, data.evidence);
  if (refusedFor(diagnostics) !== null) return null;
  const rate = (fit.params.r / fit.params.alpha).toPrecision(2);
  const told =
    member === 'one-rate'
      ? `all customers buy at one rate (${rate} a ${unit}) and nobody leaves`
      : `customers buy at rates that differ (${rate} a ${unit} on average) and nobody leaves`;
  const reason = `the simplest member of the family is taken: ${told}; the data do not speak against it (AIC ${fit.aic.toFixed(0)}, BG/NBD and its rivals ${best.toFixed(0)} or more) and do not determine more (${full.served.diagnostics.find(({ code }) => code === full.refused.code)?.message ?? full.refused.message})`;
  const money = full.fits.gammaGamma;
  const shared =
    money.ok && money.covarianceLog === null && money.params.q >= SHARED_MEAN ? sharedMeanCovariance(data.spend) : null;
  const gammaGamma = money.ok && shared !== null ? { ...money, covarianceLog: shared } : money;
  return {
    model: modelOf(fit, gammaGamma, unit),
    fits: { ...full.fits, bgNbd: fit, gammaGamma },
    rivals: { ...full.rivals, served: 'bg-nbd', reason },
    checks,
    diagnostics: [
      {
        code: 'simpler-member',
        message: `${reason}. So P(alive) is 1 and churn means a silence by chance: whether anybody has left, these data cannot tell. A longer history or more customers may; the next import fits anew`,
      },
      ...diagnostics,
      ...(shared === null ? money.diagnostics : [SPENDS_THE_SAME]),
      ...(money.ok ? [] : [{ code: 'no-money-model', message: `${money.message}; churn is answered, value is not` }]),
    ],
    refused: fit.n < SIMPLER_FROM ? tooFew(told, fit.n) : null,
  };
}

const tooFew = (told: string, customers: number): Diagnostic => ({
  code: 'few-customers',
  message: `the simplest member of the family says that ${told}, and ${customers} customers could not speak against that even if many had left (from ${SIMPLER_FROM} on it serves by itself); import a longer history or more customers`,
});

/** The model that serves these parts. */
export function modelOf(
  served: FittedPurchases,
  money: ClvTraining['fits']['gammaGamma'],
  unit: 'week' | 'day',
): ClvModel {
  const covariance: ClvCovariance = {
    ...(served.covarianceLog && { purchases: served.covarianceLog }),
    ...(money.ok && money.covarianceLog && { money: money.covarianceLog }),
  };
  const rest = {
    ...(money.ok && { gammaGamma: money.params }),
    ...(Object.keys(covariance).length > 0 && { covariance }),
  };
  switch (served.model) {
    case 'bg-nbd':
      return { model: 'clv', unit, bgNbd: served.params, ...rest };
    case 'mbg-nbd':
      return { model: 'clv', unit, mbgNbd: served.params, ...rest };
    case 'pareto-nbd':
      return { model: 'clv', unit, paretoNbd: served.params, ...rest };
  }
}
