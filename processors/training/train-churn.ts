// Fits churn models from point-in-time rows. The classifier learns from earlier cut-offs and some customers, is calibrated on others and judged
// on others again, at the last cut-off: nobody who is judged was seen, and nothing later than what is judged was.
import type { ChurnDefinition } from '#domain/churn-definition.ts';
import { FEATURE_SET } from '#domain/churn-features.ts';
import { calibrate } from '#domain/models/calibration.ts';
import { chooseCalibration } from '#domain/models/calibration-choice.ts';
import { type ChurnCox, type ChurnLogistic, pinsOf } from '#domain/models/churn-model.ts';
import { encodeFeatures, learnEncoding } from '#domain/models/feature-encoding.ts';
import type { Diagnostic } from '#domain/models/fit.ts';
import { groupCode, makeFolds } from '#domain/models/folds.ts';
import { fitLogistic, type LogisticColumns, predictLogOdds } from '#domain/models/logistic.ts';
import { crossValidate, type ValidatedLambda } from '#domain/models/logistic-path.ts';
import { type ScoreMetrics, scoreMetrics } from '#domain/models/metrics.ts';
import { fit as fitCox } from '#domain/models/survival/cox.ts';
import { rankCorrelation } from '#domain/numerics/rank-correlation.ts';
import { type Result, refuse } from '#domain/result.ts';
import { type ChurnRows, type SurvivalRows, tableOf } from './churn-rows.ts';
import { ownPair, samePairs } from './collinearity.ts';
import { type Refusal, refusal } from './refusal.ts';

export const PARTS = ['train', 'calibrate', 'test'] as const;
type Part = (typeof PARTS)[number];

export interface ChurnTraining<Model> {
  model: Model;
  rows: Record<Part, { n: number; lost: number }>;
  /** Local days of the cut-offs, ascending. */
  cutoffs: number[];
  /** Of the calibrated score, on the rows of `test`. Null for Cox. */
  metrics: ScoreMetrics | null;
  /** Of the same rows: everybody gets the rate of the training rows. */
  naive: { rate: number; brier: number } | null;
  concordance: number | null;
  /** Strength of the penalty, chosen by cross-validation. Null for Cox. */
  lambda: number | null;
  /** What cross-validation said of each strength that was tried; empty where there was none. */
  path: Pick<ValidatedLambda, 'lambda' | 'loss' | 'standardError' | 'nonzero'>[];
  diagnostics: Diagnostic[];
}

export interface TrainOptions {
  /** Of who learns, calibrates and judges. */
  seed?: number;
  /** Columns the model must not know. */
  without?: readonly string[];
  /** Version of the features the rows are made of. */
  features?: number;
  /** Share done, and with what it goes on. */
  report?: (share: number, note: string) => void;
}

/** Fewer of either outcome teach nothing that would hold. */
export const LEAST = 25;
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** Which rule of `partOf` divided the customers a classifier was trained on; its artefact says so. Another rule is another number. */
export const DIVISION = 2;

/**
 * 60 % train, 20 % calibrate, 20 % test, by the random bits of the sid as a place on a circle. The fifth that judges is the same for every seed, so that
 * all versions can be compared on all of it; a seed turns the other four by so many golden ratios, which lie far apart (Weyl), so that other customers
 * calibrate.
 */
export const partOf = (sid: string, seed = 0): Part => {
  const place = Number.parseInt(sid.slice(8, 16), 16) / 2 ** 32;
  if (place >= 0.8) return 'test';
  return (place / 0.8 + seed * GOLDEN) % 1 < 0.75 ? 'train' : 'calibrate';
};

/** Which part each row is of, null for none: with several cut-offs the model never sees the last one, on which it is judged. */
export function divide({ customer, day, label }: ChurnRows, seed = 0) {
  const cutoffs = [...new Set(day)].sort((a, b) => a - b);
  const last = cutoffs.at(-1);
  const parts = customer.map((sid, i): Part | null => {
    const part = partOf(sid, seed);
    if (part === 'train') return cutoffs.length === 1 || day[i] !== last ? part : null;
    return day[i] === last ? part : null;
  });
  const counts = Object.fromEntries(
    PARTS.map((part) => {
      const of = label.filter((_, i) => parts[i] === part);
      return [part, { n: of.length, lost: of.reduce((sum, each) => sum + each, 0) }];
    }),
  ) as Record<Part, { n: number; lost: number }>;
  return { cutoffs, parts, counts };
}

export function trainLogistic(
  definition: ChurnDefinition,
  rows: ChurnRows,
  { seed = 0, without = [], features = FEATURE_SET.version, report = () => undefined }: TrainOptions = {},
): Result<ChurnTraining<ChurnLogistic>, Refusal> {
  const { cutoffs, parts, counts } = divide(rows, seed);
  if (cutoffs.length === 0)
    return refusal(
      'too-little-data',
      'no customer was eligible, as far as was known then, at any cut-off whose labels have settled; events sent live are known from their arrival on, those of an imported file from when they happened',
    );
  for (const part of PARTS) {
    const { n, lost } = counts[part];
    const kept = n - lost;
    if (lost >= LEAST && kept >= LEAST) continue;
    const missing = [lost < LEAST ? `${LEAST - lost} lost` : '', kept < LEAST ? `${LEAST - kept} kept` : ''];
    return refusal(
      n > 0 && (lost === 0 || kept === 0) ? 'one-class' : 'too-little-data',
      `the ${part} rows hold ${lost} lost and ${kept} kept customers; at least ${LEAST} of each are needed, ${missing.filter(Boolean).join(' and ')} are missing: more customers, more cut-offs, or ${otherHorizon(definition, lost < kept)}`,
    );
  }
  const isTrain = (i: number) => parts[i] === 'train';
  const { table, left } = tableOf(rows.features);
  left.push(...withoutUnknown(table, isTrain));
  const pairs = takeOut(table, left, without);
  const own = ownPair(pairs);
  if (own) return refusal('collinearity', sayPair(own));
  const encoding = learnEncoding(table, [...table.keys()], { learnFrom: isTrain, missingIndicator: true });
  const encoded = encodeFeatures(table, encoding);
  const label = Float64Array.from(rows.label);
  const pick = (column: Float64Array, part: Part) => column.filter((_, i) => parts[i] === part);
  const data = {
    names: encoded.names,
    features: encoded.features.map((column) => pick(column, 'train')),
    label: pick(label, 'train'),
  };
  // Another seed also draws other folds.
  const codes = Float64Array.from(rows.customer, (sid) => (groupCode(sid) ^ Math.imul(seed, 0x9e37_79b1)) >>> 0);
  const times = Float64Array.from(rows.day);
  report(0.1, 'choosing the penalty by cross-validation');
  const chosen = chooseLambda(data, pick(codes, 'train'), pick(times, 'train'), definition.horizonDays);
  report(0.8, 'fitting');
  const fitted = fitLogistic(data, { penalty: 'l2', lambda: chosen.lambda });
  if (!fitted.ok) return refusal(fitted.reason, fitted.message);
  if (fitted.diagnostics.some(({ code }) => code === 'separation'))
    return refusal('separation', saySeparated(fitted.coefficients));
  report(0.9, 'calibrating and judging');
  const logOdds = predictLogOdds(fitted, encoded.features, label.length);
  const calibration = chooseCalibration(
    { label: pick(label, 'calibrate'), score: pick(logOdds, 'calibrate') },
    pick(codes, 'calibrate'),
  );
  if (!calibration.ok) return refusal('too-little-data', `calibration: ${calibration.reason}`);
  const testLabel = pick(label, 'test');
  const metrics = scoreMetrics({
    label: testLabel,
    score: calibrate(calibration.value.calibration, pick(logOdds, 'test')),
  });
  const rate = counts.train.lost / counts.train.n;
  const brier = testLabel.reduce((sum, y) => sum + (y - rate) ** 2, 0) / testLabel.length;
  const { intercept, coefficients } = fitted;
  return {
    ok: true,
    value: {
      model: {
        model: 'churn-logistic',
        definition,
        featureSet: { name: FEATURE_SET.name, version: features },
        features: pinsOf(features, encoding),
        logistic: { model: 'logistic', encoding, intercept, coefficients, calibration: calibration.value.calibration },
      },
      rows: counts,
      cutoffs,
      metrics,
      naive: { rate, brier },
      concordance: null,
      lambda: chosen.lambda,
      path: chosen.path,
      diagnostics: [...leftOut(left), ...chosen.diagnostics, ...fitted.diagnostics],
    },
  };
}

/** Over a longer horizon more buyers come back, and more subscribers leave. */
function otherHorizon({ kind, horizonDays }: ChurnDefinition, fewLost: boolean): string {
  const longer = (kind === 'contractual') === fewLost;
  const days = longer ? 2 * horizonDays : Math.ceil(horizonDays / 2);
  return `a ${longer ? 'longer' : 'shorter'} horizon (axiom47 churn define ${kind} --horizon ${days}d)`;
}

/** Takes out what is known of nobody the model learns from: there would be nothing to put in where it is missing. */
function withoutUnknown(
  table: Map<string, readonly string[] | Float64Array>,
  isTrain: (row: number) => boolean,
): { column: string; why: string }[] {
  return [...table].flatMap(([column, values]) => {
    if (!(values instanceof Float64Array) || values.some((value, i) => !Number.isNaN(value) && isTrain(i))) return [];
    table.delete(column);
    return [{ column, why: 'not known of anybody it learns from' }];
  });
}

const FOLDS = 5;
const LAMBDAS = 20;

/**
 * λ of the least loss on folds that keep customers apart and, with several cut-offs, the future out; 1/n where the rows are too few for folds.
 */
function chooseLambda(
  data: LogisticColumns,
  group: Float64Array,
  time: Float64Array,
  horizonDays: number,
): Pick<ChurnTraining<never>, 'path' | 'diagnostics'> & { lambda: number } {
  const rows = data.label.length;
  const inTime = new Set(time).size > 2 ? makeFolds({ rows, group, time }, FOLDS, horizonDays) : refuse('one moment');
  const folds = inTime.ok ? inTime : makeFolds({ rows, group }, FOLDS);
  const validated = folds.ok ? crossValidate(data, { penalty: 'l2', count: LAMBDAS }, folds.value) : folds;
  if (validated.ok) {
    const { best, path, diagnostics } = validated.value;
    const told = path.map(({ lambda, loss, standardError, nonzero }) => ({ lambda, loss, standardError, nonzero }));
    return { lambda: best, path: told, diagnostics };
  }
  return {
    lambda: 1 / rows,
    path: [],
    diagnostics: [{ code: 'lambda-not-validated', message: `the penalty is 1/rows: ${validated.reason}` }],
  };
}

/** A Cox model of subscriptions, time in days since the subscription began. */
export function trainCox(
  definition: ChurnDefinition,
  rows: SurvivalRows,
  day: number,
  { without = [], features: version = FEATURE_SET.version, report = () => undefined }: Omit<TrainOptions, 'seed'> = {},
): Result<ChurnTraining<ChurnCox>, Refusal> {
  const events = rows.eventObserved.reduce((sum, each) => sum + each, 0);
  if (events < LEAST)
    return refusal(
      'too-little-data',
      `${events} subscriptions have ended; at least ${LEAST} are needed, ${LEAST - events} more`,
    );
  const followUpDays = rows.duration.reduce((most, each) => Math.max(most, each), 0);
  const watchedDays = rows.duration.reduce((most, each, i) => Math.max(most, each - rows.entry[i]!), 0);
  if (followUpDays < definition.horizonDays)
    return refusal(
      'horizon-too-long',
      `a horizon of ${definition.horizonDays} days is longer than any subscription was observed: ${followUpDays} days at most`,
    );
  const { table, left } = tableOf(rows.features);
  const pairs = takeOut(table, left, without);
  const own = ownPair(pairs);
  if (own) return refusal('collinearity', sayPair(own));
  const told = withoutTime(table, Float64Array.from(rows.duration));
  left.push(...told);
  if (table.size === 0)
    return refusal(
      'too-little-data',
      'nothing is known of subscriptions that would tell them apart: import attributes, plans or prices',
    );
  const encoding = learnEncoding(table, [...table.keys()]);
  const { names, features } = encodeFeatures(table, encoding);
  report(0.1, 'fitting');
  const fitted = fitCox({
    duration: Float64Array.from(rows.duration),
    entry: Float64Array.from(rows.entry),
    eventObserved: rows.eventObserved,
    covariates: names.map((name, j) => ({ name, values: features[j]! })),
  });
  if (!fitted.ok) return refusal(fitted.reason === 'no-events' ? 'one-class' : 'no-convergence', fitted.message);
  if (!fitted.converged) {
    const said = fitted.diagnostics.map(({ message }) => message).join('; ');
    const plain = names.reduce((text, name) => text.replaceAll(name, columnOf(name)), said);
    return refusal(
      'separation',
      `${plain}: either it knows the outcome (leave it out: name it in without), or too few of its kind have ended: group its values, or wait for more data`,
    );
  }
  const { coefficients, means, baseline, concordance, diagnostics } = fitted;
  const nothing = { n: 0, lost: 0 };
  return {
    ok: true,
    value: {
      model: {
        model: 'churn-cox',
        definition,
        featureSet: { name: FEATURE_SET.name, version },
        features: pinsOf(version, encoding),
        encoding,
        cox: { coefficients: coefficients.map(({ name, coef }) => ({ name, coef })), means, baseline },
        followUpDays,
        watchedDays,
      },
      rows: { train: { n: rows.duration.length, lost: events }, calibrate: nothing, test: nothing },
      cutoffs: [day],
      metrics: null,
      naive: null,
      concordance,
      lambda: null,
      path: [],
      diagnostics: [...leftOut(left), ...diagnostics],
    },
  };
}

/** A number that ranks subscriptions as their length does was not fixed at the start: it counts time (a sum of payments, a number of logins). */
const MOVES_WITH_TIME = 0.7;

/** Takes such columns out of the table and says so: what is only known at the end would foretell it. */
function withoutTime(
  table: Map<string, readonly string[] | Float64Array>,
  duration: Float64Array,
): { column: string; why: string }[] {
  return [...table].flatMap(([column, values]) => {
    if (!(values instanceof Float64Array)) return [];
    const known = values.map((value) => (Number.isNaN(value) ? 0 : 1));
    const of = (column: Float64Array) => column.filter((_, i) => known[i] === 1);
    const rho = rankCorrelation(of(values), of(duration));
    if (rho === null || !(Math.abs(rho) > MOVES_WITH_TIME)) return [];
    table.delete(column);
    return [{ column, why: `moves with the time under contract, rank correlation ${rho.toFixed(2)}` }];
  });
}

/** Takes out what must not be known and, of the product's own features, what repeats an earlier column. @returns all pairs that say the same. */
function takeOut(
  table: Map<string, readonly string[] | Float64Array>,
  left: { column: string; why: string }[],
  without: readonly string[],
): [string, string][] {
  for (const column of without) if (table.delete(column)) left.push({ column, why: 'asked for' });
  const pairs = samePairs(table);
  const own = ownPair(pairs);
  for (const pair of own ? [] : pairs) {
    const [column, twin] = pair;
    // Of a feature and an attribute the feature stays.
    table.delete(column);
    left.push({ column, why: `says the same as ${twin}` });
  }
  return pairs;
}

const sayPair = ([column, twin]: [string, string]): string =>
  `${twin} and ${column} say exactly the same, so neither has an effect of its own; leave one out (without: ${column})`;

/** An encoded column without its level: refusals are kept in the log, and a level may be somebody's. */
const columnOf = (name: string): string => name.split('=')[0]!;

function saySeparated(coefficients: readonly { name: string; standardised: number }[]): string {
  const strongest = [...coefficients].sort((a, b) => Math.abs(b.standardised) - Math.abs(a.standardised)).slice(0, 3);
  const names = [...new Set(strongest.map(({ name }) => columnOf(name)))];
  return `the features tell who was lost from who stayed without a single error, foremost ${names.join(', ')}: either one of them knows the outcome (leave it out: name it in without), or there are more columns than the rows can bear`;
}

const leftOut = (left: { column: string; why: string }[]): Diagnostic[] =>
  left.length === 0
    ? []
    : [
        {
          code: 'features-left-out',
          message: `left out: ${left.map(({ column, why }) => `${column} (${why})`).join(', ')}`,
        },
      ];
