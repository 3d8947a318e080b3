// Fits from the log: statistics from the fold (now) or a refold (then), the fit in the pool, the artefact, the registry, the barrier.
import type { FitRequest } from '#api/deps.ts';
import { models } from '#domain/models/catalogue.ts';
import type { Pool } from '#processors/pool.ts';
import type { ClvTraining, ClvTrainingData } from '#processors/training/fit-clv.ts';
import { canonicalJson } from './artefacts.ts';
import type { Registry } from './registry.ts';

export interface TrainingDeps {
  /** Statistics of all customers up to a local day: at the end of the log, or as it stood at `seq`. */
  statistics(
    asOf: FitRequest['asOf'],
  ): Promise<{ data: ClvTrainingData; seq: number; day: number; at: number; firstDay: number | null }>;
  pool: Pool;
  registry: Registry;
  /** ISO 4217 of the money in the statistics. */
  currency: () => string;
  codeVersion: string;
}

type Answer = Record<string, unknown>;

export function createTraining(deps: TrainingDeps) {
  async function fitValue(request: FitRequest): Promise<Answer> {
    const { data, seq, day, at, firstDay } = await deps.statistics(request.asOf);
    const fitted = await deps.pool.fitClv(data, 'week');
    const asOf = { seq, day };
    if (!fitted.ok) return { ok: false, model: 'clv', message: fitted.reason, asOf };
    const { model, fits, checks, diagnostics, refused, customers } = fitted.value;
    const answer = { ...model, n: customers, diagnostics, checks, refused, fits: partsOf(fits), asOf };
    if (request.asOf !== null || !request.deploy) return { ok: true, ...answer };
    const artefact = JSON.parse(
      canonicalJson({
        ...model,
        currency: deps.currency(),
        fits: partsOf(fits),
        diagnostics,
        checks,
        refused,
        customers,
        window: { seq, fromDay: firstDay, toDay: day },
        code: deps.codeVersion,
      }),
    );
    const window = { seq, at, fromDay: firstDay, toDay: day };
    const registered = await deps.registry.register(model, artefact, window, request.by);
    const { id, version, digest } = registered;
    // Kept, not served: whoever knows better puts it in force by hand.
    if (refused !== null) return { ok: true, ...answer, id, version, digest, deployed: false };
    const deployed = await deps.registry.deploy(id, request.by);
    if (!deployed.ok) throw new Error(`${id} was fitted but cannot be put in force: ${deployed.reason}`);
    return { ok: true, ...answer, id, version, digest, deployed: true };
  }

  async function fitPart(kind: Exclude<FitRequest['kind'], 'clv'>, request: FitRequest): Promise<Answer> {
    const { data, seq, day } = await deps.statistics(request.asOf);
    const result =
      kind === 'gamma-gamma' ? models[kind].fit(data.spend, 'week') : await deps.pool.fitPurchases(kind, data, 'week');
    return { ...result, ...(result.ok ? {} : { converged: false }), asOf: { seq, day } };
  }

  return (request: FitRequest): Promise<Answer> =>
    request.kind === 'clv' ? fitValue(request) : fitPart(request.kind, request);
}

const partsOf = (fits: ClvTraining['fits']): Record<string, unknown> => JSON.parse(JSON.stringify(fits));
