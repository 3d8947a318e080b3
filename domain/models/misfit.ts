// Does the business buy as the fitted model assumes? In sample, on held-out days, and by how regular the intervals are; each finding says what
// was seen, why it matters and what to do, with the figure of the simplest forecast beside it.
import type { BgNbdParams } from './bg-nbd.ts';
import { models } from './catalogue.ts';
import type { CompressedSummary } from './compress.ts';
import type { Diagnostic, Fit, TimeUnit } from './fit.ts';
import { expectedFuture, type Posterior } from './future-purchases.ts';
import { type Holdout, holdoutTotals } from './holdout.ts';
import type { MbgNbdParams } from './mbg-nbd.ts';
import type { ParetoNbdParams } from './pareto-nbd.ts';
import {
  type CalendarRhythm,
  calendarRhythm,
  estimateRegularity,
  type IntervalPairs,
  type Regularity,
} from './regularity.ts';

/** Times in days. */
export interface DayHistories {
  frequency: Float64Array;
  recencyDays: Float64Array;
  ageDays: Float64Array;
  weight: Float64Array;
}

/** What transactions tell beyond (x, t_x, T). */
export interface FitEvidence {
  intervals: IntervalPairs;
  /** The population as it stood on an earlier day (see splitDay); null when the history is too short. */
  earlier: { day: number; histories: DayHistories } | null;
  /** The day of the histories that were fitted. */
  day: number;
}

export interface FitChecks {
  /** Repeat purchases up to now, by the model and as they were. */
  tracking: { expected: number; actual: number; error: number; naiveError: number };
  /** Null: the history is too short, or too little came. */
  holdout: Holdout | null;
  /** Null: fewer than 30 customers with three purchase days. */
  regularity: Regularity | null;
  rhythm: CalendarRhythm | null;
}

export type PurchaseFit =
  | Fit<'bg-nbd', BgNbdParams>
  | Fit<'mbg-nbd', MbgNbdParams>
  | Fit<'pareto-nbd', ParetoNbdParams>;
export type FittedPurchases = Extract<PurchaseFit, { ok: true }>;

/** Beyond this share of the purchases there were, the model does not describe this business (facts §9). */
const TRACKING_LIMIT = 0.1;
/** A flag from here: at k = 1.5 one silence in 9 lasts two usual intervals, by an exponential law one in 7. */
const REGULAR_SHAPE = 1.5;
/** A clock from here: at k = 8 one silence in 100 lasts two usual intervals, by an exponential law one in 7. */
const CLOCK_SHAPE = 8;
/** Twice and more what random buying can put into a week or a month. */
const RHYTHM_SHARE = 0.33;

/** Histories in days as a model of the unit reads them. */
export const inUnit = (histories: DayHistories, unit: TimeUnit): CompressedSummary => {
  const perUnit = unit === 'week' ? 7 : 1;
  return {
    frequency: histories.frequency,
    recency: histories.recencyDays.map((days) => days / perUnit),
    T: histories.ageDays.map((days) => days / perUnit),
    weight: histories.weight,
  };
};

/** @param summary the histories that were fitted, in the fit's unit.  @param evidence null for a summary file, which has no days. */
export function checkFit(
  fitted: FittedPurchases,
  summary: CompressedSummary,
  evidence: FitEvidence | null,
): { checks: FitChecks; diagnostics: Diagnostic[] } {
  const checks: FitChecks = {
    tracking: trackingOf(posteriorOf(fitted), summary),
    holdout: evidence && holdoutOf(fitted, summary, evidence),
    regularity: evidence && estimateRegularity(evidence.intervals),
    rhythm: evidence && calendarRhythm(evidence.intervals),
  };
  return { checks, diagnostics: [...ofTracking(checks), ...ofHoldout(checks), ...ofIntervals(checks)] };
}

type PosteriorOf = (x: number, tx: number, T: number) => Posterior;

/** What the fitted model concludes from a history. */
function posteriorOf(fitted: FittedPurchases): PosteriorOf {
  switch (fitted.model) {
    case 'bg-nbd':
    case 'mbg-nbd':
      return (x, tx, T) => models[fitted.model].posterior(fitted.params, x, tx, T);
    case 'pareto-nbd':
      return (x, tx, T) => models[fitted.model].posterior(fitted.params, x, tx, T);
  }
}

function trackingOf(
  posterior: PosteriorOf,
  { frequency, recency, T, weight }: CompressedSummary,
): FitChecks['tracking'] {
  const ofNew = posterior(0, 0, 0);
  let expected = 0;
  let actual = 0;
  // The naive figure: everybody goes on at the rate of their own repeat purchases up to the last one.
  let naive = 0;
  for (let i = 0; i < T.length; i++) {
    expected += weight[i]! * expectedFuture(ofNew, T[i]!);
    actual += weight[i]! * frequency[i]!;
    if (frequency[i]! > 0) naive += (weight[i]! * frequency[i]! * T[i]!) / recency[i]!;
  }
  return { expected, actual, error: expected / actual - 1, naiveError: naive / actual - 1 };
}

function holdoutOf(
  { model, unit }: FittedPurchases,
  after: CompressedSummary,
  { earlier, day }: FitEvidence,
): Holdout | null {
  if (earlier === null) return null;
  const before = inUnit(earlier.histories, unit);
  const fitted = models[model].fitCompressed(before, unit);
  if (!fitted.ok) return null;
  const posterior = posteriorOf(fitted);
  const expected = (x: number, tx: number, T: number, t: number) => expectedFuture(posterior(x, tx, T), t);
  const totals = holdoutTotals(expected, before, after, (day - earlier.day) / (unit === 'week' ? 7 : 1));
  return totals && { ...totals, fromDay: earlier.day + 1, toDay: day };
}

const count = (n: number): string => Math.round(n).toLocaleString('en-US');
const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
const signed = (share: number): string => `${share > 0 ? '+' : '−'}${Math.abs(100 * share).toFixed(1)} %`;

function ofTracking({ tracking: { expected, actual, error, naiveError } }: FitChecks): Diagnostic[] {
  if (!(Math.abs(error) > TRACKING_LIMIT)) return [];
  return [
    {
      code: 'tracking-error',
      message: `the model expects ${count(expected)} repeat purchases up to now, there were ${count(actual)} (${signed(error)}; a constant rate a customer says ${signed(naiveError)}): buying here is not what the model assumes, so its totals are off by about as much; fit a cohort of similar customers, or use its values to rank customers`,
    },
  ];
}

function ofHoldout({ holdout }: FitChecks): Diagnostic[] {
  if (holdout === null) return [];
  const { expected, actual, error, naiveError } = holdout;
  // Chance: three standard deviations of a count.
  const noise = (3 * Math.sqrt(Math.max(expected, actual))) / actual;
  if (!(Math.abs(error) > Math.max(TRACKING_LIMIT, noise))) return [];
  const days = holdout.toDay - holdout.fromDay + 1;
  const seen = `fitted without the last ${days} days the model expects ${count(expected)} purchases in them, ${count(actual)} came (${signed(error)}; each customer's own rate so far says ${signed(naiveError)})`;
  if (Math.abs(error) - Math.abs(naiveError) > Math.max(TRACKING_LIMIT, noise))
    return [
      {
        code: 'holdout-worse-than-naive',
        message: `${seen}: counting on would have been closer, so the model adds nothing for this business yet; use it to rank customers at most, and look for a season, a campaign or a changed business in those days`,
      },
    ];
  return [
    {
      code: 'holdout-error',
      message: `${seen}: totals of the coming months are likely to be off by about as much, in the same direction; correct plans by it, and look for a season or a changed business in those days`,
    },
  ];
}

function ofIntervals({ regularity, rhythm }: FitChecks): Diagnostic[] {
  if (rhythm !== null && rhythm.share >= rhythm.contractFrom)
    return [
      {
        code: 'contract-like',
        message: `${percent(rhythm.share)} of the intervals between purchases are one ${rhythm.period} (${rhythm.fromDays}–${rhythm.toDays} days; buying at random puts at most ${percent(atRandom(rhythm))} there): these are payments of a contract, where leaving is a missed payment, while the model takes silence for chance; import them as subscriptions (--kind subscription)`,
      },
    ];
  const found: Diagnostic[] = [];
  if (rhythm !== null && rhythm.share >= RHYTHM_SHARE)
    found.push({
      code: 'calendar-rhythm',
      message: `${percent(rhythm.share)} of the intervals between purchases are one ${rhythm.period} (buying at random puts at most ${percent(atRandom(rhythm))} there): part of the customers may be on a contract, and the model keeps them alive too long after a missed payment; import those as subscriptions (--kind subscription)`,
    });
  if (regularity === null) return found;
  const { shape, from, to } = regularity;
  const seen = `intervals between purchases are regular: shape k = ${shape.toFixed(1)} (${from.toFixed(1)}–${to.toFixed(1)}), 1 is buying at random as the model assumes`;
  if (from >= CLOCK_SHAPE)
    found.push({
      code: 'clock-like',
      message: `${seen}: whoever is silent for two usual intervals has almost surely left, but the model gives chance one in seven; import contracts as subscriptions (--kind subscription), or deploy by hand to rank customers only`,
    });
  else if (from >= REGULAR_SHAPE)
    found.push({
      code: 'regular-buying',
      message: `${seen}: after a silence the model believes for too long that a customer is still there, and its totals tend to be too high; compare with the held-out days, and use churn to rank customers`,
    });
  return found;
}

/** The most an exponential law of any rate puts between `fromDays` and `toDays`: about width / middle / e. */
const atRandom = ({ fromDays, toDays }: CalendarRhythm): number =>
  (toDays - fromDays + 1) / (((fromDays + toDays) / 2) * Math.E);
