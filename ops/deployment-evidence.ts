// What the gates read of a version besides the comparison: figures and findings of its artefact, and the evaluations that judged it beside another.
import type { Jobs } from '#api/job-deps.ts';
import { judges, type Pair } from '#api/model-compare.ts';
import type { Evidence, PairedErrors, VersionMetrics } from '#domain/deployment-gates.ts';
import { type ClvModel, unvalued } from '#domain/models/clv-model.ts';
import { Z95 } from '#domain/models/ranking-metrics.ts';
import type { Basis } from '#processors/evaluation/plan.ts';

const numberOf = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;

/** As a training writes them into the artefact (domain/models/metrics.ts). */
export function metricsOf(artefact: Record<string, unknown>): VersionMetrics {
  const found = (artefact.metrics ?? {}) as Record<string, unknown>;
  return {
    calibrationSlope: numberOf(found.calibrationSlope),
    calibrationSlopeSe: numberOf(found.calibrationSlopeSe),
    brier: numberOf(found.brier),
    ece: numberOf(found.ece),
    eceByChance: numberOf(found.eceByChance),
    auc: numberOf(found.auc),
    aucSe: numberOf(found.aucSe),
    n: numberOf(found.n),
    concordance: numberOf(artefact.concordance),
    prevalence: numberOf(found.prevalence),
    roc: Array.isArray(found.roc) ? (found.roc as VersionMetrics['roc']) : null,
  };
}

/** Of a model of purchases; any other promises no value. */
export const unvaluedOf = (kind: string, artefact: Record<string, unknown>): string | null =>
  kind === 'clv' ? unvalued(artefact as Pick<ClvModel, 'gammaGamma'>) : null;

export function findingOf({ refused }: Record<string, unknown>): Evidence['finding'] {
  const { code, message } = (refused ?? {}) as { code?: unknown; message?: unknown };
  return typeof code === 'string' ? { code, message: String(message ?? '') } : null;
}

/** What says something of the versions themselves; a refit is another model, and nobody knows what a version from outside has seen. */
const OF_THE_VERSION: readonly unknown[] = ['realised', 'held-out'] satisfies Basis[];

/** What the gates take from an evaluation of churn. */
export interface EvaluatedTogether {
  job: string;
  /** In the order asked for. */
  metrics: readonly VersionMetrics[];
  errors: PairedErrors;
}

interface Told {
  question: string;
  models: { id: string; basis: string; metrics: VersionMetrics | null }[];
  pairs: Pair[];
}

/**
 * Figures of churn from the newest evaluation that judged all of these on one honest basis; null: there is none. One whose result cannot be read is
 * none, and is told. A result never changes, so each is read once.
 */
export function createEvaluatedTogether(
  jobs: Pick<Jobs, 'list' | 'result'>,
  log: { warn(fields: object, message: string): void },
): (ids: readonly string[]) => Promise<EvaluatedTogether | null> {
  const read = new Map<string, Told>();
  async function resultOf(job: string): Promise<Told> {
    const known = read.get(job);
    if (known) return known;
    const { question, models, pairs } = (await jobs.result(job)) as {
      question: string;
      models: { id: string; basis: string; metrics?: Record<string, unknown> }[];
      pairs?: Pair[];
    };
    const told: Told = {
      question,
      models: models.map(({ id, basis, metrics }) => ({ id, basis, metrics: metrics ? metricsOf({ metrics }) : null })),
      pairs: pairs ?? [],
    };
    read.set(job, told);
    return told;
  }

  return async (ids) => {
    for (const job of jobs.list()) {
      if (!judges(job, ids) || (job.params.question ?? 'churn') !== 'churn') continue;
      try {
        const { question, models, pairs } = await resultOf(job.id);
        const found = ids.map((id) => models.find((each) => each.id === id));
        const [basis] = found.map((each) => each?.basis);
        const metrics = found.flatMap((each) => (each?.metrics ? [each.metrics] : []));
        const honest = OF_THE_VERSION.includes(basis) && found.every((each) => each?.basis === basis);
        if (question === 'churn' && honest && metrics.length === ids.length)
          return { job: job.id, metrics, errors: errorsOf(pairs, ids) };
      } catch (error) {
        log.warn({ job: job.id, error: String(error) }, 'the result of an evaluation cannot be read');
      }
    }
    return null;
  };
}

function errorsOf(all: readonly Pair[], ids: readonly string[]): PairedErrors {
  const pairs = all.filter(({ first, second }) => ids.includes(first) && ids.includes(second));
  const offer = pairs.find(({ metric }) => metric === 'profit')?.offer;
  const profit = errorOf(pairs, 'profit');
  return {
    auc: errorOf(pairs, 'auc'),
    brier: errorOf(pairs, 'brier'),
    ece: errorOf(pairs, 'eceBeyondChance'),
    profit: offer && profit !== null ? { ...offer, error: profit } : null,
  };
}

/** Of the difference; of an evaluation by an earlier program, which did not tell it: half the width of the interval, in standard errors of a normal. */
function errorOf(pairs: readonly Pair[], wanted: string): number | null {
  const value = pairs.find(({ metric }) => metric === wanted)?.value;
  return value ? (value.standardError ?? (value.upper - value.lower) / (2 * Z95)) : null;
}
