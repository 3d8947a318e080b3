// What there is to know of one version of the registry, in one shape for every kind: parameters, how it was judged when it was made, what it reads,
// which part of the log it learned from. All of it is read from the artefact; nothing is computed that the artefact does not say.
import { z } from '@hono/zod-openapi';
import type { ChurnDefinition } from '#domain/churn-definition.ts';
import { dateOf } from '#domain/models/cutoffs.ts';
import type { ModelSummary } from './model-deps.ts';

const Number_ = z.number().nullable();
const Part = z.object({ n: z.number(), lost: z.number() });
const Finding = z.object({ code: z.string(), message: z.string() });

export const ModelFacts = z.object({
  id: z.string(),
  name: z.string(),
  version: z.number(),
  kind: z.string(),
  digest: z.string().describe('SHA-256 of the artefact'),
  created_at: z.string(),
  deployed_seq: Number_,
  in_force: z.boolean(),
  definition: z.record(z.string(), z.unknown()).nullable(),
  horizon_days: Number_,
  parameters: z.array(z.object({ name: z.string(), value: Number_, standard_error: Number_ })),
  metrics: z
    .record(z.string(), Number_)
    .describe('On rows it had not seen; of clv on the history it was fitted to and a held-out quarter'),
  calibration: z.object({ method: z.string(), slope: Number_, intercept: Number_ }).nullable(),
  features: z.array(z.object({ name: z.string(), version: Number_ })),
  feature_set: z.object({ name: z.string(), version: z.number() }).nullable(),
  window: z.object({ seq: Number_, events: Number_, from: z.string().nullable(), to: z.string().nullable() }),
  cutoffs: z.array(z.string()),
  rows: z.object({ train: Part, calibrate: Part, test: Part }).nullable(),
  seed: Number_,
  code: z.string().nullable().describe('Version of the program that made it'),
  without: z.array(z.string()),
  diagnostics: z.array(Finding),
  refused: Finding.nullable(),
});
export type ModelFacts = z.infer<typeof ModelFacts>;

type Artefact = Record<string, unknown>;
type Numbers = Record<string, number | null | undefined>;
const objectOf = (value: unknown): Artefact => (typeof value === 'object' && value !== null ? (value as Artefact) : {});
const listOf = <T>(value: unknown): T[] => (Array.isArray(value) ? (value as T[]) : []);
const numberOf = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;
const dayOf = (value: unknown): string | null => (typeof value === 'number' ? dateOf(value) : null);

/** `name@version` taken apart. */
export function splitId(id: string): { name: string; version: number } {
  const at = id.lastIndexOf('@');
  return { name: id.slice(0, at), version: Number(id.slice(at + 1)) };
}

export function factsOf(summary: ModelSummary, artefact: Artefact): ModelFacts {
  const definition = (artefact.definition as ChurnDefinition | undefined) ?? null;
  const window = objectOf(artefact.window);
  const seen = summary.window ?? null;
  const set = artefact.featureSet as { name: string; version: number } | undefined;
  const metrics = metricsOf(artefact);
  const calibration = objectOf(objectOf(artefact.logistic).calibration);
  return {
    id: summary.id,
    name: splitId(summary.id).name,
    version: summary.version,
    kind: summary.kind,
    digest: summary.digest,
    created_at: new Date(summary.createdAt).toISOString(),
    deployed_seq: summary.deployedSeq,
    in_force: summary.inForce,
    definition: definition && { ...definition },
    horizon_days: definition?.horizonDays ?? null,
    parameters: parametersOf(artefact),
    metrics,
    calibration:
      typeof calibration.method === 'string'
        ? {
            method: calibration.method,
            slope: metrics.calibration_slope ?? null,
            intercept: metrics.calibration_intercept ?? null,
          }
        : null,
    features: featuresOf(artefact),
    feature_set: set ? { name: set.name, version: set.version } : null,
    window: {
      seq: seen?.seq ?? numberOf(window.seq),
      events: numberOf(window.events),
      from: dayOf(seen?.fromDay ?? window.fromDay),
      to: dayOf(seen?.toDay ?? window.toDay),
    },
    cutoffs: listOf<number>(artefact.cutoffs).map(dateOf),
    rows: (artefact.rows as ModelFacts['rows'] | undefined) ?? null,
    seed: numberOf(artefact.seed),
    code: typeof artefact.code === 'string' ? artefact.code : null,
    without: listOf<string>(artefact.without),
    diagnostics: listOf<{ code: string; message: string }>(artefact.diagnostics),
    refused: (artefact.refused as ModelFacts['refused'] | undefined) ?? null,
  };
}

const CHURN_METRICS = {
  auc: 'auc',
  auc_lower: 'aucLower',
  auc_upper: 'aucUpper',
  average_precision: 'averagePrecision',
  lift_top_decile: 'liftTopDecile',
  brier: 'brier',
  brier_skill: 'brierSkill',
  log_loss: 'logLoss',
  calibration_slope: 'calibrationSlope',
  calibration_intercept: 'calibrationIntercept',
  ece: 'ece',
  prevalence: 'prevalence',
} as const;

function metricsOf(artefact: Artefact): Record<string, number | null> {
  const told: Numbers = {};
  const metrics = objectOf(artefact.metrics);
  if (Object.keys(metrics).length > 0)
    for (const [name, field] of Object.entries(CHURN_METRICS)) told[name] = numberOf(metrics[field]);
  const naive = objectOf(artefact.naive);
  if (numberOf(naive.brier) !== null) told.naive_brier = numberOf(naive.brier);
  if (numberOf(artefact.concordance) !== null) told.concordance = numberOf(artefact.concordance);
  const checks = objectOf(artefact.checks);
  if (Object.keys(checks).length > 0) {
    told.tracking_error = numberOf(objectOf(checks.tracking).error);
    told.holdout_error = numberOf(objectOf(checks.holdout).error);
    told.holdout_naive_error = numberOf(objectOf(checks.holdout).naiveError);
    told.log_likelihood = numberOf(servedFit(artefact).logLikelihood);
  }
  return Object.fromEntries(Object.entries(told).map(([name, value]) => [name, value ?? null]));
}

const PURCHASES = ['bgNbd', 'mbgNbd', 'paretoNbd'] as const;
const servedFit = (artefact: Artefact): Artefact => {
  const served = PURCHASES.find((name) => artefact[name] !== undefined);
  return served === undefined ? {} : objectOf(objectOf(artefact.fits)[served]);
};

function parametersOf(artefact: Artefact): ModelFacts['parameters'] {
  const { logistic, cox } = artefact;
  if (logistic || cox) {
    const { coefficients, intercept } = objectOf(logistic ?? cox);
    const effects = listOf<{ name: string; coef: number | null }>(coefficients).map(({ name, coef }) => ({
      name,
      value: coef,
      standard_error: null,
    }));
    return typeof intercept === 'number'
      ? [{ name: '(intercept)', value: intercept, standard_error: null }, ...effects]
      : effects;
  }
  const fits = objectOf(artefact.fits);
  return [...PURCHASES, 'gammaGamma'].flatMap((part) => {
    const given = artefact[part];
    if (typeof given !== 'object' || given === null) return [];
    // A file may hold the parameters bare, or a fit with its standard errors.
    const params = objectOf(objectOf(given).params ?? given);
    const errors = objectOf(objectOf(given).standardErrors ?? objectOf(fits[part]).standardErrors);
    return Object.entries(params).map(([name, value]) => ({
      name: `${part}.${name}`,
      value: numberOf(value),
      standard_error: numberOf(errors[name]),
    }));
  });
}

/** What it reads, each at the version it pins; attributes of the customers have none. */
function featuresOf(artefact: Artefact): ModelFacts['features'] {
  const encoding = listOf<{ column: string }>(objectOf(artefact.logistic).encoding ?? artefact.encoding);
  const pinned = new Map(
    listOf<string>(artefact.features).map((each) => {
      const { name, version } = splitId(each);
      return [name, version];
    }),
  );
  return encoding.map(({ column }) => ({
    name: column,
    version: pinned.get(column) ?? (column.startsWith('attribute:') ? null : 1),
  }));
}
