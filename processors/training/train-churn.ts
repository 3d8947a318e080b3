// Fits churn models from point-in-time rows. The classifier learns from earlier cut-offs and some customers, is calibrated on others and judged
// on others again, at the last cut-off: nobody who is judged was seen, and nothing later than what is judged was.
import type { ChurnDefinition } from '#domain/churn-definition.ts';
import { FEATURE_SET } from '#domain/churn-features.ts';
import { calibrate, fitPlatt } from '#domain/models/calibration.ts';
import type { ChurnCox, ChurnLogistic } from '#domain/models/churn-model.ts';
import { encodeFeatures, learnEncoding } from '#domain/models/feature-encoding.ts';
import type { Diagnostic } from '#domain/models/fit.ts';
import { fitLogistic, predictLogOdds } from '#domain/models/logistic.ts';
import { type ScoreMetrics, scoreMetrics } from '#domain/models/metrics.ts';
import { fit as fitCox } from '#domain/models/survival/cox.ts';
import { type Result, refuse } from '#domain/result.ts';
import { type ChurnRows, type SurvivalRows, tableOf } from './churn-rows.ts';

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
  diagnostics: Diagnostic[];
}

/** Fewer of either outcome teach nothing that would hold. */
const LEAST = 25;

/** The same customer always falls into the same part: 60 % train, 20 % calibrate, 20 % test, by the random bits of the sid. */
export const partOf = (sid: string): Part => {
  const share = Number.parseInt(sid.slice(8, 16), 16) / 2 ** 32;
  return share < 0.6 ? 'train' : share < 0.8 ? 'calibrate' : 'test';
};

export function trainLogistic(
  definition: ChurnDefinition,
  rows: ChurnRows,
): Result<ChurnTraining<ChurnLogistic>, string> {
  const cutoffs = [...new Set(rows.day)].sort((a, b) => a - b);
  const last = cutoffs.at(-1);
  if (last === undefined) return refuse('no customer was eligible at any cut-off whose labels have settled');
  // With several cut-offs the model never sees the last one, on which it is judged.
  const parts = rows.customer.map((sid, i): Part | null => {
    const part = partOf(sid);
    if (part === 'train') return cutoffs.length === 1 || rows.day[i] !== last ? part : null;
    return rows.day[i] === last ? part : null;
  });
  const counts = Object.fromEntries(
    PARTS.map((part) => {
      const of = rows.label.filter((_, i) => parts[i] === part);
      return [part, { n: of.length, lost: of.reduce((sum, label) => sum + label, 0) }];
    }),
  ) as Record<Part, { n: number; lost: number }>;
  for (const part of PARTS) {
    const { n, lost } = counts[part];
    if (lost < LEAST || n - lost < LEAST)
      return refuse(
        `the ${part} rows hold ${lost} lost and ${n - lost} kept customers; at least ${LEAST} of each are needed: more customers, more cut-offs, or another horizon`,
      );
  }
  const { table, left } = tableOf(rows.features);
  const isTrain = (i: number) => parts[i] === 'train';
  const encoding = learnEncoding(table, [...table.keys()], { learnFrom: isTrain, missingIndicator: true });
  const encoded = encodeFeatures(table, encoding);
  const label = Float64Array.from(rows.label);
  const pick = (column: Float64Array, part: Part) => column.filter((_, i) => parts[i] === part);
  const fitted = fitLogistic(
    {
      names: encoded.names,
      features: encoded.features.map((column) => pick(column, 'train')),
      label: pick(label, 'train'),
    },
    { penalty: 'l2', lambda: 1 / counts.train.n },
  );
  if (!fitted.ok) return refuse(fitted.message);
  const logOdds = predictLogOdds(fitted, encoded.features, label.length);
  const platt = fitPlatt({ label: pick(label, 'calibrate'), score: pick(logOdds, 'calibrate') });
  if (!platt.ok) return refuse(`calibration: ${platt.reason}`);
  const testLabel = pick(label, 'test');
  const metrics = scoreMetrics({ label: testLabel, score: calibrate(platt.value, pick(logOdds, 'test')) });
  const rate = counts.train.lost / counts.train.n;
  const brier = testLabel.reduce((sum, y) => sum + (y - rate) ** 2, 0) / testLabel.length;
  const { intercept, coefficients } = fitted;
  return {
    ok: true,
    value: {
      model: {
        model: 'churn-logistic',
        definition,
        featureSet: { ...FEATURE_SET },
        logistic: { model: 'logistic', encoding, intercept, coefficients, calibration: platt.value },
      },
      rows: counts,
      cutoffs,
      metrics,
      naive: { rate, brier },
      concordance: null,
      diagnostics: [...leftOut(left), ...fitted.diagnostics],
    },
  };
}

/** A Cox model of subscriptions, time in days since the subscription began. */
export function trainCox(
  definition: ChurnDefinition,
  rows: SurvivalRows,
  day: number,
): Result<ChurnTraining<ChurnCox>, string> {
  const events = rows.eventObserved.reduce((sum, each) => sum + each, 0);
  if (events < LEAST) return refuse(`${events} subscriptions have ended; at least ${LEAST} are needed`);
  const { table, left } = tableOf(rows.features);
  if (table.size === 0)
    return refuse('nothing is known of subscriptions that would tell them apart: import attributes, plans or prices');
  const encoding = learnEncoding(table, [...table.keys()]);
  const { names, features } = encodeFeatures(table, encoding);
  const fitted = fitCox({
    duration: Float64Array.from(rows.duration),
    eventObserved: rows.eventObserved,
    covariates: names.map((name, j) => ({ name, values: features[j]! })),
  });
  if (!fitted.ok) return refuse(fitted.message);
  if (!fitted.converged) return refuse(fitted.diagnostics.map(({ message }) => message).join('; '));
  const { coefficients, means, baseline, concordance, diagnostics } = fitted;
  const nothing = { n: 0, lost: 0 };
  return {
    ok: true,
    value: {
      model: {
        model: 'churn-cox',
        definition,
        featureSet: { ...FEATURE_SET },
        encoding,
        cox: { coefficients: coefficients.map(({ name, coef }) => ({ name, coef })), means, baseline },
        followUpDays: rows.duration.reduce((most, each) => Math.max(most, each), 0),
      },
      rows: { train: { n: rows.duration.length, lost: events }, calibrate: nothing, test: nothing },
      cutoffs: [day],
      metrics: null,
      naive: null,
      concordance,
      diagnostics: [...leftOut(left), ...diagnostics],
    },
  };
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
