// Judges a version by the rules before it answers anybody, and again while it is watched. Pure: everything that was measured comes in.
import type { Comparison, Shift } from './deployment-comparison.ts';
import {
  type GateResult,
  RULE_NAMES,
  RULES,
  type RuleName,
  type RuleSettings,
  type RulesInForce,
  rulesInForce,
} from './deployment-rules.ts';

/** What is known of a version from its own held-out customers; null: it was not measured. */
export interface VersionMetrics {
  /** Rows it was judged on. */
  n: number | null;
  calibrationSlope: number | null;
  calibrationSlopeSe: number | null;
  brier: number | null;
  ece: number | null;
  /** What chance gives a perfectly calibrated score in the same bins. */
  eceByChance: number | null;
  auc: number | null;
  aucSe: number | null;
  concordance: number | null;
  prevalence: number | null;
  roc: readonly { threshold: number | null; falsePositiveRate: number; truePositiveRate: number }[] | null;
}

/** Standard errors of differences on the same customers, by paired bootstrap; null where it told none. */
export interface PairedErrors {
  auc: number | null;
  brier: number | null;
  /** Of the calibration error beyond chance (models/decision-statistics.ts). */
  ece: number | null;
  /** Of the profit a customer by this offer. */
  profit: { cost: number; benefit: number; error: number } | null;
}

export interface Evidence {
  id: string;
  /** 'churn-logistic', 'churn-cox' or a kind of value model. */
  kind: string;
  /** The finding of the fit that keeps it out; null: none. */
  finding: { code: string; message: string } | null;
  /** Whom it gives no value, though that keeps nobody's churn from being answered; null: nobody. */
  unvalued: string | null;
  /** Made elsewhere, beside an active version: what its own figures were judged on cannot be known here, so it has none. */
  outside: boolean;
  /** Times the program took it back. */
  tripped: number;
  own: VersionMetrics;
  /** Of the version that is active; null: there is none, or it is this one. */
  active: { id: string; metrics: VersionMetrics } | null;
  /**
   * Both were judged on the same customers, by this evaluation, with the standard errors of their differences there; null: each on customers that it
   * had not learned from.
   */
  evaluation: { job: string; errors: PairedErrors } | null;
  /** Against the active version; null: it could not be made, `unmeasured` says why. */
  comparison: Comparison | null;
  unmeasured: string;
  /** So far, in shadow or canary. */
  shadow: { minutes: number; scores: number };
}

/** Fewer customers rank by chance. */
const LEAST_RANKED = 30;

type Found =
  | { value: number | null; why: string; todo: string }
  /** Says nothing about this version. */
  | { none: string };

const none = (why: string): Found => ({ none: why });
const digits = (value: number): string => String(Number(value.toPrecision(3)));

/** One result a rule, in the order of the catalogue. */
export function judge(evidence: Evidence, settings: RuleSettings): GateResult[] {
  const inForce = rulesInForce(settings);
  return RULE_NAMES.map((rule): GateResult => {
    const { limit } = inForce.rules[rule];
    const found = limit === null ? none('switched off') : find(rule, evidence, settings);
    if ('none' in found)
      return { rule, value: null, limit, passed: true, applicable: false, why: found.none, todo: null };
    const { value, why, todo } = found;
    const passed = value === null ? null : value <= limit!;
    return { rule, value, limit, passed, applicable: true, why, todo: passed === true ? null : todo };
  });
}

/** Rules whose limit while watched is passed. */
export function tripped(evidence: Evidence, settings: RuleSettings): GateResult[] {
  const { rules } = rulesInForce(settings);
  return RULE_NAMES.flatMap((rule) => {
    const { watch } = rules[rule];
    const found = watch === null ? none('not watched') : find(rule, evidence, settings);
    if ('none' in found || found.value === null || found.value <= watch!) return [];
    return [
      { rule, value: found.value, limit: watch, passed: false, applicable: true, why: found.why, todo: found.todo },
    ];
  });
}

const SETTLE = 'or set the limit otherwise for this model, or approve it with a reason';

function find(rule: RuleName, evidence: Evidence, settings: RuleSettings): Found {
  if (RULES[rule].needsActive && evidence.active === null)
    return none('not applicable: no other version is active to compare with');
  switch (rule) {
    case 'fit-findings': {
      const { finding, unvalued } = evidence;
      const besides = unvalued === null ? '' : `; but ${unvalued}`;
      return {
        value: finding ? 1 : 0,
        why: `${finding ? `${finding.code}: ${finding.message}` : 'nothing was found that speaks against it'}${besides}`,
        todo: 'mend what was found (it says how), or approve it with a reason',
      };
    }
    case 'taken-back':
      return {
        value: evidence.tripped,
        why: `the program took it back ${evidence.tripped} times`,
        todo: 'find out why (its history says what was passed), then approve it with a reason',
      };
    case 'calibration-slope':
      return slope(evidence);
    case 'brier-without-skill':
      return skill(evidence);
    case 'brier-worse':
      return worse(evidence, settings, 'brier-worse', 'brier', 'Brier score', 1);
    case 'calibration-error-worse':
      return worse(evidence, settings, 'calibration-error-worse', 'ece', 'expected calibration error', 1);
    case 'discrimination-worse':
      return evidence.kind === 'churn-cox' && evidence.evaluation === null
        ? worse(evidence, settings, rule, 'concordance', 'concordance', -1)
        : worse(evidence, settings, rule, 'auc', 'AUC', -1);
    case 'profit-lower':
      return profit(evidence, settings);
    case 'shadow-minutes':
    case 'shadow-scores':
      return missing(rule, evidence, settings);
    default:
      return compared(rule, evidence);
  }
}

/** A classifier brings figures of its own; any other version has them once it was evaluated. */
const hasLabels = ({ kind, evaluation }: Evidence): boolean => kind === 'churn-logistic' || evaluation !== null;
const judgedOn = ({ evaluation }: Evidence): string =>
  evaluation === null ? 'each on its own held-out customers' : `on the same customers (evaluation ${evaluation.job})`;
const noLabels = ({ kind }: Evidence): Found =>
  none(
    kind === 'churn-cox'
      ? 'not applicable: a survival model is judged by its concordance, or by an evaluation beside the active version'
      : 'not applicable: a model of purchases has no held-out labels; its fit is judged by what was found (fit-findings), or by an evaluation beside the active version',
  );
const unknown = (what: string, { outside, active }: Evidence): Found => ({
  value: null,
  ...(outside
    ? {
        why: `${what} is not known here: the version was made outside, and nobody can tell what its figures were judged on`,
        todo: active
          ? 'train a version here (axiom47 train), or approve it with a reason'
          : 'see what it is worth (axiom47 evaluate --model ID), then approve it with a reason; or train a version here (axiom47 train)',
      }
    : {
        why: `${what} is not known: the version brings no figures of held-out customers`,
        todo: active
          ? 'evaluate it beside the active version (axiom47 evaluate), or approve it with a reason'
          : 'see what it is worth (axiom47 evaluate --model ID), then approve it with a reason',
      }),
});

/** The standard error is that of the judged customers alone; the fit and its calibration, made on as many again, vary about as much: 3 for 2. */
const SLOPE_ERRORS = 3;

function slope(evidence: Evidence): Found {
  if (!hasLabels(evidence)) return noLabels(evidence);
  const { calibrationSlope, calibrationSlopeSe } = evidence.own;
  if (calibrationSlope === null) return unknown('the calibration slope', evidence);
  const distance = Math.abs(calibrationSlope - 1);
  const turned = calibrationSlope <= 0;
  const error = `slope ${digits(calibrationSlope)}, standard error ${calibrationSlopeSe === null ? 'unknown' : digits(calibrationSlopeSe)}`;
  return {
    // An uncertain slope is no excuse for scores that rise while fewer leave.
    value: turned ? distance : Math.max(0, distance - SLOPE_ERRORS * (calibrationSlopeSe ?? 0)),
    why: turned ? `${error}: who scores higher leaves no more often, on the customers it was judged on` : error,
    todo: turned
      ? 'train it on more customers who left, or with features that say something, or approve it with a reason'
      : `calibrate it on more customers, ${SETTLE}`,
  };
}

function skill(evidence: Evidence): Found {
  if (!hasLabels(evidence)) return noLabels(evidence);
  const { brier, prevalence } = evidence.own;
  if (brier === null) return unknown('the Brier score', evidence);
  if (prevalence === null) return none('not applicable: the rate of the judged customers is not known');
  const naive = prevalence * (1 - prevalence);
  if (naive <= 0) return none('not applicable: all customers it was judged on did the same');
  return {
    value: Math.min(brier / naive, Number.MAX_VALUE),
    why: `Brier score ${digits(brier)}, of the rate ${digits(prevalence)} said of everybody ${digits(naive)}`,
    todo: `train it on more customers, or with features that say something, ${SETTLE}`,
  };
}

/** @param sign 1: lower is better; −1: higher. */
function worse(
  evidence: Evidence,
  settings: RuleSettings,
  rule: RuleName,
  name: 'brier' | 'ece' | 'auc' | 'concordance',
  said: string,
  sign: 1 | -1,
): Found {
  if (!(hasLabels(evidence) || name === 'concordance')) return noLabels(evidence);
  const [own, other] = [evidence.own[name], evidence.active!.metrics[name]];
  if (own === null) return unknown(`the ${said}`, evidence);
  if (other === null) return none(`not applicable: nothing is known of the ${said} of ${evidence.active!.id}`);
  const error = name === 'concordance' ? null : (evidence.evaluation?.errors[name] ?? null);
  const chance = byChance(evidence, error, (metrics) => errorOf(metrics, name));
  // On the same customers chance alone gives two scores other calibration errors, the sharper one the larger: what is beyond it is compared.
  const bias = name === 'ece' && chance.paired ? biasOf(evidence.own) - biasOf(evidence.active!.metrics) : 0;
  const beyond =
    bias === 0
      ? ''
      : `, of which chance gives ${digits(biasOf(evidence.own))} and ${digits(biasOf(evidence.active!.metrics))}`;
  const why = `${said} ${digits(own)}, of ${evidence.active!.id} ${digits(other)}${beyond}, ${judgedOn(evidence)}${allowed(chance)}`;
  return counted(evidence, sign * (own - other - bias), chance, rulesInForce(settings).rules[rule].limit ?? 0, {
    why,
    todo: `train it on more, or newer, data, ${SETTLE}`,
  });
}

/**
 * What chance explains counts nothing, what it does not explain counts whole. Of two judged on the same customers whose difference has no paired error
 * here, the errors of each alone are too wide to excuse one beyond the limit: that is not known.
 */
function counted(
  { evaluation }: Evidence,
  worse: number,
  { most, paired }: Chance,
  limit: number,
  { why, todo, again }: { why: string; todo: string; again?: string },
): { value: number | null; why: string; todo: string } {
  if (worse > most) return { value: worse, why, todo };
  if (evaluation !== null && !paired && worse > limit)
    return {
      value: null,
      why: `${why}; whether chance explains it is not known, as the evaluation has no paired error of it`,
      todo: again ?? `evaluate both anew, on more customers where there are, ${SETTLE}`,
    };
  return { value: 0, why, todo };
}

/** Only the ratio of cost and benefit says who is reached. Null: it was told of another. */
function profitError({ evaluation }: Evidence, { cost, benefit }: RulesInForce['offer']): number | null {
  const told = evaluation?.errors.profit ?? null;
  if (told === null || Math.abs(told.cost * benefit - cost * told.benefit) > 1e-9 * cost * told.benefit) return null;
  return (told.error * benefit) / told.benefit;
}

/** What a difference may be by chance. */
interface Chance {
  most: number;
  /** By the standard error of the difference itself. */
  paired: boolean;
  /** What to ask for where each was judged on its own customers; null: both were judged on the same. */
  command: string | null;
}

/**
 * By two standard errors of the difference, which on the same customers a paired bootstrap tells; where it does not, those of each alone together are at
 * least as much (their errors on the same customers go together). Judged apart by three, as two divisions of the customers make two fits besides.
 */
function byChance(
  { id, own, active, evaluation }: Evidence,
  paired: number | null,
  error: (metrics: VersionMetrics) => number,
): Chance {
  const most = (evaluation === null ? 3 : 2) * (paired ?? Math.hypot(error(own), error(active!.metrics)));
  const command = evaluation === null ? `axiom47 evaluate --model ${id} --model ${active!.id}` : null;
  return { most, paired: paired !== null, command };
}
const biasOf = ({ eceByChance }: VersionMetrics): number => eceByChance ?? 0;
const allowed = ({ most, command }: Chance): string =>
  `${most > 0 ? `; a difference up to ${digits(most)} is taken for chance` : ''}${command === null ? '' : ` (told more exactly on the same customers: ${command})`}`;
/**
 * Standard error; of the Brier score its upper bound √(B(1 − B)/n), as squared errors lie in [0, 1]; of the calibration error what chance alone gives.
 * 0 where it is not known.
 */
function errorOf(metrics: VersionMetrics, name: 'brier' | 'ece' | 'auc' | 'concordance'): number {
  const { n, brier, aucSe, eceByChance } = metrics;
  if (name === 'auc') return aucSe ?? 0;
  if (name === 'ece') return (eceByChance ?? 0) / 2;
  return name === 'brier' && brier !== null && n ? Math.sqrt((brier * (1 - brier)) / n) : 0;
}

/**
 * Per customer, with the offer made to everybody whose probability is at least cost / benefit (the cut a calibrated score asks for).
 *
 * @returns null where it cannot be told: no ROC curve, or none of its points lies at the cut.
 */
export function profitOf({ roc, prevalence }: VersionMetrics, { cost, benefit }: { cost: number; benefit: number }) {
  if (roc === null || prevalence === null) return null;
  const cut = cost / benefit;
  const reached = roc.findLast(({ threshold }) => threshold === null || threshold >= cut);
  if (!reached) return null;
  const { truePositiveRate, falsePositiveRate } = reached;
  const events = prevalence * truePositiveRate;
  return benefit * events - cost * (events + (1 - prevalence) * falsePositiveRate);
}

function profit(evidence: Evidence, settings: RuleSettings): Found {
  if (!hasLabels(evidence)) return noLabels(evidence);
  const { offer, rules } = rulesInForce(settings);
  // At one prevalence: a base with more to lose is no merit of a model.
  const { prevalence } = evidence.own;
  const own = profitOf(evidence.own, offer);
  const other = profitOf({ ...evidence.active!.metrics, prevalence }, offer);
  if (own === null) return unknown('the profit', evidence);
  if (other === null) return none(`not applicable: nothing is known of the profit of ${evidence.active!.id}`);
  // An event reached or missed is worth the benefit, and at most `prevalence` of the customers are one.
  const p = prevalence ?? 0;
  const chance = byChance(evidence, profitError(evidence, offer), ({ n }) =>
    n ? offer.benefit * Math.sqrt((p * (1 - p)) / n) : 0,
  );
  const why = `${digits(own)} a customer, of ${evidence.active!.id} ${digits(other)}, at a cost of ${offer.cost} for a benefit of ${offer.benefit}, ${judgedOn(evidence)}${allowed(chance)}`;
  const todo = `say what an offer costs and brings (offer), train it on more data, ${SETTLE}`;
  const limit = rules['profit-lower'].limit ?? 0;
  const again = `evaluate both by this offer (axiom47 evaluate --model ${evidence.id} --model ${evidence.active!.id} --offer-cost ${offer.cost} --offer-benefit ${offer.benefit}), ${SETTLE}`;
  const lost = counted(evidence, other - own, chance, limit * Math.max(0, other), { why, todo, again });
  if (lost.value === null || lost.value === 0) return lost;
  return { ...lost, value: other > 0 ? lost.value / other : 1 };
}

function missing(rule: 'shadow-minutes' | 'shadow-scores', { shadow }: Evidence, settings: RuleSettings): Found {
  const { least } = rulesInForce(settings);
  const [wanted, had, unit] =
    rule === 'shadow-minutes' ? [least.minutes, shadow.minutes, 'minutes'] : [least.scores, shadow.scores, 'scores'];
  if (wanted === 0) return none(`not applicable: no ${unit} in shadow are asked for`);
  return {
    value: Math.max(0, wanted - had),
    why: `${digits(had)} of ${wanted} ${unit}`,
    todo: 'leave it in shadow (axiom47 model shadow ID) until it has been scored long enough',
  };
}

/**
 * |ln(candidate / active)|: too little counts as much as too much. A share of the active mean cannot say that: who is worth nothing any more differs by 1
 * at most. Nothing of both is no difference; nothing of one of them is as large as can be.
 */
function levelOf({ active, candidate }: Shift['mean']): number {
  if (active === candidate) return 0;
  return active > 0 && candidate > 0
    ? Math.min(Math.abs(Math.log(candidate) - Math.log(active)), Number.MAX_VALUE)
    : Number.MAX_VALUE;
}
const timesOf = ({ active, candidate }: Shift['mean']): string =>
  active > 0 && Number.isFinite(candidate / active)
    ? `in total ${digits(candidate / active)} times as much`
    : 'in total as different as can be';

function compared(rule: RuleName, { comparison, unmeasured, active }: Evidence): Found {
  if (comparison === null)
    return { value: null, why: unmeasured, todo: 'ask again; if it stays so, the log of the server says why' };
  const { customers, compared: n, churn, value, refused, broken, micros } = comparison;
  const shown = `on ${customers} customers`;
  const todo = `look at the comparison, ${SETTLE}`;
  if (customers === 0) return none('not applicable: there are no customers yet');
  const nobody = `not applicable: nobody is answered by both versions (${refused.active} are refused by the active one, ${refused.candidate} by this)`;
  switch (rule) {
    case 'scoring-time':
      return { value: micros.candidate, why: `${digits(micros.candidate)} µs a score ${shown}`, todo };
    case 'broken-scores':
      return { value: broken.candidate, why: `${broken.candidate} scores ${shown} failed or are no number`, todo };
    case 'refused-more':
      if (customers === refused.active + broken.active)
        return none('not applicable: the active version answers nobody');
      return {
        value: refused.more / (customers - refused.active - broken.active),
        why: `${refused.more} of ${customers - refused.active - broken.active} that ${active!.id} answers`,
        todo,
      };
    case 'score-difference':
    case 'score-shift':
    case 'value-difference':
    case 'value-level':
    case 'value-shift': {
      const ofValue = rule.startsWith('value');
      if (ofValue && value === null) return none('not applicable: one of the versions says no lifetime value');
      const shift = ofValue ? value : churn;
      if (shift === null) return none(nobody);
      const { mean, meanAbsoluteDifference, psi, psiFloor } = shift;
      // Of values as a share of their mean; where that is 0 any difference is as large as can be.
      const apart = ofValue ? meanAbsoluteDifference / Math.max(mean.active, Number.MIN_VALUE) : meanAbsoluteDifference;
      const means = `mean ${digits(mean.active)} → ${digits(mean.candidate)}, on ${n} customers`;
      if (rule === 'value-level') {
        return { value: levelOf(mean), why: `${timesOf(mean)}; ${means}`, todo };
      }
      if (rule.endsWith('difference'))
        return { value: Math.min(apart, Number.MAX_VALUE), why: `${digits(apart)} apart; ${means}`, todo };
      // Scores of customers who did the same are equal: a whole decile steps over its edge with the smallest change.
      return {
        value: apart < (ofValue ? 0.1 : 0.05) ? 0 : Math.max(0, psi - psiFloor),
        why: `PSI ${digits(psi)}, of which chance gives up to ${digits(psiFloor)}, at ${digits(apart)} apart; ${means}`,
        todo,
      };
    }
    case 'rank-disagreement':
      if (churn === null) return none(nobody);
      if (n < LEAST_RANKED) return none(`not applicable: ${n} customers rank by chance, ${LEAST_RANKED} are needed`);
      if (churn.rankCorrelation === null) return none('not applicable: one of the versions says the same of everybody');
      return {
        value: 1 - churn.rankCorrelation,
        why: `rank correlation ${digits(churn.rankCorrelation)} on ${n} customers`,
        todo,
      };
    default:
      if (churn === null) return none(nobody);
      return {
        value: churn.bandChanged,
        why: `${Math.round(churn.bandChanged * n)} of ${n} customers in another band`,
        todo,
      };
  }
}
