// What the gates read of a version besides the comparison: figures and findings of its artefact, and the evaluations that judged it beside another.
import type { Jobs } from '#api/deps.ts';
import { judges } from '#api/model-compare.ts';
import type { Evidence, VersionMetrics } from '#domain/deployment-gates.ts';
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

export function findingOf({ refused }: Record<string, unknown>): Evidence['finding'] {
  const { code, message } = (refused ?? {}) as { code?: unknown; message?: unknown };
  return typeof code === 'string' ? { code, message: String(message ?? '') } : null;
}

/** What says something of the versions themselves; a refit is another model, and nobody knows what a version from outside has seen. */
const OF_THE_VERSION: readonly unknown[] = ['realised', 'held-out'] satisfies Basis[];

/**
 * Figures of churn from the newest evaluation that judged all of these, in their order, on one honest basis; null: there is none. One whose result
 * cannot be read is none, and is told.
 */
export async function evaluatedTogether(
  jobs: Pick<Jobs, 'list' | 'result'>,
  ids: readonly string[],
  log: { warn(fields: object, message: string): void },
): Promise<{ job: string; metrics: readonly Record<string, unknown>[] } | null> {
  for (const job of jobs.list()) {
    if (!judges(job, ids) || (job.params.question ?? 'churn') !== 'churn') continue;
    try {
      const { question, models } = (await jobs.result(job.id)) as {
        question: string;
        models: { id: string; basis: string; metrics?: Record<string, unknown> }[];
      };
      const found = ids.map((id) => models.find((each) => each.id === id));
      const [basis] = found.map((each) => each?.basis);
      const metrics = found.flatMap((each) => (each?.metrics ? [each.metrics] : []));
      const honest = OF_THE_VERSION.includes(basis) && found.every((each) => each?.basis === basis);
      if (question === 'churn' && honest && metrics.length === ids.length) return { job: job.id, metrics };
    } catch (error) {
      log.warn({ job: job.id, error: String(error) }, 'the result of an evaluation cannot be read');
    }
  }
  return null;
}
