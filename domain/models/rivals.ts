// Which purchase model is served. BG/NBD is the default; a rival takes its place only when the data say so twice: by its likelihood (BIC) and
// on days it has not seen. Likelihoods of BG/NBD, MBG/NBD and Pareto/NBD are densities of the same histories, so they compare as they stand.
import {
  checkFit,
  type DayHistories,
  type FitEvidence,
  type FittedPurchases,
  inUnit,
  type PurchaseFit,
} from './misfit.ts';

/** A BIC lower by more than this is "very strong" evidence (Kass & Raftery, "Bayes Factors", JASA 90(430), 1995, §3.2). */
const BIC_DIFFERENCE = 10;
/** Errors of held-out totals that differ by less say the same: some thousand purchases are counted to about a percent. */
const HELD_OUT_SLACK = 0.01;

export interface Candidate {
  model: FittedPurchases['model'];
  logLikelihood: number;
  aic: number;
  bic: number;
  /** Expected over actual purchases of the held-out days, minus 1; null when it was not needed or the history is too short. */
  holdoutError: number | null;
}

export interface RivalChoice {
  served: FittedPurchases['model'];
  /** By BIC, best first. */
  candidates: Candidate[];
  /** One sentence: which, and why. */
  reason: string;
}

const TITLES = { 'bg-nbd': 'BG/NBD', 'mbg-nbd': 'MBG/NBD', 'pareto-nbd': 'Pareto/NBD' } as const;
const percent = (share: number | null) =>
  share === null ? 'not measurable' : `${share > 0 ? '+' : '−'}${Math.abs(100 * share).toFixed(1)} %`;

/** Findings under which a fit's parameters could as well be others. */
export const UNDETERMINED: readonly string[] = ['at-boundary', 'no-dropout', 'no-heterogeneity', 'ill-conditioned'];
const isDetermined = (fit: FittedPurchases) => !fit.diagnostics.some(({ code }) => UNDETERMINED.includes(code));

/**
 * The first fit is the default. A rival is chosen when its BIC is lower by more than 10 and its error on held-out days is not larger by
 * more than a percentage point; the lowest BIC is tried first. Without held-out days the default stays. A fit whose parameters the data do not
 * determine is not chosen while there is one whose they do.
 *
 * @param fits at least one of them ok; those that are not are left out.
 * @returns null when none is ok. Cost: a second fit, to the earlier part, of each rival whose BIC qualifies.
 */
export function chooseRival(
  fits: readonly PurchaseFit[],
  histories: DayHistories,
  evidence: FitEvidence | null,
): RivalChoice | null {
  const fitted = fits.filter((fit) => fit.ok);
  const determined = fitted.filter(isDetermined);
  const eligible = determined.length > 0 ? determined : fitted;
  const standing = eligible[0];
  if (standing === undefined) return null;
  const errors = new Map<FittedPurchases, number | null>();
  const errorOf = (fit: FittedPurchases): number | null => {
    const known = errors.get(fit);
    if (known !== undefined) return known;
    const error = checkFit(fit, inUnit(histories, fit.unit), evidence).checks.holdout?.error ?? null;
    errors.set(fit, error);
    return error;
  };
  const ahead = eligible.filter((fit) => standing.bic - fit.bic > BIC_DIFFERENCE).sort((a, b) => a.bic - b.bic);
  const winner = ahead.find((fit) => {
    const [theirs, ours] = [errorOf(fit), errorOf(standing)];
    return theirs !== null && ours !== null && Math.abs(theirs) <= Math.abs(ours) + HELD_OUT_SLACK;
  });
  const candidates = fitted
    .map((fit) => ({
      model: fit.model,
      logLikelihood: fit.logLikelihood,
      aic: fit.aic,
      bic: fit.bic,
      holdoutError: errors.get(fit) ?? null,
    }))
    .sort((a, b) => a.bic - b.bic);
  const passedOver = fitted.filter((fit) => !eligible.includes(fit)).map(({ model }) => TITLES[model]);
  const why =
    passedOver.length === 0 ? '' : `; these data do not determine the parameters of ${passedOver.join(' and ')}`;
  return { served: (winner ?? standing).model, candidates, reason: reasonOf(standing, ahead, winner, errorOf) + why };
}

function reasonOf(
  standing: FittedPurchases,
  ahead: readonly FittedPurchases[],
  winner: FittedPurchases | undefined,
  errorOf: (fit: FittedPurchases) => number | null,
): string {
  const name = TITLES[standing.model];
  const best = winner ?? ahead[0];
  if (best === undefined) return `${name} is served: no rival has a BIC lower by more than ${BIC_DIFFERENCE}`;
  const rival = TITLES[best.model];
  const lead = `the BIC of ${rival} is lower by ${(standing.bic - best.bic).toFixed(0)}`;
  const held = `its error on held-out days is ${percent(errorOf(best))}, that of ${name} ${percent(errorOf(standing))}`;
  return winner ? `${rival} is served: ${lead} and ${held}` : `${name} is served: ${lead}, but ${held}`;
}
