// Versions side by side in words: names of figures and parameters, short names of versions, and who is better, as far as that can be told.
import { featureWords } from './churn-words.ts';
import { ABSENT, count, decimal, percent, signed } from './format.ts';
import { type Comparison, versionOf } from './models.ts';

export type Pair = NonNullable<Comparison['paired']>['pairs'][number];
export type Bases = ReadonlyMap<string, string>;

/** Of a paired evaluation (`logLoss`) and of a training (`log_loss`). */
const METRIC_WORDS: Record<string, string> = {
  brier: 'Brier',
  logLoss: 'Log loss',
  auc: 'AUC',
  eceBeyondChance: 'Calibration error beyond chance',
  profit: 'Profit a customer',
  mae: 'Purchases, MAE',
  maeSpend: 'Spend, MAE',
  pinball05: 'Spend, pinball p05',
  pinball50: 'Spend, pinball p50',
  pinball95: 'Spend, pinball p95',
  auc_lower: 'AUC, lower 95 %',
  auc_upper: 'AUC, upper 95 %',
  average_precision: 'Average precision',
  lift_top_decile: 'Lift in the top tenth',
  brier_skill: 'Brier skill',
  log_loss: 'Log loss',
  calibration_slope: 'Calibration slope',
  calibration_intercept: 'Calibration intercept',
  ece: 'Expected calibration error',
  prevalence: 'Share that was lost',
  naive_brier: 'Brier, naive',
  concordance: 'Concordance',
  tracking_error: 'Tracking error',
  holdout_error: 'Hold-out error',
  holdout_naive_error: 'Hold-out error, naive',
  log_likelihood: 'Log likelihood',
};
export const metricWord = (name: string): string => METRIC_WORDS[name] ?? featureWords(name);

const PART_WORDS: Record<string, string> = {
  bgNbd: 'BG/NBD',
  mbgNbd: 'MBG/NBD',
  paretoNbd: 'Pareto/NBD',
  gammaGamma: 'Gamma-Gamma',
};
/** `bgNbd.alpha` → BG/NBD alpha; a coefficient has its feature's words. */
export function parameterWord(name: string): string {
  const [part, own] = name.split('.');
  if (own !== undefined && part! in PART_WORDS) return `${PART_WORDS[part!]} ${own}`;
  return name === '(intercept)' ? 'Intercept' : featureWords(name).replace('=', ': ');
}

/** What is shown of a figure; figures that look the same are the same to a reader. */
export const figure = (value: number | null): string =>
  value === null ? ABSENT : value < 0 ? signed(value, 4) : decimal(value, Math.abs(value) >= 100 ? 1 : 4);
/** A definition's version; 0 stands for an attribute, which has none. */
export const readAs = (version: number | null): string =>
  version === null ? 'not read' : version === 0 ? 'as sent' : `v${version}`;

type Row = { values: readonly (number | null)[] };
/**
 * Which rows differ as shown. Where most do (another seed moves every coefficient a little) marking them all says nothing: then those are marked that
 * one lacks, or that say the opposite.
 */
export function differing(rows: readonly Row[], show: (value: number | null) => string) {
  const differs = ({ values }: Row) => new Set(values.map(show)).size > 1;
  const turns = ({ values }: Row) =>
    new Set(values.map((value) => (value === null ? null : Math.sign(value)))).size > 1;
  const n = rows.filter(differs).length;
  const most = n > rows.length / 2;
  return {
    said:
      n === 0
        ? 'all the same'
        : `${n === rows.length ? 'all' : count(n)} differ${n === 1 ? 's' : ''}${most && rows.some(turns) ? '; marked: one lacks it, or it turns' : ''}`,
    marked: (row: Row) => differs(row) && (!most || turns(row)),
  };
}

/** `v2` where all are versions of one model, else the whole id. */
export function shortNames(ids: readonly string[]): (id: string) => string {
  const one = new Set(ids.map((id) => versionOf(id).name)).size === 1;
  return (id) => (one ? `v${versionOf(id).version}` : id);
}

/** Decimals by which the ticks of an axis that reaches so far are told apart. */
export const decimalsFor = (reach: number): number => (reach > 0 ? Math.max(0, Math.ceil(-Math.log10(reach / 3))) : 2);

/** 2,000 draws know no more than a tenth of a percent. */
export const sure = (share: number): string =>
  share > 0.999 ? '> 99.9\u202f%' : share < 0.001 ? '< 0.1\u202f%' : percent(share, 0);

export const isTie = ({ difference, lower, upper }: NonNullable<Pair['value']>): boolean =>
  difference === 0 && lower === 0 && upper === 0;

/** Not the version itself was judged, but a fit of its kind. */
const REFITS: readonly (string | undefined)[] = ['refitted', 'divided'];

/** `B better than A: 93 %`, or that it cannot be told. @param bases by version: a refit is not the version itself. */
export function verdictOf({ first, second, value, reason }: Pair, bases: Bases): string {
  const [one, other] = [first, second].map((id) => (REFITS.includes(bases.get(id)) ? `a refit of ${id}’s kind` : id));
  if (value === null) return `${other} against ${one}: ${reason ?? 'not to be told'}`;
  if (isTie(value)) return `${other} and ${one}: a tie, the same in every draw`;
  const better = value.probabilitySecondBetter;
  return better >= 0.5
    ? `${other} better than ${one}: ${sure(better)}`
    : `${one} better than ${other}: ${sure(1 - better)}`;
}
